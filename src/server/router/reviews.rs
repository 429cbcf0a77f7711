//! The times at which the state machine looks for devices that are not to be kept.

use std::time::Instant;

use crate::limits;
use crate::state_machine::Review;

pub(crate) struct Reviews {
    started: Instant,
    /// Time of the next look, which begins with the first device.
    next: Instant,
    /// Looks that go on when the disk has room.
    rest: Option<Review>,
}

impl Reviews {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { started: now, next: now, rest: None }
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

    /// Returns the look that is due. One that begins while the disk is full is put off.
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
}
