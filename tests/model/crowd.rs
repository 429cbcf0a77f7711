//! A room so large that its members do not know each other.

use wachat::core::{Answer, Command, ConnectionId};
use wachat::limits;
use wachat::model::{Place, Seq, UserName};
use wachat::protocol::{After, Event};

use crate::real::Real;

fn name(number: usize) -> UserName {
    UserName::new(&format!("user{number}")).unwrap()
}

#[test]
fn comings_and_goings_are_told_in_rooms_of_at_most_200_members() {
    let mut real = Real::new();
    let room = Place::parse("#sala");
    let watcher = ConnectionId(1);
    for number in 0..=limits::ROOM_PRESENCE {
        real.ask(ConnectionId(0), Command::Register { name: name(number), password_hash: "x".into() });
        if number == 0 {
            real.ask(watcher, Command::Open { user: name(0), order: 1, address: [127, 0, 0, 1].into() });
        }
        real.ask(ConnectionId(0), Command::Join { user: name(number), room: room.clone() });
    }
    let hear = |real: &mut Real| -> usize {
        let poll = Command::Poll { after: After::Number(Seq::ZERO), wait: Some(0), max: 1_000 };
        let Some(Answer::Events(delivery)) = real.ask(watcher, poll) else { panic!("the poll") };
        delivery.events.iter().filter(|event| matches!(event, Event::Join { .. } | Event::Part { .. })).count()
    };
    assert_eq!(hear(&mut real), limits::ROOM_PRESENCE - 1, "the last one makes it too large");
    let leave = |real: &mut Real, number| {
        real.ask(ConnectionId(0), Command::Leave { user: name(number), room: room.clone() });
    };
    real.ask(ConnectionId(0), Command::Register { name: name(999), password_hash: "x".into() });
    real.ask(ConnectionId(0), Command::Join { user: name(999), room: room.clone() });
    leave(&mut real, 1);
    assert_eq!(hear(&mut real), 0);
    leave(&mut real, 2);
    assert_eq!(hear(&mut real), 1, "now it is small enough");
}
