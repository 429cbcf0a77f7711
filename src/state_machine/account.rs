//! One user's account.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::ids::SentIds;
use super::mailbox::Mailbox;
use super::{AccountNumber, RoomNumber};
use crate::model::{Email, Seq, Timestamp, UserName};

pub(super) struct Account {
    /// As she registered: the form she is shown in.
    pub name: UserName,
    pub password_hash: Arc<str>,
    pub email: Email,
    pub created_at: Timestamp,
    /// Set for good: her name stays reserved, so that no successor reads her mail.
    pub removed_at: Option<Timestamp>,
    /// When a RECV session of hers last began or ended.
    pub last_seen: Option<Timestamp>,
    pub mailbox: Mailbox,
    pub sent: SentIds,
    /// With whom she has talked.
    pub chats: HashMap<AccountNumber, Chat>,
    /// The rooms she is in.
    pub rooms: BTreeSet<RoomNumber>,
    /// How fast she is sending. Not stored.
    pub send_rate: SendRate,
}

/// One side of a conversation.
#[derive(Clone, Copy, Default)]
pub(super) struct Chat {
    /// She has seen everything there up to this number.
    pub read: Seq,
}

/// The second that a sender is in, and how much was sent in it.
#[derive(Clone, Copy, Default)]
pub(super) struct SendRate {
    pub second: u64,
    pub sent: u32,
}

impl Account {
    pub fn new(name: UserName, password_hash: Arc<str>, created_at: Timestamp) -> Self {
        Self {
            name,
            password_hash,
            email: Email::default(),
            created_at,
            removed_at: None,
            last_seen: None,
            mailbox: Mailbox::default(),
            sent: SentIds::default(),
            chats: HashMap::new(),
            rooms: BTreeSet::new(),
            send_rate: SendRate::default(),
        }
    }

    pub fn read_upto(&self, peer: AccountNumber) -> Seq {
        self.chats.get(&peer).map_or(Seq::ZERO, |chat| chat.read)
    }
}
