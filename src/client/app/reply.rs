//! Answers: `/reply`, and those that `/away` gives.

use std::collections::HashSet;

use super::App;
use super::destination::Destination;
use super::view::notice;
use crate::client::state::outgoing::{AUTOMATIC, is_automatic};
use crate::limits;
use crate::model::{Message, Target, Text, UserName};
use crate::texts::Phrase;

/// Most users who are given the answer of `/away`.
const AWAY_ANSWERS: usize = 1_000;

/// The automatic answer, and the users who have had it.
pub struct Away {
    answer: Text,
    answered: HashSet<UserName>,
}

impl App {
    /// `/reply`: answers the user who last wrote to this one alone, or makes that the current conversation.
    pub(super) fn reply(&mut self, text: Option<Text>) {
        let last = self.last_writer.clone().or_else(|| self.state.last_writer());
        match (last, text) {
            (None, _) => self.problem(Phrase::NobodyWrote),
            (Some(user), Some(text)) => self.say(Target::User(user), text),
            (Some(user), None) => self.destination = Destination::Conversation(Target::User(user)),
        }
    }

    /// `/away`: gives or ends the automatic answer.
    pub(super) fn set_away(&mut self, text: Option<Text>) {
        let Some(text) = text else {
            let was_away = self.away.take().is_some();
            return self.show(notice(if was_away { Phrase::AwayEnded } else { Phrase::NotAway }));
        };
        let Some(answer) = Text::new(&format!("{AUTOMATIC}{text}")) else {
            return self.problem(Phrase::NotAText { most: &limits::TEXT_BYTES });
        };
        self.away = Some(Away { answer, answered: HashSet::new() });
        self.show(notice(Phrase::AwayBegun));
    }

    /// Notes a message that was shown: who wrote it may be answered.
    pub(super) fn note_writer(&mut self, message: &Message) {
        let is_alone = message.to == Target::User(self.state.me().clone());
        if is_alone && !self.state.is_mine(message) {
            self.last_writer = Some(message.from.clone());
            self.answer_if_away(message);
        }
    }

    fn answer_if_away(&mut self, message: &Message) {
        let Some(away) = &mut self.away else { return };
        let is_for_answer = !is_automatic(&message.text) && !message.text.is_erased();
        let may_answer = is_for_answer && away.answered.len() < AWAY_ANSWERS;
        if may_answer && away.answered.insert(message.from.clone()) {
            let answer = away.answer.clone();
            self.say(Target::User(message.from.clone()), answer);
        }
    }

    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }
}
