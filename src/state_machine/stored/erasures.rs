//! The messages of a conversation that were taken back (protocol, section 5).
//!
//! A row in memory loses its text at once. One in the history file keeps it until a clean-up rewrites the file: until then
//! an entry here says that it goes to no client.

use std::collections::{BTreeSet, VecDeque};

use super::numbers::AccountNumber;
use crate::limits;
use crate::model::Seq;

/// The messages of a sender between two numbers, which have lost their texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The number of the event that tells of it.
    pub seq: Seq,
    pub from: AccountNumber,
    pub first: Seq,
    pub last: Seq,
}

impl Erasure {
    fn includes(&self, seq: Seq, from: AccountNumber) -> bool {
        self.from == from && (self.first..=self.last).contains(&seq)
    }
}

/// All of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasures {
    /// Number of messages that were taken back, of which retention may have removed some.
    pub count: u64,
    /// In the order of their numbers: those that the history file lacks, which `decide` bounds, and the newest ones.
    list: VecDeque<Erasure>,
    /// The numbers of those of one message each.
    single: BTreeSet<Seq>,
    /// The others, which the administrator has caused.
    ranges: Vec<Erasure>,
}

impl Erasures {
    pub fn add(&mut self, erasure: Erasure) {
        self.list.push_back(erasure);
        if erasure.first == erasure.last {
            self.single.insert(erasure.first);
        } else {
            self.ranges.push(erasure);
        }
    }

    /// Returns whether a message was taken back. `false` also of one whose row in the history file has no text.
    pub fn includes(&self, seq: Seq, from: AccountNumber) -> bool {
        self.single.contains(&seq) || self.ranges.iter().any(|range| range.includes(seq, from))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Erasure> {
        self.list.iter()
    }

    /// Returns the entries above the last one whose rows have no text in the history file.
    pub fn unfiled(&self, filed: Seq) -> impl ExactSizeIterator<Item = &Erasure> {
        self.list.range(self.position_after(filed)..)
    }

    /// Returns the number of the newest entry.
    pub fn newest(&self) -> Option<Seq> {
        self.list.back().map(|erasure| erasure.seq)
    }

    /// Returns the first entry above a number, of the newest ones, which members of a room are told.
    pub fn first_after(&self, after: Seq) -> Option<Erasure> {
        let oldest = self.list.len().saturating_sub(limits::ERASED_EVENTS);
        self.list.get(self.position_after(after).max(oldest)).copied()
    }

    /// Forgets the entries whose rows have no text in the history file, but for the newest `kept`.
    pub fn forget_filed(&mut self, filed: Seq, kept: usize) {
        while self.list.len() > kept && self.list.front().is_some_and(|oldest| oldest.seq <= filed) {
            let Some(oldest) = self.list.pop_front() else { return };
            self.single.remove(&oldest.first);
            self.ranges.retain(|range| range.seq != oldest.seq);
        }
    }

    fn position_after(&self, seq: Seq) -> usize {
        self.list.partition_point(|erasure| erasure.seq <= seq)
    }
}
