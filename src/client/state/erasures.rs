//! The rows of a conversation that are known as taken back: no text is put back into one of them.

use std::collections::BTreeMap;

use super::row::Gap;
use crate::limits;
use crate::model::{Message, Seq, UserName};

/// Numbers of this store. Of too many the lowest are forgotten: their texts are gone from rows and files by then.
#[derive(Default)]
pub(super) struct Erasures {
    /// Single rows, with their authors.
    rows: BTreeMap<Seq, UserName>,
    /// Rows of one author among these numbers: those of an account whose texts were erased.
    ranges: Vec<(Seq, Seq, UserName)>,
}

impl Erasures {
    /// Notes that the rows of this author among these numbers were taken back. `false`: it is known.
    pub fn note(&mut self, rows: &Gap, from: &UserName) -> bool {
        let is_new = !self.has(rows, from);
        if is_new && rows.first == rows.last {
            self.rows.insert(rows.last, from.clone());
            if self.rows.len() > limits::ERASURES_KEPT {
                self.rows.pop_first();
            }
        } else if is_new {
            self.ranges.push((rows.first, rows.last, from.clone()));
            if self.ranges.len() > limits::ERASED_RANGES_KEPT {
                self.ranges.remove(0);
            }
        }
        is_new
    }

    /// Checks that all of these rows are known as taken back.
    pub fn has(&self, rows: &Gap, from: &UserName) -> bool {
        let is_single = rows.first == rows.last && self.rows.get(&rows.last) == Some(from);
        let holds =
            |(first, last, author): &(Seq, Seq, UserName)| author == from && *first <= rows.first && rows.last <= *last;
        is_single || self.ranges.iter().any(holds)
    }

    /// Checks that a message of this store is known as taken back.
    pub fn has_message(&self, message: &Message) -> bool {
        let is_in = |(first, last, author): &(Seq, Seq, UserName)| {
            *author == message.from && (*first..=*last).contains(&message.seq)
        };
        self.rows.get(&message.seq) == Some(&message.from) || self.ranges.iter().any(is_in)
    }

    /// Returns all of them: first and last number, and author.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, Seq, &UserName)> {
        let rows = self.rows.iter().map(|(seq, from)| (*seq, *seq, from));
        rows.chain(self.ranges.iter().map(|(first, last, from)| (*first, *last, from)))
    }
}
