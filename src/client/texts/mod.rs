//! What the client says to people: one table, in three languages.
//!
//! A phrase is a variant with its values, and its three texts stand under each other in [`phrase`].
//! One that is missing, or that leaves a value out, does not compile.

mod phrase;
mod three;

use std::fmt;
use std::sync::OnceLock;

pub use three::{Three, three};

pub use phrase::{Phrase, samples};

/// A language of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English
    En,
    /// español
    Es,
    /// português
    Pt,
}

/// The language of this program. It is set once, before anything is said; else it is English.
static LANGUAGE: OnceLock<Language> = OnceLock::new();

impl Language {
    /// The language that this program speaks.
    pub fn current() -> Self {
        LANGUAGE.get().copied().unwrap_or(Self::En)
    }
}

/// A value in a phrase.
pub type Value<'a> = &'a dyn fmt::Display;
