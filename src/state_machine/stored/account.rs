//! The stored state of one account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ids::SentIds;
use super::mailbox::Mailbox;
use super::{AccountNumber, RoomNumber};
use crate::model::{Email, Seq, Timestamp, UserName};

/// An account, removed or not.
pub(in crate::state_machine) struct Account {
    /// The name in the form in which the user registered it: the form that is shown.
    pub name: UserName,
    pub password_hash: Arc<str>,
    pub email: Email,
    pub created_at: Timestamp,
    /// Set for good when the account is removed. The name stays reserved, so that no successor reads its mail.
    pub removed_at: Option<Timestamp>,
    /// The time at which a RECV session of the user last began or ended.
    pub last_seen: Option<Timestamp>,
    pub mailbox: Mailbox,
    pub sent: SentIds,
    /// The user's direct conversations by peer, each with the user's read mark: every message from the peer up to
    /// this number was read.
    pub chats: BTreeMap<AccountNumber, Seq>,
    /// The rooms that the user is a member of.
    pub rooms: BTreeSet<RoomNumber>,
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
            chats: BTreeMap::new(),
            rooms: BTreeSet::new(),
        }
    }

    /// Returns the read mark of the conversation with a peer.
    pub fn read_upto(&self, peer: AccountNumber) -> Seq {
        self.chats.get(&peer).copied().unwrap_or_default()
    }
}
