//! The audit log: a line of the log for each event that the administrator, or a guard such as fail2ban, has to know.
//!
//! Its target is `wachat::audit`, its level INFO, and it is shown unless `RUST_LOG` says otherwise. The message has a
//! stable form (logfmt): fields `key=value`, of which `event` is the first, and the peer's address, if there is a peer,
//! the second:
//!
//! ```text
//! event=login_failed from=192.0.2.7 port=SEND reason=password user="luis"
//! ```
//!
//! [`KINDS`] lists the events with their fields. A text, such as a name, stands in quotes behind all other fields; a
//! quote and a backslash in it have a backslash before them, and control characters are replaced: no name can forge a
//! field or a line. In a log of JSON objects (`serve --log-format json`) the fields are keys as well. No line has a
//! password or the text of a message. The name of a failed login is shown only if there is such an account: what is
//! typed instead of a name can be a password.
//!
//! `throttle` limits the lines about events that a client can cause at will; `count` says how many events a line stands
//! for. A new account and a changed password have a line each: they cost a password hash, and so cannot come fast.

mod event;
mod throttle;

use std::time::Instant;

use parking_lot::Mutex;

use event::Fields;
pub use event::{ConnectionRefusal, Event, KINDS, LoginFailure};
use throttle::Throttles;

/// The target of the audit log's lines.
pub const TARGET: &str = "wachat::audit";

/// Writes events to the log, as many as the throttles allow. Shared by all threads of the server.
#[derive(Default)]
pub struct Audit {
    throttles: Mutex<Throttles>,
}

impl Audit {
    /// Writes the line of an event, or counts it for a later line.
    pub fn note(&self, event: Event) {
        let due = self.throttles.lock().add(event, Instant::now());
        write_lines(due);
    }

    /// Writes the lines that stand for events of periods that are over. Called once a second.
    pub fn flush(&self) {
        let due = self.throttles.lock().expire(Instant::now());
        write_lines(due);
    }

    /// Writes the lines of all events that were counted: the server stops.
    pub fn finish(&self) {
        let due = self.throttles.lock().finish();
        write_lines(due);
    }
}

/// Without the lock: standard error may block.
fn write_lines(due: Vec<(Event, u64)>) {
    for (event, count) in due {
        let fields = Fields::of(&event, count);
        let mut record = log::Record::builder();
        record.target(TARGET).level(log::Level::Info).module_path_static(Some(TARGET)).key_values(&fields);
        log::logger().log(&record.args(format_args!("{fields}")).build());
    }
}
