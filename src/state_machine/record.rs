//! Records: the changes of the stored state as lines of the write-ahead log, in the same form as on the wire.
//!
//! Every line begins with the newest sequence number after the record, so that a replay that deviates is noticed at
//! the first difference.

use std::sync::Arc;

use super::{AccountNumber, ConversationId, DeviceNumber};
use crate::cluster::EntryHead;
use crate::limits;
use crate::model::{
    Banned, DeviceName, Email, KeyDigest, Message, RoomKind, RoomName, Seq, ShortText, Target, Timestamp, Topic,
    UserName,
};
use crate::record::{Fields, Writer, optional};

/// One change of the stored state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The head line of an entry of the cluster's log: the records after it are the entry's.
    Entry(EntryHead),
    /// The account was created.
    Account { name: UserName, password_hash: Arc<str>, at: Timestamp },
    /// The user has another password.
    Password { user: UserName, password_hash: Arc<str> },
    /// The user has another e-mail address, or none.
    Email { user: UserName, email: Email },
    /// The account is removed for good; its name stays taken.
    Removed { user: UserName, at: Timestamp },
    /// The user becomes a member of a room, and its creator if it is not there.
    Join { user: UserName, room: RoomName, at: Timestamp },
    /// The user is no longer a member of a room. One without members goes away if it has no messages, or if only invited users
    /// may join it.
    Leave { user: UserName, room: RoomName, at: Timestamp },
    /// The owner of a room has set who may join it.
    RoomKind { room: RoomName, kind: RoomKind },
    /// The owner has set the topic.
    Topic { room: RoomName, topic: Topic },
    /// The owner has invited a user.
    Invited { room: RoomName, user: UserName },
    /// The owner has put a user out.
    Kicked { room: RoomName, user: UserName, at: Timestamp },
    /// The owner has given the room to another member.
    Owner { room: RoomName, user: UserName },
    /// The administrator keeps a user or a network out.
    Banned { banned: Banned, at: Timestamp, until: Option<Timestamp>, reason: ShortText },
    /// The administrator has lifted a ban.
    Unbanned { banned: Banned },
    /// The administrator has removed a room.
    RoomRemoved { room: RoomName, at: Timestamp },
    /// A RECV session of a device of the user began or ended.
    Seen { user: UserName, device: DeviceNumber, at: Timestamp },
    /// A device begins at the number of the user: a new one, or one that has lost its own. `None`: the nameless one.
    Device { user: UserName, device: DeviceNumber, name: Option<DeviceName>, at: Timestamp },
    /// A device is behind by too much, and has no number any more.
    DeviceLost { user: UserName, device: DeviceNumber },
    /// A device is gone with its key.
    DeviceForgotten { user: UserName, device: DeviceNumber },
    /// The server has looked at the devices, whose clock goes on.
    Looked { at: Timestamp },
    /// A device has another key, or none.
    DeviceKey { user: UserName, device: DeviceNumber, key: Option<KeyDigest> },
    /// The user lets another one call, or not.
    Permit { user: UserName, caller: UserName, permitted: bool },
    /// A message was accepted.
    Message(Arc<Message>),
    /// The messages of a user in a conversation from `first` to `last` were taken back: `rows` of them had a text.
    Erased { conversation: ConversationId, from: UserName, first: Seq, last: Seq, rows: u64 },
    /// Cumulative acknowledgements of one batch: each client holds every event up to a number.
    Acknowledged { users: Vec<Acknowledgement>, at: Timestamp },
    /// The user has read every message of a conversation up to a number. `last_of_peer` is the number of the last one
    /// among them from the peer; `None` in a room, which counts its recipients.
    Read { user: UserName, target: Target, upto: Seq, last_of_peer: Option<Seq>, at: Timestamp },
}

/// The cumulative acknowledgement of a user's device. In the order in which a record groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acknowledgement {
    pub upto: Seq,
    pub device: DeviceNumber,
    pub user: AccountNumber,
}

