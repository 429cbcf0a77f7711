//! The page in Chromium, driven through DevTools as a person would use it. Without Chromium these tests are skipped.
#![allow(dead_code)]

mod browser;
mod devtools;
mod loading;
mod page;
