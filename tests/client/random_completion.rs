//! An app, its server and another device of the same user through thousands of random orders of requests, answers and
//! events. Whatever was sent or read elsewhere, whenever the app is told of it, and though the server forgets the device now
//! and then: as soon as the server has nothing more to tell, each message of the user's conversations is in the history once,
//! in the state that the server has; what was read elsewhere is read here; and what was taken back has no text.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::screen::theme::Theme;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::row::Row;
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use wachat::protocol::{Accepted, Chat, Code, DeviceState, Event, HistoryRecord, SessionOpened};

use crate::client::screen_app::{ScreenApp, seq, target, user};
use crate::client::stage::refused;
use crate::support::random::Random;

const LIVES: u64 = 6_000;
/// Most steps of a life. A short one ends in the middle of what a longer one would have repaired.
const STEPS: u64 = 80;
/// Rounds in which nothing is asked and nothing happens: longer than any pause before another attempt.
const QUIET_ROUNDS: usize = 40;
/// Records in a page of HISTORY: so few that a conversation takes several pages.
const PAGE: usize = 3;
const TARGETS: [&str; 2] = ["luis", "#lobby"];

/// The server, as the protocol's sections 4 to 6 describe it to ana.
#[derive(Clone, Default)]
struct Server {
    /// Number of restores: each gives the store another name.
    restores: usize,
    last: u64,
    messages: Vec<Arc<Message>>,
    /// The numbers up to which ana's messages are delivered and read.
    reached: HashMap<(Target, State), u64>,
    /// The events with a number that the device has yet to acknowledge, and those without a number of its session.
    events: BTreeMap<u64, Event>,
    passing: Vec<Event>,
    /// The numbers of the device and of the user; the server knows the device.
    acknowledged: u64,
    user_acknowledged: u64,
    is_known: bool,
    /// The numbers up to which ana has read.
    read: HashMap<Target, u64>,
}

impl Server {
    fn next(&mut self) -> Seq {
        self.last += 1;
        seq(self.last)
    }

    fn store(&mut self, from: &str, to: Target, id: &str, text: &str) -> Arc<Message> {
        let seq = self.next();
        let id = MessageId::new(id).unwrap();
        let text = Text::new(text).unwrap();
        let message = Arc::new(Message { seq, id, from: user(from), to, at: Timestamp::from_millis(1), text });
        self.messages.push(message.clone());
        // Also one of the user's own, to each device.
        self.events.insert(message.seq.get(), Event::Message(message.clone()));
        message
    }

    /// The device logs in: one that is not known begins at the number of the user.
    fn open_session(&mut self) -> SessionOpened {
        let state = if self.is_known { DeviceState::Known } else { DeviceState::New };
        if !std::mem::replace(&mut self.is_known, true) {
            self.acknowledge(self.user_acknowledged);
        }
        self.passing.clear();
        SessionOpened {
            user: user("ana"),
            acknowledged: Seq::new(self.acknowledged).unwrap(),
            store: format!("store{}", self.restores).into(),
            device: Some(state),
        }
    }

    /// Ana has read a conversation on another device.
    fn read(&mut self, place: &Target) {
        let Some(upto) = self.of(place).last().map(|message| message.seq) else { return };
        if self.read.insert(place.clone(), upto.get()) != Some(upto.get()) {
            self.passing.push(Event::Read { target: place.clone(), upto });
        }
    }

    fn read_upto(&self, place: &Target) -> Seq {
        self.read.get(place).map_or(Seq::ZERO, |upto| seq(*upto))
    }

    /// Luis writes to ana, or in the room.
    fn receive(&mut self, place: &str, id: &str) {
        let to = if place.starts_with('#') { target(place) } else { target("ana") };
        self.store("luis", to, id, id);
    }

    fn of(&self, place: &Target) -> Vec<Arc<Message>> {
        self.messages.iter().filter(|message| message.target_for(&user("ana")) == *place).cloned().collect()
    }

    /// All of ana's messages in a conversation reach a state.
    fn reach(&mut self, place: &Target, state: State) {
        let own = self.of(place).into_iter().rfind(|message| message.from == user("ana"));
        let Some(last) = own else { return };
        if self.state_of(place, last.seq) < state {
            self.reached.insert((place.clone(), state), last.seq.get());
            let seq = self.next();
            let at = last.at;
            self.events.insert(seq.get(), Event::State { seq, target: place.clone(), state, upto: last.seq, at });
        }
    }

