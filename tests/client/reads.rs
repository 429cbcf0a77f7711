//! The messages that the app calls read, beside a model: random messages, hidden users, `/read`, and requests of which some are lost or
//! refused and many are under way while more is read. Nothing is called read too early, and in the end nothing is forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::history::{message, seq, target, user};
use crate::client::setting;
use crate::support::random::Random;
use wachat::client::app::event::{Context, Effect, Event as AppEvent};
use wachat::client::app::view::View;
use wachat::client::app::{App, Setting};
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::state::ClientState;
use wachat::model::{Message, Seq, Target, Timestamp};
use wachat::protocol::{Code, Event, SessionOpened};

const RUNS: u64 = 150;
const STEPS: usize = 150;
const WRITERS: [&str; 3] = ["luis", "eva", "ada"];
const PLACES: [&str; 4] = ["luis", "eva", "#aula", "#sala"];

struct Life {
    seed: u64,
    random: Random,
    app: App,
    receipts: bool,
    clock: Instant,
    sending: Option<Request>,
    receiving: Option<Receive>,
    last: u64,
    /// Messages that are on the screen, and of which the app was not told.
    on_screen: Vec<Arc<Message>>,
    received: BTreeMap<Target, u64>,
    /// The number up to which each conversation is read, and up to which the server was told so.
    read: BTreeMap<Target, u64>,
    told: BTreeMap<Target, u64>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let clock = Instant::now();
        let receipts = !seed.is_multiple_of(4);
        let setting = Setting { receipts, ..setting() };
        let context = Context { now: clock, at: Timestamp::from_millis(1), random: 1 };
        let app = App::new(setting, ClientState::new(user("ana")), context);
        let random = Random::new(seed);
        let none = BTreeMap::new;
        let sending = None;
        let receiving = None;
        let on_screen = Vec::new();
        let received = none();
        let read = none();
        let told = none();
        let mut life =
            Self { seed, random, app, receipts, clock, sending, receiving, last: 0, on_screen, received, read, told };
        life.handle(AppEvent::Started(Ok(())));
        life
    }

    fn handle(&mut self, event: AppEvent) {
        self.clock += Duration::from_millis(self.random.below(400));
        let random = u128::from(self.random.next()) << 32;
        let context = Context { now: self.clock, at: Timestamp::from_millis(1), random };
        let output = self.app.handle(event, context);
        for view in output.views {
            if let View::Incoming(message) | View::Hidden(message) = view {
                self.on_screen.push(message);
            }
        }
        for effect in output.effects {
            match effect {
                Effect::Send(request) => assert!(self.sending.replace(request).is_none()),
                Effect::Receive(request) => assert!(self.receiving.replace(request).is_none()),
                other => panic!("{other:?}"),
            }
        }
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..=3 => self.answer_receiver(),
            4 | 5 => self.show(),
            6 | 7 => self.answer_sender(),
            8 => self.type_something(),
            _ => self.handle(AppEvent::Tick),
        }
        self.check_request();
    }

    fn answer_receiver(&mut self) {
        match self.receiving.take() {
            None => {}
            Some(Receive::LogIn) => {
                let opened =
                    SessionOpened { user: user("ana"), acknowledged: Seq::ZERO, store: "store".into(), device: None };
                self.handle(AppEvent::Link(LinkEvent::LoggedIn(opened)));
            }
            Some(_) => {
                let events = (0..self.random.below(4)).map(|_| self.message()).collect();
                self.handle(AppEvent::Link(LinkEvent::Polled(Ok(events))));
            }
        }
    }

    fn message(&mut self) -> Event {
        self.last += 1;
        let place = PLACES[self.random.below(4) as usize];
        let from = if place.starts_with('#') { WRITERS[self.random.below(3) as usize] } else { place };
        let Event::Message(message) = message(self.last, from, &self.last.to_string(), "text") else { panic!() };
        let to = if place.starts_with('#') { target(place) } else { target("ana") };
        self.received.insert(target(place), self.last);
        Event::Message(Arc::new(Message { to, ..(*message).clone() }))
    }

    /// The screen has shown the lines that it was given.
    fn show(&mut self) {
        let count = self.on_screen.len();
        for message in self.on_screen.drain(..count) {
            if self.receipts && !self.app.state().is_ignored(&message.from) {
                let read = self.read.entry(self.app.state().target_of(&message)).or_default();
                *read = message.seq.get().max(*read);
            }
        }
        self.handle(AppEvent::Shown(count));
    }

    fn answer_sender(&mut self) {
        let Some(request) = self.sending.take() else { return };
        let answer = match (&request, self.random.below(10)) {
            (_, 0) => Err(LinkError::Away("lost".to_owned())),
            (Request::Read(..), 1) => Ok(Answer::Refused(Code::Rate.into())),
            _ => Ok(self.answer_of(&request)),
        };
        self.handle(AppEvent::Link(LinkEvent::Answered(request, answer)));
    }

    fn answer_of(&mut self, request: &Request) -> Answer {
        match request {
            Request::Read(target, upto) => {
                let told = self.told.entry(target.clone()).or_default();
                *told = upto.get().max(*told);
                Answer::Done
            }
            Request::Presence => Answer::Users(Vec::new()),
            Request::Lobby | Request::Compare => Answer::Chats(Vec::new()),
            Request::Find(_) => Answer::Rows(Vec::new()),
            other => panic!("nobody has asked for {other:?}"),
        }
    }

    fn type_something(&mut self) {
        if !self.app.wants_line() {
            return;
        }
        // The typed line is read after the lines that are on the screen.
        self.show();
        let place = PLACES[self.random.below(4) as usize];
        match self.random.below(4) {
            0 | 1 => {
                let who = WRITERS[self.random.below(3) as usize];
                self.handle(AppEvent::Entered(format!("/ignore {who}")));
            }
            2 => {
                // A named user is told, hidden or not.
                self.handle(AppEvent::Entered(format!("/read {place}")));
                self.note_read(&target(place));
            }
            _ => {
                self.handle(AppEvent::Entered("/read".to_owned()));
                let is_hidden = |place: &&Target| self.app.state().is_hidden(place);
                let all: Vec<_> = self.received.keys().filter(|place| !is_hidden(place)).cloned().collect();
                all.iter().for_each(|place| self.note_read(place));
            }
        }
    }

    fn note_read(&mut self, place: &Target) {
        if let Some(received) = self.received.get(place) {
            self.read.insert(place.clone(), *received);
        }
    }

    /// Checks that the messages of a READ were read.
    fn check_request(&self) {
        let Some(Request::Read(target, upto)) = &self.sending else { return };
        let read = self.read.get(target).copied().unwrap_or(0);
        assert!(upto.get() <= read, "seed {}: {target} is called read up to {upto}, and is up to {read}", self.seed);
    }

    /// Answers everything, until there is nothing more to do.
    fn end(&mut self) {
        for _ in 0..200 {
            self.clock += Duration::from_secs(40);
            if let Some(request) = self.sending.take() {
                let answer = self.answer_of(&request);
                self.handle(AppEvent::Link(LinkEvent::Answered(request, Ok(answer))));
            } else {
                self.handle(AppEvent::Tick);
            }
            self.check_request();
        }
        assert_eq!(self.told, self.read, "seed {}: what the server was told, and what is read", self.seed);
        let seen = self.app.state().seen().into_iter().map(|(_, seq)| seq).max().unwrap_or(seq(0));
        assert!(seen.get() <= self.last, "seed {}", self.seed);
    }
}

#[test]
fn all_that_is_read_is_told_and_nothing_else() {
    let mut told = 0;
    let mut secret = 0;
    for seed in 0..RUNS {
        let mut life = Life::new(seed);
        (0..STEPS).for_each(|_| life.step());
        life.end();
        told += life.told.len();
        secret += life.received.iter().filter(|(place, last)| life.told.get(place) != Some(*last)).count();
    }
    assert!(told > 100 && secret > 20, "the lives are too easy: {told} {secret}");
}
