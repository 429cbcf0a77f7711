//! Messages that are taken back: `/erase`, and what tells of those of others.

use super::App;
use super::view::notice;
use crate::client::link::request::{Answer, Request};
use crate::client::state::row::Gap;
use crate::model::{Message, Target, Timestamp, UserName};
use crate::protocol::{Code, Ko};
use crate::texts::{Phrase, words};

impl App {
    /// `/erase`: takes back the user's `n`th last message of the current conversation.
    pub(super) fn erase(&mut self, n: usize) {
        let Some(target) = self.current() else { return self.problem(Phrase::NoChat) };
        let queued = self.state.count_queued(&target);
        if n <= queued {
            return self.problem(Phrase::EraseQueued { target: &target });
        }
        match self.state.nth_last_sent(&target, n - queued) {
            Some(message) => _ = self.ask_server(Request::Erase(message)),
            None => self.problem(Phrase::NothingToErase { target: &target }),
        }
    }

    pub(super) fn handle_erase(&mut self, message: &Message, given: Answer) {
        if let Answer::Refused(ko) = given {
            return self.problem(why_not_erased(&ko));
        }
        let rows = Gap { target: message.to.clone(), first: message.seq, last: message.seq };
        // The event may have come before this answer.
        if let Some(at) = self.state.note_erased(&rows, &message.from) {
            self.report_erased(&rows, &message.from, at);
        }
    }

    /// Says that messages were taken back. On the full screen their rows do.
    pub(super) fn report_erased(&mut self, rows: &Gap, user: &UserName, at: Option<Timestamp>) {
        let is_hidden = self.state.is_ignored(user);
        if self.setting.full_screen || is_hidden {
            return;
        }
        let target = &rows.target;
        let time = at.map(|at| at.local_time_of_day());
        match (target, &time) {
            (Target::Room(room), Some(time)) => self.show(notice(Phrase::ErasedInRoom { time, user, room })),
            (Target::User(_), Some(time)) => self.show(notice(Phrase::ErasedMessage { time, user })),
            (_, None) => self.show(notice(Phrase::ErasedMessages { user, target })),
        }
    }
}

/// Returns what the refusal means.
fn why_not_erased(ko: &Ko) -> String {
    match ko.code {
        Code::Late => Phrase::EraseLate.to_string(),
        // An older server does not know the request.
        Code::Syntax => Phrase::NoErasing.to_string(),
        _ => words::ko(ko),
    }
}
