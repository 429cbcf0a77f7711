//! Applies records: the only code that changes the stored state. Recovery calls nothing else.

mod message;
mod receipt;
mod restore;
mod room;
mod room_log;

use std::sync::Arc;

use super::stored::{Account, ConversationId, HistoryPrefix, StoredState};
use super::{AccountNumber, ApplyError, Record};
use crate::model::{Seq, Timestamp, UserName};

impl StoredState {
    /// Replays one line of the write-ahead log, without its LF, and checks that it leads to the same sequence
    /// number as when it was written.
    pub fn replay(&mut self, line: &[u8]) -> Result<(), ApplyError> {
        let (last, mut record) = Record::parse(line).ok_or_else(|| ApplyError("not a record".to_owned()))?;
        if let Record::Message(message) = &mut record {
            // The line has the newest number after the record. In a room this can be larger than the message's own:
            // a message that the log drops for it can move a watermark, and that STATE event comes after it.
            Arc::make_mut(message).seq = self.last.next();
        }
        self.apply(&record)?;
        self.notified.clear();
        if self.last != last {
            return Err(ApplyError(format!("after it the last number should be {last}, not {}", self.last)));
        }
        Ok(())
    }

    /// Applies one record.
    pub fn apply(&mut self, record: &Record) -> Result<(), ApplyError> {
        match record {
            Record::Account { name, password_hash, at } => self.add_account(name, password_hash, *at)?,
            Record::Password { user, password_hash } => self.find(user)?.password_hash = password_hash.clone(),
            Record::Email { user, email } => self.find(user)?.email = email.clone(),
            Record::Removed { user, at } => self.remove_account(user, *at)?,
            Record::Seen { user, at } => self.find(user)?.last_seen = Some(*at),
            Record::Join { user, room, .. } => self.join_room(user, room)?,
            Record::Leave { user, room, at } => self.leave_room(self.number(user)?, self.room_number(room)?, *at),
            Record::Message(message) => self.add_message(message)?,
            Record::Acknowledged { user, upto, at } => self.acknowledge(self.number(user)?, *upto, *at),
            Record::Read { user, target, upto, last_of_peer, at } => {
                self.mark_read(user, target, *upto, *last_of_peer, *at)?;
            }
        }
        Ok(())
    }

    /// Notes what a checkpoint has written to the history files, durably, and drops those messages from memory.
    pub fn mark_history_written(&mut self, written: &[(ConversationId, HistoryPrefix)]) {
        for (id, filed) in written {
            let conversation = match id {
                ConversationId::Direct(..) => self.direct.get_mut(id),
                ConversationId::Room(room) => self.rooms.get_mut(room.index()).map(|room| &mut room.conversation),
            };
            if let Some(conversation) = conversation {
                conversation.mark_history_written(*filed);
            }
        }
    }

    fn find(&mut self, name: &UserName) -> Result<&mut Account, ApplyError> {
        let number = self.number(name)?;
        Ok(self.account_mut(number))
    }

    fn add_account(&mut self, name: &UserName, password_hash: &Arc<str>, at: Timestamp) -> Result<(), ApplyError> {
        if self.account_numbers.contains_key(name) {
            return Err(ApplyError(format!("the account {name} is there already")));
        }
        let number = AccountNumber::new(self.accounts.len());
        self.accounts.push(Account::new(name.clone(), password_hash.clone(), at));
        self.account_numbers.insert(name.clone(), number);
        Ok(())
    }

    fn remove_account(&mut self, user: &UserName, at: Timestamp) -> Result<(), ApplyError> {
        let number = self.number(user)?;
        for room in self.account(number).rooms.clone() {
            self.leave_room(number, room, at);
        }
        let account = self.account_mut(number);
        account.removed_at = Some(at);
        account.mailbox.clear();
        Ok(())
    }

    /// Takes the next number of the sequence, which has to be the one that a record bears.
    fn advance_sequence(&mut self, seq: Seq) -> Result<(), ApplyError> {
        if seq != self.last.next() {
            return Err(ApplyError(format!("number {seq} comes after {}", self.last)));
        }
        self.last = seq;
        Ok(())
    }
}
