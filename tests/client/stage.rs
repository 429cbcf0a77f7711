//! An app on a stage: without files, threads, sockets and screen. A test plays the server, the peers and the clock, and
//! reads what is shown as lines.

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::support::values::{room, seq, target, user};
use wachat::client::app::event::{Context, Effect, Event};
use wachat::client::app::view::View;
use wachat::client::app::{App, Setting};
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::p2p::event::{Action, DirectEvent};
use wachat::client::state::ClientState;
use wachat::client::state::lookup::Lookup;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::row::Row;
use wachat::model::{Message, MessageId, State, Text, Timestamp};
use wachat::protocol::{Accepted, Chat, Code, Codec as _, Event as ServerEvent, HistoryRecord, Ko, SessionOpened};

/// The setting of a person's client in the line mode.
pub const PERSON: Setting = Setting {
    piped: false,
    unattended: false,
    receipts: true,
    direct: true,
    full_screen: false,
    server: String::new(),
    device: None,
};

pub fn chat(name: &str, last: u64, read: u64, count: u64) -> Chat {
    Chat { target: target(name), last: seq(last), read: seq(read), count, erased: 0 }
}

/// A message with this number, and its time in seconds.
pub fn message(number: u64, from: &str, to: &str, text: &str) -> Arc<Message> {
    Arc::new(Message {
        seq: seq(number),
        id: MessageId::new(&format!("m-{number}")).unwrap(),
        from: user(from),
        to: target(to),
        at: Timestamp::from_millis(number * 1_000),
        text: Text::new(text).unwrap(),
    })
}

pub fn record(number: u64, from: &str, to: &str, text: &str) -> HistoryRecord {
    HistoryRecord::Message { message: message(number, from, to, text), state: State::Received }
}

pub fn refused(code: Code) -> Answer {
    Answer::Refused(Ko::new(code, "the reason"))
}

/// Ana's app, and the requests that its threads have.
pub struct Stage {
    pub app: App,
    pub now: Instant,
    pub at: Timestamp,
    pub sending: Option<Request>,
    pub receiving: Option<Receive>,
    /// Actions for the direct connections, oldest first.
    pub actions: Vec<Action>,
    pub lookups: Vec<Lookup>,
    /// The records of the last event, as they are written.
    pub records: String,
    pub last: u64,
    random: u128,
}

impl Stage {
    /// An app before its first event, with this state.
    pub fn with(setting: Setting, state: ClientState) -> Self {
        let now = Instant::now();
        let at = Timestamp::from_millis(1);
        let setting = Setting { server: "example".to_owned(), ..setting };
        let app = App::new(setting, state, Context { now, at, random: 0 });
        let actions = Vec::new();
        let lookups = Vec::new();
        let sending = None;
        let receiving = None;
        let records = String::new();
        Self { app, now, at, sending, receiving, actions, lookups, records, last: 0, random: 0 }
    }

    /// Ana's client, connected, in the lobby, with an empty history.
    pub fn connected(setting: Setting) -> Self {
        let mut stage = Self::with(setting, ClientState::new(user("ana")));
        stage.handle(Event::Started(Ok(())));
        stage.log_in("store", 0);
        stage.answer_all();
        stage.poll(vec![]);
        stage.answer_all();
        stage
    }

    /// A script that reads its lines from a pipe, connected.
    pub fn piped() -> Self {
        let setting = Setting { piped: true, unattended: true, direct: false, ..PERSON };
        let mut stage = Self::with(setting, ClientState::new(user("ana")));
        stage.handle(Event::Started(Ok(())));
        stage
    }

    /// Handles an event, and returns the lines that are shown.
    pub fn handle(&mut self, event: Event) -> Vec<String> {
        self.random += 1;
        let context = Context { now: self.now, at: self.at, random: self.random << 64 };
        let output = self.app.handle(event, context);
        self.records = String::from_utf8(output.records).unwrap();
        for effect in output.effects {
            match effect {
                Effect::Send(request) => assert!(self.sending.replace(request).is_none(), "two requests at once"),
                Effect::Receive(request @ Receive::UsePassword(_)) => self.receiving = Some(request),
                Effect::Receive(request) => assert!(self.receiving.replace(request).is_none(), "two polls at once"),
                Effect::Direct(action) => self.actions.push(action),
                Effect::LookUp(lookup) => self.lookups.push(lookup),
            }
        }
        output.views.iter().map(line).collect()
    }

    pub fn enter(&mut self, line: &str) -> Vec<String> {
        self.handle(Event::Entered(line.to_owned()))
    }

    pub fn type_line(&mut self, line: &str) -> Vec<String> {
        self.handle(Event::Typed(Ok(line.to_owned())))
    }

    /// Lets this time pass.
    pub fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.handle(Event::Tick)
    }

    pub fn direct(&mut self, event: DirectEvent) -> Vec<String> {
        self.handle(Event::Direct(event))
    }

    /// Takes what the direct connections are to do, as lines.
    pub fn take_actions(&mut self) -> Vec<String> {
        let line = |action| match action {
            Action::Connect { peer, .. } => format!("connect {peer}"),
            Action::Answer { number, line } => {
                format!("answer {number}: {}", String::from_utf8(line.line()).unwrap().trim_end())
            }
            Action::Say { number, id, text } => format!("say {number}: {} {text}", id.as_str()),
            Action::Accept { number } => format!("accept {number}"),
            Action::Close { number } => format!("close {number}"),
        };
        self.actions.drain(..).map(line).collect()
    }

    /// The id of a message that the last event has made.
    pub fn made_id(&self) -> MessageId {
        MessageId::new(&format!("{:032x}", self.random << 64)).unwrap()
    }
}

