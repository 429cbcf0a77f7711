//! Records that are held, and what releases them.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::fault::Until;
use super::record::{Connection, Record};
use crate::limits;
use crate::model::UserName;

/// Interval at which a held record looks whether its connection is still there.
const LOOK: Duration = Duration::from_millis(100);

/// All records that are held.
#[derive(Default)]
pub(super) struct Gate {
    held: Mutex<Held>,
    opened: Condvar,
}

#[derive(Default)]
struct Held {
    last: u64,
    waiting: Vec<Waiting>,
}

struct Waiting {
    number: u64,
    user: Option<UserName>,
    until: Until,
}

impl Gate {
    /// Blocks until the record is released, its connection is over, or it was held for [`limits::CHAOS_WAIT`].
    pub fn hold(&self, connection: &Connection, until: &Until, is_over: impl Fn() -> bool) {
        let deadline = Instant::now() + limits::CHAOS_WAIT;
        let mut held = self.held.lock();
        held.last += 1;
        let number = held.last;
        held.waiting.push(Waiting { number, user: connection.user.clone(), until: until.clone() });
        while held.waits(number) && !is_over() && Instant::now() < deadline {
            self.opened.wait_for(&mut held, LOOK);
        }
        held.waiting.retain(|waiting| waiting.number != number);
    }

    /// Releases what waits for the Enter key.
    pub fn enter(&self) {
        self.release(|waiting| waiting.until == Until::Enter);
    }

    /// Releases what waits for a record that has passed.
    pub fn pass(&self, connection: &Connection, record: &Record) {
        self.release(|waiting| match &waiting.until {
            Until::Enter => false,
            Until::Record { kind, word } => waiting.user == connection.user && *kind == record.kind && record.has(word),
        });
    }

    fn release(&self, is_released: impl Fn(&Waiting) -> bool) {
        self.held.lock().waiting.retain(|waiting| !is_released(waiting));
        self.opened.notify_all();
    }
}

impl Held {
    fn waits(&self, number: u64) -> bool {
        self.waiting.iter().any(|waiting| waiting.number == number)
    }
}