    fn state_of(&self, place: &Target, number: Seq) -> State {
        let has_reached = |state| self.reached.get(&(place.clone(), state)).is_some_and(|upto| *upto >= number.get());
        let states = [State::Read, State::Delivered];
        states.into_iter().find(|state| has_reached(*state)).unwrap_or(State::Received)
    }

    /// The author of a message takes it back, or the user's whole past there is taken back.
    fn erase(&mut self, place: &Target, random: &mut Random) {
        let messages = self.of(place);
        let Some(one) = messages.get(random.below(messages.len().max(1) as u64) as usize) else { return };
        let first = if random.chance(20) { messages[0].seq } else { one.seq };
        let is_left =
            |m: &&Arc<Message>| m.from == one.from && (first..=one.seq).contains(&m.seq) && !m.text.is_erased();
        if messages.iter().any(|message| is_left(&message)) {
            self.empty(place, first, one.seq, &one.from);
        }
    }

    /// Takes back the messages of a user among these numbers.
    fn empty(&mut self, place: &Target, first: Seq, last: Seq, from: &UserName) {
        let empty = |message: &mut Arc<Message>| {
            let is_meant = message.from == *from && (first..=last).contains(&message.seq);
            if is_meant && !message.text.is_erased() && message.target_for(&user("ana")) == *place {
                *message = Arc::new(message.erased());
            }
        };
        self.messages.iter_mut().for_each(empty);
        let waiting = self.events.values_mut().filter_map(|event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        });
        waiting.for_each(empty);
        let seq = self.next();
        self.events.insert(seq.get(), Event::Erased { seq, target: place.clone(), first, last, from: from.clone() });
    }

    fn acknowledge(&mut self, upto: u64) {
        self.acknowledged = self.acknowledged.max(upto);
        self.user_acknowledged = self.user_acknowledged.max(upto);
        self.events.retain(|number, _| *number > upto);
    }

    fn accept(&mut self, message: &Outgoing) -> Answer {
        let known = self.messages.iter().find(|known| known.id == message.id).cloned();
        let stored =
            known.unwrap_or_else(|| self.store("ana", message.to.clone(), message.id.as_str(), message.text.as_str()));
        Answer::Accepted(Accepted { id: stored.id.clone(), at: stored.at, seq: stored.seq })
    }

    /// The user's client takes a message back.
    fn erase_one(&mut self, message: &Message) -> Answer {
        let place = message.target_for(&user("ana"));
        let stored = self.messages.iter().find(|one| one.seq == message.seq && one.from == message.from).cloned();
        let Some(stored) = stored.filter(|one| one.target_for(&user("ana")) == place) else {
            return refused(Code::NoMessage);
        };
        if stored.id != message.id {
            return refused(Code::NoMessage);
        }
        if !stored.text.is_erased() {
            self.empty(&place, stored.seq, stored.seq, &stored.from);
        }
        Answer::Done
    }

    fn chats(&self) -> Vec<Chat> {
        let chat = |name: &str| {
            let messages = self.of(&target(name));
            let last = messages.last()?.seq;
            Some(Chat {
                target: target(name),
                last,
                read: self.read_upto(&target(name)),
                count: messages.len() as u64,
                erased: messages.iter().filter(|message| message.text.is_erased()).count() as u64,
            })
        };
        TARGETS.into_iter().filter_map(chat).collect()
    }

    fn page(&self, place: &Target, before: Option<Seq>) -> Vec<HistoryRecord> {
        let mut messages = self.of(place);
        messages.retain(|message| before.is_none_or(|before| message.seq < before));
        let skipped = messages.len().saturating_sub(PAGE);
        let record = |message: Arc<Message>| {
            let state = self.state_of(place, message.seq);
            HistoryRecord::Message { message, state }
        };
        messages.into_iter().skip(skipped).map(record).collect()
    }
}

