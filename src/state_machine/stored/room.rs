//! A room: a log of messages in which each member has a position (protocol, section 7).
//!
//! A message is stored once. Its log entry counts the recipients, and how many of them lack it; a member's pending
//! messages are found by a walk through the log from that member's position. So a member who never polls costs one
//! counter an entry, not a queue. How records change a room is in `apply/room.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::conversation::Conversation;
use super::erasures::Erasure;
use super::rights::Rights;
use super::{AccountNumber, RoomNumber};
use crate::model::{RoomName, Seq, State, UserName};

/// The stored state of one room.
pub struct Room {
    pub name: RoomName,
    /// The account in whose quota the room counts; the lobby is in none.
    pub creator: Option<AccountNumber>,
    /// `false`: no room has this name any more. The number is free, or the room was removed, by the administrator or with its
    /// last member, and the number stays with its history.
    pub is_open: bool,
    pub rights: Rights,
    pub members: BTreeMap<AccountNumber, Member>,
    /// The members in the order of MEMBERS and STATUS, each with the newest number when it joined.
    pub members_by_name: BTreeMap<UserName, (AccountNumber, Seq)>,
    /// The members in the order in which they joined.
    pub joins: BTreeSet<(Seq, AccountNumber)>,
    /// The messages that a recipient has yet to acknowledge or to read, oldest first. Bounded by
    /// [`super::Capacities::room_log`].
    pub log: VecDeque<Entry>,
    /// Count of the members' devices that have a number.
    pub devices: u32,
    pub dropped: Dropped,
    /// Users who have left while events of the room waited for them, or who got a STATE since: those whose mailboxes may have
    /// some of it. No part of a checkpoint, which has those events.
    pub former: BTreeSet<AccountNumber>,
    /// The watermarks of each sender, also of senders who have left.
    pub marks: BTreeMap<AccountNumber, Marks>,
    pub conversation: Conversation,
}

/// A member's position in the log.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The newest number when the member joined: later messages are for this member.
    pub joined: Seq,
    /// The member's cumulative acknowledgement, as the counts of the log include it.
    pub acknowledged: Seq,
    /// The member's read mark. It starts at `joined`: a new member has nothing to catch up with.
    pub read: Seq,
    /// The start of a GAP that is pending: other events have moved `acknowledged` past it. 0: it starts after
    /// `acknowledged`.
    pub gap: Seq,
}

impl Member {
    /// Makes a member that joins when this is the newest number.
    pub fn joining(last: Seq) -> Self {
        Self { joined: last, acknowledged: last, read: last, gap: Seq::ZERO }
    }

    /// Returns the first number of a GAP that is pending for the user.
    pub fn gap_start(&self) -> Seq {
        if self.gap > Seq::ZERO { self.gap } else { self.acknowledged.max(self.joined).next() }
    }

    /// Moves the cumulative acknowledgement. `dropped` is the last number of the member's GAP, which stays pending until it is
    /// acknowledged: its messages come in no other event.
    pub fn acknowledge(&mut self, upto: Seq, dropped: Seq) {
        let is_pending = dropped > upto && (self.gap > Seq::ZERO || dropped > self.acknowledged.max(self.joined));
        self.gap = if is_pending { self.gap_start() } else { Seq::ZERO };
        self.acknowledged = upto;
    }
}

impl Dropped {
    /// Returns the end of a member's GAP: the newest number of a message that is not the member's own.
    pub fn last_for(&self, user: AccountNumber) -> Seq {
        if self.by == Some(user) { self.other } else { self.last }
    }
}

/// A message in the log. Its text is in the conversation or in the history file.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub seq: Seq,
    pub from: AccountNumber,
    /// Number of the first of the successive messages of this sender.
    pub run: Seq,
    /// Approximate length in a reply.
    pub bytes: u32,
    /// Count of recipients: those who were members when it was accepted and still are, without the sender.
    pub recipients: u32,
    /// Count of the recipients who have neither acknowledged nor read it.
    pub undelivered: u32,
    pub unacknowledged: u32,
    pub unread: u32,
    /// Count of the recipients' devices that have not acknowledged it.
    pub unfetched: u32,
}

/// The messages that left the log before every recipient had acknowledged them: those recipients get a GAP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The newest such number, and its sender.
    pub last: Seq,
    pub by: Option<AccountNumber>,
    /// The newest such number of another sender: the end of the gap for `by`, who gets no copy of own messages.
    pub other: Seq,
}

/// Watermarks of one sender in one conversation: every message up to them is DELIVERED, is READ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub delivered: Seq,
    pub read: Seq,
}

/// A conversation as one of its users addresses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetNumber {
    User(AccountNumber),
    Room(RoomNumber),
}

