//! Devices: they begin with a session, lose their number, are forgotten; and their keys (protocol, sections 3, 5 and 6).

use std::time::Duration;

use super::quota::quota;
use super::{Context, Decided};
use crate::limits;
use crate::model::{DeviceKey, DeviceName, KeyDigest, Timestamp, UserName};
use crate::protocol::reply::NewKey;
use crate::protocol::request::LogOut;
use crate::protocol::{Code, DeviceState, Reply, reply};
use crate::state_machine::stored::{Account, Device, DeviceNumber, SessionKey};
use crate::state_machine::{
    ADMINISTRATOR, AccountNumber, ApplyError, Effect, Now, Output, Record, Review, StateMachine,
};

/// Time, by the clock of the devices, for which a device has to be unused before a new one may replace it.
const REPLACEABLE_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// Time after which the use of a device whose session goes on is recorded again: a server that is killed records no end.
const USE_RECORDED_AFTER: Duration = Duration::from_secs(12 * 3_600);

/// Most devices of which one command records something: its records have to fit into the log.
const RECORDED_DEVICES: usize = 64;

/// Most devices, rooms of their users and events that are kept for them, that a review looks at before others have their turn.
const REVIEWED: usize = 10_000;

impl StateMachine {
    /// Returns the device of a login, if there is one.
    pub(super) fn known_device(&self, user: AccountNumber, name: Option<&DeviceName>) -> Option<DeviceNumber> {
        let devices = &self.stored.account(user).devices;
        match name {
            None => Some(DeviceNumber::NAMELESS),
            Some(name) => devices.find(name).map(|device| device.number),
        }
    }

    /// Returns the device of a login that is let in. One that is new, or has lost its number, begins at the number of the user.
    pub(super) fn begin_device(
        &mut self,
        user: AccountNumber,
        name: Option<&DeviceName>,
        context: &mut Context,
    ) -> Decided<(DeviceNumber, Option<DeviceState>)> {
        let Some(name) = name else {
            self.begin_nameless_device(user, context)?;
            return Ok((DeviceNumber::NAMELESS, None));
        };
        if let Some(device) = self.known_device(user, Some(name))
            && self.stored.lacks_removed(SessionKey { user, device })
        {
            let user = self.stored.name(user);
            self.apply_and_emit(Record::DeviceLost { user, device }, context)?;
        }
        let known = self.stored.account(user).devices.find(name);
        if let Some(Device { number, acknowledged: Some(_), .. }) = known {
            return Ok((*number, Some(DeviceState::Known)));
        }
        let number = match known {
            Some(device) => device.number,
            None => self.number_for_new_device(user, context)?,
        };
        // The session of the nameless device has had the number of the user so far.
        let nameless = SessionKey { user, device: DeviceNumber::NAMELESS };
        if self.stored.account(user).devices.is_empty() && self.presence.session(nameless).is_some() {
            self.record_device(user, DeviceNumber::NAMELESS, None, context)?;
        }
        self.record_device(user, number, Some(name.clone()), context)?;
        Ok((number, Some(DeviceState::New)))
    }

    /// Gives the nameless device a number of its own. Where there is no other device it has that of the user.
    fn begin_nameless_device(&mut self, user: AccountNumber, context: &mut Context) -> Decided<()> {
        let devices = &self.stored.account(user).devices;
        let has_number = devices.get(DeviceNumber::NAMELESS).is_some_and(|device| device.acknowledged.is_some());
        if devices.is_empty() || has_number {
            return Ok(());
        }
        self.record_device(user, DeviceNumber::NAMELESS, None, context)
    }

    fn record_device(
        &mut self,
        user: AccountNumber,
        device: DeviceNumber,
        name: Option<DeviceName>,
        context: &mut Context,
    ) -> Decided<()> {
        let user = self.stored.name(user);
        let at = context.now.at;
        self.apply_and_emit(Record::Device { user, device, name, at }, context)
    }

    /// Finds a number for one more device; if need be that of the one that was unused for longest, which is forgotten.
    fn number_for_new_device(&mut self, user: AccountNumber, context: &mut Context) -> Decided<DeviceNumber> {
        if let Some(free) = self.stored.account(user).devices.free_number() {
            return Ok(free);
        }
        let is_offline = |device: &&Device| self.presence.session(SessionKey { user, device: device.number }).is_none();
        let named = self.stored.account(user).devices.iter().filter(|device| device.number.is_named());
        let unused = named.filter(is_offline).min_by_key(|device| (device.used, device.last_used));
        let now = self.stored.device_clock.time;
        let unused = unused.filter(|device| now.saturating_sub(device.used) > REPLACEABLE_AFTER);
        let Some(number) = unused.map(|device| device.number) else {
            return Err(quota(format!("you have {} devices: forget one of them first", limits::DEVICES)));
        };
        self.forget_device(user, number, context)?;
        Ok(number)
    }