impl Record {
    /// Writes the record as one line; `last` is the newest number after it.
    pub fn write(&self, last: Seq, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        w.plain(last);
        match self {
            Self::Entry(head) => {
                head.write_fields(w.plain(EntryHead::WORD));
                &mut w
            }
            Self::Account { name, password_hash, at } => {
                w.plain("ACCOUNT").plain(name.stored()).plain(at).text(password_hash)
            }
            Self::Password { user, password_hash } => w.plain("PASSWORD").plain(user.stored()).text(password_hash),
            Self::Email { user, email } => w.plain("EMAIL").plain(user.stored()).text(email.as_str()),
            Self::Removed { user, at } => w.plain("REMOVED").plain(user.stored()).plain(at),
            Self::Join { user, room, at } => w.plain("JOIN").plain(user.stored()).plain(room.stored()).plain(at),
            Self::Leave { user, room, at } => w.plain("LEAVE").plain(user.stored()).plain(room.stored()).plain(at),
            Self::RoomKind { room, kind } => w.plain("ROOM_KIND").plain(room.stored()).plain(kind),
            Self::Topic { room, topic } => w.plain("TOPIC").plain(room.stored()).text(topic.as_str()),
            Self::Invited { room, user } => w.plain("INVITED").plain(room.stored()).plain(user.stored()),
            Self::Kicked { room, user, at } => w.plain("KICKED").plain(room.stored()).plain(user.stored()).plain(at),
            Self::Owner { room, user } => w.plain("OWNER").plain(room.stored()).plain(user.stored()),
            Self::Banned { banned, at, until, reason } => {
                let until = until.map_or(String::new(), |until| until.to_string());
                w.plain("BANNED").plain(banned.stored()).plain(at).plain(until).text(reason.as_str())
            }
            Self::Unbanned { banned } => w.plain("UNBANNED").plain(banned.stored()),
            Self::RoomRemoved { room, at } => w.plain("ROOM_REMOVED").plain(room.stored()).plain(at),
            Self::Seen { user, device, at } => {
                let w = w.plain("SEEN").plain(user.stored()).plain(at);
                if device.is_named() { w.plain(device.get()) } else { w }
            }
            Self::Device { user, device, name, at } => {
                let name = name.as_ref().map_or("", DeviceName::as_str);
                w.plain("DEVICE").plain(user.stored()).plain(device.get()).plain(name).plain(at)
            }
            Self::DeviceLost { user, device } => w.plain("DEVICE_LOST").plain(user.stored()).plain(device.get()),
            Self::DeviceForgotten { user, device } => {
                w.plain("DEVICE_FORGOTTEN").plain(user.stored()).plain(device.get())
            }
            Self::Looked { at } => w.plain("LOOKED").plain(at),
            Self::DeviceKey { user, device, key } => {
                let key = key.map_or(String::new(), |key| key.to_string());
                w.plain("DEVICE_KEY").plain(user.stored()).plain(device.get()).plain(key)
            }
            Self::Permit { user, caller, permitted } => {
                let word = if *permitted { "yes" } else { "no" };
                w.plain("PERMIT").plain(user.stored()).plain(caller.stored()).plain(word)
            }
            Self::Message(m) => m.write_stored(w.plain("MSG")),
            Self::Erased { conversation, from, first, last, rows } => w
                .plain("ERASED")
                .plain(conversation.to_string())
                .plain(from.stored())
                .plain(first)
                .plain(last)
                .plain(*rows),
            Self::Acknowledged { users, at } => write_acknowledged(users, w.plain("ACK").plain(at)),
            Self::Read { user, target, upto, last_of_peer, at } => w
                .plain("READ")
                .plain(user.stored())
                .plain(target.stored())
                .plain(upto)
                .plain(last_of_peer.unwrap_or_default())
                .plain(at),
        };
        w.end();
    }

    /// Reads a line without its LF: the newest number after the record, and the record.
    pub fn parse(line: &[u8]) -> Option<(Seq, Self)> {
        let fields = Fields::parse(line).ok()?;
        let last = Seq::parse(fields.get(0)?)?;
        Self::from_fields(last, &fields).map(|record| (last, record))
    }

