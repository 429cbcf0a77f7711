//! Events: the records of a POLL reply (protocol, section 7).

use std::sync::Arc;

use super::codec::{Codec, Field, field, optional_field, write_message, write_optional};
use crate::model::{Message, Proof, RoomKind, RoomName, Seq, State, Target, Text, Timestamp, Topic, UserName};
use crate::record::{Fields, Writer};

/// One event. An event with a number is kept until its recipient acknowledges it. An event without one (seq 0
/// on the wire) goes to the sessions that are open, and is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Message(Arc<Message>),
    /// Every message of the recipient to `target` up to the number `upto` has reached this state.
    State {
        seq: Seq,
        target: Target,
        state: State,
        upto: Seq,
        at: Timestamp,
    },
    /// The messages of a room from `first` to `last` are available by HISTORY only; `last` is the event's number.
    Gap {
        room: RoomName,
        first: Seq,
        last: Seq,
    },
    /// The message with this number is damaged on the server.
    Damaged {
        seq: Seq,
        target: Target,
    },
    /// The messages of `from` in the conversation from `first` to `last` were taken back.
    Erased {
        seq: Seq,
        target: Target,
        first: Seq,
        last: Seq,
        from: UserName,
    },
    Online {
        user: UserName,
        at: Timestamp,
    },
    Offline {
        user: UserName,
        at: Timestamp,
    },
    Join {
        room: RoomName,
        user: UserName,
        at: Timestamp,
    },
    Part {
        room: RoomName,
        user: UserName,
        at: Timestamp,
    },
    /// The owner of a room has set its kind, its owner or its topic.
    Room {
        room: RoomName,
        kind: RoomKind,
        owner: Option<UserName>,
        topic: Topic,
    },
    /// That user, who owns a room, has invited the recipient.
    Invite {
        room: RoomName,
        from: UserName,
    },
    /// Another session of the user has said that the user has read a conversation up to a number.
    Read {
        target: Target,
        upto: Seq,
    },
    /// That user is about to connect for a direct chat, with this proof (protocol, section 8).
    Peer {
        user: UserName,
        proof: Proof,
    },
    /// That user wanted to call, and was not let through (protocol, section 7).
    Call {
        user: UserName,
        at: Timestamp,
    },
    /// The administrator tells all users who are online.
    Notice {
        at: Timestamp,
        text: Text,
    },
    /// An event of a later version, of which a client acknowledges the number. This version never sends it.
    Unknown {
        seq: Seq,
        kind: Box<str>,
    },
}

impl Event {
    /// Returns whether a transient event is about a room.
    pub fn tells_of(&self, of: &RoomName) -> bool {
        match self {
            Self::Join { room, .. } | Self::Part { room, .. } => room == of,
            Self::Room { room, .. } | Self::Invite { room, .. } => room == of,
            Self::Read { target, .. } => target.room() == Some(of),
            _ => false,
        }
    }

    /// Returns the event's number; 0 if it has none.
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(message) => message.seq,
            Self::State { seq, .. }
            | Self::Gap { last: seq, .. }
            | Self::Damaged { seq, .. }
            | Self::Erased { seq, .. }
            | Self::Unknown { seq, .. } => *seq,
            Self::Online { .. } | Self::Offline { .. } | Self::Join { .. } | Self::Part { .. } => Seq::ZERO,
            Self::Room { .. } | Self::Invite { .. } => Seq::ZERO,
            Self::Read { .. } | Self::Peer { .. } | Self::Call { .. } | Self::Notice { .. } => Seq::ZERO,
        }
    }
}

impl Codec for Event {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(self.seq());
        match self {
            Self::Message(message) => write_message(record.plain("MSG"), message),
            Self::State { target, state, upto, at, .. } => {
                record.plain("STATE").plain(target).plain(state).plain(upto).plain(at)
            }
            Self::Gap { room, first, last } => record.plain("GAP").plain(room).plain(first).plain(last),
            Self::Damaged { target, .. } => record.plain("DAMAGED").plain(target),
            Self::Erased { target, first, last, from, .. } => {
                record.plain("ERASED").plain(target).plain(first).plain(last).plain(from)
            }
            Self::Online { user, at } => record.plain("ONLINE").plain(user).plain(at),
            Self::Offline { user, at } => record.plain("OFFLINE").plain(user).plain(at),
            Self::Join { room, user, at } => record.plain("JOIN").plain(room).plain(user).plain(at),
            Self::Part { room, user, at } => record.plain("PART").plain(room).plain(user).plain(at),
            Self::Room { room, kind, owner, topic } => {
                record.plain("ROOM").plain(room).plain(kind);
                Field::write(owner, record);
                record.text(topic.as_str())
            }
            Self::Invite { room, from } => record.plain("INVITE").plain(room).plain(from),
            Self::Read { target, upto } => record.plain("READ").plain(target).plain(upto),
            Self::Peer { user, proof: Proof { token, fingerprint } } => {
                write_optional(record.plain("PEER").plain(user).plain(token), fingerprint.as_ref())
            }
            Self::Call { user, at } => record.plain("CALL").plain(user).plain(at),
            Self::Notice { at, text } => record.plain("NOTICE").plain(at).text(text.as_str()),
            Self::Unknown { kind, .. } => record.text(kind),
        };
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let seq = field(f, 0)?;
        let kind = f.get(1)?;
        match EVENTS.iter().find(|form| form.word() == kind) {
            Some(form) => (form.read)(seq, f),
            None => Some(Self::Unknown { seq, kind: kind.into() }),
        }
    }
}

