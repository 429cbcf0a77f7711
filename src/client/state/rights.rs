//! What the owner of a room has set.

use crate::model::{RoomKind, Topic, UserName};
use crate::protocol::Room;

/// Who may join a room, who owns it, and its topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    pub kind: RoomKind,
    /// `None`: nobody owns it.
    pub owner: Option<UserName>,
    pub topic: Topic,
}

impl Rights {
    pub fn of(room: &Room) -> Self {
        Self { kind: room.kind, owner: room.owner.clone(), topic: room.topic.clone() }
    }
}
