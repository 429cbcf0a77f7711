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
    /// Those that were taken back, by their ids.
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
        self.here.extend(self.hashes(message));
        self.note_if_emptied(message);
    }

    pub fn add_direct(&mut self, message: &Message) {
        self.directly.extend(self.hashes(message));
        self.note_if_emptied(message);
    }

    fn note_if_emptied(&mut self, message: &Message) {
        if message.text.is_erased() {
            self.add_emptied(&message.from, &message.to, &message.id);
        }
    }

    /// Notes that all messages so far are of an earlier store.
    pub fn begin_era(&mut self) {
        self.before.extend(self.here.drain());
    }

    /// Checks that a message is in the history under another number: of an earlier store, of a direct chat, or, if it is the
    /// user's own, of this store.
    pub fn holds(&self, message: &Message, is_mine: bool) -> bool {
        let hash = self.hash_to_find(message);
        is_mine && self.here.contains(&hash) || self.before.contains(&hash) || self.directly.contains(&hash)
    }

    /// Returns the hash by which a message is found. Without its text, here or there, author, target and id are enough: else a
    /// client that gives an id again, to a server that has forgotten it, would lose a message.
    fn hash_to_find(&self, message: &Message) -> u64 {
        let by_id = self.hash_of_id(&message.from, &message.to, &message.id);
        let is_without_text = message.text.is_erased() || self.emptied.contains(&by_id);
        if is_without_text { by_id } else { self.hash(message) }
    }

    /// Notes that a message was taken back, by its author and id.
    pub fn add_emptied(&mut self, from: &UserName, to: &Target, id: &MessageId) {
        self.emptied.insert(self.hash_of_id(from, to, id));
    }

    /// Checks that a message was taken back. Drawing asks this of each row: mostly nothing was, and nothing is hashed.
    pub fn is_emptied(&self, message: &Message) -> bool {
        self.is_id_emptied(&message.from, &message.to, &message.id)
    }

    pub fn is_id_emptied(&self, from: &UserName, to: &Target, id: &MessageId) -> bool {
        !self.emptied.is_empty() && self.emptied.contains(&self.hash_of_id(from, to, id))
    }

    pub fn is_of_earlier_store(&self, message: &Message) -> bool {
        !self.before.is_empty() && self.before.contains(&self.hash_to_find(message))
    }

    /// Returns the hashes of a message: that of its id, and that with its text, if it has one.
    fn hashes(&self, message: &Message) -> impl Iterator<Item = u64> + use<> {
        let by_id = self.hash_of_id(&message.from, &message.to, &message.id);
        let whole = (!message.text.is_erased()).then(|| self.hash(message));
        std::iter::once(by_id).chain(whole)
    }

    fn hash(&self, m: &Message) -> u64 {
        let message = format!("{}\n{}\n{}\n{}", m.from.mapped(), m.to.stored(), m.id, m.text);
        XxHash3_64::oneshot_with_seed(self.seed, message.as_bytes())
    }

    fn hash_of_id(&self, from: &UserName, to: &Target, id: &MessageId) -> u64 {
        let message = format!("{}\n{}\n{}", from.mapped(), to.stored(), id);
        XxHash3_64::oneshot_with_seed(self.seed, message.as_bytes())
    }
}
