//! The receiver, as the app sees it: which request it carries out next.

use std::time::Instant;

use super::event::Moment;
use crate::client::link::backoff::Backoff;
use crate::client::link::receiver::Receive;
use crate::limits;
use crate::model::Seq;

enum Mode {
    /// A pipe only sends.
    Off,
    NoSession,
    LoggingIn,
    /// There is a session. `acknowledged` is the number of its login.
    Open {
        acknowledged: Seq,
        answered: bool,
    },
    Polling {
        acknowledged: Seq,
        answered: bool,
    },
}

pub struct Polling {
    mode: Mode,
    retry: Backoff,
}

impl Polling {
    pub fn new(receives: bool) -> Self {
        let mode = if receives { Mode::NoSession } else { Mode::Off };
        Self { mode, retry: Backoff::new(limits::MIN_RETRY_DELAY) }
    }

    /// Returns the next request for the receiver, if it has none. `position`: every event up to it is durable.
    pub fn next_request(&mut self, position: Seq, now: Instant) -> Option<Receive> {
        match self.mode {
            Mode::NoSession if self.retry.deadline(now).is_none() => {
                self.mode = Mode::LoggingIn;
                Some(Receive::LogIn)
            }
            Mode::Open { acknowledged, answered } => {
                self.mode = Mode::Polling { acknowledged, answered };
                // The first answer comes at once: it, and not the connection, shows that the server works.
                let wait = if answered { limits::POLL_WAIT_SECONDS } else { 0 };
                Some(Receive::Poll { after: position, wait })
            }
            _ => None,
        }
    }

    pub fn note_login(&mut self, acknowledged: Seq) {
        self.mode = Mode::Open { acknowledged, answered: false };
    }

    /// Notes the answer to a poll. `true`: it is the first of its session.
    pub fn note_answer(&mut self) -> bool {
        let Mode::Polling { acknowledged, answered } = self.mode else { return false };
        self.mode = Mode::Open { acknowledged, answered: true };
        self.retry.note_success();
        !answered
    }

    /// Returns the number that the server called acknowledged at the login of this session.
    pub fn acknowledged(&self) -> Seq {
        match self.mode {
            Mode::Open { acknowledged, .. } | Mode::Polling { acknowledged, .. } => acknowledged,
            Mode::Off | Mode::NoSession | Mode::LoggingIn => Seq::ZERO,
        }
    }

    pub fn note_failure(&mut self, moment: &Moment) {
        self.mode = Mode::NoSession;
        self.retry.note_failure(moment.now, moment.jitter());
    }

    /// Checks that there is a session that was answered, or that none is wanted.
    pub fn is_fine(&self) -> bool {
        matches!(self.mode, Mode::Off | Mode::Open { answered: true, .. } | Mode::Polling { answered: true, .. })
    }

    /// Ends the delay after a failure: the sender has found the server.
    pub fn hurry(&mut self) {
        self.retry.hurry();
    }

    /// Returns the moment of the next try, if it is after `now`.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if matches!(self.mode, Mode::NoSession) { self.retry.deadline(now) } else { None }
    }
}