    /// Forgets a device with its key, and closes its connections.
    fn forget_device(&mut self, user: AccountNumber, number: DeviceNumber, context: &mut Context) -> Decided<()> {
        let Some(Device { name, .. }) = self.stored.account(user).devices.get(number).cloned() else { return Ok(()) };
        let user_name = self.stored.name(user);
        self.apply_and_emit(Record::DeviceForgotten { user: user_name.clone(), device: number }, context)?;
        let key = SessionKey { user, device: number };
        match name {
            Some(device) => {
                self.end_session(key, context)?;
                self.close_device(user_name, device, context);
            }
            None => self.time_out_session(key, context)?,
        }
        Ok(())
    }

    /// Ends the key of a device, if it has one, and closes the device's connections with it.
    fn end_key(&mut self, user: AccountNumber, number: DeviceNumber, context: &mut Context) -> Decided<()> {
        let Some(device) = self.stored.account(user).devices.get(number).filter(|device| device.key.is_some()) else {
            return Ok(());
        };
        let name = device.name.clone();
        let user_name = self.stored.name(user);
        self.apply_and_emit(Record::DeviceKey { user: user_name.clone(), device: number, key: None }, context)?;
        self.end_session(SessionKey { user, device: number }, context)?;
        name.into_iter().for_each(|device| self.close_device(user_name.clone(), device, context));
        Ok(())
    }

    fn close_device(&self, user: UserName, device: DeviceName, context: &mut Context) {
        let by = context.connection;
        context.out.effects.push(Effect::Key { user: user.clone(), device: device.clone(), key: None });
        context.out.effects.push(Effect::CloseDevice { user, device, by });
    }

    /// Ends the keys of a user's devices, but that of one, and the sessions of those devices: before their connections are
    /// closed they could ask for another key.
    pub(super) fn end_keys(
        &mut self,
        user: AccountNumber,
        but: Option<&DeviceName>,
        context: &mut Context,
    ) -> Decided<()> {
        let devices = self.stored.account(user).devices.iter();
        let others = devices.filter(|device| but.is_none_or(|but| device.name.as_ref() != Some(but)));
        let numbers: Vec<_> = others.map(|device| device.number).collect();
        for device in numbers {
            self.end_key(user, device, context)?;
            self.end_session(SessionKey { user, device }, context)?;
        }
        Ok(())
    }

    /// `LOGOUT`. `asker`: the device of the connection that asks; `closed`: that of the connection that is to be closed.
    pub(super) fn log_out(
        &mut self,
        user: &UserName,
        which: &LogOut,
        [asker, closed]: [Option<&DeviceName>; 2],
        context: &mut Context,
    ) -> Decided {
        let number = self.stored.number(user)?;
        let find = |name: &DeviceName| self.stored.account(number).devices.find(name).map(|device| device.number);
        match which {
            LogOut::Device(name) => {
                let device = find(name).ok_or(Code::NoSession)?;
                self.forget_device(number, device, context)?;
            }
            LogOut::Connection(id) => {
                if let Some(device) = closed.and_then(find) {
                    self.end_key(number, device, context)?;
                }
                context.out.effects.push(Effect::LogOut { connection: *id, by: context.connection });
            }
            LogOut::Others => {
                self.end_keys(number, asker, context)?;
                let user = self.stored.name(number);
                let device = asker.cloned();
                context.out.effects.push(Effect::LogOutOthers { user, by: context.connection, device });
            }
        }
        Ok(Reply::Done)
    }

    /// `KEY`: gives the session's device a key, instead of the one that it has.
    pub(super) fn set_key(&mut self, key: DeviceKey, context: &mut Context) -> Decided<Option<Reply>> {
        let Some((SessionKey { user, device }, _)) = self.presence.session_of(context.connection) else {
            return Ok(None);
        };
        let name = self.stored.account(user).devices.get(device).and_then(|device| device.name.clone());
        let name = name.ok_or(Code::NoSession)?;
        let user = self.stored.name(user);
        let digest = Some(KeyDigest::of(&self.stored.store, &user, &name, key.as_str()));
        self.apply_and_emit(Record::DeviceKey { user: user.clone(), device, key: digest }, context)?;
        context.out.effects.push(Effect::Key { user, device: name, key: digest });
        Ok(Some(Reply::Key(NewKey { key })))
    }

