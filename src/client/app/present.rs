//! The questions of a front end: what an app is doing at present, what the next line is for, and what is left undone.

use std::time::Instant;

use super::account::Question;
use super::destination::Destination;
use super::view::{View, notice};
use super::{App, Input, Server};
use crate::model::{Message, Target};
use crate::texts::{Phrase, words};

impl App {
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Returns the messages to a user that were said in direct chats, and that the user's client has not confirmed. `true`:
    /// the chat was closed before that.
    pub fn unconfirmed_in(&self, target: &Target) -> impl Iterator<Item = (&Message, bool)> {
        let lost = self.chats.lost.iter().map(|message| (message.as_ref(), true));
        let open = self.chats.open.iter().flat_map(|chat| &chat.unconfirmed);
        let open = open.map(|(message, _)| (message.as_ref(), false));
        lost.chain(open).filter(move |(message, _)| message.to == *target)
    }

    /// Returns the conversation of a line without a command, if it has one.
    pub fn current(&self) -> Option<Target> {
        self.destination.target()
    }

    /// The server's name, as the user gave it.
    pub fn server_name(&self) -> &str {
        &self.setting.server
    }

    pub fn is_connected(&self) -> bool {
        self.server == Server::Reachable && self.polling.works
    }

    /// Returns the context of the next attempt to connect, if the client waits for it.
    pub fn reconnects_at(&self, now: Instant) -> Option<Instant> {
        self.polling.deadline(now)
    }

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
        let mut views = Vec::new();
        if waiting > 0 {
            views.push(notice(Phrase::LeftForNextTime { count: &waiting }));
        }
        if lost > 0 {
            views.push(notice(Phrase::DirectLost { count: &lost }));
        }
        views
    }
}
