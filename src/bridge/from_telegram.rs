//! The thread that sends the messages of the Telegram chat to the room, in order, each exactly once.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use serde_json::Value;

use super::error::{Outage, server_failure};
use super::state::State;
use super::telegram::{Telegram, TelegramError};
use super::{Config, Event, incoming, room, update};
use crate::client::link::session::Session;
use crate::client::{Exit, Failure};
use crate::limits;
use crate::model::safe::safe;
use crate::model::{MessageId, Target};
use crate::protocol::{Accepted, Code, Ko, SendRequest};

/// Seconds that Telegram holds a getUpdates request open.
const TELEGRAM_POLL_SECONDS: u64 = 30;

/// Most other chats that the bridge names in its log: a bot can be added to any number of chats.
const BRIDGE_CHATS: usize = 100;

/// The sender to the room.
pub struct FromTelegram {
    config: Arc<Config>,
    telegram: Arc<Telegram>,
    state: Arc<Mutex<State>>,
    events: Sender<Event>,
    /// Open while there are messages to send.
    session: Option<Session>,
    telegram_outage: Outage,
    server_outage: Outage,
    /// Begins when the server accepts nothing now, because of a rate or quota.
    hold: Outage,
    /// Other chats that were reported.
    others: HashSet<i64>,
}

impl FromTelegram {
    pub fn new(config: Arc<Config>, telegram: Arc<Telegram>, state: Arc<Mutex<State>>, events: Sender<Event>) -> Self {
        Self {
            config,
            telegram,
            state,
            events,
            session: None,
            telegram_outage: Outage::new(limits::MIN_RETRY_DELAY),
            server_outage: Outage::new(limits::MIN_RETRY_DELAY),
            hold: Outage::new(limits::MIN_HOLD_DELAY),
            others: HashSet::new(),
        }
    }

    /// Works until it cannot go on.
    pub fn run(mut self) -> Failure {
        let Err(failure) = self.work();
        failure
    }

    fn work(&mut self) -> Result<Infallible, Failure> {
        let history = self.find_history()?;
        // Without a listener the program is ending.
        let _ = self.events.send(Event::Ready);
        let mut offset = None;
        loop {
            let updates = self.fetch_updates(offset, TELEGRAM_POLL_SECONDS)?;
            // The offset is given once: after a quiet week Telegram begins anew with any number, and would forget
            // unread updates below the offset.
            offset = None;
            for update in &updates {
                let Some(number) = update::number(update) else { continue };
                if number != history {
                    self.send_update(number, update)?;
                }
                offset = Some(number.saturating_add(1));
            }
            if let Some(session) = self.session.take() {
                session.quit();
            }
        }
    }

    /// Returns the last update that is not carried. On the first start with a bot that is the last one of those that
    /// wait; Telegram forgets the ones before it.
    fn find_history(&mut self) -> Result<i64, Failure> {
        let bot = self.telegram.bot().to_owned();
        if let Some(last) = self.state.lock().history_of(&bot) {
            return Ok(last);
        }
        let last = self.fetch_updates(Some(-1), 0)?.last().and_then(update::number).unwrap_or(-1);
        self.state.lock().begin_bot(&bot, last)?;
        Ok(last)
    }

    /// Fetches the new updates, after as many tries as it takes.
    fn fetch_updates(&mut self, offset: Option<i64>, wait: u64) -> Result<Vec<Value>, Failure> {
        loop {
            match self.telegram.fetch_updates(offset, wait) {
                Ok(updates) => {
                    self.telegram_outage.note_success("Telegram is back");
                    return Ok(updates);
                }
                Err(TelegramError::Barred(why)) => return Err((Exit::Refused, why)),
                Err(TelegramError::Later(pause)) => thread::sleep(pause),
                Err(TelegramError::NotSent(why) | TelegramError::Refused(why) | TelegramError::Unclear(why)) => {
                    let warning = format_args!("cannot fetch messages from Telegram ({why}); it is tried again");
                    thread::sleep(self.telegram_outage.note_failure(warning));
                }
            }
        }
    }

    /// Sends one update. When this returns the server has it, or has refused it.
    fn send_update(&mut self, number: i64, update: &Value) -> Result<(), Failure> {
        let message = match update::message(update) {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                log::warn!("update {number} of Telegram cannot be read ({error}), and is not carried");
                return Ok(());
            }
            None => return Ok(()),
        };
        if message.chat.id != self.config.chat {
            self.report_other(&message.chat);
            return Ok(());
        }
        let Some(text) = incoming::text(&message) else { return Ok(()) };
        let Config { room, chat, .. } = &*self.config;
        let id = format!("tg-{}-{chat}-{number}", self.telegram.bot());
        let Some(id) = MessageId::new(&id) else { return Ok(()) };
        let request = SendRequest::Send { id, to: Ok(Target::Room(room.clone())), text };
        self.send(&request, number)
    }

    fn report_other(&mut self, chat: &update::Chat) {
        if self.others.len() < BRIDGE_CHATS && self.others.insert(chat.id) {
            let title = chat.title.as_deref().unwrap_or("a person");
            log::warn!("messages of chat {} ({}) are not carried", chat.id, safe(title));
        }
    }

    /// Sends a message until the server has accepted or refused it. The id makes the retries one message.
    fn send(&mut self, request: &SendRequest, number: i64) -> Result<(), Failure> {
        loop {
            let delay = match self.request(request) {
                Ok(Ok(_)) => {
                    self.server_outage.note_success("the wachat server is back");
                    self.hold.note_success("the wachat server accepts messages again");
                    return Ok(());
                }
                Ok(Err(ko)) if ko.code.is_temporary() => self.hold.note_failure(format_args!(
                    "the wachat server accepts nothing now ({ko}); update {number} and what follows wait"
                )),
                // The update stays with Telegram until the bridge is let in again.
                Ok(Err(ko)) if matches!(ko.code, Code::NotMember | Code::NoRoom) => {
                    return Err(room::no_room(&self.config.room, &ko));
                }
                Ok(Err(ko)) => {
                    log::warn!("the wachat server refused update {number} of Telegram ({ko}): it is not carried");
                    return Ok(());
                }
                Err((Exit::Away, why)) => self.server_outage.note_failure(format_args!(
                    "cannot reach the wachat server ({why}); update {number} and what follows wait"
                )),
                Err(failure) => return Err(failure),
            };
            thread::sleep(delay);
        }
    }

    /// Sends a request in a session, which an error ends.
    fn request(&mut self, request: &SendRequest) -> Result<Result<Accepted, Ko>, Failure> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => room::enter(&self.config.account, &self.config.room)?,
        };
        let reply = session.request(request).map_err(server_failure)?;
        self.session = Some(session);
        Ok(reply)
    }
}
