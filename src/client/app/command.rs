//! The commands that can be typed, as values.

use crate::client::link::request::RoomChange;
use crate::client::state::record::Switch;
use crate::model::{DeviceName, Email, RoomName, Target, Text, UserName};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Nothing,
    /// A line of white space only.
    Blank,
    /// Sends a text to a target, or to the current one.
    Say {
        to: Option<Target>,
        text: Text,
    },
    /// Answers the user who last wrote to this one; without a text, makes that the current conversation.
    Reply(Option<Text>),
    /// Answers direct messages with this text, until it is ended.
    Away(Option<Text>),
    /// Chooses the current conversation, or none.
    Query(Option<Target>),
    History {
        target: Option<Target>,
        count: usize,
    },
    /// Finds rows of the history with all these words.
    Search(Vec<String>),
    /// Takes back the `n`th last message of the current conversation that this user has said there, or the user of the client.
    Erase {
        user: Option<UserName>,
        n: usize,
    },
    Unread,
    Users,
    Whois(UserName),
    Status(Option<Target>),
    Read(Option<Target>),
    /// Joins a room. `sure`: one that does not exist is created, though another has nearly the same name.
    Join {
        room: RoomName,
        sure: bool,
    },
    /// Leaves a room, or the one that is the current conversation.
    Leave(Option<RoomName>),
    Rooms,
    /// Lists the members of a room, or of the one that is the current conversation.
    Members(Option<RoomName>),
    /// Changes a room that the user owns: a named one, or the one that is the current conversation.
    Change(Option<RoomName>, RoomChange),
    /// Shows the topic of a room, or of the one that is the current conversation.
    Topic(Option<RoomName>),
    /// Hides a user's messages, or shows them again; alone, lists the hidden users.
    Ignore(Option<UserName>),
    /// Opens a direct chat with this user; alone, lists those that are open.
    Direct(Option<UserName>),
    /// Accepts the direct chat that this user wants; alone, lists those who wait.
    Accept(Option<UserName>),
    /// Ends the calls of this user that wait to be accepted.
    Deny(UserName),
    /// Lets this user call, or not; alone, lists who may and who may not.
    Permit(Option<(UserName, bool)>),
    /// Ends the direct chat.
    Close,
    /// Sends by way of the server the messages that a direct chat left unconfirmed.
    Resend,
    /// Lists the user's open connections.
    Sessions,
    /// Closes one of them; `None`: all but those of this client.
    LogOut(Option<u64>),
    /// Lists the user's devices.
    Devices,
    /// Forgets one of them.
    Forget(DeviceName),
    /// Turns the notices of a conversation, or of the current one, off or on.
    Mute(Option<Target>),
    /// Changes the password: the app asks for the old and the new one.
    Passwd,
    /// Sets the e-mail address; an empty one removes it.
    Email(Email),
    /// Turns a setting on or off; alone, lists them.
    Set(Option<(Switch, bool)>),
    Clear,
    Help(Option<String>),
    Quit,
}

impl Command {
    /// Checks that the lines after it are meant for the conversation that it names.
    pub(super) fn chooses_chat(&self) -> bool {
        let is_direct = matches!(self, Self::Direct(Some(_)) | Self::Accept(Some(_)));
        let may_create = matches!(self, Self::Change(Some(_), RoomChange::Kind(_)));
        is_direct || may_create || matches!(self, Self::Query(_) | Self::Reply(None) | Self::Join { .. })
    }

    /// Checks that it is for a person at a terminal, and no command of a pipe.
    pub(super) fn needs_terminal(&self) -> bool {
        let is_choice = matches!(self, Self::Away(_) | Self::Ignore(_) | Self::Mute(_) | Self::Set(_));
        is_choice || matches!(self, Self::Passwd | Self::Clear)
    }

    /// Checks that its output depends on the messages sent before it.
    pub(super) fn looks_back(&self) -> bool {
        let about_messages = matches!(self, Self::History { .. } | Self::Search(_) | Self::Unread | Self::Status(_));
        let about_messages = about_messages || matches!(self, Self::Erase { .. });
        about_messages || matches!(self, Self::Users | Self::Whois(_) | Self::Rooms | Self::Members(_))
    }
}
