//! The app: events in, views out. It decides what a person sees, and touches neither the terminal
//! nor a socket: any user interface can be put on it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::agenda::Agenda;
use super::commands::Command;
use super::direct::Direct;
use super::error::LedgerError;
use super::event::AppEvent;
use super::exit::Exit;
use super::history::Arrival;
use super::home::Home;
use super::outbox::Waiting;
use super::parse;
use super::texts::{Phrase, words};
use super::view::{Tick, View, notice};
use crate::limits;
use crate::model::{Message, MessageId, Seq, Target, Text, UserName};

/// What stays the same while the app runs.
pub struct Setting {
    /// Lines come from a pipe: nobody is there, and what happens is told by the exit code.
    pub piped: bool,
    /// Whether showing a message tells its sender so.
    pub receipts: bool,
    /// What the connection is called, in messages to people.
    pub server: String,
}

/// The state of the app. The main thread owns it.
pub struct App {
    pub(super) setting: Setting,
    pub(super) home: Arc<Home>,
    pub(super) agenda: Arc<Agenda>,
    pub(super) current: Option<Target>,
    pub(super) away: bool,
    /// The server's answer decides which chat the next line goes to.
    pub(super) choosing: bool,
    /// What came meanwhile.
    held: Vec<Arrival>,
    /// Whether it is known if I am in the lobby.
    pub(super) lobby_known: bool,
    pub(super) direct: Direct,
    /// Who has joined a room and was not heard of since: their being online is no news.
    pub(super) joiners: HashSet<UserName>,
    /// Lines that go on with the next one.
    begun: Option<String>,
    /// What waits until the messages before it are settled.
    deferred: Option<Command>,
    /// Messages whose outcome was not told yet, and whether a `STATE` was faster and its ticks are on
    /// the screen already. The outbox may be a step ahead of the news of it.
    pub(super) underway: HashMap<MessageId, bool>,
    /// Questions that were not answered yet.
    pub(super) asked: usize,
    /// Things that a person wanted, and that will not be.
    pub(super) failures: usize,
    leaving: bool,
    pub(super) progress: Instant,
    /// How long to wait without progress for what is on its way.
    pub(super) patience: Duration,
    pub(super) end: Option<Exit>,
}

impl App {
    pub fn new(setting: Setting, home: Arc<Home>, agenda: Arc<Agenda>, direct: Direct) -> Self {
        let patience = if setting.piped { limits::PIPE_TIMEOUT } else { limits::QUIT_TIMEOUT };
        let underway = home.outbox.lock().waiting().map(|message| (message.id.clone(), false)).collect();
        Self {
            setting,
            home,
            agenda,
            current: None,
            away: false,
            choosing: false,
            held: Vec::new(),
            lobby_known: false,
            direct,
            joiners: HashSet::new(),
            begun: None,
            deferred: None,
            underway,
            asked: 0,
            failures: 0,
            leaving: false,
            progress: Instant::now(),
            patience,
            end: None,
        }
    }

    /// What a person is shown before anything happens: what an earlier run received and did not show.
    pub fn start(&mut self) -> Vec<View> {
        let torn = self.home.torn.iter().map(|path| notice(Phrase::TornAside { path: &path.display() }));
        let mut views: Vec<_> = torn.collect();
        let history = self.home.history.lock();
        if self.setting.receipts {
            let shown = |(target, _): &(Target, Seq)| !matches!(target, Target::User(user) if history.is_ignored(user));
            self.agenda.doubt(history.last_received().into_iter().filter(shown));
        }
        let unshown = if self.setting.piped { Vec::new() } else { history.unshown() };
        drop(history);
        views.extend(unshown.into_iter().map(|message| self.incoming(message)));
        if !self.underway.is_empty() && !self.setting.piped {
            views.push(notice(Phrase::LeftFromLastTime { count: &self.underway.len() }));
        }
        views
    }

    /// Takes one event, and says what to show. While a room is being joined what comes is held back: what
    /// was said there before is shown before it.
    pub fn handle(&mut self, event: AppEvent) -> Vec<View> {
        let mut views = self.take(event);
        if !self.choosing || self.held.len() > limits::HELD_EVENTS {
            let held = std::mem::take(&mut self.held);
            views.extend(held.into_iter().flat_map(|arrival| self.arrived(arrival)));
        }
        views
    }

    fn take(&mut self, event: AppEvent) -> Vec<View> {
        match event {
            AppEvent::Typed(Ok(line)) => self.line(&line),
            AppEvent::Typed(Err(why)) => {
                self.begun = None;
                vec![self.problem(why)]
            }
            AppEvent::InputEnded => self.input_ended(),
            AppEvent::Up => self.up(),
            AppEvent::Down(why) => self.down(&why),
            AppEvent::OtherStore => vec![notice(Phrase::OtherStore)],
            AppEvent::Arrived(arrivals) => {
                self.held.extend(arrivals);
                Vec::new()
            }
            AppEvent::Accepted(message, state) => self.accepted(&message, state),
            AppEvent::Failed(message, ko) => self.failed(message, ko),
            AppEvent::Held(message, ko) => {
                vec![notice(Phrase::Waits { target: &message.to, why: &words::ko(&ko) })]
            }
            AppEvent::Answered(answer) => self.answered(answer),
            AppEvent::Direct(event) => self.direct(event),
            AppEvent::Ended(stop) => self.ended(&stop),
        }
    }

    /// A line that ends in one backslash goes on with the next one. Two are two.
    fn line(&mut self, line: &str) -> Vec<View> {
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let goes_on = backslashes % 2 == 1;
        let part = if goes_on { line.strip_suffix('\\').unwrap_or(line) } else { line };
        let mut whole = self.begun.take().map_or(String::new(), |begun| begun + "\n");
        // One that is too long already is refused whatever comes.
        if whole.len() <= limits::TYPED_BYTES {
            whole.push_str(part);
        }
        if goes_on {
            self.begun = Some(whole);
            return Vec::new();
        }
        self.typed(&whole)
    }

