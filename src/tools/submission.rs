//! One message on its way: what its sender does until it has come as far as was asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded, select};

use super::args::SendArgs;
use super::lines::{Line as _, SentLine};
use super::{Stop, note, print};
use crate::client::Exit;
use crate::client::link::account::Account;
use crate::client::agenda::{Agenda, Ask};
use crate::client::error::{LinkError, Stop as Ended};
use crate::client::event::{Answer, AppEvent};
use crate::client::home::Home;
use crate::client::outbox::Waiting;
use crate::client::plain::spawn;
use crate::client::sender::Sender;
use crate::client::link::session::Session;
use crate::limits;
use crate::model::{Seq, State, UserName};

/// The message, and how far it has come.
pub(super) struct Submission {
    home: Arc<Home>,
    message: Waiting,
    wanted: State,
    deadline: Instant,
    json: bool,
    /// What is known of it.
    line: SentLine,
    /// Once the server has it: its number.
    seq: Option<Seq>,
    ask_at: Option<Instant>,
    ask_pause: Duration,
}

impl Submission {
    pub fn new(args: &SendArgs, home: Arc<Home>, message: Waiting) -> Self {
        Self {
            line: SentLine::queued(&message),
            home,
            message,
            wanted: args.wait.into(),
            deadline: Instant::now() + Duration::from_secs(args.timeout.min(limits::LONGEST_WAIT.as_secs())),
            json: args.json,
            seq: None,
            ask_at: None,
            ask_pause: limits::MIN_STATUS_DELAY,
        }
    }

    /// Lets the sender work, and watches what becomes of the message.
    pub fn run(mut self, account: Account, session: Session, interrupts: &Receiver<()>) -> Result<Exit, Stop> {
        let (agenda, bell) = Agenda::new();
        let (agenda, (events, arriving)) = (Arc::new(agenda), bounded(limits::CLIENT_EVENTS));
        let sender = Sender::new(account, self.home.clone(), agenda.clone(), events, Some(session));
        spawn("sender", move || sender.run(&bell))?;
        loop {
            self.ask(&agenda);
            let event = select! {
                recv(arriving) -> event => event.ok(),
                recv(interrupts) -> _ => {
                    self.look_up();
                    return self.end(Exit::Interrupted, "interrupted");
                }
                default(self.pause()) => None,
            };
            if let Some(exit) = event.map_or(Ok(None), |event| self.take(event))? {
                return self.end(exit, "");
            }
            if Instant::now() >= self.deadline {
                let exit = if self.seq.is_some() { Exit::Failed } else { Exit::Queued };
                return self.end(exit, "not in time");
            }
        }
    }

    /// One piece of news. How it ends, if that is now known.
    fn take(&mut self, event: AppEvent) -> Result<Option<Exit>, Stop> {
        match event {
            AppEvent::Accepted(message, _) if message.id == self.message.id => Ok(self.accepted()),
            AppEvent::Failed(message, ko) if message.id == self.message.id => Err(ko.into()),
            // A message of an earlier run: that one could only queue it, so this one says what became of it.
            AppEvent::Failed(message, ko) => {
                note(&format!("an earlier message to {} was not sent: {}", message.to, ko.text));
                Ok(None)
            }
            AppEvent::Held(message, ko) => {
                note(&format!("what you wrote to {} waits: {}", message.to, ko.text));
                Ok(None)
            }
            AppEvent::Down(why) => {
                note(&format!("the server is away ({why}); trying again"));
                Ok(None)
            }
            AppEvent::Answered(answer) => self.answered(answer),
            AppEvent::Ended(Ended::Link(error @ LinkError::Refused(_))) => Err(error.into()),
            AppEvent::Ended(stop) => Err(Stop::failed(Exit::Failed, stop)),
            _ => Ok(None),
        }
    }

    /// The server has it, and so has the history.
    fn accepted(&mut self) -> Option<Exit> {
        self.look_up();
        self.now_is(State::Received)
    }

    /// Takes from the history what it knows of the message.
    fn look_up(&mut self) {
        let sent = self.home.history.lock().last_sent(&self.message.to);
        let Some((message, _)) = sent.filter(|(message, _)| message.id == self.message.id) else { return };
        if self.seq.is_none() {
            self.line.state = State::Received.to_string();
        }
        self.line.seq = Some(message.seq.get());
        self.line.at = message.at.to_string();
        self.seq = Some(message.seq);
    }

    fn now_is(&mut self, state: State) -> Option<Exit> {
        self.line.state = state.to_string();
        self.ask_at = Some(Instant::now() + self.ask_pause);
        self.ask_pause = (self.ask_pause * 2).min(limits::MAX_STATUS_DELAY);
        (state >= self.wanted).then_some(Exit::Done)
    }

    /// Asks how far it is, when it is time to.
    fn ask(&mut self, agenda: &Agenda) {
        let due = self.ask_at.is_some_and(|at| Instant::now() >= at);
        if let (true, Some(seq)) = (due, self.seq) {
            self.ask_at = None;
            agenda.ask(Ask::Status(self.message.to.clone(), seq));
        }
    }

    fn answered(&mut self, answer: Answer) -> Result<Option<Exit>, Stop> {
        match answer {
            Answer::Statuses(list) => Ok(self.compare(&list)),
            Answer::Refused(ko) => Err(ko.into()),
            // The server is away: the sender looks for it, and we ask again.
            _ => {
                self.ask_at = Some(Instant::now() + self.ask_pause);
                Ok(None)
            }
        }
    }

    /// It has come as far as with the slowest of those it was for.
    fn compare(&mut self, list: &[(UserName, State)]) -> Option<Exit> {
        match list.iter().map(|(_, state)| *state).min() {
            Some(slowest) => self.now_is(slowest),
            None => {
                note("nobody is waited for there");
                Some(Exit::Done)
            }
        }
    }

    /// How long nothing is to be done, if there is no news.
    fn pause(&self) -> Duration {
        let until = self.ask_at.map_or(self.deadline, |at| at.min(self.deadline));
        until.saturating_duration_since(Instant::now())
    }

    /// Says where the message stands: to whoever looks on, if it did not come as far as wanted.
    fn end(&self, exit: Exit, why: &str) -> Result<Exit, Stop> {
        if exit != Exit::Done {
            let where_it_is = if self.seq.is_some() { "" } else { ", in the outbox; the next send brings it" };
            note(&format!("{why}: {}{where_it_is}", self.line.plain()));
        }
        if self.json {
            print(std::slice::from_ref(&self.line), true)?;
        }
        Ok(exit)
    }
}
