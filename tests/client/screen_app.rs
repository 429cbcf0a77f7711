//! An app and the model of its screen, without terminal, threads and files: events and keys go in, rows of cells come
//! out. It does what the full screen does with them (`src/client/screen/mod.rs`), and plays the server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use terminput::{Event as TerminalEvent, KeyCode, KeyEvent, KeyModifiers};
use wachat::client::app::event::{Context, Effect, Event};
use wachat::client::app::{App, Setting};
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request as LinkRequest};
use wachat::client::p2p::event::Action;
use wachat::client::screen::Preferences;
use wachat::client::screen::draw::{Drawn, draw};
use wachat::client::screen::keys::Keys;
use wachat::client::screen::model::{Model, Request};
use wachat::client::screen::theme::Theme;
use wachat::client::state::ClientState;
use wachat::client::state::lookup::Lookup;
use wachat::model::{DeviceName, Message, MessageId, Seq, State, Target, Text, Timestamp};
use wachat::protocol::{Accepted, Chat, Code, Event as ServerEvent, HistoryRecord, SessionOpened};

use crate::client::setting;
pub use crate::support::values::{seq, target, user};

/// A minute of March 2026 as this machine's clock shows it, wherever it is.
pub fn local(day: i8, hour: i8, minute: i8) -> Timestamp {
    let time = jiff::civil::date(2026, 3, day).at(hour, minute, 0, 0);
    let zoned = time.to_zoned(jiff::tz::TimeZone::system()).unwrap();
    Timestamp::from_millis(zoned.timestamp().as_millisecond().try_into().unwrap())
}

/// The app, its screen, and the requests that its threads have.
pub struct ScreenApp {
    pub app: App,
    pub model: Model,
    pub cells: Buffer,
    pub drawn: Drawn,
    pub now: Instant,
    pub at: Timestamp,
    /// The highest number that the server has given.
    pub last: u64,
    /// Requests of the full screen that are not the app's, oldest first.
    pub asked: Vec<Request>,
    /// Commands and messages that the app was given, oldest first.
    pub entered: Vec<String>,
    pub seen: Vec<(Target, Seq)>,
    pub sending: Option<LinkRequest>,
    pub receiving: Option<Receive>,
    pub lookups: Vec<Lookup>,
    /// Actions on direct connections, oldest first.
    pub direct: Vec<Action>,
    /// The server's refusal of a conversation that is looked for; `None`: there are all.
    pub unknown: Option<Code>,
    random: u128,
}

impl ScreenApp {
    /// Ana's client, connected; ana is a member of the lobby.
    pub fn new(theme: Theme) -> Self {
        let mut screen = Self::disconnected(theme);
        screen.handle(Event::Started(Ok(())));
        screen.log_in();
        screen.answer();
        screen.poll(vec![]);
        screen.answer();
        screen
    }

    /// Ana's client before its first event.
    pub fn disconnected(theme: Theme) -> Self {
        let device = DeviceName::new("laptop");
        let setting = Setting { full_screen: true, direct: true, device, ..setting() };
        let now = Instant::now();
        let at = local(2, 14, 35);
        let app = App::new(setting, ClientState::new(user("ana")), Context { now, at, random: 0 });
        let preferences = Preferences { keys: Keys::new("").unwrap(), theme, mouse: true };
        let model = Model::new(preferences, wachat::client::terminal::marks::Marks::SIGNS);
        let cells = Buffer::empty(Rect::new(0, 0, 80, 24));
        let asked = Vec::new();
        let entered = Vec::new();
        let seen = Vec::new();
        let lookups = Vec::new();
        let direct = Vec::new();
        let sending = None;
        let receiving = None;
        let drawn = Drawn::default();
        Self {
            app,
            model,
            cells,
            drawn,
            now,
            at,
            last: 0,
            asked,
            entered,
            seen,
            sending,
            receiving,
            lookups,
            direct,
            unknown: None,
            random: 0,
        }
    }

