//! The app: a deterministic state machine. An event comes in; records, effects and views come out. It touches no
//! file, socket, terminal or clock, so any front end can be put on it, and a test can play any life of it.
//!
//! - `event`: the events, their circumstances, and the effects. `view`: what is shown.
//! - `command`, `commands`, `arguments`, `parse`: from a line to a command. `execute`: the commands;
//!   `find`, `rooms` and `direct` are those that find, concern rooms, and open direct chats.
//! - `events`: what the server reports. `dispatch` and `polling`: the next request of sender and receiver.
//! - `completion`: fetches what the history lacks. `presence`: who is online; `catch_up`: what has come meanwhile.
//! - `account`: the password, the settings. `devices`: the user's devices, and what was done on another one. `reply`: answers, also automatic ones. `confirm`: texts that are asked about.
//! - `rights`: what the owners of rooms set, and how an owner changes it.
//! - `erase`: messages that are taken back, here and by others.
//! - `destination`: where a line without a command goes. `present`: what a front end may ask about the app, such as the
//!   prompt.
//! - `chats`: the direct chats, and the callers that the app admits: each once, within 30 seconds.

mod account;
mod arguments;
mod catch_up;
pub mod chats;
pub mod command;
pub mod commands;
mod completion;
mod confirm;
pub mod destination;
mod devices;
mod direct;
pub mod dispatch;
mod erase;
pub mod event;
mod events;
mod execute;
mod find;
pub mod parse;
mod polling;
mod presence;
pub mod present;
mod reply;
mod rights;
mod rooms;
pub mod view;

use std::fmt;
use std::time::{Duration, Instant};

use crate::client::exit::Exit;
use crate::client::link::receiver::Receive;
use crate::client::link::request::Request;
use crate::client::state::lookup::Lookup;
use crate::client::state::outgoing::Outgoing;
use crate::client::state::{Arrival, ClientState};
use crate::limits;
use crate::model::{DeviceName, Seq, Target, Text, UserName};
use crate::protocol::DeviceState;
use crate::texts::{Phrase, words};
use account::{Change, Question};
use catch_up::CatchUp;
use chats::Chats;
use command::Command;
use completion::Completion;
use confirm::Confirmation;
use destination::Destination;
use devices::Memberships;
use dispatch::Dispatcher;
use event::{Context, Effect, Event, Output};
use polling::Polling;
use presence::Presence;
use reply::Away;
use rights::RoomRights;
use view::{View, answer, notice};

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Lines come from a pipe, and are only sent.
    pub piped: bool,
    /// Lines come from a pipe: no person is present, and the exit code says what happened.
    pub unattended: bool,
    /// Showing a message tells its sender so.
    pub receipts: bool,
    /// Direct chats are taken and opened.
    pub direct: bool,
    /// The messages are shown by conversation, and each counts as seen when the front end says so.
    pub full_screen: bool,
    /// The server's name, in messages to people.
    pub server: String,
    /// The name of this device, if it has one.
    pub device: Option<DeviceName>,
}

/// The keyboard: whether the next line is read, and for what.
enum Input {
    /// The next line is a command or a message.
    Line,
    /// The next line goes on with these.
    Continued(String),
    /// The answer to a join, or about the lobby, decides where the next line goes: none is read before.
    Joining,
    /// The same for the answer to a call.
    Calling,
    /// A message is being taken back: the next `/erase` counts without it, and is read after the answer.
    Erasing,
    /// A pipe's text waits for the answer about the lobby.
    Undirected(Command),
    /// The next line is a password, the answer to this question.
    Secret(Question),
    /// A pipe's command waits until the messages before it are answered.
    Deferred(Command),
    /// No more lines: messages that are on their way get a little time.
    Leaving,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Reachable,
    Away,
}

pub struct App {
    setting: Setting,
    state: ClientState,
    context: Context,
    /// The result of the event that is being handled.
    output: Output,
    server: Server,
    dispatcher: Dispatcher,
    polling: Polling,
    completion: Completion,
    presence: Presence,
    catch_up: CatchUp,
    /// The user was told that there are too many conversations.
    told_unkept: bool,
    password_change: Change,
    input: Input,
    confirmation: Confirmation,
    destination: Destination,
    chats: Chats,
    /// The server knows this client as a device. `None`: it does not, or it is an older server, which has none.
    device_state: Option<DeviceState>,
    memberships: Memberships,
    rights: RoomRights,
    /// Number of lookups in the log that are not answered.
    lookups: usize,
    /// Arrivals that are held back while a room is joined: the messages before them are shown first.
    held: Vec<Arrival>,
    /// The user who last wrote to this one alone.
    last_writer: Option<UserName>,
    away: Option<Away>,
    /// Number of messages that were queued: one event may queue several.
    queued: u128,
    /// Number of commands and messages that failed.
    failures: usize,
    /// The time of the last answer, and how long to wait for the next one.
    progress: Instant,
    timeout: Duration,
    end: Option<Exit>,
}

