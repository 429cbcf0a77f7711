//! The poller thread: it owns the bridge's RECV session, hands the room's messages to the courier,
//! and acknowledges them when the courier is done with them.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;

use super::error::{BridgeError, End};
use super::state::State;
use super::to_telegram::Batch;
use super::{Config, Event, room};
use crate::client::account::{Account, Port};
use crate::client::backoff::Backoff;
use crate::client::questions;
use crate::client::read_greeting;
use crate::client::session::Session;
use crate::limits;
use crate::model::{RoomName, Seq, Target};
use crate::protocol::{After, Code, RecvRequest, event};
use crate::wal::WalError;

/// What the thread owns.
pub struct Poller {
    account: Account,
    room: RoomName,
    state: Arc<Mutex<State>>,
    events: Sender<Event>,
    batches: Sender<Batch>,
    finished: Receiver<()>,
    /// The last number of a batch that the courier has not finished.
    outstanding: Option<Seq>,
    /// All up to here is done, in this store. `None`: not begun since the start.
    position: Option<(String, Seq)>,
    /// What is not above it was said too long ago.
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

    /// Works until it cannot go on. A server that is away is tried again; one that refuses us, or
    /// has another session of ours, is not.
    pub fn run(mut self) -> Option<End> {
        loop {
            let Err(trouble) = self.connect_and_poll();
            match trouble {
                BridgeError::End(end) => return Some(end),
                BridgeError::Over => return None,
                BridgeError::Away(why) => self.wait_for_server(&why),
            }
        }
    }

    fn wait_for_server(&mut self, why: &str) {
        if !std::mem::replace(&mut self.down, true) {
            log::warn!("cannot poll the wachat server ({why}); it is tried again");
        }
        let now = Instant::now();
        self.retry.failed(now);
        thread::sleep(self.retry.left(now));
    }

    fn connect_and_poll(&mut self) -> Result<Infallible, BridgeError> {
        let mut send = room::enter(&self.account, &self.room)?;
        let mut session = Session::open(&self.account, Port::Recv)?;
        self.wait_for_courier(&mut session)?;
        let (acknowledged, store) = read_greeting(&session.greeting)?;
        self.begin(&mut send, &store, acknowledged)?;
        send.quit();
        // An answer, and not a connection, shows that the server is there.
        self.poll(&mut session, 0, acknowledged)?;
        self.retry.worked();
        if std::mem::take(&mut self.down) {
            log::warn!("the wachat server is back");
        }
        loop {
            self.poll(&mut session, limits::POLL_WAIT_SECONDS, acknowledged)?;
        }
    }

    /// Says where to go on. Within one run that is known, unless the store is another.
    fn begin(&mut self, send: &mut Session, store: &str, acknowledged: Seq) -> Result<(), BridgeError> {
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
                let last = room::last(send, &self.room)?;
                self.renumber(store, last)?
            }
        };
        self.floor = room::before_the_newest(send, &self.room, &self.account.user, after)?;
        self.position = Some((store.to_owned(), after));
        if first {
            // If nobody listens, the program is ending anyway.
            let _ = self.events.send(Event::Ready);
        }
        Ok(())
    }

    /// From now on the numbers are this store's.
    fn renumber(&self, store: &str, after: Seq) -> Result<Seq, WalError> {
        self.state.lock().begin_store(store, after)?;
        Ok(after)
    }

    /// Acknowledges what is done, and hands over what comes.
    fn poll(&mut self, session: &mut Session, wait: u64, acknowledged: Seq) -> Result<(), BridgeError> {
        self.wait_for_courier(session)?;
        let Some((store, after)) = self.position.clone() else { return Ok(()) };
        let poll = RecvRequest::Poll { after: After::Number(after), wait: Some(wait), max: limits::POLL_EVENTS };
        let events = match session.ask_list(&line(&poll), questions::read_event)? {
            Ok(events) => events,
            // A copy of the store, older than what we know: go on from what it calls acknowledged.
            Err(ko) if ko.code == Code::Seq && after > acknowledged => {
                log::warn!("the wachat server's store is older than last time; going on from {acknowledged}");
                let after = self.renumber(&store, acknowledged)?;
                self.position = Some((store, after));
                return Ok(());
            }
            Err(ko) => return Err(BridgeError::Away(ko.to_string())),
        };
        let last = events.iter().map(|(seq, _)| *seq).max().unwrap_or(after).max(after);
        let batch = self.choose(events, after);
        if batch.is_empty() {
            self.position = Some((store, last));
            return Ok(());
        }
        self.outstanding = Some(last);
        self.batches.send(batch).map_err(|_| BridgeError::Over)
    }

    /// The messages of the room among the events that are to be carried.
    fn choose(&self, events: Vec<(Seq, Option<event::Event>)>, after: Seq) -> Batch {
        let (mut batch, mut late) = (Batch::new(), 0);
        for event in events.into_iter().filter(|(seq, _)| *seq > after).filter_map(|(_, event)| event) {
            match event {
                event::Event::Message(message) if message.to != Target::Room(self.room.clone()) => {
                    log::info!("a message of {} is not for {}, and not carried", message.from, self.room);
                }
                // What this user says here through another program is ours too, and not echoed.
                event::Event::Message(message) if message.from == self.account.user => {}
                event::Event::Message(message) if message.seq <= self.floor => late += 1,
                event::Event::Message(message) => batch.push(message),
                event::Event::Gap { room, first, last } if room == self.room => {
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

    /// Keeps the session alive until the courier has finished.
    fn wait_for_courier(&mut self, session: &mut Session) -> Result<(), BridgeError> {
        while let Some(last) = self.outstanding {
            match self.finished.recv_timeout(Duration::from_secs(limits::POLL_WAIT_SECONDS)) {
                Ok(()) => {
                    self.outstanding = None;
                    self.position = self.position.take().map(|(store, _)| (store, last));
                }
                Err(RecvTimeoutError::Timeout) => _ = session.ask(&line(&RecvRequest::Ping))?,
                Err(RecvTimeoutError::Disconnected) => return Err(BridgeError::Over),
            }
        }
        Ok(())
    }
}

fn line(request: &RecvRequest) -> Vec<u8> {
    let mut line = Vec::new();
    request.write(&mut line);
    line
}
