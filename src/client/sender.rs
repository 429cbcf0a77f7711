//! The sender thread: it brings what waits in the outbox to the SEND port, in order, once.
//!
//! A message goes: outbox synced (by whoever typed it) → sent → history synced → outbox marked →
//! told. Wherever that is cut, the next try asks again with the same id, and the server answers
//! what it answered before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender as Channel};

use super::account::{Account, Port};
use super::agenda::{Agenda, Ask};
use super::backoff::Backoff;
use super::error::{LinkError, Stop};
use super::event::{Answer, AppEvent};
use super::home::Home;
use super::outbox::Waiting;
use super::questions;
use super::session::Session;
use super::texts::Phrase;
use crate::limits;
use crate::model::{Seq, Target, Timestamp};
use crate::protocol::{Code, Ko, SendRequest};

/// What the thread owns.
pub struct Sender {
    account: Account,
    home: Arc<Home>,
    agenda: Arc<Agenda>,
    events: Channel<AppEvent>,
    session: Option<Session>,
    retry: Backoff,
    /// Whether the app was told that the server is away.
    down: bool,
    /// Conversations that wait after `RATE`, `QUOTA` or `FULL`.
    held: HashMap<Target, Backoff>,
}

impl Sender {
    /// `session` is a connection that the start of the program has made already.
    pub fn new(
        account: Account,
        home: Arc<Home>,
        agenda: Arc<Agenda>,
        events: Channel<AppEvent>,
        session: Option<Session>,
    ) -> Self {
        let retry = Backoff::new(limits::MIN_RETRY_DELAY);
        Self { account, home, agenda, events, session, retry, down: false, held: HashMap::new() }
    }

