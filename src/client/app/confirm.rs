//! Texts that are probably not meant as they stand: the app asks before it sends them.

use std::time::Instant;

use super::command::Command;
use super::destination::Destination;
use super::{App, parse};
use crate::limits;
use crate::model::safe::snippet;
use crate::texts::Phrase;

/// The doubts about the next line that the last ones have left.
#[derive(Default)]
pub struct Confirmation {
    /// The word that was asked about: once more, and it is sent.
    asked: Option<String>,
    /// Until then a text was typed for the conversation that did not come about.
    hasty_until: Option<Instant>,
}

impl App {
    /// The lines after a `/p2p` or `/join` that failed are meant for that conversation, and for no other one.
    pub(super) fn refuse_hasty_texts(&mut self) {
        self.confirmation.hasty_until = Some(self.context.now + limits::HASTY);
    }

    /// Checks that a text is better not sent, and says why.
    pub(super) fn needs_confirmation(&mut self, command: &Command) -> bool {
        let asked = self.confirmation.asked.take();
        let Command::Say { to: None, text } = command else {
            if command.chooses_chat() {
                self.confirmation.hasty_until = None;
            }
            return false;
        };
        if self.setting.piped {
            return false;
        }
        // The full screen shows where a text goes.
        let is_hasty = self.confirmation.hasty_until.is_some_and(|until| self.context.now < until);
        if is_hasty && !self.setting.full_screen {
            self.problem(Phrase::TooHasty { text: &snippet(text.as_str()) });
            return true;
        }
        let word = text.as_str().trim().to_lowercase();
        // In a direct chat `exit` is a command.
        let is_direct = matches!(self.destination, Destination::Direct(_));
        let known = parse::command_meant(&word).filter(|_| !is_direct && asked.as_ref() != Some(&word));
        if let Some(known) = known {
            self.problem(Phrase::WordMeant { word: &word, known: &known });
            self.confirmation.asked = Some(word);
        }
        known.is_some()
    }
}
