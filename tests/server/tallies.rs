//! The counts of the metrics page beside a list of all messages, whatever happens to accounts and rooms (by the state machine
//! alone).

use std::collections::{BTreeMap, BTreeSet};

use wachat::model::{MessageId, Seq, Target, Text, UserName};
use wachat::protocol::{After, Reply};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState};

use crate::support::random::Random;

const USERS: usize = 5;
const ROOMS: [&str; 2] = ["#uno", "#dos"];

struct Server {
    machine: StateMachine,
    /// Accounts by their users; a removed one has none.
    active: BTreeSet<usize>,
    members: [BTreeSet<usize>; ROOMS.len()],
    /// Messages that a user has yet to acknowledge: with `None` direct ones, else those of a room.
    waiting: BTreeMap<usize, Vec<(Seq, Option<usize>)>>,
    received: u64,
    delivered: u64,
    ids: u64,
}

fn name(user: usize) -> UserName {
    UserName::new(&format!("user{user}")).expect("a name")
}

fn policy() -> Policy {
    Policy { lobby: false, ..Policy::default().without_limits() }
}

impl Server {
    fn new() -> Self {
        let machine = StateMachine::new(StoredState::new("store".into()), policy());
        let (active, members, waiting) = Default::default();
        let mut server = Self { machine, active, members, waiting, received: 0, delivered: 0, ids: 0 };
        for user in 0..USERS {
            assert!(server.is_done(user, Command::Register { name: name(user), password_hash: "x".into() }));
            server.active.insert(user);
        }
        server
    }

    fn handle(&mut self, user: usize, command: Command) -> Vec<Effect> {
        let now = Now::default();
        let mut out = Output::default();
        self.machine.handle(ConnectionId(user as u64), command, now, &mut out).expect("no defect");
        self.machine.end_batch(now, &mut out).expect("no defect");
        out.effects
    }

    fn is_done(&mut self, user: usize, command: Command) -> bool {
        !self.handle(user, command).iter().any(|effect| matches!(effect, Effect::Reply(_, Reply::Ko(_))))
    }

    fn send(&mut self, from: usize, to: Result<usize, usize>, random: &mut Random) {
        let target = to.map_or_else(|room| ROOMS[room].to_owned(), |user| name(user).to_string());
        let is_retry = random.chance(10);
        self.ids += u64::from(!is_retry);
        let id = MessageId::new(&format!("{from}-{}", self.ids)).expect("an id");
        let text = Text::new(&"x".repeat(1 + random.below(300) as usize)).expect("a text");
        let before = self.machine.stored.last;
        let to_send = Target::parse(&target);
        let is_done = self.is_done(from, Command::Send { user: name(from), id, to: to_send, text });
        let seq = self.machine.stored.last;
        if !is_done || seq == before {
            return;
        }
        self.received += 1;
        match to {
            Ok(user) => self.waiting.entry(user).or_default().push((seq, None)),
            Err(room) => {
                for member in self.members[room].iter().filter(|member| **member != from) {
                    self.waiting.entry(*member).or_default().push((seq, Some(room)));
                }
            }
        }
    }

    fn acknowledge(&mut self, user: usize, random: &mut Random) {
        let upto = Seq::new(random.below(self.machine.stored.last.get() + 1)).expect("a number");
        self.handle(
            user,
            Command::Open { user: name(user), device: None, key: None, order: 1, address: [127, 0, 0, 1].into() },
        );
        self.handle(user, Command::Poll { after: After::Number(upto), wait: Some(0), max: 3 });
        self.handle(user, Command::Closed);
        let waiting = self.waiting.entry(user).or_default();
        let before = waiting.len();
        waiting.retain(|(seq, _)| *seq > upto);
        self.delivered += (before - waiting.len()) as u64;
    }

    fn leave(&mut self, user: usize, room: usize) {
        if self.is_done(user, Command::Leave { user: name(user), room: Target::parse(ROOMS[room]) }) {
            self.forget(user, room);
        }
    }

    fn forget(&mut self, user: usize, room: usize) {
        self.members[room].remove(&user);
        self.waiting.entry(user).or_default().retain(|(_, of)| *of != Some(room));
    }

    fn remove_account(&mut self, user: usize) {
        assert!(self.is_done(0, Command::Remove { user: name(user) }));
        self.active.remove(&user);
        self.waiting.remove(&user);
        self.members.iter_mut().for_each(|members| _ = members.remove(&user));
    }

    fn step(&mut self, random: &mut Random) {
        let any = |random: &mut Random| {
            *self.active.iter().nth(random.below(self.active.len() as u64) as usize).expect("a user")
        };
        let user = any(random);
        let other = any(random);
        let room = random.below(ROOMS.len() as u64) as usize;
        match random.below(100) {
            // Also to users who are gone, and to rooms of others.
            0..30 => self.send(user, Ok(random.below(USERS as u64) as usize), random),
            30..40 => self.send(user, Ok(other), random),
            40..60 => self.send(user, Err(room), random),
            60..75 => self.acknowledge(user, random),
            75..85 if self.is_done(user, Command::Join { user: name(user), room: Target::parse(ROOMS[room]) }) => {
                self.members[room].insert(user);
            }
            85..92 => self.leave(user, room),
            92..95 if self.is_done(0, Command::RemoveRoom { room: Target::parse(ROOMS[room]) }) => {
                (0..USERS).for_each(|user| self.forget(user, room));
            }
            95 if self.active.len() > 2 => self.remove_account(user),
            _ => {}
        }
    }

    fn check(&mut self, what: &str) {
        let direct = self.waiting.values().flatten().filter(|(_, room)| room.is_none()).count();
        let tally = &self.machine.stored.tally;
        let counts = (tally.waiting.messages, tally.received, tally.delivered);
        assert_eq!(counts, (direct, self.received, self.delivered), "{what}: waiting, received, delivered");
    }

    /// A restart counts anew what waits: it is what was there before.
    fn restart(self, what: &str) -> Self {
        let before = self.machine.stored.tally.waiting;
        let machine = StateMachine::new(self.machine.stored, policy());
        assert_eq!(machine.stored.tally.waiting, before, "{what}: what waits, before and after a restart");
        Self { machine, received: 0, delivered: 0, ..self }
    }
}

#[test]
fn what_waits_and_what_was_delivered_is_counted_whatever_goes() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut server = Server::new();
        for step in 0..250 {
            server.step(&mut random);
            server.check(&format!("seed {seed}, step {step}"));
            if random.chance(5) {
                server = server.restart(&format!("seed {seed}, step {step}"));
            }
        }
    }
}
