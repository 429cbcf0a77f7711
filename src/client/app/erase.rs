//! Messages that are taken back: `/erase`, and what tells of those of others.

use super::destination::Destination;
use super::view::notice;
use super::{App, Input};
use crate::client::link::request::{Answer, Request};
use crate::client::state::conversation::LastSaid;
use crate::client::state::row::Gap;
use crate::model::{Message, Target, Timestamp, UserName};
use crate::protocol::{Code, HistoryRecord, Ko};
use crate::texts::{Phrase, words};

impl App {
    /// `/erase`: takes back the `n`th last message of the current conversation that a user has said there, this one or, in a room
    /// of this one's, another. No line is read before the answer: the next one counts without that message.
    pub(super) fn erase(&mut self, user: Option<UserName>, n: usize) {
        let Some(target) = self.current() else { return self.problem(Phrase::NoChat) };
        if matches!(self.destination, Destination::Direct(_)) {
            return self.problem(Phrase::EraseDirect);
        }
        let user = user.unwrap_or_else(|| self.state.me().clone());
        let is_own = user == *self.state.me();
        if !is_own && matches!(target, Target::User(_)) {
            return self.problem(Phrase::EraseOwnOnly);
        }
        let queued = if is_own { self.state.count_queued(&target) } else { 0 };
        if n <= queued {
            return self.problem(Phrase::EraseQueued { target: &target });
        }
        self.erase_said(target, user, n - queued);
    }

    /// Takes back the message that this client shows. A pipe shows none, and its log may be of another store: the server knows.
    fn erase_said(&mut self, target: Target, user: UserName, n: usize) {
        let is_piped = self.setting.piped;
        let said = if is_piped { LastSaid::Unknown } else { self.state.nth_last_said(&target, &user, n) };
        match said {
            LastSaid::Message(message) => self.begin_erasing(Request::Erase(target, message)),
            LastSaid::Directly => self.problem(Phrase::EraseDirect),
            LastSaid::None => self.problem(Phrase::NothingToErase { user: &user, target: &target }),
            LastSaid::Unknown => self.begin_erasing(Request::FindSaid(target, user, n)),
        }
    }

    fn begin_erasing(&mut self, request: Request) {
        if self.ask_server(request) && !self.is_leaving() {
            self.input = Input::Erasing;
        }
    }

    fn end_erasing(&mut self) {
        if matches!(self.input, Input::Erasing) {
            self.input = Input::Line;
        }
    }

    /// Takes back what the server has found.
    pub(super) fn handle_said_found(&mut self, target: &Target, user: &UserName, given: Answer) {
        let found = match given {
            Answer::Rows(rows) => rows.first().and_then(HistoryRecord::message).cloned(),
            Answer::Refused(ko) => return self.handle_not_erased(&why_not_erased(&ko)),
            _ => None,
        };
        match found {
            Some(message) => {
                self.end_erasing();
                self.begin_erasing(Request::Erase(target.clone(), message));
            }
            None => self.handle_not_erased(&Phrase::NothingToErase { user, target }.to_string()),
        }
    }

    pub(super) fn handle_not_erased(&mut self, why: &str) {
        self.end_erasing();
        self.problem(why);
    }

    /// The connection was lost before the answer came.
    pub(super) fn handle_erase_unknown(&mut self, target: &Target, why: &str) {
        self.handle_not_erased(&Phrase::EraseUnknown { target, why: &why }.to_string());
    }

    pub(super) fn handle_erase(&mut self, target: Target, message: &Message, given: Answer) {
        if let Answer::Refused(ko) = given {
            return self.handle_not_erased(&why_not_erased(&ko));
        }
        self.end_erasing();
        let is_other = self.state.has_other(&target, message);
        let rows = Gap { target, first: message.seq, last: message.seq };
        // In the numbers that this client knows another message may be meant.
        let is_new = !is_other && self.state.note_erased(&rows, &message.from).is_some();
        // The event may have come before this answer. A pipe is told of none.
        if is_new || self.setting.piped {
            self.report_erased(&rows, &message.from, Some(message.at));
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
        Code::NoMessage => Phrase::EraseGone.to_string(),
        _ => words::ko(ko),
    }
}
