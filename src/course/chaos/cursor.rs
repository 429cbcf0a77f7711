//! The words of a rule, taken one by one, and errors that point at one of them.

use std::fmt;

/// The reason why a text is not a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleError {
    rule: String,
    /// Number of the word, from 1; after the last one: the end of the rule.
    word: usize,
    /// Place of the word in characters, and its length.
    at: usize,
    length: usize,
    why: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, word, at, length, why } = self;
        writeln!(f, "word {word}: {why}")?;
        writeln!(f, "  {rule}")?;
        write!(f, "  {:at$}{}", "", "^".repeat(*length))
    }
}

pub(super) struct Cursor<'a> {
    text: &'a str,
    /// Each word with its place in characters.
    words: Vec<(usize, &'a str)>,
    next: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut at = 0;
        for piece in text.split_inclusive(char::is_whitespace) {
            words.extend(Some((at, piece.trim_end())).filter(|(_, word)| !word.is_empty()));
            at += piece.chars().count();
        }
        Self { text: text.trim_end(), words, next: 0 }
    }

    /// Returns the next word without a comma after it.
    pub fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(|(_, word)| word.trim_end_matches(','))
    }

    pub fn next_word(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.next += 1;
        word
    }

    /// Goes after the last word: an error is one of the end of the rule.
    pub fn go_to_end(&mut self) {
        self.next = self.words.len() + 1;
    }

    pub fn skip(&mut self, fillers: &[&str]) {
        while self.peek().is_some_and(|word| fillers.contains(&word)) {
            self.next += 1;
        }
    }

    /// Makes the error of the word that was taken last.
    pub fn error(&self, why: impl Into<String>) -> RuleError {
        let index = self.next.saturating_sub(1);
        let (at, length) = match self.words.get(index) {
            Some((at, word)) => (*at, word.chars().count()),
            None => (self.text.chars().count() + 1, 1),
        };
        RuleError { rule: self.text.to_owned(), word: index + 1, at, length, why: why.into() }
    }
}
