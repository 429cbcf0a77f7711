//! One row of a conversation.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::outgoing::Outgoing;
use crate::limits;
use crate::model::{Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use crate::protocol::Code;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Received(Arc<Message>),
    Sent(Arc<Message>, State),
    /// Said in a direct chat, by either side.
    Direct(Arc<Message>),
    /// Refused by the server, for this reason.
    Failed(Outgoing, String),
    Gap(Gap),
}

/// Messages of a conversation that only the server has: those among these numbers that are of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub target: Target,
    pub first: Seq,
    pub last: Seq,
}

impl Gap {
    /// Returns the number of messages that it may stand for.
    pub fn max_messages(&self) -> u64 {
        self.last.get().saturating_sub(self.first.get()).saturating_add(1)
    }
}

impl Row {
    /// Returns about the bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.text().map_or(0, |text| text.as_str().len()) + limits::ROW_BYTES
    }

    fn text(&self) -> Option<&Text> {
        match self {
            Self::Failed(message, _) => Some(&message.text),
            row => row.message().map(|message| &message.text),
        }
    }

    pub fn id(&self) -> Option<&MessageId> {
        match self {
            Self::Failed(message, _) => Some(&message.id),
            row => row.message().map(|message| &message.id),
        }
    }

    /// Returns the message that was received, or that the server has.
    pub(super) fn message(&self) -> Option<&Arc<Message>> {
        match self {
            Self::Received(message) | Self::Sent(message, _) | Self::Direct(message) => Some(message),
            Self::Failed(..) | Self::Gap(_) => None,
        }
    }

    /// Removes the text of a message that was taken back.
    pub fn empty(&mut self) {
        if let Self::Received(message) | Self::Sent(message, _) | Self::Direct(message) = self
            && !message.text.is_erased()
        {
            *message = Arc::new(message.erased());
        }
    }

    /// Checks that its message was taken back.
    pub fn is_erased(&self) -> bool {
        self.text().is_some_and(Text::is_erased)
    }

    /// Returns the user who wrote a message that was received.
    pub fn sender(&self) -> Option<&UserName> {
        match self {
            Self::Received(message) | Self::Direct(message) => Some(&message.from),
            Self::Sent(..) | Self::Failed(..) | Self::Gap(_) => None,
        }
    }

    /// Returns the number that gives the row its place. A message without the server has none.
    pub fn seq(&self) -> Option<Seq> {
        match self {
            Self::Gap(gap) => Some(gap.last),
            row => row.message().map(|message| message.seq).filter(|seq| *seq > Seq::ZERO),
        }
    }

    /// Checks that its text holds all these words, which are [`folded`].
    pub fn holds(&self, words: &[String]) -> bool {
        let text = self.text().map_or(String::new(), |text| folded(text.as_str()));
        words.iter().all(|word| text.contains(word))
    }

    /// Checks that the server has refused it since there is no such user, or no such room, for this user.
    pub(super) fn is_to_nobody(&self) -> bool {
        let Self::Failed(_, why) = self else { return false };
        let code = why.split_once(": ").map(|(code, _)| Code::parse(code));
        matches!(code, Some(Code::NoUser | Code::NoRoom | Code::NotMember))
    }

    /// Returns the time of its message; a gap has none.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Failed(message, _) => Some(message.at),
            row => row.message().map(|message| message.at),
        }
    }
}

/// Returns a text as it is searched: in small letters without accents, which few people type when they search.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}