    /// Handles an event, and those that follow from it.
    pub fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let requests = self.handle_one(event, &mut events);
            self.sort(requests, &mut events);
        }
    }

    fn handle_one(&mut self, event: Event, events: &mut VecDeque<Event>) -> Vec<Request> {
        match &event {
            Event::Entered(text) => self.entered.push(text.clone()),
            Event::Seen(target, upto) => self.seen.push((target.clone(), *upto)),
            _ => {}
        }
        self.random += 1;
        let context = Context { now: self.now, at: self.at, random: self.random };
        let output = self.app.handle(event, context);
        for effect in output.effects {
            match effect {
                // The existence of a user is known at once.
                Effect::Send(request @ LinkRequest::Find(_)) => {
                    let answer = self.unknown.map_or(Answer::Rows(Vec::new()), |code| Answer::Refused(code.into()));
                    events.push_front(Event::Link(LinkEvent::Answered(request, Ok(answer))));
                }
                Effect::Send(request) => assert!(self.sending.replace(request).is_none(), "two requests at once"),
                Effect::Receive(request) => assert!(self.receiving.replace(request).is_none(), "two polls at once"),
                Effect::LookUp(lookup) => self.lookups.push(lookup),
                Effect::Direct(action) => self.direct.push(action),
            }
        }
        self.model.follow(&self.app);
        self.model.take(output.views, &self.app)
    }

    fn sort(&mut self, requests: Vec<Request>, events: &mut VecDeque<Event>) {
        for request in requests {
            match request {
                Request::App(event) => events.push_back(event),
                request => self.asked.push(request),
            }
        }
    }

    fn carry_out(&mut self, requests: Vec<Request>) {
        let mut events = VecDeque::new();
        self.sort(requests, &mut events);
        events.into_iter().for_each(|event| self.handle(event));
    }

    /// Draws the screen, and tells the app what was on it.
    pub fn draw(&mut self, width: u16, height: u16) -> Vec<String> {
        self.cells = Buffer::empty(Rect::new(0, 0, width, height));
        self.drawn = draw(&mut self.model, &self.app, self.now, &mut self.cells);
        let told = self.model.note_drawn(&self.app);
        for event in told {
            self.handle(event);
        }
        rows(&self.cells)
    }
}

/// The terminal.
impl ScreenApp {
    pub fn terminal(&mut self, event: TerminalEvent) {
        let requests = self.model.handle(event, &self.app);
        self.carry_out(requests);
    }

    pub fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.terminal(TerminalEvent::Key(KeyEvent::new(code).modifiers(modifiers)));
    }

    pub fn press(&mut self, code: KeyCode) {
        self.key(code, KeyModifiers::NONE);
    }

    pub fn control(&mut self, c: char) {
        self.key(KeyCode::Char(c), KeyModifiers::CTRL);
    }

    pub fn alt(&mut self, code: KeyCode) {
        self.key(code, KeyModifiers::ALT);
    }

    pub fn type_text(&mut self, text: &str) {
        text.chars().for_each(|c| self.press(KeyCode::Char(c)));
    }

    pub fn enter(&mut self, text: &str) {
        self.type_text(text);
        self.press(KeyCode::Enter);
    }
}

/// The server.
impl ScreenApp {
    pub fn log_in(&mut self) {
        assert_eq!(self.receiving.take(), Some(Receive::LogIn));
        let acknowledged = self.app.state().position();
        let opened = SessionOpened { user: user("ana"), acknowledged, store: "store".into(), device: None };
        self.handle(Event::Link(LinkEvent::LoggedIn(opened)));
    }

    /// Answers the poll with these events.
    pub fn poll(&mut self, events: Vec<ServerEvent>) {
        assert!(matches!(self.receiving.take(), Some(Receive::Poll { .. })), "it does not poll");
        self.handle(Event::Link(LinkEvent::Polled(Ok(events))));
    }