struct Life {
    random: Random,
    client: ScreenApp,
    server: Server,
    /// The server's answer that is on its way.
    answer: Option<(Request, Answer)>,
    /// Number of texts that were written.
    written: usize,
    /// Copies of the server.
    backups: Vec<Server>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut client = ScreenApp::disconnected(Theme::Dark);
        client.handle(AppEvent::Started(Ok(())));
        Self {
            random: Random::new(seed),
            client,
            server: Server::default(),
            answer: None,
            written: 0,
            backups: Vec::new(),
        }
    }

    fn step(&mut self) {
        let place = TARGETS[self.random.below(2) as usize];
        match self.random.below(17) {
            0 => self.receive(place),
            1 => self.send_elsewhere(place),
            2 => self.reach(place),
            3 => self.send_here(place),
            4..=6 => self.carry_out_request(),
            7 => self.lose_answer(),
            8..=11 => self.answer_receiver(),
            12 => self.end_session(),
            13 => self.server.read(&target(place)),
            14 => self.server.erase(&target(place), &mut self.random),
            15 => self.take_back(place),
            _ => self.pass_time(),
        }
    }

    fn receive(&mut self, place: &str) {
        self.written += 1;
        self.server.receive(place, &format!("from-luis-{}", self.written));
    }

    fn back_up(&mut self) {
        self.backups.push(self.server.clone());
    }

    /// Puts one of the copies instead of the server. What was on its way is lost. Before its first session a client does not
    /// know which store its numbers are of.
    fn restore(&mut self) {
        let count = self.backups.len() as u64;
        if count == 0 || self.client.receiving.is_none() || self.client.app.state().store().is_empty() {
            return;
        }
        let restores = self.server.restores + 1;
        self.server = Server { restores, ..self.backups[self.random.below(count) as usize].clone() };
        self.lose_answer();
        self.client.disconnect();
    }

    fn send_elsewhere(&mut self, place: &str) {
        self.written += 1;
        let text = format!("elsewhere-{}", self.written);
        self.server.store("ana", target(place), &text, &text);
        if self.random.chance(50) {
            self.server.reach(&target(place), State::Delivered);
        }
    }

    fn reach(&mut self, place: &str) {
        let state = if self.random.chance(50) { State::Read } else { State::Delivered };
        self.server.reach(&target(place), state);
    }

    fn send_here(&mut self, place: &str) {
        self.written += 1;
        let at = if place.starts_with('#') { "" } else { "@" };
        self.client.handle(AppEvent::Entered(format!("{at}{place}: here-{}", self.written)));
    }

    /// The user takes one of the last messages back.
    fn take_back(&mut self, place: &str) {
        let n = self.random.below(3) + 1;
        self.client.handle(AppEvent::Entered(format!("/query {place}")));
        self.client.handle(AppEvent::Entered(format!("/erase {n}")));
    }

    /// The server carries out what is asked, or the answer to that arrives.
    fn carry_out_request(&mut self) {
        if let Some((request, answer)) = self.answer.take() {
            return self.client.handle(AppEvent::Link(LinkEvent::Answered(request, Ok(answer))));
        }
        let Some(request) = self.client.sending.take() else { return };
        let answer = match &request {
            Request::Send(message, _) | Request::Retry(message, _) => self.server.accept(message),
            Request::Compare => Answer::Chats(self.server.chats()),
            Request::Fetch(place, before) => Answer::Rows(self.server.page(place, *before)),
            Request::Erase(_, message) => self.server.erase_one(message),
            other => self.client.answer_of(other),
        };
        self.answer = Some((request, answer));
    }

    fn lose_answer(&mut self) {
        if let Some((request, _)) = self.answer.take() {
            let lost = Err(LinkError::Away("lost".to_owned()));
            self.client.handle(AppEvent::Link(LinkEvent::Answered(request, lost)));
        }
    }

    fn answer_receiver(&mut self) {
        match self.client.receiving.take() {
            Some(Receive::LogIn) => {
                let opened = self.server.open_session();
                self.client.handle(AppEvent::Link(LinkEvent::LoggedIn(opened)));
            }
            Some(Receive::Poll { after, .. }) => {
                self.server.acknowledge(after.get());
                let passing = std::mem::take(&mut self.server.passing).into_iter();
                let numbered = self.server.events.values().filter(|event| event.seq() > after).cloned();
                // The rest comes with the next poll.
                let most = self.random.below(8) as usize + 1;
                let events = passing.chain(numbered.take(most)).collect();
                self.client.handle(AppEvent::Link(LinkEvent::Polled(Ok(events))));
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }

    /// The connection is lost. Another device may have acknowledged what waits, and this one may be forgotten.
    fn end_session(&mut self) {
        if self.client.receiving.is_none() {
            return;
        }
        self.client.disconnect();
        if self.random.chance(50) {
            self.server.user_acknowledged = self.server.last;
        }
        self.server.is_known &= self.random.chance(70);
    }

    fn pass_time(&mut self) {
        self.client.wait(Duration::from_secs(2));
        self.client.handle(AppEvent::Tick);
    }

    /// Everything is answered, until nothing is asked and nothing happens.
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..400 {
            self.carry_out_request();
            self.answer_receiver();
            self.pass_time();
            let is_quiet = self.server.events.is_empty() && self.answer.is_none() && self.client.sending.is_none();
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == QUIET_ROUNDS {
                break;
            }
        }
        assert_eq!(quiet, QUIET_ROUNDS, "it does not come to rest");
        assert!(self.client.app.state().outbox().is_empty());
    }

    /// The ids of the messages of a conversation in the history.
    fn ids(&self, place: &Target) -> Vec<String> {
        let rows = self.client.app.state().find_conversation(place).into_iter().flat_map(|c| c.rows());
        rows.filter_map(|row| Some(row.id()?.to_string())).collect()
    }

    /// The texts in the history of messages that the server has as taken back.
    fn texts_taken_back(&self, place: &Target) -> Vec<String> {
        let there = self.server.of(place);
        let is_taken_back =
            |row: &&Row| there.iter().any(|message| Some(&message.id) == row.id() && message.text.is_erased());
        let rows = self.client.app.state().find_conversation(place).into_iter().flat_map(|c| c.rows());
        let left = rows.filter(is_taken_back).filter(|row| !row.is_erased());
        left.filter_map(|row| Some(row.id()?.to_string())).collect()
    }

    /// The messages of a conversation in the history, and those that the server has, with their texts and states.
    fn both(&self, place: &Target) -> [Vec<(u64, String, State)>; 2] {
        let mine = |message: &Message, state| if message.from == user("ana") { state } else { State::Received };
        let rows = self.client.app.state().find_conversation(place).into_iter().flat_map(|c| c.rows());
        let here = rows.map(|row| match row {
            Row::Received(message) => (message.seq.get(), message.text.to_string(), State::Received),
            Row::Sent(message, state) => (message.seq.get(), message.text.to_string(), *state),
            other => panic!("{other:?}"),
        });
        let there = self.server.of(place);
        let there =
            there.iter().map(|m| (m.seq.get(), m.text.to_string(), mine(m, self.server.state_of(place, m.seq))));
        [here.collect(), there.collect()]
    }
}

