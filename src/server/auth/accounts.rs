//! Login data of all accounts: names and password hashes, readable from every thread.
//!
//! The router publishes an account after its record is durable. A verified password is accepted again by a fast keyed
//! hash (the login cache), which is dropped with the slow one when the password changes.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use blake2::Blake2sMac256;
use blake2::digest::{KeyInit, Mac};
use parking_lot::{Mutex, RwLock};
use subtle::ConstantTimeEq;

use super::names::{Account, Names};
use crate::model::look::check_new_account;
use crate::model::{DeviceName, KeyDigest, Password, UserName};
use crate::protocol::{Code, Ko};
use crate::state_machine::{StoredState, looks_like};

pub(crate) struct Accounts {
    names: RwLock<Names>,
    /// The digests of the devices' keys.
    keys: RwLock<HashMap<UserName, Vec<(DeviceName, KeyDigest)>>>,
    /// The name of the store, which is part of the digests.
    store: Arc<str>,
    /// Key of the fast hashes; random in each process, so that they are of no use outside of it.
    key: [u8; 32],
}

impl Accounts {
    pub fn new(state: &StoredState) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let (names, keys) = Default::default();
        let directory = Self { names, keys, store: state.store.clone(), key };
        directory.add_all(state)?;
        Ok(directory)
    }

    /// Takes over what the log of a cluster has brought.
    pub fn replace(&self, state: &StoredState) -> io::Result<()> {
        *self.names.write() = Names::default();
        self.keys.write().clear();
        self.add_all(state)
    }

    fn add_all(&self, state: &StoredState) -> io::Result<()> {
        let all: Vec<_> = state.password_hashes().map(|(name, hash)| account(name.clone(), hash.cloned())).collect();
        self.names.write().put_all(&all)?;
        for (user, device, key) in state.device_keys() {
            self.publish_key(user, device, Some(key));
        }
        Ok(())
    }

    /// A device has another key now, or none.
    pub fn publish_key(&self, user: &UserName, device: &DeviceName, key: Option<KeyDigest>) {
        let mut keys = self.keys.write();
        let devices = keys.entry(user.clone()).or_default();
        devices.retain(|(name, _)| name != device);
        devices.extend(key.map(|key| (device.clone(), key)));
        if devices.is_empty() {
            keys.remove(user);
        }
    }

    /// Returns the digest of a device's key, if this is the key. The work is the same in any case.
    pub fn check_key(&self, user: &UserName, device: &DeviceName, key: &str) -> Option<KeyDigest> {
        let digest = KeyDigest::of(&self.store, user, device, key);
        self.is_current_key(user, device, digest).then_some(digest)
    }

    /// Returns whether a device still has the key with this digest.
    pub fn is_current_key(&self, user: &UserName, device: &DeviceName, digest: KeyDigest) -> bool {
        let keys = self.keys.read();
        let mut devices = keys.get(user).into_iter().flatten();
        devices.any(|(name, known)| name == device && *known == digest)
    }

    /// An account is there now, or has another password.
    pub fn publish(&self, name: UserName, password_hash: Option<Arc<str>>) {
        self.names.write().put(account(name, password_hash));
    }

    pub fn find(&self, name: &UserName) -> Option<Arc<Account>> {
        self.names.read().find(name)
    }

    /// Checks that a new account may have a name, which has none, as the state machine will.
    pub fn check_new(&self, name: &UserName) -> Result<(), Ko> {
        check_new_account(name).map_err(|error| Ko::new(Code::Name, error))?;
        let found = self.names.read().find_like(name);
        found.map_or(Ok(()), |other| Err(looks_like(&other.name)))
    }

    /// Returns whether the account still has this password.
    pub fn is_current(&self, account: &Arc<Account>) -> bool {
        self.find(&account.name).is_some_and(|current| Arc::ptr_eq(&current, account))
    }

    /// Returns whether this password was verified before.
    pub fn was_verified(&self, account: &Account, password: &[u8]) -> bool {
        let fast = self.fast_hash(password);
        account.verified.lock().is_some_and(|known| known.ct_eq(&fast).into())
    }

    /// Remembers that the password that was just set is right, unless another one was set since.
    pub fn remember_new(&self, user: &UserName, password_hash: &str, password: &Password) {
        let account = self.find(user).filter(|account| account.password_hash.as_deref() == Some(password_hash));
        if let Some(account) = account {
            self.remember(&account, password.as_bytes());
        }
    }

    /// Remembers that this password is right.
    pub fn remember(&self, account: &Account, password: &[u8]) {
        *account.verified.lock() = Some(self.fast_hash(password));
    }

    fn fast_hash(&self, password: &[u8]) -> [u8; 32] {
        let mut mac = Blake2sMac256::new(&self.key.into());
        mac.update(password);
        mac.finalize().into_bytes().into()
    }
}

fn account(name: UserName, password_hash: Option<Arc<str>>) -> Arc<Account> {
    Arc::new(Account { name, password_hash, verified: Mutex::new(None) })
}
