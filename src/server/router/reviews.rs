//! The times at which the state machine looks for devices that are not to be kept.

use std::time::Instant;

use crate::limits;
use crate::model::Timestamp;
use crate::state_machine::Review;

pub(crate) struct Reviews {
    started: Instant,
    /// Time of the next look, which begins with the first device.
    next: Instant,
    /// Looks that go on when the disk has room.
    rest: Option<Review>,
    /// A jump of the clock was logged.
    has_warned: bool,
}

impl Reviews {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { started: now, next: now, rest: None, has_warned: false }
    }

    pub fn due(&self, has_room: bool) -> Instant {
        if has_room && self.rest.is_some() { self.started } else { self.next }
    }

    /// Lets the next look begin now: retention has removed messages.
    pub fn hasten(&mut self) {
        self.next = Instant::now();
    }

    /// Notes what is left of a look, or that there is something to see.
    pub fn put_off(&mut self, rest: Review) {
        let before = self.rest.unwrap_or(rest);
        let upto = before.upto.zip(rest.upto).map(|(one, other)| one.max(other));
        let may_forget = before.may_forget || rest.may_forget;
        self.rest = Some(Review { from: before.from.min(rest.from), upto, may_forget });
    }

    /// Returns the look that is due. One that begins while the disk is full is put off, but has seen the clock.
    pub fn begin(&mut self, has_room: bool) -> Option<Review> {
        if self.next <= Instant::now() {
            self.next = Instant::now() + limits::REVIEW_INTERVAL;
            // A device may have had a session for long when the server ended: it has time to come back.
            let may_forget = self.started.elapsed() >= limits::REVIEW_INTERVAL;
            self.rest = None;
            return Some(Review { from: None, upto: None, may_forget });
        }
        self.rest.take_if(|_| has_room)
    }

    /// Logs a jump of the clock, once. `last`: the time from which it has jumped, if it has.
    pub fn note_jump(&mut self, now: Timestamp, last: Option<Timestamp>) {
        let had_warned = std::mem::replace(&mut self.has_warned, last.is_some());
        if let Some(last) = last.filter(|_| !had_warned) {
            log::warn!(
                "--keep-devices forgets nothing: the clock says {now}, and it was right at {last}, when the server \
                 was last used or looked at its devices: if the clock is right, start once with --trust-clock"
            );
        }
    }
}
