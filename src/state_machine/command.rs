//! The input of the state machine: commands, the time and the policy.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::limits;
use crate::model::{
    Banned, DeviceKey, DeviceName, Email, Fingerprint, KeyDigest, Message, MessageId, NewAccount, Proof, RoomKind,
    RoomName, Seq, ShortText, Target, Text, Timestamp, Topic, UserName,
};
use crate::protocol::request::{LogOut, Page, RequestedTarget};
use crate::protocol::{After, HistoryRecord};
use crate::state_machine::stored::{ConversationId, SessionKey};

/// Identifies a connection; a server process never uses a number again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// The source of the administrator's commands, which is no connection.
pub const ADMINISTRATOR: ConnectionId = ConnectionId(0);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// The number of the peer's last message up to the one that a READ names. The state machine knows it for the
/// messages in memory; for those in the history file the file is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastOfPeer {
    NotLookedUp,
    Found(Option<Seq>),
}

/// The message that an ERASE names. The state machine knows it if memory holds it; else the history file is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    NotLookedUp,
    /// There is none with this number.
    Missing,
    Damaged,
    Message(Arc<Message>),
}

/// The messages of a user in a conversation that have a text, as they were found in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts {
    pub conversation: ConversationId,
    /// The first and the last of them.
    pub first: Seq,
    pub last: Seq,
    pub count: u64,
    /// How many messages of the conversation had been taken back by then, of any user.
    pub erased: u64,
}

/// The time of a command, read by the router: the state machine has no clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Wall clock time, for people.
    pub at: Timestamp,
    /// Time since the start of the server, for deadlines.
    pub elapsed: Duration,
}

/// The administrator's settings. Only `decide` looks at them, `apply` never: a replay under other settings leads to
/// the same state.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Limit of the direct messages that are pending for one user.
    pub queue: usize,
    /// Limit of those from one sender.
    pub queue_per_sender: usize,
    /// Limits of their bytes.
    pub queue_bytes: u64,
    pub queue_bytes_per_sender: u64,
    /// Limit of the bytes that one account stores a day, and of those that all store in one room.
    pub bytes_per_day: u64,
    pub room_bytes_per_day: u64,
    /// Tokens a second of one user (protocol, section 4); `None`: no limit.
    pub rate: Option<u32>,
    /// Bytes a second of one user; `None`: no limit.
    pub rate_bytes: Option<u32>,
    /// Limit of the existing rooms that one account has created.
    pub rooms_per_creator: usize,
    /// Longest time that a poll waits.
    pub poll_wait: Duration,
    /// Makes every new account a member of `#lobby`.
    pub lobby: bool,
    /// Time after which a device without a session is forgotten.
    pub keep_devices: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            queue: limits::QUEUE,
            queue_per_sender: limits::QUEUE_PER_SENDER,
            queue_bytes: mib(limits::QUEUE_MIB),
            queue_bytes_per_sender: mib(limits::QUEUE_MIB_PER_SENDER),
            bytes_per_day: mib(limits::MIB_PER_DAY),
            room_bytes_per_day: mib(limits::MIB_PER_DAY).saturating_mul(limits::ROOM_DAY_FACTOR),
            rate: Some(limits::RATE),
            rate_bytes: Some(limits::RATE_BYTES),
            rooms_per_creator: limits::ROOMS_PER_CREATOR,
            poll_wait: limits::TIMEOUT - limits::POLL_MARGIN,
            lobby: true,
            keep_devices: limits::KEEP_DEVICES,
        }
    }
}

/// Returns the bytes of a flag's value in MiB.
pub fn mib(mib: u32) -> u64 {
    u64::from(mib) << 20
}

impl Policy {
    /// Turns every quota and rate off (`serve --no-limits`). The limits of the protocol page without a flag stay.
    #[must_use]
    pub fn without_limits(self) -> Self {
        Self {
            queue: usize::MAX,
            queue_per_sender: usize::MAX,
            queue_bytes: u64::MAX,
            queue_bytes_per_sender: u64::MAX,
            bytes_per_day: u64::MAX,
            room_bytes_per_day: u64::MAX,
            rooms_per_creator: usize::MAX,
            rate: None,
            rate_bytes: None,
            ..self
        }
    }
}

/// The connection of a user that asks for another password.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The hash that the old password was compared with, which has to be the current one.
    pub old_hash: Arc<str>,
    pub address: IpAddr,
    /// The device of the connection, whose key stays.
    pub device: Option<DeviceName>,
}

/// A look at devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Review {
    /// The first device; `None`: that of the first user.
    pub from: Option<SessionKey>,
    /// The last device; `None`: that of the last user.
    pub upto: Option<SessionKey>,
    /// Devices that were unused for too long are forgotten.
    pub may_forget: bool,
}

