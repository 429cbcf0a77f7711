//! Sends the room's messages to Telegram, in order, each at most once. The chat reads them as `ana: hola`.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::error::{Outage, server_failure};
use super::lines::{indented, units, with_one_break};
use super::state::{Part, State, report_unclear};
use super::telegram::{Telegram, TelegramError};
use crate::client::link::session::Session;
use crate::client::{Exit, Failure};
use crate::limits;
use crate::model::Message;
use crate::protocol::{Done, RecvRequest};
use crate::wal::WalError;

/// The longest pause without a request on the RECV session.
const PING_INTERVAL: Duration = Duration::from_secs(limits::POLL_WAIT_SECONDS);

/// The sender to Telegram.
pub struct ToTelegram {
    telegram: Arc<Telegram>,
    state: Arc<Mutex<State>>,
    outage: Outage,
    last_ping: Instant,
}

impl ToTelegram {
    pub fn new(telegram: Arc<Telegram>, state: Arc<Mutex<State>>) -> Self {
        Self { telegram, state, outage: Outage::new(limits::MIN_RETRY_DELAY), last_ping: Instant::now() }
    }

    /// Sends the parts of a message that were not tried yet. Keeps `session` alive meanwhile; if that fails, the rest
    /// of the message is for the next call.
    pub fn send_message(&mut self, message: &Message, session: &mut Session) -> Result<(), Failure> {
        let first = self.state.lock().next_part(message.seq);
        for (number, text) in parts(message).iter().enumerate().skip(first) {
            let part = Part { seq: message.seq, number, from: message.from.to_string() };
            self.send_part(&part, text, session)?;
        }
        Ok(self.state.lock().record_passed(message.seq)?)
    }

    /// Returns when Telegram has the part, or will never have it, or it is unclear.
    fn send_part(&mut self, part: &Part, text: &str, session: &mut Session) -> Result<(), Failure> {
        loop {
            let (is_over, pause) = match self.try_once(part, text)? {
                Ok(()) => {
                    self.outage.note_success("Telegram takes messages again");
                    (true, Duration::ZERO)
                }
                Err(TelegramError::Later(pause)) => {
                    log::info!("Telegram asks for a pause; it is tried again in {} seconds", pause.as_secs());
                    (false, pause)
                }
                Err(TelegramError::NotSent(why)) => {
                    let warning = format!("cannot reach Telegram ({why}); messages wait, and it is tried again");
                    (false, self.outage.note_failure(warning))
                }
                Err(TelegramError::Refused(why)) => {
                    let Part { seq, from, number } = part;
                    log::warn!("Telegram refused message {seq} of {from}, part {}: {why}", number + 1);
                    (true, Duration::ZERO)
                }
                Err(TelegramError::Unclear(why)) => {
                    report_unclear(part, &why);
                    // The next part waits too, so that an outage costs few messages.
                    (true, self.outage.next_delay())
                }
                Err(TelegramError::Barred(why)) => return Err((Exit::Refused, why)),
            };
            self.pause(pause, session)?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// Tries once. The intent is durable before, and the outcome after. The lock is held meanwhile: the thread that
    /// ends the program waits for it.
    fn try_once(&self, part: &Part, text: &str) -> Result<Result<(), TelegramError>, WalError> {
        let mut state = self.state.lock();
        state.record_attempt(part)?;
        let outcome = self.telegram.send(text);
        match &outcome {
            Ok(()) | Err(TelegramError::Refused(_) | TelegramError::Unclear(_)) => state.record_done(part)?,
            Err(_) => state.record_not_sent(part)?,
        }
        Ok(outcome)
    }

    /// Sleeps, and keeps the session alive.
    fn pause(&mut self, mut left: Duration, session: &mut Session) -> Result<(), Failure> {
        loop {
            if self.last_ping.elapsed() >= PING_INTERVAL {
                // A KO shows as well as an OK that the session is alive.
                let _ = session.request::<Done>(&RecvRequest::Ping).map_err(server_failure)?;
                self.last_ping = Instant::now();
            }
            if left.is_zero() {
                return Ok(());
            }
            let step = left.min(PING_INTERVAL);
            thread::sleep(step);
            left -= step;
        }
    }
}

/// Returns the texts to send: one, or the parts of a long one. The same message is always cut in the same way, so the
/// number of a part identifies it.
fn parts(message: &Message) -> Vec<String> {
    let from = message.from.shown();
    let text = with_one_break(message.text.as_str());
    let (before, after, said) = match text.strip_prefix("/me ") {
        Some(action) => ("* ", " ", action),
        None => ("", ": ", text.as_str()),
    };
    let whole = format!("{before}{from}{after}{said}");
    if length(&whole) <= limits::TELEGRAM_TEXT {
        return vec![indented(&whole)];
    }
    // Each part names the sender: else a line of it could pass for a message of another user.
    let head = |number: usize, count: usize| format!("{before}{from} ({number}/{count}){after}");
    let room = limits::TELEGRAM_TEXT - length(&head(99, 99));
    let pieces = split(said, room);
    let count = pieces.len();
    pieces.iter().enumerate().map(|(index, piece)| head(index + 1, count) + &indented(piece)).collect()
}

/// Returns the length of a text as it is sent.
fn length(text: &str) -> usize {
    text.chars().map(units).sum()
}

/// Cuts a text at ends of lines, else of words, else between two characters.
fn split(text: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while length(rest) > room {
        let (window, beyond) = rest.split_at(fitting(rest, room));
        // A piece is at least half full: otherwise one long line could take a message a word.
        let late = |cut: &usize| *cut >= window.len() / 2;
        let (piece, next) = match window.rfind('\n').filter(late).or_else(|| window.rfind(' ').filter(late)) {
            Some(cut) => (rest.get(..cut), rest.get(cut + 1..)),
            None => (Some(window), Some(beyond)),
        };
        pieces.push(piece.unwrap_or_default());
        rest = next.unwrap_or_default();
    }
    pieces.push(rest);
    pieces
}

/// Returns the number of bytes of the text that fit into `room` code units.
fn fitting(text: &str, room: usize) -> usize {
    let mut taken = 0;
    let past = text.char_indices().find(|(_, c)| {
        taken += units(*c);
        taken > room
    });
    past.map_or(text.len(), |(index, _)| index)
}
