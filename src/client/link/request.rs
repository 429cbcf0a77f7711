//! The requests of the client on the SEND port and their answers (protocol, section 5), and the reports of the two threads.

use std::fmt;
use std::sync::Arc;

use super::error::LinkError;
use crate::client::state::outgoing::Outgoing;
use crate::client::state::rights::Rights;
use crate::client::state::row::Gap;
use crate::model::{DeviceName, Email, Message, RoomKind, RoomName, Seq, Target, Topic, UserName};
use crate::protocol::reply::{OpenSession, Permit};
use crate::protocol::{Accepted, Chat, Device, Event, HistoryRecord, Ko, Peer, Room, SessionOpened, Status, User};

/// A request to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Sends a message for the first time. If its outcome becomes unknown, a retry looks above this number for it.
    Send(Outgoing, Seq),
    /// Sends it again after an attempt of unknown outcome, unless the server has it above this number.
    Retry(Outgoing, Seq),
    /// Calls everything there up to this number read.
    Read(Target, Seq),
    Users,
    /// The users and their presence, in the background.
    Presence,
    /// The state of the user's message with this number.
    Status(Target, Seq),
    /// The last messages there, as many as this, as the server has them.
    History(Target, usize),
    /// The address where that user takes direct chats.
    Peer(UserName),
    /// The conversations, and so the user's membership of the lobby.
    Lobby,
    /// Asks whether there is such a user, or room of which the user is a member.
    Find(Target),
    /// Finds the room of this name; if there is none, the rooms that there are.
    FindRoom(RoomName),
    /// Joins a room, and returns the last messages from before, as many as this.
    Join(RoomName, usize),
    Leave(RoomName),
    Rooms,
    Members(RoomName),
    /// The topic of a room.
    Topic(RoomName),
    /// What the owner of a room has set, in the background.
    Rights(RoomName),
    /// Changes a room that the user owns.
    Change(RoomName, RoomChange),
    /// The conversations, and how far each is read.
    Chats,
    /// The same, to be compared with what is in the history here, and what was shown.
    Compare,
    /// The last messages there, or the last ones below this number: they may be missing here.
    Fetch(Target, Option<Seq>),
    /// The last messages among those that only the server has.
    Fill(Gap),
    /// The message of that user there that many from the last one.
    FindSaid(Target, UserName, usize),
    /// Takes a message of that conversation back.
    Erase(Target, Arc<Message>),
    Whois(UserName),
    /// The user's open connections.
    Sessions,
    LogOut(LogOut),
    /// The user's devices.
    Devices,
    /// Forgets one of them.
    Forget(DeviceName),
    /// Lets this user call, or not.
    Permit(UserName, bool),
    /// Those whom the user lets call, and those whom not.
    Permits,
    /// Changes the password, from the first to the second.
    Passwd(Secret, Secret),
    Email(Email),
}

/// The connections that `/logout` closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOut {
    One(u64),
    /// All of the user but those of this client. `with_recv`: the RECV session is not this client's.
    Others {
        with_recv: bool,
    },
}

/// A change that the owner of a room makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomChange {
    /// Sets who may join it. If there is no such room, it is created and joined.
    Kind(RoomKind),
    Topic(Topic),
    Invite(UserName),
    Kick(UserName),
    /// Gives the room to another member.
    Owner(UserName),
}

impl RoomChange {
    /// Returns the command that asks for it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Kind(_) => "/room",
            Self::Topic(_) => "/topic",
            Self::Invite(_) => "/invite",
            Self::Kick(_) => "/kick",
            Self::Owner(_) => "/owner",
        }
    }

    /// Returns what is set in the room afterwards.
    pub fn applied_to(&self, rights: &Rights) -> Rights {
        let rights = rights.clone();
        match self.clone() {
            Self::Kind(kind) => Rights { kind, ..rights },
            Self::Topic(topic) => Rights { topic, ..rights },
            Self::Owner(user) => Rights { owner: Some(user), ..rights },
            Self::Invite(_) | Self::Kick(_) => rights,
        }
    }
}

#[derive(Debug)]
pub enum Answer {
    Done,
    Accepted(Accepted),
    Users(Vec<User>),
    Statuses(Vec<Status>),
    Rows(Vec<HistoryRecord>),
    /// The room as one of the conversations, and its last messages from before the join.
    Joined(Option<Chat>, Vec<HistoryRecord>),
    Peer(Peer),
    /// That user takes no direct chats.
    NoPeer {
        online: bool,
    },
    /// The rooms that were asked about, as far as the server shows them to the user.
    Rooms(Vec<Room>),
    Chats(Vec<Chat>),
    /// The user, if there is one, and the rooms shared with them.
    Whois(Option<User>, Vec<RoomName>),
    Sessions(Vec<OpenSession>),
    Devices(Vec<Device>),
    Permits(Vec<Permit>),
    Refused(Ko),
}

/// A report of one of the two threads.
#[derive(Debug)]
pub enum LinkEvent {
    /// The sender's answer to its one request.
    Answered(Request, Result<Answer, LinkError>),
    /// The receiver has a RECV session, and this is the reply to its login.
    LoggedIn(SessionOpened),
    /// The server's certificate was seen for the first time.
    News(String),
    /// The receiver's answer to its one poll.
    Polled(Result<Vec<Event>, Ko>),
    /// The receiver has no session.
    ReceiverFailed(LinkError),
}

impl Request {
    /// Returns the message that it sends, if it sends one.
    pub fn message(&self) -> Option<&Outgoing> {
        match self {
            Self::Send(message, _) | Self::Retry(message, _) => Some(message),
            _ => None,
        }
    }
}

/// A password on its way to a thread. It is never shown, not even in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
