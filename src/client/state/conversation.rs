//! One conversation: its last rows, in the order of their numbers.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::erasures::Erasures;
use super::row::{Gap, Row};
use crate::limits;
use crate::model::{Message, MessageId, Seq, State, Text, Timestamp, UserName};

/// The messages whose state one `STATE` event, or one page of HISTORY, changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The last one.
    pub last: Arc<Message>,
    /// Its state before.
    pub from: State,
    /// Number of messages that moved with it.
    pub others: usize,
}

/// A message that a user has said, counted from the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastSaid {
    /// The server has it.
    Message(Arc<Message>),
    /// It was said in a direct chat.
    Directly,
    /// There are not that many.
    None,
    /// Only the server has the rows that would tell.
    Unknown,
}

impl LastSaid {
    fn of(row: &Row) -> Self {
        match row {
            Row::Received(message) | Row::Sent(message, _) => Self::Message(message.clone()),
            Row::Direct(_) => Self::Directly,
            Row::Failed(..) | Row::Gap(_) => Self::None,
        }
    }
}

/// The last rows of a conversation. A server restored from a backup numbers anew: rows from before
/// (`era`) stay before those from after.
#[derive(Default)]
pub struct Conversation {
    rows: VecDeque<(u32, Row)>,
    era: u32,
    /// The numbers up to which the user's messages here are delivered and read, in this store.
    pub(super) delivered: Seq,
    pub(super) read: Seq,
    pub(super) last_received: Seq,
    /// No row of this store had a higher number.
    highest: Seq,
    /// The user has seen the messages up to this number of this store.
    pub(super) seen: Seq,
    pub(super) complete: Complete,
    pub(super) erasures: Erasures,
    /// Number up to which nothing was missing in each earlier store that had messages here; `None`: there was none.
    complete_before: Option<Seq>,
    /// The numbers of the messages above those: a message that is fetched may be here already.
    pub(super) above: BTreeSet<Seq>,
    /// Rows were removed from memory: only the log has them.
    pub(super) older: bool,
    /// Another number whenever the messages that are not seen may be others.
    pub(in crate::client) revision: u64,
}

/// The messages of a conversation up to a number are here, or stand in a gap, and this is the number of them that the server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete {
    pub upto: Seq,
    pub count: u64,
    /// The number of all messages there that were taken back, as far as this client was told; `None`: the next comparison
    /// finds out.
    pub erased: Option<u64>,
}

impl Default for Complete {
    fn default() -> Self {
        Self { upto: Seq::ZERO, count: 0, erased: Some(0) }
    }
}

impl Complete {
    /// The count of a room that the user has left: none that a server reports, with whatever number of messages is added.
    pub const UNKNOWN: u64 = u64::MAX / 2;
}

impl Conversation {
    /// Makes an empty conversation in the numbering that is in use.
    pub(super) fn of_era(era: u32) -> Self {
        Self { era, ..Self::default() }
    }

    /// Begins another store's numbering, for which the old marks mean nothing.
    pub(super) fn begin_era(&mut self, era: u32) {
        self.revision += 1;
        self.era = era;
        if self.complete != Complete::default() || !self.above.is_empty() {
            let upto = self.complete.upto;
            self.complete_before = Some(self.complete_before.map_or(upto, |before| before.min(upto)));
        }
        (self.delivered, self.read, self.last_received, self.seen) = (Seq::ZERO, Seq::ZERO, Seq::ZERO, Seq::ZERO);
        (self.complete, self.above, self.highest) = (Complete::default(), BTreeSet::new(), Seq::ZERO);
        self.erasures = Erasures::default();
    }

    /// Notes that nothing up to this number is missing.
    pub(super) fn set_complete(&mut self, complete: Complete) {
        self.above = self.above.split_off(&complete.upto.next());
        self.complete = complete;
    }

    /// Checks that as many messages are here as the server counts up to a number.
    pub fn is_complete(&self, upto: Seq, count: u64) -> bool {
        upto <= self.complete.upto || self.complete.count + self.above.range(..=upto).count() as u64 == count
    }

