//! The stored state of one account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::device::{Device, DeviceNumber, Devices};
use super::mailbox::{Mailbox, Progress};
use super::numbers::{AccountNumber, RoomNumber};
use super::rights::Permits;
use super::sent_ids::SentIds;
use crate::model::{Email, Seq, Timestamp, UserName};

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
