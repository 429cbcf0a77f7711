//! The requests of the SEND port (protocol, section 5).

use super::command::{self, Command, ReplyForm, RequestError};
use super::fields::{Page, RequestedTarget, number, target, write_target};
use crate::limits;
use crate::model::{DeviceName, Email, Fingerprint, MessageId, RoomKind, RoomName, Seq, Target, Text, Topic, UserName};
use crate::protocol::codec::{Codec, field, optional_field, write_optional};
use crate::record::{Fields, Writer};

/// A request on the SEND port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendRequest {
    Send {
        id: MessageId,
        to: RequestedTarget,
        text: Text,
    },
    Read {
        target: RequestedTarget,
        seq: Seq,
    },
    Status {
        target: RequestedTarget,
        seq: Seq,
        page: Page<UserName>,
    },
    History {
        target: RequestedTarget,
        limit: usize,
        before: Option<Seq>,
    },
    /// Takes a message back.
    Erase {
        target: RequestedTarget,
        seq: Seq,
    },
    /// A page begins after a number, and there after a target: the conversations without messages share the number 0.
    Chats {
        page: Page<Seq>,
        target: Option<Target>,
    },
    Users {
        page: Page<UserName>,
    },
    Join {
        room: RequestedTarget,
    },
    Leave {
        room: RequestedTarget,
    },
    Rooms {
        page: Page<RoomName>,
    },
    Members {
        room: RequestedTarget,
        page: Page<UserName>,
    },
    /// Sets who may join a room, and creates it if it is not there.
    Room {
        room: RequestedTarget,
        kind: RoomKind,
    },
    Topic {
        room: RequestedTarget,
        topic: Topic,
    },
    Invite {
        room: RequestedTarget,
        user: RequestedTarget,
    },
    Kick {
        room: RequestedTarget,
        user: RequestedTarget,
    },
    /// Gives a room to another member.
    Owner {
        room: RequestedTarget,
        user: RequestedTarget,
    },
    Peer {
        user: RequestedTarget,
        /// The certificate that the callee will be shown; `None`: the chat is in clear text.
        fingerprint: Option<Fingerprint>,
    },
    /// Lets a user call, or not.
    Permit {
        user: RequestedTarget,
        permitted: bool,
    },
    /// Lists whom the user lets call, and whom not.
    Permits,
    Passwd {
        old: String,
        new: String,
    },
    Email {
        address: Email,
    },
    Sessions,
    Devices,
    Logout {
        which: LogOut,
    },
    /// Lists the servers that are one to their clients.
    Servers,
    Ping,
    Help,
    Quit,
}

/// What LOGOUT closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOut {
    /// The connection with this number.
    Connection(u64),
    /// The connections of this device, which is forgotten.
    Device(DeviceName),
    /// All the user's connections but this one, and those of its device.
    Others,
}

