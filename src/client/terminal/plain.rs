//! The line mode: `wachat connect --plain`. The main thread owns the app and the screen; a thread
//! reads the keyboard, one sends, one receives.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as Events, Sender as Channel, bounded, never, select};

use super::account::{Account, Port};
use super::agenda::Agenda;
use super::app::{App, Setting};
use super::direct::{Direct, House, Porch};
use super::display;
use super::error::{LedgerError, LinkError};
use super::event::AppEvent;
use super::exit::Exit;
use super::home::{self, Home, Use};
use super::keyboard;
use super::options::ConnectArgs;
use super::questions;
use super::receiver::Receiver;
use super::screen::Screen;
use super::sender::Sender;
use super::session::Session;
use super::texts::{Language, Phrase, words};
use super::view::{View, notice};
use crate::disk::{Disk, RealDisk};
use crate::limits;
use crate::model::Email;
use crate::protocol::{Code, SendRequest};

/// Runs the client until the person leaves, or until what was piped in is done.
pub fn run(args: &ConnectArgs) -> ExitCode {
    Language::speak(args.lang);
    start(args)
        .unwrap_or_else(|(exit, why)| {
            eprintln!("wachat: {}", display::safe(&why));
            exit
        })
        .into()
}

/// A failure, in words, and the exit code that goes with it.
pub type Failure = (Exit, String);

fn start(args: &ConnectArgs) -> Result<Exit, Failure> {
    let usage = |error: super::options::OptionsError| (Exit::Usage, error.to_string());
    let piped = args.piped();
    let account = args.account.account(args.register).map_err(usage)?;
    let directory = home::directory(&args.home.directory().map_err(usage)?, &account.user, &account.server_name());
    let home = open_home(&directory, &account, piped).map_err(|error| (Exit::Failed, error.to_string()))?;
    let session = match first_login(&account, piped) {
        Err(LinkError::Away(why)) => Err(why),
        Err(error) => return Err((Exit::Refused, error.to_string())),
        Ok(session) => Ok(session),
    };
    let session = tell_email(args.email.as_ref(), session)?;
    Plain::new(args, account, Arc::new(home), piped).run(session)
}

/// Gives the server the address that comes with `--register`; where it is away, nobody keeps it for later.
fn tell_email(email: Option<&Email>, session: Result<Session, String>) -> Result<Result<Session, String>, Failure> {
    let Some(address) = email else { return Ok(session) };
    let failed = |why: &dyn fmt::Display| (Exit::Failed, Phrase::EmailNotTaken { why: &why }.to_string());
    let mut session = session.map_err(|why| (Exit::Away, why))?;
    let request = SendRequest::Email { address: address.clone() };
    match session.ask(&questions::line(&request)).map_err(|error| failed(&error))? {
        Ok(_) => Ok(Ok(session)),
        Err(ko) => Err(failed(&words::ko(&ko))),
    }
}

/// Another client may be about to end: its files are waited for a little.
pub fn open_home(directory: &Path, account: &Account, piped: bool) -> Result<Home, LedgerError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let (how, patience) = if piped { (Use::Pipe, limits::PIPE_TIMEOUT) } else { (Use::Person, limits::QUIT_TIMEOUT) };
    let start = Instant::now();
    loop {
        match Home::open(&disk, directory, &account.user, how) {
            Err(LedgerError::InUse { .. }) if start.elapsed() < patience => thread::sleep(Duration::from_millis(20)),
            opened => return opened,
        }
    }
}

/// The first login is made before anything is queued: a wrong password leaves no message behind.
pub fn first_login(account: &Account, piped: bool) -> Result<Session, LinkError> {
    match Session::open(account, Port::Send) {
        Err(LinkError::Refused(ko)) if ko.code == Code::Auth && !piped && !account.register => {
            if !asks_to_register(account) {
                return Err(LinkError::Refused(ko));
            }
            // For this once: an account that vanishes later is not made again unasked.
            Session::open(&Account { register: true, ..account.clone() }, Port::Send)
        }
        done => done,
    }
}

fn asks_to_register(account: &Account) -> bool {
    let mut out = io::stdout().lock();
    let question = Phrase::MayRegister { server: &account.server_name(), user: &account.user };
    let mut answer = String::new();
    let asked =
        write!(out, "{question}").and_then(|()| out.flush()).and_then(|()| io::stdin().lock().read_line(&mut answer));
    asked.is_ok() && ["y", Language::current().yes()].contains(&answer.trim().to_lowercase().as_str())
}

/// The main thread's things.
struct Plain {
    account: Account,
    home: Arc<Home>,
    app: App,
    agenda: Arc<Agenda>,
    bell: Events<()>,
    events: Channel<AppEvent>,
    arriving: Events<AppEvent>,
    porch: Option<Porch>,
    screen: Screen,
    piped: bool,
}