    /// `DEVICES`: lists the devices that have a name, by it.
    pub(super) fn list_devices(&self, user: &UserName) -> Decided {
        let user = self.stored.number(user)?;
        let devices = self.stored.account(user).devices.iter();
        let mut rows: Vec<_> = devices
            .filter_map(|device| {
                let key = SessionKey { user, device: device.number };
                Some(reply::Device {
                    name: device.name.clone()?,
                    last_used: device.last_used,
                    online: self.presence.session(key).is_some(),
                    has_key: device.key.is_some(),
                })
            })
            .collect();
        rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Reply::Devices(rows))
    }

    /// Takes the number from those devices for whom more is kept than may be. Those of further users, and all while the disk is
    /// full, keep it until a later batch.
    pub(super) fn drop_slow_devices(&mut self, now: Now, out: &mut Output) -> Result<(), ApplyError> {
        let mut recorded = 0;
        while let Some(user) = self.stored.crowded.last().copied() {
            match self.stored.device_to_drop(user) {
                None => _ = self.stored.crowded.pop(),
                Some(_) if self.disk_full || recorded == RECORDED_DEVICES => return Ok(()),
                Some(device) => {
                    let mut context = Context { connection: ADMINISTRATOR, now, out };
                    self.lose_device(SessionKey { user, device }, &mut context)?;
                    recorded += 1;
                }
            }
        }
        Ok(())
    }

    /// Takes the number from a device, and closes its session.
    fn lose_device(&mut self, key: SessionKey, context: &mut Context) -> Result<(), ApplyError> {
        let user = self.stored.name(key.user);
        self.emit(Record::DeviceLost { user, device: key.device }, context.out)?;
        self.time_out_session(key, context)
    }

    fn time_out_session(&mut self, key: SessionKey, context: &mut Context) -> Result<(), ApplyError> {
        let session = self.end_session(key, context)?;
        context.out.effects.extend(session.map(|session| Effect::Close(session, Code::Timeout)));
        Ok(())
    }

    /// Lets the clock of the devices go on, if there are any; but not with each start of a server that is started often.
    fn record_look(&mut self, context: &mut Context) -> Decided<()> {
        let at = context.now.at;
        let is_soon = |last: Timestamp| at >= last && at.since(last) < limits::REVIEW_INTERVAL / 2;
        let has_devices = self.stored.devices_from(None).next().is_some();
        if self.disk_full || !has_devices || self.stored.device_clock.looked_at.is_some_and(is_soon) {
            return Ok(());
        }
        self.apply_and_emit(Record::Looked { at }, context)
    }

    /// Looks at the devices, from one on: forgets those that were unused for too long, takes the number from those that lack a
    /// message which retention has removed, and records the use of those whose session goes on. Not many at once: the rest has
    /// its turn later.
    pub(super) fn review_devices(&mut self, review: Review, context: &mut Context) -> Decided<()> {
        let mut recorded = 0;
        let mut looked_at = 0;
        if review.from.is_none() {
            self.record_look(context)?;
        }
        let devices = self.stored.devices_from(review.from).take(REVIEWED + 1);
        let devices: Vec<_> = devices.take_while(|(key, _)| review.upto.is_none_or(|upto| *key <= upto)).collect();
        for (key, unused) in devices {
            if self.disk_full || recorded == RECORDED_DEVICES || looked_at >= REVIEWED {
                context.out.effects.push(Effect::ReviewDevices(Review { from: Some(key), ..review }));
                break;
            }
            let Account { mailbox, rooms, .. } = self.stored.account(key.user);
            looked_at += 1 + rooms.len() + mailbox.kept().plus(mailbox.kept_own()).messages;
            let is_used = self.presence.session(key).is_some();
            if review.may_forget && !is_used && unused > self.policy.keep_devices {
                self.forget_device(key.user, key.device, context)?;
            } else if self.stored.lacks_removed(key) {
                self.lose_device(key, context)?;
            } else if is_used && unused > USE_RECORDED_AFTER {
                self.record_last_seen(key, context)?;
            } else {
                continue;
            }
            recorded += 1;
        }
        Ok(())
    }
}
