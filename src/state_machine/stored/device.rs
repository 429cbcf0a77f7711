//! The devices of a user: the position of each in the list of the user's events (protocol, section 3).

use std::collections::BTreeMap;
use std::time::Duration;

use super::numbers::{AccountNumber, RoomNumber};
use crate::limits;
use crate::model::{DeviceName, KeyDigest, Seq, Timestamp};

/// Number of a device among those of its user. It is free again when the device is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber(u8);

impl DeviceNumber {
    /// The device of the sessions that are opened by LOGIN or REGISTER.
    pub const NAMELESS: Self = Self(0);

    /// Returns the numbers of devices with a name.
    pub fn named() -> impl Iterator<Item = Self> {
        (1..=limits::DEVICES as u8).map(Self)
    }

    /// Reads the number as it is stored.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| usize::from(*number) <= limits::DEVICES).map(Self)
    }

    /// Returns the number as it is stored.
    pub fn get(self) -> u16 {
        self.0.into()
    }

    pub fn is_named(self) -> bool {
        self != Self::NAMELESS
    }
}

/// Names a session: each device of a user has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey {
    pub user: AccountNumber,
    pub device: DeviceNumber,
}

/// The clock by which devices age. It goes on with each look at them, by the time since the look before, but by a day at most:
/// so no device is old at once because the server's clock has jumped, or because the server was off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceClock {
    /// Time of the server's clock at the last look.
    pub looked_at: Option<Timestamp>,
    /// Sum of the steps so far.
    pub time: Duration,
}

/// Most that the clock of the devices goes on with one look.
const LONGEST_STEP: Duration = Duration::from_secs(24 * 3_600);

impl DeviceClock {
    pub fn look(&mut self, at: Timestamp) {
        let step = self.looked_at.map_or(Duration::ZERO, |last| at.since(last).min(LONGEST_STEP));
        self.time = self.time.saturating_add(step);
        self.looked_at = Some(at);
    }
}

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub number: DeviceNumber,
    /// `None`: the nameless device.
    pub name: Option<DeviceName>,
    /// The digest of the key with which it logs in.
    pub key: Option<KeyDigest>,
    /// Time at which a session of it last began or ended; where one goes on it is brought up to date now and then.
    pub last_used: Timestamp,
    /// The same by the clock of the devices.
    pub used: Duration,
    /// Cumulative acknowledgement. `None`: it has lost its number, and begins anew with its next session.
    pub acknowledged: Option<Seq>,
    /// The starts of the GAPs that are pending for it, where other events have moved `acknowledged` past them.
    pub gaps: BTreeMap<RoomNumber, Seq>,
}

impl Device {
    /// Moves the cumulative acknowledgement past a GAP of a room that ends at `dropped`: the GAP stays pending until it is
    /// acknowledged. `joined`: the newest number when the user joined the room.
    pub fn keep_gap(&mut self, room: RoomNumber, joined: Seq, upto: Seq, dropped: Seq) {
        let Some(before) = self.acknowledged else { return };
        let is_pending = dropped > upto && (self.gaps.contains_key(&room) || dropped > before.max(joined));
        if is_pending {
            self.gaps.entry(room).or_insert(before.max(joined).next());
        } else {
            self.gaps.remove(&room);
        }
    }
}

/// The devices of a user by number. Without devices with a name there is none: the nameless one then has the number of the
/// user.
#[derive(Default)]
pub struct Devices(Vec<Device>);

impl Devices {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.0.iter()
    }

    pub fn get(&self, number: DeviceNumber) -> Option<&Device> {
        self.0.iter().find(|device| device.number == number)
    }

    pub fn get_mut(&mut self, number: DeviceNumber) -> Option<&mut Device> {
        self.0.iter_mut().find(|device| device.number == number)
    }

    pub fn find(&self, name: &DeviceName) -> Option<&Device> {
        self.0.iter().find(|device| device.name.as_ref() == Some(name))
    }

    /// Returns the lowest number that no device with a name has.
    pub fn free_number(&self) -> Option<DeviceNumber> {
        DeviceNumber::named().find(|number| self.get(*number).is_none())
    }

    /// Adds a device, instead of the one with its number.
    pub fn put(&mut self, device: Device) {
        self.remove(device.number);
        let place = self.0.partition_point(|other| other.number < device.number);
        self.0.reserve_exact(1);
        self.0.insert(place, device);
    }

    pub fn remove(&mut self, number: DeviceNumber) -> Option<Device> {
        let index = self.0.iter().position(|device| device.number == number)?;
        Some(self.0.remove(index))
    }

    /// Forgets all keys: those of a store that has another name now.
    pub fn forget_keys(&mut self) {
        self.0.iter_mut().for_each(|device| device.key = None);
    }

    /// Removes what is kept about a room that the user has left.
    pub fn forget_gap(&mut self, room: RoomNumber) {
        self.0.iter_mut().for_each(|device| _ = device.gaps.remove(&room));
    }

    /// Returns the devices that have a number, each with it.
    pub fn positions(&self) -> impl Iterator<Item = (DeviceNumber, Seq)> {
        self.0.iter().filter_map(|device| Some((device.number, device.acknowledged?)))
    }

    /// Returns how many devices have a number.
    pub fn count(&self) -> u32 {
        self.positions().count() as u32
    }

    /// Returns the device with the lowest number of those that have one, and it.
    pub fn slowest(&self) -> Option<(DeviceNumber, Seq)> {
        self.positions().min_by_key(|(_, acknowledged)| *acknowledged)
    }

    /// Returns the device with a name that has the lowest number, and it.
    pub fn slowest_named(&self) -> Option<(DeviceNumber, Seq)> {
        self.positions().filter(|(number, _)| number.is_named()).min_by_key(|(_, acknowledged)| *acknowledged)
    }
}
