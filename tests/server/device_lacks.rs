//! Devices that lose their number: for the bytes that are kept for them, and for a message that retention has removed. The
//! numbers are those of the protocol page (sections 2, 3 and 7).

use super::device_limits::{ALL, Server, lost, remove_all, with_two_devices};
use crate::support::values::user;
use wachat::model::{Target, Text, UserName};
use wachat::protocol::DeviceState;
use wachat::state_machine::{Capacities, Command, ConnectionId};

/// The longest text, the bytes that it takes in a limit, and those that are kept for the devices of a user.
const TEXT: usize = 60_000;
const COST: usize = TEXT + 256;
const KEPT: usize = 64 << 20;

/// The messages of the longest text that fit below the limit, which is therefore not the one of 10,000 messages.
const FIT: usize = KEPT / COST;

const ROOM: &str = "#sala";

fn room() -> Target {
    Target::parse(ROOM).expect("a room")
}

fn long_text() -> Text {
    Text::new(&"x".repeat(TEXT)).expect("a text")
}

/// Sends a long message, which `reader` acknowledges, so that no mailbox is full. Returns its number.
fn send_long(server: &mut Server, from: &UserName, to: &UserName, reader: ConnectionId) -> u64 {
    let seq = server.send_text(from, Target::User(to.clone()), long_text());
    assert_eq!(lost(&server.poll(reader, seq)), [], "message {seq}");
    seq
}

#[test]
fn own_messages_of_more_than_64_mib_take_the_number_of_a_device_that_acknowledges_none() {
    let [ana, luis] = ["ana", "luis"].map(user);
    let mut server = Server::with_capacities(&[ana.clone(), luis.clone()], Capacities::default());
    server.open(&ana, Some("laptop"));
    let (reader, _) = server.open(&luis, None);
    for _ in 0..FIT {
        send_long(&mut server, &ana, &luis, reader);
    }
    assert_eq!(lost(&server.end_batch()), [], "{FIT} messages have not more than {KEPT} bytes");
    // The limit is one of the stored state: a restart knows what is kept.
    server.restart();
    assert_eq!(lost(&server.end_batch()), [], "after a restart");
    server.send_text(&ana, Target::User(luis.clone()), long_text());
    assert_eq!(lost(&server.end_batch()), [("ana".to_owned(), 1)]);
    assert_eq!(server.open(&ana, Some("laptop")).1, Some(DeviceState::New));
}

#[test]
fn messages_of_more_than_64_mib_that_one_device_has_take_the_number_of_the_other() {
    let [ana, luis] = ["ana", "luis"].map(user);
    let mut server = Server::with_capacities(&[ana.clone(), luis.clone()], Capacities::default());
    let (laptop, _) = server.open(&ana, Some("laptop"));
    server.open(&ana, Some("lab"));
    for _ in 0..FIT {
        send_long(&mut server, &luis, &ana, laptop);
    }
    let last = server.send_text(&luis, Target::User(ana.clone()), long_text());
    assert_eq!(lost(&server.end_batch()), [], "the user has not acknowledged it: it is in the mailbox");
    assert_eq!(lost(&server.poll(laptop, last)), [("ana".to_owned(), 2)]);
    assert_eq!(server.open(&ana, Some("lab")).1, Some(DeviceState::New));
    assert_eq!(server.open(&ana, Some("laptop")).1, Some(DeviceState::Known));
}

/// Lets the laptop acknowledge up to a number, retention remove what nobody lacks, and the server look at its devices.
/// Returns the devices that lose their number, and the state in which the lab comes back.
fn remove_and_look(server: &mut Server, laptop: ConnectionId, upto: u64) -> (Vec<(String, u16)>, Option<DeviceState>) {
    server.poll(laptop, upto);
    remove_all(server);
    let looked = server.run(Command::ReviewDevices(ALL));
    (lost(&looked), server.open(&user("ana"), Some("lab")).1)
}

fn lab_is_lost() -> (Vec<(String, u16)>, Option<DeviceState>) {
    (vec![("ana".to_owned(), 2)], Some(DeviceState::New))
}

fn join(server: &mut Server, names: &[&UserName]) {
    for name in names {
        server.run(Command::Join { user: (*name).clone(), room: Ok(room()) });
    }
}

#[test]
fn a_device_that_lacks_a_message_of_a_room_that_retention_has_removed_comes_back_as_new() {
    let (mut server, [ana, luis], [laptop, _]) = with_two_devices();
    join(&mut server, &[&ana, &luis]);
    let said = server.send_text(&luis, room(), Text::new("hola").expect("a text"));
    assert_eq!(remove_and_look(&mut server, laptop, said), lab_is_lost());
}

#[test]
fn a_device_goes_on_where_a_message_of_a_room_waits_for_another_member() {
    let [ana, luis, eva] = ["ana", "luis", "eva"].map(user);
    let mut server = Server::with_capacities(&[ana.clone(), luis.clone(), eva.clone()], Capacities::default());
    let [laptop, _] = ["laptop", "lab"].map(|device| server.open(&ana, Some(device)).0);
    join(&mut server, &[&ana, &luis, &eva]);
    let said = server.send_text(&luis, room(), Text::new("hola").expect("a text"));
    // eva has not acknowledged it: retention leaves it in the history file, for lab as well.
    assert_eq!(remove_and_look(&mut server, laptop, said), (Vec::new(), Some(DeviceState::Known)));
}

#[test]
fn a_device_that_lacks_an_own_message_that_retention_has_removed_comes_back_as_new() {
    for to_room in [false, true] {
        let (mut server, [ana, luis], [laptop, _]) = with_two_devices();
        join(&mut server, &[&ana, &luis]);
        let to = if to_room { room() } else { Target::User(luis.clone()) };
        let said = server.send_text(&ana, to, Text::new("hola").expect("a text"));
        let (reader, _) = server.open(&luis, None);
        server.poll(reader, said);
        assert_eq!(remove_and_look(&mut server, laptop, said), lab_is_lost(), "to the room: {to_room}");
    }
}

#[test]
fn an_own_message_that_no_device_has_and_retention_has_removed_takes_the_number_of_each() {
    for to_room in [false, true] {
        let (mut server, [ana, luis], [laptop, _]) = with_two_devices();
        join(&mut server, &[&ana, &luis]);
        let to = if to_room { room() } else { Target::User(luis.clone()) };
        let said = server.send_text(&ana, to, Text::new("hola").expect("a text"));
        let (reader, _) = server.open(&luis, None);
        server.poll(reader, said);
        let (lost, state) = remove_and_look(&mut server, laptop, 0);
        assert_eq!(lost, [("ana".to_owned(), 1), ("ana".to_owned(), 2)], "to the room: {to_room}");
        assert_eq!(state, Some(DeviceState::New));
    }
}
