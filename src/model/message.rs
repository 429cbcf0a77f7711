//! A message, its text and its delivery states.

use std::fmt;
use std::sync::Arc;

use super::{MessageId, Seq, Target, Timestamp, UserName};
use crate::limits;
use crate::record::{Fields, PlainField, Writer, is_printable_ascii, length_in_record};

/// A message that the server has accepted. It does not change but for its text, which can be taken back: its state follows
/// from its sender's watermarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub seq: Seq,
    pub id: MessageId,
    pub from: UserName,
    pub to: Target,
    pub at: Timestamp,
    pub text: Text,
}

impl Message {
    /// Reads a message of a reply or an event, whose id, sender, target and time are the fields from `head` on, and
    /// whose text is the field `text`.
    pub fn from_fields(fields: &Fields, seq: Seq, head: usize, text: usize) -> Option<Self> {
        let from = UserName::new(fields.get(head + 1)?).ok()?;
        Self::of(from, Target::parse(fields.get(head + 2)?).ok()?, fields, seq, head, text)
    }

    /// Reads a message of a file, whose fields [`Message::write_stored`] has written from `head` on.
    pub fn from_stored(fields: &Fields, seq: Seq, head: usize) -> Option<Self> {
        let from = UserName::from_stored(fields.get(head + 1)?)?;
        Self::of(from, Target::from_stored(fields.get(head + 2)?)?, fields, seq, head, head + 4)
    }

    /// Writes id, sender, target, time and text, as files hold them.
    pub fn write_stored<'a, 'b>(&self, to: &'b mut Writer<'a>) -> &'b mut Writer<'a> {
        self.text.write(to.plain(&self.id).plain(self.from.stored()).plain(self.to.stored()).plain(self.at))
    }

    /// Returns the message without its text, which was taken back (protocol, section 5).
    #[must_use]
    pub fn erased(&self) -> Self {
        Self { text: Text::erased(), ..self.clone() }
    }

    /// Returns the conversation that the message belongs to, as a user sees it.
    pub fn target_for(&self, user: &UserName) -> Target {
        match &self.to {
            Target::User(to) if to == user => Target::User(self.from.clone()),
            target => target.clone(),
        }
    }

    fn of(from: UserName, to: Target, fields: &Fields, seq: Seq, head: usize, text: usize) -> Option<Self> {
        Some(Self {
            seq,
            id: MessageId::new(fields.get(head)?)?,
            from,
            to,
            at: Timestamp::parse(fields.get(head + 3)?)?,
            text: Text::read(fields, text)?,
        })
    }
}

/// The delivery state of a message (protocol, section 7). `SENT`, the state before these, exists only in the sender's
/// client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    Received,
    Delivered,
    Read,
}

impl State {
    const WORDS: [(State, &'static str); 3] =
        [(State::Received, "RECEIVED"), (State::Delivered, "DELIVERED"), (State::Read, "READ")];

    /// Reads the state as `Display` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, word)| *word == text).map(|(state, _)| *state)
    }
}

impl PlainField for State {}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(state, _)| state == self).map_or("", |(_, word)| word);
        f.write_str(word)
    }
}

/// The word after the text of a message that was taken back.
const ERASED: &str = "erased";

/// The text of a message: UTF-8 without control characters but TAB, LF and CR, at most 60,000 bytes as a record writes
/// it (protocol, section 2). `None`: it was taken back, and is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(Option<Arc<str>>);

impl Text {
    /// Checks a text; `None` if it is too long or has a character that no record may hold.
    pub fn new(text: &str) -> Option<Self> {
        (Self::may_hold(text) && length_in_record(text) <= limits::TEXT_BYTES).then(|| Self(Some(text.into())))
    }

    /// Returns the text of a message that was taken back.
    pub fn erased() -> Self {
        Self(None)
    }

    /// Returns whether the message was taken back: an empty text alone does not say so.
    pub fn is_erased(&self) -> bool {
        self.0.is_none()
    }

    /// Writes the text, and after that of a message that was taken back the field that says so.
    pub fn write<'a, 'b>(&self, to: &'b mut Writer<'a>) -> &'b mut Writer<'a> {
        let to = to.text(self.as_str());
        if self.is_erased() { to.plain(ERASED) } else { to }
    }

    /// Reads the fields that [`Text::write`] has written. Others may follow (protocol, section 2).
    pub fn read(fields: &Fields, index: usize) -> Option<Self> {
        let text = fields.get(index)?;
        let is_erased = text.is_empty() && fields.get(index + 1) == Some(ERASED);
        if is_erased { Some(Self::erased()) } else { Self::new(text) }
    }

    /// Returns whether a record may hold all characters of a text, whatever its length.
    pub fn may_hold(text: &str) -> bool {
        is_printable_ascii(text) || text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
    }

    /// Returns the text without escapes.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
