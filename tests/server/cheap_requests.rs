//! Requests of a few bytes cost the router little, however much the server holds: the state machine alone, by the
//! processor time of this thread.

use std::time::Duration;

use wachat::limits::{PAGE_RECORDS, ROOM_BACKLOG};
use wachat::model::{MessageId, RoomKind, Seq, Text, UserName};
use wachat::protocol::request::Page;
use wachat::protocol::{After, HistoryRecord, Reply};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState};

use crate::support::cpu_time;
use crate::support::values::target;

/// Users, all of them members of the lobby.
const USERS: usize = 100_000;

/// The most that one request may cost, its reply included. On a machine that is only half as fast it is 4 ms.
const MOST: Duration = Duration::from_millis(4);

struct Server {
    machine: StateMachine,
    elapsed: Duration,
}

impl Server {
    fn new() -> Self {
        let policy = Policy::default().without_limits();
        Self { machine: StateMachine::new(StoredState::new("store".into()), policy), elapsed: Duration::ZERO }
    }

    fn with_users(count: usize) -> Self {
        let mut server = Self::new();
        for user in 0..count {
            server.request(0, Command::Register { name: name(user), password_hash: "x".into() });
        }
        server
    }

    fn request(&mut self, connection: u64, command: Command) -> Option<Effect> {
        self.elapsed += Duration::from_millis(1);
        let now = Now { elapsed: self.elapsed, ..Now::default() };
        let mut out = Output::default();
        self.machine.handle(ConnectionId(connection), command, now, &mut out).expect("no defect");
        self.machine.end_batch(now, &mut out).expect("no defect");
        out.effects.pop()
    }

    fn send(&mut self, from: usize, id: usize, to: &str) {
        let id = MessageId::new(&format!("m-{id}")).expect("an id");
        let text = Text::new("hola").expect("a text");
        let command = Command::Send { user: name(from), id, to: Ok(target(to)), text };
        let effect = self.request(0, command);
        assert!(matches!(effect, Some(Effect::Reply(_, Reply::Accepted(_)))), "{effect:?}");
    }

    /// Handles a request that is repeated some times; returns the reply, with the lowest cost of handling and writing it.
    fn measure(&mut self, command: &Command) -> (Effect, Duration) {
        let once = |server: &mut Self| {
            let begin = cpu_time();
            let effect = server.request(1, command.clone()).expect("an answer");
            if let Effect::Reply(_, reply) = &effect {
                let mut bytes = Vec::new();
                reply.write(&mut bytes);
                assert!(bytes.len() <= 300 << 10, "{} bytes", bytes.len());
            }
            (effect, cpu_time() - begin)
        };
        (0..5).map(|_| once(self)).min_by_key(|(_, cost)| *cost).expect("a measurement")
    }

    fn assert_cheap(&mut self, what: &str, command: Command) -> Effect {
        let (effect, cost) = self.measure(&command);
        println!("{what}: {cost:?}");
        assert!(cost < MOST, "{what} costs {cost:?}");
        effect
    }

    fn open_session(&mut self, user: usize) {
        self.request(
            1,
            Command::Open { user: name(user), device: None, key: None, order: 1, address: [127, 0, 0, 1].into() },
        );
    }
}

fn name(user: usize) -> UserName {
    UserName::new(&format!("user{user}")).expect("a name")
}

fn number(seq: u64) -> Seq {
    Seq::new(seq).expect("a number")
}

