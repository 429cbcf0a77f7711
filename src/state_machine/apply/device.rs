//! Applies what becomes of a user's devices: they begin, lose their number, are forgotten (protocol, section 3).

use super::Applied;
use crate::model::{DeviceName, KeyDigest, Seq, Timestamp, UserName};
use crate::state_machine::stored::{Device, DeviceNumber, StoredState};
use crate::state_machine::{AccountNumber, ApplyError, RoomNumber};

impl StoredState {
    /// Begins a device at the number of the user: a new one, or one that has lost its number.
    pub(super) fn begin_device(
        &mut self,
        user: &UserName,
        number: DeviceNumber,
        name: Option<&DeviceName>,
        at: Timestamp,
    ) -> Applied {
        let account = self.number(user)?;
        let used = self.device_clock.time;
        let begun = |name: Option<&DeviceName>, number, last_used| Device {
            number,
            name: name.cloned(),
            key: None,
            last_used,
            used,
            acknowledged: None,
            gaps: Default::default(),
        };
        let Some(former) = self.account(account).devices.get(number).cloned() else {
            // The nameless device, if it was ever used, has had the number of the user so far.
            let row = &self.account(account).row;
            let was_used = row.last_seen.is_some() || row.acknowledged > Seq::ZERO;
            if was_used && number.is_named() && self.account(account).devices.is_empty() {
                let last_used = row.last_seen.unwrap_or(at);
                self.give_number(account, begun(None, DeviceNumber::NAMELESS, last_used));
            }
            self.give_number(account, begun(name, number, at));
            return Ok(());
        };
        if former.name.as_ref() != name || former.acknowledged.is_some() {
            return Err(ApplyError(format!("{user} has a device number {} already", number.get())));
        }
        self.give_number(account, Device { last_used: at, used, ..former });
        Ok(())
    }

    fn give_number(&mut self, user: AccountNumber, device: Device) {
        let rooms = &self.rooms;
        let account = &mut self.accounts[user.index()];
        let member_of = |room: RoomNumber| rooms.get(room.index())?.members.get(&user);
        account.begin_device(device, |room| member_of(room).map_or(Seq::ZERO, |member| member.gap));
        let acknowledged = account.row.acknowledged;
        for room in &account.rooms {
            self.rooms[room.index()].begin_device(user, acknowledged);
        }
    }

    /// Takes the number from a device, which is behind by too much.
    pub(super) fn lose_device(&mut self, user: &UserName, number: DeviceNumber) -> Applied {
        let account = self.number(user)?;
        let device = self.account_mut(account).devices.get_mut(number);
        let device = device.ok_or_else(|| no_device(user, number))?;
        device.gaps.clear();
        if let Some(acknowledged) = device.acknowledged.take() {
            self.end_device(account, acknowledged);
        }
        Ok(())
    }

    pub(super) fn forget_device(&mut self, user: &UserName, number: DeviceNumber) -> Applied {
        let account = self.number(user)?;
        let device = self.account_mut(account).devices.remove(number).ok_or_else(|| no_device(user, number))?;
        if let Some(acknowledged) = device.acknowledged {
            self.end_device(account, acknowledged);
        }
        Ok(())
    }

    /// Sets the key of a device, or ends it.
    pub(super) fn set_key(&mut self, user: &UserName, number: DeviceNumber, key: Option<KeyDigest>) -> Applied {
        let account = self.number(user)?;
        let device = self.account_mut(account).devices.get_mut(number);
        device.ok_or_else(|| no_device(user, number))?.key = key;
        Ok(())
    }

    /// Frees what was kept for a device that had this number.
    fn end_device(&mut self, user: AccountNumber, acknowledged: Seq) {
        let account = &mut self.accounts[user.index()];
        let nobody = account.mailbox.acknowledge(account.progress(account.row.acknowledged));
        debug_assert!(nobody.is_empty(), "the number of the user has not moved");
        for room in &account.rooms {
            self.rooms[room.index()].end_device(user, acknowledged);
        }
        // Received and own messages were counted apart, and may count together for the next one.
        self.note_crowded(user);
    }

    /// Moves the number of a device. Returns what it was, if there is one.
    pub(super) fn move_device(&mut self, user: AccountNumber, number: DeviceNumber, upto: Seq) -> Option<Seq> {
        let rooms = &self.rooms;
        let account = &mut self.accounts[user.index()];
        let device = account.devices.get_mut(number)?;
        let before = device.acknowledged?;
        if before < upto {
            for number in &account.rooms {
                let room = &rooms[number.index()];
                let joined = room.members.get(&user).map_or(Seq::ZERO, |member| member.joined);
                device.keep_gap(*number, joined, upto, room.dropped.last_for(user));
            }
            device.acknowledged = Some(upto);
        }
        Some(before)
    }
}

fn no_device(user: &UserName, number: DeviceNumber) -> ApplyError {
    ApplyError(format!("{user} has no device number {}", number.get()))
}
