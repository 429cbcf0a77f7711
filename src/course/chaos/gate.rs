//! Records that are held, and what releases them.

use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Number of records that have arrived.
    arrived: AtomicU64,
    waiting: Mutex<Vec<Waiting>>,
    opened: Condvar,
}

struct Waiting {
    /// Of the record that is held.
    arrival: u64,
    user: Option<UserName>,
    until: Until,
}

impl Gate {
    /// Returns the number of a record that arrives: a record that came before another does not release it.
    pub fn arrive(&self) -> u64 {
        self.arrived.fetch_add(1, Ordering::Relaxed)
    }

    /// Blocks until the record is released, its connection is over, or it was held for [`limits::CHAOS_WAIT`].
    pub fn hold(&self, connection: &Connection, arrival: u64, until: &Until, is_over: impl Fn() -> bool) {
        let deadline = Instant::now() + limits::CHAOS_WAIT;
        let mut waiting = self.waiting.lock();
        waiting.push(Waiting { arrival, user: connection.user.clone(), until: until.clone() });
        while waiting.iter().any(|held| held.arrival == arrival) && !is_over() && Instant::now() < deadline {
            self.opened.wait_for(&mut waiting, LOOK);
        }
        waiting.retain(|held| held.arrival != arrival);
    }

    /// Releases what waits for the Enter key.
    pub fn enter(&self) {
        self.release(|waiting| waiting.until == Until::Enter);
    }

    /// Releases what waits for a record that has passed.
    pub fn pass(&self, connection: &Connection, arrival: u64, record: &Record) {
        self.release(|waiting| match &waiting.until {
            Until::Enter => false,
            Until::Record { kind, words } => {
                waiting.arrival < arrival
                    && waiting.user == connection.user
                    && *kind == record.kind
                    && words.iter().all(|word| record.has(word))
            }
        });
    }

    fn release(&self, is_released: impl Fn(&Waiting) -> bool) {
        self.waiting.lock().retain(|waiting| !is_released(waiting));
        self.opened.notify_all();
    }
}
