//! A text without values, in each language.

use std::fmt;

use super::Language;

/// The three texts.
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
