//! The client of ana, with the screen, and a server that answers when the story says so. Nothing here depends on the
//! clock, the time zone or chance, so every run draws the same.

use std::time::{Duration, Instant};

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use terminput::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use wachat::client::app::event::{Context, Effect, Event};
use wachat::client::app::{App, Setting};
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::screen::Preferences;
use wachat::client::screen::draw::{self, Drawn};
use wachat::client::screen::keys::Keys;
use wachat::client::screen::model::{self, Model};
use wachat::client::screen::theme::Theme;
use wachat::client::state::ClientState;
use wachat::model::{Seq, Target, Timestamp, UserName};
use wachat::protocol::{Accepted, Chat, Event as Arrival, SessionOpened, User};

/// Columns and rows of the screen.
pub const SIZE: (u16, u16) = (92, 20);

const SERVER: &str = "192.168.1.7:1666";

pub struct Client {
    app: App,
    model: Model,
    begin: Instant,
    /// The time since the beginning, and the time of day of what is written now.
    pub elapsed: Duration,
    pub at: Timestamp,
    moments: u128,
    /// The message that the sender has sent, and the request of the receiver, if they wait for the server.
    sending: Option<Request>,
    is_polling: bool,
    is_server_up: bool,
    last: u64,
}

impl Client {
    pub fn new(theme: Theme) -> Self {
        let begin = Instant::now();
        let at = Timestamp::default();
        let setting = Setting {
            piped: false,
            unattended: false,
            receipts: true,
            direct: false,
            full_screen: true,
            server: SERVER.to_owned(),
            device: None,
        };
        let app = App::new(setting, ClientState::new(user("ana")), Context { now: begin, at, random: 0 });
        Self {
            app,
            model: Model::new(
                Preferences { keys: Keys::new("").expect("the default keys"), theme, mouse: true },
                wachat::client::terminal::marks::Marks::SIGNS,
            ),
            begin,
            elapsed: Duration::ZERO,
            at,
            moments: 0,
            sending: None,
            is_polling: false,
            is_server_up: true,
            last: 0,
        }
    }

    /// Returns the number of the next message.
    pub fn next_seq(&mut self) -> Seq {
        self.last += 1;
        Seq::new(self.last).expect("a small number")
    }

    pub fn now(&self) -> Instant {
        self.begin + self.elapsed
    }

    pub fn handle(&mut self, event: Event) {
        self.moments += 1;
        // The low bits are the jitter of delays: none.
        let context = Context { now: self.now(), at: self.at, random: self.moments << 16 };
        let output = self.app.handle(event, context);
        self.model.follow(&self.app);
        let requests = self.model.take(output.views, &self.app);
        for effect in output.effects {
            self.carry_out(effect);
        }
        self.carry_out_requests(requests);
    }

    fn carry_out_requests(&mut self, requests: Vec<model::Request>) {
        for request in requests {
            if let model::Request::App(event) = request {
                self.handle(event);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send(request) => self.answer(request),
            Effect::Receive(_) if !self.is_server_up => self.report(LinkEvent::ReceiverFailed(refused())),
            Effect::Receive(Receive::LogIn) => {
                let opened =
                    SessionOpened { user: user("ana"), acknowledged: Seq::ZERO, store: "store".into(), device: None };
                self.report(LinkEvent::LoggedIn(opened));
            }
            Effect::Receive(Receive::Poll { wait: 0, .. }) => self.report(LinkEvent::Polled(Ok(Vec::new()))),
            Effect::Receive(Receive::Poll { .. }) => self.is_polling = true,
            Effect::Receive(Receive::UsePassword(_)) => {}
            Effect::Direct(_) | Effect::LookUp(_) => {}
        }
    }

    /// The server answers questions at once. A message waits for [`Self::accept`].
    fn answer(&mut self, request: Request) {
        let answer = match &request {
            _ if !self.is_server_up => Err(refused()),
            Request::Send(..) | Request::Retry(..) => {
                self.sending = Some(request);
                return;
            }
            Request::Lobby => Ok(Answer::Chats(vec![chat("#lobby")])),
            Request::Compare => Ok(Answer::Chats(Vec::new())),
            Request::Presence => Ok(Answer::Users(vec![User { name: user("luis"), online: true, last_seen: None }])),
            _ => Ok(Answer::Done),
        };
        self.report(LinkEvent::Answered(request, answer));
    }

    fn report(&mut self, event: LinkEvent) {
        self.handle(Event::Link(event));
    }

    /// The server has stored the message that was sent. Returns its number.
    pub fn accept(&mut self) -> Seq {
        let request = self.sending.take().expect("a message was sent");
        let id = request.message().expect("a message").id.clone();
        let seq = self.next_seq();
        self.report(LinkEvent::Answered(request, Ok(Answer::Accepted(Accepted { id, at: self.at, seq }))));
        seq
    }

    /// Answers the poll that waits.
    pub fn receive(&mut self, events: Vec<Arrival>) {
        assert!(std::mem::take(&mut self.is_polling), "the receiver polls");
        self.report(LinkEvent::Polled(Ok(events)));
    }

    /// The server is killed.
    pub fn lose_server(&mut self) {
        self.is_server_up = false;
        self.is_polling = false;
        self.report(LinkEvent::ReceiverFailed(refused()));
    }

    /// It is started again.
    pub fn find_server(&mut self) {
        self.is_server_up = true;
    }

    pub fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.input(Input::Key(KeyEvent::new(code).modifiers(modifiers)));
    }

    /// The window comes to the foreground, or goes to the background.
    pub fn focus(&mut self, is_focused: bool) {
        self.input(if is_focused { Input::FocusGained } else { Input::FocusLost });
    }

    fn input(&mut self, input: Input) {
        let requests = self.model.handle(input, &self.app);
        self.carry_out_requests(requests);
    }

    /// Draws the screen. What is on it was seen: then the counts of unread messages are others, and it is drawn again.
    pub fn draw(&mut self) -> (Buffer, Drawn) {
        let drawn = self.draw_once();
        let told = self.model.note_drawn(&self.app);
        if told.is_empty() {
            return drawn;
        }
        for event in told {
            self.handle(event);
        }
        self.draw_once()
    }

    fn draw_once(&mut self) -> (Buffer, Drawn) {
        let mut cells = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
        let now = self.now();
        let drawn = draw::draw(&mut self.model, &self.app, now, &mut cells);
        (cells, drawn)
    }
}

fn refused() -> LinkError {
    LinkError::Away("connection refused".to_owned())
}

fn chat(name: &str) -> Chat {
    Chat { target: target(name), last: Seq::ZERO, read: Seq::ZERO, count: 0, erased: 0 }
}

pub fn user(name: &str) -> UserName {
    UserName::new(name).expect("a name")
}

pub fn target(name: &str) -> Target {
    Target::parse(name).expect("a name")
}
