//! The choices of the user: whose messages are hidden, which conversations give no notices, which settings are on.

use std::collections::HashSet;
use std::hash::Hash;

use super::record::Record;
use crate::model::{Target, UserName};

/// A setting that the user turns on or off at the keyboard. All of them are off at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// The lines that say who joins, leaves, comes and goes are hidden.
    Quiet,
}

impl Switch {
    pub const ALL: [Self; 1] = [Self::Quiet];

    /// Returns its name, as it is typed and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|switch| switch.name() == name)
    }
}

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