/// The commands of the SEND port, in the order in which HELP lists them.
pub const SEND_COMMANDS: &[Command<SendRequest>] = &[
    Command {
        form: "SEND;<id>;<to>;<text>",
        help: "send a message; the same id again never sends it twice",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Send { id: field(f, 1)?, to: target(f, 2)?, text: Text::new(f.get(3)?)? }),
    },
    Command {
        form: "READ;<user or #room>;<seq>",
        help: "say that you have read everything there up to this number",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Read { target: target(f, 1)?, seq: field(f, 2)? }),
    },
    Command {
        form: "STATUS;<user or #room>;<seq>[;<limit 1 to 1000>[;<after user>]]",
        help: "how far your message with this number has come",
        reply: ReplyForm::List,
        read: |f| Some(SendRequest::Status { target: target(f, 1)?, seq: field(f, 2)?, page: Page::read(f, 3)? }),
    },
    Command {
        form: "HISTORY;<user or #room>[;<limit 1 to 1000>[;<before>]]",
        help: "the last messages there, or the last below a number, oldest first",
        reply: ReplyForm::List,
        read: |f| {
            let limit = number(f, 2, limits::HISTORY_RECORDS, 1..=limits::MAX_HISTORY_RECORDS)?;
            let before = if f.len() > 3 { Some(field(f, 3)?) } else { None };
            Some(SendRequest::History { target: target(f, 1)?, limit, before })
        },
    },
    Command {
        form: "ERASE;<user or #room>;<seq>",
        help: "take a message back: its text goes, everywhere",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Erase { target: target(f, 1)?, seq: field(f, 2)? }),
    },
    Command {
        form: "CHATS[;<limit 1 to 1000>[;<before>[;<after user or #room>]]]",
        help: "your conversations and rooms, latest first",
        reply: ReplyForm::List,
        read: |f| {
            let target = if f.len() > 3 { Some(field(f, 3)?) } else { None };
            Some(SendRequest::Chats { page: Page::read(f, 1)?, target })
        },
    },
    Command {
        form: "USERS[;<limit 1 to 1000>[;<after user>]]",
        help: "the users by name, and which of them are online",
        reply: ReplyForm::List,
        read: |f| Some(SendRequest::Users { page: Page::read(f, 1)? }),
    },
    Command {
        form: "JOIN;<#room>",
        help: "become a member of that room; creates it if there is none",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Join { room: target(f, 1)? }),
    },
    Command {
        form: "LEAVE;<#room>",
        help: "leave that room",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Leave { room: target(f, 1)? }),
    },
    Command {
        form: "ROOMS[;<limit 1 to 1000>[;<after #room>]]",
        help: "the rooms by name, how many members each has, and whether you are one",
        reply: ReplyForm::List,
        read: |f| Some(SendRequest::Rooms { page: Page::read(f, 1)? }),
    },
    Command {
        form: "MEMBERS;<#room>[;<limit 1 to 1000>[;<after user>]]",
        help: "the members of that room by name, and which of them are online",
        reply: ReplyForm::List,
        read: |f| Some(SendRequest::Members { room: target(f, 1)?, page: Page::read(f, 2)? }),
    },
    Command {
        form: "ROOM;<#room>;<open or invite>",
        help: "let everybody join your room, or only whom you invite; creates it if there is none",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Room { room: target(f, 1)?, kind: field(f, 2)? }),
    },
    Command {
        form: "TOPIC;<#room>;<text>",
        help: "set the topic of your room",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Topic { room: target(f, 1)?, topic: field(f, 2)? }),
    },
    Command {
        form: "INVITE;<#room>;<user>",
        help: "invite that user to your room",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Invite { room: target(f, 1)?, user: target(f, 2)? }),
    },
    Command {
        form: "KICK;<#room>;<user>",
        help: "put that user out of your room; to return takes an invitation",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Kick { room: target(f, 1)?, user: target(f, 2)? }),
    },
    Command {
        form: "OWNER;<#room>;<user>",
        help: "give your room to another member",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Owner { room: target(f, 1)?, user: target(f, 2)? }),
    },
    Command {
        form: "PEER;<user>[;<fingerprint>]",
        help: "the address at which that user takes direct chats, and a token that admits you once",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Peer { user: target(f, 1)?, fingerprint: optional_field(f, 2)? }),
    },
    Command {
        form: "PERMIT[;<user>;<yes or no>]",
        help: "let that user call you, or not; alone: list whom you let, and whom not",
        reply: ReplyForm::List,
        read: |f| match f.get(2) {
            None => (f.len() == 1).then_some(SendRequest::Permits),
            Some("yes") => Some(SendRequest::Permit { user: target(f, 1)?, permitted: true }),
            Some("no") => Some(SendRequest::Permit { user: target(f, 1)?, permitted: false }),
            Some(_) => None,
        },
    },
    Command {
        form: "PASSWD;<old password>;<new password>",
        help: "change your password; your other connections are closed",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Passwd { old: f.get(1)?.to_owned(), new: f.get(2)?.to_owned() }),
    },
    Command {
        form: "EMAIL;<address>",
        help: "set your e-mail address, for the administrator",
        reply: ReplyForm::Line,
        read: |f| Some(SendRequest::Email { address: Email::new(f.get(1)?)? }),
    },
    Command {
        form: "SESSIONS",
        help: "your open connections on both ports, each with a number",
        reply: ReplyForm::List,
        read: |_| Some(SendRequest::Sessions),
    },
    Command {
        form: "DEVICES",
        help: "your devices, and which of them are online",
        reply: ReplyForm::List,
        read: |_| Some(SendRequest::Devices),
    },
    Command {
        form: "LOGOUT;<number, device or others>",
        help: "close the connection with this number, forget this device, or close all of yours but this",
        reply: ReplyForm::Line,
        read: |f| {
            let which = match (f.get(1)?, field(f, 1)) {
                ("others", _) => LogOut::Others,
                (_, Some(number)) => LogOut::Connection(number),
                (name, None) => LogOut::Device(DeviceName::new(name)?),
            };
            Some(SendRequest::Logout { which })
        },
    },
    Command {
        form: "SERVERS",
        help: "the servers that are one to their clients; any of them tells which one leads",
        reply: ReplyForm::List,
        read: |_| Some(SendRequest::Servers),
    },
    Command { form: "PING", help: "check the connection", reply: ReplyForm::Line, read: |_| Some(SendRequest::Ping) },
    Command { form: "HELP", help: "list these commands", reply: ReplyForm::List, read: |_| Some(SendRequest::Help) },
    Command { form: "QUIT", help: "end the connection", reply: ReplyForm::Line, read: |_| Some(SendRequest::Quit) },
];

