//! What a poll acknowledges, writes and returns, by the state machine alone: which requests are one batch is chosen here.

use wachat::model::{MessageId, Seq, State, Target, Text, UserName};
use wachat::protocol::{After, Event};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, Record, StateMachine, StoredState};

/// Both are online, and in the room.
const USERS: [&str; 2] = ["ana", "luis"];
const ROOM: &str = "#aula";

struct Server {
    machine: StateMachine,
    out: Output,
}

fn name(user: &str) -> UserName {
    UserName::new(user).unwrap()
}

fn connection(user: &str) -> ConnectionId {
    ConnectionId(USERS.iter().position(|name| *name == user).unwrap() as u64)
}

impl Server {
    fn new() -> Self {
        let policy = Policy { lobby: false, ..Policy::default() };
        let mut server =
            Self { machine: StateMachine::new(StoredState::new("store".into()), policy), out: Output::default() };
        for user in USERS {
            server.handle(user, Command::Register { name: name(user), password_hash: "x".into() });
            server.handle(user, Command::Open { user: name(user), order: 1, address: [127, 0, 0, 1].into() });
            server.handle(user, Command::Join { user: name(user), room: Target::parse(ROOM) });
        }
        server.end_batch();
        server
    }

    fn handle(&mut self, user: &str, command: Command) {
        self.machine.handle(connection(user), command, Now::default(), &mut self.out).unwrap();
    }

    /// Sends a message, and returns its number.
    fn send(&mut self, user: &str, to: &str) -> Seq {
        let (id, text) = (MessageId::new(&self.machine.stored.last.to_string()).unwrap(), Text::new("hola").unwrap());
        self.handle(user, Command::Send { user: name(user), id, to: Target::parse(to), text });
        self.machine.stored.last
    }

    fn poll(&mut self, user: &str, after: Seq, max: usize) {
        self.handle(user, Command::Poll { after: After::Number(after), wait: Some(0), max });
    }

    fn leave(&mut self, user: &str) {
        self.handle(user, Command::Leave { user: name(user), room: Target::parse(ROOM) });
    }

    fn end_batch(&mut self) -> Output {
        self.machine.end_batch(Now::default(), &mut self.out).unwrap();
        std::mem::take(&mut self.out)
    }
}

/// Returns the events that a user's poll was answered with.
fn events_for(user: &str, out: &Output) -> Vec<Event> {
    let events = out.effects.iter().filter_map(|effect| match effect {
        Effect::Events { to, delivery, .. } if *to == connection(user) => Some(delivery.events.clone()),
        _ => None,
    });
    events.flatten().collect()
}

/// Were it applied after the leave, nobody would be left to whom the message was delivered.
#[test]
fn an_acknowledgement_counts_before_a_leave_that_follows_it_in_the_same_batch() {
    let mut server = Server::new();
    let sent = server.send("ana", ROOM);
    server.poll("luis", sent, 1);
    server.leave("luis");
    server.poll("ana", sent, 100);
    let events = events_for("ana", &server.end_batch());
    let told = |event: &Event| matches!(event, Event::State { state: State::Delivered, upto, .. } if *upto == sent);
    assert!(events.iter().any(told), "{events:?}");
}

#[test]
fn a_poll_that_acknowledges_nothing_new_writes_nothing() {
    let mut server = Server::new();
    let sent = server.send("luis", "ana");
    for (after, writes) in [(Seq::ZERO, 0), (sent, 1), (sent, 0), (Seq::ZERO, 0)] {
        server.end_batch();
        server.poll("ana", after, 100);
        let records = server.end_batch().records;
        assert!(records.iter().all(|(_, record)| matches!(record, Record::Acknowledged { .. })), "{records:?}");
        assert_eq!(records.len(), writes, "after {after}");
    }
}

#[test]
fn events_without_a_number_count_in_the_most_that_a_poll_brings() {
    let mut server = Server::new();
    server.send("luis", "ana");
    server.send("luis", ROOM);
    server.poll("ana", Seq::ZERO, 2);
    let events = events_for("ana", &server.end_batch());
    assert!(matches!(events[..], [Event::Join { .. }, Event::Message(_)]), "{events:?}");
}
