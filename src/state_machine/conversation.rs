//! What was said between two users, or in a room: the rows that are in no history file yet, and what is known of
//! the file.

use std::fmt;
use std::sync::Arc;

use super::RoomNumber;
use super::{AccountNumber, AccountRow, RoomRow, StateMachine};
use crate::model::{Message, RoomName, Seq, State, Target, UserName};
use crate::protocol::{HistoryRecord, Status};

/// Where it is: between whom (the same for both), or in which room. The name of the history file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationId {
    /// The lower account number first; a user alone with herself has it twice.
    Direct(AccountNumber, AccountNumber),
    Room(RoomNumber),
}

/// A place that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum TargetNumber {
    User(AccountNumber),
    Room(RoomNumber),
}

impl ConversationId {
    pub fn between(one: AccountNumber, other: AccountNumber) -> Self {
        Self::Direct(one.min(other), one.max(other))
    }

    /// Between whom, or in which room, by the accounts and rooms in their order; `None` if one is not there.
    pub fn participants(self, accounts: &[AccountRow], rooms: &[RoomRow]) -> Option<Participants> {
        let user = |number: AccountNumber| accounts.get(number.index()).map(|row| row.name.clone());
        Some(match self {
            Self::Direct(low, high) => Participants::Two(user(low)?, user(high)?),
            Self::Room(room) => Participants::Room(rooms.get(room.index())?.name.clone()),
        })
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(number) = text.strip_prefix("room-") {
            return RoomNumber::parse(number).map(Self::Room);
        }
        let (low, high) = text.strip_prefix("direct-")?.split_once('-')?;
        Some(Self::between(AccountNumber::parse(low)?, AccountNumber::parse(high)?))
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(low, high) => write!(f, "direct-{low}-{high}"),
            Self::Room(number) => write!(f, "room-{number}"),
        }
    }
}

/// Who talks in a conversation, for people who look at its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Participants {
    Two(UserName, UserName),
    Room(RoomName),
}

impl Participants {
    /// Whether a message belongs there.
    pub fn said(&self, message: &Message) -> bool {
        match (self, &message.to) {
            (Self::Two(one, other), Target::User(to)) => {
                (&message.from, to) == (one, other) || (&message.from, to) == (other, one)
            }
            (Self::Room(room), Target::Room(to)) => room == to,
            _ => false,
        }
    }
}

impl fmt::Display for Participants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Two(one, other) => write!(f, "{one};{other}"),
            Self::Room(room) => room.fmt(f),
        }
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
    /// Oldest first. Bounded by the size of the write-ahead log that no checkpoint covers.
    pub rows: Vec<Arc<Message>>,
}

impl Conversation {
    pub fn add(&mut self, message: Arc<Message>) {
        self.rows.push(message);
    }

    /// The message of this number, if memory holds it.
    pub fn row(&self, seq: Seq) -> Option<&Arc<Message>> {
        self.rows.binary_search_by_key(&seq, |row| row.seq).ok().and_then(|index| self.rows.get(index))
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
/// The state machine knows it for the rows in memory; for those in the file a connection's thread looks it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastOfPeer {
    NotLookedUp,
    Found(Option<Seq>),
}

/// What the state machine knows of a conversation, handed to a connection's thread: the newest rows in memory,
/// where the file is, and where the marks stand. The file is read there, not by the router.
#[derive(Clone, Debug)]
pub struct Excerpt {
    pub conversation: ConversationId,
    pub filed: Filed,
    /// Oldest first.
    pub rows: Vec<Arc<Message>>,
    pub me: UserName,
    /// How far what each sender has sent there has come.
    marks: Vec<(UserName, Marks)>,
    /// Whom a message of mine there is for.
    readers: Vec<Reader>,
}

/// How far the messages of one sender in one place have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub delivered: Seq,
    pub read: Seq,
}

