//! `wachat send`: one message, through an outbox as with `connect`, until it has the state that was asked for.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::args::SendArgs;
use super::lines::{Line as _, SentLine, parse_target};
use super::{print, receive_interrupts};
use crate::client::app::dispatch::{Dispatcher, Outcome};
use crate::client::app::event::Context;
use crate::client::exit::{Exit, Failure, failed, note};
use crate::client::link::account::Account;
use crate::client::link::request::{Answer, LinkEvent, Request};
use crate::client::link::sender;
use crate::client::link::server_file::ServerFile;
use crate::client::link::session::Session;
use crate::client::owner::spawn;
use crate::client::state::home::{self, Home, Use};
use crate::client::state::outgoing::Outgoing;
use crate::limits;
use crate::model::{State, Target, Text};
use crate::protocol::Status;
use crate::texts::{Phrase, words};

/// Longest effective `send --timeout`: a day.
const MAX_SEND_TIMEOUT: Duration = Duration::from_secs(86_400);

pub(super) fn send(args: &SendArgs) -> Result<Exit, Failure> {
    let to = parse_target(&args.to)?;
    let account = args.account.account(false)?;
    let text = read_text(&args.text)?;
    let directory = home::directory_of(&args.home.directory()?, &account.user, &account.servers.names());
    let home = Home::open_when_free(&directory, &account.user, Use::Pipe)?;
    account.servers.recall(&ServerFile::new(&directory));
    deliver(args, account, home, to, text)
}

fn deliver(args: &SendArgs, account: Account, mut home: Home, to: Target, text: Text) -> Result<Exit, Failure> {
    // A login that is refused leaves nothing behind.
    let session = match Session::open_noted(&account) {
        Err(error) if error.is_away() => Err(error.to_string()),
        session => Ok(session?),
    };
    // From here on the message is durable, and Ctrl-C reports its state.
    let interrupts = receive_interrupts()?;
    let message = queue(&mut home, to, text)?;
    match session {
        Ok(session) => Submission::new(args, home, message).run(account, session, &interrupts),
        Err(why) => {
            note(&format!("{why}; the message waits in the outbox"));
            if args.json {
                print(&[SentLine::queued(&message)], true)?;
            }
            Ok(Exit::Queued)
        }
    }
}

/// Puts the message into the outbox. When this returns it is durable.
fn queue(home: &mut Home, to: Target, text: Text) -> Result<Outgoing, Failure> {
    let no_random = || failed(Phrase::NoRandom);
    let context = Context::present().map_err(|_| no_random())?;
    let id = context.message_id().ok_or_else(no_random)?;
    let message = Outgoing { id, to, at: context.at, text };
    if !home.state.outbox().has_room(&message) {
        return Err(failed(words::outbox_full()));
    }
    home.state.queue(message.clone());
    home.commit()?;
    Ok(message)
}

/// Returns the text: the argument, or all of standard input without the line feed at its end.
fn read_text(argument: &str) -> Result<Text, Failure> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        // One byte more than any message is enough to know that it is too long.
        let max = limits::TEXT_BYTES as u64 + 2;
        let read = io::stdin().lock().take(max).read_to_string(&mut text);
        read.map_err(|error| failed(format!("cannot read standard input: {error}")))?;
        text.truncate(text.strip_suffix('\n').unwrap_or(&text).len());
    }
    if text.trim().is_empty() {
        return Err((Exit::Usage, Phrase::EmptyMessage.to_string()));
    }
    Text::new(&text).ok_or_else(|| failed(Phrase::NotAText { most: &limits::TEXT_BYTES }))
}

/// A message on its way, and its state.
struct Submission<'a> {
    args: &'a SendArgs,
    home: Home,
    dispatcher: Dispatcher,
    message: Outgoing,
    deadline: Instant,
    line: SentLine,
    next_status: Option<Instant>,
    status_delay: Duration,
    /// Reason why the client cannot go on; empty while it can.
    stopped: String,
}

impl<'a> Submission<'a> {
    fn new(args: &'a SendArgs, home: Home, message: Outgoing) -> Self {
        Self {
            args,
            home,
            dispatcher: Dispatcher::default(),
            line: SentLine::queued(&message),
            message,
            deadline: Instant::now() + Duration::from_secs(args.timeout.min(MAX_SEND_TIMEOUT.as_secs())),
            next_status: None,
            status_delay: limits::MIN_STATUS_DELAY,
            stopped: String::new(),
        }
    }

