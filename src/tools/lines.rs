//! The lines on standard output: one struct a kind. Its fields are those of the JSON object; scripts rely on them, so
//! a field may be added and none changed. Times are RFC 3339.

use serde::Serialize;

use crate::client::state::outbox::Outgoing;
use crate::client::texts::safe::{indented, safe};
use crate::client::{Exit, Failure};
use crate::model::{Message, Target};
use crate::protocol::{Event, HistoryRecord, Room, User};

/// A line of output, in either form.
pub trait Line: Serialize {
    /// Returns the form for people and `grep`, without control characters.
    fn plain(&self) -> String;
}

/// A message.
#[derive(Serialize)]
pub struct MessageLine {
    seq: u64,
    id: String,
    from: String,
    to: String,
    at: String,
    /// Its state; only in a history.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    text: String,
}

impl MessageLine {
    pub fn received(message: &Message) -> Self {
        Self {
            seq: message.seq.get(),
            id: message.id.to_string(),
            from: message.from.to_string(),
            to: message.to.to_string(),
            at: message.at.to_string(),
            state: None,
            text: message.text.to_string(),
        }
    }

    pub fn from_history(record: &HistoryRecord) -> Self {
        Self { state: Some(record.state.to_string()), ..Self::received(&record.message) }
    }
}

impl Line for MessageLine {
    /// `12 2026-11-21T14:35:02.511Z READ luis: hola`; in a room `… #sala luis: hola`.
    fn plain(&self) -> String {
        let state = self.state.as_ref().map_or(String::new(), |state| format!("{state} "));
        let room = if self.to.starts_with('#') { format!("{} ", self.to) } else { String::new() };
        format!("{} {} {state}{}: {}", self.seq, self.at, safe(&format!("{room}{}", self.from)), indented(&self.text))
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
    State { seq: u64, place: String, state: String, upto: u64, at: String },
    Gap { seq: u64, room: String, first: u64, last: u64 },
    Unknown { seq: u64 },
}

impl EventLine {
    pub fn new(store: &str, event: &Event) -> Self {
        let seq = event.seq().get();
        let kind = match event {
            Event::Message(message) => EventKind::Message(MessageLine::received(message)),
            Event::State { target, state, upto, at, .. } => {
                let (place, state, at) = (target.to_string(), state.to_string(), at.to_string());
                EventKind::State { seq, place, state, upto: upto.get(), at }
            }
            Event::Gap { room, first, last } => {
                EventKind::Gap { seq, room: room.to_string(), first: first.get(), last: last.get() }
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
                format!("what you sent to {place}, up to number {upto}, is {state}")
            }
            EventKind::Gap { room, first, last, .. } => {
                format!("you are behind in {room}: numbers {first} to {last} are available by history only")
            }
            EventKind::Unknown { seq } => format!("event {seq} is of a kind that this version does not know"),
        }
    }
}

/// A user.
#[derive(Serialize)]
pub struct UserLine {
    name: String,
    online: bool,
    /// The time when a session of the user last began or ended.
    last_seen: Option<String>,
}

impl From<User> for UserLine {
    fn from(user: User) -> Self {
        let last_seen = user.last_seen.map(|at| at.to_string());
        Self { name: user.name.to_string(), online: user.online, last_seen }
    }
}

impl Line for UserLine {
    /// `luis offline 2026-11-21T14:35:02.511Z`.
    fn plain(&self) -> String {
        let presence = if self.online { "online" } else { "offline" };
        safe(&format!("{} {presence} {}", self.name, self.last_seen.as_deref().unwrap_or("never"))).into_owned()
    }
}

#[derive(Serialize)]
pub struct RoomLine {
    name: String,
    members: usize,
    /// The user who asks is one of them.
    member: bool,
}

impl From<Room> for RoomLine {
    fn from(room: Room) -> Self {
        Self { name: room.name.to_string(), members: room.members, member: room.member }
    }
}

impl Line for RoomLine {
    /// `#sala 3 member`, or `#sala 3`.
    fn plain(&self) -> String {
        let member = if self.member { " member" } else { "" };
        safe(&format!("{} {}{member}", self.name, self.members)).into_owned()
    }
}

/// The outcome of a message.
#[derive(Serialize)]
pub struct SentLine {
    /// Its number; none as long as it is only queued.
    pub seq: Option<u64>,
    id: String,
    to: String,
    /// The time when the server accepted it; while it is only queued, when it was given to `send`.
    pub at: String,
    /// SENT (only queued), RECEIVED, DELIVERED or READ.
    pub state: String,
}

impl SentLine {
    pub fn queued(message: &Outgoing) -> Self {
        let (id, to, at) = (message.id.to_string(), message.to.to_string(), message.at.to_string());
        Self { seq: None, id, to, at, state: "SENT".to_owned() }
    }
}

impl Line for SentLine {
    fn plain(&self) -> String {
        let number = self.seq.map_or(String::new(), |seq| format!(" (number {seq})"));
        safe(&format!("the message to {} is {}{number}", self.to, self.state)).into_owned()
    }
}

/// Parses an argument: `luis`, `@luis` or `#sala`.
pub fn parse_target(text: &str) -> Result<Target, Failure> {
    Target::parse(text.strip_prefix('@').unwrap_or(text))
        .map_err(|_| (Exit::Usage, format!("{text:?} is not a name of a user or a #room")))
}
