//! The numbers of the accounts by name. The names are in the accounts alone: there may be millions.

use std::hash::BuildHasher as _;

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

    /// Adds the last account, whose name no other one has. Returns its number.
    pub fn add_last(&mut self, accounts: &[Account]) -> AccountNumber {
        let hash_of = |account: &Account| self.hasher.hash_one(&account.row.name);
        let hash = |number: &AccountNumber| accounts.get(number.index()).map_or(0, hash_of);
        let last = AccountNumber::new(accounts.len().saturating_sub(1));
        self.numbers.insert_unique(hash(&last), last, hash);
        last
    }
}
