//! The prompt, what the next line is for; and the last words, what is left undone.

use super::account::Question;
use super::destination::Destination;
use super::view::{View, notice};
use super::{App, Input};
use crate::texts::{Phrase, words};

impl App {
    /// Returns the prompt: the destination of the next line, or the question that it answers.
    pub fn prompt(&self) -> String {
        let away = if self.is_away() { format!("{} ", words::AWAY) } else { String::new() };
        match (&self.input, &self.destination) {
            (Input::Leaving, _) => String::new(),
            (Input::Continued(_), _) => "... ".to_owned(),
            (Input::Secret(Question::Old), _) => Phrase::OldPassword.to_string(),
            (Input::Secret(Question::New { .. }), _) => Phrase::NewPassword.to_string(),
            (Input::Secret(Question::Again { .. }), _) => Phrase::PasswordAgain.to_string(),
            (_, Destination::Undecided | Destination::Nowhere) => format!("{away}> "),
            (_, Destination::Conversation(target)) => format!("{away}{target}> "),
            (_, Destination::Direct(peer)) => format!("{away}{}", Phrase::DirectPrompt { peer }),
        }
    }

    /// Reports the messages that are left for the next start, or may be lost.
    pub fn last_words(&self) -> Vec<View> {
        let waiting = self.state.outbox().len();
        let lost = self.chats.lost.len() + self.chats.unconfirmed();
        let left = (waiting > 0).then(|| notice(Phrase::LeftForNextTime { count: &waiting }));
        let unsure = (lost > 0).then(|| notice(Phrase::DirectLost { count: &lost }));
        left.into_iter().chain(unsure).collect()
    }
}
