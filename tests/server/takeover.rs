//! The order of logins decides which session is the newer one, and what others are told is of that one.

use std::net::IpAddr;
use std::time::Duration;

use wachat::model::{Proof, Target, Timestamp, Token, UserName};
use wachat::protocol::{Code, Reply, request::Page};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState};

use crate::support::random::Random;

#[test]
fn a_login_that_took_long_does_not_take_over_from_a_newer_one() {
    let mut machine = StateMachine::new(StoredState::new("store".into()), Policy::default());
    let ana = UserName::new("ana").unwrap();
    let mut handle = |connection, command| {
        let mut out = Output::default();
        machine.handle(ConnectionId(connection), command, Now::default(), &mut out).unwrap();
        out.effects
    };
    handle(1, Command::Register { name: ana.clone(), password_hash: "x".into() });
    let address = IpAddr::from([127, 0, 0, 1]);
    handle(2, Command::Open { user: ana.clone(), device: None, key: None, order: 2, address });
    let effects = handle(3, Command::Open { user: ana.clone(), device: None, key: None, order: 1, address });
    let [Effect::Reply(ConnectionId(3), Reply::Ko(ko))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(ko.code, Code::Replaced);
    handle(3, Command::Closed);
    let effects = handle(4, Command::Open { user: ana, device: None, key: None, order: 3, address });
    assert!(matches!(&effects[..], [Effect::Close(ConnectionId(2), Code::Replaced), Effect::Reply(..)]));
}

/// The session of a user: its connection, the order of its login, its address, and its port for direct chats.
#[derive(Clone, Copy)]
struct Session {
    connection: u64,
    order: u64,
    address: IpAddr,
    port: Option<u16>,
}

const USERS: [&str; 3] = ["ana", "eva", "luis"];

fn name(user: usize) -> UserName {
    UserName::new(USERS[user]).unwrap()
}

/// The sessions of some users, told by who came last.
struct Sessions {
    machine: StateMachine,
    open: [Option<Session>; USERS.len()],
    /// The time at which the session of a user last began or ended.
    seen: [Option<Timestamp>; USERS.len()],
    at: Timestamp,
    /// Connections and logins so far, and a connection that may have been replaced.
    connections: u64,
    replaced: Vec<u64>,
}

impl Sessions {
    fn new() -> Self {
        let policy = Policy::default().without_limits();
        let machine = StateMachine::new(StoredState::new("store".into()), policy);
        let at = Timestamp::from_millis(1_800_000_000_000);
        let (open, seen, replaced) = Default::default();
        let mut sessions = Self { machine, open, seen, at, connections: 10, replaced };
        (0..USERS.len()).for_each(|user| {
            sessions.handle(0, Command::Register { name: name(user), password_hash: "x".into() });
        });
        for (user, caller) in (0..USERS.len()).map(|user| (user, (user + 1) % USERS.len())) {
            let caller = Target::parse(USERS[caller]);
            sessions.handle(0, Command::Permit { user: name(user), caller, permitted: true });
        }
        sessions
    }

    fn handle(&mut self, connection: u64, command: Command) -> Vec<Effect> {
        let now = Now { at: self.at, ..Now::default() };
        let mut out = Output::default();
        self.machine.handle(ConnectionId(connection), command, now, &mut out).unwrap();
        self.machine.end_batch(now, &mut out).unwrap();
        out.effects
    }

    /// Some logins took long to verify, and are older than they seem.
    fn log_in(&mut self, user: usize, random: &mut Random) {
        self.connections += 1;
        let connection = self.connections;
        let order = connection - random.below(4).min(connection);
        let address = IpAddr::from([127, 0, 0, 1 + random.below(2) as u8]);
        let is_older = self.open[user].is_some_and(|session| session.order > order);
        let effects =
            self.handle(connection, Command::Open { user: name(user), device: None, key: None, order, address });
        let is_refused = effects.iter().any(|effect| matches!(effect, Effect::Reply(_, Reply::Ko(_))));
        assert_eq!(is_refused, is_older, "{effects:?}");
        if is_refused {
            return;
        }
        if let Some(before) = self.open[user].replace(Session { connection, order, address, port: None }) {
            let close = |effect: &Effect| matches!(effect, Effect::Close(ConnectionId(id), Code::Replaced) if *id == before.connection);
            assert!(effects.iter().any(close), "{effects:?}");
            self.replaced.push(before.connection);
        }
        self.seen[user] = Some(self.at);
    }

    fn close(&mut self, user: usize) {
        let Some(session) = self.open[user].take() else { return };
        self.handle(session.connection, Command::Closed);
        self.seen[user] = Some(self.at);
    }

    fn set_port(&mut self, user: usize, port: Option<u16>) {
        let Some(session) = &mut self.open[user] else { return };
        session.port = port;
        let connection = session.connection;
        self.handle(connection, Command::Port { port, fingerprint: None });
    }

    /// A server that starts again has no sessions, and knows when users were last seen.
    fn restart(self) -> Self {
        let machine = StateMachine::new(self.machine.stored, Policy::default().without_limits());
        Self { machine, open: Default::default(), replaced: Vec::new(), ..self }
    }

    fn check(&mut self, what: &str) {
        let page = Page { limit: 10, after: None };
        let effects = self.handle(0, Command::Users { page });
        let [Effect::Reply(_, Reply::Users(users))] = &effects[..] else { panic!("{effects:?}") };
        let told: Vec<_> = users.iter().map(|user| (user.online, user.last_seen)).collect();
        let expected: Vec<_> = (0..USERS.len()).map(|user| (self.open[user].is_some(), self.seen[user])).collect();
        assert_eq!(told, expected, "{what}: online, and last seen");
        for (callee, called) in USERS.into_iter().enumerate() {
            let proof = Proof { token: Token::random().unwrap(), fingerprint: None };
            let caller = (callee + 1) % USERS.len();
            let command = Command::Peer { user: name(caller), callee: Target::parse(called), proof };
            let effects = self.handle(0, command);
            let told = effects.iter().find_map(|effect| match effect {
                Effect::Reply(_, Reply::Peer(peer)) => Some((peer.address, peer.port)),
                _ => None,
            });
            let expected = self.open[callee].and_then(|session| Some((session.address, session.port?)));
            assert_eq!(told, expected, "{what}: where {} takes direct chats", called);
        }
    }
}

#[test]
fn others_are_told_of_the_session_that_came_last() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut sessions = Sessions::new();
        for step in 0..150 {
            sessions.at = sessions.at.later(Duration::from_millis(1 + random.below(5_000)));
            let user = random.below(USERS.len() as u64) as usize;
            match random.below(20) {
                0..8 => sessions.log_in(user, &mut random),
                8..11 => sessions.close(user),
                // The end of a connection that was replaced is nothing new.
                11..13 => {
                    if let Some(connection) = sessions.replaced.pop() {
                        sessions.handle(connection, Command::Closed);
                    }
                }
                13..18 => sessions.set_port(user, random.chance(80).then(|| 9_000 + random.below(100) as u16)),
                18 => sessions = sessions.restart(),
                _ => {}
            }
            sessions.check(&format!("seed {seed}, step {step}"));
        }
    }
}
