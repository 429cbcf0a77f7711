//! The lines on standard output: one struct a kind. Its fields are those of the JSON object; scripts rely on them, so
//! a field may be added and none changed. Times in JSON are RFC 3339, UTC.

use serde::{Serialize, Serializer};

use crate::client::state::outgoing::Outgoing;
use crate::client::{Exit, Failure};
use crate::model::safe::{indented, safe};
use crate::model::{Message, MessageId, RoomKind, RoomName, Seq, State, Target, Text, Timestamp, UserName};
use crate::protocol::{Event, HistoryRecord, Room, User};
use crate::texts::when::when;

/// Makes JSON strings of values, as `Display` writes them.
macro_rules! serialize_as_text {
    ($($kind:ty),+) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

serialize_as_text!(MessageId, RoomName, State, Target, Text, Timestamp, UserName);

impl Serialize for Seq {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

/// A line of output, in either form.
pub trait Line: Serialize {
    /// Returns the form for people and `grep`, without control characters.
    fn plain(&self) -> String;
}

/// Returns a state in the word that `--wait` takes.
fn word(state: State) -> String {
    state.to_string().to_lowercase()
}

/// A message.
#[derive(Serialize)]
pub struct MessageLine {
    seq: Seq,
    id: MessageId,
    from: UserName,
    to: Target,
    at: Timestamp,
    /// Its state; only in a history.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    text: Text,
    /// The field of the same name: the text was taken back, and is empty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
    /// Its time for people.
    #[serde(skip)]
    shown_at: String,
}

impl MessageLine {
    pub fn received(message: &Message) -> Self {
        let Message { seq, id, from, to, at, text } = message.clone();
        let erased = text.is_erased();
        Self { seq, id, from, to, at, state: None, text, erased, shown_at: at.to_string() }
    }
}

/// A record of a history.
#[derive(Serialize)]
#[serde(untagged)]
pub enum HistoryLine {
    Message(MessageLine),
    /// The messages with these numbers are damaged on the server.
    Damaged {
        #[serde(rename = "type")]
        kind: &'static str,
        first: u64,
        last: u64,
    },
}

impl HistoryLine {
    /// `now`: the present time, from which a local time gets its date; `None`: the time is shown in UTC.
    pub fn new(record: &HistoryRecord, now: Option<Timestamp>) -> Self {
        match record {
            HistoryRecord::Message { message, state } => {
                let line = MessageLine { state: Some(*state), ..MessageLine::received(message) };
                let shown_at = now.map_or(line.shown_at, |now| when(message.at, now));
                Self::Message(MessageLine { shown_at, ..line })
            }
            HistoryRecord::Damaged { first, last } => {
                Self::Damaged { kind: "damaged", first: first.get(), last: last.get() }
            }
        }
    }
}

impl Line for HistoryLine {
    fn plain(&self) -> String {
        match self {
            Self::Message(message) => message.plain(),
            Self::Damaged { first, last, .. } => format!("numbers {first} to {last} are damaged on the server"),
        }
    }
}

impl Line for MessageLine {
    /// In a history `12 14:35 read luis: hola`, else `12 2026-11-21T14:35:02.511Z luis: hola`; in a room
    /// `… #sala luis: hola`; of a message that was taken back `… erased luis: `.
    fn plain(&self) -> String {
        let state = self.state.map_or(String::new(), |state| format!("{} ", word(state)));
        let room = if let Target::Room(room) = &self.to { format!("{room} ") } else { String::new() };
        let from = format!("{room}{}", self.from);
        let text = indented(self.text.as_str());
        let erased = if self.erased { "erased " } else { "" };
        format!("{} {} {state}{erased}{}: {text}", self.seq, self.shown_at, safe(&from))
    }
}

/// One event with a number, and the store that it is of.
#[derive(Serialize)]
pub struct EventLine {
    #[serde(flatten)]
    kind: EventKind,
    store: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum EventKind {
    Message(MessageLine),
    State { seq: Seq, place: Target, state: State, upto: Seq, at: Timestamp },
    Gap { seq: Seq, room: RoomName, first: Seq, last: Seq },
    Damaged { seq: Seq, place: Target },
    Erased { seq: Seq, place: Target, from: UserName, first: Seq, last: Seq },
    Unknown { seq: Seq },
}

impl EventLine {
    pub fn new(store: &str, event: &Event) -> Self {
        let seq = event.seq();
        let kind = match event.clone() {
            Event::Message(message) => EventKind::Message(MessageLine::received(&message)),
            Event::State { target, state, upto, at, .. } => EventKind::State { seq, place: target, state, upto, at },
            Event::Gap { room, first, last } => EventKind::Gap { seq, room, first, last },
            Event::Damaged { target, .. } => EventKind::Damaged { seq, place: target },
            Event::Erased { target, first, last, from, .. } => {
                EventKind::Erased { seq, place: target, from, first, last }
            }
            _ => EventKind::Unknown { seq },
        };
        Self { kind, store: store.to_owned() }
    }

    pub fn is_message(&self) -> bool {
        matches!(self.kind, EventKind::Message(_))
    }
}

impl Line for EventLine {
    fn plain(&self) -> String {
        match &self.kind {
            EventKind::Message(message) => message.plain(),
            EventKind::State { place, state, upto, .. } => {
                format!("what you sent to {place}, up to number {upto}, is {}", word(*state))
            }
            EventKind::Gap { room, first, last, .. } => {
                format!("you are behind in {room}: numbers {first} to {last} are available by history only")
            }
            EventKind::Damaged { seq, place } => format!("{place}: message {seq} is damaged on the server"),
            EventKind::Erased { place, from, first, last, .. } if first == last => {
                format!("{place}: {from} has taken message {first} back")
            }
            EventKind::Erased { place, from, first, last, .. } => {
                format!("{place}: the messages of {from} from {first} to {last} were taken back")
            }
            EventKind::Unknown { seq } => format!("event {seq} is of a kind that this version does not know"),
        }
    }
}

impl Line for User {
    /// `luis offline 2026-11-21T14:35:02.511Z`.
    fn plain(&self) -> String {
        let presence = if self.online { "online" } else { "offline" };
        let last_seen = self.last_seen.map_or("never".to_owned(), |at| at.to_string());
        safe(&format!("{} {presence} {last_seen}", self.name)).into_owned()
    }
}

impl Line for Room {
    /// `#sala 3`, and as far as it is so `member` or `invited`, `invite`, `owner ana` and `topic`, whose text goes up to the
    /// end of the line: `#sala 3 member invite owner ana topic la entrega`.
    fn plain(&self) -> String {
        let is_invite = self.kind == RoomKind::Invite;
        let mut words = vec![self.name.to_string(), self.members.to_string()];
        words.extend(self.member.then(|| "member".to_owned()));
        words.extend(is_invite.then(|| if self.member { "invite" } else { "invited" }.to_owned()));
        words.extend(self.owner.as_ref().map(|owner| format!("owner {owner}")));
        words.extend(Some(self.topic.as_str()).filter(|text| !text.is_empty()).map(|text| format!("topic {text}")));
        safe(&words.join(" ")).into_owned()
    }
}

/// The outcome of a message.
#[derive(Serialize)]
pub struct SentLine {
    /// Its number; none as long as it is only queued.
    pub seq: Option<Seq>,
    id: MessageId,
    to: Target,
    /// The time when the server accepted it; while it is only queued, when it was given to `send`.
    pub at: Timestamp,
    /// SENT (only queued), RECEIVED, DELIVERED or READ.
    pub state: String,
}

impl SentLine {
    pub fn queued(message: &Outgoing) -> Self {
        let Outgoing { id, to, at, .. } = message.clone();
        Self { seq: None, id, to, at, state: "SENT".to_owned() }
    }
}

impl Line for SentLine {
    fn plain(&self) -> String {
        let number = self.seq.map_or(String::new(), |seq| format!(" (number {seq})"));
        // On its way; `sent` would say more than is known.
        let state = if self.seq.is_some() { self.state.to_lowercase() } else { "queued".to_owned() };
        safe(&format!("the message to {} is {state}{number}", self.to)).into_owned()
    }
}

/// Parses an argument: `luis`, `@luis` or `#sala`.
pub fn parse_target(text: &str) -> Result<Target, Failure> {
    Target::parse(text.strip_prefix('@').unwrap_or(text))
        .map_err(|_| (Exit::Usage, format!("{text:?} is not a name of a user or a #room")))
}
