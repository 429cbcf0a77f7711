//! What the bridge knows of what it sent, on disk: `state.csv`.
//!
//! ```text
//! STORE;<store>;<seq>            the server's store, and the number after which the bridge goes on
//! TRY;<seq>;<part>;<from>        this part of a message is about to be sent to Telegram
//! DONE;<seq>;<part>              Telegram has it, or will never have it
//! FREE;<seq>;<part>              Telegram surely does not have it: it may be sent again
//! PASSED;<seq>                   there is nothing more to do up to this number
//! BOT;<bot>;<update>             the first start with this bot; updates up to this one are history
//! ```
//! A TRY that nothing follows is a message that was cut off while it was sent.

use std::path::PathBuf;
use std::sync::Arc;

use crate::client::error::LedgerError;
use crate::client::ledger::Ledger;
use crate::disk::Disk;
use crate::limits;
use crate::model::Seq;
use crate::record::{Fields, Writer};

/// One part of one message on its way to Telegram. Most messages have one, number 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub seq: Seq,
    pub number: usize,
    /// Whose message it is: for reports.
    pub from: String,
}

/// What the records add up to.
#[derive(Default)]
struct Known {
    store: Option<String>,
    passed: Seq,
    trying: Option<Part>,
    /// The part to go on with, of the message with this number.
    next: (Seq, usize),
    bot: Option<(String, i64)>,
}

/// The open state file.
pub struct State {
    ledger: Ledger,
    known: Known,
    /// How many records the file holds.
    records: usize,
}

impl State {
    /// Opens the file, or makes it. What was cut off while it was sent is reported, and done.
    pub fn open(disk: Arc<dyn Disk>, path: PathBuf) -> Result<Self, LedgerError> {
        let (mut known, mut records) = (Known::default(), 0);
        let (ledger, torn) = Ledger::open(disk, path, "wachat-bridge", &mut |fields| {
            records += 1;
            known.replay(fields)
        })?;
        if let Some(aside) = torn {
            log::warn!("the state file ended torn; its end was set aside as {}", aside.display());
        }
        let mut state = Self { ledger, known, records };
        if let Some(part) = state.known.trying.clone() {
            report_unclear(&part, "the bridge ended while it was sent");
            state.done(&part)?;
        }
        Ok(state)
    }

    /// The store that the numbers are of, and the number after which to go on. `None`: the first start.
    pub fn position(&self) -> Option<(&str, Seq)> {
        self.known.store.as_deref().map(|store| (store, self.known.passed))
    }

    /// Goes on from here, in this store.
    pub fn begin(&mut self, store: &str, after: Seq) -> Result<(), LedgerError> {
        self.append(|w| _ = w.plain("STORE").text(store).plain(after))
    }

    /// The last update that was history when this bot was first used. `None`: it never was.
    pub fn history_of(&self, bot: &str) -> Option<i64> {
        self.known.bot.as_ref().filter(|(known, _)| known == bot).map(|(_, last)| *last)
    }

    pub fn begin_bot(&mut self, bot: &str, last: i64) -> Result<(), LedgerError> {
        self.append(|w| _ = w.plain("BOT").plain(bot).plain(last))
    }

    /// The first part of this message that was not tried.
    pub fn next_part(&self, seq: Seq) -> usize {
        if self.known.next.0 == seq { self.known.next.1 } else { 0 }
    }

    /// Comes before a part is sent: when this returns, no later start sends it again.
    pub fn trying(&mut self, part: &Part) -> Result<(), LedgerError> {
        self.append(|w| _ = w.plain("TRY").plain(part.seq).plain(part.number).text(&part.from))
    }

    pub fn done(&mut self, part: &Part) -> Result<(), LedgerError> {
        self.append(|w| _ = w.plain("DONE").plain(part.seq).plain(part.number))
    }

    pub fn free(&mut self, part: &Part) -> Result<(), LedgerError> {
        self.append(|w| _ = w.plain("FREE").plain(part.seq).plain(part.number))
    }

    /// All parts of this message are done, and so are all messages before it.
    pub fn pass(&mut self, seq: Seq) -> Result<(), LedgerError> {
        self.append(|w| _ = w.plain("PASSED").plain(seq))?;
        if self.records < limits::BRIDGE_RECORDS {
            return Ok(());
        }
        let mut records = Vec::new();
        self.records = self.known.write(&mut records);
        self.ledger.rewrite(&records)
    }

