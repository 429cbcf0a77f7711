//! The stored state of one account, with the message ids that its user has used.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest as _};

use super::conversation::{AccountNumber, RoomNumber};
use super::mailbox::Mailbox;
use crate::limits;
use crate::model::{Email, Message, MessageId, Seq, Target, Timestamp, UserName};

/// An account, removed or not, as the table of users in a checkpoint holds it.
#[derive(Clone)]
pub struct AccountRow {
    /// The name in the form in which the user registered it: the form that is shown.
    pub name: UserName,
    pub password_hash: Arc<str>,
    pub email: Email,
    pub created_at: Timestamp,
    /// Set for good when the account is removed. The name stays reserved, so that no successor reads its mail.
    pub removed_at: Option<Timestamp>,
    /// The time at which a RECV session of the user last began or ended.
    pub last_seen: Option<Timestamp>,
    /// Cumulative acknowledgement: every event up to this number was acknowledged and is not sent again.
    pub acknowledged: Seq,
}

/// An account with its mailbox, conversations and rooms.
pub struct Account {
    pub row: AccountRow,
    pub mailbox: Mailbox,
    pub sent: SentIds,
    /// The user's direct conversations by peer, each with the user's read mark: every message from the peer up to
    /// this number was read.
    pub chats: BTreeMap<AccountNumber, Seq>,
    /// The rooms that the user is a member of.
    pub rooms: BTreeSet<RoomNumber>,
}

impl Account {
    pub fn new(row: AccountRow) -> Self {
        let (mailbox, sent) = (Mailbox::default(), SentIds::default());
        Self { row, mailbox, sent, chats: BTreeMap::new(), rooms: BTreeSet::new() }
    }

    /// Returns the read mark of the conversation with a peer.
    pub fn read_upto(&self, peer: AccountNumber) -> Seq {
        self.chats.get(&peer).copied().unwrap_or_default()
    }
}

/// Digest of a message's recipient and text: equal for a retry, different for another message under the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    /// Computes the digest of a message.
    pub fn of(to: &Target, text: &str) -> Self {
        let (sign, name) = match to {
            Target::User(name) => ("", name.mapped()),
            Target::Room(name) => ("#", name.mapped()),
        };
        let mut hash = Blake2b::<U16>::new();
        // No name holds a line feed, so a name and a text cannot be confused.
        for part in [sign, name, "\n", text] {
            hash.update(part.as_bytes());
        }
        Self(u128::from_be_bytes(hash.finalize().into()))
    }

    /// Reads the digest as `Display` writes it: 32 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32).map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A message that was accepted: the fields of its reply, and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentMessage {
    pub seq: Seq,
    pub at: Timestamp,
    pub digest: Digest,
}

/// The newest ids of one sender: the 1,024 that the protocol promises.
#[derive(Default)]
pub struct SentIds {
    by_id: HashMap<MessageId, SentMessage>,
    oldest_first: VecDeque<MessageId>,
}

impl SentIds {
    /// Finds the message that was accepted under an id.
    pub fn get(&self, id: &MessageId) -> Option<SentMessage> {
        self.by_id.get(id).copied()
    }

    /// Adds the id of a message that was accepted.
    pub fn remember(&mut self, message: &Message) {
        let digest = Digest::of(&message.to, message.text.as_str());
        self.insert(message.id.clone(), SentMessage { seq: message.seq, at: message.at, digest });
    }

    /// Adds an id; above the limit the oldest is removed.
    pub fn insert(&mut self, id: MessageId, sent: SentMessage) {
        if self.oldest_first.len() >= limits::REMEMBERED_IDS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.oldest_first.push_back(id.clone());
        self.by_id.insert(id, sent);
    }

    /// Iterates over the ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&MessageId, SentMessage)> {
        self.oldest_first.iter().filter_map(|id| self.by_id.get(id).map(|sent| (id, *sent)))
    }
}
