//! The page in Chromium, driven through DevTools as a person would use it. Without Chromium these tests are skipped.

mod background;
pub mod browser;
mod chatting;
mod conditions;
mod database;
mod devtools;
mod dialogs;
mod drafts;
mod durable;
mod full_disk;
mod hostile_text;
mod killed;
mod loading;
mod logging_out;
mod looks;
mod many_messages;
pub mod messenger;
mod notifications;
pub mod page;
mod pictures;
mod reading;
mod texts;
mod upgrade;
mod wire;
