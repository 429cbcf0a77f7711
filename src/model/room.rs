//! What the owner of a room sets: who may join it, and its topic (protocol, section 5).

use std::fmt;

use serde::Serialize;

use crate::limits;
use crate::record::PlainField;

/// Who may join a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// Everybody, but those who were kicked.
    #[default]
    Open,
    /// Who has an invitation. Nobody else is told anything of the room.
    Invite,
}

impl RoomKind {
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Invite].into_iter().find(|kind| kind.word() == word)
    }

    /// Returns the word on the wire and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
        }
    }
}

impl PlainField for RoomKind {}

impl fmt::Display for RoomKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The topic of a room: at most 200 bytes, without control characters. An empty one is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Topic(String);

impl Topic {
    /// Checks a topic; `None` if it is too long or has a control character.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() <= limits::TOPIC_BYTES && !text.contains(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
