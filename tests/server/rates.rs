//! The rate limits beside two buckets as the page describes them (protocol, section 4), by the state machine alone.

use std::time::Duration;

use wachat::limits;
use wachat::model::{MessageId, Seq, Target, Text, UserName};
use wachat::protocol::{After, Code, Reply};
use wachat::state_machine::{
    AccountNumber, Command, ConnectionId, Cost, Effect, Now, Output, Policy, StateMachine, StoredState,
};

use crate::support::random::Random;

/// A bucket whose contents are the time that fills it; below zero it is in debt. `None`: there is no such rate.
struct Bucket {
    rate: Option<u32>,
    nanoseconds: i128,
}

fn nanoseconds(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).expect("a time")
}

impl Bucket {
    fn full(rate: Option<u32>) -> Self {
        Self { rate, nanoseconds: nanoseconds(limits::RATE_BURST) }
    }

    fn pass(&mut self, time: Duration) {
        self.nanoseconds = (self.nanoseconds + nanoseconds(time)).min(nanoseconds(limits::RATE_BURST));
    }

    fn has(&self, amount: usize) -> bool {
        self.rate.is_none_or(|rate| self.nanoseconds * i128::from(rate) >= amount as i128 * 1_000_000_000)
    }

    fn take(&mut self, amount: usize) {
        let Some(rate) = self.rate else { return };
        self.nanoseconds -= amount as i128 * 1_000_000_000 / i128::from(rate);
        self.nanoseconds = self.nanoseconds.max(-nanoseconds(limits::RATE_DEBT));
    }
}

struct Server {
    machine: StateMachine,
    user: AccountNumber,
    elapsed: Duration,
    buckets: [Bucket; 2],
    /// Each session has a connection of its own.
    sessions: u64,
    out: Output,
}

fn ana() -> UserName {
    UserName::new("ana").expect("a name")
}

impl Server {
    /// The rates divide a second: the model is exact.
    fn new(rates: [Option<u32>; 2]) -> Self {
        let policy = Policy { lobby: false, rate: rates[0], rate_bytes: rates[1], ..Policy::default() };
        let mut machine = StateMachine::new(StoredState::new("store".into()), policy);
        let id = MessageId::new("1").expect("an id");
        let text = Text::new("hola").expect("a text");
        for command in [
            Command::Register { name: ana(), password_hash: "x".into() },
            Command::Send { user: ana(), id, to: Target::parse("ana"), text },
        ] {
            machine.handle(ConnectionId(0), command, Now::default(), &mut Output::default()).expect("no defect");
        }
        let user = machine.stored.number(&ana()).expect("a user");
        let elapsed = Duration::from_secs(100);
        Self { machine, user, elapsed, buckets: rates.map(Bucket::full), sessions: 0, out: Output::default() }
    }

    fn now(&self) -> Now {
        Now { elapsed: self.elapsed, ..Now::default() }
    }

    fn pass(&mut self, time: Duration) {
        self.elapsed += time;
        self.buckets.iter_mut().for_each(|bucket| bucket.pass(time));
    }

    fn take(&mut self, cost: Cost) {
        self.buckets[0].take(cost.tokens as usize);
        self.buckets[1].take(cost.bytes);
    }

    /// Time until no bucket is in debt.
    fn debt(&self) -> Duration {
        let debts = self.buckets.iter().map(|bucket| u64::try_from(-bucket.nanoseconds).unwrap_or(0));
        Duration::from_nanos(debts.max().unwrap_or(0))
    }

    fn charge(&mut self, cost: Cost) {
        let has_enough = self.buckets[0].has(cost.tokens as usize) && self.buckets[1].has(cost.bytes);
        let is_charged = self.machine.charge(self.user, cost, self.elapsed);
        assert_eq!(is_charged, has_enough, "{cost:?}");
        if is_charged {
            self.take(cost);
        }
    }

    fn handle(&mut self, connection: u64, command: Command) -> Vec<Effect> {
        let now = self.now();
        self.machine.handle(ConnectionId(connection), command, now, &mut self.out).expect("no defect");
        self.machine.end_batch(now, &mut self.out).expect("no defect");
        std::mem::take(&mut self.out.effects)
    }

    /// A session is refused to a user in debt.
    fn open(&mut self) {
        let next = self.sessions + 1;
        let open = Command::Open { user: ana(), device: None, key: None, order: next, address: [127, 0, 0, 1].into() };
        let in_debt = !self.debt().is_zero();
        let effects = self.handle(next, open);
        let refused =
            effects.iter().any(|effect| matches!(effect, Effect::Reply(_, Reply::Ko(ko)) if ko.code == Code::Rate));
        assert_eq!(refused, in_debt, "{:?} of debt: {effects:?}", self.debt());
        if !refused {
            self.sessions = next;
            self.take(Cost::of_tokens(limits::SESSION_TOKENS));
        }
    }

    /// A poll of a user in debt, for whom a message waits, is held back until the debt is over.
    fn poll(&mut self) {
        let poll = Command::Poll { after: After::Number(Seq::ZERO), wait: Some(0), max: 10 };
        let session = self.sessions;
        let debt = self.debt();
        let mut effects = self.handle(session, poll);
        if !debt.is_zero() {
            assert!(effects.is_empty(), "{debt:?} of debt: {effects:?}");
            assert_eq!(self.machine.next_deadline(), Some(self.elapsed + debt));
            self.pass(debt);
            self.machine.end_batch(self.now(), &mut self.out).expect("no defect");
            effects = std::mem::take(&mut self.out.effects);
        }
        assert!(matches!(&effects[..], [Effect::Events { delivery, .. }] if delivery.count() == 1), "{effects:?}");
    }
}

/// Most costs are small beside what exists, some empty a bucket, and some lead into debt.
fn cost(random: &mut Random, rates: [Option<u32>; 2]) -> Cost {
    let amount = |random: &mut Random, rate: Option<u32>| {
        let second = u64::from(rate.unwrap_or(1_000));
        let below = [1, second / 10 + 1, second, 10 * second, 25 * second][random.below(5) as usize];
        random.below(below) as usize
    };
    let tokens = amount(random, rates[0]);
    let bytes = amount(random, rates[1]);
    Cost { tokens: u32::try_from(tokens).expect("few"), bytes }
}

#[test]
fn requests_sessions_and_polls_of_a_user_are_those_that_both_buckets_allow() {
    let rates = [Some(50), Some(1_000), None];
    let bytes = [Some(125_000), Some(1_000_000), None];
    for (seed, rates) in (0..).zip(rates.into_iter().flat_map(|rate| bytes.map(|bytes| [rate, bytes])).cycle().take(36))
    {
        let mut random = Random::new(seed);
        let mut server = Server::new(rates);
        server.open();
        let mut in_debt = 0;
        for _ in 0..400 {
            let longest = [1, 1_000_000, 3_000_000_000, 30_000_000_000][random.below(4) as usize];
            server.pass(Duration::from_nanos(random.below(longest)));
            in_debt += usize::from(!server.debt().is_zero());
            match random.below(8) {
                0..3 => server.charge(cost(&mut random, rates)),
                3..5 => {
                    let cost = cost(&mut random, rates);
                    server.machine.charge_in_any_case(server.user, cost, server.elapsed);
                    server.take(cost);
                }
                5 | 6 => server.poll(),
                _ => server.open(),
            }
        }
        assert!(in_debt > 0 || rates == [None, None], "seed {seed}: {in_debt} times in debt");
    }
}
