//! The stored state: everything that the write-ahead log and the checkpoints can rebuild. Only `apply` changes it.

mod account;
mod account_names;
mod bans;
mod conversation;
mod device;
mod erasures;
mod length;
mod look_alikes;
mod mailbox;
mod numbers;
mod rights;
mod room;
mod sent_ids;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

pub use account::{Account, AccountRow, Chat};
use account_names::AccountNames;
pub use bans::{Ban, Bans};
pub use conversation::{Conversation, ConversationId, HistoryPrefix, Participants, RemovedRows};
pub use device::{Device, DeviceClock, DeviceNumber, Devices, SessionKey};
pub use erasures::Erasure;
use look_alikes::LookAlikes;
pub use mailbox::{ErasedEvent, OwnMessage, WaitingEvent, WaitingMessage};
pub use numbers::{AccountNumber, RoomNumber};
pub use rights::{Permits, Rights};
pub use room::{Dropped, Entry, Marks, Member, Room, RoomEvent, TargetNumber};
pub use sent_ids::{Digest, IdHash, IdKey, SentMessage};
pub use usage::Usage;

pub(super) use length::EVENT_BYTES;
pub use length::length_in_reply;

use super::error::ApplyError;
use crate::cluster::Chain;
use crate::limits;
use crate::model::look::{check_new, check_new_account, looks};
use crate::model::{Message, MessageId, NoSuchTarget, RoomKind, RoomName, Seq, Target, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, Ko};

/// Returns the refusal of a new name that looks like another one.
pub fn looks_like(other: &impl std::fmt::Display) -> Ko {
    Ko::new(Code::Name, format!("that name looks like {other}, which is taken; choose another one"))
}

/// The room of which every new account is a member.
pub(super) const LOBBY: &str = "#lobby";

/// Most entries of the lists of the stored state that have an end. `apply` looks at them: a replay under others would
/// lead to another state. So a server always has the defaults; tests have smaller ones, whose ends a short history
/// reaches.
#[derive(Clone, Copy, Debug)]
pub struct Capacities {
    /// Messages in the log of a room.
    pub room_log: usize,
    /// Message ids of one sender; at most 65,535.
    pub remembered_ids: usize,
    /// Events that a mailbox keeps for devices alone. This one only `decide` looks at.
    pub device_events: usize,
}

impl Default for Capacities {
    fn default() -> Self {
        Self {
            room_log: limits::ROOM_BACKLOG,
            remembered_ids: limits::REMEMBERED_IDS,
            device_events: limits::DEVICE_EVENTS,
        }
    }
}

/// Accounts, rooms and conversations.
#[derive(Default)]
pub struct StoredState {
    /// The store's own name: a client that finds another one starts anew (protocol, section 6).
    pub store: Arc<str>,
    /// The position in the log of the cluster; `None`: the store is in none.
    pub chain: Option<Chain>,
    pub(super) capacities: Capacities,
    /// The key of the hashes that stand for message ids. The log has the ids themselves.
    pub(super) id_key: IdKey,
    /// The newest sequence number given.
    pub last: Seq,
    pub(super) accounts: Vec<Account>,
    pub(super) account_names: AccountNames,
    /// The accounts that were not removed, in the order of USERS.
    pub(super) active_accounts: BTreeMap<UserName, AccountNumber>,
    /// All names that are taken, by how they look: those of removed accounts, too. `None` until a state machine decides
    /// something with them: a checkpoint is made without.
    pub(super) account_looks: Option<LookAlikes<AccountNumber>>,
    pub(super) rooms: Vec<Room>,
    /// The names of the open rooms, by how they look.
    pub(super) room_looks: LookAlikes<RoomNumber>,
    /// The open rooms, in the order of ROOMS.
    pub(super) room_numbers: BTreeMap<RoomName, RoomNumber>,
    /// Those of them that everybody may join.
    pub(super) public_rooms: BTreeMap<RoomName, RoomNumber>,
    /// The place of the newest entry among all invitations and all who are kept out of a room.
    pub(super) guests: u64,
    /// The number of messages in all removed rooms of a name. CHATS goes on counting from it, so that a client which knew a
    /// removed room does not take its count for that of the room which has the name now.
    pub(super) removed_counts: HashMap<RoomName, RemovedCounts>,
    /// The places in `rooms` that hold no room.
    pub(super) free_rooms: BTreeSet<RoomNumber>,
    /// The direct conversations. Those of rooms are in [`Room::conversation`].
    pub(super) direct: HashMap<ConversationId, Conversation>,
    /// The highest number up to which retention has removed messages in a conversation.
    pub(super) removed_upto: Seq,
    pub bans: Bans,
    pub(super) device_clock: DeviceClock,
    /// Number of entries of messages that were taken back, and whose rows may have a text in a history file.
    pub(super) unfiled_erasures: usize,
    /// The write-ahead log may have what was known of users whose accounts were removed. Beside the state.
    pub(super) has_unfiled_removals: bool,
    /// Number of times that texts have left the history files, or rows the memory that were taken back: what was read before
    /// may have them, and no entry says so any more. Beside the state.
    pub(super) rewritings: u64,
    /// The accounts for which applied records have brought events since the list was last drained. Beside the
    /// state, not part of it: no checkpoint holds it.
    pub(super) notified: Vec<AccountNumber>,
    /// The accounts of which applied records have made the mailbox keep more for devices than it may. Beside the state, too.
    pub(super) crowded: Vec<AccountNumber>,
    /// Beside the state, like `notified`.
    pub tally: Tally,
}