    /// Removes the texts of the messages of this user among these numbers of this store. Returns the ids of those whose rows
    /// are in memory.
    pub(super) fn erase(&mut self, rows: &Gap, from: &UserName) -> Vec<MessageId> {
        self.revision += 1;
        self.erasures.note(rows, from);
        self.erasures.keep(limits::ERASURES_KEPT);
        let numbers = rows.first..=rows.last;
        let mut ids = Vec::new();
        for (_, row) in self.rows.iter_mut().rev().take_while(|(era, _)| *era == self.era) {
            if let Row::Received(message) | Row::Sent(message, _) = &*row
                && message.from == *from
                && numbers.contains(&message.seq)
            {
                ids.push(message.id.clone());
                row.empty();
            }
        }
        ids
    }

    /// Counts what an event has told of: by one message more were taken back. Of several the server alone knows how many
    /// there are; and where the row is not in memory (`is_here`), a message may be meant that is here without this number
    /// (`may_be_elsewhere`): under one of an earlier store, or from a direct chat.
    pub(super) fn count_erased(&mut self, rows: &Gap, is_here: bool, may_be_elsewhere: bool) {
        let is_one = rows.first == rows.last && (is_here || !may_be_elsewhere);
        self.complete.erased = self.complete.erased.filter(|_| is_one).map(|count| count.saturating_add(1));
    }

    /// Removes the text of a message that has a number of an earlier store, or none.
    pub(super) fn empty(&mut self, from: &UserName, id: &MessageId) {
        self.revision += 1;
        let is_it = |row: &Row| row.message().is_some_and(|message| message.from == *from && message.id == *id);
        for (era, row) in &mut self.rows {
            if (*era < self.era || matches!(row, Row::Direct(_))) && is_it(row) {
                row.empty();
            }
        }
    }

    /// Returns the message with this number of this store, if its row is in memory.
    pub(super) fn message(&self, seq: Seq) -> Option<&Arc<Message>> {
        let this_store = self.rows.iter().rev().take_while(|(era, _)| *era == self.era);
        this_store.filter_map(|(_, row)| row.message()).find(|message| message.seq == seq)
    }

    /// Finds the `n`th last message of a user, the last one being the first, that was not taken back. Those of an earlier store
    /// have no number in this one.
    pub(super) fn nth_last_said(&self, user: &UserName, n: usize) -> LastSaid {
        let mut left = n;
        for (_, row) in self.rows.iter().rev().take_while(|(era, _)| *era == self.era) {
            match row.message() {
                None if matches!(row, Row::Gap(_)) => return LastSaid::Unknown,
                Some(message) if message.from == *user && !message.text.is_erased() => left = left.saturating_sub(1),
                _ => continue,
            }
            if left == 0 {
                return LastSaid::of(row);
            }
        }
        let is_whole = self.era > 0 || !self.older && !self.rows.is_empty();
        if is_whole { LastSaid::None } else { LastSaid::Unknown }
    }

    /// Checks that nothing up to this number was missing in any earlier store.
    pub(super) fn was_complete(&self, upto: Seq) -> bool {
        self.complete_before.is_some_and(|before| upto <= before)
    }

    /// Checks that the message with this number of this store is neither covered by a comparison nor here.
    pub fn lacks(&self, seq: Seq) -> bool {
        seq > self.complete.upto && !self.above.contains(&seq)
    }

    /// Notes that a message was received here: it may be called read.
    pub(super) fn note_received(&mut self, seq: Seq) {
        self.last_received = self.last_received.max(seq);
    }

    /// Notes that the user has seen everything up to a number. One above the last message here is of an earlier store.
    pub(crate) fn note_seen(&mut self, upto: Seq) {
        self.revision += 1;
        if upto <= self.last_number() {
            self.seen = self.seen.max(upto);
        }
    }

    /// Returns the number up to which the user has seen the messages.
    pub fn seen(&self) -> Seq {
        self.seen
    }

    /// Returns the highest number of this store here, whether its row is still in memory or not.
    pub fn last_number(&self) -> Seq {
        self.highest.max(self.last_received)
    }

