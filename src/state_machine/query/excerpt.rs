//! Excerpts of conversations: for HISTORY, STATUS and READ, whose older messages are read from the history file.

use std::sync::Arc;

use crate::model::{Message, Seq, State, UserName};
use crate::protocol::Status;
use crate::state_machine::stored::{ConversationId, HistoryPrefix, Marks, Participants, StoredState, TargetNumber};
use crate::state_machine::{AccountNumber, RoomNumber};

/// The number of the peer's last message up to the one that a READ names. The state machine knows it for the
/// messages in memory; for those in the history file the file is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastOfPeer {
    NotLookedUp,
    Found(Option<Seq>),
}

/// Part of a conversation: the newest messages in memory, the valid prefix of the history file, and the watermarks.
/// The router does not read the file.
#[derive(Clone, Debug)]
pub struct Excerpt {
    pub conversation: ConversationId,
    pub participants: Participants,
    pub filed: HistoryPrefix,
    /// Oldest first.
    pub rows: Vec<Arc<Message>>,
    pub me: UserName,
    /// The watermarks of each sender.
    marks: Vec<(UserName, Marks)>,
    /// The recipients of messages from `me`.
    readers: Vec<Reader>,
}

/// A recipient of the messages in a conversation.
#[derive(Clone, Debug)]
struct Reader {
    name: UserName,
    /// The messages above this number are for the recipient.
    since: Seq,
    has: Marks,
}

impl Excerpt {
    /// Returns the state of a message of this conversation.
    pub fn state_of(&self, message: &Message) -> State {
        self.marks_of(&message.from).state_of(message.seq)
    }

    fn marks_of(&self, sender: &UserName) -> Marks {
        self.marks.iter().find(|(name, _)| name == sender).map_or(Marks::default(), |(_, marks)| *marks)
    }

    /// Returns the state of the message with this number, sent by `me`, for each recipient.
    pub fn statuses(&self, seq: Seq) -> Vec<Status> {
        let recipients = self.readers.iter().filter(|reader| reader.since < seq);
        recipients.map(|reader| Status { user: reader.name.clone(), state: reader.has.state_of(seq) }).collect()
    }

    /// Returns the peer of a direct conversation, and the number up to which `me` has read the peer's messages.
    pub fn peer(&self) -> Option<(&UserName, Seq)> {
        let peer = &self.readers.first()?.name;
        Some((peer, self.marks_of(peer).read))
    }
}

impl StoredState {
    /// Returns at most `limit` of the messages in memory, the newest ones below `before`.
    pub fn excerpt(&self, me: AccountNumber, target: TargetNumber, limit: usize, before: Option<Seq>) -> Excerpt {
        let conversation = super::lists::conversation_of(me, target);
        let stored = self.conversation(conversation);
        let rows = stored.map_or(&[][..], |c| &c.rows);
        let end = before.map_or(rows.len(), |before| rows.partition_point(|row| row.seq < before));
        let rows = rows.get(end.saturating_sub(limit)..end).unwrap_or_default().to_vec();
        let (marks, readers) = match target {
            TargetNumber::User(peer) => self.marks_between(me, peer),
            TargetNumber::Room(room) => self.marks_in(me, room),
        };
        let filed = stored.map_or(HistoryPrefix::default(), |c| c.filed);
        let participants = self.participants(conversation);
        Excerpt { conversation, participants, filed, rows, me: self.name(me), marks, readers }
    }

    fn marks_between(&self, me: AccountNumber, peer: AccountNumber) -> (Vec<(UserName, Marks)>, Vec<Reader>) {
        let (mine, theirs) = (self.account(me), self.account(peer));
        let my_marks = Marks { delivered: theirs.row.acknowledged, read: theirs.read_upto(me) };
        let peer_marks = Marks { delivered: mine.row.acknowledged, read: mine.read_upto(peer) };
        let reader = Reader { name: theirs.row.name.clone(), since: Seq::ZERO, has: my_marks };
        (vec![(mine.row.name.clone(), my_marks), (theirs.row.name.clone(), peer_marks)], vec![reader])
    }

    fn marks_in(&self, me: AccountNumber, room: RoomNumber) -> (Vec<(UserName, Marks)>, Vec<Reader>) {
        let room = self.room(room);
        let marks = room.marks.iter().map(|(sender, marks)| (self.name(*sender), *marks));
        let others = room.members.iter().filter(|(member, _)| **member != me);
        let readers = others.map(|(number, member)| Reader {
            name: self.name(*number),
            since: member.joined,
            has: Marks { delivered: member.acknowledged, read: member.read },
        });
        (marks.collect(), readers.collect())
    }

    /// Finds the peer's last message up to a number, as far as memory holds the conversation.
    pub fn last_of_peer(&self, me: AccountNumber, peer: AccountNumber, upto: Seq) -> LastOfPeer {
        let Some(conversation) = self.conversation(ConversationId::between(me, peer)) else {
            return LastOfPeer::Found(None);
        };
        let name = &self.account(peer).row.name;
        let end = conversation.rows.partition_point(|row| row.seq <= upto);
        let rows = conversation.rows.get(..end).unwrap_or_default();
        match rows.iter().rev().find(|row| row.from == *name) {
            Some(row) => LastOfPeer::Found(Some(row.seq)),
            None if conversation.filed.bytes == 0 => LastOfPeer::Found(None),
            None => LastOfPeer::NotLookedUp,
        }
    }
}
