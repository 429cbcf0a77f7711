//! The inward thread: it brings what is said in the Telegram chat to the room, in order, once.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use serde_json::Value;

use super::error::{BridgeError, End};
use super::state::State;
use super::telegram::{Failure, Telegram};
use super::{Config, Event, incoming, room, update};
use crate::client::link::account::Account;
use crate::client::link::backoff::Backoff;
use crate::client::texts::safe::safe;
use crate::client::link::session::Session;
use crate::limits;
use crate::model::{MessageId, RoomName, Target};
use crate::protocol::SendRequest;

/// What the thread owns.
pub struct Inward {
    account: Account,
    room: RoomName,
    chat: i64,
    telegram: Arc<Telegram>,
    state: Arc<Mutex<State>>,
    events: Sender<Event>,
    /// Open while there is something to say.
    session: Option<Session>,
    telegram_retry: Backoff,
    server_retry: Backoff,
    /// Other chats that the bot is in, as far as they were reported.
    others: HashSet<i64>,
}

impl Inward {
    pub fn new(config: &Config, telegram: Arc<Telegram>, state: Arc<Mutex<State>>, events: Sender<Event>) -> Self {
        Self {
            account: config.account.clone(),
            room: config.room.clone(),
            chat: config.chat,
            telegram,
            state,
            events,
            session: None,
            telegram_retry: Backoff::new(limits::MIN_RETRY_DELAY),
            server_retry: Backoff::new(limits::MIN_RETRY_DELAY),
            others: HashSet::new(),
        }
    }

    /// Works until it cannot go on.
    pub fn run(mut self) -> Option<End> {
        self.work().err()
    }

    fn work(&mut self) -> Result<Infallible, End> {
        let history = self.begin()?;
        // If nobody listens, the program is ending anyway.
        let _ = self.events.send(Event::Ready);
        let mut offset = None;
        loop {
            let updates = self.updates(offset, limits::TELEGRAM_POLL_SECONDS)?;
            // Once said, the offset is not said again: after a quiet week Telegram begins anew with
            // any number, and what is below the offset would be forgotten unread.
            offset = None;
            for update in &updates {
                let Some(number) = update::number(update) else { continue };
                if number != history {
                    self.take(number, update)?;
                }
                offset = Some(number.saturating_add(1));
            }
            self.session.take().into_iter().for_each(Session::quit);
        }
    }

    /// On the first start with a bot, what waits is history, and all of it but the last is forgotten
    /// here. Says which that is.
    fn begin(&mut self) -> Result<i64, End> {
        let bot = self.telegram.bot().to_owned();
        if let Some(last) = self.state.lock().history_of(&bot) {
            return Ok(last);
        }
        let last = self.updates(Some(-1), 0)?.last().and_then(update::number).unwrap_or(-1);
        self.state.lock().begin_bot(&bot, last)?;
        Ok(last)
    }

    /// What is new, after as many tries as it takes.
    fn updates(&mut self, offset: Option<i64>, wait: u64) -> Result<Vec<Value>, End> {
        let mut down = false;
        loop {
            match self.telegram.updates(offset, wait) {
                Ok(updates) => {
                    self.telegram_retry.worked();
                    if down {
                        log::warn!("Telegram is back");
                    }
                    return Ok(updates);
                }
                Err(Failure::Barred(why)) => return Err(End::refused(why)),
                Err(Failure::Later(pause)) => thread::sleep(pause),
                Err(Failure::NotSent(why) | Failure::Refused(why) | Failure::Unclear(why)) => {
                    if !std::mem::replace(&mut down, true) {
                        log::warn!("no news from Telegram ({why}); it is tried again");
                    }
                    pause(&mut self.telegram_retry);
                }
            }
        }
    }

    /// Brings one update in. When this returns the server has it, or never will.
    fn take(&mut self, number: i64, update: &Value) -> Result<(), End> {
        let message = match update::message(update) {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                log::warn!("update {number} of Telegram cannot be read ({error}), and is not carried");
                return Ok(());
            }
            None => return Ok(()),
        };
        if message.chat.id != self.chat {
            self.report_other(&message.chat);
            return Ok(());
        }
        let Some(text) = incoming::text(&message) else { return Ok(()) };
        let name = format!("tg-{}-{}-{number}", self.telegram.bot(), self.chat);
        let Some(id) = MessageId::new(&name) else { return Ok(()) };
        let request = SendRequest::Send { id, to: Ok(Target::Room(self.room.clone())), text };
        self.send(&room::line(&request), number)
    }

    fn report_other(&mut self, chat: &update::Chat) {
        if self.others.len() < limits::BRIDGE_CHATS && self.others.insert(chat.id) {
            let title = chat.title.as_deref().unwrap_or("a person");
            log::warn!("what is said in chat {} ({}) is not carried", chat.id, safe(title));
        }
    }

    /// Sends until there is an answer that counts. The id makes it one message, however often it goes.
    fn send(&mut self, request: &[u8], number: i64) -> Result<(), End> {
        let mut held = false;
        let mut hold = Backoff::new(limits::MIN_HOLD_DELAY);
        loop {
            match self.ask(request) {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(ko)) if room::passes(ko.code) => {
                    if !std::mem::replace(&mut held, true) {
                        log::warn!("the wachat server takes nothing now ({ko}); update {number} and what follows wait");
                    }
                    pause(&mut hold);
                }
                Ok(Err(ko)) => {
                    log::warn!("the wachat server refused update {number} of Telegram ({ko}): it is not carried");
                    return Ok(());
                }
                Err(BridgeError::Away(why)) => {
                    self.session = None;
                    if !std::mem::replace(&mut held, true) {
                        log::warn!("cannot reach the wachat server ({why}); update {number} and what follows wait");
                    }
                    pause(&mut self.server_retry);
                }
                Err(BridgeError::End(end)) => return Err(end),
                Err(BridgeError::Over) => return Ok(()),
            }
        }
    }

    fn ask(&mut self, request: &[u8]) -> Result<Result<(), crate::protocol::Ko>, BridgeError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => room::enter(&self.account, &self.room)?,
        };
        let answer = session.ask(request)?;
        self.session = Some(session);
        self.server_retry.worked();
        Ok(answer.map(drop))
    }
}

fn pause(backoff: &mut Backoff) {
    let now = Instant::now();
    backoff.failed(now);
    thread::sleep(backoff.left(now));
}