    pub fn disconnect(&mut self) {
        self.receiving = None;
        self.handle(Event::Link(LinkEvent::ReceiverFailed(LinkError::Away("lost".to_owned()))));
    }

    /// Answers what the sender asks, until it asks nothing.
    pub fn answer(&mut self) {
        while let Some(request) = self.sending.take() {
            let answer = self.answer_of(&request);
            self.handle(Event::Link(LinkEvent::Answered(request, Ok(answer))));
        }
    }

    pub fn answer_of(&mut self, request: &LinkRequest) -> Answer {
        match request {
            LinkRequest::Send(message, _) | LinkRequest::Retry(message, _) => {
                self.last += 1;
                Answer::Accepted(Accepted { id: message.id.clone(), at: message.at, seq: seq(self.last) })
            }
            LinkRequest::Compare => Answer::Chats(Vec::new()),
            LinkRequest::Lobby | LinkRequest::Chats => {
                let last = Seq::ZERO;
                let read = Seq::ZERO;
                Answer::Chats(vec![Chat { target: target("#lobby"), last, read, count: 0, erased: 0 }])
            }
            LinkRequest::Fill(gap) => {
                let numbers = gap.first.get()..=gap.last.get();
                let record = |number: u64| HistoryRecord::Message {
                    message: self.message(number, "luis", &gap.target.to_string(), &format!("filled {number}")),
                    state: State::Received,
                };
                Answer::Rows(numbers.map(record).collect())
            }
            LinkRequest::Join(room, _) => Answer::Joined(
                Some(Chat {
                    target: Target::Room(room.clone()),
                    last: Seq::ZERO,
                    read: Seq::ZERO,
                    count: 0,
                    erased: 0,
                }),
                Vec::new(),
            ),
            LinkRequest::History(..) => Answer::Rows(Vec::new()),
            LinkRequest::Users => Answer::Users(Vec::new()),
            LinkRequest::Rooms => Answer::Rooms(Vec::new()),
            _ => Answer::Done,
        }
    }

    /// A message to ana, or to a room.
    pub fn message(&self, number: u64, from: &str, to: &str, text: &str) -> Arc<Message> {
        let to = if to.starts_with('#') { target(to) } else { target("ana") };
        let id = MessageId::new(&format!("m-{number}")).unwrap();
        let from = user(from);
        Arc::new(Message { seq: seq(number), id, from, to, at: self.at, text: Text::new(text).unwrap() })
    }

    pub fn arrive(&mut self, from: &str, to: &str, text: &str) {
        self.last += 1;
        let message = self.message(self.last, from, to, text);
        self.poll(vec![ServerEvent::Message(message)]);
    }

    /// The user's messages to a target, up to the last one, reach a state.
    pub fn reach(&mut self, to: &str, state: State) {
        let upto = seq(self.last);
        self.last += 1;
        let event = ServerEvent::State { seq: seq(self.last), target: target(to), state, upto, at: self.at };
        self.poll(vec![event]);
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// The clock of the server goes on.
    pub fn pass(&mut self, time: Duration) {
        let at: jiff::Timestamp = self.at.to_string().parse().unwrap();
        self.at = Timestamp::from_millis((at + time).as_millisecond().try_into().unwrap());
    }
}

/// A screen whose empty chat with luis is open.
pub fn chat_with_luis() -> ScreenApp {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.enter("/query luis");
    screen.enter("/clear");
    screen
}

/// The whole screen, as lines.
pub fn shown(screen: &mut ScreenApp) -> String {
    screen.draw(78, 24).join("\n")
}

/// Returns the rows of cells as texts, without the blanks at their ends. A wide character is followed by no blank.
pub fn rows(cells: &Buffer) -> Vec<String> {
    let row = |y: u16| {
        let mut text = String::new();
        let mut x = 0;
        while x < cells.area.width {
            let symbol = cells[(x, y)].symbol();
            text.push_str(symbol);
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol)).unwrap().max(1);
        }
        text.trim_end().to_owned()
    };
    (0..cells.area.height).map(row).collect()
}
