//! The receiver, as the app sees it: which request it carries out next.

use std::time::Instant;

use super::event::Context;
use crate::client::link::backoff::Backoff;
use crate::client::link::receiver::Receive;
use crate::limits;
use crate::model::Seq;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A pipe only sends.
    Off,
    NoSession,
    LoggingIn,
    /// There is a session, and the receiver waits for a request.
    Open,
    Polling,
}

pub struct Polling {
    mode: Mode,
    /// The number that the server called acknowledged at the last login.
    pub acknowledged: Seq,
    /// This session has answered a poll: that, and not the connection, shows that the server works.
    pub works: bool,
    retry: Backoff,
    /// No session is opened for now: the password is being changed.
    held: bool,
}

impl Polling {
    pub fn new(receives: bool) -> Self {
        let mode = if receives { Mode::NoSession } else { Mode::Off };
        Self { mode, acknowledged: Seq::ZERO, works: !receives, retry: Backoff::default(), held: false }
    }

    /// Returns the next request for the receiver, if it has none. `position`: every event up to it is durable.
    pub fn next_request(&mut self, position: Seq, now: Instant) -> Option<Receive> {
        match self.mode {
            Mode::NoSession if !self.held && self.retry.deadline(now).is_none() => {
                self.mode = Mode::LoggingIn;
                Some(Receive::LogIn)
            }
            Mode::Open => {
                self.mode = Mode::Polling;
                // The first answer comes at once.
                let wait = if self.works { limits::POLL_WAIT_SECONDS } else { 0 };
                Some(Receive::Poll { after: position, wait })
            }
            _ => None,
        }
    }

    pub fn note_login(&mut self, acknowledged: Seq) {
        (self.mode, self.acknowledged) = (Mode::Open, acknowledged);
    }

    /// Notes the answer to a poll. `true`: it is the first of its session.
    pub fn note_answer(&mut self) -> bool {
        self.mode = Mode::Open;
        self.retry.note_success();
        !std::mem::replace(&mut self.works, true)
    }

    /// `of_several`: none of several servers has taken the client.
    pub fn note_failure(&mut self, context: &Context, of_several: bool) {
        (self.mode, self.works) = (Mode::NoSession, false);
        let note = if of_several { Backoff::note_none_of_several } else { Backoff::note_failure };
        note(&mut self.retry, context.now, context.jitter());
    }

    /// Opens no session until this is called with `false`.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// The session has ended as it had to: the next one is opened at once.
    pub fn note_end(&mut self) {
        (self.mode, self.works) = (Mode::NoSession, false);
    }

    pub fn hurry(&mut self) {
        self.retry.hurry();
    }

    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.mode == Mode::NoSession { self.retry.deadline(now) } else { None }
    }
}