#[test]
fn in_every_order_of_answers_and_events_the_history_becomes_the_servers() {
    let mut messages = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..life.random.below(STEPS) + 1 {
            life.step();
        }
        life.settle();
        for place in TARGETS {
            let [here, there] = life.both(&target(place));
            assert_eq!(here, there, "seed {seed}: the history of {place} is not the server's");
            let read = life.server.read_upto(&target(place));
            let seen = life.client.app.state().find_conversation(&target(place)).map_or(Seq::ZERO, |c| c.seen());
            assert!(seen >= read, "seed {seed}: of {place} {seen} is seen here, and {read} elsewhere");
            messages += here.len();
        }
    }
    assert!(messages > 10_000, "{messages}");
}

/// Restores, several in a row and to any earlier backup, while messages are taken and sent elsewhere: the client has more than
/// the server then, but nothing that the server has is missing, or there twice.
#[test]
fn after_any_restores_the_history_has_all_that_the_server_has() {
    let mut restores = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..life.random.below(2 * STEPS) + 1 {
            match life.random.below(20) {
                0 => life.back_up(),
                1 => life.restore(),
                _ => life.step(),
            }
        }
        life.settle();
        for place in TARGETS {
            let mut here = life.ids(&target(place));
            let count = here.len();
            here.sort_unstable();
            here.dedup();
            assert_eq!(here.len(), count, "seed {seed}: a message of {place} is there twice");
            let there = life.server.of(&target(place));
            let missing: Vec<_> = there.iter().filter(|message| !here.contains(&message.id.to_string())).collect();
            assert!(missing.is_empty(), "seed {seed}: {place} lacks {missing:#?}");
            let texts = life.texts_taken_back(&target(place));
            assert!(texts.is_empty(), "seed {seed}: {place} has {texts:?}");
        }
        restores += life.server.restores;
    }
    assert!(restores > LIVES as usize, "{restores}");
}
