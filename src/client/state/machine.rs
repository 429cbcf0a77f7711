//! The state that the records of the log add up to.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::conversation::{Conversation, Moved, Row};
use super::outbox::{Outbox, Outgoing};
use super::record::Record;

use crate::model::{Message, MessageId, Seq, State, Target, Timestamp, UserName};
use crate::protocol::Codec as _;

/// An effect of a record that the user may want to see.
pub enum Change {
    None,
    /// A message of the user's is in the history, in this state.
    Sent(State),
    Moved(State, Moved),
}

/// The state that the records add up to.
pub struct ClientState {
    pub(super) me: UserName,
    /// The store's name; empty before the first login on RECV.
    pub(super) store: String,
    pub(super) position: Seq,
    /// The highest number of this store that was seen.
    pub(super) newest: Seq,
    pub(super) outbox: Outbox,
    pub(super) conversations: HashMap<Target, Conversation>,
    /// Number of received messages that were shown, and those that were not.
    pub(super) shown: u64,
    pub(super) unshown: VecDeque<Arc<Message>>,
    pub(super) ignored: HashSet<UserName>,
    /// Ids of the messages that were sent, or failed; kept while what other programs left is taken over.
    pub(super) settled: Option<HashSet<MessageId>>,
    /// Number of stores before this one.
    pub(super) era: u32,
    /// Hashes of the messages of this store, of those before it, and of direct chats. A restored server may
    /// send again, under any number, what an earlier one had sent. The hash has random keys, so that no
    /// sender can make a message that is taken for another.
    pub(super) hasher: RandomState,
    pub(super) known_here: HashSet<u64>,
    pub(super) known_before: HashSet<u64>,
    pub(super) known_directly: HashSet<u64>,
    /// The lines of the records that were applied and are not in the log yet.
    pub(super) uncommitted: Vec<u8>,
}

impl ClientState {
    pub fn new(me: UserName) -> Self {
        Self {
            me,
            store: String::new(),
            position: Seq::ZERO,
            newest: Seq::ZERO,
            outbox: Outbox::default(),
            conversations: HashMap::new(),
            shown: 0,
            unshown: VecDeque::new(),
            ignored: HashSet::new(),
            settled: Some(HashSet::new()),
            era: 0,
            hasher: RandomState::new(),
            known_here: HashSet::new(),
            known_before: HashSet::new(),
            known_directly: HashSet::new(),
            uncommitted: Vec::new(),
        }
    }

    /// Applies a new record, and keeps its line for the log.
    pub(super) fn record(&mut self, record: Record) -> Change {
        record.write(&mut self.uncommitted);
        self.apply(record)
    }

    /// Returns the lines for the log's next batch.
    pub fn take_uncommitted(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.uncommitted)
    }

    /// Applies a record: the only code that changes the state.
    pub fn apply(&mut self, record: Record) -> Change {
        match record {
            Record::Queued(message) => self.outbox.push(message),
            Record::Tried { id, above } => self.outbox.note_tried(&id, above),
            Record::Sent { id, seq, at } => return self.apply_sent(&id, seq, at),
            Record::Failed { id, why } => {
                if let Some(message) = self.settle(&id) {
                    self.conversation(&message.to.clone()).insert(Row::Failed(message, why));
                }
            }
            Record::Moved(id) => _ = self.outbox.remove(&id),
            Record::Received(message) => {
                self.unshown.push_back(message.clone());
                self.add_received(message);
            }
            Record::Fetched(message) => self.add_received(message),
            Record::Missed(message) => self.apply_missed(message),
            Record::Complete(target, complete) => self.conversation(&target).set_complete(complete),
            Record::Direct(message) => {
                self.known_directly.insert(self.identity(&message));
                self.conversation_of(&message).insert(Row::Direct(message));
            }
            Record::State { target, state, upto, .. } => {
                if let Some(moved) = self.conversation(&target).advance(state, upto) {
                    return Change::Moved(state, moved);
                }
            }
            Record::Reached { target, state, upto } => _ = self.conversation(&target).advance(state, upto),
            Record::Ignored(user, true) => _ = self.ignored.insert(user),
            Record::Ignored(user, false) => _ = self.ignored.remove(&user),
            Record::Gap(gap) => self.conversation(&gap.target.clone()).insert(Row::Gap(gap)),
            Record::Shown(count) => {
                while self.shown < count && self.unshown.pop_front().is_some() {
                    self.shown += 1;
                }
            }
            Record::Newest(seq) => self.newest = self.newest.max(seq),
            Record::Position { store, last } => self.move_to(store, last),
        }
        Change::None
    }

    /// Moves a message from the outbox to its conversation. A note to oneself may be there already, received
    /// before the answer to its SEND.
    fn apply_sent(&mut self, id: &MessageId, seq: Seq, at: Timestamp) -> Change {
        self.newest = self.newest.max(seq);
        let Some(Outgoing { id, to, text, .. }) = self.settle(id) else { return Change::None };
        let message = Arc::new(Message { seq, id, from: self.me.clone(), to, at, text });
        if self.holds(&message) {
            return Change::Sent(self.conversation(&message.to).claim(seq));
        }
        self.known_here.insert(self.identity(&message));
        Change::Sent(self.conversation(&message.to).add_sent(message))
    }

    fn settle(&mut self, id: &MessageId) -> Option<Outgoing> {
        if let Some(settled) = &mut self.settled {
            settled.insert(id.clone());
        }
        self.outbox.remove(id)
    }

    fn add_received(&mut self, message: Arc<Message>) {
        self.newest = self.newest.max(message.seq);
        self.known_here.insert(self.identity(&message));
        self.conversation_of(&message).add_received(message);
    }

    /// Adds a message that another program of the user has received or sent.
    fn apply_missed(&mut self, message: Arc<Message>) {
        self.newest = self.newest.max(message.seq);
        self.known_here.insert(self.identity(&message));
        let is_mine = message.from == self.me;
        let conversation = self.conversation_of(&message);
        if is_mine {
            conversation.add_sent(message);
        } else {
            conversation.add_missed(message);
        }
    }

    fn move_to(&mut self, store: String, last: Seq) {
        // Another store, or an older copy of this one: from here on its numbers stand for other messages.
        if !self.store.is_empty() && (self.store != store || last < self.position) {
            self.era += 1;
            self.known_before.extend(self.known_here.drain());
            self.conversations.values_mut().for_each(|c| c.begin_era(self.era));
            self.outbox.forget_numbers();
            self.newest = Seq::ZERO;
        }
        self.newest = self.newest.max(last);
        (self.store, self.position) = (store, last);
    }

    /// Checks that a message is in the history already under another number: from a store that was lost and
    /// restored, since the user wrote it to themselves, or from a direct chat.
    pub(super) fn holds(&self, message: &Message) -> bool {
        let identity = self.identity(message);
        let mine = message.from == self.me && self.known_here.contains(&identity);
        mine || self.known_before.contains(&identity) || self.known_directly.contains(&identity)
    }

    fn identity(&self, m: &Message) -> u64 {
        self.hasher.hash_one((&m.from, &m.to, &m.id, &m.text))
    }

    fn conversation_of(&mut self, message: &Message) -> &mut Conversation {
        let target = self.target_of(message);
        self.conversation(&target)
    }

    fn conversation(&mut self, target: &Target) -> &mut Conversation {
        let era = self.era;
        self.conversations.entry(target.clone()).or_insert_with(|| Conversation::of_era(era))
    }
}
