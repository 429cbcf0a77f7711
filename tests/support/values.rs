//! Values of the model from their texts, for tests that know them to be right.

use wachat::model::{RoomName, Seq, Target, UserName};

pub fn user(name: &str) -> UserName {
    UserName::new(name).expect("a name")
}

pub fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a name of a room")
}

pub fn target(name: &str) -> Target {
    Target::parse(name).expect("a user or a room")
}

pub fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a sequence number")
}
