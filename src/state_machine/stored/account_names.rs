//! The numbers of the accounts by name. The names are in the accounts alone: there may be millions.

use std::hash::BuildHasher as _;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::account::Account;
use super::numbers::AccountNumber;
use crate::model::UserName;

#[derive(Default)]
pub struct AccountNames {
    /// By the hash of the name.
    numbers: HashTable<AccountNumber>,
    hasher: DefaultHashBuilder,
}

impl AccountNames {
    /// Finds an account, removed or not.
    pub fn find(&self, accounts: &[Account], name: &UserName) -> Option<AccountNumber> {
        let is_named = |account: &Account| account.row.name == *name;
        let is_it = |number: &AccountNumber| accounts.get(number.index()).is_some_and(is_named);
        self.numbers.find(self.hasher.hash_one(name), is_it).copied()
    }

    /// Adds an account that is to come after the others, and returns its number; `None` if another one has its name.
    pub fn add_next(&mut self, accounts: &[Account], name: &UserName) -> Option<AccountNumber> {
        let Self { numbers, hasher } = self;
        let account = |number: &AccountNumber| accounts.get(number.index());
        let is_named = |number: &AccountNumber| account(number).is_some_and(|account| account.row.name == *name);
        let hash = |number: &AccountNumber| account(number).map_or(0, |account| hasher.hash_one(&account.row.name));
        match numbers.entry(hasher.hash_one(name), is_named, hash) {
            Entry::Occupied(_) => None,
            Entry::Vacant(entry) => Some(*entry.insert(AccountNumber::new(accounts.len())).get()),
        }
    }
}
