//! The stored state of one account, with the message ids that its user has used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use twox_hash::{XxHash3_64, XxHash3_128};

use super::device::{Device, DeviceNumber, Devices};
use super::mailbox::{Mailbox, Progress};
use super::numbers::{AccountNumber, RoomNumber};
use super::rights::Permits;
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
    /// The number of the user: the highest that a device has ever acknowledged. Every message up to it is DELIVERED.
    pub acknowledged: Seq,
}

/// An account with its mailbox, conversations and rooms.
pub struct Account {
    pub row: AccountRow,
    pub mailbox: Mailbox,
    pub devices: Devices,
    pub sent: SentIds,
    /// The user's direct conversations, by peer.
    pub chats: BTreeMap<AccountNumber, Chat>,
    /// The same conversations by the number of the last message: for CHATS.
    pub latest: BTreeMap<Seq, AccountNumber>,
    /// The rooms that the user is a member of.
    pub rooms: BTreeSet<RoomNumber>,
    /// The rooms that the user is invited to, by the place of the invitation among all.
    pub invitations: BTreeMap<u64, RoomNumber>,
    pub permits: Permits,
    /// Count of the rooms that the user has created, for the quota: those that are open, and those for invited users that are
    /// gone, but have a history.
    pub created_rooms: usize,
}

/// One user's side of a direct conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chat {
    /// The read mark: the user has read every message from the peer up to this number.
    pub read: Seq,
    /// The user has written to the peer, who is no stranger from then on.
    pub has_written: bool,
}

impl Account {
    pub fn new(row: AccountRow) -> Self {
        let (mailbox, devices) = Default::default();
        let sent = SentIds::default();
        let (chats, latest, rooms, invitations, permits) = Default::default();
        Self { row, mailbox, devices, sent, chats, latest, rooms, invitations, permits, created_rooms: 0 }
    }

    /// Returns whether another user may call this one: one who is permitted, or to whom this one has written and whom this
    /// one has not refused.
    pub fn lets_call(&self, caller: AccountNumber) -> bool {
        let has_written = || self.chats.get(&caller).is_some_and(|chat| chat.has_written);
        self.permits.get(caller).unwrap_or_else(has_written)
    }

    /// Returns the read mark of the conversation with a peer.
    pub fn read_upto(&self, peer: AccountNumber) -> Seq {
        self.chats.get(&peer).map_or(Seq::ZERO, |chat| chat.read)
    }

    /// Returns the number above which events are pending for a device: that of the user, if the device has none.
    pub fn position(&self, device: DeviceNumber) -> Seq {
        self.devices.get(device).and_then(|device| device.acknowledged).unwrap_or(self.row.acknowledged)
    }

    /// Returns how far the numbers are after the user's own has moved from `before`.
    pub fn progress(&self, before: Seq) -> Progress {
        let upto = self.row.acknowledged;
        let lowest = self.devices.slowest().map_or(upto, |(_, lowest)| lowest.min(upto));
        Progress { before, upto, lowest, lowest_named: self.devices.slowest_named().map(|(_, lowest)| lowest) }
    }

    /// Returns whether a device with a name has a number: then the user's own messages are kept for it.
    pub fn keeps_own_messages(&self) -> bool {
        self.devices.slowest_named().is_some()
    }

    /// Begins a device at the number of the user. `gap_of` gives the start of the GAP that is pending for the user in a room.
    pub fn begin_device(&mut self, device: Device, gap_of: impl Fn(RoomNumber) -> Seq) {
        let gaps = self.rooms.iter().map(|room| (*room, gap_of(*room))).filter(|(_, gap)| *gap > Seq::ZERO);
        let gaps = gaps.collect();
        self.devices.put(Device { acknowledged: Some(self.row.acknowledged), gaps, ..device });
    }

    /// Notes the last message of the conversation with a peer, and forgets the one before it.
    pub fn note_last(&mut self, peer: AccountNumber, before: Seq, last: Seq) {
        self.latest.remove(&before);
        self.latest.insert(last, peer);
    }
}

/// Digest of a message's recipient and text: equal for a retry, different for another message under the same id. It
/// need not resist attacks: whoever finds two messages with one digest can only withhold the second of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    /// Computes the digest of a message.
    pub fn of(to: &Target, text: &str) -> Self {
        let target = match to {
            Target::User(name) => XxHash3_64::oneshot_with_seed(0, name.mapped().as_bytes()),
            Target::Room(name) => XxHash3_64::oneshot_with_seed(1, name.mapped().as_bytes()),
        };
        Self(XxHash3_128::oneshot_with_seed(target, text.as_bytes()))
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

/// The newest ids of one sender: as many as the protocol promises.
#[derive(Default)]
pub struct SentIds {
    /// A ring once it is full: the oldest entry is overwritten.
    entries: Vec<(MessageId, SentMessage)>,
    oldest: usize,
    /// Indices of the entries, by id.
    by_id: HashTable<u16>,
    hasher: DefaultHashBuilder,
}

impl SentIds {
    /// Finds the message that was accepted under an id.
    pub fn get(&self, id: &MessageId) -> Option<SentMessage> {
        let index = self.by_id.find(self.hasher.hash_one(id), |index| self.has_id(*index, id))?;
        self.entries.get(usize::from(*index)).map(|(_, sent)| *sent)
    }

    /// Adds the id of a message that was accepted.
    pub fn remember(&mut self, message: &Message, capacity: usize) {
        let digest = Digest::of(&message.to, message.text.as_str());
        self.insert(message.id.clone(), SentMessage { seq: message.seq, at: message.at, digest }, capacity);
    }

    /// Adds an id; above the capacity the oldest is removed.
    pub fn insert(&mut self, id: MessageId, sent: SentMessage, capacity: usize) {
        let hash = self.hasher.hash_one(&id);
        let index = if self.entries.len() < capacity {
            self.entries.push((id, sent));
            self.entries.len() - 1
        } else {
            let oldest = self.oldest;
            self.oldest = (oldest + 1) % self.entries.len();
            if let Some(entry) = self.entries.get_mut(oldest) {
                let (removed, _) = std::mem::replace(entry, (id, sent));
                let removed = self.hasher.hash_one(&removed);
                if let Ok(found) = self.by_id.find_entry(removed, |index| usize::from(*index) == oldest) {
                    found.remove();
                }
            }
            oldest
        };
        let entries = &self.entries;
        let hasher = &self.hasher;
        let rehash = |index: &u16| entries.get(usize::from(*index)).map_or(0, |(id, _)| hasher.hash_one(id));
        // There are fewer than 65,536 entries.
        self.by_id.insert_unique(hash, index as u16, rehash);
    }

    /// Returns the sender's last message.
    pub fn newest(&self) -> Option<SentMessage> {
        let newest = self.oldest.checked_sub(1).or(self.entries.len().checked_sub(1))?;
        self.entries.get(newest).map(|(_, sent)| *sent)
    }

    /// Iterates over the ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&MessageId, SentMessage)> {
        let (newer, older) = self.entries.split_at(self.oldest.min(self.entries.len()));
        older.iter().chain(newer).map(|(id, sent)| (id, *sent))
    }

    fn has_id(&self, index: u16, id: &MessageId) -> bool {
        self.entries.get(usize::from(index)).is_some_and(|(entry, _)| entry == id)
    }
}
