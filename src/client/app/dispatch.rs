//! The dispatcher decides which request the sender carries out next: a question, a message of the outbox, a read
//! number. It knows which conversations are held, and how long an unreachable server is left alone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use super::event::Context;
use crate::client::link::backoff::Backoff;
use crate::client::link::error::LinkError;
use crate::client::link::request::{Answer, Request};
use crate::client::state::ClientState;
use crate::client::state::outgoing::Outgoing;
use crate::limits;
use crate::model::{MessageId, Seq, State, Target};
use crate::protocol::{Chat, Ko};

/// The sender, as the dispatcher sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// No server is tried in this run.
    Off,
    #[default]
    Idle,
    /// The sender has a request.
    Busy,
}

/// The meaning of an answer.
#[derive(Debug)]
pub enum Outcome {
    /// The message is in the history, in this state.
    Accepted(Outgoing, State),
    /// The message is in the history as refused.
    Failed(Outgoing, Ko),
    /// The message is the first of its conversation to be held.
    Held(Outgoing, Ko),
    Answered(Request, Answer),
    /// There was no connection, and why. A question is given back; everything else is tried again.
    Unreachable(String, Option<Request>),
    Stopped(LinkError),
    Nothing,
}

#[derive(Default)]
pub struct Dispatcher {
    mode: Mode,
    retry: Backoff,
    questions: VecDeque<Request>,
    /// Numbers that the server has to be told as read: the highest of each conversation.
    reads: Vec<(Target, Seq)>,
    /// Numbers that an earlier run showed, and may not have told the server.
    doubtful: Vec<(Target, Seq)>,
    /// Conversations that wait after `RATE`, `QUOTA` or `FULL`.
    held: HashMap<Target, Backoff>,
    /// Messages that were sent and refused for now: the server does not have them.
    refused: HashSet<MessageId>,
    /// The reads wait after such a KO, too.
    held_reads: Option<Backoff>,
}

impl Dispatcher {
    /// Ends all sending: the server is not tried in this run.
    pub fn switch_off(&mut self) {
        self.mode = Mode::Off;
    }

    /// Adds a question. `false`: too many wait already.
    pub fn add_question(&mut self, question: Request) -> bool {
        let fits = self.questions.len() < limits::CLIENT_QUESTIONS;
        if fits {
            self.questions.push_back(question);
        }
        fits
    }

    /// Notes that the user has seen everything there up to this number.
    pub fn add_read(&mut self, target: Target, seq: Seq) {
        match self.reads.iter_mut().find(|(known, _)| *known == target) {
            Some((_, upto)) => *upto = seq.max(*upto),
            None => self.reads.push((target, seq)),
        }
    }

    /// Notes what an earlier run showed, to be compared with what the server calls read.
    pub fn add_doubtful(&mut self, reads: impl IntoIterator<Item = (Target, Seq)>) {
        self.doubtful.extend(reads);
    }

    /// Checks that nothing is to be asked or said any more.
    pub fn is_idle(&self) -> bool {
        self.mode != Mode::Busy && self.questions.is_empty() && self.reads.is_empty()
    }

    pub fn is_failing(&self) -> bool {
        self.retry.is_failing()
    }

    pub fn hurry(&mut self) {
        self.retry.hurry();
    }

    /// Returns the next request for the sender, if it has none and there is one. The state may note it: the request waits
    /// until that is durable. `background` returns a request of low priority.
    pub fn next_request(
        &mut self,
        state: &mut ClientState,
        now: Instant,
        background: impl FnOnce() -> Option<Request>,
    ) -> Option<Request> {
        if self.mode != Mode::Idle || self.retry.deadline(now).is_some() {
            return None;
        }
        let request = self.choose(state, now).or_else(background)?;
        self.mode = Mode::Busy;
        Some(request)
    }

    fn choose(&mut self, state: &mut ClientState, now: Instant) -> Option<Request> {
        let may_read = self.held_reads.is_none_or(|hold| hold.deadline(now).is_none());
        let read = self.reads.first().filter(|_| may_read);
        let read = read.map(|(target, seq)| Request::Read(target.clone(), *seq));
        match self.questions.front() {
            // The answer counts as unread what was shown and not told yet.
            Some(Request::Chats) if read.is_some() => return read,
            Some(_) => return self.questions.pop_front(),
            None => {}
        }
        let is_held = |target: &Target| self.held.get(target).is_some_and(|hold| hold.deadline(now).is_some());
        let message = state.outbox().first_free(is_held).map(|message| self.attempt(state, message));
        message.or(read)
    }

