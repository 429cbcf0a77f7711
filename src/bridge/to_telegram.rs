//! The courier thread: it takes the room's messages to Telegram, in order, each at most once.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;

use super::error::End;
use super::outgoing;
use super::state::{Part, State, report_unclear};
use super::telegram::{Failure, Telegram};
use crate::client::link::backoff::Backoff;
use crate::client::error::LedgerError;
use crate::limits;
use crate::model::Message;

/// Messages of the room, oldest first.
pub type Batch = Vec<Arc<Message>>;

/// What the thread owns.
pub struct Courier {
    telegram: Arc<Telegram>,
    state: Arc<Mutex<State>>,
    retry: Backoff,
    /// Whether it was said that Telegram is away.
    down: bool,
}

impl Courier {
    pub fn new(telegram: Arc<Telegram>, state: Arc<Mutex<State>>) -> Self {
        Self { telegram, state, retry: Backoff::new(limits::MIN_RETRY_DELAY), down: false }
    }

    /// Carries one batch after the other, and says of each when all of it is done.
    pub fn run(mut self, work: &Receiver<Batch>, finish: &Sender<()>) -> Option<End> {
        for batch in work {
            if let Err(end) = batch.iter().try_for_each(|message| self.carry(message)) {
                return Some(end);
            }
            if finish.send(()).is_err() {
                break;
            }
        }
        None
    }

    fn carry(&mut self, message: &Message) -> Result<(), End> {
        let first = self.state.lock().next_part(message.seq);
        for (number, text) in outgoing::parts(message).iter().enumerate().skip(first) {
            self.deliver(&Part { seq: message.seq, number, from: message.from.to_string() }, text)?;
        }
        Ok(self.state.lock().pass(message.seq)?)
    }

    /// Returns when Telegram has it, or will never have it, or nobody knows.
    fn deliver(&mut self, part: &Part, text: &str) -> Result<(), End> {
        loop {
            match self.attempt(part, text)? {
                Ok(()) => {
                    self.retry.worked();
                    if std::mem::take(&mut self.down) {
                        log::warn!("Telegram takes messages again");
                    }
                    return Ok(());
                }
                Err(Failure::Later(pause)) => {
                    log::info!("Telegram asks for a pause of {} seconds", pause.as_secs());
                    thread::sleep(pause);
                }
                Err(Failure::NotSent(why)) => self.wait(&why),
                Err(Failure::Refused(why)) => {
                    log::warn!(
                        "Telegram refused message {} of {}, part {}: {why}",
                        part.seq,
                        part.from,
                        part.number + 1
                    );
                    return Ok(());
                }
                Err(Failure::Unclear(why)) => {
                    report_unclear(part, &why);
                    // So that an outage costs few messages.
                    self.pause();
                    return Ok(());
                }
                Err(Failure::Barred(why)) => return Err(End::refused(why)),
            }
        }
    }

    /// The intent is on disk before, and what came of it after. The lock is held all the while: who
    /// ends the program waits for it.
    fn attempt(&self, part: &Part, text: &str) -> Result<Result<(), Failure>, LedgerError> {
        let mut state = self.state.lock();
        state.trying(part)?;
        let outcome = self.telegram.send(text);
        match &outcome {
            Ok(()) | Err(Failure::Refused(_) | Failure::Unclear(_)) => state.done(part)?,
            Err(Failure::NotSent(_) | Failure::Later(_) | Failure::Barred(_)) => state.free(part)?,
        }
        Ok(outcome)
    }

    fn wait(&mut self, why: &str) {
        if !std::mem::replace(&mut self.down, true) {
            log::warn!("cannot reach Telegram ({why}); messages wait, and it is tried again");
        }
        self.pause();
    }

    fn pause(&mut self) {
        let now = Instant::now();
        self.retry.failed(now);
        thread::sleep(self.retry.left(now));
    }
}
