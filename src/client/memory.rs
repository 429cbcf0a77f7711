//! What the history's records mean, put together. It is made from them alone, by one path:
//! [`Memory::apply`] serves the replay at start and every change after it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::conversation::{Conversation, Moved};
use super::entry::Entry;
use crate::model::{Message, MessageId, Seq, State, Target, UserName};

/// What a record changed that a person may want to see.
pub enum Change {
    None,
    /// A message of mine is in the history, and so far it has come.
    Sent(State),
    Moved(State, Moved),
}

/// Where I am in which store, the conversations, and what was not shown yet.
pub struct Memory {
    pub me: UserName,
    /// The store's name; empty before the first login on RECV.
    pub store: String,
    pub last: Seq,
    /// How many messages were shown, of those received.
    pub shown: u64,
    pub unshown: VecDeque<Arc<Message>>,
    /// Whose messages are not shown.
    pub ignored: HashSet<UserName>,
    pub conversations: HashMap<Target, Conversation>,
    /// Ids of what was sent, or failed, until the outbox has been compared with them.
    pub settled: Option<HashSet<MessageId>>,
    era: u32,
    /// What each message is, hashed: from this store, and from those before it. A restored server
    /// may send again, under any number, what an earlier one had sent. The hash has random keys:
    /// nobody can write a message that is taken for another.
    hasher: RandomState,
    known_here: HashSet<u64>,
    known_before: HashSet<u64>,
    /// What was said in direct chats.
    known_directly: HashSet<u64>,
}

impl Memory {
    pub fn new(me: UserName) -> Self {
        Self {
            me,
            store: String::new(),
            last: Seq::ZERO,
            shown: 0,
            unshown: VecDeque::new(),
            ignored: HashSet::new(),
            conversations: HashMap::new(),
            settled: Some(HashSet::new()),
            era: 0,
            hasher: RandomState::new(),
            known_here: HashSet::new(),
            known_before: HashSet::new(),
            known_directly: HashSet::new(),
        }
    }

    pub fn apply(&mut self, entry: Entry) -> Change {
        match entry {
            Entry::Received(message) => self.received(message),
            Entry::Sent(message) => return Change::Sent(self.sent(message)),
            Entry::Past(message) => {
                self.known_here.insert(self.identity(&message));
                let target = self.place_of(&message);
                self.conversation(&target).add_received(message);
            }
            Entry::Direct(message) => {
                self.known_directly.insert(self.identity(&message));
                let target = self.place_of(&message);
                self.conversation(&target).add_direct(message);
            }
            Entry::Failed(message, why) => {
                self.settle(&message.id);
                self.conversation(&message.to.clone()).add_failed(message, why);
            }
            Entry::State { target, state, upto, .. } => {
                if let Some(moved) = self.conversation(&target).advance(state, upto) {
                    return Change::Moved(state, moved);
                }
            }
            Entry::Ignored(user, true) => _ = self.ignored.insert(user),
            Entry::Ignored(user, false) => _ = self.ignored.remove(&user),
            Entry::Gap(gap) => self.conversation(&Target::Room(gap.room.clone())).add_gap(gap),
            Entry::Shown(count) => self.shown_so_far(count),
            Entry::Position { store, last } => self.position(store, last),
        }
        Change::None
    }

    fn received(&mut self, message: Arc<Message>) {
        self.known_here.insert(self.identity(&message));
        self.unshown.push_back(message.clone());
        let target = self.place_of(&message);
        self.conversation(&target).add_received(message);
    }

    fn sent(&mut self, message: Arc<Message>) -> State {
        self.known_here.insert(self.identity(&message));
        self.settle(&message.id);
        self.conversation(&message.to).add_sent(message)
    }

    /// A message of mine that is in the history already: how far it has come.
    pub fn claim(&mut self, message: &Message) -> State {
        self.conversation(&message.to).claim(message.seq)
    }

    fn settle(&mut self, id: &MessageId) {
        if let Some(settled) = &mut self.settled {
            settled.insert(id.clone());
        }
    }

    fn shown_so_far(&mut self, count: u64) {
        while self.shown < count && self.unshown.pop_front().is_some() {
            self.shown += 1;
        }
    }

    fn position(&mut self, store: String, last: Seq) {
        // Another store, or an older copy of this one: numbers mean something else from here on.
        if !self.store.is_empty() && (self.store != store || last < self.last) {
            self.era += 1;
            self.known_before.extend(self.known_here.drain());
            self.conversations.values_mut().for_each(|c| c.begin_era(self.era));
        }
        (self.store, self.last) = (store, last);
    }

    /// Whether this message, come under a new number, is in the history already: from a store that
    /// was lost and restored, because I wrote it to myself, or from a direct chat.
    pub fn holds(&self, message: &Message) -> bool {
        let identity = self.identity(message);
        let mine = message.from == self.me && self.known_here.contains(&identity);
        mine || self.known_before.contains(&identity) || self.known_directly.contains(&identity)
    }

    /// Whether the message with this number is among the rows of its conversation: looked up before it came.
    pub fn has_row(&self, message: &Message) -> bool {
        self.conversations.get(&self.place_of(message)).is_some_and(|c| c.has(message.seq))
    }

    fn identity(&self, m: &Message) -> u64 {
        self.hasher.hash_one((&m.from, &m.to, &m.id, &m.text))
    }

    /// The conversation that a message belongs to, as I see it.
    pub fn place_of(&self, message: &Message) -> Target {
        match &message.to {
            Target::User(to) if *to == self.me => Target::User(message.from.clone()),
            target => target.clone(),
        }
    }

    fn conversation(&mut self, target: &Target) -> &mut Conversation {
        let era = self.era;
        self.conversations.entry(target.clone()).or_insert_with(|| Conversation::of_era(era))
    }
}