    /// Sends a message, or retries one of which an earlier attempt, maybe in an earlier run, has an unknown outcome.
    fn attempt(&self, state: &mut ClientState, message: Outgoing) -> Request {
        match state.note_attempt(&message.id) {
            None => Request::Send(message, state.newest()),
            Some(above) if self.refused.contains(&message.id) => Request::Send(message, above),
            Some(above) => Request::Retry(message, above),
        }
    }

    /// Notes the sender's answer, also in the state.
    pub fn note_answer(
        &mut self,
        state: &mut ClientState,
        request: Request,
        answer: Result<Answer, LinkError>,
        context: &Context,
    ) -> Outcome {
        self.mode = Mode::Idle;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_away() => return self.note_unreachable(request, &error, context),
            Err(error) => return Outcome::Stopped(error),
        };
        self.retry.note_success();
        if let Some(message) = request.message().filter(|message| !state.outbox().contains(&message.id)) {
            // An event has told before the answer that the server has it.
            self.note_accepted(message);
            return Outcome::Nothing;
        }
        match (request, answer) {
            (Request::Send(message, _) | Request::Retry(message, _), Answer::Accepted(accepted)) => {
                self.note_accepted(&message);
                let reached = state.accept(&message.id, accepted.at, accepted.seq);
                Outcome::Accepted(message, reached)
            }
            (Request::Send(message, _) | Request::Retry(message, _), Answer::Refused(ko)) => {
                self.note_refusal(state, message, ko, context)
            }
            (Request::Read(..), Answer::Refused(ko)) if ko.code.is_temporary() => {
                let hold = self.held_reads.get_or_insert_with(|| Backoff::new(limits::MIN_HOLD_DELAY));
                hold.note_failure(context.now, context.jitter());
                Outcome::Nothing
            }
            (Request::Read(target, seq), _) => {
                self.held_reads = None;
                // Another KO changes nothing: the target is gone, or the number is of another store.
                self.reads.retain(|(known, upto)| *known != target || *upto > seq);
                Outcome::Nothing
            }
            (question, answer) => Outcome::Answered(question, answer),
        }
    }

    /// Notes that the server has a message: nothing holds its conversation.
    fn note_accepted(&mut self, message: &Outgoing) {
        self.held.remove(&message.to);
        self.refused.remove(&message.id);
    }

    /// Leaves the server alone for a while. Whether it has a message that was sent is unknown from now on.
    fn note_unreachable(&mut self, request: Request, error: &LinkError, context: &Context) -> Outcome {
        let of_several = matches!(error, LinkError::NoneLeads(_) | LinkError::Redirected(_));
        let note = if of_several { Backoff::note_none_of_several } else { Backoff::note_failure };
        note(&mut self.retry, context.now, context.jitter());
        request.message().map(|message| self.refused.remove(&message.id));
        let repeated = request.message().is_some() || matches!(request, Request::Read(..));
        Outcome::Unreachable(error.to_string(), (!repeated).then_some(request))
    }

    /// Holds a conversation, or lets the message fail. Nothing after a held message is sent there meanwhile.
    fn note_refusal(&mut self, state: &mut ClientState, message: Outgoing, ko: Ko, context: &Context) -> Outcome {
        if !ko.code.is_temporary() {
            self.held.remove(&message.to);
            self.refused.remove(&message.id);
            state.fail(&message.id, &ko);
            return Outcome::Failed(message, ko);
        }
        self.refused.insert(message.id.clone());
        let first = !self.held.contains_key(&message.to);
        let hold = self.held.entry(message.to.clone()).or_insert_with(|| Backoff::new(limits::MIN_HOLD_DELAY));
        hold.note_failure(context.now, context.jitter());
        if first { Outcome::Held(message, ko) } else { Outcome::Nothing }
    }

    /// Adds to the reads what the server does not know of the doubtful ones.
    pub fn compare_reads(&mut self, chats: &[Chat]) {
        for (target, seq) in std::mem::take(&mut self.doubtful) {
            if chats.iter().find(|chat| chat.target == target).is_none_or(|chat| chat.read < seq) {
                self.add_read(target, seq);
            }
        }
    }

    /// Takes the questions out while the server is left alone: an answer is for now, not for later.
    pub fn refuse_questions(&mut self, now: Instant) -> Vec<Request> {
        let refused = self.mode == Mode::Off || self.retry.deadline(now).is_some();
        if refused { self.questions.drain(..).collect() } else { Vec::new() }
    }

    /// Returns the context from which on there may be something to do, if it is after `now`.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.mode != Mode::Idle {
            return None;
        }
        let holds = self.held.values().chain(&self.held_reads).filter_map(|hold| hold.deadline(now)).min();
        self.retry.deadline(now).or(holds)
    }
}
