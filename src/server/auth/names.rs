//! The accounts by name and by look, without a second copy of the names: there may be millions.

use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

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
    /// Adds an account, instead of the one with its name.
    pub fn put(&mut self, account: Arc<Account>) {
        for look in looks(&account.name) {
            let hash = self.hash(&look);
            let is_found = |(other, found): &(u64, Arc<Account>)| *other == hash && has_look(found, &look);
            match self.by_look.find_mut(hash, is_found) {
                Some((_, found)) if found.name == account.name => *found = account.clone(),
                Some(_) => {}
                None => _ = self.by_look.insert_unique(hash, (hash, account.clone()), |(hash, _)| *hash),
            }
        }
        let hash = self.hash(&account.name);
        match self.accounts.find_mut(hash, |found| found.name == account.name) {
            Some(found) => *found = account,
            None => {
                let hasher = &self.hasher;
                self.accounts.insert_unique(hash, account, |account| hasher.hash_one(&account.name));
            }
        }
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

fn has_look(account: &Account, look: &str) -> bool {
    looks(&account.name).any(|other| other == look)
}
