//! Compares the checkpoint's tables with the history: each message that a table refers to has one row there, and a text that
//! was taken back is in no row of a file that was written since.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::{Message, RoomName, Seq, Target, UserName};
use crate::state_machine::{
    ConversationId, ErasureRow, IdKey, IdRow, SentMessage, Snapshot, WaitingRowEvent, length_in_reply,
};

/// The references of a checkpoint's tables to single messages, by number. [`CrossCheck::compare`] removes those
/// whose message was found.
pub(super) struct CrossCheck {
    id_key: IdKey,
    references: BTreeMap<Seq, Vec<Reference>>,
    /// The highest number that retention has removed.
    removed_upto: Seq,
    /// The messages whose rows have no text any more.
    gone: HashMap<ConversationId, Gone>,
    /// The conversations whose files may have texts that were taken back: until they are rewritten.
    unfiled: HashSet<ConversationId>,
}

/// Messages of a conversation that were taken back before its history file was written or rewritten.
#[derive(Default)]
struct Gone {
    /// Those that were taken back one at a time, with their senders.
    single: HashMap<Seq, UserName>,
    /// Sender, first and last number of the others.
    ranges: Vec<(UserName, Seq, Seq)>,
}

enum Reference {
    /// The id that a sender used for a message.
    Sent(UserName, SentMessage),
    /// A message of a sender that waits for a recipient, and its length in a reply. `is_undelivered`: not for devices alone.
    Waiting { to: UserName, from: UserName, bytes: u32, is_undelivered: bool },
    /// A message that is kept for devices of its sender.
    Own { from: UserName, to: Target, bytes: u32 },
    /// A message in a room's log, and its sender; `is_undelivered`: a member will get it.
    Logged { room: RoomName, from: UserName, is_undelivered: bool },
}

impl CrossCheck {
    pub fn new(snapshot: &Snapshot) -> Self {
        let removed = snapshot.conversations.iter().map(|row| row.filed.removed.upto);
        let mut check = Self {
            id_key: snapshot.head.id_key,
            references: BTreeMap::new(),
            removed_upto: removed.max().unwrap_or_default(),
            gone: HashMap::new(),
            unfiled: HashSet::new(),
        };
        for IdRow { account, sent } in &snapshot.ids {
            // A row of an account that is not there is found when the state is restored.
            if let Some(sender) = snapshot.accounts.get(account.index()) {
                check.add(sent.seq, Reference::Sent(sender.name.clone(), *sent));
            }
        }
        let accounts = snapshot.accounts.iter();
        let acknowledged: HashMap<_, _> = accounts.map(|row| (&row.name, row.acknowledged)).collect();
        for row in &snapshot.waiting {
            let user = row.user.clone();
            match &row.event {
                WaitingRowEvent::Message { seq, from, bytes, .. } => {
                    let is_undelivered = acknowledged.get(&user).is_none_or(|upto| seq > upto);
                    let (from, bytes) = (from.clone(), *bytes);
                    check.add(*seq, Reference::Waiting { to: user, from, bytes, is_undelivered });
                }
                WaitingRowEvent::Own { seq, to, bytes } => {
                    check.add(*seq, Reference::Own { from: user, to: to.clone(), bytes: *bytes });
                }
                WaitingRowEvent::State(_) | WaitingRowEvent::Erased { .. } => {}
            }
        }
        for row in &snapshot.logs {
            let room = row.room.clone();
            let from = row.from.clone();
            let is_undelivered = row.unacknowledged > 0;
            check.add(row.seq, Reference::Logged { room, from, is_undelivered });
        }
        let filed: HashMap<_, _> = snapshot.conversations.iter().map(|row| (row.id, row.filed.erased_upto)).collect();
        for row in &snapshot.erasures {
            if filed.get(&row.id).is_some_and(|upto| row.seq <= *upto) {
                check.gone.entry(row.id).or_default().add(row);
            } else {
                check.unfiled.insert(row.id);
            }
        }
        check
    }

    fn add(&mut self, seq: Seq, reference: Reference) {
        self.references.entry(seq).or_default().push(reference);
    }

    /// Compares a row of a conversation with the references to it, and removes them.
    pub fn compare(&mut self, id: ConversationId, row: &Message) -> Result<(), String> {
        if !row.text.is_erased() && self.gone.get(&id).is_some_and(|gone| gone.includes(row)) {
            return Err("the message was taken back, and its text is still there".to_owned());
        }
        let references = self.references.remove(&row.seq).unwrap_or_default();
        match references.iter().find(|reference| !reference.fits(row, self.id_key)) {
            Some(other) => Err(format!("not the message that {} has under this number", other.table())),
            None => Ok(()),
        }
    }

    /// Returns whether the file of a conversation may have texts that were taken back.
    pub fn may_have_texts(&self, id: ConversationId) -> bool {
        self.unfiled.contains(&id)
    }

    /// Describes the references whose message was in no history file, but for those that retention may have removed.
    pub fn into_missing(self) -> impl Iterator<Item = String> {
        let all = self.references.into_iter();
        let all = all.flat_map(|(seq, references)| references.into_iter().map(move |one| (seq, one)));
        let removed_upto = self.removed_upto;
        all.filter(move |(seq, one)| *seq > removed_upto || one.needs_message())
            .map(|(seq, one)| format!("{}: message {seq} is in no history file", one.table()))
    }
}

impl Gone {
    fn add(&mut self, row: &ErasureRow) {
        if row.first == row.last {
            self.single.insert(row.first, row.from.clone());
        } else {
            self.ranges.push((row.from.clone(), row.first, row.last));
        }
    }

    fn includes(&self, row: &Message) -> bool {
        let is_in =
            |(from, first, last): &(UserName, Seq, Seq)| row.from == *from && (*first..=*last).contains(&row.seq);
        self.single.get(&row.seq) == Some(&row.from) || self.ranges.iter().any(is_in)
    }
}

impl Reference {
    /// Returns whether the message will be delivered: retention does not remove it.
    fn needs_message(&self) -> bool {
        match self {
            Self::Sent(..) | Self::Own { .. } => false,
            Self::Waiting { is_undelivered, .. } | Self::Logged { is_undelivered, .. } => *is_undelivered,
        }
    }

    fn table(&self) -> &'static str {
        match self {
            Self::Sent(..) => "ids.csv",
            Self::Waiting { .. } | Self::Own { .. } => "offline.csv",
            Self::Logged { .. } => "room_logs.csv",
        }
    }

    fn fits(&self, row: &Message, key: IdKey) -> bool {
        match self {
            Self::Sent(from, sent) => {
                let computed = SentMessage::of(row, key);
                // Of a message that was taken back the digest stays, by which a retry is recognized.
                let digest = if row.text.is_erased() { sent.digest } else { computed.digest };
                *from == row.from && *sent == SentMessage { digest, ..computed }
            }
            Self::Own { from, to, bytes } => {
                (&row.from, &row.to) == (from, to) && (row.text.is_erased() || length_in_reply(&row.text) == *bytes)
            }
            Self::Waiting { to, from, bytes, .. } => {
                let is_as_long = row.text.is_erased() || length_in_reply(&row.text) == *bytes;
                let is_same = row.from == *from && is_as_long;
                is_same && matches!(&row.to, Target::User(name) if name == to)
            }
            Self::Logged { room, from, .. } => {
                row.from == *from && matches!(&row.to, Target::Room(name) if name == room)
            }
        }
    }
}
