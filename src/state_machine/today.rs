//! The bytes that each account, and all accounts in each room, have stored today: for the daily quotas (protocol,
//! section 7). Live only: a restart begins anew.

use super::stored::TargetNumber;
use super::{AccountNumber, RoomNumber};
use crate::model::Timestamp;

#[derive(Default)]
pub struct StoredToday {
    /// Days since 1970, UTC.
    day: u64,
    /// By number.
    accounts: Vec<u64>,
    rooms: Vec<u64>,
}

impl StoredToday {
    /// Begins anew if it is another day.
    pub fn set_time(&mut self, now: Timestamp) {
        if self.day != now.day() {
            *self = Self { day: now.day(), ..Self::default() };
        }
    }

    pub fn by_account(&self, account: AccountNumber) -> u64 {
        self.accounts.get(account.index()).copied().unwrap_or(0)
    }

    pub fn in_room(&self, room: RoomNumber) -> u64 {
        self.rooms.get(room.index()).copied().unwrap_or(0)
    }

    /// Counts a message that was accepted.
    pub fn add(&mut self, sender: AccountNumber, target: TargetNumber, bytes: u32) {
        add(&mut self.accounts, sender.index(), bytes);
        if let TargetNumber::Room(room) = target {
            add(&mut self.rooms, room.index(), bytes);
        }
    }
}

fn add(counts: &mut Vec<u64>, index: usize, bytes: u32) {
    if counts.len() <= index {
        counts.resize(index + 1, 0);
    }
    if let Some(count) = counts.get_mut(index) {
        *count = count.saturating_add(u64::from(bytes));
    }
}