/// The server.
impl Stage {
    pub fn log_in(&mut self, store: &str, acknowledged: u64) -> Vec<String> {
        assert_eq!(self.receiving.take(), Some(Receive::LogIn));
        let opened =
            SessionOpened { user: user("ana"), acknowledged: seq(acknowledged), store: store.into(), device: None };
        self.handle(Event::Link(LinkEvent::LoggedIn(opened)))
    }

    /// Answers the poll with these events.
    pub fn poll(&mut self, events: Vec<ServerEvent>) -> Vec<String> {
        assert!(matches!(self.receiving.take(), Some(Receive::Poll { .. })), "it does not poll");
        self.handle(Event::Link(LinkEvent::Polled(Ok(events))))
    }

    /// A poll brings a message of the next number; returns what is shown.
    pub fn receive(&mut self, from: &str, to: &str, text: &str) -> Vec<String> {
        self.last += 1;
        let event = ServerEvent::Message(message(self.last, from, to, text));
        self.poll(vec![event])
    }

    pub fn disconnect(&mut self) -> Vec<String> {
        self.receiving = None;
        self.handle(Event::Link(LinkEvent::ReceiverFailed(LinkError::Away("lost".to_owned()))))
    }

    /// Answers what the sender has been asked.
    pub fn answer(&mut self, answer: Answer) -> Vec<String> {
        self.answer_with(Ok(answer))
    }

    pub fn answer_with(&mut self, answer: Result<Answer, LinkError>) -> Vec<String> {
        let request = self.sending.take().expect("a request");
        self.handle(Event::Link(LinkEvent::Answered(request, answer)))
    }

    /// The sender finds no server.
    pub fn lose(&mut self) -> Vec<String> {
        self.answer_with(Err(LinkError::Away("lost".to_owned())))
    }

    /// Answers as a server with a lobby does, until nothing is asked.
    pub fn answer_all(&mut self) -> Vec<String> {
        let mut shown = Vec::new();
        while let Some(request) = &self.sending {
            let answer = match request {
                Request::Send(message, _) | Request::Retry(message, _) => {
                    self.last += 1;
                    Answer::Accepted(Accepted { id: message.id.clone(), at: message.at, seq: seq(self.last) })
                }
                Request::Lobby => Answer::Chats(vec![chat("#lobby", 0, 0, 0)]),
                Request::Compare | Request::Chats => Answer::Chats(Vec::new()),
                Request::Presence => Answer::Users(Vec::new()),
                _ => Answer::Done,
            };
            shown.extend(self.answer(answer));
        }
        shown
    }
}

/// Returns what a view says, as one line.
pub fn line(view: &View) -> String {
    match view {
        View::Incoming(m) => format!("{} to {}: {}", m.from, m.to, m.text),
        View::Hidden(m) => format!("hidden, {} to {}: {}", m.from, m.to, m.text),
        View::Tick { state, message: Outgoing { to, text, .. }, others } => {
            let state = state.map_or("queued".to_owned(), |state| state.to_string());
            format!("{state}, to {to}: {text}, others {others}")
        }
        View::Failed { message: Outgoing { to, text, .. }, why } => format!("failed, to {to}: {text} ({why})"),
        View::Direct(m) => format!("directly, {}: {}", m.from, m.text),
        View::DirectTick { held, message } => {
            format!("{}, directly to {}: {}", if *held { "held" } else { "said" }, message.to, message.text)
        }
        View::Row(row) => format!("row, {}", row_line(row)),
        View::Found(target, row) => format!("found in {target}, {}", row_line(row)),
        View::Unread { target, count, more, last } => {
            format!("unread in {target}: {count}{}, the last {}", if *more { " or more" } else { "" }, last.text)
        }
        View::Older(target, rows) => {
            format!("older in {target}: {}", rows.iter().map(row_line).collect::<Vec<_>>().join("; "))
        }
        View::Elsewhere(target, row) => format!("elsewhere, {target}: {}", row_line(row)),
        View::Help { form, help } => format!("help, {form}: {help}"),
        View::Clear => "cleared".to_owned(),
        View::Answer(text) => text.clone(),
        View::Notice(text) => format!("* {text}"),
        View::Problem(text) => format!("! {text}"),
    }
}

pub fn row_line(row: &Row) -> String {
    match row {
        Row::Received(m) => format!("{} from {}: {}", m.seq, m.from, m.text),
        Row::Sent(m, state) => format!("{} sent, {state}: {}", m.seq, m.text),
        Row::Direct(m) => format!("direct from {}: {}", m.from, m.text),
        Row::Failed(m, why) => format!("refused: {} ({why})", m.text),
        Row::Gap(gap) => format!("gap {}-{}", gap.first, gap.last),
    }
}
