//! The records of the client's log: one line each.
//!
//! ```text
//! QUEUED;<id>;<to>;<at>;<text>               typed, and to be sent: it is in the outbox
//! TRIED;<id>;<seq>                           about to be sent; if the server has it, its number is above this one
//! SENT;<id>;<seq>;<at>                       the server has it; it leaves the outbox
//! FAILED;<id>;<why>                          the server refused it for good; it leaves the outbox
//! MOVED;<id>                                 another program of the same user sends it; it leaves the outbox
//! IN;<seq>;<id>;<from>;<to>;<at>;<text>      received
//! PAST;<seq>;<id>;<from>;<to>;<at>;<text>    of a room, from before the user joined it
//! MISSED;<seq>;<id>;<from>;<to>;<at>;<text>  another program of the user has received or sent it
//! DIRECT;<id>;<from>;<to>;<at>;<text>        said in a direct chat, by either side
//! STATE;<seq>;<target>;<state>;<upto>;<at>   all the user sent there, up to that number, has this state
//! REACHED;<target>;<state>;<upto>            the same, as HISTORY says it
//! SHOWN;<n>                                  the first n received messages of this log were shown
//! SEEN;<target>;<upto>                       the user has seen the messages there up to this number
//! FILLED;<target>;<first>;<last>             no message of that conversation among these numbers is missing any more
//! GAP;<target>;<first>;<last>                these numbers of that conversation are with the server only
//! COMPLETE;<target>;<upto>;<count>;<erased>  of that conversation nothing else up to there is missing here: the server
//!                                            counts this many messages, and so many of all that were taken back; -: the
//!                                            number is not known
//! ERASED;<target>;<first>;<last>;<from>;<event or row>
//!                                            the messages of that user among these numbers were taken back: an event has
//!                                            told of it, or a row without its text
//! EMPTIED;<target>;<from>;<id>               that message was taken back, also where it has a number of an earlier store
//! CLEANED                                    no record before has the text of a message that was taken back before
//! IGNORE;<user>;<yes or no>                  messages of this user are hidden, or shown again
//! MUTE;<target>;<yes or no>                  the user wants no notices of this conversation, or wants them again
//! SET;<setting>;<on or off>                  the user has turned a setting on or off
//! DEVICE;<name>                              the server has known this client by this name of a device
//! NEWEST;<seq>                               numbers up to this one were seen, in records that were removed
//! POSITION;<store>;<last>                    every event of that store up to this number is above
//! ```

use std::sync::Arc;

use super::conversation::Complete;
use super::outgoing::Outgoing;
use super::row::Gap;
use crate::model::{DeviceName, Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use crate::protocol::codec::{Codec, field};
use crate::record::{Fields, Writer};

/// One change of the client's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Queued(Outgoing),
    Tried { id: MessageId, above: Seq },
    Sent { id: MessageId, seq: Seq, at: Timestamp },
    Failed { id: MessageId, why: String },
    Moved(MessageId),
    Received(Arc<Message>),
    Fetched(Arc<Message>),
    Missed(Arc<Message>),
    Direct(Arc<Message>),
    State { seq: Seq, target: Target, state: State, upto: Seq, at: Timestamp },
    Reached { target: Target, state: State, upto: Seq },
    Shown(u64),
    Seen { target: Target, upto: Seq },
    Filled(Gap),
    Ignored(UserName, bool),
    Muted(Target, bool),
    Set(Switch, bool),
    Gap(Gap),
    Complete(Target, Complete),
    Erased { rows: Gap, from: UserName, is_event: bool },
    Emptied { target: Target, from: UserName, id: MessageId },
    Cleaned,
    Device(DeviceName),
    Newest(Seq),
    Position { store: String, last: Seq },
}

/// A setting that the user turns on or off at the keyboard. All of them are off at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// The lines that say who joins, leaves, comes and goes are hidden.
    Quiet,
}

impl Switch {
    pub const ALL: [Self; 1] = [Self::Quiet];

    /// Returns its name, as it is typed and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|switch| switch.name() == name)
    }
}

impl Record {
    /// Checks that it concerns a message that is or was in the outbox.
    pub(super) fn is_of_outbox(&self) -> bool {
        let tried = matches!(self, Self::Queued(_) | Self::Tried { .. });
        tried || matches!(self, Self::Sent { .. } | Self::Failed { .. } | Self::Moved(_))
    }

    /// Reads a gap whose first field has this index.
    pub(super) fn read_gap(f: &Fields, index: usize) -> Option<Gap> {
        let target = Target::from_stored(f.get(index)?)?;
        Some(Gap { target, first: field(f, index + 1)?, last: field(f, index + 2)? })
    }
}

