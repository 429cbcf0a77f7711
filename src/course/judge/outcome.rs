//! The outcome of a test, and what there is to say of one that has passed.

use std::time::Duration;

use super::script::Test;
use super::time_line::Failure;
use crate::course::wire::shorten;

#[derive(Clone, Debug)]
pub enum Verdict {
    Passed,
    Failed(Box<Failure>),
    /// It needs something that was not given, such as a command that restarts the server.
    Skipped(String),
    /// It is about a part of the protocol that the server need not have, and does not have: it is worth no points.
    Absent(String),
}

impl From<Result<(), Box<Failure>>> for Verdict {
    fn from(result: Result<(), Box<Failure>>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub test: &'static Test,
    pub verdict: Verdict,
    pub time: Duration,
    /// The failure of a test that has failed beside other tests, and has passed alone.
    pub beside: Option<Box<Failure>>,
    /// The test that it needs, which has failed: its points do not count.
    pub lacks: Option<&'static str>,
}

impl Outcome {
    pub fn new(test: &'static Test, verdict: Verdict, time: Duration) -> Self {
        Self { test, verdict, time, beside: None, lacks: None }
    }

    /// Keeps the failure beside other tests of one that has passed alone. Where the server has gone since, that failure
    /// counts: it says more.
    pub fn after(mut self, before: Verdict) -> Self {
        match (before, &self.verdict) {
            (Verdict::Failed(failure), Verdict::Passed) => self.beside = Some(failure),
            (before, Verdict::Failed(failure)) if failure.is_of_a_server_that_has_gone() => self.verdict = before,
            _ => {}
        }
        self
    }

    pub fn failure(&self) -> Option<&Failure> {
        match &self.verdict {
            Verdict::Failed(failure) => Some(failure),
            Verdict::Passed | Verdict::Skipped(_) | Verdict::Absent(_) => None,
        }
    }

    pub fn has_passed(&self) -> bool {
        matches!(self.verdict, Verdict::Passed)
    }

    /// Returns whether its points count.
    pub fn counts(&self) -> bool {
        self.has_passed() && self.lacks.is_none()
    }

    /// Returns what there is to say of a test that has passed, if it is more than that.
    pub fn remark(&self) -> Option<String> {
        let mut remarks = Vec::new();
        if let Some(failure) = &self.beside {
            let Failure { expected, came, .. } = &**failure;
            remarks.push(format!("alone; beside other tests it failed: expected {}, came {came}", shorten(expected)));
        }
        if let Some(name) = self.lacks {
            remarks.push(format!("without points until {name} passes"));
        }
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }
}

/// Notes which tests have passed without the test that they need. One that was not played holds no points back.
pub fn hold_points_back(outcomes: &mut [Outcome]) {
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.failure().is_some()).map(|one| one.test).collect();
    for outcome in outcomes.iter_mut().filter(|outcome| outcome.has_passed()) {
        outcome.lacks = outcome.test.needs.filter(|needed| failed.iter().any(|test| test.name == *needed));
    }
}
