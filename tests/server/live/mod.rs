//! Sessions, their polls and everything that is told to them, by the state machine beside a model: requests in batches,
//! polls that wait, sessions that take over from others, a full disk. Each line that a client reads is compared, and
//! each record.

mod conversations;
mod model;
mod questions;
mod shown;

use std::time::Duration;

use model::Model;
use wachat::model::{Email, MessageId, Proof, Target, Text, Timestamp, Token, UserName};
use wachat::protocol::After;
use wachat::state_machine::{Asked, Command, ConnectionId, LastOfPeer, Now, Output, Policy, StateMachine, StoredState};

use crate::support::random::Random;
use crate::support::values::seq;

/// Users first, then rooms.
const PLACES: [&str; 6] = ["ana", "luis", "eva", "leo", "#aula", "#sala"];
const USERS: usize = 4;
const HISTORIES: u64 = 150;
const BATCHES: usize = 60;

/// The time on the wall, which has nothing to do with that since the start.
fn wall_clock(elapsed: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 - 3 * elapsed)
}

fn name(user: usize) -> UserName {
    UserName::new(PLACES[user]).expect("a name")
}

fn target(place: usize) -> Result<Target, wachat::model::NoSuchTarget> {
    Target::parse(PLACES[place])
}

/// The state machine and the model, asked the same.
struct Play {
    random: Random,
    machine: StateMachine,
    model: Model,
    out: Output,
    connections: u64,
}