    /// Sends the outbox, and follows the message.
    fn run(mut self, account: Account, session: Session, interrupts: &Receiver<()>) -> Result<Exit, Failure> {
        let (requests, to_send) = bounded(1);
        let (reports, answers) = bounded(1);
        spawn("sender", move || sender::run(&account, Some(session), &to_send, &reports))?;
        loop {
            self.dispatch(&requests)?;
            let event = select! {
                recv(answers) -> event => event.ok(),
                recv(interrupts) -> _ => return self.end(Exit::Interrupted, "interrupted"),
                default(self.pause()) => None,
            };
            if let Some(exit) = event.map_or(Ok(None), |event| self.handle(event))? {
                return self.end(exit, &self.stopped);
            }
            if Instant::now() >= self.deadline {
                let exit = if self.line.seq.is_some() { Exit::Failed } else { Exit::Queued };
                return self.end(exit, "not in time");
            }
        }
    }

    /// Gives the sender its next request.
    fn dispatch(&mut self, requests: &Sender<Request>) -> Result<(), Failure> {
        let now = Instant::now();
        if let (Some(at), Some(seq)) = (self.next_status, self.line.seq)
            && at <= now
        {
            self.next_status = None;
            self.dispatcher.add_question(Request::Status(self.message.to.clone(), seq));
        }
        if !self.dispatcher.refuse_questions(now).is_empty() {
            self.ask_later();
        }
        if let Some(request) = self.dispatcher.next_request(&mut self.home.state, now, || None) {
            self.home.commit()?;
            // The sender has room for its one request.
            let _ = requests.try_send(request);
        }
        Ok(())
    }

    /// Handles the sender's answer. Returns the exit code, if it is known now.
    fn handle(&mut self, event: LinkEvent) -> Result<Option<Exit>, Failure> {
        let LinkEvent::Answered(request, answer) = event else { return Ok(None) };
        let context = Context::present().map_err(failed)?;
        let was_failing = self.dispatcher.is_failing();
        let outcome = self.dispatcher.note_answer(&mut self.home.state, request, answer, &context);
        self.home.commit()?;
        let message = &self.message;
        match outcome {
            Outcome::Accepted(accepted, _) if accepted.id == message.id => return Ok(self.note_accepted()),
            Outcome::Failed(failed, ko) if failed.id == message.id => return Err(ko.into()),
            // A message of an earlier run: that one could only queue it.
            Outcome::Failed(failed, ko) => {
                note(&format!("an earlier message to {} was not sent: {}", failed.to, ko.text));
            }
            Outcome::Held(held, ko) => note(&format!("what you wrote to {} waits: {}", held.to, ko.text)),
            Outcome::Unreachable(why, question) => {
                if !was_failing {
                    note(&format!("the server is away ({why}); trying again"));
                }
                if question.is_some() {
                    self.ask_later();
                }
            }
            Outcome::Answered(_, Answer::Statuses(list)) => return Ok(self.compare(&list)),
            Outcome::Answered(_, Answer::Refused(ko)) => return Err(ko.into()),
            // A last line is no reply: whether the server has the message is unknown, and the next send asks with its id.
            Outcome::Stopped(error) if self.line.seq.is_none() => {
                self.stopped = error.to_string();
                return Ok(Some(Exit::Queued));
            }
            Outcome::Stopped(error) => return Err(error.into()),
            Outcome::Accepted(..) | Outcome::Answered(..) | Outcome::Nothing => {}
        }
        Ok(None)
    }

    /// The server has the message, and so has the log.
    fn note_accepted(&mut self) -> Option<Exit> {
        let sent = self.home.state.last_sent(&self.message.to);
        let (message, _) = sent.filter(|(message, _)| message.id == self.message.id)?;
        (self.line.seq, self.line.at) = (Some(message.seq), message.at);
        self.note_state(State::Received)
    }

    fn note_state(&mut self, state: State) -> Option<Exit> {
        self.line.state = state.to_string();
        self.ask_later();
        self.status_delay = (self.status_delay * 2).min(limits::MAX_STATUS_DELAY);
        (state >= self.args.wait).then_some(Exit::Done)
    }

    fn ask_later(&mut self) {
        self.next_status = Some(Instant::now() + self.status_delay);
    }

    /// Takes the state of the slowest recipient for that of the message.
    fn compare(&mut self, list: &[Status]) -> Option<Exit> {
        match list.iter().map(|status| status.state).min() {
            Some(slowest) => self.note_state(slowest),
            None => {
                note("there is no recipient");
                Some(Exit::Done)
            }
        }
    }

    /// Returns the time until there is something to do without an answer.
    fn pause(&self) -> Duration {
        let now = Instant::now();
        let retry = self.dispatcher.deadline(now);
        let next = [self.next_status, retry, Some(self.deadline)].into_iter().flatten().min();
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    /// Reports the message's state: on standard error, if it is not the wanted one.
    fn end(&self, exit: Exit, why: &str) -> Result<Exit, Failure> {
        if exit != Exit::Done {
            let place = if self.line.seq.is_some() { "" } else { ", in the outbox; the next send brings it" };
            note(&format!("{why}: {}{place}", self.line.plain()));
        }
        if self.args.json {
            print(std::slice::from_ref(&self.line), true)?;
        }
        Ok(exit)
    }
}
