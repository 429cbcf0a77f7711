//! The choices of the user: whose messages are hidden, which conversations give no notices, which settings are on.

use std::collections::HashSet;
use std::hash::Hash;

use super::record::Record;
use super::switch::Switch;
use crate::model::{Target, UserName};

/// The choices that differ from those of a new client.
#[derive(Default)]
pub(super) struct Choices {
    ignored: HashSet<UserName>,
    muted: HashSet<Target>,
    switches: HashSet<Switch>,
}

impl Choices {
    pub fn ignore(&mut self, user: UserName, hidden: bool) {
        put(&mut self.ignored, user, hidden);
    }

    pub fn mute(&mut self, target: Target, muted: bool) {
        put(&mut self.muted, target, muted);
    }

    pub fn turn(&mut self, switch: Switch, on: bool) {
        put(&mut self.switches, switch, on);
    }

    pub fn is_ignored(&self, user: &UserName) -> bool {
        self.ignored.contains(user)
    }

    pub fn is_muted(&self, target: &Target) -> bool {
        self.muted.contains(target)
    }

    pub fn is_on(&self, switch: Switch) -> bool {
        self.switches.contains(&switch)
    }

    /// Returns the users whose messages are hidden, sorted.
    pub fn ignored(&self) -> Vec<String> {
        let mut names: Vec<_> = self.ignored.iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// Returns the records that lead to these choices.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let ignored = self.ignored.iter().map(|user| Record::Ignored(user.clone(), true));
        let muted = self.muted.iter().map(|target| Record::Muted(target.clone(), true));
        ignored.chain(muted).chain(self.switches.iter().map(|switch| Record::Set(*switch, true)))
    }
}

/// Puts an item into a set, or takes it out.
fn put<T: Eq + Hash>(set: &mut HashSet<T>, item: T, is_in: bool) {
    if is_in {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}
