//! The poller thread: it owns the bridge's RECV session, hands the room's messages to the thread that sends them to
//! Telegram, and acknowledges them when that thread has finished.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;

use super::error::{BridgeError, End};
use super::state::State;
use super::to_telegram::Batch;
use super::{Config, Event, room};
use crate::client::link::account::Account;
use crate::client::link::backoff::Backoff;
use crate::client::link::receiver;
use crate::client::link::session::{Session, recv_line};
use crate::limits;
use crate::model::{RoomName, Seq, Target};
use crate::protocol::{self, Code, Done, RecvRequest};
use crate::wal::WalError;

/// The poller and its session.
pub struct Poller {
    account: Account,
    room: RoomName,
    state: Arc<Mutex<State>>,
    events: Sender<Event>,
    batches: Sender<Batch>,
    finished: Receiver<()>,
    /// The last number of the batch that is not finished.
    outstanding: Option<Seq>,
    /// The store, and the number up to which everything is done. `None`: not known before the first login.
    position: Option<(String, Seq)>,
    /// Messages up to this number came while the bridge was away, and are too many to be carried.
    floor: Seq,
    retry: Backoff,
    down: bool,
}

impl Poller {
    pub fn new(
        config: &Config,
        state: Arc<Mutex<State>>,
        events: Sender<Event>,
        batches: Sender<Batch>,
        finished: Receiver<()>,
    ) -> Self {
        Self {
            account: config.account.clone(),
            room: config.room.clone(),
            state,
            events,
            batches,
            finished,
            outstanding: None,
            position: None,
            floor: Seq::ZERO,
            retry: Backoff::new(limits::MIN_RETRY_DELAY),
            down: false,
        }
    }

    /// Works until it cannot go on. A server that is away is tried again; one that refuses the login, or has a newer
    /// session of this user, is not.
    pub fn run(mut self) -> Option<End> {
        loop {
            let Err(error) = self.connect_and_poll();
            match error {
                BridgeError::End(end) => return Some(end),
                BridgeError::Over => return None,
                BridgeError::Away(why) => self.wait_for_server(&why),
            }
        }
    }

    fn wait_for_server(&mut self, why: &str) {
        if !std::mem::replace(&mut self.down, true) {
            log::warn!("cannot poll the wachat server ({why}); retrying");
        }
        self.retry.sleep();
    }

    fn connect_and_poll(&mut self) -> Result<Infallible, BridgeError> {
        let mut send = room::enter(&self.account, &self.room)?;
        let (mut session, opened) = Session::open_recv(&self.account)?;
        self.wait_until_finished(&mut session)?;
        let acknowledged = opened.acknowledged;
        self.choose_position(&mut send, &opened.store, acknowledged)?;
        send.quit();
        // The first answer, and not the connection, shows that the server works.
        self.poll(&mut session, 0, acknowledged)?;
        self.retry.note_success();
        if std::mem::take(&mut self.down) {
            log::warn!("the wachat server is back");
        }
        loop {
            self.poll(&mut session, limits::POLL_WAIT_SECONDS, acknowledged)?;
        }
    }

    /// Chooses the number to go on from. Within one run it is known, unless the store is another one.
    fn choose_position(&mut self, send: &mut Session, store: &str, acknowledged: Seq) -> Result<(), BridgeError> {
        let first = self.position.is_none();
        if self.position.as_ref().is_some_and(|(known, _)| known == store) {
            return Ok(());
        }
        let noted = self.state.lock().position().map(|(store, seq)| (store.to_owned(), seq));
        let after = match noted {
            Some((known, after)) if known == store => after,
            Some(_) => {
                log::warn!("the wachat server's store is another than last time; going on from {acknowledged}");
                self.renumber(store, acknowledged)?
            }
            None => {
                let last = room::last_number(send, &self.room)?;
                self.renumber(store, last)?
            }
        };
        self.floor = room::before_the_newest(send, &self.room, &self.account.user, after)?;
        self.position = Some((store.to_owned(), after));
        if first {
            // Without a listener the program is ending.
            let _ = self.events.send(Event::Ready);
        }
        Ok(())
    }

    /// Notes that the numbers are this store's from now on.
    fn renumber(&self, store: &str, after: Seq) -> Result<Seq, WalError> {
        self.state.lock().begin_store(store, after)?;
        Ok(after)
    }

    /// Acknowledges the finished messages, and hands over the new ones.
    fn poll(&mut self, session: &mut Session, wait: u64, acknowledged: Seq) -> Result<(), BridgeError> {
        self.wait_until_finished(session)?;
        let Some((store, after)) = self.position.clone() else { return Ok(()) };
        let events = match receiver::poll(session, after, wait)? {
            Ok(events) => events,
            // An older copy of the store: go on from the number that it calls acknowledged.
            Err(ko) if ko.code == Code::Seq && after > acknowledged => {
                log::warn!("the wachat server's store is older than last time; going on from {acknowledged}");
                let after = self.renumber(&store, acknowledged)?;
                self.position = Some((store, after));
                return Ok(());
            }
            Err(ko) => return Err(BridgeError::Away(ko.to_string())),
        };
        let last = events.iter().map(protocol::Event::seq).max().unwrap_or(after).max(after);
        let batch = self.choose_messages(events, after);
        if batch.is_empty() {
            self.position = Some((store, last));
            return Ok(());
        }
        self.outstanding = Some(last);
        self.batches.send(batch).map_err(|_| BridgeError::Over)
    }

    /// Returns the messages among the events that are carried.
    fn choose_messages(&self, events: Vec<protocol::Event>, after: Seq) -> Batch {
        let (mut batch, mut late) = (Batch::new(), 0);
        for event in events.into_iter().filter(|event| event.seq() > after) {
            match event {
                protocol::Event::Message(message) if message.to != Target::Room(self.room.clone()) => {
                    log::info!("a message of {} is not for {}: not carried", message.from, self.room);
                }
                // A message of this user from another program is not carried back.
                protocol::Event::Message(message) if message.from == self.account.user => {}
                protocol::Event::Message(message) if message.seq <= self.floor => late += 1,
                protocol::Event::Message(message) => batch.push(message),
                protocol::Event::Gap { room, first, last } if room == self.room => {
                    log::warn!(
                        "the messages of {room} from {first} to {last} came while the bridge was away: not carried"
                    );
                }
                _ => {}
            }
        }
        if late > 0 {
            log::warn!("{late} messages of {} came while the bridge was away: not carried", self.room);
        }
        batch
    }

    /// Keeps the session alive until the batch is finished.
    fn wait_until_finished(&mut self, session: &mut Session) -> Result<(), BridgeError> {
        while let Some(last) = self.outstanding {
            match self.finished.recv_timeout(Duration::from_secs(limits::POLL_WAIT_SECONDS)) {
                Ok(()) => {
                    self.outstanding = None;
                    self.position = self.position.take().map(|(store, _)| (store, last));
                }
                Err(RecvTimeoutError::Timeout) => _ = session.request::<Done>(&recv_line(&RecvRequest::Ping))?,
                Err(RecvTimeoutError::Disconnected) => return Err(BridgeError::Over),
            }
        }
        Ok(())
    }
}
