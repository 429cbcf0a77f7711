//! The quotas of a day: what begins anew with the next one.

use std::time::Duration;

use wachat::model::{MessageId, Text, Timestamp};
use wachat::protocol::{Code, Reply};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState};

use super::real::{name, target};
use super::{PLACES, USERS};

const DAY: u64 = 86_400_000;

struct Server {
    machine: StateMachine,
    now: u64,
    sent: u32,
}

impl Server {
    fn execute(&mut self, command: Command) -> Reply {
        let mut out = Output::default();
        let now = Now { at: Timestamp::from_millis(self.now), elapsed: Duration::ZERO };
        self.machine.handle(ConnectionId(0), command, now, &mut out).expect("no defect");
        let reply = out.effects.into_iter().find_map(|effect| match effect {
            Effect::Reply(_, reply) => Some(reply),
            _ => None,
        });
        reply.expect("a reply")
    }

    /// Sends a message, which counts 300 bytes; returns true if it was accepted.
    fn send(&mut self, from: usize, to: usize) -> bool {
        self.sent += 1;
        let id = MessageId::new(&format!("{}", self.sent)).expect("an id");
        let text = Text::new(&"x".repeat(44)).expect("a text");
        match self.execute(Command::Send { user: name(from), id, to: Ok(target(to)), text }) {
            Reply::Accepted(_) => true,
            Reply::Ko(ko) => {
                assert_eq!(ko.code, Code::Quota, "{ko}");
                false
            }
            reply => panic!("{reply:?}"),
        }
    }
}

#[test]
fn a_day_ends_at_midnight_utc_for_users_and_rooms() {
    let policy = Policy { bytes_per_day: 600, room_bytes_per_day: 900, lobby: false, ..Policy::default() };
    let machine = StateMachine::new(StoredState::new("store".into()), policy);
    let mut server = Server { machine, now: 20_000 * DAY, sent: 0 };
    let room = USERS;
    assert_eq!(PLACES[room], "#sala");
    for user in 0..USERS {
        server.execute(Command::Register { name: name(user), password_hash: "x".into() });
        server.execute(Command::Join { user: name(user), room: Ok(target(room)) });
    }
    for _ in 0..2 {
        assert_eq!([0, 0, 0, 1, 1].map(|user| server.send(user, room)), [true, true, false, true, false]);
        assert!(server.send(1, 2), "what was refused did not count");
        assert!(!server.send(1, 2) && !server.send(0, 0) && server.send(2, 0));
        server.now += DAY - 1;
        assert!(!server.send(0, 0), "the last millisecond of the day");
        server.now += 1;
    }
}

#[test]
fn without_limits_a_day_has_no_quota() {
    let policy = Policy { bytes_per_day: 600, room_bytes_per_day: 900, lobby: false, ..Policy::default() };
    let machine = StateMachine::new(StoredState::new("store".into()), policy.without_limits());
    let mut server = Server { machine, now: 20_000 * DAY, sent: 0 };
    server.execute(Command::Register { name: name(0), password_hash: "x".into() });
    server.execute(Command::Join { user: name(0), room: Ok(target(USERS)) });
    assert!((0..10).all(|_| server.send(0, USERS) && server.send(0, 0)));
}
