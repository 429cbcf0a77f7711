//! The lines between the lines of two days.

use crate::client::app::view::View;
use crate::client::terminal::marks::Marks;
use crate::model::Timestamp;

/// Finds where the day changes between lines.
pub struct Days {
    last: jiff::civil::Date,
}

impl Default for Days {
    /// The lines begin today.
    fn default() -> Self {
        Self { last: Timestamp::now().local_date() }
    }
}

impl Days {
    /// Returns the line above the first line of another day.
    pub fn separator(&mut self, view: &View, marks: Marks) -> Option<String> {
        let date = time_of(view)?.local_date();
        let dash = marks.dash();
        (std::mem::replace(&mut self.last, date) != date).then(|| format!("{dash} {date} {dash}"))
    }
}

/// Returns the time of a line that shows the time of day only.
fn time_of(view: &View) -> Option<Timestamp> {
    match view {
        View::Incoming(message) | View::Direct(message) => Some(message.at),
        View::DirectTick { held: false, message } => Some(message.at),
        View::Tick { state: None, message, .. } => Some(message.at),
        View::Row(row) => row.at(),
        _ => None,
    }
}
