//! The documents: the sessions in the README look as shown, and the examples do what they say.

#[path = "../support/mod.rs"]
mod support;

mod contributing;
mod examples;
mod readme;
mod security;
mod tour;
