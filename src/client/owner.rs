//! The owner: the one thread that owns the app and its log. It hands events to the app, makes the records durable,
//! and then carries out the effects and returns the views. It never blocks on another thread.

use std::ops::RangeInclusive;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};

use super::app::event::{Context, Effect, Event};
use super::app::view::{View, notice};
use super::app::{App, Setting};
use super::exit::{Failure, failed};
use super::link::account::Account;
use super::link::receiver::Receive;
use super::link::request::{LinkEvent, Request};
use super::link::session::Session;
use super::link::{receiver, sender};
use super::p2p::Listener;
use super::p2p::network::Network;
use super::state::files::Files;
use super::state::home::Home;
use super::state::lookup::{Lookup, look_up};
use crate::limits;
use crate::texts::Phrase;
use crate::trace::Trace;

/// The pause in which nothing has to happen: until then only an event wakes the owner.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The end of a front end's wait.
#[expect(clippy::large_enum_variant, reason = "it is never stored")]
pub enum Wake<T> {
    Event(Event),
    Input(T),
    InputEnded,
    /// The time that the front end has set.
    Time,
}

/// The app, its log, and the channels to the threads.
pub struct Owner {
    pub app: App,
    files: Files,
    requests: Sender<Request>,
    polls: Sender<Receive>,
    links: Receiver<LinkEvent>,
    network: Network,
    /// The answers of lookups.
    found: (Sender<Event>, Receiver<Event>),
    trace: Option<Trace>,
}

/// The threads end when their channels do, with the owner: not one after the other, and not before the program.
impl Drop for Owner {
    fn drop(&mut self) {
        // A panic may have left the state between two records.
        if !thread::panicking()
            && let Err(why) = self.files.clean_up(self.app.state_to_maintain())
        {
            log::warn!("texts that were taken back stay in the history for now: {why}");
        }
        self.trace.iter().for_each(Trace::end_connections);
    }
}

impl Owner {
    /// Starts the threads. `session` is a connection on the SEND port that was made already; `ports` are those on
    /// which direct chats may be taken.
    pub fn start(
        home: Home,
        account: &Account,
        setting: Setting,
        session: Option<Session>,
        ports: Option<RangeInclusive<u16>>,
    ) -> Result<Self, Failure> {
        let tls = account.protection.direct().cloned();
        let network = Network::new(account.user.clone(), tls.clone());
        let listener = ports.map(|ports| Listener::new(ports, network.reports.clone(), tls));
        // One request for each thread, a new password for the receiver, and one report from each.
        let (requests, to_send) = bounded(1);
        let (polls, to_poll) = bounded(2);
        let (reports, links) = bounded(2);
        let sender = account.clone();
        let report = reports.clone();
        spawn("sender", move || sender::run(&sender, session, &to_send, &report))?;
        if !setting.piped {
            let account = account.clone();
            spawn("receiver", move || receiver::run(&account, listener, &to_poll, &reports))?;
        }
        let app = App::new(setting, home.state, present()?);
        // Each lookup that the app allows has room for its answer.
        let found = bounded(limits::CLIENT_QUESTIONS);
        let trace = account.trace.clone();
        Ok(Self { app, files: home.files, requests, polls, links, network, found, trace })
    }

    /// Returns the directory of the client's files.
    pub fn directory(&self) -> &Path {
        self.files.directory()
    }

    /// Handles the first event. `first`: the first connection, or the reason why there is none. A torn batch that was set
    /// aside is reported before it.
    pub fn begin(&mut self, first: Result<(), String>) -> Result<Vec<View>, Failure> {
        let mut views = Vec::new();
        if let Some(path) = self.files.torn.take() {
            views.push(notice(Phrase::TornAside { path: &path.display() }));
        }
        views.extend(self.handle(Event::Started(first))?);
        Ok(views)
    }

    /// Notes that views were shown, and calls the messages among them shown. Returns further views.
    pub fn note_shown(&mut self, views: &[View]) -> Result<Vec<View>, Failure> {
        let count = views.iter().filter(|view| matches!(view, View::Incoming(_) | View::Hidden(_))).count();
        if count > 0 { self.handle(Event::Shown(count)) } else { Ok(Vec::new()) }
    }

    /// Handles one event. When this returns its records are durable, and its views may be shown.
    pub fn handle(&mut self, event: Event) -> Result<Vec<View>, Failure> {
        let output = self.app.handle(event, present()?);
        self.files.commit(&output.records)?;
        let state = self.app.state_to_maintain();
        self.files.restore_hashes(state)?;
        self.files.make_checkpoint_when_due(state)?;
        for effect in output.effects {
            // A thread has room for its next request; one that has panicked needs none.
            match effect {
                Effect::Send(request) => _ = self.requests.try_send(request),
                Effect::Receive(request) => _ = self.polls.try_send(request),
                Effect::Direct(action) => self.network.carry_out(action),
                Effect::LookUp(lookup) => self.look_up(lookup)?,
            }
        }
        Ok(output.views)
    }

    /// Looks rows up in the log on a thread of its own: it may be long.
    fn look_up(&mut self, lookup: Lookup) -> Result<(), Failure> {
        let me = self.app.state().me().clone();
        let covered = self.files.covered();
        let found = self.found.0.clone();
        spawn("lookup", move || {
            let rows =
                covered.map_or(Ok(Vec::new()), |(directory, covered)| look_up(&directory, &covered, &me, &lookup));
            // The owner ends without waiting for the answer.
            let _ = found.send(Event::LookedUp(lookup, rows.map_err(|error| error.to_string())));
        })
    }

    /// Waits for the next event. From `input` one is taken only when the app wants a line.
    pub fn wait(&mut self, input: &Receiver<Event>) -> Event {
        let nothing = never();
        let input = if self.app.wants_line() { input } else { &nothing };
        match self.wait_for(input, None) {
            Wake::Event(event) | Wake::Input(event) => event,
            Wake::InputEnded => Event::InputEnded,
            Wake::Time => Event::Tick,
        }
    }

    /// Waits for the next event, for input of the front end, or until a time that it sets.
    pub fn wait_for<T>(&mut self, input: &Receiver<T>, until: Option<Instant>) -> Wake<T> {
        let direct = self.network.arriving.clone();
        let now = Instant::now();
        let due = [self.app.deadline(), until].iter().flatten().min().copied().unwrap_or(now + LONGEST_PAUSE);
        let event = select! {
            recv(input) -> input => return input.map_or(Wake::InputEnded, Wake::Input),
            recv(self.links) -> event => event.map_or(Event::Tick, Event::Link),
            recv(self.found.1) -> event => event.unwrap_or(Event::Tick),
            recv(direct) -> report => report.map_or(Event::Tick, |report| Event::Direct(self.network.note(report))),
            default(due.saturating_duration_since(now)) => match until {
                Some(time) if time == due => return Wake::Time,
                _ => Event::Tick,
            },
        };
        Wake::Event(event)
    }
}

fn present() -> Result<Context, Failure> {
    Context::present().map_err(|_| failed(Phrase::NoRandom))
}

/// Starts a thread that ends with the program.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|error| failed(Phrase::NoThread { error: &error }))
}
