//! The points of each group: a TOML file with a number a group.
//!
//! ```toml
//! framing = 10
//! login = 10
//! ```
//!
//! A group that is not named is worth a point a test. The points of a group are shared by its tests. A test that was
//! skipped has none, and so has one that has passed without the test that it needs. One of a part that the server need not
//! have, and does not have, is worth none.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::{Outcome, Verdict, script};

/// Points of the groups that the file names.
#[derive(Clone, Debug, Default)]
pub struct Points(BTreeMap<String, f64>);

impl Points {
    /// Reads the text of such a file. An error says what is wrong in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|error| error.to_string())?;
        let mut points = BTreeMap::new();
        for (group, value) in table.get_ref() {
            let group = group.get_ref().to_string();
            if !script::groups().iter().any(|known| known.name == group) {
                return Err(format!("{group:?} is no group of tests"));
            }
            let text = match value.get_ref() {
                DeValue::Integer(number) => number.as_str(),
                DeValue::Float(number) => number.as_str(),
                _ => "",
            };
            let number = text.parse().ok().filter(|number: &f64| *number >= 0.0 && number.is_finite());
            let number = number.ok_or_else(|| format!("{group} has no number of points, 0 or more"))?;
            points.insert(group, number);
        }
        Ok(Self(points))
    }

    /// Returns the points that the tests of a group have, and what they could have.
    pub fn of(&self, group: &str, outcomes: &[Outcome]) -> (f64, f64) {
        let of_group = || outcomes.iter().filter(|outcome| outcome.test.group == group);
        let all = script::all().filter(|test| test.group == group).count().max(1);
        let worth = self.0.get(group).map_or(1.0, |points| points / all as f64);
        let counted = of_group().filter(|outcome| outcome.counts()).count();
        let present = of_group().filter(|outcome| !matches!(outcome.verdict, Verdict::Absent(_))).count();
        (worth * counted as f64, worth * present as f64)
    }
}
