//! A room so large that its members do not know each other.

use wachat::limits;
use wachat::model::{Seq, Target, UserName};
use wachat::protocol::{After, Code, Event};
use wachat::state_machine::{Command, ConnectionId, Effect};

use super::real::Real;
use super::simple::Said;

fn name(number: usize) -> UserName {
    UserName::new(&format!("user{number}")).unwrap()
}

#[test]
fn comings_and_goings_are_told_in_rooms_of_at_most_200_members() {
    let mut real = Real::new();
    let room = Target::parse("#sala");
    let watcher = ConnectionId(1);
    for number in 0..=limits::ROOM_PRESENCE {
        real.request(ConnectionId(0), Command::Register { name: name(number), password_hash: "x".into() });
        if number == 0 {
            real.request(
                watcher,
                Command::Open { user: name(0), device: None, key: None, order: 1, address: [127, 0, 0, 1].into() },
            );
        }
        real.request(ConnectionId(0), Command::Join { user: name(number), room: room.clone() });
    }
    let hear = |real: &mut Real| -> usize {
        let poll = Command::Poll { after: After::Number(Seq::ZERO), wait: Some(0), max: 1_000 };
        let Some(Effect::Events { delivery, .. }) = real.request(watcher, poll) else { panic!("the poll") };
        delivery.events.iter().filter(|event| matches!(event, Event::Join { .. } | Event::Part { .. })).count()
    };
    assert_eq!(hear(&mut real), limits::ROOM_PRESENCE - 1, "the last one makes it too large");
    let leave = |real: &mut Real, number| {
        real.request(ConnectionId(0), Command::Leave { user: name(number), room: room.clone() });
    };
    real.request(ConnectionId(0), Command::Register { name: name(999), password_hash: "x".into() });
    real.request(ConnectionId(0), Command::Join { user: name(999), room: room.clone() });
    leave(&mut real, 1);
    assert_eq!(hear(&mut real), 0);
    leave(&mut real, 2);
    assert_eq!(hear(&mut real), 1, "now it is small enough");
}

#[test]
fn a_server_has_at_most_100_000_rooms_and_who_is_in_one_does_not_notice() {
    let mut real = Real::with_any_rooms();
    let join = |real: &mut Real, user: usize, room: usize| {
        let command = Command::Join { user: name(user), room: Target::parse(&format!("#{room}")) };
        real.say(ConnectionId(0), command)
    };
    let users = limits::ROOMS / limits::ROOMS_PER_USER;
    for user in 0..=users {
        real.request(ConnectionId(0), Command::Register { name: name(user), password_hash: "x".into() });
    }
    for room in 0..limits::ROOMS {
        assert_eq!(join(&mut real, room / limits::ROOMS_PER_USER, room), Said::Done);
    }
    assert_eq!(join(&mut real, users, limits::ROOMS), Said::Ko(Code::Quota), "one room too many");
    assert_eq!(join(&mut real, users, 7), Said::Done, "a room that there is");
    assert_eq!(join(&mut real, 0, limits::ROOMS - 1), Said::Ko(Code::Quota), "user0 is in enough of them");
    assert_eq!(join(&mut real, 0, 7), Said::Done, "she is in it");
}