/// A request of a connection, or an event on it. `user` is the user who has logged in there.
#[derive(Clone, Debug)]
pub enum Command {
    /// Creates an account.
    Register { name: UserName, password_hash: Arc<str> },
    /// Sets another password. `asked`, if a connection of the user asks for it.
    SetPassword { user: UserName, asked: Option<Asked>, password_hash: Arc<str> },
    /// Removes an account for good, at the administrator's request.
    Remove { user: UserName },
    /// Creates accounts at the administrator's request, all or none; in the lobby, if there is one and they should be.
    AddAccounts { accounts: Vec<NewAccount>, lobby: bool },
    /// Keeps a user or a network out, until a time if there is one.
    Ban { banned: Banned, until: Option<Timestamp>, reason: ShortText },
    /// Lifts a ban.
    Unban { banned: Banned },
    /// Tells all users who are online.
    Announce { text: Text },
    /// Takes the texts of a user in a conversation back, at the administrator's request.
    EraseAll { user: UserName, texts: Texts },
    /// Removes a room, at the administrator's request.
    RemoveRoom { room: RequestedTarget },
    /// Sets or removes the e-mail address.
    SetEmail { user: UserName, email: Email },
    /// Sends a message.
    Send { user: UserName, id: MessageId, to: RequestedTarget, text: Text },
    /// Marks a conversation as read up to a message.
    Read { user: UserName, target: RequestedTarget, seq: Seq, last_of_peer: LastOfPeer },
    /// Requests the part of a conversation that memory holds: for HISTORY.
    Excerpt { user: UserName, target: RequestedTarget, limit: usize, before: Option<Seq> },
    /// Completes a reply to HISTORY: sets the states of its messages.
    SetStates { user: UserName, target: RequestedTarget, records: Vec<HistoryRecord> },
    /// Takes a message back.
    Erase { user: UserName, target: RequestedTarget, seq: Seq, sought: Sought },
    /// Requests a message and how far it has come.
    Status { user: UserName, target: RequestedTarget, seq: Seq, page: Page<UserName> },
    /// Lists the user's conversations.
    Chats { user: UserName, page: Page<Seq>, target: Option<Target> },
    /// Lists the users.
    Users { page: Page<UserName> },
    /// Makes the user a member of a room.
    Join { user: UserName, room: RequestedTarget },
    /// Ends the membership.
    Leave { user: UserName, room: RequestedTarget },
    /// Lists the rooms.
    Rooms { user: UserName, page: Page<RoomName> },
    /// Lists the members of a room.
    Members { user: UserName, room: RequestedTarget, page: Page<UserName> },
    /// Sets who may join a room; creates it if it is not there.
    RoomKind { user: UserName, room: RequestedTarget, kind: RoomKind },
    /// Sets the topic of a room.
    Topic { user: UserName, room: RequestedTarget, topic: Topic },
    /// Invites `guest` to a room.
    Invite { user: UserName, room: RequestedTarget, guest: RequestedTarget },
    /// Puts a user out of a room.
    Kick { user: UserName, room: RequestedTarget, other: RequestedTarget },
    /// Gives a room to another member.
    Owner { user: UserName, room: RequestedTarget, other: RequestedTarget },
    /// Requests a direct chat with `callee`, who will expect this token.
    Peer { user: UserName, callee: RequestedTarget, proof: Proof },
    /// Lets `caller` call the user, or not.
    Permit { user: UserName, caller: RequestedTarget, permitted: bool },
    /// Lists whom the user lets call, and whom not.
    Permits { user: UserName },
    /// Opens a RECV session from an address; it replaces an earlier session of the device (`None`: the nameless one).
    /// `order` is the position of its login among all logins.
    /// `key`: the digest of the key with which the device has logged in.
    Open { user: UserName, device: Option<DeviceName>, key: Option<KeyDigest>, order: u64, address: IpAddr },
    /// Lists the user's devices.
    Devices { user: UserName },
    /// Logs connections of the user out. `asker`: the device of the connection that asks; `closed`: that of the one that is to
    /// be closed.
    LogOut { user: UserName, which: LogOut, asker: Option<DeviceName>, closed: Option<DeviceName> },
    /// Gives the device of the session a key.
    Key { key: DeviceKey },
    /// Looks at the devices, some of which are not to be kept.
    ReviewDevices(Review),
    /// Sets the port on which the session's client takes direct chats; `None`: it takes none.
    Port { port: Option<u16>, fingerprint: Option<Fingerprint> },
    /// Requests events. `wait` is in seconds; `None`: as long as the policy permits.
    Poll { after: After, wait: Option<u64>, max: usize },
    /// The session's client has ended its input: polls are answered at once.
    HungUp,
    /// The session has ended.
    Closed,
}
