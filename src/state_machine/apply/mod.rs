//! Applies records: the only code that changes the stored state. Recovery calls nothing else.

mod device;
mod message;
mod restore;
mod room;

use std::sync::Arc;

use super::stored::{Account, AccountRow, Ban, ConversationId, Devices, HistoryPrefix, StoredState};
use super::{AccountNumber, ApplyError, Record};
use crate::model::{Email, Message, Seq, Timestamp, UserName};

/// Result of a record that was applied, or contradicts the state.
type Applied = Result<(), ApplyError>;

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
        self.crowded.clear();
        if self.last != last {
            return Err(ApplyError(format!("after it the last number should be {last}, not {}", self.last)));
        }
        Ok(())
    }

    /// Applies one record.
    pub(super) fn apply(&mut self, record: &Record) -> Applied {
        match record {
            Record::Account { name, password_hash, at } => self.add_account(AccountRow {
                name: name.clone(),
                password_hash: password_hash.clone(),
                email: Email::default(),
                created_at: *at,
                removed_at: None,
                last_seen: None,
                acknowledged: Seq::ZERO,
            })?,
            Record::Password { user, password_hash } => self.find_row(user)?.password_hash = password_hash.clone(),
            Record::Email { user, email } => self.find_row(user)?.email = email.clone(),
            Record::Removed { user, at } => self.remove_account(user, *at)?,
            Record::Seen { user, device, at } => {
                let account = self.number(user)?;
                let now = self.device_clock.time;
                let account = self.account_mut(account);
                account.row.last_seen = Some(*at);
                if let Some(device) = account.devices.get_mut(*device) {
                    (device.last_used, device.used) = (*at, now);
                }
            }
            Record::Device { user, device, name, at } => self.begin_device(user, *device, name.as_ref(), *at)?,
            Record::DeviceLost { user, device } => self.lose_device(user, *device)?,
            Record::DeviceForgotten { user, device } => self.forget_device(user, *device)?,
            Record::Looked { at } => self.device_clock.look(*at),
            Record::DeviceKey { user, device, key } => self.set_key(user, *device, *key)?,
            Record::Join { user, room, .. } => self.join_room(user, room)?,
            Record::Leave { user, room, at } => self.leave_room(self.number(user)?, self.room_number(room)?, *at),
            Record::Banned { banned, at, until, reason } => {
                self.bans.add(banned.clone(), Ban { at: *at, until: *until, reason: reason.clone() });
            }
            Record::Unbanned { banned } => {
                self.bans.remove(banned).ok_or_else(|| ApplyError(format!("{banned} is not banned")))?;
            }
            Record::RoomRemoved { room, .. } => self.remove_room(self.room_number(room)?),
            Record::Message(message) => self.add_message(message)?,
            Record::Acknowledged { users, at } => {
                for acknowledgement in users {
                    self.acknowledge(*acknowledgement, *at)?;
                }
            }
            Record::Read { user, target, upto, last_of_peer, at } => {
                self.mark_read(user, target, *upto, *last_of_peer, *at)?;
            }
        }
        Ok(())
    }

    /// Notes what a checkpoint has written to the history files, durably. Returns those messages, which memory need not
    /// hold any more.
    pub fn mark_history_written(&mut self, written: &[(ConversationId, HistoryPrefix)]) -> Vec<Vec<Arc<Message>>> {
        let mut removed = Vec::new();
        for (id, filed) in written {
            self.removed_upto = self.removed_upto.max(filed.removed.upto);
            let conversation = match id {
                ConversationId::Direct(..) => self.direct.get_mut(id),
                ConversationId::Room(room) => self.rooms.get_mut(room.index()).map(|room| &mut room.conversation),
            };
            removed.extend(conversation.map(|conversation| conversation.mark_history_written(*filed)));
        }
        removed
    }

    fn find_row(&mut self, name: &UserName) -> Result<&mut AccountRow, ApplyError> {
        let number = self.number(name)?;
        Ok(&mut self.account_mut(number).row)
    }

    fn add_account(&mut self, row: AccountRow) -> Applied {
        let number = AccountNumber::new(self.accounts.len());
        if self.account_numbers.insert(row.name.clone(), number).is_some() {
            return Err(ApplyError(format!("the account {} is there already", row.name)));
        }
        if row.removed_at.is_none() {
            self.active_accounts.insert(row.name.clone(), number);
        }
        self.account_looks.add(&row.name, number);
        self.accounts.push(Account::new(row));
        Ok(())
    }

    fn remove_account(&mut self, user: &UserName, at: Timestamp) -> Applied {
        let number = self.number(user)?;
        for room in self.account(number).rooms.clone() {
            self.leave_room(number, room, at);
        }
        self.active_accounts.remove(user);
        let account = self.account_mut(number);
        account.row.removed_at = Some(at);
        account.devices = Devices::default();
        let gone = std::mem::take(&mut account.mailbox).messages();
        self.tally.waiting.subtract_usage(gone);
        Ok(())
    }

    /// Takes the next number of the sequence, which has to be the one that a record bears.
    fn advance_sequence(&mut self, seq: Seq) -> Applied {
        if seq != self.last.next() {
            return Err(ApplyError(format!("number {seq} comes after {}", self.last)));
        }
        self.last = seq;
        Ok(())
    }
}
