//! The dispatcher beside a model, through random lives: what the sender is asked next, when it is left alone, and what
//! becomes of each answer. Nothing overtakes within a conversation, no conversation waits for another, and the deadline is
//! the context at which something can be done again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::client::stage::{refused, seq, target, user};
use crate::support::random::Random;
use wachat::client::app::dispatch::{Dispatcher, Outcome};
use wachat::client::app::event::Context;
use wachat::client::link::error::LinkError;
use wachat::client::link::request::{Answer, Request};
use wachat::client::state::ClientState;
use wachat::client::state::outgoing::Outgoing;
use wachat::limits;
use wachat::model::{MessageId, State, Target, Text, Timestamp};
use wachat::protocol::{Accepted, Code};

const LIVES: u64 = 300;
const STEPS: usize = 200;
const TARGETS: [&str; 3] = ["luis", "eva", "#sala"];
const TEMPORARY: [Code; 3] = [Code::Rate, Code::Quota, Code::Full];

/// A delay that doubles. Without luck it is three quarters of its length.
#[derive(Clone, Copy)]
struct Delay {
    next: Duration,
    until: Instant,
}

impl Delay {
    fn begin(before: Option<Self>, first: Duration, now: Instant) -> Self {
        let length = before.map_or(first, |before| before.next);
        Self { next: (length * 2).min(limits::MAX_RETRY_DELAY), until: now + length * 3 / 4 }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until <= now
    }
}

