//! Errors of the bridge: some pass, some end it.

use std::fmt;
use std::time::Duration;

use crate::client::exit::{Exit, Failure, failed};
use crate::client::link::backoff::Backoff;
use crate::client::link::error::LinkError;
use crate::wal::WalError;

/// Returns the failure of a request to the wachat server: with [`Exit::Away`] a later try may succeed, with any other
/// exit code the bridge cannot go on. A newer session of the same user, or a
/// LOGOUT, ends it like a refused login.
pub fn server_failure(error: LinkError) -> Failure {
    match error {
        LinkError::Replaced | LinkError::LoggedOut => (Exit::Refused, error.to_string()),
        error => error.into(),
    }
}

impl From<WalError> for Failure {
    fn from(error: WalError) -> Self {
        failed(error)
    }
}

/// The failures of one direction since its last success: one warning, and a delay before each try.
pub struct Outage {
    retry: Backoff,
    reported: bool,
}

impl Outage {
    /// Makes an outage that has not begun. `first_delay`: the delay after its first failure.
    pub fn new(first_delay: Duration) -> Self {
        Self { retry: Backoff::new(first_delay), reported: false }
    }

    /// Notes a failure, and warns if it is the first. Returns the delay before the next try.
    pub fn note_failure(&mut self, warning: impl fmt::Display) -> Duration {
        self.warn_once(warning);
        self.next_delay()
    }

    /// Notes a failure of several servers, of which one soon will be there, as [`Outage::note_failure`] does.
    pub fn note_failure_of_several(&mut self, warning: impl fmt::Display) -> Duration {
        self.warn_once(warning);
        self.retry.next_delay_of_several()
    }

    fn warn_once(&mut self, warning: impl fmt::Display) {
        if !self.reported {
            log::warn!("{warning}");
        }
        self.reported = true;
    }

    /// Returns the delay after a failure that is reported elsewhere.
    pub fn next_delay(&mut self) -> Duration {
        self.retry.next_delay()
    }

    /// Ends the outage. `news` is the log line after one that was reported.
    pub fn note_success(&mut self, news: &str) {
        if self.reported {
            log::warn!("{news}");
        }
        self.reported = false;
        self.retry.note_success();
    }
}