impl Codec for Record {
    fn write_fields(&self, w: &mut Writer) {
        match self {
            Self::Queued(m) => m.text.write(w.plain("QUEUED").plain(&m.id).plain(m.to.stored()).plain(m.at)),
            Self::Tried { id, above } => w.plain("TRIED").plain(id).plain(above),
            Self::Sent { id, seq, at } => w.plain("SENT").plain(id).plain(seq).plain(at),
            Self::Failed { id, why } => w.plain("FAILED").plain(id).text(why),
            Self::Moved(id) => w.plain("MOVED").plain(id),
            Self::Received(message) => message.write_stored(w.plain("IN").plain(message.seq)),
            Self::Fetched(message) => message.write_stored(w.plain("PAST").plain(message.seq)),
            Self::Missed(message) => message.write_stored(w.plain("MISSED").plain(message.seq)),
            Self::Direct(message) => message.write_stored(w.plain("DIRECT")),
            Self::State { seq, target, state, upto, at } => {
                w.plain("STATE").plain(seq).plain(target.stored()).plain(state).plain(upto).plain(at)
            }
            Self::Reached { target, state, upto } => w.plain("REACHED").plain(target.stored()).plain(state).plain(upto),
            Self::Shown(count) => w.plain("SHOWN").plain(count),
            Self::Seen { target, upto } => w.plain("SEEN").plain(target.stored()).plain(upto),
            Self::Filled(gap) => w.plain("FILLED").plain(gap.target.stored()).plain(gap.first).plain(gap.last),
            Self::Ignored(user, yes) => w.plain("IGNORE").plain(user.stored()).plain(if *yes { "yes" } else { "no" }),
            Self::Muted(target, yes) => w.plain("MUTE").plain(target.stored()).plain(if *yes { "yes" } else { "no" }),
            Self::Set(switch, on) => w.plain("SET").plain(switch.name()).plain(if *on { "on" } else { "off" }),
            Self::Gap(gap) => w.plain("GAP").plain(gap.target.stored()).plain(gap.first).plain(gap.last),
            Self::Complete(target, Complete { upto, count, erased }) => {
                write_erased(*erased, w.plain("COMPLETE").plain(target.stored()).plain(upto).plain(count))
            }
            Self::Erased { rows, from, is_event } => {
                w.plain("ERASED").plain(rows.target.stored()).plain(rows.first).plain(rows.last).plain(from.stored());
                w.plain(if *is_event { "event" } else { "row" })
            }
            Self::Cleaned => w.plain("CLEANED"),
            Self::Emptied { target, from, id } => {
                w.plain("EMPTIED").plain(target.stored()).plain(from.stored()).plain(id)
            }
            Self::Device(name) => w.plain("DEVICE").plain(name),
            Self::Newest(seq) => w.plain("NEWEST").plain(seq),
            Self::Position { store, last } => w.plain("POSITION").text(store).plain(last),
        };
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Some(match f.get(0)? {
            "QUEUED" => {
                let id = field(f, 1)?;
                let to = Target::from_stored(f.get(2)?)?;
                Self::Queued(Outgoing { id, to, at: field(f, 3)?, text: Text::read(f, 4)? })
            }
            "TRIED" => Self::Tried { id: field(f, 1)?, above: field(f, 2)? },
            "SENT" => Self::Sent { id: field(f, 1)?, seq: field(f, 2)?, at: field(f, 3)? },
            "FAILED" => Self::Failed { id: field(f, 1)?, why: f.get(2)?.to_owned() },
            "MOVED" => Self::Moved(field(f, 1)?),
            "IN" => Self::Received(read_message(f, 1)?),
            "PAST" => Self::Fetched(read_message(f, 1)?),
            "MISSED" => Self::Missed(read_message(f, 1)?),
            "DIRECT" => Self::Direct(Message::from_stored(f, Seq::ZERO, 1).map(Arc::new)?),
            "STATE" => {
                let target = Target::from_stored(f.get(2)?)?;
                let state = field(f, 3)?;
                Self::State { seq: field(f, 1)?, target, state, upto: field(f, 4)?, at: field(f, 5)? }
            }
            "REACHED" => {
                let target = Target::from_stored(f.get(1)?)?;
                Self::Reached { target, state: field(f, 2)?, upto: field(f, 3)? }
            }
            "SHOWN" => Self::Shown(f.get(1)?.parse().ok()?),
            "SEEN" => Self::Seen { target: Target::from_stored(f.get(1)?)?, upto: field(f, 2)? },
            "FILLED" => Self::Filled(Self::read_gap(f, 1)?),
            "IGNORE" => Self::Ignored(UserName::from_stored(f.get(1)?)?, f.get(2)? == "yes"),
            "MUTE" => Self::Muted(Target::from_stored(f.get(1)?)?, f.get(2)? == "yes"),
            "SET" => Self::Set(Switch::parse(f.get(1)?)?, f.get(2)? == "on"),
            "GAP" => Self::Gap(Self::read_gap(f, 1)?),
            "COMPLETE" => {
                let target = Target::from_stored(f.get(1)?)?;
                Self::Complete(target, Complete { upto: field(f, 2)?, count: field(f, 3)?, erased: read_erased(f, 4)? })
            }
            "ERASED" => {
                let from = UserName::from_stored(f.get(4)?)?;
                Self::Erased { rows: Self::read_gap(f, 1)?, from, is_event: f.get(5)? == "event" }
            }
            "CLEANED" => Self::Cleaned,
            "EMPTIED" => {
                let target = Target::from_stored(f.get(1)?)?;
                Self::Emptied { target, from: UserName::from_stored(f.get(2)?)?, id: field(f, 3)? }
            }
            "DEVICE" => Self::Device(field(f, 1)?),
            "NEWEST" => Self::Newest(field(f, 1)?),
            "POSITION" => Self::Position { store: f.get(1)?.to_owned(), last: field(f, 2)? },
            _ => return None,
        })
    }
}

/// Writes a count of messages that were taken back.
pub(super) fn write_erased<'a, 'b>(erased: Option<u64>, w: &'b mut Writer<'a>) -> &'b mut Writer<'a> {
    match erased {
        Some(count) => w.plain(count),
        None => w.plain("-"),
    }
}

/// Reads a count of messages that were taken back. A record from before there were any has none.
pub(super) fn read_erased(f: &Fields, index: usize) -> Option<Option<u64>> {
    match f.get(index) {
        None => Some(Some(0)),
        Some("-") => Some(None),
        Some(_) => field(f, index).map(Some),
    }
}

/// Reads a message with its number, which is the field with this index.
pub(super) fn read_message(f: &Fields, index: usize) -> Option<Arc<Message>> {
    Message::from_stored(f, field(f, index)?, index + 1).map(Arc::new)
}
