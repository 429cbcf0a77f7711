//! Older rows of the open conversation, looked up in the log while the user scrolls up.

use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::state::row::Row;
use crate::model::Target;

/// Rows of the log that are looked up at first; each time twice as many.
const OLDER_ROWS: usize = 500;
/// Rows of the log at which a search in the conversation loads no more.
const SEARCHED_ROWS: usize = 100_000;

/// Rows of the open conversation that memory does not hold.
#[derive(Default)]
pub struct Older {
    pub rows: Vec<Row>,
    /// Rows that were asked for; while this is more than there are, an answer is awaited.
    wanted: usize,
    pub awaited: bool,
    /// There are no older ones.
    pub ended: bool,
}

impl Older {
    /// Returns the event that asks the app for more rows, if there may be any and none are awaited.
    pub fn ask(&mut self, app: &App, target: &Target) -> Option<Event> {
        if self.awaited || self.ended || !app.state().lacks_rows(target) {
            return None;
        }
        // The last rows of the log are in memory, too.
        let in_memory = app.state().find_conversation(target).map_or(0, |c| c.rows().len());
        self.wanted = (2 * self.wanted).max(in_memory + OLDER_ROWS);
        self.awaited = true;
        Some(Event::Scrolled(target.clone(), self.wanted))
    }

    /// Checks that a search may load more rows.
    pub fn is_searchable(&self) -> bool {
        self.rows.len() < SEARCHED_ROWS
    }

    /// Takes the rows of an answer; none: they could not be read.
    pub fn take(&mut self, rows: Vec<Row>) {
        self.ended = rows.len() <= self.rows.len() || rows.is_empty();
        self.awaited = false;
        self.rows = rows;
    }

    /// Checks that memory has lost rows that are not among these either: they begin before what memory holds.
    pub fn is_outdated(&self, app: &App, target: &Target) -> bool {
        let Some(conversation) = app.state().find_conversation(target) else { return false };
        let is_first = |row: &Row| self.rows.iter().rev().any(|old| (old.seq(), old.id()) == (row.seq(), row.id()));
        let is_last = || self.rows.iter().rev().find_map(Row::seq) >= Some(conversation.last_number());
        !self.rows.is_empty() && !conversation.rows().next().map_or_else(is_last, is_first)
    }
}
