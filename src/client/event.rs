//! What happens to the app: one closed list. Three threads report here; the main thread takes them
//! one by one, so nothing that a person sees is decided anywhere else.

use std::fmt;
use std::net::SocketAddr;

use super::agenda::Ask;
use super::direct::DirectEvent;
use super::error::Stop;
use super::history::Arrival;
use super::outbox::Waiting;
use super::texts::{Phrase, Three};
use crate::model::{RoomName, Seq, State, Target, Token, UserName};
use crate::protocol::{HistoryRecord, Ko};

/// One event, from the keyboard, the sender thread or the receiver thread.
#[derive(Debug)]
pub enum AppEvent {
    /// A line, or why what came is none.
    Typed(Result<String, Three>),
    InputEnded,
    /// A connection works, having failed or never been tried.
    Up,
    /// A connection failed, and is tried again from time to time.
    Down(String),
    /// The server's store is another than last time.
    OtherStore,
    /// A poll brought this; it is in the history.
    Arrived(Vec<Arrival>),
    /// The server has this message; the history and the outbox know.
    Accepted(Waiting, State),
    /// It will never be sent; the history and the outbox know.
    Failed(Waiting, Ko),
    /// Its conversation waits: this is the first that was held.
    Held(Waiting, Ko),
    Answered(Answer),
    Direct(DirectEvent),
    /// A thread has ended, and the client cannot go on.
    Ended(Stop),
}

/// What a question brought.
#[derive(Debug)]
pub enum Answer {
    Users(Vec<User>),
    Statuses(Vec<(UserName, State)>),
    Rows(Vec<HistoryRecord>),
    /// Where a user takes direct chats.
    Peer(UserName, SocketAddr, Token),
    /// That user takes none.
    NoPeer(UserName, Ko),
    /// Whether I am in the lobby.
    Lobby(bool),
    /// I am in that room, and the last said there before.
    Joined(RoomName, Vec<HistoryRecord>),
    NotJoined(Ko),
    Left(RoomName),
    Rooms(Vec<RoomSeen>),
    Chats(Vec<Chat>),
    /// Who it is, if there is such a user, and the rooms that we share.
    Whois(UserName, Option<User>, Vec<String>),
    /// The last so many rows of a room that I am not in are those that I hold myself.
    Outside(Target, usize, Ko),
    Refused(Ko),
    /// There was nobody to ask.
    NotAsked(Ask, String),
}

/// One line of a `CHATS` reply.
#[derive(Debug, PartialEq, Eq)]
pub struct Chat {
    pub target: Target,
    pub last: Seq,
    pub read: Seq,
}

/// One line of a `ROOMS` reply.
#[derive(Debug, PartialEq, Eq)]
pub struct RoomSeen {
    pub name: String,
    pub members: u64,
    /// Whether I am one of them.
    pub member: bool,
}

/// One line of a `USERS` reply, as a client reads it (protocol, section 5).
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub online: bool,
    pub last_seen: String,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, seen) = (&self.name, &self.last_seen);
        match (self.online, seen.is_empty()) {
            (true, _) => Phrase::Online { user },
            (false, true) => Phrase::Offline { user },
            (false, false) => Phrase::OfflineSince { user, seen },
        }
        .fmt(f)
    }
}
