//! The acknowledgements, records and answers of a poll, by the state machine alone: the test chooses which requests are one
//! batch.

use std::time::Duration;

use wachat::model::{MessageId, Seq, State, Target, Text, UserName};
use wachat::protocol::{After, Event};
use wachat::state_machine::{
    Command, ConnectionId, Cost, Effect, LastOfPeer, Now, Output, Policy, Record, StateMachine, StoredState,
};

/// All are online; the first two are in the room.
const USERS: [&str; 3] = ["ana", "luis", "eva"];
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
            server.handle(
                user,
                Command::Open { user: name(user), device: None, key: None, order: 1, address: [127, 0, 0, 1].into() },
            );
        }
        server.join("ana");
        server.join("luis");
        server.end_batch();
        server
    }

    fn handle(&mut self, user: &str, command: Command) {
        self.machine.handle(connection(user), command, Now::default(), &mut self.out).unwrap();
    }

    /// Sends a message, and returns its number.
    fn send(&mut self, user: &str, to: &str) -> Seq {
        let id = MessageId::new(&self.machine.stored.last.to_string()).unwrap();
        let text = Text::new("hola").unwrap();
        self.handle(user, Command::Send { user: name(user), id, to: Target::parse(to), text });
        self.machine.stored.last
    }

    fn poll(&mut self, user: &str, after: Seq, max: usize) {
        self.handle(user, Command::Poll { after: After::Number(after), wait: Some(0), max });
    }

    fn join(&mut self, user: &str) {
        self.handle(user, Command::Join { user: name(user), room: Target::parse(ROOM) });
    }

    fn read(&mut self, user: &str, upto: Seq) {
        let target = Target::parse(ROOM);
        let last_of_peer = LastOfPeer::NotLookedUp;
        self.handle(user, Command::Read { user: name(user), target, seq: upto, last_of_peer });
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

#[test]
fn a_poll_that_waits_is_answered_by_a_message_in_a_room() {
    let mut server = Server::new();
    server.handle("luis", Command::Poll { after: After::Number(Seq::ZERO), wait: Some(60), max: 100 });
    assert_eq!(events_for("luis", &server.end_batch()), []);
    server.send("ana", ROOM);
    let events = events_for("luis", &server.end_batch());
    assert!(matches!(events[..], [Event::Message(_)]), "{events:?}");
}

/// Luis has acknowledged it and not read it, eva has read it and not acknowledged it.
#[test]
fn a_message_that_a_member_has_not_acknowledged_stays_when_one_who_has_it_leaves() {
    let mut server = Server::new();
    server.join("eva");
    let sent = server.send("ana", ROOM);
    server.poll("luis", sent, 100);
    server.leave("luis");
    server.read("eva", sent);
    server.poll("eva", Seq::ZERO, 100);
    let events = events_for("eva", &server.end_batch());
    assert!(events.iter().any(|event| matches!(event, Event::Message(_))), "{events:?}");
}

#[test]
fn a_member_who_reads_and_leaves_has_read_for_nobody_else() {
    let mut server = Server::new();
    server.join("eva");
    let sent = server.send("ana", ROOM);
    server.read("luis", sent);
    server.leave("luis");
    server.poll("eva", sent, 100);
    server.end_batch();
    server.poll("ana", Seq::ZERO, 100);
    let events = events_for("ana", &server.end_batch());
    let states =
        events.iter().filter_map(|event| if let Event::State { state, .. } = event { Some(*state) } else { None });
    assert_eq!(states.collect::<Vec<_>>(), [State::Delivered]);
}

#[test]
fn a_poll_of_a_user_in_debt_is_answered_when_the_debt_is_paid() {
    let mut server = Server::new();
    let ana = server.machine.stored.number(&name("ana")).unwrap();
    server.machine.charge_in_any_case(ana, Cost { tokens: u32::MAX, bytes: 0 }, Duration::ZERO);
    server.send("luis", "ana");
    server.poll("ana", Seq::ZERO, 100);
    assert_eq!(events_for("ana", &server.end_batch()), []);
    let elapsed = server.machine.next_deadline().unwrap();
    server.machine.end_batch(Now { elapsed, ..Now::default() }, &mut server.out).unwrap();
    assert!(elapsed > Duration::ZERO && !events_for("ana", &server.out).is_empty());
}
