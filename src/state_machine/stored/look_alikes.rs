//! The names of accounts, or of open rooms, by how they look: a new name may look like none of them. Derived from the
//! names, and asked by `decide` alone: a replay leads to the same state whatever the tables of Unicode say.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::thread::Builder;

use smol_str::SmolStr;

use crate::model::UserName;
use crate::model::look::looks;

/// Each look of each name, with the number of its account or room. Names from before may look alike.
pub struct LookAlikes<Number>(BTreeSet<(SmolStr, Number)>);

fn sorted_looks<Number: Copy + Ord>(names: &[(&UserName, Number)]) -> Vec<(SmolStr, Number)> {
    let mut all: Vec<_> = names.iter().flat_map(|(name, number)| looks(name).map(|look| (look, *number))).collect();
    all.sort_unstable();
    all
}

impl<Number> Default for LookAlikes<Number> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<Number: Copy + Ord> LookAlikes<Number> {
    /// Sorts many names, on two threads where there is another one: the set is made of two sorted halves without more sorting.
    pub fn of(names: &[(&UserName, Number)]) -> Self
    where
        Number: Send + Sync,
    {
        let (one, other) = names.split_at(names.len() / 2);
        let sort_other = || sorted_looks(other);
        let sorted = std::thread::scope(|scope| {
            let sorting = Builder::new().name("looks".to_owned()).spawn_scoped(scope, sort_other);
            let one = sorted_looks(one);
            let other = match sorting {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(_) => sort_other(),
            };
            one.into_iter().chain(other)
        });
        Self(sorted.collect())
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