    /// Removes these numbers from the gap that ends with the last of them.
    pub fn fill(&mut self, filled: &Gap) {
        let of_gap = |(era, row): &(u32, Row)| {
            *era == self.era && matches!(row, Row::Gap(gap) if gap.last == filled.last && gap.first <= filled.first)
        };
        let Some(place) = self.rows.iter().position(of_gap) else { return };
        let removed = self.rows.remove(place);
        if let Some((_, Row::Gap(gap))) = removed
            && gap.first < filled.first
        {
            self.insert(Row::Gap(Gap { last: filled.first.before(), ..gap }));
        }
    }

    /// Turns a received note to oneself into a sent message, and returns its state. The note may be received
    /// before the answer to its SEND.
    pub(super) fn claim(&mut self, seq: Seq) -> State {
        self.revision += 1;
        let state = self.state_of(seq);
        for (era, row) in self.rows.iter_mut().rev() {
            if let Row::Received(message) = row
                && *era == self.era
                && message.seq == seq
            {
                *row = Row::Sent(message.clone(), state);
            }
        }
        state
    }

    /// Returns the state of the user's message with this number: the `STATE` event may come before the answer to SEND.
    pub fn state_of(&self, seq: Seq) -> State {
        match seq {
            seq if seq <= self.read => State::Read,
            seq if seq <= self.delivered => State::Delivered,
            _ => State::Received,
        }
    }

    /// Makes a conversation without rows, from what a checkpoint holds.
    pub fn restored([delivered, read, last_received, seen]: [Seq; 4], complete: Complete, older: bool) -> Self {
        Self { delivered, read, last_received, seen, complete, older, ..Self::default() }
    }

    /// Adds a row after the others.
    pub fn restore(&mut self, row: Row) {
        self.revision += 1;
        self.highest = self.highest.max(row.seq().unwrap_or_default());
        self.rows.push_back((self.era, row));
    }

    /// Removes the oldest rows, so that at most this many are left.
    pub(super) fn keep_last(&mut self, count: usize) {
        self.revision += 1;
        let removed = self.rows.len().saturating_sub(count);
        self.rows.drain(..removed);
    }

    /// Removes the rows up to the last one that is not newer than a time.
    pub fn remove_upto(&mut self, time: Timestamp) {
        self.revision += 1;
        let last = self.rows.iter().rposition(|(_, row)| row.at().is_some_and(|at| at <= time));
        let count = last.map_or(0, |last| last + 1);
        self.older |= count > 0;
        self.rows.drain(..count);
    }

    /// Inserts a row by its number: the answer to a SEND and a poll may cross.
    pub fn insert(&mut self, row: Row) {
        self.revision += 1;
        if let Row::Received(message) | Row::Sent(message, _) = &row
            && message.seq > self.complete.upto
        {
            self.above.insert(message.seq);
        }
        self.highest = self.highest.max(row.seq().unwrap_or_default());
        let later = |other: &Row| matches!((other.seq(), row.seq()), (Some(a), Some(b)) if a > b);
        let behind = self.rows.iter().rev().take_while(|(era, other)| *era == self.era && later(other)).count();
        self.rows.insert(self.rows.len() - behind, (self.era, row));
    }

    /// Returns the state of the user's message with this id, if its row is in memory.
    pub(super) fn state_by_id(&self, id: &MessageId) -> Option<State> {
        self.rows.iter().rev().find_map(|(_, row)| match row {
            Row::Sent(message, state) if message.id == *id => Some(*state),
            _ => None,
        })
    }

    /// Checks that the user has only written messages here that the server has refused since there is no such user or room
    /// for this user.
    pub(in crate::client) fn is_with_nobody(&self) -> bool {
        !self.rows.is_empty() && !self.older && self.rows.iter().all(|(_, row)| row.is_to_nobody())
    }

    /// Checks that nothing was ever said here.
    pub(in crate::client) fn is_empty(&self) -> bool {
        self.rows.is_empty() && !self.older
    }

