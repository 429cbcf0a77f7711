//! The receiver thread: it polls the RECV port, and acknowledges what is safe in the history.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Sender as Channel;

use super::account::{Account, Port};
use super::backoff::Backoff;
use super::catch_up::CaughtUp;
use super::conversation::Gap;
use super::direct::Porch;
use super::error::{LinkError, Stop};
use super::event::AppEvent;
use super::history::StoreSeen;
use super::home::Home;
use super::questions;
use super::session::Session;
use super::texts::{Phrase, words};
use crate::limits;
use crate::model::Seq;
use crate::protocol::request::After;
use crate::protocol::{Code, Event, RecvRequest};

/// What the thread owns.
pub struct Receiver {
    account: Account,
    home: Arc<Home>,
    events: Channel<AppEvent>,
    porch: Option<Porch>,
    down: bool,
    retry: Backoff,
}

impl Receiver {
    /// `porch`: where direct chats are taken, if they are.
    pub fn new(account: Account, home: Arc<Home>, events: Channel<AppEvent>, porch: Option<Porch>) -> Self {
        Self { account, home, events, porch, down: false, retry: Backoff::new(limits::MIN_RETRY_DELAY) }
    }

    /// Works until the program ends. A server that is away is tried again from time to time; one
    /// that refuses us, or has another session of ours, is not: two clients would fight for ever.
    pub fn run(mut self) {
        loop {
            let Err(stop) = self.connect_and_poll();
            let done = match stop {
                Stop::Link(LinkError::Away(why)) => self.wait_for_server(why),
                stop => Err(stop),
            };
            if let Err(stop) = done {
                // If nobody listens, the program is ending anyway.
                let _ = self.events.send(AppEvent::Ended(stop));
                return;
            }
        }
    }

    fn wait_for_server(&mut self, why: String) -> Result<(), Stop> {
        if !std::mem::replace(&mut self.down, true) {
            self.tell(AppEvent::Down(why))?;
        }
        self.retry.failed(Instant::now());
        std::thread::sleep(self.retry.left(Instant::now()));
        Ok(())
    }

    fn connect_and_poll(&mut self) -> Result<Infallible, Stop> {
        let mut session = Session::open(&self.account, Port::Recv)?;
        let (acknowledged, store) = read_greeting(&session.greeting)?;
        let seen = self.home.history.lock().begin(&store, acknowledged)?;
        if seen == StoreSeen::Another {
            self.tell(AppEvent::OtherStore)?;
        }
        if let Some(porch) = &mut self.porch {
            porch.announce(&mut session)?;
        }
        // An answer, and not a connection, shows that the server is there: the first one comes at once.
        self.poll(&mut session, 0)?;
        (self.down, self.retry) = (false, Backoff::new(limits::MIN_RETRY_DELAY));
        self.tell(AppEvent::Up)?;
        loop {
            self.poll(&mut session, limits::POLL_WAIT_SECONDS)?;
        }
    }

    /// Acknowledges what the history holds, and takes in what comes.
    fn poll(&mut self, session: &mut Session, wait: u64) -> Result<(), Stop> {
        let after = After::Number(self.home.history.lock().position());
        let poll = RecvRequest::Poll { after, wait: Some(wait), max: limits::POLL_EVENTS };
        let events = match session.ask_list(&questions::recv_line(&poll), questions::read_event)? {
            Ok(events) => events,
            Err(ko) if ko.code == Code::Seq => return self.lost_place(session),
            Err(ko) => return Err(LinkError::Away(words::ko(&ko)).into()),
        };
        if let Some(porch) = &self.porch {
            porch.expect(&events);
        }
        let looked_up = self.catch_up(&events)?;
        let arrivals = self.home.history.lock().take_in_with(events, looked_up)?;
        if arrivals.is_empty() {
            return Ok(());
        }
        self.tell(AppEvent::Arrived(arrivals))
    }

    /// Looks up what the gaps among these events stand for. Where that fails, nothing of the poll is taken
    /// in: it comes again.
    fn catch_up(&self, events: &[(Seq, Option<Event>)]) -> Result<HashMap<Seq, CaughtUp>, LinkError> {
        let (mut looked_up, mut space) = (HashMap::new(), limits::GAP_BYTES);
        let gaps = events.iter().filter_map(|(_, event)| match event {
            Some(Event::Gap { room, first, last }) => Some(Gap { room: room.clone(), first: *first, last: *last }),
            _ => None,
        });
        let mut session = None;
        for gap in gaps {
            let session = match &mut session {
                Some(session) => session,
                none => none.insert(Session::open(&self.account, Port::Send)?),
            };
            looked_up.insert(gap.last, CaughtUp::fetch(session, &gap, &mut space)?);
        }
        Ok(looked_up)
    }

    /// The server has never given the number that the history holds, though its store has the same
    /// name: a copy of it, older than what we know. We go on from what it calls acknowledged.
    fn lost_place(&mut self, session: &Session) -> Result<(), Stop> {
        let (acknowledged, store) = read_greeting(&session.greeting)?;
        self.home.history.lock().begin_again(&store, acknowledged)?;
        self.tell(AppEvent::OtherStore)
    }

    fn tell(&self, event: AppEvent) -> Result<(), Stop> {
        self.events.send(event).map_err(|_| Stop::NobodyListens)
    }
}

/// `<user>;wachat/1;<acknowledged>;<store>` (protocol, section 3).
pub fn read_greeting(greeting: &[String]) -> Result<(Seq, String), LinkError> {
    let acknowledged = greeting.get(2).and_then(|text| Seq::parse(text));
    match (acknowledged, greeting.get(3)) {
        (Some(acknowledged), Some(store)) => Ok((acknowledged, store.clone())),
        _ => Err(LinkError::Away(Phrase::StrangeGreeting.to_string())),
    }
}
