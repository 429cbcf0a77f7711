//! The texts of the client, and of a few other commands: one table, in three languages.
//!
//! A phrase is a variant with its values, and its three texts stand under each other in `phrase`.
//! One that is missing, or that leaves a value out, does not compile.

pub mod ascii;
mod phrase;
pub mod when;
pub mod words;

use std::fmt;
use std::sync::OnceLock;

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
    /// Sets the language of this program; where none was chosen, that of the environment.
    pub fn set(chosen: Option<Self>) {
        // Only the first word counts, and there is only one: at the start.
        let _ = LANGUAGE.set(chosen.unwrap_or_else(|| Self::of_environment(|name| std::env::var(name).ok())));
    }

    /// As POSIX has it: the first of these that says something.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| variable(name));
        let locale = said.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        match locale.split(['_', '.', '@', '-']).next().unwrap_or_default().to_lowercase().as_str() {
            "es" => Self::Es,
            "pt" => Self::Pt,
            _ => Self::En,
        }
    }

    /// The letter for yes.
    pub fn yes(self) -> &'static str {
        match self {
            Self::En => "y",
            Self::Es | Self::Pt => "s",
        }
    }

    /// Checks that a text is a yes: the word or the letter in English, or the letter in this language.
    pub(crate) fn is_yes(self, typed: &str) -> bool {
        ["y", "yes", self.yes()].contains(&typed.to_lowercase().as_str())
    }

    /// The language that this program speaks.
    pub fn current() -> Self {
        LANGUAGE.get().copied().unwrap_or(Self::En)
    }
}

/// A text without values, in each language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Three {
    en: &'static str,
    es: &'static str,
    pt: &'static str,
}

/// English, Spanish, Portuguese.
pub const fn three(en: &'static str, es: &'static str, pt: &'static str) -> Three {
    Three { en, es, pt }
}

impl fmt::Display for Three {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(Language::current()))
    }
}

impl Three {
    pub fn text(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Es => self.es,
            Language::Pt => self.pt,
        }
    }
}

/// A value in a phrase.
pub type Value<'a> = &'a dyn fmt::Display;
