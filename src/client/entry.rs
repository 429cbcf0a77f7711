//! One record of the history file, between bytes and values.

use std::sync::Arc;

use super::conversation::Gap;
use super::outbox::Waiting;
use crate::model::{Message, MessageId, RoomName, Seq, State, Target, Text, Timestamp, UserName};
use crate::record::{Fields, Writer};

/// What the history notes. The file's forms are in [`super::history`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Received(Arc<Message>),
    Sent(Arc<Message>),
    /// Looked up in a room: said before I joined, or while I was away for too long.
    Past(Arc<Message>),
    /// Said in a direct chat, by either side; without a number.
    Direct(Arc<Message>),
    /// Never sent, for this reason.
    Failed(Waiting, String),
    State {
        seq: Seq,
        target: Target,
        state: State,
        upto: Seq,
        at: Timestamp,
    },
    /// So many received messages, from the file's beginning, were shown.
    Shown(u64),
    /// Whether what this user says is hidden, from here on.
    Ignored(UserName, bool),
    /// What the server keeps for those who look back, and does not send.
    Gap(Gap),
    Position {
        store: String,
        last: Seq,
    },
}

impl Entry {
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        match self {
            Self::Received(message) => message_fields(w.plain("IN"), message),
            Self::Sent(message) => message_fields(w.plain("OUT"), message),
            Self::Past(message) => message_fields(w.plain("PAST"), message),
            Self::Direct(m) => {
                w.plain("DIRECT").plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at).text(m.text.as_str())
            }
            Self::Failed(m, why) => {
                w.plain("FAILED").plain(&m.id).plain(&m.to).plain(m.at).text(m.text.as_str()).text(why)
            }
            Self::State { seq, target, state, upto, at } => {
                w.plain("STATE").plain(seq).plain(target).plain(state).plain(upto).plain(at)
            }
            Self::Shown(count) => w.plain("SHOWN").plain(count),
            Self::Ignored(user, yes) => w.plain("IGNORE").plain(user).plain(if *yes { "yes" } else { "no" }),
            Self::Gap(gap) => w.plain("GAP").plain(&gap.room).plain(gap.first).plain(gap.last),
            Self::Position { store, last } => w.plain("POSITION").text(store).plain(last),
        };
        w.end();
    }

    /// The id of a message that was sent, or failed.
    pub fn id(&self) -> Option<&MessageId> {
        match self {
            Self::Sent(message) => Some(&message.id),
            Self::Failed(message, _) => Some(&message.id),
            _ => None,
        }
    }

    /// Reads a record. `None`: it is none of ours.
    pub fn read(f: &Fields) -> Option<Self> {
        Some(match f.get(0)? {
            "IN" => Self::Received(read_message(f)?),
            "OUT" => Self::Sent(read_message(f)?),
            "PAST" => Self::Past(read_message(f)?),
            "DIRECT" => Self::Direct(Message::from_fields(f, Seq::ZERO, 1, 5).map(Arc::new)?),
            "FAILED" => Self::Failed(read_waiting(f)?, f.get(5)?.to_owned()),
            "STATE" => read_state(f)?,
            "SHOWN" => Self::Shown(f.get(1)?.parse().ok()?),
            "IGNORE" => Self::Ignored(UserName::new(f.get(1)?).ok()?, f.get(2)? == "yes"),
            "GAP" => Self::Gap(read_gap(f)?),
            "POSITION" => Self::Position { store: f.get(1)?.to_owned(), last: Seq::parse(f.get(2)?)? },
            _ => return None,
        })
    }
}

fn message_fields<'a, 'b>(w: &'b mut Writer<'a>, m: &Message) -> &'b mut Writer<'a> {
    w.plain(m.seq).plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at).text(m.text.as_str())
}

fn read_message(f: &Fields) -> Option<Arc<Message>> {
    Message::from_fields(f, Seq::parse(f.get(1)?)?, 2, 6).map(Arc::new)
}

fn read_waiting(f: &Fields) -> Option<Waiting> {
    Some(Waiting {
        id: MessageId::new(f.get(1)?)?,
        to: Target::parse(f.get(2)?).ok()?,
        at: Timestamp::parse(f.get(3)?)?,
        text: Text::new(f.get(4)?)?,
    })
}

fn read_gap(f: &Fields) -> Option<Gap> {
    Some(Gap { room: RoomName::new(f.get(1)?).ok()?, first: Seq::parse(f.get(2)?)?, last: Seq::parse(f.get(3)?)? })
}

fn read_state(f: &Fields) -> Option<Entry> {
    Some(Entry::State {
        seq: Seq::parse(f.get(1)?)?,
        target: Target::parse(f.get(2)?).ok()?,
        state: State::parse(f.get(3)?)?,
        upto: Seq::parse(f.get(4)?)?,
        at: Timestamp::parse(f.get(5)?)?,
    })
}