/// An event of a room's log that is pending for a member's device.
#[derive(Clone, Copy, Debug)]
pub enum RoomEvent {
    /// A GAP that ends at this number. Its start is kept for each device.
    Gap(Seq),
    Message(Entry),
    Erased(Erasure),
}

impl Entry {
    /// Returns whether all recipients have read the message and all their devices have it.
    pub fn is_complete(&self) -> bool {
        self.unacknowledged == 0 && self.unread == 0 && self.unfetched == 0
    }
}

impl Marks {
    /// Returns the state of the sender's message with this number. READ implies DELIVERED.
    pub fn state_of(self, seq: Seq) -> State {
        match seq {
            seq if seq <= self.read => State::Read,
            seq if seq <= self.delivered => State::Delivered,
            _ => State::Received,
        }
    }
}

impl Room {
    pub fn new(name: RoomName, creator: Option<AccountNumber>) -> Self {
        Self {
            name,
            creator,
            is_open: true,
            rights: Rights::default(),
            members: BTreeMap::new(),
            members_by_name: BTreeMap::new(),
            joins: BTreeSet::new(),
            log: VecDeque::new(),
            devices: 0,
            dropped: Dropped::default(),
            former: BTreeSet::new(),
            marks: BTreeMap::new(),
            conversation: Conversation::default(),
        }
    }

    /// Returns whether the room has had no message, and so has no history file.
    pub fn is_silent(&self) -> bool {
        self.conversation.last() == Seq::ZERO
    }

    /// Returns the members that had joined before a number, in that order.
    pub fn members_before(&self, seq: Seq) -> impl Iterator<Item = AccountNumber> {
        self.joins.range(..(seq, AccountNumber::new(0))).map(|(_, member)| *member)
    }

    pub fn has_member(&self, user: AccountNumber) -> bool {
        self.members.contains_key(&user)
    }

    /// Returns the first event pending for a user above a number. A gap is older than every entry of the log.
    pub fn first_pending(&self, user: AccountNumber, after: Seq) -> Option<RoomEvent> {
        if self.conversation.last() <= after {
            return None;
        }
        let member = self.members.get(&user)?;
        let after = after.max(member.joined);
        let last = self.dropped.last_for(user);
        if last > after {
            return Some(RoomEvent::Gap(last));
        }
        self.first_entry(user, after).map(RoomEvent::Message)
    }

    /// Returns the first event above a number of messages that were taken back since a user joined.
    pub fn first_erased(&self, user: AccountNumber, after: Seq) -> Option<Erasure> {
        let erasures = self.conversation.erasures.as_ref()?;
        erasures.first_after(after.max(self.members.get(&user)?.joined))
    }

    /// Returns the first message of the log above a number that is for a member.
    pub fn first_entry(&self, user: AccountNumber, after: Seq) -> Option<Entry> {
        let after = after.max(self.members.get(&user)?.joined);
        let first = self.log.get(self.position_after(after))?;
        let entry = if first.from == user { self.log.get(self.end_of_run(first))? } else { first };
        Some(*entry)
    }

    /// Returns the messages of the log above a number, up to another one, that are for a member.
    pub fn entries_for(&self, user: AccountNumber, after: Seq, upto: Seq) -> impl Iterator<Item = &Entry> {
        let after = self.members.get(&user).map_or(Seq::LAST, |member| after.max(member.joined));
        let begin = if after < upto { self.position_after(after) } else { self.log.len() };
        let entries = self.log.range(begin..).take_while(move |entry| entry.seq <= upto);
        entries.filter(move |entry| entry.from != user)
    }

    /// Returns the index of the first log entry of another sender after this one: a member with thousands of own
    /// messages in a row does not walk through them at each poll.
    fn end_of_run(&self, of: &Entry) -> usize {
        self.log.partition_point(|entry| entry.run <= of.seq)
    }

    /// Returns the first number of the run of messages that the next one of a sender belongs to.
    pub fn run_of_next(&self, seq: Seq, from: AccountNumber) -> Seq {
        self.log.back().filter(|last| last.from == from).map_or(seq, |last| last.run)
    }

    /// Returns whether a member has yet to acknowledge the message with this number, and will get it.
    pub fn is_undelivered(&self, seq: Seq) -> bool {
        let found = self.log.binary_search_by_key(&seq, |entry| entry.seq).ok().and_then(|index| self.log.get(index));
        found.is_some_and(|entry| entry.unacknowledged > 0)
    }

    /// Returns the index of the first log entry above a number.
    pub fn position_after(&self, seq: Seq) -> usize {
        match self.log.back() {
            Some(last) if last.seq > seq => self.log.partition_point(|entry| entry.seq <= seq),
            _ => self.log.len(),
        }
    }
}
