//! The messages that the history holds, by their hashes. A restored server may send again, under any number, what an
//! earlier one had sent.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use twox_hash::XxHash3_64;

use crate::model::{Message, MessageId, Target, UserName};

/// Hashes of the messages of this store, of those before it, and of direct chats.
#[derive(Default)]
pub(super) struct Known {
    /// Random, so that no sender can make a message that is taken for another.
    pub seed: u64,
    here: HashSet<u64>,
    before: HashSet<u64>,
    pub directly: HashSet<u64>,
    /// Those that were taken back, and noted as such by their ids.
    emptied: HashSet<u64>,
    /// The state is from a checkpoint: the hashes of older messages are in the log only.
    is_partial: bool,
}

impl Known {
    pub fn new() -> Self {
        Self::with_seed(RandomState::new().hash_one(0))
    }

    pub fn with_seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Makes the hashes of a checkpoint: those of older messages are in the log only.
    pub fn restored(seed: u64) -> Self {
        Self { is_partial: true, ..Self::with_seed(seed) }
    }

    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    pub fn add(&mut self, message: &Message) {
        self.here.insert(self.hash(message));
    }

    pub fn add_direct(&mut self, message: &Message) {
        self.directly.insert(self.hash(message));
    }

    /// Notes that all messages so far are of an earlier store.
    pub fn begin_era(&mut self) {
        self.before.extend(self.here.drain());
    }

    /// Checks that a message is in the history under another number: of an earlier store, of a direct chat, or, if it is the
    /// user's own, of this store.
    pub fn holds(&self, message: &Message, is_mine: bool) -> bool {
        let hash = self.hash(message);
        is_mine && self.here.contains(&hash) || self.before.contains(&hash) || self.directly.contains(&hash)
    }

    /// Notes that a message was taken back, by its author and id.
    pub fn add_emptied(&mut self, from: &UserName, to: &Target, id: &MessageId) {
        self.emptied.insert(self.hash_of(from, to, id));
    }

    pub fn is_emptied(&self, message: &Message) -> bool {
        self.emptied.contains(&self.hash(message))
    }

    pub fn is_of_earlier_store(&self, message: &Message) -> bool {
        self.before.contains(&self.hash(message))
    }

    fn hash(&self, m: &Message) -> u64 {
        self.hash_of(&m.from, &m.to, &m.id)
    }

    /// The text is no part of it: it may have been taken back on one side.
    fn hash_of(&self, from: &UserName, to: &Target, id: &MessageId) -> u64 {
        let message = format!("{}\n{}\n{}", from.mapped(), to.stored(), id);
        XxHash3_64::oneshot_with_seed(self.seed, message.as_bytes())
    }
}