    /// Moves the user's messages up to this number to a state. States only move forward.
    pub fn advance(&mut self, state: State, upto: Seq) -> Option<Moved> {
        if state == State::Read {
            self.read = self.read.max(upto);
        }
        if state >= State::Delivered {
            self.delivered = self.delivered.max(upto);
        }
        let mut moved: Option<Moved> = None;
        for (era, row) in self.rows.iter_mut().rev() {
            let Row::Sent(message, was) = row else { continue };
            if *era < self.era || message.seq <= upto && *was >= state {
                // The messages before this one have that state, too.
                break;
            }
            if message.seq <= upto {
                let from = std::mem::replace(was, state);
                match &mut moved {
                    Some(moved) => moved.others += 1,
                    None => moved = Some(Moved { last: message.clone(), from, others: 0 }),
                }
            }
        }
        moved
    }

    /// Returns the last `count` rows, oldest first.
    pub fn last(&self, count: usize) -> Vec<Row> {
        self.rows.iter().skip(self.rows.len().saturating_sub(count)).map(|(_, row)| row.clone()).collect()
    }

    /// Returns the user's last message here that has a number in this store.
    pub fn last_sent(&self) -> Option<(Arc<Message>, State)> {
        self.rows.iter().rev().find_map(|(era, row)| match row {
            Row::Sent(message, state) if *era == self.era => Some((message.clone(), *state)),
            _ => None,
        })
    }

    /// Returns id and text of the last message of the user, `me`, refused or not, if its row is in memory.
    pub(super) fn last_said(&self, me: &UserName) -> Option<(&MessageId, &Text)> {
        self.rows.iter().rev().find_map(|(_, row)| match row {
            Row::Sent(message, _) => Some((&message.id, &message.text)),
            Row::Direct(message) if message.from == *me => Some((&message.id, &message.text)),
            Row::Failed(message, _) => Some((&message.id, &message.text)),
            _ => None,
        })
    }

    /// Returns the number of the user's first message in memory that is not called read, in this store.
    pub fn first_unread_sent(&self) -> Option<Seq> {
        self.rows.iter().find_map(|(era, row)| match row {
            Row::Sent(message, state) if *era == self.era && *state < State::Read => Some(message.seq),
            _ => None,
        })
    }

    /// Returns all rows that are kept in memory, oldest first.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Row> + DoubleEndedIterator {
        self.rows.iter().map(|(_, row)| row)
    }

    pub(super) fn into_rows(self) -> impl Iterator<Item = Row> {
        self.rows.into_iter().map(|(_, row)| row)
    }

    /// Returns the rows that the server does not have, oldest first.
    pub fn without_server(&self) -> impl Iterator<Item = &Row> {
        let is_here_only = |(era, row): &&(u32, Row)| match row {
            Row::Direct(_) | Row::Failed(..) => true,
            Row::Received(_) | Row::Sent(..) => *era < self.era,
            Row::Gap(_) => false,
        };
        self.rows.iter().filter(is_here_only).map(|(_, row)| row)
    }

    /// Returns the messages received above this number of this store, the latest first.
    pub fn received_after(&self, seq: Seq) -> impl Iterator<Item = &Arc<Message>> {
        self.rows.iter().rev().filter(|(era, _)| *era == self.era).filter_map(move |(_, row)| match row {
            Row::Received(message) if message.seq > seq => Some(message),
            _ => None,
        })
    }

    /// Checks that the message with this number of this store is among the rows.
    pub fn has(&self, seq: Seq) -> bool {
        if self.above.contains(&seq) {
            return true;
        }
        // Nearly every message that arrives has a number above all of them.
        if seq > self.highest {
            return false;
        }
        let this_store = self.rows.iter().rev().take_while(|(era, _)| *era == self.era);
        this_store.filter_map(|(_, row)| row.message()).any(|message| message.seq == seq)
    }

    /// Checks that another message has the number of this one: a restored server has answered before its login told of
    /// another store.
    pub(super) fn has_other(&self, seq: Seq, id: &MessageId) -> bool {
        let this_store = self.rows.iter().rev().take_while(|(era, _)| *era == self.era);
        let mut rows = this_store.filter_map(|(_, row)| row.message());
        rows.any(|other| other.seq == seq && other.id != *id)
    }

    /// Returns the last number that was received here from this store.
    pub fn last_received(&self) -> Seq {
        self.last_received
    }
}