impl App {
    pub fn new(setting: Setting, state: ClientState, context: Context) -> Self {
        let timeout = if setting.unattended { limits::PIPE_TIMEOUT } else { limits::QUIT_TIMEOUT };
        Self {
            polling: Polling::new(!setting.piped),
            completion: Completion::default(),
            presence: Presence::default(),
            catch_up: CatchUp::begin(),
            told_unkept: false,
            password_change: Change::None,
            setting,
            state,
            context,
            output: Output::default(),
            server: Server::Reachable,
            dispatcher: Dispatcher::default(),
            input: Input::Line,
            confirmation: Confirmation::default(),
            destination: Destination::Undecided,
            chats: Chats::default(),
            device_state: None,
            memberships: Memberships::default(),
            rights: RoomRights::default(),
            lookups: 0,
            held: Vec::new(),
            last_writer: None,
            away: None,
            queued: 0,
            failures: 0,
            progress: context.now,
            timeout,
            end: None,
        }
    }

    pub fn state(&self) -> &ClientState {
        &self.state
    }

    /// Returns the state to what keeps it small and whole: checkpoints, and the hashes of old messages.
    pub fn state_to_maintain(&mut self) -> &mut ClientState {
        &mut self.state
    }

    pub fn handle(&mut self, event: Event, context: Context) -> Output {
        self.context = context;
        match event {
            Event::Started(first) => self.start(first),
            Event::Typed(Ok(line)) => self.handle_line(&line),
            Event::Typed(Err(why)) => {
                self.input = Input::Line;
                self.problem(why);
            }
            Event::Entered(text) => self.handle_whole_line(&text),
            Event::InputEnded => self.handle_input_end(),
            Event::Link(event) => self.handle_link(event),
            Event::Direct(event) => self.handle_direct(event),
            Event::Shown(count) => self.note_shown(count),
            Event::Selected(target) => self.select(target),
            Event::Unselected => self.destination = Destination::Nowhere,
            Event::Seen(target, upto) => self.note_seen(target, upto),
            Event::Scrolled(target, count) => self.look_up(Lookup::Older(target, count)),
            Event::Wanted(gap) => _ = self.ask_server(Request::Fill(gap)),
            Event::LookedUp(lookup, rows) => self.handle_looked_up(lookup, rows),
            Event::Tick => {}
        }
        self.follow_up();
        Output { records: self.state.take_uncommitted(), ..std::mem::take(&mut self.output) }
    }

    /// Does what an event has made possible, whichever it was.
    fn follow_up(&mut self) {
        self.release_arrivals();
        self.sum_up();
        self.show_departures();
        self.resume();
        self.look_up_lobby();
        let now = self.context.now;
        for question in self.dispatcher.refuse_questions(now) {
            self.handle_not_asked(&question, &Phrase::Away.to_string());
        }
        self.release_callers();
        self.close_overdue();
        self.follow_open_room();
        let effects = &mut self.output.effects;
        let leaving = matches!(self.input, Input::Leaving);
        let completion = &mut self.completion;
        let presence = &mut self.presence;
        let rights = &mut self.rights;
        let works = self.polling.works;
        let mut completion = || if works { completion.next_request(now) } else { None };
        let mut rights = || if works { rights.next_request() } else { None };
        let mut background = || completion().or_else(|| presence.next_request()).or_else(&mut rights);
        let background = || if leaving { None } else { background() };
        effects.extend(self.dispatcher.next_request(&mut self.state, now, background).map(Effect::Send));
        if let Some(request) = self.polling.next_request(self.state.position(), now) {
            if request == Receive::LogIn {
                // This login uses the new password: what ends its session is no longer the change.
                self.password_change = Change::None;
                // No event of the new session tells of changes from before it. What is asked for from now on may have one.
                self.memberships = Memberships::default();
                self.rights.forget_asked();
            }
            effects.push(Effect::Receive(request));
        }
    }

    fn start(&mut self, first: Result<(), String>) {
        if self.setting.piped {
            return first.unwrap_or_else(|why| self.switch_off(&why));
        }
        if self.setting.receipts {
            let mut seen = self.state.seen();
            seen.retain(|(target, _)| !self.state.is_hidden(target));
            self.dispatcher.add_doubtful(seen);
        }
        let unshown: Vec<_> = self.state.unshown().cloned().collect();
        if !self.setting.full_screen {
            for message in unshown {
                self.show_message(message);
            }
        }
        if !self.state.outbox().is_empty() {
            self.show(notice(Phrase::LeftFromLastTime { count: &self.state.outbox().len() }));
        }
        match first {
            Err(why) => {
                self.handle_away(&why);
                self.show(answer(Phrase::AwayAtStart));
            }
            Ok(()) => self.show(notice(Phrase::ConnectedAs { server: &self.setting.server, user: self.state.me() })),
        }
    }

