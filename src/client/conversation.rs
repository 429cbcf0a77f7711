//! One conversation as a person looks back on it: the last rows, in the order that everybody has.

use std::collections::VecDeque;
use std::sync::Arc;

use super::outbox::Waiting;
use crate::limits;
use crate::model::{Message, RoomName, Seq, State, Timestamp};

/// What a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Received(Arc<Message>),
    Sent(Arc<Message>, State),
    /// Said in a direct chat, by either side.
    Direct(Arc<Message>),
    /// It was never sent, for this reason.
    Failed(Waiting, String),
    Gap(Gap),
}

/// Messages of a room that only the server has: these numbers, as far as they are that room's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub room: RoomName,
    pub first: Seq,
    pub last: Seq,
}

impl Gap {
    /// How many messages that may be.
    pub fn most(&self) -> u64 {
        self.last.get().saturating_sub(self.first.get()).saturating_add(1)
    }

    pub fn covers(&self, seq: Seq) -> bool {
        (self.first..=self.last).contains(&seq)
    }

    /// The part of it below a number.
    pub fn below(&self, end: Seq) -> Option<Self> {
        let last = Seq::new(end.get().checked_sub(1)?).filter(|last| *last >= self.first)?;
        Some(Self { last, ..self.clone() })
    }
}

impl Row {
    /// The message's number; one that was never sent has none.
    fn seq(&self) -> Option<Seq> {
        match self {
            Self::Received(message) | Self::Sent(message, _) => Some(message.seq),
            Self::Gap(gap) => Some(gap.last),
            Self::Direct(_) | Self::Failed(..) => None,
        }
    }

    /// The number of its one message, if it has one.
    fn number(&self) -> Option<Seq> {
        if matches!(self, Self::Gap(_)) { None } else { self.seq() }
    }

    /// Whether its text holds all these words, given in small letters.
    pub fn holds(&self, words: &[String]) -> bool {
        let text = match self {
            Self::Received(message) | Self::Sent(message, _) | Self::Direct(message) => &message.text,
            Self::Failed(message, _) => &message.text,
            Self::Gap(_) => return false,
        };
        let text = text.as_str().to_lowercase();
        words.iter().all(|word| text.contains(word))
    }

    /// When it was said; of a gap nobody knows.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Received(message) | Self::Sent(message, _) | Self::Direct(message) => Some(message.at),
            Self::Failed(message, _) => Some(message.at),
            Self::Gap(_) => None,
        }
    }
}

/// The sender's marks of one place, within one store's numbering.
#[derive(Clone, Copy, Default)]
struct Marks {
    delivered: Seq,
    read: Seq,
}

/// What one `STATE` event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The last message that moved.
    pub last: Arc<Message>,
    /// How far it had come before.
    pub from: State,
    /// How many moved with it.
    pub others: usize,
}

/// The last rows of a conversation. A server restored from a backup numbers anew: rows from before
/// (`era`) stay before those from after.
#[derive(Default)]
pub struct Conversation {
    rows: VecDeque<(u32, Row)>,
    era: u32,
    marks: Marks,
    last_received: Seq,
}

impl Conversation {
    /// An empty conversation in the numbering that is in use.
    pub fn of_era(era: u32) -> Self {
        Self { era, ..Self::default() }
    }

    /// Begins another store's numbering: no old mark is about new numbers.
    pub fn begin_era(&mut self, era: u32) {
        (self.era, self.marks, self.last_received) = (era, Marks::default(), Seq::ZERO);
    }

    pub fn add_received(&mut self, message: Arc<Message>) {
        self.last_received = self.last_received.max(message.seq);
        self.insert(Row::Received(message));
    }

    /// Adds a message of mine, and says how far it has come: its `STATE` may have come before the
    /// answer to its `SEND`.
    pub fn add_sent(&mut self, message: Arc<Message>) -> State {
        let state = self.state_of(message.seq);
        self.insert(Row::Sent(message, state));
        state
    }

    /// What I wrote to myself may come before the answer to its `SEND`: it is one that I sent, all the
    /// same. Says how far it has come.
    pub fn claim(&mut self, seq: Seq) -> State {
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

    /// How far what I sent here under this number has come.
    fn state_of(&self, seq: Seq) -> State {
        match seq {
            seq if seq <= self.marks.read => State::Read,
            seq if seq <= self.marks.delivered => State::Delivered,
            _ => State::Received,
        }
    }

    pub fn add_direct(&mut self, message: Arc<Message>) {
        self.insert(Row::Direct(message));
    }

    pub fn add_gap(&mut self, gap: Gap) {
        self.insert(Row::Gap(gap));
    }

    pub fn add_failed(&mut self, message: Waiting, why: String) {
        self.insert(Row::Failed(message, why));
    }

    /// Puts a row in its place by number: an answer to `SEND` and a poll may cross.
    fn insert(&mut self, row: Row) {
        let later = |other: &Row| matches!((other.seq(), row.seq()), (Some(a), Some(b)) if a > b);
        let behind = self.rows.iter().rev().take_while(|(era, other)| *era == self.era && later(other)).count();
        self.rows.insert(self.rows.len() - behind, (self.era, row));
        if self.rows.len() > limits::CONVERSATION_ROWS {
            self.rows.pop_front();
        }
    }

    /// All I sent here, up to this number, is now so. States only move forward.
    pub fn advance(&mut self, state: State, upto: Seq) -> Option<Moved> {
        if state == State::Read {
            self.marks.read = self.marks.read.max(upto);
        }
        if state >= State::Delivered {
            self.marks.delivered = self.marks.delivered.max(upto);
        }
        let mut moved: Option<Moved> = None;
        for (era, row) in self.rows.iter_mut().rev() {
            if let Row::Sent(message, was) = row
                && *era == self.era
                && message.seq <= upto
                && *was < state
            {
                let from = std::mem::replace(was, state);
                match &mut moved {
                    Some(moved) => moved.others += 1,
                    None => moved = Some(Moved { last: message.clone(), from, others: 0 }),
                }
            }
        }
        moved
    }

    /// The last `count` rows, oldest first.
    pub fn last(&self, count: usize) -> Vec<Row> {
        self.rows.iter().skip(self.rows.len().saturating_sub(count)).map(|(_, row)| row.clone()).collect()
    }

    /// My last message here that has a number in this store.
    pub fn last_sent(&self) -> Option<(Arc<Message>, State)> {
        self.rows.iter().rev().find_map(|(era, row)| match row {
            Row::Sent(message, state) if *era == self.era => Some((message.clone(), *state)),
            _ => None,
        })
    }

    /// All rows that are kept, oldest first.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().map(|(_, row)| row)
    }

    /// What was received above this number of this store, the latest first.
    pub fn received_after(&self, seq: Seq) -> impl Iterator<Item = &Arc<Message>> {
        self.rows.iter().rev().filter(|(era, _)| *era == self.era).filter_map(move |(_, row)| match row {
            Row::Received(message) if message.seq > seq => Some(message),
            _ => None,
        })
    }

    /// Whether the message with this number of this store is among the rows.
    pub fn has(&self, seq: Seq) -> bool {
        let not_before =
            self.rows.iter().rev().filter_map(|(era, row)| (*era == self.era).then(|| row.number()).flatten());
        not_before.take_while(|number| *number >= seq).any(|number| number == seq)
    }

    /// The last number that was received here from this store.
    pub fn last_received(&self) -> Seq {
        self.last_received
    }
}
