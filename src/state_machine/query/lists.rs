//! The list replies, page by page: USERS, ROOMS, MEMBERS, CHATS and STATUS (protocol, sections 4 and 5). A page costs
//! what it returns, not what the list has: each list is kept in its order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::limits;
use crate::model::{Message, RoomKind, RoomName, Seq, Target, UserName};
use crate::protocol::request::{Page, RequestedTarget};
use crate::protocol::{Code, Reply, Status, control, reply};
use crate::state_machine::live::Presence;
use crate::state_machine::stored::{Conversation, ConversationId, Marks, RemovedCounts, StoredState, TargetNumber};
use crate::state_machine::{AccountNumber, ApplyError, RoomNumber};

/// Most recipients of a message that STATUS sorts: cheaper than to skip up to 100,000 members who joined later.
const FEW_RECIPIENTS: usize = 2_000;

/// Returns the entries of a list after the place at which a page begins.
fn entries_after<'a, Name: Ord, T>(list: &'a BTreeMap<Name, T>, page: &'a Page<Name>) -> impl Iterator<Item = &'a T> {
    let begin = page.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    list.range((begin, Bound::Unbounded)).map(|(_, entry)| entry)
}

impl StoredState {
    /// Lists a user's direct conversations and rooms, the latest message first; those without a message have the
    /// number 0 and are in the order of their names. All of the user's rooms are looked at, since their last messages
    /// change too often for a list in that order.
    pub(in crate::state_machine) fn list_chats(
        &self,
        user: &UserName,
        page: &Page<Seq>,
        target: Option<&Target>,
    ) -> Result<Reply, ApplyError> {
        let me = self.number(user)?;
        let account = self.account(me);
        let place = page.after.map(|before| (Reverse(before), target));
        let is_after = |last: Seq, name: &Target| {
            place.is_none_or(|(before, target)| match target {
                Some(target) => (Reverse(last), name) > (before, target),
                None => Reverse(last) > before,
            })
        };
        let latest = account.latest.range(..=page.after.unwrap_or(Seq::LAST)).rev();
        let direct = latest.map(|(_, peer)| TargetNumber::User(*peer)).take(page.limit + 1);
        let rooms = account.rooms.iter().map(|room| TargetNumber::Room(*room));
        let mut chats: Vec<_> = direct
            .chain(rooms)
            .map(|number| (Reverse(self.last_in(me, number)), self.target(number), number))
            .filter(|(Reverse(last), name, _)| is_after(*last, name))
            .collect();
        chats.sort_unstable();
        let chat = |(Reverse(last), target, number)| {
            let here = self.conversation(conversation_of(me, number));
            let removed = self.removed_counts(number);
            reply::Chat {
                target,
                last,
                read: self.read_upto(me, number),
                count: here.map_or(0, Conversation::count) + removed.messages,
                erased: here.map_or(0, Conversation::erased_count) + removed.erased,
            }
        };
        Ok(Reply::Chats(chats.into_iter().take(page.limit).map(chat).collect()))
    }

    /// Returns the counts of removed rooms that had the name of this one.
    fn removed_counts(&self, target: TargetNumber) -> RemovedCounts {
        match target {
            TargetNumber::Room(room) => self.removed_counts.get(&self.room(room).name).copied().unwrap_or_default(),
            TargetNumber::User(_) => RemovedCounts::default(),
        }
    }

    /// Lists the users whose accounts were not removed.
    pub(in crate::state_machine) fn list_users(&self, page: &Page<UserName>, presence: &Presence) -> Reply {
        let user = |number: &AccountNumber| {
            let row = &self.account(*number).row;
            reply::User { name: row.name.clone(), online: presence.is_online(*number), last_seen: row.last_seen }
        };
        Reply::Users(entries_after(&self.active_accounts, page).take(page.limit).map(user).collect())
    }

    /// Lists the rooms that the user may know of.
    pub fn list_rooms(&self, user: &UserName, page: &Page<RoomName>) -> Result<Reply, ApplyError> {
        let me = self.number(user)?;
        let row = |number: &RoomNumber| {
            let room = self.room(*number);
            reply::Room {
                name: room.name.clone(),
                members: room.members.len(),
                member: room.has_member(me),
                kind: room.rights.kind,
                owner: room.rights.owner.map(|owner| self.name(owner)),
                topic: room.rights.topic.clone(),
            }
        };
        // The others that the user may know of are few.
        let account = self.account(me);
        let known = account.rooms.iter().chain(account.invitations.values()).copied();
        let private = known.filter(|room| self.room(*room).rights.kind == RoomKind::Invite);
        let private: BTreeMap<_, _> = private.map(|room| (self.room(room).name.clone(), room)).collect();
        let public = entries_after(&self.public_rooms, page).take(page.limit);
        let mut rooms: Vec<_> = public.chain(entries_after(&private, page).take(page.limit)).map(row).collect();
        rooms.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        rooms.truncate(page.limit);
        Ok(Reply::Rooms(rooms))
    }

