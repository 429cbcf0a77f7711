//! The list replies: CHATS, USERS, ROOMS and MEMBERS (protocol, section 5).

use std::cmp::Reverse;

use crate::model::{RoomName, Seq, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Reply, reply};
use crate::state_machine::live::Presence;
use crate::state_machine::stored::{Account, Conversation, ConversationId, Room, StoredState, TargetNumber};
use crate::state_machine::{AccountNumber, ApplyError, RoomNumber};

/// A room, as the administrator sees it.
pub struct RoomSummary {
    pub name: RoomName,
    pub members: usize,
    /// About the size of its messages.
    pub bytes: u64,
    /// The account in whose quota it counts.
    pub creator: Option<UserName>,
}

impl StoredState {
    /// Lists a user's direct conversations and rooms, the latest message first.
    pub fn list_chats(&self, user: &UserName) -> Result<Reply, ApplyError> {
        let me = self.number(user)?;
        let account = self.account(me);
        let direct = account.chats.keys().map(|peer| TargetNumber::User(*peer));
        let targets = direct.chain(account.rooms.iter().map(|room| TargetNumber::Room(*room)));
        let chat = |target| reply::Chat {
            target: self.target(target),
            last: self.last_in(me, target),
            read: self.read_upto(me, target),
            count: self.conversation(conversation_of(me, target)).map_or(0, Conversation::count),
        };
        let mut chats: Vec<_> = targets.map(chat).collect();
        chats.sort_unstable_by_key(|chat| Reverse(chat.last));
        Ok(Reply::Chats(chats))
    }

    /// Lists the users whose accounts were not removed.
    pub(in crate::state_machine) fn list_users(&self, presence: &Presence) -> Reply {
        let user = |(index, account): (usize, &Account)| reply::User {
            name: account.row.name.clone(),
            online: presence.is_online(AccountNumber::new(index)),
            last_seen: account.row.last_seen,
        };
        let active = self.accounts.iter().enumerate().filter(|(_, account)| account.row.removed_at.is_none());
        Reply::Users(active.map(user).collect())
    }

    /// Lists all rooms; says of each one if the user is a member.
    pub fn list_rooms(&self, user: &UserName) -> Result<Reply, ApplyError> {
        let me = self.number(user)?;
        let row = |room: &Room| reply::Room {
            name: room.name.clone(),
            members: room.members.len(),
            member: room.has_member(me),
        };
        Ok(Reply::Rooms(self.open_rooms().map(row).collect()))
    }

    /// Summarizes all rooms, for the administrator.
    pub fn summarize_rooms(&self) -> Vec<RoomSummary> {
        let summary = |room: &Room| RoomSummary {
            name: room.name.clone(),
            members: room.members.len(),
            bytes: room.conversation.bytes(),
            creator: room.creator.map(|creator| self.name(creator)),
        };
        self.open_rooms().map(summary).collect()
    }

    fn open_rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().filter(|room| room.is_open)
    }

    /// Lists the members of a room.
    pub(in crate::state_machine) fn list_members(
        &self,
        room: &RequestedTarget,
        presence: &Presence,
    ) -> Result<Reply, Code> {
        let members = &self.room(self.find_room(room)?).members;
        let row =
            |member: &AccountNumber| reply::Member { name: self.name(*member), online: presence.is_online(*member) };
        Ok(Reply::Members(members.keys().map(row).collect()))
    }

    /// Returns the number of the last message in a conversation of a user, or 0.
    pub fn last_in(&self, me: AccountNumber, target: TargetNumber) -> Seq {
        self.conversation(conversation_of(me, target)).map_or(Seq::ZERO, Conversation::last)
    }

    /// Returns the read mark of a user in a conversation.
    pub fn read_upto(&self, me: AccountNumber, target: TargetNumber) -> Seq {
        match target {
            TargetNumber::User(peer) => self.account(me).read_upto(peer),
            TargetNumber::Room(room) => self.room(room).members.get(&me).map_or(Seq::ZERO, |member| member.read),
        }
    }

    /// Returns the other members of a room that is small enough for its members to be told of each other
    /// (protocol, section 7).
    pub fn members_to_notify(&self, room: RoomNumber, member: AccountNumber) -> impl Iterator<Item = AccountNumber> {
        let members = &self.room(room).members;
        let small = members.len() <= crate::limits::ROOM_PRESENCE;
        members.keys().copied().filter(move |other| small && *other != member)
    }

    /// Returns the users who are told when a user comes online or goes offline: the peers of direct conversations
    /// and the other members of small rooms.
    pub fn contacts(&self, user: AccountNumber) -> std::collections::BTreeSet<AccountNumber> {
        let account = self.account(user);
        let peers = account.chats.keys().copied().filter(|peer| *peer != user);
        peers.chain(account.rooms.iter().flat_map(|room| self.members_to_notify(*room, user))).collect()
    }
}

/// Returns the conversation of a user with a target.
pub(super) fn conversation_of(me: AccountNumber, target: TargetNumber) -> ConversationId {
    match target {
        TargetNumber::User(peer) => ConversationId::between(me, peer),
        TargetNumber::Room(room) => ConversationId::Room(room),
    }
}
