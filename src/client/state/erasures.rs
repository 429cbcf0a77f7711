//! The rows of a conversation that are known as taken back: no text is put back into one of them.

use std::collections::{BTreeMap, HashMap};

use super::row::Gap;
use crate::model::{Message, Seq, UserName};

/// Numbers of one store: for each author disjoint ranges, as their first and last numbers.
#[derive(Default)]
pub(super) struct Erasures(HashMap<UserName, BTreeMap<Seq, Seq>>);

impl Erasures {
    /// Notes that the rows of this author among these numbers were taken back.
    pub fn note(&mut self, rows: &Gap, from: &UserName) {
        let ranges = self.0.entry(from.clone()).or_default();
        let mut first = rows.first;
        let mut last = rows.last;
        while let Some((start, end)) = ranges.range(..=last).next_back().map(|(start, end)| (*start, *end))
            && end >= first
        {
            ranges.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        ranges.insert(first, last);
    }

    /// Checks that all rows of this author among these numbers are known as taken back.
    pub fn has(&self, first: Seq, last: Seq, from: &UserName) -> bool {
        let range = self.0.get(from).and_then(|ranges| ranges.range(..=first).next_back());
        range.is_some_and(|(_, end)| *end >= last)
    }

    /// Checks that a message of this store is known as taken back.
    pub fn has_message(&self, message: &Message) -> bool {
        self.has(message.seq, message.seq, &message.from)
    }

    /// Forgets the lowest ranges above a count.
    pub fn keep(&mut self, most: usize) {
        let count: usize = self.0.values().map(BTreeMap::len).sum();
        for _ in most..count {
            let lowest = self.0.values_mut().filter(|ranges| !ranges.is_empty());
            if let Some(ranges) = lowest.min_by_key(|ranges| ranges.first_key_value().map(|(first, _)| *first)) {
                ranges.pop_first();
            }
        }
        self.0.retain(|_, ranges| !ranges.is_empty());
    }

    /// Returns all ranges: first and last number, and author.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, Seq, &UserName)> {
        self.0.iter().flat_map(|(from, ranges)| ranges.iter().map(move |(first, last)| (*first, *last, from)))
    }
}
