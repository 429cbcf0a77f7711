//! Completes the history: the conversations of which the server has messages that are not here, since another program of
//! the user has taken or sent them, are found by a comparison and fetched in the background, page by page.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::App;
use super::view::{damaged, notice};
use crate::client::link::request::Request;
use crate::client::state::Missing;
use crate::client::state::row::Gap;
use crate::limits;
use crate::model::{Message, Seq, Target};
use crate::protocol::{Chat, HistoryRecord};
use crate::texts::Phrase;

/// Fetched messages between two lines about the progress.
const COMPLETION_PROGRESS: usize = 2_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Idle,
    /// The comparison is due.
    Due,
    /// The sender has a request.
    Asked,
    /// The next page is due.
    Fetching,
}

/// The progress of a comparison, and of what it has found.
#[derive(Debug, Default)]
pub struct Completion {
    mode: Mode,
    /// This session has begun a comparison, and another one is wanted.
    begun: bool,
    wanted: bool,
    /// The server has refused the last request for now: the next one waits until then.
    retry: Option<Instant>,
    /// The session before has not received all events: states may have changed unseen.
    pub states_missed: bool,
    /// The conversations to complete, the first of which is being fetched.
    missing: VecDeque<Missing>,
    /// The number below which its next page is.
    before: Option<Seq>,
    /// Messages of it that come with a poll.
    newer: u64,
    /// Messages of it that were taken back, on the pages so far.
    erased: u64,
    /// The gap that stays with the server, once the pages are read for messages alone that were taken back.
    rest: Option<Gap>,
    /// Messages of it that were added, and of all conversations.
    added: usize,
    total: usize,
    /// The bytes that may still be fetched.
    space: usize,
    /// Many conversations lack messages: they are not reported one by one.
    many: bool,
}

impl Completion {
    pub fn note_login(&mut self, states_missed: bool) {
        self.states_missed |= states_missed;
        self.begun = false;
        // The answer to one that is under way may be from before the login: what was read elsewhere since then is not in it.
        self.wanted |= self.mode != Mode::Idle;
    }

    /// Notes that the server has another store: what the last comparison has found is of the one before.
    pub fn note_other_store(&mut self) {
        *self = Self { retry: self.retry, states_missed: self.states_missed, ..Self::default() };
    }

    /// Notes that an event tells of missing messages.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Notes that no events are pending on the server, and makes a comparison due if one is wanted.
    pub fn note_caught_up(&mut self) {
        if self.mode == Mode::Idle && (self.wanted || !self.begun) {
            (self.mode, self.begun, self.wanted) = (Mode::Due, true, false);
        }
    }

    /// Checks that the sender has a request of this comparison.
    pub fn is_asked(&self) -> bool {
        self.mode == Mode::Asked
    }

    /// Returns the context at which a request is due that has to wait.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.retry.filter(|retry| *retry > now)
    }

    /// Returns the next request, if one is due.
    pub fn next_request(&mut self, now: Instant) -> Option<Request> {
        if self.deadline(now).is_some() {
            return None;
        }
        let request = match (self.mode, self.missing.front()) {
            (Mode::Due, _) => Request::Compare,
            (Mode::Fetching, Some(first)) => Request::Fetch(first.target.clone(), self.before),
            _ => return None,
        };
        self.mode = Mode::Asked;
        Some(request)
    }

    /// Makes the last request due again: it had no answer, or was refused for now.
    pub fn retry_later(&mut self, now: Instant) {
        self.retry = Some(now + limits::MIN_RETRY_DELAY);
        self.mode = if self.missing.is_empty() { Mode::Due } else { Mode::Fetching };
    }
}

impl App {
    /// Compares the server's conversations with the history.
    pub(super) fn compare(&mut self, chats: &[Chat]) {
        self.dispatcher.compare_reads(chats);
        let states_missed = std::mem::take(&mut self.completion.states_missed);
        let taken = self.state.position().max(self.polling.acknowledged);
        let missing = VecDeque::from(self.state.compare(chats, states_missed, taken));
        if let Some(unkept) = chats.iter().find(|chat| chat.count > 0 && !self.state.has_room_for(&chat.target)) {
            self.report_unkept(&unkept.target);
        }
        let many = missing.len() > limits::COMPLETION_LINES;
        let mode = if missing.is_empty() { Mode::Idle } else { Mode::Fetching };
        let wanted = self.completion.wanted;
        let space = limits::COMPLETION_BYTES;
        self.completion = Completion { mode, begun: true, wanted, many, missing, space, ..Completion::default() };
    }

    /// The server has refused a comparison, or a page: the user has left the room.
    pub(super) fn skip_missing(&mut self) {
        self.completion.missing.pop_front();
        self.begin_next();
    }

