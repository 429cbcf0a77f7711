//! The accounts by name and by look, without a second copy of the names: there may be millions.

use std::hash::{BuildHasher as _, Hash};
use std::io;
use std::sync::Arc;
use std::thread::Builder;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;

use crate::model::UserName;
use crate::model::look::looks;

/// One account as long as it has this password.
pub(crate) struct Account {
    /// As its owner registered it.
    pub name: UserName,
    /// `None`: the account was removed, and its name is taken all the same.
    pub password_hash: Option<Arc<str>>,
    pub(super) verified: Mutex<Option<[u8; 32]>>,
}

#[derive(Default)]
pub(super) struct Names {
    accounts: HashTable<Arc<Account>>,
    /// For each look of the names, with its hash, the first account that has it.
    by_look: HashTable<(u64, Arc<Account>)>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// Adds many accounts, as [`Names::put`] does, on two threads.
    pub fn put_all(&mut self, added: &[Arc<Account>]) -> io::Result<()> {
        let Self { accounts, by_look, hasher } = self;
        accounts.reserve(added.len(), |account| hasher.hash_one(&account.name));
        by_look.reserve(added.len(), |(hash, _)| *hash);
        std::thread::scope(|scope| {
            let put_looks = || added.iter().for_each(|account| put_look(by_look, hasher, account));
            Builder::new().name("looks".to_owned()).spawn_scoped(scope, put_looks)?;
            added.iter().for_each(|account| put_name(accounts, hasher, account.clone()));
            Ok(())
        })
    }

    /// Adds an account, instead of the one with its name.
    pub fn put(&mut self, account: Arc<Account>) {
        put_look(&mut self.by_look, &self.hasher, &account);
        put_name(&mut self.accounts, &self.hasher, account);
    }

    pub fn find(&self, name: &UserName) -> Option<Arc<Account>> {
        self.accounts.find(self.hash(name), |account| account.name == *name).cloned()
    }

    /// Finds an account whose name looks like this one.
    pub fn find_like(&self, name: &UserName) -> Option<Arc<Account>> {
        looks(name).find_map(|look| {
            let hash = self.hash(&look);
            let is_found = |(other, found): &(u64, Arc<Account>)| *other == hash && has_look(found, &look);
            self.by_look.find(hash, is_found).map(|(_, found)| found.clone())
        })
    }

    fn hash(&self, value: &impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }
}

fn put_look(by_look: &mut HashTable<(u64, Arc<Account>)>, hasher: &DefaultHashBuilder, account: &Arc<Account>) {
    for look in looks(&account.name) {
        let hash = hasher.hash_one(&look);
        let is_found = |(other, found): &(u64, Arc<Account>)| *other == hash && has_look(found, &look);
        match by_look.find_mut(hash, is_found) {
            Some((_, found)) if found.name == account.name => *found = account.clone(),
            Some(_) => {}
            None => _ = by_look.insert_unique(hash, (hash, account.clone()), |(hash, _)| *hash),
        }
    }
}

fn put_name(accounts: &mut HashTable<Arc<Account>>, hasher: &DefaultHashBuilder, account: Arc<Account>) {
    let hash = hasher.hash_one(&account.name);
    match accounts.find_mut(hash, |found| found.name == account.name) {
        Some(found) => *found = account,
        None => _ = accounts.insert_unique(hash, account, |account| hasher.hash_one(&account.name)),
    }
}

fn has_look(account: &Account, look: &str) -> bool {
    looks(&account.name).any(|other| other == look)
}
