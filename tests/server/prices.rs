//! The tokens that polls and sessions take (protocol, section 4), by the state machine alone, to the token.

use std::time::Duration;

use wachat::model::{MessageId, Target, Text, UserName};
use wachat::protocol::request::RequestedTarget;
use wachat::protocol::{After, Code, Reply};
use wachat::state_machine::{Command, ConnectionId, Cost, Effect, Now, Output, Policy, StateMachine, StoredState};

/// Tokens in a full bucket.
const FULL: usize = 20_000;

/// A day, in which every bucket fills, passes before each measurement; no time passes within one.
struct Server {
    machine: StateMachine,
    days: u32,
    out: Output,
}

fn name(user: usize) -> UserName {
    UserName::new(&format!("user{user}")).expect("a name")
}

fn connection(user: usize) -> ConnectionId {
    ConnectionId(user as u64)
}

impl Server {
    fn with_users(count: usize) -> Self {
        let policy = Policy { lobby: false, rooms_per_creator: usize::MAX, ..Policy::default() };
        let machine = StateMachine::new(StoredState::new("store".into()), policy);
        let mut server = Self { machine, days: 0, out: Output::default() };
        for user in 0..count {
            server.handle(user, Command::Register { name: name(user), password_hash: "x".into() });
        }
        server
    }

    fn now(&self) -> Now {
        Now { elapsed: self.days * Duration::from_secs(86_400), ..Now::default() }
    }

    fn handle(&mut self, user: usize, command: Command) -> Option<Effect> {
        let now = self.now();
        self.machine.handle(connection(user), command, now, &mut self.out).expect("no defect");
        self.machine.end_batch(now, &mut self.out).expect("no defect");
        self.out.effects.pop()
    }

    fn open(&mut self, user: usize) -> Option<Effect> {
        self.handle(
            user,
            Command::Open { user: name(user), device: None, key: None, order: 1, address: [127, 0, 0, 1].into() },
        )
    }

    fn poll(&mut self, user: usize, max: usize) {
        self.handle(user, Command::Poll { after: After::Number(Default::default()), wait: Some(0), max });
    }

    fn join(&mut self, user: usize, room: usize) {
        self.handle(user, Command::Join { user: name(user), room: target(&format!("#r{room}")) });
    }

    fn send(&mut self, from: usize, to: &str) {
        let id = MessageId::new(&self.machine.stored.last.to_string()).expect("an id");
        let command = Command::Send { user: name(from), id, to: target(to), text: Text::new("hola").expect("a text") };
        self.handle(from, command);
    }

    /// Returns the tokens that some work takes from a user beside those of the requests, which the router charges.
    fn taken(&mut self, user: usize, work: impl FnOnce(&mut Self)) -> usize {
        self.days += 1;
        work(self);
        let user = self.machine.stored.number(&name(user)).expect("a user");
        let one = Cost { tokens: 1, bytes: 0 };
        let elapsed = self.now().elapsed;
        FULL - (0..=FULL).take_while(|_| self.machine.charge(user, one, elapsed)).count()
    }
}

fn target(name: &str) -> RequestedTarget {
    Target::parse(name)
}

#[test]
fn events_and_rooms_of_a_poll_take_tokens() {
    let mut server = Server::with_users(2);
    server.open(0);
    assert_eq!(server.taken(0, |server| server.poll(0, 1_000)), 0, "no events");
    (0..60).for_each(|_| server.send(1, "user0"));
    for (max, tokens) in [(1, 0), (24, 0), (25, 1), (49, 1), (50, 2), (1_000, 2)] {
        assert_eq!(server.taken(0, |server| server.poll(0, max)), tokens, "{max} events");
    }
    for (rooms, tokens) in [(99, 0), (100, 1), (250, 2), (1_000, 10)] {
        (0..rooms).for_each(|room| server.join(0, room));
        assert_eq!(server.taken(0, |server| server.poll(0, 1)), tokens, "{rooms} rooms");
    }
    let all = After::Number(server.machine.stored.last);
    let nothing = Command::Poll { after: all, wait: Some(0), max: 1_000 };
    assert_eq!(server.taken(0, |server| _ = server.handle(0, nothing)), 0, "nothing can be there");
}

#[test]
fn sessions_and_rooms_take_a_token_for_each_user_who_is_told() {
    let mut server = Server::with_users(12);
    assert_eq!(server.taken(0, |server| _ = server.open(0)), 20);
    assert_eq!(server.taken(0, |server| _ = server.handle(0, Command::Closed)), 0);
    (0..12).for_each(|user| server.join(user, 0));
    // Six of them are online, one of whom comes to know of it in two ways.
    (1..7).for_each(|user| _ = server.open(user));
    server.send(0, "user1");
    assert_eq!(server.taken(0, |server| _ = server.open(0)), 20 + 6);
    let again = Command::Open { user: name(0), device: None, key: None, order: 2, address: [127, 0, 0, 1].into() };
    assert_eq!(server.taken(0, |server| _ = server.handle(20, again)), 20, "nobody is told that it was replaced");
    assert_eq!(server.taken(0, |server| _ = server.handle(20, Command::Closed)), 6);
    let leave = Command::Leave { user: name(0), room: target("#r0") };
    // The room has another owner then, and they are told that, too.
    assert_eq!(server.taken(0, |server| _ = server.handle(0, leave.clone())), 6 + 6);
    assert_eq!(server.taken(0, |server| _ = server.handle(0, leave)), 0, "nobody is told again");
    assert_eq!(server.taken(0, |server| server.join(0, 0)), 6);
    for room in 1..=40 {
        (0..6).for_each(|user| server.join(user, room));
    }
    // 11 members of the one, 5 of each of the others, and one peer: 212.
    assert_eq!(server.taken(0, |server| _ = server.open(0)), 20 + 6 + 2);
}

#[test]
fn a_session_is_refused_to_a_user_in_debt_and_tells_nobody() {
    let mut server = Server::with_users(2);
    server.send(0, "user1");
    server.open(1);
    server.days += 1;
    let user = server.machine.stored.number(&name(0)).expect("a user");
    let all = Cost { tokens: FULL as u32 + 1, bytes: 0 };
    server.machine.charge_in_any_case(user, all, server.now().elapsed);
    let effect = server.open(0);
    assert!(matches!(&effect, Some(Effect::Reply(_, Reply::Ko(ko))) if ko.code == Code::Rate), "{effect:?}");
    server.days += 1;
    let effect = server.open(0);
    assert!(matches!(effect, Some(Effect::Reply(_, Reply::SessionOpened(_)))), "{effect:?}");
}