/// Counts of the messages of removed rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovedCounts {
    pub messages: u64,
    /// Those of them that were taken back.
    pub erased: u64,
}

/// Counts for the metrics of a server: what records have changed since it started, and what waits now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that were accepted.
    pub received: u64,
    /// Messages that a recipient has acknowledged, once for each recipient.
    pub delivered: u64,
    /// STATE events.
    pub receipts_delivered: u64,
    pub receipts_read: u64,
    /// The direct messages in all mailboxes.
    pub waiting: Usage,
}

impl StoredState {
    /// Makes the state of an empty store.
    pub fn new(store: Arc<str>) -> Self {
        Self::with_capacities(store, Capacities::default())
    }

    /// Makes the state of an empty store with other capacities, for tests.
    pub fn with_capacities(store: Arc<str>, capacities: Capacities) -> Self {
        Self { store, capacities, ..Self::default() }
    }

    /// Sets the key of the hashes of message ids, before the first id.
    #[must_use]
    pub fn with_id_key(self, id_key: IdKey) -> Self {
        Self { id_key, ..self }
    }

    /// Gives the store another name, which the digests of the devices' keys have in them.
    pub fn rename(&mut self, store: Arc<str>) {
        self.store = store;
        self.accounts.iter_mut().for_each(|account| account.devices.forget_keys());
    }

    /// Sorts the names of the accounts by how they look, for [`StoredState::check_new_account`].
    pub(super) fn sort_looks(&mut self) {
        let numbered = self.accounts().enumerate().map(|(index, row)| (&row.name, AccountNumber::new(index)));
        self.account_looks = Some(LookAlikes::of(&numbered.collect::<Vec<_>>()));
    }

    /// Begins the tally of a server: nothing was counted, and this waits.
    pub(super) fn begin_tally(&mut self) {
        let mut waiting = Usage::default();
        self.accounts.iter().for_each(|account| waiting.add_usage(account.mailbox.messages()));
        self.tally = Tally { waiting, ..Tally::default() };
    }

    /// Returns the number of accounts that were not removed.
    pub fn account_count(&self) -> usize {
        self.active_accounts.len()
    }

    /// Returns the number of open rooms.
    pub fn room_count(&self) -> usize {
        self.room_numbers.len()
    }

    /// Finds an account by name; a record or a session that names none is an error.
    pub fn number(&self, name: &UserName) -> Result<AccountNumber, ApplyError> {
        self.find_account(name).ok_or_else(|| ApplyError(format!("there is no account {name}")))
    }

    /// Finds an account by name, removed or not.
    pub(super) fn find_account(&self, name: &UserName) -> Option<AccountNumber> {
        self.account_names.find(&self.accounts, name)
    }