    /// Adds a page of the conversation that is being completed to the history.
    pub(super) fn complete(&mut self, page: &[HistoryRecord]) {
        let Some(missing) = self.completion.missing.front().cloned() else { return self.begin_next() };
        if !self.state.has_room_for(&missing.target) {
            self.report_unkept(&missing.target);
            return self.skip_missing();
        }
        let oldest = page.first().map(|record| record.numbers().0);
        // A server that does not go back would be asked for ever.
        if self.completion.before.is_some_and(|before| oldest.is_some_and(|oldest| oldest >= before)) {
            return self.skip_missing();
        }
        for (state, moved) in self.state.take_states(&missing, page) {
            self.handle_moved(state, &moved);
        }
        let is_at_earlier_store = self.state.reaches_earlier_store(&missing, page);
        let added = if self.completion.rest.is_none() { self.state.add_missed(&missing, page) } else { Vec::new() };
        self.state.note_erased_of(page);
        let is_newer = |record: &&HistoryRecord| record.message().is_some_and(|message| message.seq > missing.taken);
        let is_erased = |message: &&Arc<Message>| message.text.is_erased();
        self.completion.erased += page.iter().filter_map(HistoryRecord::message).filter(is_erased).count() as u64;
        self.completion.newer += page.iter().filter(is_newer).count() as u64;
        let bytes = |message: &Arc<Message>| message.text.as_str().len() + limits::ROW_BYTES;
        self.completion.space = self.completion.space.saturating_sub(added.iter().map(bytes).sum());
        self.completion.added += added.len();
        let is_wanted = self.completion.rest.is_none();
        for (first, last) in page.iter().filter(|record| record.message().is_none()).map(HistoryRecord::numbers) {
            if is_wanted && last > missing.above {
                self.show(damaged(&missing.target, first.max(missing.above.next()), last));
            }
        }
        self.report_progress(added.len());
        self.go_on(&missing, oldest, is_at_earlier_store);
    }

    /// Asks for the page below the `oldest` message of the last one, or ends the conversation.
    fn go_on(&mut self, missing: &Missing, oldest: Option<Seq>, is_at_earlier_store: bool) {
        // Those that were taken back may be further down, also among the messages of an earlier store.
        let seeks = missing.seeks_erased && self.completion.erased < missing.erased;
        let down_to = if seeks { Seq::ZERO } else { missing.down_to };
        let is_here = is_at_earlier_store || oldest.is_some_and(|oldest| oldest <= missing.down_to.next());
        match oldest.filter(|oldest| *oldest > down_to.next() && (seeks || !is_at_earlier_store)) {
            None => self.end_conversation(missing),
            Some(oldest) if is_here || self.completion.rest.is_some() => self.fetch_below(oldest),
            // A history that is new here begins with the last messages.
            Some(oldest) if self.completion.space == 0 || missing.is_new() && self.is_enough() => {
                let first = missing.above.next();
                self.completion.rest =
                    (oldest > first).then(|| Gap { target: missing.target.clone(), first, last: oldest.before() });
                if seeks && self.completion.rest.is_some() {
                    self.fetch_below(oldest);
                } else {
                    self.end_conversation(missing);
                }
            }
            Some(oldest) => self.fetch_below(oldest),
        }
    }

    fn fetch_below(&mut self, oldest: Seq) {
        self.completion.before = Some(oldest);
        self.completion.mode = Mode::Fetching;
    }

    /// Says that a conversation is not kept: of the first one alone, since a server can name any number of them.
    pub(super) fn report_unkept(&mut self, target: &Target) {
        if !std::mem::replace(&mut self.told_unkept, true) {
            self.problem(Phrase::ConversationsFull { target, most: &limits::CONVERSATIONS });
        }
    }

    /// Adds a page of a gap that the user wants to see.
    pub(super) fn fill(&mut self, gap: &Gap, page: &[HistoryRecord]) {
        if self.state.fill_gap(gap, page) == 0 {
            self.show(notice(Phrase::NothingThere));
        }
    }

    fn is_enough(&self) -> bool {
        self.completion.added >= limits::NEW_CONVERSATION_ROWS
    }

    fn report_progress(&mut self, added: usize) {
        let before = self.completion.total;
        let after = self.completion.total + added;
        self.completion.total = after;
        if before / COMPLETION_PROGRESS < after / COMPLETION_PROGRESS {
            self.show(notice(Phrase::Completing { count: &after }));
        }
    }

    fn end_conversation(&mut self, missing: &Missing) {
        let rest = self.completion.rest.take();
        let target = &missing.target;
        let count = std::mem::take(&mut self.completion.added);
        if count > 0 && !self.completion.many {
            self.show(notice(Phrase::CaughtUp { count: &count, target }));
        }
        if let (Some(gap), false) = (&rest, self.completion.many) {
            self.show(notice(Phrase::Gap { max: &gap.max_messages(), target }));
        }
        self.state.note_complete(missing, rest, self.completion.newer);
        self.completion.missing.pop_front();
        self.begin_next();
    }

    fn begin_next(&mut self) {
        (self.completion.before, self.completion.newer, self.completion.added) = (None, 0, 0);
        (self.completion.erased, self.completion.rest) = (0, None);
        self.completion.mode = if self.completion.missing.is_empty() { Mode::Idle } else { Mode::Fetching };
        if self.completion.missing.is_empty() && self.completion.many && self.completion.total > 0 {
            self.show(notice(Phrase::Completed { count: &self.completion.total }));
        }
    }
}
