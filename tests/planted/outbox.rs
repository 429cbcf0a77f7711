//! In the place of `src/client/outbox.rs`: what waits for the server.

#[path = "../../src/client/outbox.rs"]
mod real;

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::LedgerError;
use super::ledger::Torn;
use super::{error, ledger};
use crate::disk::Disk;
use crate::model::{MessageId, Target};
use crate::planted::is;

pub use real::{Settled, Waiting};

pub struct Outbox {
    real: real::Outbox,
    /// The message that was given to the sender last, under its own id and that of its last try.
    tried: Mutex<Option<(MessageId, MessageId)>>,
}

impl Outbox {
    pub fn open(disk: Arc<dyn Disk>, path: PathBuf) -> Result<(Self, Torn), LedgerError> {
        let (mut real, torn) = real::Outbox::open(disk, path)?;
        if is("outbox-forgotten-at-the-start") {
            real.clear()?;
        }
        Ok((Self { real, tried: Mutex::new(None) }, torn))
    }

    pub fn first_free(&self, held: impl Fn(&Target) -> bool) -> Option<Waiting> {
        let first = self.real.first_free(&held)?;
        if is("outbox-reordered") {
            return self.real.waiting().filter(|message| message.to == first.to).last().cloned();
        }
        Some(if is("id-drawn-anew-on-resend") { self.under_another_id(first) } else { first })
    }

    fn under_another_id(&self, message: Waiting) -> Waiting {
        let mut tried = self.tried.lock();
        let id = match &*tried {
            Some((own, last)) if *own == message.id => MessageId::new(&format!("{last}x")).unwrap_or(own.clone()),
            _ => message.id.clone(),
        };
        *tried = Some((message.id.clone(), id.clone()));
        Waiting { id, ..message }
    }

    pub fn settle(&mut self, id: &MessageId, how: Settled) -> Result<(), LedgerError> {
        let tried = self.tried.lock().clone().filter(|(_, last)| last == id);
        self.real.settle(tried.as_ref().map_or(id, |(own, _)| own), how)
    }
}

impl Deref for Outbox {
    type Target = real::Outbox;

    fn deref(&self) -> &Self::Target {
        &self.real
    }
}

impl DerefMut for Outbox {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.real
    }
}