/// One whom messages of a place are for.
#[derive(Clone, Debug)]
struct Reader {
    name: UserName,
    /// Those above this number.
    since: Seq,
    has: Marks,
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
        let marks = self.marks.iter().find(|(sender, _)| *sender == message.from).map(|(_, marks)| *marks);
        marks.unwrap_or_default().state_of(message.seq)
    }

    pub fn record(&self, message: Arc<Message>) -> HistoryRecord {
        HistoryRecord { state: self.state_of(&message), message }
    }

    /// How far a message of mine has come, for each one it was for.
    pub fn statuses(&self, seq: Seq) -> Vec<Status> {
        let was_for = self.readers.iter().filter(|reader| reader.since < seq);
        was_for.map(|reader| Status { user: reader.name.clone(), state: reader.has.state_of(seq) }).collect()
    }

    /// The other side of a conversation of two, and how far I had read there.
    pub fn peer(&self) -> Option<(&UserName, Seq)> {
        let peer = &self.readers.first()?.name;
        let marks = self.marks.iter().find(|(sender, _)| sender == peer).map(|(_, marks)| *marks);
        Some((peer, marks.unwrap_or_default().read))
    }
}

impl StateMachine {
    /// At most `limit` rows below `before`, the newest of those in memory.
    pub(super) fn excerpt(
        &self,
        me: AccountNumber,
        target: TargetNumber,
        limit: usize,
        before: Option<Seq>,
    ) -> Excerpt {
        let conversation = conversation_of(me, target);
        let known = self.conversations.get(&conversation);
        let rows = known.map_or(&[][..], |c| &c.rows);
        let end = before.map_or(rows.len(), |before| rows.partition_point(|row| row.seq < before));
        let rows = rows.get(end.saturating_sub(limit)..end).unwrap_or_default().to_vec();
        let (marks, readers) = match target {
            TargetNumber::User(peer) => self.marks_between(me, peer),
            TargetNumber::Room(room) => self.marks_in(me, room),
        };
        let filed = known.map_or(Filed::default(), |c| c.filed);
        Excerpt { conversation, filed, rows, me: self.account(me).name.clone(), marks, readers }
    }

    fn marks_between(&self, me: AccountNumber, peer: AccountNumber) -> (Vec<(UserName, Marks)>, Vec<Reader>) {
        let (mine, theirs) = (self.account(me), self.account(peer));
        let my_marks = Marks { delivered: theirs.mailbox.acknowledged(), read: theirs.read_upto(me) };
        let peer_marks = Marks { delivered: mine.mailbox.acknowledged(), read: mine.read_upto(peer) };
        let reader = Reader { name: theirs.name.clone(), since: Seq::ZERO, has: my_marks };
        (vec![(mine.name.clone(), my_marks), (theirs.name.clone(), peer_marks)], vec![reader])
    }

    fn marks_in(&self, me: AccountNumber, room: RoomNumber) -> (Vec<(UserName, Marks)>, Vec<Reader>) {
        let room = self.room(room);
        let marks = room.marks.iter().map(|(sender, marks)| (self.account(*sender).name.clone(), *marks));
        let others = room.members.iter().filter(|(member, _)| **member != me);
        let readers = others.map(|(member, target)| Reader {
            name: self.account(*member).name.clone(),
            since: target.joined,
            has: Marks { delivered: target.acknowledged, read: target.read },
        });
        (marks.collect(), readers.collect())
    }

    /// The number of the last message in a place.
    pub(super) fn last_in(&self, me: AccountNumber, target: TargetNumber) -> Seq {
        self.conversations.get(&conversation_of(me, target)).map_or(Seq::ZERO, Conversation::last)
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

fn conversation_of(me: AccountNumber, target: TargetNumber) -> ConversationId {
    match target {
        TargetNumber::User(peer) => ConversationId::between(me, peer),
        TargetNumber::Room(room) => ConversationId::Room(room),
    }
}