impl Play {
    fn new(seed: u64) -> Self {
        // No bucket is filled again: no rate applies.
        let policy = Policy { rate: None, rate_bytes: None, lobby: false, ..Policy::default() };
        let mut machine = StateMachine::new(StoredState::new("store".into()), policy);
        let mut model = Model::default();
        for user in 0..USERS {
            let register = Command::Register { name: name(user), password_hash: "$0".into() };
            machine.handle(ConnectionId(0), register, Now::default(), &mut Output::default()).expect("no defect");
            "$0".clone_into(&mut model.hashes[user]);
        }
        Self { random: Random::new(seed), machine, model, out: Output::default(), connections: 100 }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn now(&self) -> Now {
        Now { at: self.model.at(), elapsed: Duration::from_millis(self.model.now) }
    }

    fn ask(&mut self, connection: u64, command: Command) {
        let now = self.now();
        self.machine.handle(ConnectionId(connection), command, now, &mut self.out).expect("no defect");
    }

    /// Asks for what is answered to the connection at once, after the acknowledgements before it.
    fn request(&mut self, command: Command, expected: impl FnOnce(&mut Model, u64) -> Result<String, &'static str>) {
        self.connections += 1;
        let connection = self.connections;
        if !matches!(command, Command::Send { .. }) {
            self.model.acknowledge();
        }
        let outcome = expected(&mut self.model, connection);
        self.model.answer(connection, outcome);
        self.ask(connection, command);
    }

    /// A session's connection; now and then one that has none any more.
    fn session(&mut self) -> u64 {
        let user = self.below(USERS);
        let open = self.model.sessions[user].as_ref().map(|session| session.connection);
        open.filter(|_| !self.random.chance(5)).unwrap_or_else(|| self.connections - self.random.below(5))
    }

    fn step(&mut self) {
        self.model.now += self.random.below(3) * self.random.below(400);
        let user = self.below(USERS);
        let place = self.below(PLACES.len());
        let room = USERS + self.below(2);
        match self.random.below(73) {
            0..=17 if !self.model.is_removed[user] => self.send(user, place),
            18..=32 => self.poll(),
            33..=39 if !self.model.is_removed[user] => self.open(user),
            40..=42 if !self.model.is_removed[user] => self.read(user, place),
            43..=46 if !self.model.is_removed[user] => {
                self.request(Command::Join { user: name(user), room: target(room) }, |model, _| model.join(user, room))
            }
            47..=48 if !self.model.is_removed[user] => self
                .request(Command::Leave { user: name(user), room: target(room) }, |model, _| model.leave(user, room)),
            49..=51 => self.change_session(),
            52..=54 => self.call(user, place),
            55..=56 => self.request(Command::Announce { text: Text::new("a las 18").expect("a text") }, |model, _| {
                model.announce("a las 18")
            }),
            57..=58 => self.change_account(user),
            59 if self.random.chance(10) => self.remove(user),
            60..=62 => self.ask_for_history(user, place),
            63..=65 => self.ask_for_status(user, place),
            66..=68 if !self.model.is_removed[user] => self.read(user, place),
            69..=72 if !self.model.is_removed[user] => self.permit(user, place),
            _ => {}
        }
    }

    fn change_disk(&mut self) {
        let is_changed = self.random.chance(if self.model.is_full { 30 } else { 4 });
        self.model.is_full ^= is_changed;
        self.machine.disk_full = self.model.is_full;
    }

    fn send(&mut self, from: usize, to: usize) {
        // Some ids come again, with the same text or another one.
        let id = self.random.below(1_000) % 400;
        let text = ["hola", "vale"][self.below(2)];
        let message = MessageId::new(&format!("m-{id}")).expect("an id");
        let words = Text::new(text).expect("a text");
        let command = Command::Send { user: name(from), id: message, to: target(to), text: words };
        self.request(command, |model, _| model.send(from, id, to, text));
    }

    fn poll(&mut self) {
        let connection = self.session();
        let after = match self.random.below(10) {
            0..=5 => None,
            6..=8 => Some(self.model.last.saturating_sub(self.random.below(12))),
            _ => Some(self.random.below(self.model.last + 3)),
        };
        let wait = [None, Some(0), Some(1), Some(3), Some(9)][self.below(5)];
        let max = 1 + self.below(5);
        let is_waiting = self.model.sessions.iter().flatten().any(|session| session.waits_on(connection));
        if is_waiting {
            return;
        }
        self.model.poll(connection, after, wait, max);
        let after = after.map_or(After::AllSent, |number| After::Number(seq(number)));
        self.ask(connection, Command::Poll { after, wait, max });
    }

    fn open(&mut self, user: usize) {
        // A login that took long is older than the session that exists.
        let age = if self.random.chance(15) { self.random.below(30) } else { 0 };
        let order = self.connections + 1 - age;
        let address = [192, 0, 2, user as u8].into();
        let command = Command::Open { user: name(user), device: None, key: None, order, address };
        self.request(command, |model, connection| model.open(connection, user, order));
    }

    fn read(&mut self, user: usize, place: usize) {
        // Mostly one of the last messages there, now and then any number.
        let back = self.below(4);
        let numbers: Vec<_> = self.model.said(user, place).map(|sent| sent.seq).collect();
        let known = numbers.iter().rev().nth(back).filter(|_| self.random.chance(75));
        let upto = known.copied().unwrap_or(self.model.last.saturating_sub(back as u64 * 4));
        let last_of_peer = LastOfPeer::NotLookedUp;
        let command = Command::Read { user: name(user), target: target(place), seq: seq(upto), last_of_peer };
        self.request(command, |model, _| model.read(user, place, upto));
    }

    fn change_session(&mut self) {
        let connection = self.session();
        let way = self.random.below(4);
        self.model.acknowledge();
        match way {
            0 => self.model.close(connection),
            1 => self.model.hang_up(connection),
            _ => self.model.port(connection, (way == 2).then_some(9_000 + connection as u16 % 7)),
        }
        let port = (way == 2).then_some(9_000 + connection as u16 % 7);
        let command = [Command::Closed, Command::HungUp, Command::Port { port, fingerprint: None }];
        self.ask(connection, command[(way as usize).min(2)].clone());
    }

    fn call(&mut self, user: usize, callee: usize) {
        let token = format!("{:032x}", self.connections);
        let proof = Proof { token: Token::parse(&token).expect("a token"), fingerprint: None };
        let command = Command::Peer { user: name(user), callee: target(callee), proof };
        self.request(command, |model, _| model.peer(user, callee, &token));
    }

    fn permit(&mut self, user: usize, caller: usize) {
        if self.random.chance(25) {
            return self.request(Command::Permits { user: name(user) }, |model, _| model.list_permits(user));
        }
        let permitted = self.random.chance(60);
        let command = Command::Permit { user: name(user), caller: target(caller), permitted };
        self.request(command, |model, _| model.permit(user, caller, permitted));
    }

    fn change_account(&mut self, user: usize) {
        let new = format!("${}", self.connections);
        let old = match self.random.below(4) {
            0 => None,
            1 => Some("$wrong".to_owned()),
            2 => Some(self.model.hashes[user].clone()),
            _ => {
                let email = Email::new("a@example.org").expect("an address");
                let command = Command::SetEmail { user: name(user), email };
                return self.request(command, |model, _| model.set_email(user, "a@example.org"));
            }
        };
        let address = [192, 0, 2, user as u8].into();
        let asked = old.as_deref().map(|old| Asked { old_hash: old.into(), address, device: None });
        let command = Command::SetPassword { user: name(user), asked, password_hash: new.as_str().into() };
        self.request(command, |model, connection| model.set_password(connection, user, old.as_deref(), &new));
    }

    /// The router closes the connections of a removed user.
    fn remove(&mut self, user: usize) {
        self.request(Command::Remove { user: name(user) }, |model, _| model.remove(user));
        let session = self.model.sessions[user].as_ref().filter(|_| self.model.is_removed[user]);
        if let Some(connection) = session.map(|session| session.connection) {
            self.model.close(connection);
            self.ask(connection, Command::Closed);
        }
    }

    fn end_batch(&mut self) {
        self.model.end_batch();
        let now = self.now();
        self.machine.end_batch(now, &mut self.out).expect("no defect");
        self.compare();
        self.assert_what_waits();
        let deadline = self.machine.next_deadline().map(|deadline| deadline.as_millis() as u64);
        assert_eq!(deadline, self.model.next_deadline(), "the next end of a wait");
    }

    /// Each connection reads its lines in order; which connection is the first says nothing.
    fn compare(&mut self) {
        let Output { records, effects } = std::mem::take(&mut self.out);
        let records: Vec<_> = records.iter().map(|(last, record)| shown::record(*last, record)).collect();
        assert_eq!(records, std::mem::take(&mut self.model.records), "the records");
        let mut answers: Vec<_> = effects.into_iter().map(|effect| shown::effect(effect, self.model.last)).collect();
        let mut expected = std::mem::take(&mut self.model.answers);
        answers.sort_by_key(|(to, _)| *to);
        expected.sort_by_key(|(to, _)| *to);
        assert_eq!(answers, expected, "the answers");
        assert_eq!(self.machine.stored.last.get(), self.model.last);
    }

    /// At its end a server answers every poll that waits, and lets none wait.
    fn stop(&mut self) {
        (0..USERS).for_each(|user| self.model.answer_poll(user, true));
        self.machine.stop_polls(&mut self.out);
        self.compare();
        self.model.is_stopping = true;
        (0..20).for_each(|_| self.poll());
        self.end_batch();
        assert_eq!(self.machine.next_deadline(), None);
    }
}

#[test]
fn each_line_that_a_session_reads_is_as_the_model_says() {
    for seed in 0..HISTORIES {
        let mut play = Play::new(seed);
        for _ in 0..BATCHES {
            for _ in 0..=play.random.below(6) {
                play.change_disk();
                play.step();
            }
            play.end_batch();
            // Most batches come soon, some when the next wait ends, to the millisecond.
            play.model.now = match (play.random.below(6), play.model.next_deadline()) {
                (0, Some(deadline)) => deadline - 1,
                (1, Some(deadline)) => deadline,
                // Some come much later: a callee is told of a caller again.
                (2, _) if play.random.chance(10) => play.model.now + 2_000_000,
                (_, _) => play.model.now + play.random.below(500),
            };
        }
        play.stop();
    }
}
