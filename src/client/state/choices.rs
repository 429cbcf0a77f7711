//! The choices of the user: whose messages are hidden, which conversations give no notices, which settings are on.

use std::collections::HashSet;
use std::hash::Hash;

use super::record::{Record, Switch};
use crate::model::{Target, UserName};

/// The choices that differ from those of a new client.
#[derive(Default)]
pub(super) struct Choices {
    pub ignored: HashSet<UserName>,
    pub muted: HashSet<Target>,
    pub switches: HashSet<Switch>,
}

impl Choices {
    /// Returns the records that lead to these choices.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let ignored = self.ignored.iter().map(|user| Record::Ignored(user.clone(), true));
        let muted = self.muted.iter().map(|target| Record::Muted(target.clone(), true));
        ignored.chain(muted).chain(self.switches.iter().map(|switch| Record::Set(*switch, true)))
    }
}

/// Puts an item into a set, or takes it out.
pub(super) fn put<T: Eq + Hash>(set: &mut HashSet<T>, item: T, is_in: bool) {
    if is_in {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}
