//! The stored state: everything that the write-ahead log and the checkpoints can rebuild. Only `apply` changes it.

mod account;
mod conversation;
mod mailbox;
mod room;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

pub use account::{Account, AccountRow, Digest, SentMessage};
pub use conversation::{AccountNumber, Conversation, ConversationId, HistoryPrefix, Participants, RoomNumber};
pub use mailbox::Mailbox;
pub use room::{Dropped, Entry, Marks, Member, Room, RoomEvent, TargetNumber};

use super::ApplyError;
use crate::model::{NoSuchTarget, RoomName, Seq, Target, UserName};
use crate::protocol::Code;
use crate::protocol::request::RequestedTarget;

/// Upper bound of the bytes that an event takes in a reply beside its text.
pub(super) const EVENT_BYTES: usize = 256;

/// Accounts, rooms and conversations.
#[derive(Default)]
pub struct StoredState {
    /// The store's own name: a client that finds another one starts anew (protocol, section 6).
    pub store: Arc<str>,
    /// The newest sequence number given.
    pub last: Seq,
    pub(super) accounts: Vec<Account>,
    pub(super) account_numbers: HashMap<UserName, AccountNumber>,
    /// The accounts that were not removed, in the order of USERS.
    pub(super) active_accounts: BTreeMap<UserName, AccountNumber>,
    pub(super) rooms: Vec<Room>,
    /// In the order of ROOMS.
    pub(super) room_numbers: BTreeMap<RoomName, RoomNumber>,
    /// The direct conversations. Those of rooms are in [`Room::conversation`].
    pub(super) direct: HashMap<ConversationId, Conversation>,
    /// The accounts for which applied records have brought events since the list was last drained. Beside the
    /// state, not part of it: no checkpoint holds it.
    pub(super) notified: Vec<AccountNumber>,
}

impl StoredState {
    /// Makes the state of an empty store.
    pub fn new(store: Arc<str>) -> Self {
        Self { store, ..Self::default() }
    }

    /// Finds an account by name; a record or a session that names none is an error.
    pub fn number(&self, name: &UserName) -> Result<AccountNumber, ApplyError> {
        self.account_numbers.get(name).copied().ok_or_else(|| ApplyError(format!("there is no account {name}")))
    }

    /// Finds a room by name; a record that names none is an error.
    pub fn room_number(&self, name: &RoomName) -> Result<RoomNumber, ApplyError> {
        self.room_numbers.get(name).copied().ok_or_else(|| ApplyError(format!("there is no room {name}")))
    }

    // Account and room numbers are made only where an entry is added (those of a checkpoint are checked), and no
    // entry is ever removed: these four indices are always in range.

    pub fn account(&self, number: AccountNumber) -> &Account {
        &self.accounts[number.index()]
    }

    pub(super) fn account_mut(&mut self, number: AccountNumber) -> &mut Account {
        &mut self.accounts[number.index()]
    }

    pub fn room(&self, number: RoomNumber) -> &Room {
        &self.rooms[number.index()]
    }

    pub(super) fn room_mut(&mut self, number: RoomNumber) -> &mut Room {
        &mut self.rooms[number.index()]
    }

    /// Returns the name of an account, as its user registered it.
    pub fn name(&self, number: AccountNumber) -> UserName {
        self.account(number).row.name.clone()
    }

    /// Returns every name that is taken, with its password hash; `None` where the account was removed.
    pub fn password_hashes(&self) -> impl Iterator<Item = (&UserName, Option<&Arc<str>>)> {
        let rows = self.accounts.iter().map(|account| &account.row);
        rows.map(|row| (&row.name, row.removed_at.is_none().then_some(&row.password_hash)))
    }

    /// Returns a conversation, if it has had a message.
    pub fn conversation(&self, id: ConversationId) -> Option<&Conversation> {
        match id {
            ConversationId::Direct(..) => self.direct.get(&id),
            ConversationId::Room(room) => Some(&self.room(room).conversation),
        }
    }

    /// Finds an account that was not removed, for a request that can be refused.
    pub fn find_active_account(&self, name: &UserName) -> Result<AccountNumber, Code> {
        let number = self.account_numbers.get(name).copied();
        number.filter(|number| self.account(*number).row.removed_at.is_none()).ok_or(Code::NoUser)
    }

    /// Finds a room, for a request that can be refused.
    pub fn find_room(&self, room: &RequestedTarget) -> Result<RoomNumber, Code> {
        let Ok(Target::Room(name)) = room else { return Err(Code::NoRoom) };
        self.room_numbers.get(name).copied().ok_or(Code::NoRoom)
    }

    /// Finds the target of a request that can be refused. `user` has to be a member of a room to address it.
    pub fn find_target(&self, user: AccountNumber, target: &RequestedTarget) -> Result<TargetNumber, Code> {
        match target {
            Ok(Target::User(name)) => {
                self.account_numbers.get(name).copied().map(TargetNumber::User).ok_or(Code::NoUser)
            }
            Err(NoSuchTarget::User) => Err(Code::NoUser),
            Ok(Target::Room(_)) | Err(NoSuchTarget::Room) => {
                let room = self.find_room(target)?;
                if self.room(room).has_member(user) { Ok(TargetNumber::Room(room)) } else { Err(Code::NotMember) }
            }
        }
    }

    /// Returns the name of a target.
    pub fn target(&self, target: TargetNumber) -> Target {
        match target {
            TargetNumber::User(peer) => Target::User(self.name(peer)),
            TargetNumber::Room(room) => Target::Room(self.room(room).name.clone()),
        }
    }

    /// Returns the participants of a conversation.
    pub fn participants(&self, id: ConversationId) -> Participants {
        match id {
            ConversationId::Direct(low, high) => Participants::Two(self.name(low), self.name(high)),
            ConversationId::Room(room) => Participants::Room(self.room(room).name.clone()),
        }
    }
}
