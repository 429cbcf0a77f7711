//! The app alone, through thousands of random events: what it says about presence, what it sums up, whom it answers, and
//! that a password is nowhere but in the request that carries it. No file, thread, socket or terminal takes part.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::setting;
use crate::support::random::Random;
use wachat::client::app::App;
use wachat::client::app::event::{Context, Effect, Event as AppEvent, Output};
use wachat::client::app::view::View;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::state::ClientState;
use wachat::client::state::outgoing::Outgoing;
use wachat::limits;
use wachat::model::{Message, MessageId, Seq, Target, Text, Timestamp, UserName};
use wachat::protocol::{Accepted, Event, SessionOpened, User};

const RUNS: u64 = 400;
const STEPS: usize = 150;
const OLD: &str = "the old password";
const NEW: &str = "the new password";
const USERS: [&str; 4] = ["luis", "eva", "otto", "ada"];

fn name(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

/// An app, and a server and a screen as it sees them.
struct Life {
    seed: u64,
    random: Random,
    app: App,
    clock: Instant,
    sending: Option<Request>,
    receiving: Option<Receive>,
    /// Events that the next poll brings.
    pending: Vec<Event>,
    last: u64,
    /// The users who are online, and those who are not.
    online: HashMap<&'static str, bool>,
    left: HashMap<&'static str, Instant>,
    /// A session is open, and has been told of everything since it began.
    has_session: bool,
    /// The list of users was asked for in this session, and has come.
    asks_list: bool,
    has_list: bool,
    is_away: bool,
    answered: Vec<Target>,
    /// The users who have written something that is to be answered since the last `/away`.
    to_answer: HashSet<Target>,
    shown: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let clock = Instant::now();
        let setting = setting();
        let context = Context { now: clock, at: Timestamp::from_millis(1), random: 1 };
        let app = App::new(setting, ClientState::new(name("ana")), context);
        let mut life = Self {
            seed,
            random: Random::new(seed),
            app,
            clock,
            sending: None,
            receiving: None,
            pending: Vec::new(),
            last: 0,
            online: HashMap::new(),
            left: HashMap::new(),
            has_session: false,
            asks_list: false,
            has_list: false,
            is_away: false,
            answered: Vec::new(),
            to_answer: HashSet::new(),
            shown: Vec::new(),
        };
        life.handle(AppEvent::Started(Ok(())));
        life
    }

    fn handle(&mut self, event: AppEvent) {
        self.clock += Duration::from_millis(self.random.below(400));
        let random = u128::from(self.random.next()) << 32;
        let context = Context { now: self.clock, at: Timestamp::from_millis(1), random };
        let Output { records, effects, views } = self.app.handle(event, context);
        let records = String::from_utf8(records).unwrap();
        assert!(!records.contains("password"), "seed {}: {records}", self.seed);
        for effect in effects {
            assert!(!format!("{effect:?}").contains("password"), "seed {}: {effect:?}", self.seed);
            match effect {
                Effect::Send(request) => {
                    self.asks_list |= request == Request::Presence;
                    assert!(self.sending.replace(request).is_none());
                }
                Effect::Receive(Receive::UsePassword(_)) => {}
                Effect::Receive(request) => assert!(self.receiving.replace(request).is_none()),
                other => panic!("{other:?}"),
            }
        }
        let mut incoming = 0;
        for view in views {
            incoming += usize::from(matches!(view, View::Incoming(_) | View::Hidden(_)));
            self.note(&view);
        }
        if incoming > 0 {
            self.handle(AppEvent::Shown(incoming));
        }
    }

    fn note(&mut self, view: &View) {
        if let View::Notice(line) | View::Problem(line) | View::Answer(line) = view {
            assert!(!line.contains(OLD) && !line.contains(NEW), "seed {}: {line}", self.seed);
            self.shown.push(line.clone());
        }
        if let View::Tick { state: None, message: Outgoing { to, text, .. }, .. } = view
            && text.as_str().starts_with("/me (away)")
        {
            assert!(self.is_away, "seed {}: an answer of a user who is not away", self.seed);
            assert!(!self.answered.contains(to), "seed {}: {to} is answered twice", self.seed);
            self.answered.push(to.clone());
        }
        if let View::Incoming(message) = view
            && self.is_away
            && !message.text.as_str().starts_with("/me (away)")
        {
            self.to_answer.insert(Target::User(message.from.clone()));
        }
        let View::Notice(line) = view else { return };
        if let Some(user) = line.strip_suffix(" is offline") {
            let user = USERS.into_iter().find(|known| *known == user).unwrap();
            let gone = self.left.get(user).is_some_and(|since| self.clock - *since >= limits::RECONNECT_GRACE);
            assert!(gone, "seed {}: {line}, and it is too early to say so", self.seed);
        }
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0 => self.come_or_go(),
            1 => self.write(),
            2..=4 => self.answer_sender(),
            5..=7 => self.answer_receiver(),
            8 => self.type_something(),
            _ => self.handle(AppEvent::Tick),
        }
        self.check_presence();
    }

    fn come_or_go(&mut self) {
        let user = USERS[self.random.below(4) as usize];
        let is_online = self.online.get(user).copied().unwrap_or_default();
        self.online.insert(user, !is_online);
        let user = name(user);
        let at = Timestamp::from_millis(1);
        let event = if is_online { Event::Offline { user, at } } else { Event::Online { user, at } };
        if self.has_session {
            self.pending.push(event);
        }
    }

    fn write(&mut self) {
        self.last += 1;
        let automatic = self.random.chance(20);
        let text = if automatic { "/me (away) later".to_owned() } else { format!("text {}", self.last) };
        let from = name(USERS[self.random.below(4) as usize]);
        self.pending.push(Event::Message(Arc::new(Message {
            seq: Seq::new(self.last).unwrap(),
            id: MessageId::new(&format!("m-{}", self.last)).unwrap(),
            from,
            to: Target::User(name("ana")),
            at: Timestamp::from_millis(1),
            text: Text::new(&text).unwrap(),
        })));
    }

    fn answer_sender(&mut self) {
        let Some(request) = self.sending.take() else { return };
        let answer = match &request {
            _ if self.random.chance(10) => Err(LinkError::Away("lost".to_owned())),
            Request::Send(message, _) | Request::Retry(message, _) => {
                self.last += 1;
                let seq = Seq::new(self.last).unwrap();
                Ok(Answer::Accepted(Accepted { id: message.id.clone(), at: message.at, seq }))
            }
            Request::Presence => Ok(Answer::Users(self.users())),
            Request::Lobby | Request::Compare => Ok(Answer::Chats(Vec::new())),
            Request::Read(..) | Request::Passwd(..) => Ok(Answer::Done),
            other => panic!("nobody has asked for {other:?}"),
        };
        self.has_list |= matches!((&request, &answer), (Request::Presence, Ok(_))) && self.asks_list;
        let changed = matches!((&request, &answer), (Request::Passwd(..), Ok(_)));
        self.handle(AppEvent::Link(LinkEvent::Answered(request, answer)));
        if changed && self.receiving.take_if(|receive| matches!(receive, Receive::Poll { .. })).is_some() {
            // The server has closed the session.
            self.end_session(LinkError::LoggedOut);
        }
    }

    fn users(&self) -> Vec<User> {
        let user = |user: &&str| User {
            name: name(user),
            online: self.online.get(*user).copied().unwrap_or_default(),
            last_seen: None,
        };
        USERS.iter().map(user).collect()
    }

    fn end_session(&mut self, why: LinkError) {
        (self.has_session, self.asks_list, self.has_list) = (false, false, false);
        self.pending.retain(|event| matches!(event, Event::Message(_)));
        self.handle(AppEvent::Link(LinkEvent::ReceiverFailed(why)));
    }

    fn answer_receiver(&mut self) {
        match self.receiving.take() {
            None => {}
            Some(_) if self.random.chance(8) => self.end_session(LinkError::Away("lost".to_owned())),
            Some(Receive::LogIn) => {
                self.has_session = true;
                let opened =
                    SessionOpened { user: name("ana"), acknowledged: Seq::ZERO, store: "store".into(), device: None };
                self.handle(AppEvent::Link(LinkEvent::LoggedIn(opened)));
            }
            Some(_) => {
                let events = std::mem::take(&mut self.pending);
                for event in &events {
                    let user = |user: &UserName| USERS.into_iter().find(|known| name(known) == *user).unwrap();
                    match event {
                        Event::Offline { user: gone, .. } => _ = self.left.insert(user(gone), self.clock),
                        Event::Online { user: back, .. } => _ = self.left.remove(user(back)),
                        _ => {}
                    }
                }
                self.handle(AppEvent::Link(LinkEvent::Polled(Ok(events))));
            }
        }
    }

    fn type_something(&mut self) {
        if !self.app.wants_line() {
            return;
        }
        let line = match self.random.below(6) {
            _ if self.app.asks_secret() => match self.app.prompt().as_str() {
                "current password: " => OLD,
                _ => NEW,
            },
            0 => "/passwd",
            1 | 2 => {
                self.check_answers();
                self.is_away = self.random.chance(80);
                self.answered.clear();
                self.to_answer.clear();
                if self.is_away { "/away back at five" } else { "/away" }
            }
            3 => "/set quiet off",
            4 => "/reply thanks",
            _ => "@luis: hola",
        };
        self.handle(AppEvent::Entered(line.to_owned()));
        // An app that has ended takes no command.
        self.is_away = self.app.is_away();
    }

    /// Checks that each writer is answered, but for automatic answers.
    fn check_answers(&self) {
        let answered: HashSet<_> = self.answered.iter().cloned().collect();
        assert_eq!(answered, self.to_answer, "seed {}: answered, and to be answered", self.seed);
    }

    /// Checks that the app says about a user what it was told.
    fn check_presence(&self) {
        for user in USERS {
            let said = self.app.is_online(&name(user));
            if !self.has_session {
                assert_eq!(said, None, "seed {}: {user}, without a session", self.seed);
            } else if self.has_list && self.pending.is_empty() {
                assert_eq!(
                    said,
                    Some(self.online.get(user).copied().unwrap_or_default()),
                    "seed {}: {user}",
                    self.seed
                );
            }
        }
    }
}

#[test]
fn presence_is_what_was_told_answers_are_given_once_and_no_password_is_seen() {
    let mut sums = 0;
    let mut changes = 0;
    let mut answers = 0;
    for seed in 0..RUNS {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
        }
        assert_eq!(life.app.end(), None, "seed {seed}: {:?}", life.shown);
        answers += life.answered.len();
        sums += life.shown.iter().filter(|line| line.starts_with("new while you were away: ")).count();
        changes += life.shown.iter().filter(|line| line.starts_with("the password is changed")).count();
    }
    assert!(sums.min(changes).min(answers) > 50, "the lives are too easy: {sums} {changes} {answers}");
}