struct Life {
    seed: u64,
    random: Random,
    dispatcher: Dispatcher,
    state: ClientState,
    now: Instant,
    asked: Option<Request>,
    /// The messages that wait, each with the number above which it is once it was tried.
    outbox: Vec<(Outgoing, Option<u64>)>,
    /// Those of which the server has said that it does not have them.
    refused: HashSet<MessageId>,
    newest: u64,
    held: HashMap<Target, Delay>,
    away: Option<Delay>,
    reads: Vec<(Target, u64)>,
    held_reads: Option<Delay>,
    questions: VecDeque<Request>,
    said: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            dispatcher: Dispatcher::default(),
            state: ClientState::new(user("ana")),
            now: Instant::now(),
            asked: None,
            outbox: Vec::new(),
            refused: HashSet::new(),
            newest: 0,
            held: HashMap::new(),
            away: None,
            reads: Vec::new(),
            held_reads: None,
            questions: VecDeque::new(),
            said: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0 | 1 => self.say(),
            2 => self.see(),
            3 => self.question(),
            4 => self.now += Duration::from_millis(self.random.below(700)),
            5 => self.wait_until_due(),
            _ => self.answer(),
        }
        self.ask_next();
        self.check_deadline();
    }

    fn place(&mut self) -> Target {
        target(TARGETS[self.random.below(3) as usize])
    }

    fn say(&mut self) {
        self.said += 1;
        let id = MessageId::new(&format!("m-{}", self.said)).unwrap();
        let to = self.place();
        let message = Outgoing { id, to, at: Timestamp::from_millis(self.said), text: Text::new("text").unwrap() };
        self.state.queue(message.clone());
        self.outbox.push((message, None));
    }

    fn see(&mut self) {
        let place = self.place();
        let number = 1 + self.random.below(50);
        self.dispatcher.add_read(place.clone(), seq(number));
        match self.reads.iter_mut().find(|(known, _)| *known == place) {
            Some((_, upto)) => *upto = number.max(*upto),
            None => self.reads.push((place, number)),
        }
    }

    fn question(&mut self) {
        let question = [Request::Chats, Request::Users, Request::Rooms][self.random.below(3) as usize].clone();
        let fits = self.questions.len() < limits::CLIENT_QUESTIONS;
        assert_eq!(self.dispatcher.add_question(question.clone()), fits);
        if fits {
            self.questions.push_back(question);
        }
    }

    fn wait_until_due(&mut self) {
        self.now = self.dispatcher.deadline(self.now).unwrap_or(self.now);
    }

    fn is_away(&self) -> bool {
        self.away.is_some_and(|away| !away.is_over(self.now))
    }

    /// Questions are asked now or not at all; a message waits for no read, and a read for no background.
    fn expected(&mut self) -> Option<Request> {
        if self.asked.is_some() || self.is_away() {
            return None;
        }
        let may_read = self.held_reads.is_none_or(|hold| hold.is_over(self.now));
        let read = self.reads.first().filter(|_| may_read).map(|(place, n)| Request::Read(place.clone(), seq(*n)));
        match self.questions.front() {
            Some(Request::Chats) if read.is_some() => return read,
            Some(_) => return self.questions.pop_front(),
            None => {}
        }
        let is_free = |place: &Target| self.held.get(place).is_none_or(|hold| hold.is_over(self.now));
        let message = self.outbox.iter_mut().find(|(message, _)| is_free(&message.to));
        let message = message.map(|(message, tried)| match tried {
            None => {
                *tried = Some(self.newest);
                Request::Send(message.clone(), seq(self.newest))
            }
            Some(above) if self.refused.contains(&message.id) => Request::Send(message.clone(), seq(*above)),
            Some(above) => Request::Retry(message.clone(), seq(*above)),
        });
        message.or(read).or(Some(Request::Presence))
    }

    fn ask_next(&mut self) {
        let given_up = if self.is_away() { self.questions.drain(..).collect() } else { Vec::new() };
        assert_eq!(self.dispatcher.refuse_questions(self.now), given_up, "seed {}", self.seed);
        let expected = self.expected();
        let asked = self.dispatcher.next_request(&mut self.state, self.now, || Some(Request::Presence));
        assert_eq!(asked, expected, "seed {}", self.seed);
        self.asked = self.asked.take().or(asked);
        let idle = self.asked.is_none() && self.questions.is_empty() && self.reads.is_empty();
        assert_eq!(self.dispatcher.is_idle(), idle, "seed {}", self.seed);
        assert_eq!(self.dispatcher.is_failing(), self.away.is_some(), "seed {}", self.seed);
    }

    fn check_deadline(&self) {
        let holds = self.held.values().chain(&self.held_reads).map(|hold| hold.until).filter(|at| *at > self.now);
        let away = self.away.filter(|away| !away.is_over(self.now)).map(|away| away.until);
        let expected = if self.asked.is_some() { None } else { away.or(holds.min()) };
        assert_eq!(self.dispatcher.deadline(self.now), expected, "seed {}", self.seed);
    }

    fn answer(&mut self) {
        let Some(request) = self.asked.take() else { return };
        let context = Context { now: self.now, at: Timestamp::from_millis(1), random: 0 };
        if self.random.chance(15) {
            return self.lose(request, &context);
        }
        self.away = None;
        let code = match self.random.below(5) {
            0 => Some(TEMPORARY[self.random.below(3) as usize]),
            1 => Some(Code::NotMember),
            _ => None,
        };
        match (request.message().cloned(), code, &request) {
            (Some(message), None, _) => self.accept(request, message, &context),
            (Some(message), Some(code), _) => self.refuse(request, message, code, &context),
            (None, code, Request::Read(..)) => self.note_read(request, code, &context),
            _ => {
                let outcome = self.note(request.clone(), Ok(Answer::Done), &context);
                assert!(matches!(&outcome, Outcome::Answered(asked, Answer::Done) if *asked == request), "{outcome:?}");
            }
        }
    }

    fn note(&mut self, request: Request, answer: Result<Answer, LinkError>, context: &Context) -> Outcome {
        self.dispatcher.note_answer(&mut self.state, request, answer, context)
    }

    /// A message or a read is tried again; any other request is given back.
    fn lose(&mut self, request: Request, context: &Context) {
        self.away = Some(Delay::begin(self.away, limits::MIN_RETRY_DELAY, self.now));
        request.message().map(|message| self.refused.remove(&message.id));
        let is_repeated = request.message().is_some() || matches!(request, Request::Read(..));
        let outcome = self.note(request.clone(), Err(LinkError::Away("lost".to_owned())), context);
        let Outcome::Unreachable(why, given) = outcome else { panic!("seed {}: {outcome:?}", self.seed) };
        assert_eq!((why.as_str(), given), ("lost", (!is_repeated).then_some(request)), "seed {}", self.seed);
    }

    fn accept(&mut self, request: Request, message: Outgoing, context: &Context) {
        self.newest += 1 + self.random.below(3);
        let accepted = Accepted { id: message.id.clone(), at: message.at, seq: seq(self.newest) };
        let outcome = self.note(request, Ok(Answer::Accepted(accepted)), context);
        let told = matches!(&outcome, Outcome::Accepted(sent, State::Received) if *sent == message);
        assert!(told, "seed {}: {outcome:?}", self.seed);
        self.outbox.retain(|(waiting, _)| waiting.id != message.id);
        self.held.remove(&message.to);
    }

    fn refuse(&mut self, request: Request, message: Outgoing, code: Code, context: &Context) {
        let outcome = self.note(request, Ok(refused(code)), context);
        if code == Code::NotMember {
            assert!(matches!(&outcome, Outcome::Failed(failed, ko) if *failed == message && ko.code == code));
            self.outbox.retain(|(waiting, _)| waiting.id != message.id);
            self.held.remove(&message.to);
            return;
        }
        let before = self.held.get(&message.to).copied();
        let told = match &outcome {
            Outcome::Held(held, ko) => before.is_none() && *held == message && ko.code == code,
            Outcome::Nothing => before.is_some(),
            _ => false,
        };
        assert!(told, "seed {}: {outcome:?}", self.seed);
        self.refused.insert(message.id);
        self.held.insert(message.to, Delay::begin(before, limits::MIN_HOLD_DELAY, self.now));
    }

    fn note_read(&mut self, request: Request, code: Option<Code>, context: &Context) {
        let Request::Read(place, upto) = &request else { unreachable!() };
        let place = place.clone();
        let upto = *upto;
        let outcome = self.note(request, Ok(code.map_or(Answer::Done, refused)), context);
        assert!(matches!(outcome, Outcome::Nothing), "seed {}: {outcome:?}", self.seed);
        if code.is_some_and(|code| TEMPORARY.contains(&code)) {
            self.held_reads = Some(Delay::begin(self.held_reads, limits::MIN_HOLD_DELAY, self.now));
        } else {
            self.held_reads = None;
            self.reads.retain(|(known, number)| *known != place || *number > upto.get());
        }
    }
}

#[test]
fn the_sender_is_asked_for_one_thing_at_a_time_in_the_order_that_matters() {
    let mut sent = 0;
    let mut waits = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
            waits += usize::from(life.held.len() + usize::from(life.is_away()) > 0);
        }
        sent += life.said as usize - life.outbox.len();
        let waiting: Vec<_> = life.state.outbox().iter().collect();
        assert_eq!(waiting, life.outbox.iter().map(|(message, _)| message).collect::<Vec<_>>(), "seed {seed}");
    }
    assert!(sent > 3_000 && waits > 3_000, "the lives are too easy: {sent} {waits}");
}
