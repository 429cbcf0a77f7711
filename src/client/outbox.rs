//! What a person typed and the server has not yet answered, on disk: `outbox_tmp.csv`.
//!
//! ```text
//! QUEUED;<id>;<to>;<at>;<text>     typed, and to be sent
//! DONE;<id>                        the server has it, and the history too
//! FAILED;<id>                      it will never be sent; the history says why
//! ```

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::LedgerError;
use super::ledger::{Ledger, Torn};
use crate::disk::Disk;
use crate::limits;
use crate::model::{MessageId, Target, Text, Timestamp};
use crate::record::{Fields, Writer};

/// A message on its way to the server. Its id stays the same however often it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: MessageId,
    pub to: Target,
    /// When it was typed, by this machine's clock.
    pub at: Timestamp,
    pub text: Text,
}

impl Waiting {
    /// A new message, under an id that no other program, restart or reinstall will choose.
    pub fn new(to: Target, text: Text) -> Result<Self, LedgerError> {
        Ok(Self { id: random_id()?, to, at: Timestamp::now(), text })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        w.plain("QUEUED").plain(&self.id).plain(&self.to).plain(self.at).text(self.text.as_str()).end();
    }

    fn read(f: &Fields) -> Option<Self> {
        Some(Self {
            id: MessageId::new(f.get(1)?)?,
            to: Target::parse(f.get(2)?).ok()?,
            at: Timestamp::parse(f.get(3)?)?,
            text: Text::new(f.get(4)?)?,
        })
    }
}

fn random_id() -> Result<MessageId, LedgerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| LedgerError::Random)?;
    MessageId::new(&format!("{:032x}", u128::from_be_bytes(bytes))).ok_or(LedgerError::Random)
}

/// How a message left the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Done,
    Failed,
}

/// The messages that wait, in the order in which they were typed.
pub struct Outbox {
    ledger: Ledger,
    waiting: VecDeque<Waiting>,
    /// How many messages the file holds that wait no longer.
    settled: usize,
}

impl Outbox {
    /// Opens the file, or makes it.
    pub fn open(disk: Arc<dyn Disk>, path: PathBuf) -> Result<(Self, Torn), LedgerError> {
        let (mut waiting, mut settled) = (VecDeque::new(), 0);
        let (ledger, torn) = Ledger::open(disk, path, "wachat-outbox", &mut |fields| {
            match fields.get(0)? {
                "QUEUED" => waiting.push_back(Waiting::read(fields)?),
                "DONE" | "FAILED" => {
                    let id = MessageId::new(fields.get(1)?)?;
                    waiting.retain(|message| message.id != id);
                    settled += 1;
                }
                _ => return None,
            }
            Some(())
        })?;
        Ok((Self { ledger, waiting, settled }, torn))
    }

    /// Takes a message in. When this returns it is on disk: it will be sent, whatever happens.
    pub fn queue(&mut self, message: Waiting) -> Result<(), LedgerError> {
        self.queue_all(vec![message])
    }

    /// Takes several in, all or none.
    pub fn queue_all(&mut self, messages: Vec<Waiting>) -> Result<(), LedgerError> {
        if messages.is_empty() {
            return Ok(());
        }
        let mut records = Vec::new();
        messages.iter().for_each(|message| message.write(&mut records));
        self.ledger.append(&records)?;
        self.waiting.extend(messages);
        Ok(())
    }

    /// Takes a message out, durably. One that is not there is none the less.
    pub fn settle(&mut self, id: &MessageId, how: Settled) -> Result<(), LedgerError> {
        if !self.waiting.iter().any(|message| message.id == *id) {
            return Ok(());
        }
        let word = if how == Settled::Done { "DONE" } else { "FAILED" };
        let mut record = Vec::new();
        Writer::new(&mut record).plain(word).plain(id).end();
        self.ledger.append(&record)?;
        self.waiting.retain(|message| message.id != *id);
        self.settled += 1;
        self.tidy()
    }

    /// Writes the file anew once most of it is of no more use.
    fn tidy(&mut self) -> Result<(), LedgerError> {
        if self.settled < limits::OUTBOX_SETTLED.max(self.waiting.len()) {
            return Ok(());
        }
        let mut records = Vec::new();
        self.waiting.iter().for_each(|message| message.write(&mut records));
        self.ledger.rewrite(&records)?;
        self.settled = 0;
        Ok(())
    }

    /// Forgets all of it: somebody else has it.
    pub fn clear(&mut self) -> Result<(), LedgerError> {
        self.ledger.rewrite(&[])?;
        self.waiting.clear();
        self.settled = 0;
        Ok(())
    }

    /// The first message whose conversation is not held. Nothing overtakes within a conversation:
    /// while its first message is held, so are those behind it.
    pub fn first_free(&self, held: impl Fn(&Target) -> bool) -> Option<Waiting> {
        self.waiting.iter().find(|message| !held(&message.to)).cloned()
    }

    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// From now on nothing is written: the program is about to end.
    pub fn close(&mut self) {
        self.ledger.close();
    }
}