impl Plain {
    fn new(args: &ConnectArgs, account: Account, home: Arc<Home>, piped: bool) -> Self {
        let (agenda, bell) = Agenda::new();
        let agenda = Arc::new(agenda);
        let setting = Setting { piped, receipts: !piped && !args.no_receipts, server: account.server_name() };
        let (events, arriving) = bounded(limits::CLIENT_EVENTS);
        let (direct, porch) = match args.direct_ports().filter(|_| !piped) {
            Some(ports) => {
                let (me, tokens) = (account.user.clone(), Arc::default());
                let house = House { me, home: home.clone(), tokens, events: events.clone() };
                (Direct::new(house.clone()), Some(Porch::new(house, ports)))
            }
            None => (Direct::default(), None),
        };
        let app = App::new(setting, home.clone(), agenda.clone(), direct);
        Self { account, home, app, agenda, bell, events, arriving, porch, screen: Screen::new(piped), piped }
    }

    /// `session`: the first connection, or why there is none.
    fn run(mut self, session: Result<Session, String>) -> Result<Exit, Failure> {
        let mut views = self.app.start();
        let away = session.is_err();
        match &session {
            // A pipe does not wait for a server that is away: it queues, and says so.
            Err(why) if self.piped => views.extend(self.app.offline(why)),
            Err(why) => views.extend(self.app.down(why)),
            Ok(_) if self.piped => {}
            Ok(_) => {
                let (server, user) = (&self.account.server_name(), &self.account.user);
                views.push(notice(Phrase::ConnectedAs { server, user }));
                views.extend(self.app.find_lobby());
            }
        }
        self.show(&views)?;
        if !(self.piped && away) {
            self.start_threads(session.ok())?;
        }
        let typed = start_keyboard()?;
        let exit = self.take_events(&typed)?;
        let views = self.app.last_words();
        self.show(&views)?;
        self.home.close();
        Ok(exit)
    }

    fn start_threads(&mut self, session: Option<Session>) -> Result<(), Failure> {
        let (account, home, events) = (self.account.clone(), self.home.clone(), self.events.clone());
        let sender = Sender::new(account.clone(), home.clone(), self.agenda.clone(), events.clone(), session);
        let bell = self.bell.clone();
        spawn("sender", move || sender.run(&bell))?;
        if !self.piped {
            let receiver = Receiver::new(account, home, events, self.porch.take());
            spawn("receiver", move || receiver.run())?;
        }
        Ok(())
    }

    /// The loop: one event at a time, and what it makes a person see.
    fn take_events(&mut self, typed: &Events<AppEvent>) -> Result<Exit, Failure> {
        loop {
            let views = self.app.resume();
            if !views.is_empty() {
                self.show(&views)?;
            }
            if let Some(exit) = self.app.end() {
                return Ok(exit);
            }
            let nothing = never();
            let typed = if self.app.has_room() { typed } else { &nothing };
            // While it leaves, nothing may come: then the clock ends it.
            let pause = if self.app.is_leaving() { Duration::from_millis(10) } else { limits::SEND_IDLE };
            let event = select! {
                recv(self.arriving) -> event => event.ok(),
                recv(typed) -> event => event.ok(),
                default(pause) => None,
            };
            if let Some(event) = event {
                let (was_typed, prompt) = (matches!(event, AppEvent::Typed(_)), self.app.prompt());
                let views = self.app.handle(event);
                // After a line was typed the prompt is due, whatever came of it; and when it is another.
                if was_typed || !views.is_empty() || self.app.prompt() != prompt {
                    self.show(&views)?;
                }
            }
        }
    }

    /// Shows these, and only then calls the messages among them shown.
    fn show(&mut self, views: &[View]) -> Result<(), Failure> {
        let prompt = if self.app.is_leaving() { String::new() } else { self.app.prompt() };
        self.screen
            .show(views, &prompt)
            .map_err(|error| (Exit::Failed, Phrase::NoScreen { error: &error }.to_string()))?;
        let incoming: Vec<_> = views
            .iter()
            .filter_map(|view| match view {
                View::Incoming(message) | View::Hidden(message) => Some(message.clone()),
                _ => None,
            })
            .collect();
        self.app.shown(&incoming).map_err(|error| (Exit::Failed, error.to_string()))
    }
}

fn start_keyboard() -> Result<Events<AppEvent>, Failure> {
    // One line at a time: what was not taken yet is still the pipe's.
    let (lines, typed) = bounded(1);
    spawn("keyboard", move || keyboard::read_lines(io::stdin().lock(), &lines))?;
    Ok(typed)
}

/// Starts a thread that ends with the program.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|error| (Exit::Failed, Phrase::NoThread { error: &error }.to_string()))
}
