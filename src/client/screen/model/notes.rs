//! The lines on the screen that nobody said: answers, notices, errors.

use std::collections::VecDeque;

use crate::client::screen::item::{Note, NoteKind};
use crate::client::screen::quoted::Quoted;
use crate::client::state::ClientState;
use crate::client::state::outgoing::Outgoing;
use crate::client::terminal::display::render;
use crate::client::terminal::marks::Marks;
use crate::model::safe::{safe_lines, snippet};
use crate::model::{MessageId, Target};
use crate::texts::words::taken_back;

/// Most lines that stay.
const NOTES: usize = 500;

/// The last lines, the newest last.
#[derive(Debug, Default)]
pub struct Notes {
    notes: VecDeque<Note>,
    /// The store that has given the numbers of the messages in them.
    store: String,
    /// Number of lines that were ever added.
    made: u64,
}

impl Notes {
    /// Adds a line to a conversation, after its last message.
    pub(super) fn add(&mut self, target: Option<Target>, after: Option<MessageId>, kind: NoteKind, text: &str) {
        self.made += 1;
        self.notes.push_back(Note { number: self.made, target, after, text: safe_lines(text), kind });
        if self.notes.len() > NOTES {
            self.notes.pop_front();
        }
    }

    /// Adds a line about a message that was sent from one conversation to another.
    pub(super) fn add_sent(&mut self, target: Option<Target>, after: Option<MessageId>, message: &Outgoing) {
        let text = format!("→ {}: {}", message.to, snippet(message.text.as_str()));
        let kind = NoteKind::Sent { id: message.id.clone(), to: message.to.clone(), seq: None };
        self.add(target, after, kind, &text);
    }

    /// Notes that the server has a message of which a line tells: its row is in memory now.
    pub(super) fn note_number(&mut self, state: &ClientState, message: &Outgoing) {
        for note in &mut self.notes {
            if let NoteKind::Sent { id, to, seq: seq @ None } = &mut note.kind
                && *id == message.id
            {
                *seq = state.number_of(to, id);
            }
        }
    }

    /// Removes the texts of messages that were taken back, and keeps the lines.
    pub(super) fn forget_erased(&mut self, state: &ClientState, marks: Marks) {
        for note in &mut self.notes {
            let text = match &mut note.kind {
                NoteKind::Quoted(quoted) => quoted.forget_erased(state).then(|| render(&quoted.view(), marks)),
                NoteKind::Sent { id, to, seq, .. }
                    if seq.is_some_and(|number| state.is_own_erased(to, number)) || state.is_own_emptied(to, id) =>
                {
                    Some(format!("→ {to}: {}", taken_back()))
                }
                _ => None,
            };
            if let Some(text) = text {
                note.text = safe_lines(&text);
            }
        }
    }

    /// Notes the store that the numbers are of. In those of another one these messages are others. `false`: it is the same.
    pub(super) fn follow_store(&mut self, store: &str) -> bool {
        if self.store == store {
            return false;
        }
        self.store = store.to_owned();
        for note in &mut self.notes {
            match &mut note.kind {
                kind @ NoteKind::Quoted(Quoted::Unread { .. }) => *kind = NoteKind::Answer,
                NoteKind::Sent { seq, .. } => *seq = None,
                // The rows are known by their ids.
                _ => {}
            }
        }
        true
    }

    /// Removes the line about a message that the server has refused. Returns the conversation in which it was typed, if
    /// there is such a line.
    pub(super) fn remove_sent(&mut self, id: &MessageId) -> Option<Option<Target>> {
        let is_of = |note: &Note| matches!(&note.kind, NoteKind::Sent { id: sent, .. } if sent == id);
        let at = self.notes.iter().position(is_of)?;
        self.notes.remove(at).map(|note| note.target)
    }

    /// Moves the lines that were added while no conversation was open into the first one, after its last message.
    pub(super) fn move_to(&mut self, target: &Target, after: Option<&MessageId>) {
        for note in self.notes.iter_mut().filter(|note| note.target.is_none()) {
            note.target = Some(target.clone());
            note.after = after.cloned();
        }
    }

    /// Returns the lines of a conversation, and those that belong to none.
    pub fn of(&self, target: Option<&Target>) -> Vec<&Note> {
        self.notes.iter().filter(|note| note.target.is_none() || note.target.as_ref() == target).collect()
    }

    /// Returns all lines, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Note> + ExactSizeIterator {
        self.notes.iter()
    }

    pub fn clear(&mut self) {
        self.notes.clear();
    }

    /// Returns the newest line, if it is an error: what is still to be said when the screen is left.
    pub fn last_problem(&self) -> Option<String> {
        let last = self.notes.back().filter(|note| note.kind == NoteKind::Problem)?;
        Some(format!("! {}", last.text))
    }
}
