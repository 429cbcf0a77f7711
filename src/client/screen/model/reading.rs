//! The place of the open conversation on the screen, those of the others, and what was seen.

use std::collections::HashMap;

use super::older::Older;
use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::screen::rows::{Place, Window};
use crate::model::{Seq, Target};

/// The scroll places, and the rows of the open conversation.
#[derive(Default)]
pub struct Reading {
    pub places: HashMap<Target, Place>,
    pub older: Older,
    /// The lines of the open conversation that were drawn last.
    pub drawn: Window,
    /// The messages above this number were new when the conversation was opened.
    pub(super) new_above: Option<Seq>,
    /// The place to scroll to is that of the first new message.
    pub(super) to_first_new: bool,
    /// A search has brought the user here: what was not on the screen is not seen, also if the end is.
    pub(super) is_found: bool,
}

impl Reading {
    pub fn restored(places: HashMap<Target, Place>) -> Self {
        Self { places, ..Self::default() }
    }

    /// Begins with another conversation; its messages above this number are new.
    pub(super) fn begin(&mut self, seen: Option<Seq>) {
        self.older = Older::default();
        self.new_above = seen;
        self.to_first_new = seen.is_some();
        self.is_found = false;
    }

    /// Notes that the user has entered a text in a conversation: its end is shown, and nothing there is new.
    pub(super) fn go_to_end(&mut self, target: &Target) {
        self.places.remove(target);
        self.new_above = None;
        self.is_found = false;
    }

    pub(super) fn scroll_to(&mut self, target: &Target, place: Option<Place>) {
        _ = match place {
            Some(place) => self.places.insert(target.clone(), place),
            None => self.places.remove(target),
        };
    }

    /// Notes the first new message of a conversation. A user who was at the bottom goes on reading there.
    pub(super) fn note_new(&mut self, target: &Target, seen: Seq) {
        self.new_above = Some(seen);
        self.to_first_new = !self.places.contains_key(target);
    }

    /// Asks for older rows, where the drawn lines or a search need them. A place that is gone is forgotten.
    pub(super) fn ask_for_older(&mut self, app: &App, target: &Target, searches: bool) -> Option<Event> {
        let is_outdated = self.older.is_outdated(app, target);
        if is_outdated {
            self.older.ended = false;
        }
        let is_lost = self.drawn.is_lost;
        let searches = searches && self.older.is_searchable();
        let is_wanted = self.drawn.reaches_top || is_lost || searches || is_outdated;
        let older = if is_wanted { self.older.ask(app, target) } else { None };
        if is_lost && !self.older.awaited {
            // The old place is gone: the bottom is shown, and is the place.
            self.places.remove(target);
        }
        older
    }

    /// Returns up to which number the user has seen the messages that were drawn, if that is more than before.
    pub(super) fn what_was_seen(&self, app: &App, target: &Target) -> Option<Seq> {
        let seen = app.state().find_conversation(target).map_or(Seq::ZERO, |c| c.seen());
        let last = self.drawn.seen.filter(|last| *last > seen)?;
        let is_whole = self.older.ended || !app.state().lacks_rows(target);
        // The screen continues what was seen: no message above it is new.
        let continues = || self.drawn.above.map_or(is_whole, |above| above <= seen);
        (self.drawn.bottom.is_none() && !self.is_found || continues()).then_some(last)
    }
}
