//! The outbox: messages that the user typed and the server has not answered yet.

use std::collections::{HashMap, VecDeque};

use super::outgoing::Outgoing;
use super::record::Record;
use crate::limits;
use crate::model::{Message, MessageId, Seq, Target};

/// The messages that wait, in the order in which they were typed.
#[derive(Default)]
pub struct Outbox {
    messages: VecDeque<Outgoing>,
    /// The bytes of all of them.
    bytes: usize,
    /// The messages that a SEND was made of, whatever came of it, each with the last number that was known before: if the
    /// server has the message, its number is higher.
    tried: HashMap<MessageId, Seq>,
}

impl Outbox {
    /// Checks that the limits allow one more message. What is here stays, even if it is beyond them.
    pub fn has_room(&self, message: &Outgoing) -> bool {
        self.len() < limits::OUTBOX_MESSAGES && self.bytes + message.bytes() <= limits::OUTBOX_BYTES
    }

    pub(super) fn push(&mut self, message: Outgoing) {
        self.bytes += message.bytes();
        self.messages.push_back(message);
    }

    /// Takes a message out. Nearly always it is the first.
    pub(super) fn remove(&mut self, id: &MessageId) -> Option<Outgoing> {
        let at = self.messages.iter().position(|message| message.id == *id)?;
        self.tried.remove(id);
        let removed = self.messages.remove(at)?;
        self.bytes -= removed.bytes();
        Some(removed)
    }

    /// Notes the first attempt to send a message.
    pub(super) fn note_tried(&mut self, id: &MessageId, above: Seq) {
        if self.contains(id) {
            self.tried.entry(id.clone()).or_insert(above);
        }
    }

    /// The known numbers are of another store: a message that was tried may have any number.
    pub(super) fn forget_numbers(&mut self) {
        self.tried.values_mut().for_each(|above| *above = Seq::ZERO);
    }

    /// Returns the number above which a message is, if the server has it; `None`: it was never sent.
    pub fn tried(&self, id: &MessageId) -> Option<Seq> {
        self.tried.get(id).copied()
    }

    /// Returns the first message whose conversation is not held. Nothing overtakes within a conversation:
    /// while its first message is held, so are those after it.
    pub(crate) fn first_free(&self, is_held: impl Fn(&Target) -> bool) -> Option<Outgoing> {
        self.messages.iter().find(|message| !is_held(&message.to)).cloned()
    }

    /// Returns the records that lead to this outbox.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.messages.iter().flat_map(|message| {
            let tried = self.tried(&message.id).map(|above| Record::Tried { id: message.id.clone(), above });
            std::iter::once(Record::Queued(message.clone())).chain(tried)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.messages.iter()
    }

    pub fn contains(&self, id: &MessageId) -> bool {
        self.messages.iter().any(|message| message.id == *id)
    }

    /// Checks that this message is one that waits here.
    pub(super) fn has(&self, message: &Message) -> bool {
        let has_text = |queued: &Outgoing| message.text.is_erased() || queued.text == message.text;
        let is_same = |queued: &Outgoing| queued.to == message.to && has_text(queued);
        self.messages.iter().any(|queued| queued.id == message.id && is_same(queued))
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}
