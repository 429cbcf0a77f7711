//! The thread that sends the room's messages to Telegram, in order, each at most once.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;

use super::error::End;
use super::outgoing;
use super::state::{Part, State, report_unclear};
use super::telegram::{Failure, Telegram};
use crate::client::link::backoff::Backoff;
use crate::limits;
use crate::model::Message;
use crate::wal::WalError;

/// Messages of the room, oldest first.
pub type Batch = Vec<Arc<Message>>;

/// The sender to Telegram.
pub struct ToTelegram {
    telegram: Arc<Telegram>,
    state: Arc<Mutex<State>>,
    retry: Backoff,
    /// The log has reported that Telegram is unreachable.
    down: bool,
}

impl ToTelegram {
    pub fn new(telegram: Arc<Telegram>, state: Arc<Mutex<State>>) -> Self {
        Self { telegram, state, retry: Backoff::new(limits::MIN_RETRY_DELAY), down: false }
    }

    /// Sends one batch after the other, and reports each that is finished.
    pub fn run(mut self, work: &Receiver<Batch>, finish: &Sender<()>) -> Option<End> {
        for batch in work {
            if let Err(end) = batch.iter().try_for_each(|message| self.send_message(message)) {
                return Some(end);
            }
            if finish.send(()).is_err() {
                break;
            }
        }
        None
    }

    fn send_message(&mut self, message: &Message) -> Result<(), End> {
        let first = self.state.lock().next_part(message.seq);
        for (number, text) in outgoing::parts(message).iter().enumerate().skip(first) {
            self.send_part(&Part { seq: message.seq, number, from: message.from.to_string() }, text)?;
        }
        Ok(self.state.lock().record_passed(message.seq)?)
    }

    /// Sends a part, with retries, until it was accepted or refused, or its outcome is unclear.
    fn send_part(&mut self, part: &Part, text: &str) -> Result<(), End> {
        loop {
            match self.try_once(part, text)? {
                Ok(()) => {
                    self.retry.note_success();
                    if std::mem::take(&mut self.down) {
                        log::warn!("Telegram accepts messages again");
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
                    // A pause limits the number of messages that an outage affects.
                    self.retry.sleep();
                    return Ok(());
                }
                Err(Failure::Barred(why)) => return Err(End::refused(why)),
            }
        }
    }

    /// Tries once. The intent is durable before, and the outcome after. The lock is held meanwhile: the thread that
    /// ends the program waits for it.
    fn try_once(&self, part: &Part, text: &str) -> Result<Result<(), Failure>, WalError> {
        let mut state = self.state.lock();
        state.record_attempt(part)?;
        let outcome = self.telegram.send(text);
        match &outcome {
            Ok(()) | Err(Failure::Refused(_) | Failure::Unclear(_)) => state.record_done(part)?,
            Err(Failure::NotSent(_) | Failure::Later(_) | Failure::Barred(_)) => state.record_not_sent(part)?,
        }
        Ok(outcome)
    }

    fn wait(&mut self, why: &str) {
        if !std::mem::replace(&mut self.down, true) {
            log::warn!("cannot reach Telegram ({why}); messages wait; retrying");
        }
        self.retry.sleep();
    }
}