impl SendRequest {
    /// Reads a line without its LF.
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        command::parse(SEND_COMMANDS, line)
    }
}

impl Codec for SendRequest {
    fn write_fields(&self, w: &mut Writer) {
        match self {
            Self::Send { id, to, text } => write_target(w.plain("SEND").plain(id), to).text(text.as_str()),
            Self::Read { target, seq } => write_target(w.plain("READ"), target).plain(seq),
            Self::Status { target, seq, page } => page.write(write_target(w.plain("STATUS"), target).plain(seq)),
            Self::History { target, limit, before } => {
                let w = write_target(w.plain("HISTORY"), target).plain(limit);
                before.iter().fold(w, |w, before| w.plain(before))
            }
            Self::Erase { target, seq } => write_target(w.plain("ERASE"), target).plain(seq),
            Self::Chats { page, target } => {
                let w = page.write(w.plain("CHATS"));
                target.iter().fold(w, |w, target| w.plain(target))
            }
            Self::Users { page } => page.write(w.plain("USERS")),
            Self::Join { room } => write_target(w.plain("JOIN"), room),
            Self::Leave { room } => write_target(w.plain("LEAVE"), room),
            Self::Rooms { page } => page.write(w.plain("ROOMS")),
            Self::Members { room, page } => page.write(write_target(w.plain("MEMBERS"), room)),
            Self::Room { room, kind } => write_target(w.plain("ROOM"), room).plain(kind),
            Self::Topic { room, topic } => write_target(w.plain("TOPIC"), room).text(topic.as_str()),
            Self::Invite { room, user } => write_target(write_target(w.plain("INVITE"), room), user),
            Self::Kick { room, user } => write_target(write_target(w.plain("KICK"), room), user),
            Self::Owner { room, user } => write_target(write_target(w.plain("OWNER"), room), user),
            Self::Peer { user, fingerprint } => {
                write_optional(write_target(w.plain("PEER"), user), fingerprint.as_ref())
            }
            Self::Permit { user, permitted } => {
                write_target(w.plain("PERMIT"), user).plain(if *permitted { "yes" } else { "no" })
            }
            Self::Permits => w.plain("PERMIT"),
            Self::Passwd { old, new } => w.plain("PASSWD").text(old).text(new),
            Self::Email { address } => w.plain("EMAIL").text(address.as_str()),
            Self::Sessions => w.plain("SESSIONS"),
            Self::Devices => w.plain("DEVICES"),
            Self::Logout { which: LogOut::Connection(number) } => w.plain("LOGOUT").plain(*number),
            Self::Logout { which: LogOut::Device(device) } => w.plain("LOGOUT").plain(device),
            Self::Logout { which: LogOut::Others } => w.plain("LOGOUT").plain("others"),
            Self::Servers => w.plain("SERVERS"),
            Self::Ping => w.plain("PING"),
            Self::Help => w.plain("HELP"),
            Self::Quit => w.plain("QUIT"),
        };
    }

    fn from_fields(fields: &Fields) -> Option<Self> {
        command::read(SEND_COMMANDS, fields).ok()
    }
}