    /// Works until the program ends.
    pub fn run(mut self, bell: &Receiver<()>) {
        loop {
            if let Err(stop) = self.round() {
                // If nobody listens, the program is ending anyway.
                let _ = self.events.send(AppEvent::Ended(stop));
                return;
            }
            match bell.recv_timeout(self.pause()) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => self.close_idle(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does what can be done now. A server that is away is no error: it is tried again.
    fn round(&mut self) -> Result<(), Stop> {
        if self.agenda.take_hurry() {
            self.retry.hurry();
            self.down = false;
        }
        if !self.retry.left(Instant::now()).is_zero() {
            return self.refuse_asks(&Phrase::Away.to_string());
        }
        let fresh = self.session.is_none();
        match self.work() {
            // The server may have closed an idle connection, or have been restarted since: that is
            // no news before a new connection has failed too.
            Err(Stop::Link(LinkError::Away(_))) if !fresh => {
                self.session = None;
                self.work_or_wait()
            }
            done => self.judge(done),
        }
    }

    fn work_or_wait(&mut self) -> Result<(), Stop> {
        let done = self.work();
        self.judge(done)
    }

    fn judge(&mut self, done: Result<(), Stop>) -> Result<(), Stop> {
        let Err(Stop::Link(LinkError::Away(why))) = done else { return done };
        self.session = None;
        self.retry.failed(Instant::now());
        if !self.down {
            self.down = true;
            self.tell(AppEvent::Down(why.clone()))?;
        }
        self.refuse_asks(&why)
    }

    /// One thing after the other, until nothing is left that may be done now.
    fn work(&mut self) -> Result<(), Stop> {
        loop {
            if let Some(ask) = self.agenda.first_ask() {
                self.question(&ask)?;
            } else if let Some(message) = self.next_message() {
                self.send(&message)?;
            } else if let Some((target, seq)) = self.agenda.some_read() {
                self.read(&target, seq)?;
            } else if self.agenda.has_doubts() {
                self.compare_reads()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Something was answered: that, and not a connection, shows that the server is there.
    fn it_works(&mut self) -> Result<(), Stop> {
        self.retry.worked();
        if std::mem::take(&mut self.down) { self.tell(AppEvent::Up) } else { Ok(()) }
    }

    fn next_message(&self) -> Option<Waiting> {
        let now = Instant::now();
        let held = |target: &Target| self.held.get(target).is_some_and(|hold| !hold.left(now).is_zero());
        self.home.outbox.lock().first_free(held)
    }

    /// The connection, made if there is none.
    fn session(&mut self) -> Result<&mut Session, Stop> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.account, Port::Send)?,
        };
        Ok(self.session.insert(session))
    }

    fn ask(&mut self, request: &SendRequest) -> Result<Result<Vec<String>, Ko>, Stop> {
        let answer = self.session()?.ask(&questions::line(request))?;
        self.it_works()?;
        Ok(answer)
    }

    fn send(&mut self, message: &Waiting) -> Result<(), Stop> {
        let (id, to, text) = (message.id.clone(), Ok(message.to.clone()), message.text.clone());
        match self.ask(&SendRequest::Send { id, to, text })? {
            Ok(fields) => self.accepted(message, &fields),
            Err(ko) if matches!(ko.code, Code::Rate | Code::Quota | Code::Full) => self.hold(message, ko),
            Err(ko) => self.failed(message, ko),
        }
    }

    fn accepted(&mut self, message: &Waiting, fields: &[String]) -> Result<(), Stop> {
        let strange = || LinkError::Away(Phrase::StrangeSend.to_string());
        let at = fields.get(2).and_then(|text| Timestamp::parse(text)).ok_or_else(strange)?;
        let seq = fields.get(3).and_then(|text| Seq::parse(text)).ok_or_else(strange)?;
        if fields.first().is_none_or(|id| id != message.id.as_str()) {
            return Err(strange().into());
        }
        let state = self.home.accepted(message, at, seq)?;
        self.held.remove(&message.to);
        self.tell(AppEvent::Accepted(message.clone(), state))
    }

    fn failed(&mut self, message: &Waiting, ko: Ko) -> Result<(), Stop> {
        self.home.failed(message, &ko)?;
        self.held.remove(&message.to);
        self.tell(AppEvent::Failed(message.clone(), ko))
    }

    /// Nothing behind this message is sent to that place meanwhile.
    fn hold(&mut self, message: &Waiting, ko: Ko) -> Result<(), Stop> {
        let first = !self.held.contains_key(&message.to);
        let hold = self.held.entry(message.to.clone()).or_insert_with(|| Backoff::new(limits::MIN_HOLD_DELAY));
        hold.failed(Instant::now());
        if first { self.tell(AppEvent::Held(message.clone(), ko)) } else { Ok(()) }
    }

    /// A KO here is of no use to anybody: the place is gone, or the number was another store's.
    fn read(&mut self, target: &Target, seq: Seq) -> Result<(), Stop> {
        let _ = self.ask(&SendRequest::Read { target: Ok(target.clone()), seq })?;
        self.agenda.said_read(target, seq);
        Ok(())
    }

    fn compare_reads(&mut self) -> Result<(), Stop> {
        let known = questions::what_is_read(self.session()?)?;
        self.it_works()?;
        self.agenda.resolve_doubts(&known);
        Ok(())
    }

    fn question(&mut self, ask: &Ask) -> Result<(), Stop> {
        // What was seen has been read, though it was not said yet.
        while let (Ask::Chats, Some((target, seq))) = (ask, self.agenda.some_read()) {
            self.read(&target, seq)?;
        }
        let answer = questions::put(self.session()?, ask)?;
        self.it_works()?;
        self.agenda.asked();
        self.tell(AppEvent::Answered(answer))
    }

    /// A question is for now, not for later.
    fn refuse_asks(&mut self, why: &str) -> Result<(), Stop> {
        while let Some(ask) = self.agenda.first_ask() {
            self.agenda.asked();
            self.tell(AppEvent::Answered(Answer::NotAsked(ask, why.to_owned())))?;
        }
        Ok(())
    }

    fn tell(&self, event: AppEvent) -> Result<(), Stop> {
        self.events.send(event).map_err(|_| Stop::NobodyListens)
    }

    /// How long there is nothing to do, if nobody rings.
    fn pause(&self) -> Duration {
        let now = Instant::now();
        let retry = self.retry.left(now);
        if !retry.is_zero() {
            return retry;
        }
        let holds = self.held.values().map(|hold| hold.left(now));
        holds.filter(|left| !left.is_zero()).fold(limits::SEND_IDLE, Duration::min)
    }

    /// The SEND port is for short connections: an idle one is given back.
    fn close_idle(&mut self) {
        if self.held.is_empty()
            && let Some(session) = self.session.take()
        {
            session.quit();
        }
    }
}