fn count(effect: &Effect) -> usize {
    match effect {
        Effect::Reply(_, Reply::Users(list)) => list.len(),
        Effect::Reply(_, Reply::Members(list)) => list.len(),
        Effect::Reply(_, Reply::Rooms(list)) => list.len(),
        Effect::Reply(_, Reply::Chats(list)) => list.len(),
        Effect::Reply(_, Reply::History(list)) => list.len(),
        Effect::Excerpt(_, excerpt) => excerpt.statuses.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lists_of_a_hundred_thousand_are_cheap() {
    let mut server = Server::with_users(USERS);
    let places = [None, Some(name(50_000)), Some(name(USERS - 2)), Some(name(USERS))];
    for after in places {
        let page = Page::after(after.clone());
        let command = Command::Users { page: page.clone() };
        let listed = count(&server.assert_cheap("USERS", command));
        assert!(listed == PAGE_RECORDS || after.is_some(), "{listed}");
        let command = Command::Members { user: name(7), room: Ok(target("#lobby")), page };
        assert_eq!(count(&server.assert_cheap("MEMBERS", command)), listed);
    }
    for room in 0..USERS / 100 {
        let join = |number| Command::Join { user: name(room), room: Ok(target(&format!("#r{room}-{number}"))) };
        (0..99).for_each(|number| _ = server.request(0, join(number)));
    }
    let command = Command::Rooms { user: name(7), page: Page::after(None) };
    assert_eq!(count(&server.assert_cheap("ROOMS", command)), PAGE_RECORDS);
}

#[test]
fn chats_of_a_user_who_talks_to_everybody_are_cheap() {
    let mut server = Server::with_users(USERS);
    for peer in 1..USERS {
        server.send(0, peer, &format!("user{peer}"));
    }
    for room in 0..999 {
        server.request(0, Command::Join { user: name(0), room: Ok(target(&format!("#r{room}"))) });
    }
    for before in [None, Some(50_000), Some(500), Some(1)] {
        let page = Page::after(before.map(number));
        let command = Command::Chats { user: name(0), page, target: None };
        assert_eq!(count(&server.assert_cheap("CHATS", command)), PAGE_RECORDS);
    }
}

#[test]
fn history_and_status_in_a_room_of_a_hundred_thousand_are_cheap() {
    let mut server = Server::with_users(1_000);
    // Each of them has watermarks in the room.
    (0..1_000).for_each(|user| server.send(user, 0, "#lobby"));
    for user in 1_000..USERS {
        server.request(0, Command::Register { name: name(user), password_hash: "x".into() });
    }
    server.send(7, 1, "#lobby");
    server.open_session(8);
    server.request(1, Command::Poll { after: After::Number(number(1_001)), wait: Some(0), max: 1_000 });
    let lobby = || Ok(target("#lobby"));
    let command = Command::Excerpt { user: name(7), target: lobby(), limit: 1_000, before: None };
    let Effect::Excerpt(_, excerpt) = server.assert_cheap("HISTORY, its rows", command) else { panic!("no excerpt") };
    let record = |message| HistoryRecord::Message { message, state: wachat::model::State::Received };
    let records = excerpt.rows.into_iter().map(record).collect();
    let command = Command::SetStates { user: name(7), target: lobby(), records };
    assert_eq!(count(&server.assert_cheap("HISTORY, its states", command)), 1_000);
    // All are recipients of the last message; of the first one only a hundredth are, and the others are skipped.
    for (seq, listed) in [(1_001, PAGE_RECORDS), (8, 999)] {
        let command = Command::Status { user: name(7), target: lobby(), seq: number(seq), page: Page::after(None) };
        assert_eq!(count(&server.assert_cheap("STATUS", command)), listed);
    }
}

#[test]
fn a_poll_over_logs_full_of_own_messages_is_cheap() {
    const ROOMS: usize = 40;
    let mut server = Server::with_users(2);
    let rooms: Vec<_> = (0..ROOMS).map(|room| format!("#r{room}")).collect();
    for (room, user) in rooms.iter().flat_map(|room| [(room, 0), (room, 1)]) {
        server.request(0, Command::Join { user: name(user), room: Ok(target(room)) });
    }
    let mut id = 0;
    for room in &rooms {
        // The other user's message is the last one.
        for sender in (1..ROOM_BACKLOG).map(|_| 0).chain([1]) {
            id += 1;
            server.send(sender, id, room);
        }
    }
    server.open_session(0);
    let command = Command::Poll { after: After::Number(Seq::ZERO), wait: Some(0), max: 1_000 };
    let Effect::Events { delivery, .. } = server.assert_cheap("POLL", command) else { panic!("no events") };
    assert_eq!(delivery.events.len(), ROOMS);
}

/// A room goes by the administrator, or with its last member.
#[test]
fn to_remove_a_room_costs_the_same_however_many_accounts_there_are() {
    let costs = |users: usize| {
        let mut server = Server::with_users(users);
        let costs = (0..20).map(|number| {
            let room = || Ok(target(&format!("#r{number}")));
            server.request(1, Command::RoomKind { user: name(0), room: room(), kind: RoomKind::Invite });
            for guest in [1, 2] {
                let guest = Ok(target(&name(guest).to_string()));
                server.request(1, Command::Invite { user: name(0), room: room(), guest });
            }
            server.request(1, Command::Join { user: name(1), room: room() });
            server.send(0, users + number, &format!("#r{number}"));
            server.request(1, Command::Leave { user: name(1), room: room() });
            let command = match number % 2 {
                0 => Command::RemoveRoom { room: room() },
                _ => Command::Leave { user: name(0), room: room() },
            };
            let begin = cpu_time();
            let effect = server.request(1, command);
            let cost = cpu_time() - begin;
            assert!(matches!(effect, Some(Effect::Reply(_, Reply::Done))), "{effect:?}");
            let rooms = server.request(1, Command::Rooms { user: name(0), page: Page::after(None) });
            assert_eq!(count(&rooms.expect("a reply")), 1, "the lobby alone is left");
            (number % 2, cost)
        });
        let costs: Vec<_> = costs.collect();
        [0, 1].map(|kind| costs.iter().filter(|one| one.0 == kind).map(|one| one.1).min().expect("a cost"))
    };
    let few = costs(100);
    let many = costs(USERS);
    println!("of 100 users {few:?}, of {USERS} {many:?}");
    for (few, many) in few.into_iter().zip(many) {
        // A look at each account would take a thousand times as long.
        assert!(many < 20 * few.max(Duration::from_micros(20)), "{few:?} and {many:?}");
    }
}