/// One kind of event.
pub struct EventForm {
    /// The form of the record, for people.
    pub form: &'static str,
    /// Its meaning, for people.
    pub help: &'static str,
    /// Reads the fields after the word; `None`: not of that form.
    read: fn(Seq, &Fields) -> Option<Event>,
}

impl EventForm {
    /// Returns the word after the number.
    pub fn word(&self) -> &'static str {
        self.form.split(';').nth(1).unwrap_or_default()
    }
}

/// The kinds of events, from which the parser, the protocol's page and the dissector are made.
pub const EVENTS: &[EventForm] = &[
    EventForm {
        form: "<seq>;MSG;<id>;<from>;<to>;<at>;<text>[;erased]",
        help: "a message to the user, or to a room of the user",
        read: |seq, f| Message::from_fields(f, seq, 2, 6).map(|message| Event::Message(Arc::new(message))),
    },
    EventForm {
        form: "<seq>;STATE;<user or #room>;<state>;<upto>;<at>",
        help: "messages of the user have reached a state",
        read: |seq, f| {
            let target = field(f, 2)?;
            let state = field(f, 3)?;
            let upto = field(f, 4)?;
            let at = field(f, 5)?;
            Some(Event::State { seq, target, state, upto, at })
        },
    },
    EventForm {
        form: "<seq>;GAP;<#room>;<first>;<last>",
        help: "messages of a room that HISTORY alone has",
        read: |seq, f| {
            let room = field(f, 2)?;
            let first = field(f, 3)?;
            let last = field(f, 4)?;
            (last == seq).then_some(Event::Gap { room, first, last })
        },
    },
    EventForm {
        form: "<seq>;DAMAGED;<user or #room>",
        help: "a message that the server cannot read",
        read: |seq, f| Some(Event::Damaged { seq, target: field(f, 2)? }),
    },
    EventForm {
        form: "<seq>;ERASED;<user or #room>;<first>;<last>;<from>",
        help: "messages of a user were taken back",
        read: |seq, f| {
            let target = field(f, 2)?;
            let first = field(f, 3)?;
            let last = field(f, 4)?;
            let is_range = Seq::ZERO < first && first <= last;
            is_range.then_some(Event::Erased { seq, target, first, last, from: field(f, 5)? })
        },
    },
    EventForm {
        form: "0;ONLINE;<user>;<at>",
        help: "a user has opened a session",
        read: |_, f| Some(Event::Online { user: field(f, 2)?, at: field(f, 3)? }),
    },
    EventForm {
        form: "0;OFFLINE;<user>;<at>",
        help: "a user's session has ended",
        read: |_, f| Some(Event::Offline { user: field(f, 2)?, at: field(f, 3)? }),
    },
    EventForm {
        form: "0;JOIN;<#room>;<user>;<at>",
        help: "a user has joined a room of the user",
        read: |_, f| Some(Event::Join { room: field(f, 2)?, user: field(f, 3)?, at: field(f, 4)? }),
    },
    EventForm {
        form: "0;PART;<#room>;<user>;<at>",
        help: "a user has left it",
        read: |_, f| Some(Event::Part { room: field(f, 2)?, user: field(f, 3)?, at: field(f, 4)? }),
    },
    EventForm {
        form: "0;ROOM;<#room>;<open or invite>;<owner>;<topic>",
        help: "the owner of a room of the user has changed it",
        read: |_, f| {
            let (kind, owner) = (field(f, 3)?, field(f, 4)?);
            Some(Event::Room { room: field(f, 2)?, kind, owner, topic: field(f, 5)? })
        },
    },
    EventForm {
        form: "0;INVITE;<#room>;<from>",
        help: "the owner of a room has invited the user",
        read: |_, f| Some(Event::Invite { room: field(f, 2)?, from: field(f, 3)? }),
    },
    EventForm {
        form: "0;READ;<user or #room>;<upto>",
        help: "the user has read a conversation on another device",
        read: |_, f| Some(Event::Read { target: field(f, 2)?, upto: field(f, 3)? }),
    },
    EventForm {
        form: "0;PEER;<user>;<token>[;<fingerprint>]",
        help: "a user is about to connect for a direct chat",
        read: |_, f| {
            let proof = Proof { token: field(f, 3)?, fingerprint: optional_field(f, 4)? };
            Some(Event::Peer { user: field(f, 2)?, proof })
        },
    },
    EventForm {
        form: "0;CALL;<user>;<at>",
        help: "a user wanted to call and was not let through",
        read: |_, f| Some(Event::Call { user: field(f, 2)?, at: field(f, 3)? }),
    },
    EventForm {
        form: "0;NOTICE;<at>;<text>",
        help: "the administrator says something to all who are online",
        read: |_, f| Some(Event::Notice { at: field(f, 2)?, text: Text::new(f.get(3)?)? }),
    },
];
