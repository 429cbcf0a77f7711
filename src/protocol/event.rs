//! What happens to a user, as a poll tells it (protocol, section 7).

use std::fmt;
use std::sync::Arc;

use crate::model::{Message, RoomName, Seq, State, Target, Timestamp, Token, UserName};
use crate::record::{Fields, Writer};

/// One event. Those with a number are kept until they are acknowledged; those without (seq 0 on the
/// wire) are for whoever is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Message(Arc<Message>),
    /// All you sent to `target`, up to `upto`, is now so.
    State {
        seq: Seq,
        target: Target,
        state: State,
        upto: Seq,
        at: Timestamp,
    },
    /// These numbers of a room are to be had by HISTORY only; the event's own number is `last`.
    Gap {
        room: RoomName,
        first: Seq,
        last: Seq,
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
    /// That user is about to call directly with this token (section 8).
    Peer {
        user: UserName,
        token: Token,
    },
}

impl Event {
    /// The event's number; 0 where it has none.
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(message) => message.seq,
            Self::State { seq, .. } => *seq,
            Self::Gap { last, .. } => *last,
            Self::Online { .. } | Self::Offline { .. } | Self::Join { .. } | Self::Part { .. } | Self::Peer { .. } => {
                Seq::ZERO
            }
        }
    }

    /// Writes the event as one line.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        w.plain(self.seq());
        match self {
            Self::Message(m) => {
                w.plain("MSG").plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at).text(m.text.as_str())
            }
            Self::State { target, state, upto, at, .. } => {
                w.plain("STATE").plain(target).plain(state).plain(upto).plain(at)
            }
            Self::Gap { room, first, last } => w.plain("GAP").plain(room).plain(first).plain(last),
            Self::Online { user, at } => w.plain("ONLINE").plain(user).plain(at),
            Self::Offline { user, at } => w.plain("OFFLINE").plain(user).plain(at),
            Self::Join { room, user, at } => w.plain("JOIN").plain(room).plain(user).plain(at),
            Self::Part { room, user, at } => w.plain("PART").plain(room).plain(user).plain(at),
            Self::Peer { user, token } => w.plain("PEER").plain(user).plain(token),
        };
        w.end();
    }

    /// Reads an event's line (without its LF); fields too many are ignored. `Ok(None)` is an event of
    /// a kind that this version does not know: it still has a number to acknowledge, which is why
    /// that is returned beside it.
    pub fn parse(line: &[u8]) -> Result<(Seq, Option<Self>), ReadError> {
        let fields = Fields::parse(line).map_err(|_| ReadError)?;
        let seq = fields.get(0).and_then(Seq::parse).ok_or(ReadError)?;
        let known = match fields.get(1).ok_or(ReadError)? {
            "MSG" => Message::from_fields(&fields, seq, 2, 6).map(|message| Self::Message(Arc::new(message))),
            "STATE" => Self::state(seq, &fields),
            "GAP" => Self::gap(seq, &fields),
            "ONLINE" => Self::presence(&fields).map(|(user, at)| Self::Online { user, at }),
            "OFFLINE" => Self::presence(&fields).map(|(user, at)| Self::Offline { user, at }),
            "JOIN" => Self::move_in(&fields).map(|(room, user, at)| Self::Join { room, user, at }),
            "PART" => Self::move_in(&fields).map(|(room, user, at)| Self::Part { room, user, at }),
            "PEER" => Self::peer(&fields),
            _ => return Ok((seq, None)),
        };
        known.map(|event| (seq, Some(event))).ok_or(ReadError)
    }

    fn state(seq: Seq, f: &Fields) -> Option<Self> {
        Some(Self::State {
            seq,
            target: Target::parse(f.get(2)?).ok()?,
            state: State::parse(f.get(3)?)?,
            upto: Seq::parse(f.get(4)?)?,
            at: Timestamp::parse(f.get(5)?)?,
        })
    }

    fn gap(seq: Seq, f: &Fields) -> Option<Self> {
        let (first, last) = (Seq::parse(f.get(3)?)?, Seq::parse(f.get(4)?)?);
        (last == seq).then_some(Self::Gap { room: RoomName::new(f.get(2)?).ok()?, first, last })
    }

    fn move_in(f: &Fields) -> Option<(RoomName, UserName, Timestamp)> {
        Some((RoomName::new(f.get(2)?).ok()?, UserName::new(f.get(3)?).ok()?, Timestamp::parse(f.get(4)?)?))
    }

    fn peer(f: &Fields) -> Option<Self> {
        Some(Self::Peer { user: UserName::new(f.get(2)?).ok()?, token: Token::parse(f.get(3)?)? })
    }

    fn presence(f: &Fields) -> Option<(UserName, Timestamp)> {
        Some((UserName::new(f.get(2)?).ok()?, Timestamp::parse(f.get(3)?)?))
    }
}

/// A line that should have been an event, a record or a reply, and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError;

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line is not of the form that the protocol gives it")
    }
}
