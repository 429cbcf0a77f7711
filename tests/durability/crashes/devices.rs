//! The knowledge that the programs of users have of their devices: the number and the key that the server has of each, as the protocol
//! page says it (section 3). After a crash a change whose reply has not come may have been made, or not.

use std::collections::HashMap;

use wachat::model::DeviceKey;
use wachat::protocol::DeviceState;

/// Place at which a session begins.
pub enum Begin {
    /// The device goes on from its own number.
    Known,
    /// It is a new device.
    New,
    /// The device has lost its number, since too much was kept for it.
    Anew,
}

#[derive(Default)]
pub struct Devices {
    /// The number in the last reply to a login of each reader whose device the server knows: it never goes back.
    numbers: HashMap<&'static str, u64>,
    /// Logins of each reader that have no reply yet.
    logins: HashMap<&'static str, usize>,
    /// The keys of each device that are possible, from requests and replies. No entry: it has none.
    keys: HashMap<&'static str, Vec<Option<DeviceKey>>>,
}

impl Devices {
    pub fn number(&self, reader: &str) -> u64 {
        self.numbers.get(reader).copied().unwrap_or(0)
    }

    pub fn ask_to_open(&mut self, reader: &'static str) {
        *self.logins.entry(reader).or_default() += 1;
    }

    /// A login has got an error for its reply.
    pub fn not_opened(&mut self, reader: &'static str) {
        self.logins.entry(reader).and_modify(|logins| *logins = logins.saturating_sub(1));
    }

    /// Takes the reply to a login. `may_be_lost`: more events than are kept for devices may have waited for this one;
    /// `stored`: the number up to which its program has stored them.
    pub fn open(
        &mut self,
        reader: &'static str,
        number: u64,
        state: Option<DeviceState>,
        may_be_lost: bool,
        stored: u64,
    ) -> Result<Begin, String> {
        // An earlier login without a reply may have changed the device.
        let lacks_reply = self.logins.remove(reader).is_some_and(|logins| logins > 1);
        let is_known = self.numbers.insert(reader, number).is_some();
        match state {
            Some(DeviceState::New) if is_known && !may_be_lost => {
                Err(format!("promise 1 is broken: {reader} was known, and begins anew at {number}"))
            }
            Some(DeviceState::New) if is_known => Ok(Begin::Anew),
            Some(DeviceState::New) => Ok(Begin::New),
            Some(DeviceState::Known) if !is_known && lacks_reply => Ok(Begin::New),
            // The nameless device is not told so.
            Some(DeviceState::Known) | None if is_known && may_be_lost && (lacks_reply || number > stored) => {
                Ok(Begin::Anew)
            }
            Some(DeviceState::Known) | None => Ok(Begin::Known),
        }
    }

    /// The device may be gone from here on, and its key with it.
    pub fn ask_to_forget(&mut self, reader: &'static str) {
        self.numbers.remove(reader);
        self.possible(reader).push(None);
    }

    pub fn forgotten(&mut self, reader: &'static str) {
        self.numbers.remove(reader);
        *self.possible(reader) = vec![None];
    }

    pub fn ask_for_key(&mut self, reader: &'static str, key: DeviceKey) {
        self.possible(reader).push(Some(key));
    }

    pub fn has_key(&mut self, reader: &'static str, key: &DeviceKey) {
        *self.possible(reader) = vec![Some(key.clone())];
    }

    /// Compares the key that a server has read with those that are possible; from here on it is known.
    pub fn compare_key(
        &mut self,
        reader: &'static str,
        is_found: impl Fn(Option<&DeviceKey>) -> bool,
    ) -> Result<(), String> {
        let possible = self.possible(reader);
        possible.retain(|key| is_found(key.as_ref()));
        if possible.is_empty() {
            return Err(format!("promise 1 is broken: the key of {reader} is none of those that it may have"));
        }
        possible.truncate(1);
        Ok(())
    }

    fn possible(&mut self, reader: &'static str) -> &mut Vec<Option<DeviceKey>> {
        self.keys.entry(reader).or_insert_with(|| vec![None])
    }
}