    fn input_ended(&mut self) -> Vec<View> {
        let mut views = self.begun.take().map_or(Vec::new(), |begun| self.typed(&begun));
        views.extend(self.leave());
        views
    }

    fn typed(&mut self, line: &str) -> Vec<View> {
        match parse::parse(line) {
            // A script expects to see what its lines before this one have done.
            Ok(command) if self.setting.piped && command.looks_back() => {
                self.deferred = Some(command);
                self.resume()
            }
            Ok(command) => self.obey(command),
            Err(why) => vec![self.problem(why)],
        }
    }

    /// Does what waits for the messages before it, once they are settled or do not move.
    pub fn resume(&mut self) -> Vec<View> {
        if self.moves() && !self.underway.is_empty() {
            return Vec::new();
        }
        self.deferred.take().map_or(Vec::new(), |command| self.obey(command))
    }

    /// Says that something was not done; a pipe's exit code says it too.
    pub(super) fn problem(&mut self, why: impl fmt::Display) -> View {
        self.failures += 1;
        View::Problem(why.to_string())
    }

    /// The files fail: the client cannot keep its promises any longer.
    pub(super) fn files_failed(&mut self, error: &LedgerError) -> Vec<View> {
        self.end = Some(Exit::Failed);
        vec![View::Problem(error.to_string())]
    }

    /// What is typed without a command goes there from now on: by way of the server.
    pub(super) fn choose(&mut self, target: Option<Target>) {
        self.direct.leave_aside();
        self.current = target;
    }

    /// Queues a new message.
    pub(super) fn say(&mut self, to: Target, text: Text) -> Vec<View> {
        match Waiting::new(to, text) {
            Ok(message) => self.queue(message),
            Err(error) => self.files_failed(&error),
        }
    }

    /// Queues a message. When its tick is shown, it is on disk.
    pub(super) fn queue(&mut self, message: Waiting) -> Vec<View> {
        let mut outbox = self.home.outbox.lock();
        if outbox.len() >= limits::OUTBOX_MESSAGES {
            drop(outbox);
            return vec![self.problem(Phrase::OutboxFull)];
        }
        if self.underway.is_empty() {
            self.progress = Instant::now();
        }
        let (id, to, text) = (message.id.clone(), message.to.clone(), message.text.to_string());
        let view = View::Tick { tick: Tick::Queued, to, text, others: 0 };
        let queued = outbox.queue(message);
        drop(outbox);
        self.agenda.ring();
        match queued {
            Ok(()) => {
                self.underway.insert(id, false);
                vec![view]
            }
            Err(error) => self.files_failed(&error),
        }
    }

    /// These were shown: notes it, and tells their senders.
    pub fn shown(&mut self, messages: &[Arc<Message>]) -> Result<(), LedgerError> {
        let mut history = self.home.history.lock();
        history.mark_shown(messages.len())?;
        if self.setting.receipts {
            let seen = messages.iter().filter(|message| !history.is_ignored(&message.from));
            seen.for_each(|message| self.agenda.read(history.place_of(message), message.seq));
        }
        Ok(())
    }

    /// No more will be typed. What is on its way gets a little time.
    pub(super) fn leave(&mut self) -> Vec<View> {
        self.leaving = true;
        self.progress = Instant::now();
        Vec::new()
    }

    /// Whether the next line may be typed. A pipe is read as fast as the server takes it.
    pub fn has_room(&self) -> bool {
        let ahead = self.setting.piped && self.moves() && self.underway.len() >= limits::PIPE_AHEAD;
        !self.leaving && !ahead && !self.choosing && !self.direct.is_calling() && self.deferred.is_none()
    }

    /// Whether the server takes messages. Where it does not, they are queued for another day.
    fn moves(&self) -> bool {
        !self.away && self.progress.elapsed() < self.patience
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// How the program is to end, if it is to end now.
    pub fn end(&self) -> Option<Exit> {
        if self.end.is_some() || !self.leaving {
            return self.end;
        }
        let said = self.direct.underway() == 0;
        let idle = said && self.underway.is_empty() && self.agenda.is_empty() && self.asked == 0;
        let given_up = self.progress.elapsed() >= self.patience || self.away && !self.setting.piped && said;
        (idle || given_up).then(|| self.result())
    }

    /// What the exit code says about what was typed so far.
    pub fn result(&self) -> Exit {
        match (self.setting.piped, self.failures, self.underway.len()) {
            (false, ..) => Exit::Done,
            (true, 1.., _) => Exit::Failed,
            (true, 0, 1..) => Exit::Queued,
            (true, 0, 0) if self.away => Exit::Away,
            (true, 0, 0) => Exit::Done,
        }
    }

    /// What is left for the next start, or may be lost, in words; empty if nothing is.
    pub fn last_words(&self) -> Vec<View> {
        let (waiting, lost) = (self.home.outbox.lock().len(), self.direct.lost());
        let left = (waiting > 0).then(|| notice(Phrase::LeftForNextTime { count: &waiting }));
        let unsure = (lost > 0).then(|| notice(Phrase::DirectLost { count: &lost }));
        left.into_iter().chain(unsure).collect()
    }

    /// What stands before what is typed.
    pub fn prompt(&self) -> String {
        if self.begun.is_some() {
            return "... ".to_owned();
        }
        let target = || self.current.as_ref().map_or("> ".to_owned(), |target| format!("{target}> "));
        self.direct.prompt().unwrap_or_else(target)
    }
}
