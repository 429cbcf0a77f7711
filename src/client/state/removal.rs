//! Removes from the log the texts of messages that were taken back.
//!
//! The log is read twice before it is changed: what was taken back stands behind the messages, and an own message has its
//! number in another record than its text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::erasures::Erasures;
use super::outgoing::Outgoing;
use super::position::Position;
use super::record::Record;
use crate::model::{Message, MessageId, Seq, Target, Text, UserName};
use crate::protocol::Codec as _;
use crate::record::Fields;
use crate::wal::{Covered, Location, WalError, edit_segment};

/// The messages that were taken back, as the log tells of them.
struct Removal<'a> {
    me: &'a UserName,
    /// The store of the records that are being read: numbers are of one store.
    position: Position,
    /// The numbers of each conversation, as each store has them.
    rows: HashMap<(u32, Target), Erasures>,
    /// The ids of those of the user: their texts stand in records without numbers.
    own: HashSet<MessageId>,
    /// Author and id of those that may have a number of another store.
    emptied: HashSet<(UserName, MessageId)>,
    /// The targets of the user's messages whose number is not read yet.
    queued: HashMap<MessageId, Target>,
}

/// Removes the texts from the closed segments. `false`: a damaged or missing segment is left as it is, and may have some.
pub fn remove_erased_texts(location: &Location, covered: &Covered, me: &UserName) -> Result<bool, WalError> {
    let mut is_whole = true;
    let mut removal = Removal {
        me,
        position: Position::default(),
        rows: HashMap::new(),
        own: HashSet::new(),
        emptied: HashSet::new(),
        queued: HashMap::new(),
    };
    for step in [Removal::collect, Removal::find_own, Removal::replace] {
        removal.position = Position::default();
        for number in covered.first..=covered.segment {
            let edit = &mut |fields: &Fields| step(&mut removal, Record::from_fields(fields)?);
            match edit_segment(location, number, edit) {
                Err(why @ (WalError::Damaged { .. } | WalError::Missing { .. })) => {
                    log::warn!("texts that were taken back may be left there: {why}");
                    is_whole = false;
                }
                done => done?,
            }
        }
    }
    location.remove_set_aside()?;
    Ok(is_whole)
}

impl Removal<'_> {
    /// Notes the store that the records after this one are of.
    fn follow(&mut self, record: &Record) {
        if let Record::Position { store, last } = record {
            self.position.move_to(store.clone(), *last);
        }
    }

    fn collect(&mut self, record: Record) -> Option<Vec<u8>> {
        self.follow(&record);
        match record {
            Record::Erased { rows, from, .. } => {
                self.rows.entry((self.position.era, rows.target.clone())).or_default().note(&rows, &from);
            }
            Record::Emptied { from, id, .. } => _ = self.emptied.insert((from, id)),
            _ => {}
        }
        None
    }

    fn find_own(&mut self, record: Record) -> Option<Vec<u8>> {
        self.follow(&record);
        match record {
            Record::Queued(message) => _ = self.queued.insert(message.id, message.to),
            Record::Failed { id, .. } => _ = self.queued.remove(&id),
            // Another program of the user has sent it.
            Record::Received(message) | Record::Fetched(message) | Record::Missed(message) => {
                let is_mine = message.from == *self.me;
                if is_mine && self.is_erased(message.seq, self.me, &message.target_for(self.me)) {
                    self.own.insert(message.id.clone());
                }
            }
            Record::Sent { id, seq, .. } => {
                let to = self.queued.remove(&id);
                if to.is_some_and(|to| self.is_erased(seq, self.me, &to)) {
                    self.own.insert(id);
                }
            }
            _ => {}
        }
        None
    }

    fn is_erased(&self, seq: Seq, from: &UserName, target: &Target) -> bool {
        let rows = self.rows.get(&(self.position.era, target.clone()));
        rows.is_some_and(|rows| rows.has(seq, seq, from))
    }

    /// Returns the line of a record without its text, if its message was taken back.
    fn replace(&mut self, record: Record) -> Option<Vec<u8>> {
        self.follow(&record);
        let is_id_emptied = |from: &UserName, id: &MessageId| self.emptied.contains(&(from.clone(), id.clone()));
        let is_emptied = |message: &Message| is_id_emptied(&message.from, &message.id);
        let without_text = |message: Arc<Message>| {
            let is_erased = self.is_erased(message.seq, &message.from, &message.target_for(self.me));
            let is_left = !message.text.is_erased() && (is_erased || is_emptied(&message));
            is_left.then(|| Arc::new(message.erased()))
        };
        let replaced = match record {
            Record::Received(message) => Record::Received(without_text(message)?),
            Record::Fetched(message) => Record::Fetched(without_text(message)?),
            Record::Missed(message) => Record::Missed(without_text(message)?),
            Record::Direct(message) => Record::Direct(without_text(message)?),
            Record::Queued(message) => {
                let is_erased = self.own.contains(&message.id) || is_id_emptied(self.me, &message.id);
                let is_left = is_erased && !message.text.is_erased();
                Record::Queued(Outgoing { text: is_left.then(Text::erased)?, ..message })
            }
            _ => return None,
        };
        Some(replaced.line())
    }
}
