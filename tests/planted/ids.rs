//! In the place of `src/state_machine/stored/ids.rs`: what a retry is known by.

#[path = "../../src/state_machine/stored/ids.rs"]
mod real;

use crate::model::{Message, MessageId};
use crate::planted::is;

pub use real::{Digest, SentMessage};

#[derive(Default)]
pub(in crate::state_machine) struct SentIds(real::SentIds);

impl SentIds {
    pub fn get(&self, id: &MessageId) -> Option<SentMessage> {
        self.0.get(id).filter(|_| !is("retry-not-known"))
    }

    pub fn remember(&mut self, message: &Message) {
        self.0.remember(message);
    }

    pub fn insert(&mut self, id: MessageId, sent: SentMessage) {
        self.0.insert(id, sent);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&MessageId, SentMessage)> {
        self.0.iter()
    }
}
