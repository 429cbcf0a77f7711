//! The thread from the room: it owns the bridge's RECV session, sends the room's messages to Telegram, and
//! acknowledges them.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::error::{Outage, server_failure};
use super::state::State;
use super::to_telegram::ToTelegram;
use super::{Config, Event, room};
use crate::client::link::receiver;
use crate::client::link::session::Session;
use crate::client::{Exit, Failure};
use crate::limits;
use crate::model::{Message, Seq, Target};
use crate::protocol::{self, Code, SessionOpened};
use crate::wal::WalError;

/// The poller and its position in the order of all events.
pub struct Poller {
    config: Arc<Config>,
    sender: ToTelegram,
    state: Arc<Mutex<State>>,
    reports: Sender<Event>,
    /// The server's store. `None`: not known before the first login.
    store: Option<Arc<str>>,
    /// The number up to which everything is done.
    after: Seq,
    /// Messages up to this number came while the bridge was away, and are too many to be carried.
    floor: Seq,
    outage: Outage,
}

impl Poller {
    pub fn new(config: Arc<Config>, sender: ToTelegram, state: Arc<Mutex<State>>, reports: Sender<Event>) -> Self {
        Self {
            config,
            sender,
            state,
            reports,
            store: None,
            after: Seq::ZERO,
            floor: Seq::ZERO,
            outage: Outage::new(limits::MIN_RETRY_DELAY),
        }
    }

    /// Works until it cannot go on. A server that is away is tried again; one that refuses the login, or has a newer
    /// session of this user, is not.
    pub fn run(mut self) -> Failure {
        loop {
            let Err((exit, why)) = self.connect_and_poll();
            if exit != Exit::Away {
                return (exit, why);
            }
            let warning = format_args!("cannot poll the wachat server ({why}); it is tried again");
            let delay = match self.config.account.servers.are_several() {
                true => self.outage.note_failure_of_several(warning),
                false => self.outage.note_failure(warning),
            };
            thread::sleep(delay);
        }
    }

    fn connect_and_poll(&mut self) -> Result<Infallible, Failure> {
        let mut send = room::enter(&self.config.account, &self.config.room)?;
        let (mut session, opened) = Session::open_recv(&self.config.account).map_err(server_failure)?;
        self.choose_position(&mut send, &opened)?;
        send.quit();
        // The first answer, and not the connection, shows that the server works.
        self.poll(&mut session, 0, opened.acknowledged)?;
        self.outage.note_success("the wachat server is back");
        loop {
            self.poll(&mut session, limits::POLL_WAIT_SECONDS, opened.acknowledged)?;
        }
    }

    /// Chooses the number to go on from. Within one run it is known, unless the store is another one.
    fn choose_position(&mut self, send: &mut Session, opened: &SessionOpened) -> Result<(), Failure> {
        if self.store.as_ref() == Some(&opened.store) {
            return Ok(());
        }
        let recorded = self.state.lock().position().map(|(store, after)| (*store == *opened.store, after));
        self.after = match recorded {
            Some((true, after)) => after,
            Some((false, _)) => {
                log::warn!(
                    "the wachat server's store is another than last time; going on from {}",
                    opened.acknowledged
                );
                self.begin_store(&opened.store, opened.acknowledged)?
            }
            None => self.begin_store(&opened.store, room::last_number(send, &self.config.room)?)?,
        };
        self.floor = room::before_the_newest(send, &self.config.room, &self.config.account.user, self.after)?;
        if self.store.replace(opened.store.clone()).is_none() {
            // Without a listener the program is ending.
            let _ = self.reports.send(Event::Ready);
        }
        Ok(())
    }

    /// Records that the numbers are this store's from now on.
    fn begin_store(&self, store: &str, after: Seq) -> Result<Seq, WalError> {
        self.state.lock().begin_store(store, after)?;
        Ok(after)
    }

    /// Acknowledges the messages that are done, and sends the new ones to Telegram.
    fn poll(&mut self, session: &mut Session, wait: u64, acknowledged: Seq) -> Result<(), Failure> {
        let events = match receiver::poll(session, self.after, wait).map_err(server_failure)? {
            Ok(events) => events,
            // An older copy of the store: go on from the number that it calls acknowledged.
            Err(ko) if ko.code == Code::Seq && self.after > acknowledged => {
                log::warn!("the wachat server's store is older than last time; going on from {acknowledged}");
                let store = self.store.as_deref().unwrap_or_default();
                self.after = self.begin_store(store, acknowledged)?;
                return Ok(());
            }
            Err(ko) => return Err((Exit::Away, ko.to_string())),
        };
        if events.iter().any(|event| self.is_put_out(event)) {
            let why =
                format!("the owner of {} has put the bridge out; an invitation lets it in again", self.config.room);
            return Err((Exit::Failed, why));
        }
        let last = events.iter().map(protocol::Event::seq).max().unwrap_or_default();
        for message in self.choose_messages(events) {
            self.sender.send_message(&message, session)?;
            self.after = message.seq;
        }
        self.after = self.after.max(last);
        Ok(())
    }

    /// Returns whether an event tells that the bridge's user is no longer in the room. A session without a device is told of a
    /// kick alone (protocol, section 7).
    fn is_put_out(&self, event: &protocol::Event) -> bool {
        let Config { account, room, .. } = &*self.config;
        matches!(event, protocol::Event::Part { room: left, user, .. } if left == room && *user == account.user)
    }

    /// Returns the messages among the events that are carried.
    fn choose_messages(&self, events: Vec<protocol::Event>) -> Vec<Arc<Message>> {
        let mut chosen = Vec::new();
        let mut late = 0;
        for event in events.into_iter().filter(|event| event.seq() > self.after) {
            match event {
                protocol::Event::Message(message) if message.to != Target::Room(self.config.room.clone()) => {
                    log::info!("a message of {} is not for {}, and not carried", message.from, self.config.room);
                }
                // A message of this user from another program is not carried back.
                protocol::Event::Message(message) if message.from == self.config.account.user => {}
                protocol::Event::Message(message) if message.seq <= self.floor => late += 1,
                // There is nothing to carry any more.
                protocol::Event::Message(message) if message.text.is_erased() => {}
                protocol::Event::Message(message) => chosen.push(message),
                protocol::Event::Gap { room, first, last } if room == self.config.room => {
                    log::warn!(
                        "the messages of {room} from {first} to {last} came while the bridge was away: not carried"
                    );
                }
                protocol::Event::Damaged { target: Target::Room(room), seq } if room == self.config.room => {
                    log::warn!("message {seq} of {room} is damaged on the wachat server: not carried");
                }
                _ => {}
            }
        }
        if late > 0 {
            log::warn!("{late} messages of {} came while the bridge was away: not carried", self.config.room);
        }
        chosen
    }
}