    /// From now on nothing is written: the program is about to end.
    pub fn close(&mut self) {
        self.ledger.close();
    }

    /// What is written is replayed: what is known now is what the next start will know.
    fn append(&mut self, write: impl FnOnce(&mut Writer)) -> Result<(), LedgerError> {
        let mut record = Vec::new();
        let mut writer = Writer::new(&mut record);
        write(&mut writer);
        writer.end();
        self.ledger.append(&record)?;
        self.records += 1;
        let line = record.strip_suffix(b"\n").unwrap_or(&record);
        if let Ok(fields) = Fields::parse(line) {
            self.known.replay(&fields);
        }
        Ok(())
    }
}

impl Known {
    fn replay(&mut self, f: &Fields) -> Option<()> {
        match f.get(0)? {
            "STORE" => {
                let (store, passed) = (f.get(1)?.to_owned(), Seq::parse(f.get(2)?)?);
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

    /// Writes what a new file needs, while nothing is being sent, and says how many records that is.
    fn write(&self, out: &mut Vec<u8>) -> usize {
        if let Some((bot, last)) = &self.bot {
            Writer::new(out).plain("BOT").plain(bot).plain(last).end();
        }
        if let Some(store) = &self.store {
            Writer::new(out).plain("STORE").text(store).plain(self.passed).end();
        }
        usize::from(self.bot.is_some()) + usize::from(self.store.is_some())
    }
}

/// Tells whoever runs the bridge about a part that may or may not have arrived.
pub fn report_unclear(part: &Part, why: &str) {
    let Part { seq, number, from } = part;
    log::warn!(
        "UNCLEAR: message {seq} of {from}, part {}, may or may not have reached Telegram ({why}); it is not sent again",
        number + 1
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    /// One state file, on a disk that loses power now and then.
    struct Run {
        disk: SimulatedDisk,
        random: u64,
        cuts: usize,
    }

    impl Run {
        fn open(&self) -> State {
            State::open(Arc::new(self.disk.clone()), "home/state.csv".into()).unwrap()
        }

        fn random(&mut self, end: u64) -> u64 {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.random >> 33) % end
        }

        /// Perhaps the power goes, and the bridge starts anew.
        fn perhaps_cut(&mut self, state: &mut State) -> bool {
            if self.random(5) > 0 {
                return false;
            }
            self.cuts += 1;
            let mut kept = self.random;
            self.disk = self.disk.after_power_cut(|| {
                kept = kept.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                kept >> 63 == 1
            });
            *state = self.open();
            true
        }
    }

    #[test]
    fn what_was_tried_is_never_tried_again_whenever_the_power_goes() {
        let mut run = Run { disk: SimulatedDisk::default(), random: 1, cuts: 0 };
        make_home(&run.disk);
        let mut state = run.open();
        state.begin_bot("7", 5).unwrap();
        state.begin("store", Seq::ZERO).unwrap();
        for number in 1..=2 * limits::BRIDGE_RECORDS as u64 / 3 {
            let seq = Seq::new(number).unwrap();
            let part = Part { seq, number: 0, from: "ana".to_owned() };
            assert_eq!(state.next_part(seq), 0);
            state.trying(&part).unwrap();
            if !run.perhaps_cut(&mut state) {
                state.done(&part).unwrap();
                run.perhaps_cut(&mut state);
            }
            assert_eq!(state.next_part(seq), 1, "message {number}");
            let second = Part { number: 1, ..part };
            state.trying(&second).unwrap();
            state.free(&second).unwrap();
            run.perhaps_cut(&mut state);
            assert_eq!(state.next_part(seq), 1, "what was free is tried again");
            state.pass(seq).unwrap();
            run.perhaps_cut(&mut state);
            assert_eq!((state.position(), state.history_of("7")), (Some(("store", seq)), Some(5)));
        }
        assert!(run.cuts > 100 && state.records < limits::BRIDGE_RECORDS, "{} {}", run.cuts, state.records);
        assert_eq!(state.history_of("8"), None);
    }

    fn make_home(disk: &SimulatedDisk) {
        crate::client::make_directories(disk, "home".as_ref()).unwrap();
    }
}
