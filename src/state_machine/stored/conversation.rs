//! Conversations: their ids, which name accounts and rooms by number since a name of a user's choice must not be part
//! of a file name; their participants; and the messages that are in no history file yet.

use std::fmt;
use std::sync::Arc;

use super::erasures::{Erasure, Erasures};
use super::length::EVENT_BYTES;
use super::numbers::{AccountNumber, RoomNumber};
use crate::model::{Message, RoomName, Seq, Target, UserName};

/// Identifies a conversation and names its history file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationId {
    /// The lower account number first; twice the same number for a user's notes to self.
    Direct(AccountNumber, AccountNumber),
    Room(RoomNumber),
}

impl ConversationId {
    /// Returns the id of the direct conversation of two accounts.
    pub fn between(one: AccountNumber, other: AccountNumber) -> Self {
        Self::Direct(one.min(other), one.max(other))
    }

    /// Reads the id as `Display` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(number) = text.strip_prefix("room-") {
            return RoomNumber::parse(number).map(Self::Room);
        }
        let (low, high) = text.strip_prefix("direct-")?.split_once('-')?;
        Some(Self::between(AccountNumber::parse(low)?, AccountNumber::parse(high)?))
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(low, high) => write!(f, "direct-{low}-{high}"),
            Self::Room(number) => write!(f, "room-{number}"),
        }
    }
}

/// The participants of a conversation by name, for the first line of its history file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Participants {
    Two(UserName, UserName),
    Room(RoomName),
}

impl Participants {
    /// Checks that a message belongs to the conversation of these participants.
    pub fn includes(&self, message: &Message) -> bool {
        match (self, &message.to) {
            (Self::Two(one, other), Target::User(to)) => {
                (&message.from, to) == (one, other) || (&message.from, to) == (other, one)
            }
            (Self::Room(room), Target::Room(to)) => room == to,
            _ => false,
        }
    }
}

impl fmt::Display for Participants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Two(one, other) => write!(f, "{one};{other}"),
            Self::Room(room) => room.fmt(f),
        }
    }
}

/// The valid prefix of a conversation's history file. Bytes past it were written by a checkpoint that did not
/// finish: no reader reads them, and the next checkpoint cuts them off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryPrefix {
    /// Length of the prefix in bytes.
    pub bytes: u64,
    /// CRC-32 of those bytes, continued with every row that is appended.
    pub checksum: u32,
    /// The sequence number of the last message; retention may have removed its row.
    pub upto: Seq,
    /// Number of rows.
    pub rows: u64,
    /// Times that retention has rewritten the file. The file's name bears it.
    pub rewritten: u32,
    pub removed: RemovedRows,
    /// The number of the last ERASED event whose rows have no text in the file.
    pub erased_upto: Seq,
}

/// The rows of a conversation that retention has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovedRows {
    pub count: u64,
    /// The highest number among them.
    pub upto: Seq,
}

/// Rows at the end of a conversation that are searched first.
const LAST_ROWS: usize = 64;

/// The messages of one conversation: in the history file up to `filed`, in memory after it.
#[derive(Default)]
pub struct Conversation {
    pub filed: HistoryPrefix,
    /// Oldest first. Bounded by the size of the write-ahead log that no checkpoint covers.
    pub rows: Vec<Arc<Message>>,
    /// `None`: no message was ever taken back.
    pub erasures: Option<Box<Erasures>>,
}

impl Conversation {
    /// Returns the messages from a number on that memory holds.
    pub fn rows_from(&self, seq: Seq) -> &[Arc<Message>] {
        // Nearly always they are the last ones, which are in the processor's cache.
        let start = self.rows.len().saturating_sub(LAST_ROWS);
        let is_old = self.rows.get(start).is_some_and(|row| seq < row.seq);
        let (older, last) = self.rows.split_at(start);
        let (offset, rows) = if is_old { (0, older) } else { (start, last) };
        let first = offset + rows.partition_point(|row| row.seq < seq);
        self.rows.get(first..).unwrap_or_default()
    }

    /// Returns the number of the last message, or 0.
    pub fn last(&self) -> Seq {
        self.rows.last().map_or(self.filed.upto, |row| row.seq)
    }

    /// Returns the number of messages that it has had: those that retention has removed count as well, so that a client
    /// does not look for them (protocol, section 5).
    pub fn count(&self) -> u64 {
        self.filed.removed.count + self.filed.rows + self.rows.len() as u64
    }

    /// Returns how many of these were taken back.
    pub fn erased_count(&self) -> u64 {
        self.erasures.as_ref().map_or(0, |erasures| erasures.count)
    }

    /// Returns whether a message was taken back whose row in the history file has a text.
    pub fn is_erased(&self, seq: Seq, from: AccountNumber) -> bool {
        self.erasures.as_ref().is_some_and(|erasures| erasures.includes(seq, from))
    }

    /// Takes the texts of messages back. `rows`: how many had one.
    pub fn erase(&mut self, erasure: Erasure, from: &UserName, rows: u64) {
        let start = self.rows.partition_point(|row| row.seq < erasure.first);
        let rows_of = self.rows.iter_mut().skip(start).take_while(|row| row.seq <= erasure.last);
        for row in rows_of.filter(|row| row.from == *from && !row.text.is_erased()) {
            *row = Arc::new(row.erased());
        }
        let erasures = self.erasures.get_or_insert_default();
        erasures.count += rows;
        erasures.add(erasure);
    }

    /// Returns how many entries have rows that may have a text in the history file.
    pub fn unfiled_erasures(&self) -> usize {
        self.erasures.as_ref().map_or(0, |erasures| erasures.unfiled(self.filed.erased_upto).len())
    }

    /// Returns the number of the last entry, if the rows of all that are not in the history file without a text are not in it
    /// at all: it gets them without one.
    pub fn erased_by_filing(&self) -> Option<Seq> {
        let erasures = self.erasures.as_ref()?;
        let are_newer = erasures.unfiled(self.filed.erased_upto).all(|erasure| erasure.first > self.filed.upto);
        erasures.newest().filter(|_| are_newer)
    }

    /// Returns about the size of all messages in bytes.
    pub fn bytes(&self) -> u64 {
        let in_memory: usize = self.rows.iter().map(|row| row.text.as_str().len() + EVENT_BYTES).sum();
        self.filed.bytes + in_memory as u64
    }

    /// Removes the messages that the history file holds now, and returns them. `kept`: how many entries of messages that
    /// were taken back are kept for events.
    pub fn mark_history_written(&mut self, filed: HistoryPrefix, kept: usize) -> Vec<Arc<Message>> {
        self.filed = filed;
        if let Some(erasures) = &mut self.erasures {
            erasures.forget_filed(filed.erased_upto, kept);
        }
        let newer = self.rows.split_off(self.rows.partition_point(|row| row.seq <= filed.upto));
        std::mem::replace(&mut self.rows, newer)
    }
}
