//! The progress of the bridge, in a write-ahead log of its own.
//!
//! ```text
//! STORE;<store>;<seq>            the server's store, and the number after which the bridge goes on
//! TRY;<seq>;<part>;<from>        this part of a message is about to be sent to Telegram
//! DONE;<seq>;<part>              Telegram has it, or will never have it
//! FREE;<seq>;<part>              Telegram surely does not have it: it may be sent again
//! PASSED;<seq>                   there is nothing more to do up to this number
//! BOT;<bot>;<update>             the first start with this bot; updates up to this one are history
//! ```
//! A TRY without a DONE or FREE is a message that was cut off while it was sent.

use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::Disk;
use crate::limits;
use crate::model::Seq;
use crate::record::{Fields, Writer};
use crate::wal::{Location, SmallWal, WalError};

/// One part of one message on its way to Telegram. Most messages have one, number 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub seq: Seq,
    pub number: usize,
    /// The sender, for reports.
    pub from: String,
}

/// The state that the records add up to.
#[derive(Default)]
struct Progress {
    store: Option<String>,
    passed: Seq,
    trying: Option<Part>,
    /// The part to go on with, of the message with this number.
    next: (Seq, usize),
    bot: Option<(String, i64)>,
}

/// The progress and its log. Each change is durable when its function returns.
pub struct State {
    log: SmallWal,
    progress: Progress,
}

impl State {
    /// Opens the log, or creates it. A part that was cut off while it was sent is reported, and done.
    pub fn open(disk: Arc<dyn Disk>, directory: PathBuf) -> Result<Self, WalError> {
        let mut progress = Progress::default();
        let location = Location { disk, directory, owner: "bridge".into() };
        let (log, torn) = SmallWal::open(location, &mut |fields| progress.apply(fields))?;
        if let Some(torn) = torn {
            log::warn!("{torn}");
        }
        let mut state = Self { log, progress };
        if let Some(part) = state.progress.trying.clone() {
            report_unclear(&part, "the bridge ended while it was sent");
            state.record_done(&part)?;
        }
        Ok(state)
    }

    /// Returns the store that the numbers belong to, and the number after which to go on; `None` at the first start.
    pub fn position(&self) -> Option<(&str, Seq)> {
        self.progress.store.as_deref().map(|store| (store, self.progress.passed))
    }

    /// Goes on after this number, in this store.
    pub fn begin_store(&mut self, store: &str, after: Seq) -> Result<(), WalError> {
        self.append(|w| _ = w.plain("STORE").text(store).plain(after))
    }

    /// Returns the last update that was history when this bot was first used; `None` if it never was.
    pub fn history_of(&self, bot: &str) -> Option<i64> {
        self.progress.bot.as_ref().filter(|(known, _)| known == bot).map(|(_, last)| *last)
    }

    pub fn begin_bot(&mut self, bot: &str, last: i64) -> Result<(), WalError> {
        self.append(|w| _ = w.plain("BOT").plain(bot).plain(last))
    }

    /// Returns the first part of this message that was not tried.
    pub fn next_part(&self, seq: Seq) -> usize {
        if self.progress.next.0 == seq { self.progress.next.1 } else { 0 }
    }

    /// Records that a part is about to be sent: when this returns, no later start sends it again.
    pub fn record_attempt(&mut self, part: &Part) -> Result<(), WalError> {
        self.append(|w| _ = w.plain("TRY").plain(part.seq).plain(part.number).text(&part.from))
    }

    /// Records that this part was sent, or will never be.
    pub fn record_done(&mut self, part: &Part) -> Result<(), WalError> {
        self.append(|w| _ = w.plain("DONE").plain(part.seq).plain(part.number))
    }

    /// Records that this part was not sent, and may be tried again.
    pub fn record_not_sent(&mut self, part: &Part) -> Result<(), WalError> {
        self.append(|w| _ = w.plain("FREE").plain(part.seq).plain(part.number))
    }

    /// Records that this message and all before it are done.
    pub fn record_passed(&mut self, seq: Seq) -> Result<(), WalError> {
        self.append(|w| _ = w.plain("PASSED").plain(seq))?;
        match self.log.bytes() < limits::SMALL_SEGMENT_BYTES {
            true => Ok(()),
            false => self.log.compact(&self.progress.to_records()),
        }
    }

    /// Closes the log: the program is about to end.
    pub fn close(&mut self) {
        self.log.close();
    }

    /// Writes a record, and applies it as the next start will.
    fn append(&mut self, write: impl FnOnce(&mut Writer)) -> Result<(), WalError> {
        let mut record = Vec::new();
        let mut writer = Writer::new(&mut record);
        write(&mut writer);
        writer.end();
        self.log.append_batch(&record)?;
        let line = record.strip_suffix(b"\n").unwrap_or(&record);
        if let Ok(fields) = Fields::parse(line) {
            self.progress.apply(&fields);
        }
        Ok(())
    }
}

impl Progress {
    fn apply(&mut self, f: &Fields) -> Option<()> {
        match f.get(0)? {
            "STORE" => {
                let store = f.get(1)?.to_owned();
                let passed = Seq::parse(f.get(2)?)?;
                *self = Self { store: Some(store), passed, bot: self.bot.take(), ..Self::default() };
            }
            "TRY" => {
                self.trying = Some(Part {
                    seq: Seq::parse(f.get(1)?)?,
                    number: f.get(2)?.parse().ok()?,
                    from: f.get(3)?.to_owned(),
                })
            }
            "DONE" => {
                self.trying = None;
                self.next = (Seq::parse(f.get(1)?)?, f.get(2)?.parse::<usize>().ok()?.checked_add(1)?);
            }
            "FREE" => self.trying = None,
            "PASSED" => self.passed = Seq::parse(f.get(1)?)?,
            "BOT" => self.bot = Some((f.get(1)?.to_owned(), f.get(2)?.parse().ok()?)),
            _ => return None,
        }
        Some(())
    }

    /// Returns the records that add up to this, while no part is being sent.
    fn to_records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        if let Some((bot, last)) = &self.bot {
            Writer::new(&mut records).plain("BOT").plain(bot).plain(last).end();
        }
        if let Some(store) = &self.store {
            Writer::new(&mut records).plain("STORE").text(store).plain(self.passed).end();
        }
        records
    }
}

/// Warns of a part that may or may not have arrived.
pub fn report_unclear(part: &Part, why: &str) {
    let Part { seq, number, from } = part;
    log::warn!(
        "UNCLEAR: message {seq} of {from}, part {}, may or may not have reached Telegram ({why}); it is not sent again",
        number + 1
    );
}
