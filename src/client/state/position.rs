//! The place in the numbers of the server's store up to which the client has everything.

use crate::model::Seq;

/// The server's store, and the numbers of it that are known.
#[derive(Default)]
pub(super) struct Position {
    /// The store's name; empty before the first login on RECV.
    store: String,
    last: Seq,
    newest: Seq,
    era: u32,
}

impl Position {
    /// Makes the position that a checkpoint holds. There is none of a state with an earlier store.
    pub fn restored(store: String, last: Seq, newest: Seq) -> Self {
        Self { store, last, newest, era: 0 }
    }

    pub fn store(&self) -> &str {
        &self.store
    }

    /// Returns the number up to which every event is in the state.
    pub fn last(&self) -> Seq {
        self.last
    }

    /// Returns the highest number of this store that was seen.
    pub fn newest(&self) -> Seq {
        self.newest
    }

    /// Returns the number of stores before this one.
    pub fn era(&self) -> u32 {
        self.era
    }

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
