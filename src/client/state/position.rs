//! The place in the numbers of the server's store up to which the client has everything.

use crate::model::Seq;

/// The server's store, and the numbers of it that are known.
#[derive(Default)]
pub(super) struct Position {
    /// The store's name; empty before the first login on RECV.
    pub store: String,
    /// The number up to which every event is in the state.
    pub last: Seq,
    /// The highest number of this store that was seen.
    pub newest: Seq,
    /// The number of stores before this one.
    pub era: u32,
}

impl Position {
    pub fn note_number(&mut self, seq: Seq) {
        self.newest = self.newest.max(seq);
    }

    /// Moves to a number of a store. Returns whether that is another store, or an older copy of this one: from here on its
    /// numbers stand for other messages.
    pub fn move_to(&mut self, store: String, last: Seq) -> bool {
        let is_other = !self.store.is_empty() && (self.store != store || last < self.last);
        if is_other {
            self.era += 1;
            self.newest = Seq::ZERO;
        }
        self.note_number(last);
        self.store = store;
        self.last = last;
        is_other
    }
}
