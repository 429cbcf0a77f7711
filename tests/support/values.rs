//! Values of the model from their texts, for tests that know them to be right.

use wachat::model::{RoomKind, RoomName, Seq, Target, Topic, UserName};
use wachat::protocol::Room;

pub fn user(name: &str) -> UserName {
    UserName::new(name).expect("a name")
}

pub fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a name of a room")
}

/// Returns a room as ROOMS lists it: everybody may join, nobody owns it, and the user is not in it.
pub fn open_room(name: &str) -> Room {
    Room { name: room(name), members: 1, member: false, kind: RoomKind::Open, owner: None, topic: Topic::default() }
}

pub fn target(name: &str) -> Target {
    Target::parse(name).expect("a user or a room")
}

pub fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a sequence number")
}