    /// Summarizes the rooms after a name, in the order of their names, for the administrator.
    pub fn summarize_rooms(&self, after: Option<&RoomName>) -> impl Iterator<Item = control::Room> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.room_numbers.range((begin, Bound::Unbounded)).map(|(_, number)| {
            let room = self.room(*number);
            control::Room {
                name: room.name.clone(),
                members: room.members.len(),
                bytes: room.conversation.bytes(),
                creator: room.creator.map(|creator| self.name(creator)),
            }
        })
    }

    /// Lists the members of a room, for one of them.
    pub(in crate::state_machine) fn list_members(
        &self,
        user: AccountNumber,
        room: &RequestedTarget,
        page: &Page<UserName>,
        presence: &Presence,
    ) -> Result<Reply, Code> {
        let room = self.room(self.find_visible_room(user, room)?);
        if !room.has_member(user) {
            return Err(Code::NotMember);
        }
        let members = entries_after(&room.members_by_name, page).take(page.limit);
        let row = |(member, _): &(AccountNumber, Seq)| reply::Member {
            name: self.name(*member),
            online: presence.is_online(*member),
        };
        Ok(Reply::Members(members.map(row).collect()))
    }

    /// Lists how far a message of a user has come with each of its recipients.
    pub(super) fn list_statuses(
        &self,
        me: AccountNumber,
        target: TargetNumber,
        seq: Seq,
        page: &Page<UserName>,
    ) -> Vec<Status> {
        let number = match target {
            TargetNumber::Room(room) => room,
            TargetNumber::User(peer) => {
                let user = self.name(peer);
                let state = self.marks_of(me, target, me).state_of(seq);
                let is_after = page.after.as_ref().is_none_or(|after| user > *after);
                return is_after.then_some(Status { user, state }).into_iter().collect();
            }
        };
        let room = self.room(number);
        let status = |number: AccountNumber| {
            let member = room.members.get(&number).filter(|_| number != me)?;
            let has = Marks { delivered: member.acknowledged, read: member.read };
            Some(Status { user: self.name(number), state: has.state_of(seq) })
        };
        // Few recipients are sorted. Of many, the members between them are skipped.
        let early: Vec<_> = room.members_before(seq).take(FEW_RECIPIENTS + 1).collect();
        if early.len() > FEW_RECIPIENTS {
            let recipients = entries_after(&room.members_by_name, page).filter(|(_, joined)| *joined < seq);
            return recipients.filter_map(|(number, _)| status(*number)).take(page.limit).collect();
        }
        let is_after =
            |number: &AccountNumber| page.after.as_ref().is_none_or(|after| self.account(*number).row.name > *after);
        let mut list: Vec<_> = early.into_iter().filter(is_after).filter_map(status).collect();
        list.sort_unstable_by(|one, other| one.user.cmp(&other.user));
        list.truncate(page.limit);
        list
    }

    /// Returns how far a message is with each of its recipients, by name; none where its room is gone.
    pub fn statuses_of(&self, message: &Message) -> Vec<Status> {
        let (Ok(from), Ok(target)) = (self.number(&message.from), self.target_number(&message.to)) else {
            return Vec::new();
        };
        self.list_statuses(from, target, message.seq, &Page { limit: usize::MAX, after: None })
    }

    /// Returns the watermarks of a sender in a conversation of a user.
    pub(super) fn marks_of(&self, me: AccountNumber, target: TargetNumber, sender: AccountNumber) -> Marks {
        let (from, to) = match target {
            TargetNumber::Room(room) => return self.room(room).marks.get(&sender).copied().unwrap_or_default(),
            TargetNumber::User(peer) if sender == me => (me, peer),
            TargetNumber::User(peer) => (peer, me),
        };
        let recipient = self.account(to);
        Marks { delivered: recipient.row.acknowledged, read: recipient.read_upto(from) }
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
        let small = Some(members).filter(|members| members.len() <= limits::ROOM_PRESENCE);
        small.into_iter().flat_map(BTreeMap::keys).copied().filter(move |other| *other != member)
    }

    /// Returns the users who are told when a user comes online or goes offline: the peers of direct conversations
    /// and the other members of small rooms. Also returns how many were looked at: a user is in many rooms.
    pub fn contacts(&self, user: AccountNumber) -> (BTreeSet<AccountNumber>, usize) {
        let account = self.account(user);
        let peers = account.chats.keys().copied().filter(|peer| *peer != user);
        let members = account.rooms.iter().flat_map(|room| self.members_to_notify(*room, user));
        let mut looked_at = 0;
        let contacts = peers.chain(members).inspect(|_| looked_at += 1).collect();
        (contacts, looked_at)
    }
}

/// Returns the conversation of a user with a target.
pub(in crate::state_machine) fn conversation_of(me: AccountNumber, target: TargetNumber) -> ConversationId {
    match target {
        TargetNumber::User(peer) => ConversationId::between(me, peer),
        TargetNumber::Room(room) => ConversationId::Room(room),
    }
}