    /// Finds a room by name; a record that names none is an error.
    pub fn room_number(&self, name: &RoomName) -> Result<RoomNumber, ApplyError> {
        self.room_numbers.get(name).copied().ok_or_else(|| ApplyError(format!("there is no room {name}")))
    }

    /// Finds the target of a record or a message; one that names none is an error.
    pub fn target_number(&self, target: &Target) -> Result<TargetNumber, ApplyError> {
        match target {
            Target::User(user) => self.number(user).map(TargetNumber::User),
            Target::Room(room) => self.room_number(room).map(TargetNumber::Room),
        }
    }

    // Account and room numbers are made only where an entry is added (those of a checkpoint are checked), and no
    // entry is ever removed (a room that is gone leaves its place): these four indices are always in range.

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

    /// Finds the message that a user has sent under an id, if the id is remembered.
    pub fn find_sent(&self, user: AccountNumber, id: &MessageId) -> Option<SentMessage> {
        self.accounts.get(user.index())?.sent.get(self.id_key.hash(id))
    }

    /// Returns every account there ever was, in the order of registration.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountRow> {
        self.accounts.iter().map(|account| &account.row)
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
            ConversationId::Room(room) => self.rooms.get(room.index()).map(|room| &room.conversation),
        }
    }

    pub(super) fn conversation_mut(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        match id {
            ConversationId::Direct(..) => self.direct.get_mut(&id),
            ConversationId::Room(room) => self.rooms.get_mut(room.index()).map(|room| &mut room.conversation),
        }
    }

    /// Returns how many entries of messages that were taken back may have a text in a history file.
    pub fn unfiled_erasures(&self) -> usize {
        self.unfiled_erasures
    }

    /// Returns whether the files may have what a clean-up removes: texts that were taken back, and what was known of users whose
    /// accounts were removed.
    pub fn has_to_clean(&self) -> bool {
        self.unfiled_erasures > 0 || self.has_unfiled_removals
    }

    /// Notes that a checkpoint will cover the whole log.
    pub fn note_log_covered(&mut self) {
        self.has_unfiled_removals = false;
    }

    /// Returns the number of times that texts have left the history files since the start.
    pub fn rewritings(&self) -> u64 {
        self.rewritings
    }

    /// Finds an account that was not removed, for a request that can be refused.
    pub fn find_active_account(&self, name: &UserName) -> Result<AccountNumber, Code> {
        self.find_account(name).filter(|number| self.account(*number).row.removed_at.is_none()).ok_or(Code::NoUser)
    }

    /// Returns those whom a user lets call (`true`), and those whom not.
    pub fn permits(&self, user: AccountNumber) -> impl Iterator<Item = (UserName, bool)> {
        self.account(user).permits.iter().map(|(caller, permitted)| (self.name(caller), permitted))
    }

    /// Checks that a new account may have a name, which no account has.
    pub fn check_new_account(&self, name: &UserName) -> Result<(), Ko> {
        check_new_account(name).map_err(|error| Ko::new(Code::Name, error))?;
        let found = self.account_looks.as_ref().and_then(|names| names.find(name, AccountNumber::new(0)));
        found.map_or(Ok(()), |other| Err(looks_like(&self.account(other).row.name)))
    }

    /// Checks that a new room of a user may have a name, which no room has. The lobby always counts as one. The name of a
    /// room that the user must not know is not told.
    pub fn check_new_room(&self, user: AccountNumber, name: &RoomName) -> Result<(), Ko> {
        check_new(name.without_sign()).map_err(|error| Ko::new(Code::Name, error))?;
        let found = self.room_looks.find(name.without_sign(), RoomNumber::new(0));
        let lobby = RoomName::new(LOBBY).ok().filter(|lobby| lobby != name);
        let is_lobby = |lobby: &RoomName| {
            looks(name.without_sign()).any(|look| looks(lobby.without_sign()).any(|lobby| lobby == look))
        };
        if found.is_some_and(|other| !self.is_visible(other, user)) {
            return Err(looks_like(&"another one"));
        }
        let other = found.map(|other| self.room(other).name.clone()).or_else(|| lobby.filter(is_lobby));
        other.map_or(Ok(()), |other| Err(looks_like(&other)))
    }

    /// Returns whether a user may know of a room.
    pub fn is_visible(&self, room: RoomNumber, user: AccountNumber) -> bool {
        let room = self.room(room);
        let is_known =
            room.rights.kind == RoomKind::Open || room.has_member(user) || room.rights.invited.contains(user);
        room.is_open && is_known
    }

    /// Returns whether a user may become a member of a room.
    pub fn may_join(&self, room: RoomNumber, user: AccountNumber) -> bool {
        let rights = &self.room(room).rights;
        let is_open = rights.kind == RoomKind::Open && !rights.kept_out.contains(user);
        is_open || rights.invited.contains(user)
    }

    /// Returns whether an event that was read for a user is still for that user: one of a room has come after the user joined.
    pub fn still_receives(&self, user: AccountNumber, event: &Event) -> bool {
        let is_own = |message: &Message| message.from == self.account(user).row.name;
        let (room, is_own) = match event {
            Event::Message(message) => (message.to.room(), is_own(message)),
            Event::State { target, .. } => (target.room(), true),
            Event::Damaged { target, .. } => (target.room(), false),
            Event::Gap { room, .. } => (Some(room), false),
            Event::Erased { target, .. } => (target.room(), false),
            _ => (None, false),
        };
        let Some(room) = room else { return true };
        let Some(number) = self.room_numbers.get(room).copied() else { return false };
        match self.room(number).members.get(&user) {
            Some(member) => is_own || member.joined < event.seq(),
            None => is_own && self.is_told_of_room(number, user),
        }
    }

    /// Returns whether a user gets the STATEs and own messages of a room: a member does, and one who has left an open room, but
    /// nobody who was put out.
    pub fn is_told_of_room(&self, room: RoomNumber, user: AccountNumber) -> bool {
        let room = self.room(room);
        let has_left = || room.rights.kind == RoomKind::Open && !room.rights.kept_out.contains(user);
        room.has_member(user) || has_left()
    }

    /// Finds a room that a user may know of, for a request that can be refused.
    pub fn find_visible_room(&self, user: AccountNumber, room: &RequestedTarget) -> Result<RoomNumber, Code> {
        self.find_room(room).and_then(|room| if self.is_visible(room, user) { Ok(room) } else { Err(Code::NoRoom) })
    }

    /// Finds a room, for a request that can be refused.
    pub fn find_room(&self, room: &RequestedTarget) -> Result<RoomNumber, Code> {
        let Ok(Target::Room(name)) = room else { return Err(Code::NoRoom) };
        self.room_numbers.get(name).copied().ok_or(Code::NoRoom)
    }

    /// Finds the target of a request that can be refused. `user` has to be a member of a room to address it.
    pub fn find_target(&self, user: AccountNumber, target: &RequestedTarget) -> Result<TargetNumber, Code> {
        match target {
            Ok(Target::User(name)) => self.find_account(name).map(TargetNumber::User).ok_or(Code::NoUser),
            Err(NoSuchTarget::User) => Err(Code::NoUser),
            Ok(Target::Room(_)) | Err(NoSuchTarget::Room) => {
                let room = self.find_visible_room(user, target)?;
                if self.room(room).has_member(user) { Ok(TargetNumber::Room(room)) } else { Err(Code::NotMember) }
            }
        }
    }

    /// Checks that a sender is a stranger to a recipient: the recipient has never written to the sender, and they share no
    /// room but the lobby (protocol, section 7).
    pub fn is_stranger(&self, sender: AccountNumber, recipient: AccountNumber) -> bool {
        let is_other = sender != recipient;
        let sender_rooms = &self.account(sender).rooms;
        let recipient = self.account(recipient);
        let is_lobby = |room: &RoomNumber| LOBBY.strip_prefix('#') == Some(self.room(*room).name.mapped());
        let has_written = recipient.chats.get(&sender).is_some_and(|chat| chat.has_written);
        is_other && !has_written && recipient.rooms.intersection(sender_rooms).all(is_lobby)
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
