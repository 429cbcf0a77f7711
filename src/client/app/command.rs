//! The commands that can be typed, as values.

use crate::model::{RoomName, Target, Text, UserName};

/// A command of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Nothing,
    /// Sends a text to a target, or to the current one.
    Say {
        to: Option<Target>,
        text: Text,
    },
    /// Chooses the current conversation, or none.
    Query(Option<Target>),
    History {
        target: Option<Target>,
        count: usize,
    },
    /// Finds rows of the history with all these words.
    Search(Vec<String>),
    Unread,
    Users,
    Whois(UserName),
    Status(Option<Target>),
    Read(Option<Target>),
    Join(RoomName),
    /// Leaves a room, or the one that is the current conversation.
    Leave(Option<RoomName>),
    Rooms,
    /// Lists the members of a room, or of the one that is the current conversation.
    Members(Option<RoomName>),
    /// Hides a user's messages, or shows them again; alone, lists the hidden users.
    Ignore(Option<UserName>),
    /// Opens a direct chat with this user; alone, lists those that are open.
    Direct(Option<UserName>),
    /// Ends the direct chat.
    Close,
    /// Sends by way of the server the messages that a direct chat left unconfirmed.
    Resend,
    /// Lists the user's open connections.
    Sessions,
    /// Closes one of them; `None`: all but those of this client.
    LogOut(Option<u64>),
    /// Turns the notices of a conversation, or of the current one, off or on.
    Mute(Option<Target>),
    Clear,
    Help(Option<String>),
    Quit,
}

impl Command {
    /// Checks that its output depends on the messages sent before it.
    pub fn looks_back(&self) -> bool {
        let about_messages = matches!(self, Self::History { .. } | Self::Search(_) | Self::Unread | Self::Status(_));
        about_messages || matches!(self, Self::Users | Self::Whois(_) | Self::Rooms | Self::Members(_))
    }
}
