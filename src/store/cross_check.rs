//! What the tables say of single messages, to be compared with the history.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Message, MessageId, RoomName, Seq, Target, UserName};
use crate::protocol::Event;
use crate::state_machine::{Digest, SentMessage, Snapshot};

/// What a checkpoint's other tables know of single messages, by their numbers. They are in the history too.
#[derive(Default)]
pub(super) struct Known(BTreeMap<Seq, Vec<Knowledge>>);

enum Knowledge {
    /// An id that a sender has used, and what for.
    Sent(UserName, MessageId, SentMessage),
    /// A message that waits, and for whom.
    Waiting(UserName, Arc<Message>),
    /// A message that a room's log has, and whose it is.
    Logged(RoomName, UserName),
}

impl Known {
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut known = Self::default();
        for row in &snapshot.ids {
            known.add(row.sent.seq, Knowledge::Sent(row.user.clone(), row.id.clone(), row.sent));
        }
        for row in &snapshot.waiting {
            if let Event::Message(message) = &row.event {
                known.add(message.seq, Knowledge::Waiting(row.user.clone(), message.clone()));
            }
        }
        for row in &snapshot.logs {
            known.add(row.seq, Knowledge::Logged(row.room.clone(), row.from.clone()));
        }
        known
    }

    fn add(&mut self, seq: Seq, knowledge: Knowledge) {
        self.0.entry(seq).or_default().push(knowledge);
    }

    /// Compares a row with what is known of it, and lets go of that.
    pub fn compare(&mut self, row: &Message) -> Result<(), String> {
        let known = self.0.remove(&row.seq).unwrap_or_default();
        match known.iter().find(|knowledge| !knowledge.fits(row)) {
            Some(other) => Err(format!("not the message that {} has under this number", other.table())),
            None => Ok(()),
        }
    }

    /// What has not been found in any file.
    pub fn missing(self) -> Vec<String> {
        let all = self.0.into_iter().flat_map(|(seq, known)| known.into_iter().map(move |one| (seq, one)));
        all.map(|(seq, one)| format!("{}: message {seq} is in no history file", one.table())).collect()
    }
}

impl Knowledge {
    fn table(&self) -> &'static str {
        match self {
            Self::Sent(..) => "ids.csv",
            Self::Waiting(..) => "offline.csv",
            Self::Logged(..) => "room_logs.csv",
        }
    }

    fn fits(&self, row: &Message) -> bool {
        match self {
            Self::Sent(from, id, sent) => {
                let digest = Digest::of(&row.to, row.text.as_str());
                (from, id, sent.at, sent.digest) == (&row.from, &row.id, row.at, digest)
            }
            Self::Waiting(to, message) => **message == *row && matches!(&row.to, Target::User(name) if name == to),
            Self::Logged(room, from) => row.from == *from && matches!(&row.to, Target::Room(name) if name == room),
        }
    }
}