    fn from_fields(last: Seq, f: &Fields) -> Option<Self> {
        let user = |index| f.get(index).and_then(UserName::from_stored);
        let time = |index| f.get(index).and_then(Timestamp::parse);
        let room = |index| f.get(index).and_then(RoomName::from_stored);
        let device = |index| f.get(index).and_then(DeviceNumber::parse);
        // A row of a table is one line.
        let hash = |index| f.get(index).filter(|hash| !hash.contains(char::is_control)).map(Arc::from);
        Some(match f.get(1)? {
            EntryHead::WORD => Self::Entry(EntryHead::from_fields(f)?),
            "ACCOUNT" => Self::Account { name: user(2)?, at: time(3)?, password_hash: hash(4)? },
            "PASSWORD" => Self::Password { user: user(2)?, password_hash: hash(3)? },
            "EMAIL" => Self::Email { user: user(2)?, email: Email::new(f.get(3)?)? },
            "REMOVED" => Self::Removed { user: user(2)?, at: time(3)? },
            "JOIN" => Self::Join { user: user(2)?, room: room(3)?, at: time(4)? },
            "LEAVE" => Self::Leave { user: user(2)?, room: room(3)?, at: time(4)? },
            "ROOM_KIND" => Self::RoomKind { room: room(2)?, kind: RoomKind::parse(f.get(3)?)? },
            "TOPIC" => Self::Topic { room: room(2)?, topic: Topic::new(f.get(3)?)? },
            "INVITED" => Self::Invited { room: room(2)?, user: user(3)? },
            "KICKED" => Self::Kicked { room: room(2)?, user: user(3)?, at: time(4)? },
            "OWNER" => Self::Owner { room: room(2)?, user: user(3)? },
            "BANNED" => Self::Banned {
                banned: Banned::from_stored(f.get(2)?)?,
                at: time(3)?,
                until: optional(f.get(4)?, Timestamp::parse)?,
                reason: ShortText::new(f.get(5)?)?,
            },
            "UNBANNED" => Self::Unbanned { banned: Banned::from_stored(f.get(2)?)? },
            "ROOM_REMOVED" => Self::RoomRemoved { room: room(2)?, at: time(3)? },
            "SEEN" => {
                let device = if f.len() > 4 { device(4)? } else { DeviceNumber::NAMELESS };
                Self::Seen { user: user(2)?, device, at: time(3)? }
            }
            "DEVICE" => {
                let name = optional(f.get(4)?, DeviceName::new)?;
                let device = device(3).filter(|device| device.is_named() == name.is_some())?;
                Self::Device { user: user(2)?, device, name, at: time(5)? }
            }
            "DEVICE_LOST" => Self::DeviceLost { user: user(2)?, device: device(3)? },
            "DEVICE_FORGOTTEN" => Self::DeviceForgotten { user: user(2)?, device: device(3)? },
            "LOOKED" => Self::Looked { at: time(2)? },
            "DEVICE_KEY" => {
                Self::DeviceKey { user: user(2)?, device: device(3)?, key: optional(f.get(4)?, KeyDigest::parse)? }
            }
            "PERMIT" => {
                let permitted = ["no", "yes"].iter().position(|word| f.get(4) == Some(word))? == 1;
                Self::Permit { user: user(2)?, caller: user(3)?, permitted }
            }
            "MSG" => Self::Message(Arc::new(Message::from_stored(f, last, 2)?)),
            "ERASED" => Self::Erased {
                conversation: ConversationId::parse(f.get(2)?)?,
                from: user(3)?,
                first: Seq::parse(f.get(4)?)?,
                last: Seq::parse(f.get(5)?)?,
                rows: f.get(6)?.parse().ok()?,
            },
            "ACK" => Self::Acknowledged { at: time(2)?, users: parse_acknowledged(f)? },
            "READ" => Self::Read {
                user: user(2)?,
                target: Target::from_stored(f.get(3)?)?,
                upto: Seq::parse(f.get(4)?)?,
                last_of_peer: Some(Seq::parse(f.get(5)?)?).filter(|seq| *seq != Seq::ZERO),
                at: time(6)?,
            },
            _ => return None,
        })
    }
}

/// Writes a field for each number that was acknowledged, `<number>[.<device>]:<accounts>`: without a device it is the
/// nameless one; the accounts by number, in ranges.
fn write_acknowledged<'a, 'b>(users: &[Acknowledgement], w: &'a mut Writer<'b>) -> &'a mut Writer<'b> {
    for same in users.chunk_by(|one, other| (one.upto, one.device) == (other.upto, other.device)) {
        let ranges = same.chunk_by(|one, next| one.user.index() + 1 == next.user.index());
        let ranges = ranges.filter_map(|range| range.first().zip(range.last())).map(|(first, last)| {
            let (first, last) = (first.user.index(), last.user.index());
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        });
        let ranges = ranges.collect::<Vec<_>>().join(",");
        if let Some(Acknowledgement { upto, device, .. }) = same.first() {
            let device = if device.is_named() { format!(".{}", device.get()) } else { String::new() };
            w.plain(format!("{upto}{device}:{ranges}"));
        }
    }
    w
}

fn parse_acknowledged(f: &Fields) -> Option<Vec<Acknowledgement>> {
    let mut users = Vec::new();
    for field in f.iter().skip(3) {
        let (number, ranges) = field.split_once(':')?;
        let (upto, device) = match number.split_once('.') {
            Some((upto, device)) => (upto, DeviceNumber::parse(device)?),
            None => (number, DeviceNumber::NAMELESS),
        };
        let upto = Seq::parse(upto)?;
        for range in ranges.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let first = first.parse::<usize>().ok()?;
            let last = last.parse::<usize>().ok()?;
            let count = last.checked_add(1)?.checked_sub(first)?;
            if count.saturating_add(users.len()) > limits::ACKNOWLEDGEMENTS {
                return None;
            }
            let users_of = (first..=last).map(AccountNumber::new);
            users.extend(users_of.map(|user| Acknowledgement { upto, device, user }));
        }
    }
    Some(users)
}
