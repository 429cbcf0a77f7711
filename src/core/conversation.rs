//! What was said between two users: the rows that are in no history file yet, and what is known of
//! the file.

use std::fmt;
use std::sync::Arc;

use super::{AccountNumber, AccountRow, Core};
use crate::model::{Message, Seq, State, UserName};
use crate::protocol::HistoryRecord;

/// Between whom. The same for both, and the name of the history file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationId {
    /// The lower account number first; a user alone with herself has it twice.
    Direct(AccountNumber, AccountNumber),
}

impl ConversationId {
    pub fn between(one: AccountNumber, other: AccountNumber) -> Self {
        Self::Direct(one.min(other), one.max(other))
    }

    /// Between whom, by the accounts in their order; `None` if one is not there.
    pub fn talkers(self, accounts: &[AccountRow]) -> Option<[&UserName; 2]> {
        let Self::Direct(low, high) = self;
        Some([&accounts.get(low.index())?.name, &accounts.get(high.index())?.name])
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (low, high) = text.strip_prefix("direct-")?.split_once('-')?;
        Some(Self::between(AccountNumber::parse(low)?, AccountNumber::parse(high)?))
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Direct(low, high) = self;
        write!(f, "direct-{low}-{high}")
    }
}

/// How much of a conversation's history file is good. Anything past it is the work of a checkpoint
/// that is not finished: nobody reads it, and the next checkpoint cuts it off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filed {
    pub bytes: u64,
    /// A CRC-32 of those bytes, continued with every row that is added.
    pub checksum: u32,
    /// The number of its last row.
    pub upto: Seq,
}

#[derive(Default)]
pub(super) struct Conversation {
    pub filed: Filed,
    /// Oldest first. Bounded by the size of the journal that no checkpoint covers.
    pub rows: Vec<Arc<Message>>,
}

impl Conversation {
    pub fn add(&mut self, message: Arc<Message>) {
        self.rows.push(message);
    }

    /// The number of the last message there.
    pub fn last(&self) -> Seq {
        self.rows.last().map_or(self.filed.upto, |row| row.seq)
    }

    pub fn file_now_holds(&mut self, filed: Filed) {
        self.filed = filed;
        let kept = self.rows.split_off(self.rows.partition_point(|row| row.seq <= filed.upto));
        self.rows = kept;
    }
}

/// What a READ needs to know: the number of the peer's last message up to the one that was read.
/// Core knows it for the rows in memory; for those in the file a connection's thread looks it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastOfPeer {
    NotLookedUp,
    Found(Option<Seq>),
}

/// What core knows of a conversation, handed to a connection's thread: the newest rows in memory,
/// where the file is, and where the marks stand. The file is read there, not by the router.
#[derive(Clone, Debug)]
pub struct Excerpt {
    pub conversation: ConversationId,
    pub filed: Filed,
    /// Oldest first.
    pub rows: Vec<Arc<Message>>,
    pub me: UserName,
    pub peer: UserName,
    /// What I have sent there, as the peer has it.
    my_marks: Marks,
    /// What the peer has sent there, as I have it.
    peer_marks: Marks,
}

#[derive(Clone, Copy, Debug)]
struct Marks {
    delivered: Seq,
    read: Seq,
}

impl Marks {
    fn state_of(self, seq: Seq) -> State {
        match seq {
            seq if seq <= self.read => State::Read,
            seq if seq <= self.delivered => State::Delivered,
            _ => State::Received,
        }
    }
}

impl Excerpt {
    /// How far a message of this conversation has come.
    pub fn state_of(&self, message: &Message) -> State {
        let marks = if message.from == self.me { self.my_marks } else { self.peer_marks };
        marks.state_of(message.seq)
    }

    pub fn record(&self, message: Arc<Message>) -> HistoryRecord {
        HistoryRecord { state: self.state_of(&message), message }
    }

    /// How far I had read there.
    pub fn read_before(&self) -> Seq {
        self.peer_marks.read
    }
}

impl Core {
    /// At most `limit` rows below `before`, the newest of those in memory.
    pub(super) fn excerpt(&self, me: AccountNumber, peer: AccountNumber, limit: usize, before: Option<Seq>) -> Excerpt {
        let conversation = ConversationId::between(me, peer);
        let known = self.conversations.get(&conversation);
        let rows = known.map_or(&[][..], |c| &c.rows);
        let end = before.map_or(rows.len(), |before| rows.partition_point(|row| row.seq < before));
        let rows = rows.get(end.saturating_sub(limit)..end).unwrap_or_default().to_vec();
        let (mine, theirs) = (self.account(me), self.account(peer));
        Excerpt {
            conversation,
            filed: known.map_or(Filed::default(), |c| c.filed),
            rows,
            me: mine.name.clone(),
            peer: theirs.name.clone(),
            my_marks: Marks { delivered: theirs.mailbox.acknowledged(), read: theirs.read_upto(me) },
            peer_marks: Marks { delivered: mine.mailbox.acknowledged(), read: mine.read_upto(peer) },
        }
    }

    /// The number of the last message between two.
    pub(super) fn last_between(&self, one: AccountNumber, other: AccountNumber) -> Seq {
        self.conversations.get(&ConversationId::between(one, other)).map_or(Seq::ZERO, Conversation::last)
    }

    /// The peer's last message up to a number, as far as memory tells.
    pub(super) fn last_of_peer(&self, me: AccountNumber, peer: AccountNumber, upto: Seq) -> LastOfPeer {
        let Some(conversation) = self.conversations.get(&ConversationId::between(me, peer)) else {
            return LastOfPeer::Found(None);
        };
        let name = &self.account(peer).name;
        let end = conversation.rows.partition_point(|row| row.seq <= upto);
        let rows = conversation.rows.get(..end).unwrap_or_default();
        match rows.iter().rev().find(|row| row.from == *name) {
            Some(row) => LastOfPeer::Found(Some(row.seq)),
            None if conversation.filed.bytes == 0 => LastOfPeer::Found(None),
            None => LastOfPeer::NotLookedUp,
        }
    }
}