    /// A pipe does not wait for a server that is away: everything is queued.
    fn switch_off(&mut self, why: &str) {
        self.timeout = Duration::ZERO;
        self.dispatcher.switch_off();
        self.handle_away(why);
    }

    fn show(&mut self, view: View) {
        self.output.views.push(view);
    }

    /// Reports that a command failed; the exit code of a pipe says it too.
    fn problem(&mut self, why: impl fmt::Display) {
        self.failures += 1;
        self.show(View::Problem(why.to_string()));
    }

    /// Queues a new message.
    fn say(&mut self, to: Target, text: Text) {
        self.queued += 1;
        let random = self.context.random.wrapping_add(self.queued);
        let Some(id) = (Context { random, ..self.context }).message_id() else { return };
        self.queue(Outgoing { id, to, at: self.context.at, text });
    }

    /// Queues a message. When its tick is shown, it is durable.
    fn queue(&mut self, message: Outgoing) {
        if !self.state.outbox().has_room(&message) {
            return self.problem(words::outbox_full());
        }
        if self.state.outbox().is_empty() {
            self.progress = self.context.now;
        }
        self.state.queue(message.clone());
        self.show(View::Tick { state: None, message, others: 0 });
    }

    /// Notes that messages were shown, and that their senders may be told.
    fn note_shown(&mut self, count: usize) {
        let shown: Vec<_> = self.state.unshown().take(count).cloned().collect();
        self.state.mark_shown(shown.len());
        if self.setting.receipts {
            // One of an earlier store has no number in this one.
            let with_number = shown.iter().filter(|message| message.seq > Seq::ZERO);
            for message in with_number.filter(|message| !self.state.is_ignored(&message.from)) {
                self.dispatcher.add_read(self.state.target_of(message), message.seq);
            }
        }
    }

    /// Notes that the messages of a conversation up to a number were on the screen, and that their senders may be told.
    fn note_seen(&mut self, target: Target, upto: Seq) {
        let is_new = self.state.mark_seen(&target, upto);
        if is_new && self.setting.receipts && !self.state.is_hidden(&target) {
            self.dispatcher.add_read(target, upto);
        }
    }

    /// Makes a conversation the current one: with a user to whom a direct chat is open, that chat.
    fn select(&mut self, target: Target) {
        let direct = match &target {
            Target::User(peer) if self.chats.is_open_with(peer) => Some(peer.clone()),
            _ => None,
        };
        self.destination = direct.map_or(Destination::Conversation(target), Destination::Direct);
    }

    /// Checks that the next line may be read. A pipe is read as fast as the server takes it.
    pub fn wants_line(&self) -> bool {
        let ahead = self.setting.unattended && self.is_moving() && self.state.outbox().len() >= limits::PIPE_AHEAD;
        matches!(self.input, Input::Line | Input::Continued(_) | Input::Secret(_)) && !ahead
    }

    /// Checks that the server takes messages. Where it does not, they wait for another run.
    fn is_moving(&self) -> bool {
        self.server == Server::Reachable && !self.has_timed_out()
    }

    fn has_timed_out(&self) -> bool {
        self.context.now.duration_since(self.progress) >= self.timeout
    }

    pub fn is_leaving(&self) -> bool {
        matches!(self.input, Input::Leaving)
    }

    /// Returns the context from which on there is something to do without any other event.
    pub fn deadline(&self) -> Option<Instant> {
        let now = self.context.now;
        let waits = self.is_leaving() || self.setting.piped && !self.has_timed_out();
        let timeout = waits.then(|| self.progress + self.timeout);
        let deadlines = [
            self.dispatcher.deadline(now),
            self.polling.deadline(now),
            self.completion.deadline(now),
            self.chats.deadline(),
            self.departure_deadline(),
            timeout,
        ];
        deadlines.iter().flatten().min().copied()
    }

    /// Returns how the program ends, if it ends now.
    pub fn end(&self) -> Option<Exit> {
        if self.end.is_some() || !self.is_leaving() {
            return self.end;
        }
        let confirmed = self.chats.unconfirmed() == 0;
        let idle = confirmed && self.lookups == 0 && self.state.outbox().is_empty() && self.dispatcher.is_idle();
        let away = self.server == Server::Away && !self.setting.unattended && confirmed;
        (idle || away || self.has_timed_out()).then(|| self.exit())
    }

    /// Returns what the exit code says about the commands so far.
    fn exit(&self) -> Exit {
        match (self.setting.unattended, self.failures, self.state.outbox().len()) {
            (false, ..) => Exit::Done,
            (true, 1.., _) => Exit::Failed,
            (true, 0, 1..) => Exit::Queued,
            (true, 0, 0) if self.server == Server::Away => Exit::Away,
            (true, 0, 0) => Exit::Done,
        }
    }
}
