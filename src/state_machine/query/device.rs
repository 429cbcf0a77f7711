//! Questions about devices: what is kept for them, for how long they were unused, and their keys (protocol, section 3).

use std::time::Duration;

use crate::limits;
use crate::model::{DeviceName, KeyDigest, UserName};
use crate::state_machine::AccountNumber;
use crate::state_machine::stored::{Account, Device, DeviceNumber, SessionKey, StoredState, Usage};

impl StoredState {
    /// Returns whether this is more than may be kept for the devices of a user (protocol, section 3).
    fn is_too_much(&self, kept: Usage) -> bool {
        kept.messages > self.capacities.device_events || kept.bytes > limits::DEVICE_EVENT_BYTES
    }

    /// Returns whether the mailbox of a user keeps more for devices than it may.
    pub(in crate::state_machine) fn is_crowded(&self, user: AccountNumber) -> bool {
        self.device_to_drop(user).is_some()
    }

    /// Finds the users whose mailboxes keep more than they may: a replay does not note them.
    pub(in crate::state_machine) fn find_crowded(&mut self) {
        self.crowded = (0..self.accounts.len()).map(AccountNumber::new).filter(|user| self.is_crowded(*user)).collect();
    }

    /// Returns the device that is to lose its number because the user's mailbox keeps more than it may: the one that is behind
    /// the others. Where that is the nameless one, for which no own messages are kept, these are counted apart, so that
    /// neither it nor a named one loses its number because of what is kept for the other.
    pub(in crate::state_machine) fn device_to_drop(&self, user: AccountNumber) -> Option<DeviceNumber> {
        let Account { mailbox, devices, .. } = self.account(user);
        let received = mailbox.kept();
        let own = mailbox.kept_own();
        let (slowest, _) = devices.slowest()?;
        if slowest.is_named() {
            return self.is_too_much(received.plus(own)).then_some(slowest);
        }
        if self.is_too_much(received) {
            return Some(slowest);
        }
        devices.slowest_named().filter(|_| self.is_too_much(own)).map(|(named, _)| named)
    }

    /// Returns the devices from one on (`None`: all), each with the time for which it was unused.
    pub(in crate::state_machine) fn devices_from(
        &self,
        from: Option<SessionKey>,
    ) -> impl Iterator<Item = (SessionKey, Duration)> {
        let accounts = self.accounts.iter().enumerate().skip(from.map_or(0, |from| from.user.index()));
        let devices = accounts.flat_map(|(index, account)| {
            let user = AccountNumber::new(index);
            let now = self.device_clock.time;
            let unused = move |device: &Device| now.saturating_sub(device.used);
            account.devices.iter().map(move |device| (SessionKey { user, device: device.number }, unused(device)))
        });
        devices.skip_while(move |(key, _)| from.is_some_and(|from| *key < from))
    }

    /// Returns the keys of all devices.
    pub fn device_keys(&self) -> impl Iterator<Item = (&UserName, &DeviceName, KeyDigest)> {
        self.accounts.iter().flat_map(|account| {
            let devices = account.devices.iter();
            devices.filter_map(|device| Some((&account.row.name, device.name.as_ref()?, device.key?)))
        })
    }
}
