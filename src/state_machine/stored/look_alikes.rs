//! The names of accounts, or of open rooms, by how they look: a new name may look like none of them. Derived from the
//! names, and asked by `decide` alone: a replay leads to the same state whatever the tables of Unicode say.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::model::UserName;
use crate::model::look::looks;

/// Each look of each name, with the number of its account or room. Names from before may look alike.
pub struct LookAlikes<Number>(BTreeSet<(SmolStr, Number)>);

impl<Number> Default for LookAlikes<Number> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<Number: Copy + Ord> LookAlikes<Number> {
    pub fn of<'a>(names: impl Iterator<Item = (&'a UserName, Number)>) -> Self {
        Self(names.flat_map(|(name, number)| looks(name).map(move |look| (look, number))).collect())
    }

    pub fn add(&mut self, name: &UserName, number: Number) {
        self.0.extend(looks(name).map(|look| (look, number)));
    }

    pub fn remove(&mut self, name: &UserName, number: Number) {
        for look in looks(name) {
            self.0.remove(&(look, number));
        }
    }

    /// Finds the account or room whose name looks like this one; `lowest` is below all numbers.
    pub fn find(&self, name: &UserName, lowest: Number) -> Option<Number> {
        let first = |look: SmolStr| {
            let (found, number) = self.0.range((look.clone(), lowest)..).next()?;
            (*found == look).then_some(*number)
        };
        looks(name).find_map(first)
    }
}
