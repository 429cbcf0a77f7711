//! The comparison of the history with the server's, and the pages of HISTORY that complete it.

use std::sync::Arc;

use super::conversation::{Complete, Conversation, Moved};
use super::machine::{Change, ClientState};
use super::record::Record;
use super::row::Gap;
use crate::limits;
use crate::model::{Message, Seq, State, Target};
use crate::protocol::{Chat, HistoryRecord};

/// A conversation of which messages are missing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub target: Target,
    /// They are above this number.
    pub above: Seq,
    /// The states of the user's messages may have changed above this one.
    pub down_to: Seq,
    /// The number of the conversation's last message, and the server's count of all.
    pub last: Seq,
    pub count: u64,
    /// The server's count of those that were taken back.
    pub erased: u64,
    /// Another number of them is noted here: the pages are read down to the last of them.
    pub seeks_erased: bool,
    /// The messages of others above this number come with a poll.
    pub taken: Seq,
    /// The number up to which the server calls them read: another program of the user has shown them.
    pub read: Seq,
}

impl Missing {
    /// Checks that the conversation was never compared with the server.
    pub fn is_new(&self) -> bool {
        self.above == Seq::ZERO
    }
}

impl ClientState {
    /// Compares the server's conversations with those here: returns the ones that lack messages, in that order. One that is
    /// complete is noted as such. One with messages of an earlier store lacks all that is not known to be of this one: the
    /// pages of HISTORY show where the earlier store ends ([`ClientState::reaches_earlier_store`]). `states_missed`: those
    /// whose last message of the user may have been read. `taken`: the messages of others above this number come with a poll.
    /// Conversations beyond the limit are left out.
    pub fn compare(&mut self, chats: &[Chat], states_missed: bool, taken: Seq) -> Vec<Missing> {
        let mut missing: Vec<Missing> = Vec::new();
        let mut space = limits::CONVERSATIONS.saturating_sub(self.conversations.len());
        for Chat { target, last, count, read, erased } in chats {
            if !self.knows(target) {
                let Some(left) = space.checked_sub(1) else { continue };
                space = left;
            }
            let target = target.clone();
            let last = *last;
            let count = *count;
            let read = *read;
            let erased = *erased;
            self.mark_seen(&target, read);
            let empty = Conversation::default();
            let here = self.conversations.get(&target).unwrap_or(&empty);
            let above = here.complete.upto;
            let doubtful = if states_missed { here.first_unread_sent() } else { None };
            let seeks_erased = here.complete.erased != Some(erased);
            if doubtful.is_some() || seeks_erased || !here.is_complete(last, count) {
                let down_to = doubtful.map_or(above, |seq| seq.before().min(above));
                missing.push(Missing { target, above, down_to, last, count, erased, seeks_erased, taken, read });
            } else if last > above && last <= taken {
                self.record(Record::Complete(target, Complete { upto: last, count, erased: Some(erased) }));
            }
        }
        missing
    }

    /// Checks that a page of HISTORY is of an earlier store, in which nothing up to there was missing: a restored server has
    /// the same messages before them. A single message proves nothing, since its sender may have sent it again.
    pub fn reaches_earlier_store(&self, missing: &Missing, page: &[HistoryRecord]) -> bool {
        let mut messages = page.iter().filter_map(HistoryRecord::message).peekable();
        let here = self.conversations.get(&missing.target);
        let was_complete = |oldest: &Arc<Message>| here.is_some_and(|here| here.was_complete(oldest.seq));
        missing.is_new()
            && messages.peek().is_some_and(|oldest| was_complete(oldest))
            && messages.all(|message| self.known.is_of_earlier_store(message))
    }

    /// Moves the user's messages to the states that a page of HISTORY reports: the events that told of them came to
    /// another program, or are still to come. To be called before the messages of the page are added.
    pub fn take_states(&mut self, missing: &Missing, page: &[HistoryRecord]) -> Vec<(State, Moved)> {
        let mut all = Vec::new();
        for reached in [State::Read, State::Delivered] {
            let sent = self.missed(missing, page).filter(|(message, state)| *state >= reached && self.is_mine(message));
            let last = sent.map(|(message, _)| message).max_by_key(|message| message.seq);
            let Some(last) = last.filter(|last| self.state_of(last) < reached) else { continue };
            let change =
                self.record(Record::Reached { target: missing.target.clone(), state: reached, upto: last.seq });
            if let Change::Moved(state, moved) = change {
                all.push((state, moved));
            }
        }
        all
    }

    /// Adds the messages of a page of HISTORY that are missing, and returns them.
    pub fn add_missed(&mut self, missing: &Missing, page: &[HistoryRecord]) -> Vec<Arc<Message>> {
        let missed: Vec<_> = self.missed(missing, page).map(|(message, _)| message.clone()).collect();
        let mut added = Vec::new();
        for message in missed {
            if message.seq > missing.above && !self.has_row(&message) && !self.holds(&message) {
                self.record(Record::Missed(message.clone()));
                added.push(message);
            }
        }
        added
    }

    /// Returns the messages of a page that are asked for, with their states, without those that come with a poll, or with
    /// the answer to their SEND.
    fn missed<'a>(
        &'a self,
        missing: &'a Missing,
        page: &'a [HistoryRecord],
    ) -> impl Iterator<Item = (&'a Arc<Message>, State)> {
        let messages = page.iter().filter_map(|record| match record {
            HistoryRecord::Message { message, state } => Some((message, *state)),
            HistoryRecord::Damaged { .. } => None,
        });
        messages.filter(|(message, _)| {
            let is_mine = self.is_mine(message);
            let is_polled = message.seq > missing.taken && (self.own_come || !is_mine);
            let comes = is_polled || is_mine && self.outbox.contains(&message.id);
            !comes && message.seq > missing.down_to
        })
    }

    /// Notes that a conversation is complete, but for the rest that stays with the server, and for messages that are so
    /// new that they come with a poll: the server's count has this many of them.
    pub fn note_complete(&mut self, missing: &Missing, rest: Option<Gap>, newer: u64) {
        if let Some(gap) = rest {
            self.record(Record::Gap(gap));
        }
        let upto = missing.last.min(missing.taken);
        let count = missing.count.saturating_sub(newer);
        let complete = Complete { upto: upto.max(missing.above), count, erased: Some(missing.erased) };
        self.record(Record::Complete(missing.target.clone(), complete));
        self.mark_seen(&missing.target, missing.read);
    }

    /// Adds the messages of a gap that a page of HISTORY below the gap's end has, and returns their number. What the page
    /// covers is no part of the gap any more.
    pub fn fill_gap(&mut self, gap: &Gap, page: &[HistoryRecord]) -> usize {
        let mut added = 0;
        for message in page.iter().filter_map(HistoryRecord::message) {
            let is_of_gap = message.seq >= gap.first && message.seq <= gap.last;
            if is_of_gap && !self.has_row(message) && !self.holds(message) {
                self.record(Record::Missed(message.clone()));
                added += 1;
            }
        }
        self.note_erased_of(page);
        let oldest = page.first().map(|record| record.numbers().0).filter(|oldest| *oldest > gap.first);
        let first = oldest.unwrap_or(gap.first);
        self.record(Record::Filled(Gap { first, ..gap.clone() }));
        added
    }
}
