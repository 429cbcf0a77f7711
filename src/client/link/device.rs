//! The device that this client is (protocol, section 3): its name, and the key with which it logs in instead of the password.
//!
//! Both are in one file beside the history, readable by its owner alone. The threads of the client share the device: the
//! receiver is given the key, and the sender logs in with it, too.
//!
//! ```text
//! wachat-client-device;1
//! NAME;<device>
//! KEY;<key>               if the client was started with --remember
//! ```

use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::disk::{self, RealDisk};
use crate::model::{DeviceKey, DeviceName};
use crate::record::{Fields, Writer};

const FILE: &str = "device.csv";
const HEAD: &str = "wachat-client-device;1";

/// Bytes of the machine's name in the name of a new device. The rest is for the digits that tell two devices apart.
const MACHINE_BYTES: usize = 24;

/// One of the user's devices: this client.
pub struct Device {
    name: DeviceName,
    path: PathBuf,
    /// The server is asked for a key where there is none.
    remembers: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    key: Option<DeviceKey>,
    /// The server has no devices: it is an older one.
    is_unsupported: bool,
    /// A login with the key was refused, and the user has not signed in since.
    is_key_refused: bool,
}

/// The content of the file.
struct Stored {
    name: DeviceName,
    key: Option<DeviceKey>,
}

impl Device {
    /// Returns the device of a directory, which is named at its first use: as the user wants, or after the machine. A key
    /// goes with the name that it was given to.
    pub fn open(directory: &Path, wanted: Option<&DeviceName>, remembers: bool) -> io::Result<Self> {
        let path = directory.join(FILE);
        let stored = read(&path)?.filter(|stored| wanted.is_none_or(|name| *name == stored.name));
        if let Some(stored) = stored {
            return Ok(Self::of(stored, path, remembers));
        }
        let name = wanted.cloned().map_or_else(new_name, Ok)?;
        let device = Self { name, path, remembers, state: Mutex::default() };
        device.write(None)?;
        Ok(device)
    }

    /// Returns the device of a directory, if it has one: a pipe receives nothing, and needs none.
    pub fn open_existing(directory: &Path) -> io::Result<Option<Self>> {
        let path = directory.join(FILE);
        Ok(read(&path)?.map(|stored| Self::of(stored, path, false)))
    }

    fn of(Stored { name, key }: Stored, path: PathBuf, remembers: bool) -> Self {
        Self { name, path, remembers, state: State { key, ..State::default() }.into() }
    }

    pub fn name(&self) -> &DeviceName {
        &self.name
    }

    /// Returns the key that a login uses: none at a server that has no devices.
    pub(in crate::client) fn usable_key(&self) -> Option<DeviceKey> {
        let state = self.state.lock();
        state.key.clone().filter(|_| !state.is_unsupported)
    }

    /// Returns the key that it has, if it has one.
    pub fn key(&self) -> Option<DeviceKey> {
        self.state.lock().key.clone()
    }

    /// Checks that the server is to be asked for a key.
    pub(super) fn wants_key(&self) -> bool {
        self.remembers && self.key().is_none()
    }

    /// Keeps a key durably. A login that begins meanwhile waits, and takes it: a new password that is set after a login without
    /// it would end it.
    pub(super) fn keep_key(&self, key: DeviceKey) -> io::Result<()> {
        let mut state = self.state.lock();
        self.write(Some(&key))?;
        state.key = Some(key);
        Ok(())
    }

    /// Removes the key: the server does not take it any more. A file that cannot be written has it still, and the next start
    /// finds out again. Another thread may have a newer one by now, which stays.
    pub(super) fn remove_key(&self, refused: &DeviceKey) {
        let mut state = self.state.lock();
        if state.key.as_ref() == Some(refused) {
            let _ = self.write(None);
            state.key = None;
            state.is_key_refused = true;
        }
    }

    /// Notes that the server is an older one, which has no devices.
    pub(super) fn note_unsupported(&self) {
        let mut state = self.state.lock();
        state.is_key_refused |= state.key.is_some();
        state.is_unsupported = true;
    }

    /// Checks that a login with the key was refused since the user has signed in: the password is needed.
    pub(in crate::client) fn take_refusal(&self) -> bool {
        std::mem::take(&mut self.state.lock().is_key_refused)
    }

    pub(super) fn is_unsupported(&self) -> bool {
        self.state.lock().is_unsupported
    }

    fn write(&self, key: Option<&DeviceKey>) -> io::Result<()> {
        let mut lines = format!("{HEAD}\n").into_bytes();
        Writer::new(&mut lines).plain("NAME").plain(&self.name).end();
        if let Some(key) = key {
            Writer::new(&mut lines).plain("KEY").plain(key).end();
        }
        disk::replace(&RealDisk, &self.path, &lines)
    }
}

/// Reads the file; `None`: there is none, or none of this form.
fn read(path: &Path) -> io::Result<Option<Stored>> {
    let content = match disk::read(&RealDisk, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        content => content?,
    };
    disk::check_file(path)?;
    Ok(parse(&content))
}

fn parse(content: &[u8]) -> Option<Stored> {
    let mut lines = content.split(|byte| *byte == b'\n');
    lines.next().filter(|head| *head == HEAD.as_bytes())?;
    let mut name = None;
    let mut key = None;
    for fields in lines.filter_map(|line| Fields::parse(line).ok()) {
        match (fields.get(0), fields.get(1)) {
            (Some("NAME"), Some(text)) => name = DeviceName::new(text),
            (Some("KEY"), Some(text)) => key = DeviceKey::new(text),
            _ => {}
        }
    }
    Some(Stored { name: name?, key })
}

/// Makes a name that the user recognises in a list: that of the machine, with random digits.
fn new_name() -> io::Result<DeviceName> {
    let mut random = [0; 3];
    getrandom::fill(&mut random)?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let machine = machine.split('.').next().unwrap_or_default().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let machine: String = machine.trim_matches('-').chars().take(MACHINE_BYTES).collect();
    let named = DeviceName::new(&format!("{machine}-{digits}"));
    named.or_else(|| DeviceName::new(&format!("d-{digits}"))).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
