//! Decides what becomes known of messages that were taken back: by an event, an answer, or a row without its text.

use super::machine::ClientState;
use super::record::Record;
use super::row::Gap;
use crate::model::{Message, Timestamp, UserName};
use crate::protocol::HistoryRecord;

impl ClientState {
    /// Notes that the messages of a user among these numbers were taken back, before the event that tells of it, or without
    /// one; returns the time of the one, if its row is in memory. `None`: that is known.
    pub fn note_erased(&mut self, rows: &Gap, from: &UserName) -> Option<Option<Timestamp>> {
        if self.knows_erased(rows, from) { None } else { self.record_erased(rows, from, false) }
    }

    /// Takes in the event: it counts in any case, and is no news if a row or an answer has told of it.
    pub(super) fn take_in_erased(&mut self, rows: &Gap, from: &UserName) -> Option<Option<Timestamp>> {
        self.record_erased(rows, from, true)
    }

    fn record_erased(&mut self, rows: &Gap, from: &UserName, is_event: bool) -> Option<Option<Timestamp>> {
        let is_new = !self.knows_erased(rows, from);
        let at = self.time_of(rows, from);
        self.record(Record::Erased { rows: rows.clone(), from: from.clone(), is_event });
        is_new.then_some(at)
    }

    /// Notes that no text of a message that was taken back is in the closed segments any more. A checkpoint says as much, and
    /// there is none with messages of an earlier store.
    pub(super) fn note_cleaned(&mut self) {
        if self.has_earlier_store() {
            self.record(Record::Cleaned);
        } else {
            self.erased_in_log = 0;
        }
    }

    fn knows_erased(&self, rows: &Gap, from: &UserName) -> bool {
        let here = self.conversations.get(&rows.target);
        here.is_some_and(|here| here.erasures.has(rows.first, rows.last, from))
    }

    /// Returns the time of the one message of a user that is meant, if its row is in memory.
    fn time_of(&self, rows: &Gap, from: &UserName) -> Option<Timestamp> {
        let here = self.conversations.get(&rows.target).filter(|_| rows.first == rows.last);
        here?.message(rows.last).filter(|message| message.from == *from).map(|message| message.at)
    }

    /// Notes that a message has come without its text. It may be here under a number of an earlier store, or from a direct
    /// chat.
    pub(super) fn note_if_erased(&mut self, message: &Message) {
        let target = self.target_of(message);
        if !message.text.is_erased() || !self.has_room_for(&target) {
            return;
        }
        let rows = Gap { target: target.clone(), first: message.seq, last: message.seq };
        self.note_erased(&rows, &message.from);
        let is_elsewhere = self.known.holds(message, false);
        if is_elsewhere && !self.known.is_emptied(message) {
            self.record(Record::Emptied { target, from: message.from.clone(), id: message.id.clone() });
        }
    }

    /// Notes which messages of a page of HISTORY were taken back.
    pub fn note_erased_of(&mut self, page: &[HistoryRecord]) {
        page.iter().filter_map(HistoryRecord::message).for_each(|message| self.note_if_erased(message));
    }
}
