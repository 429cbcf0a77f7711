//! Applies records: the only code that changes the stored state. Recovery calls nothing else.

mod device;
mod erase;
mod message;
mod restore;
mod rights;
mod room;

use std::sync::Arc;

pub use restore::Restoring;

use super::stored::{Account, AccountRow, Ban, ConversationId, Devices, HistoryPrefix, Permits, StoredState};
use super::{ApplyError, Record};
use crate::limits;
use crate::model::{Email, Message, Seq, Timestamp, UserName};

/// Result of a record that was applied, or contradicts the state.
type Applied = Result<(), ApplyError>;

impl StoredState {
    /// Replays one line of the write-ahead log, without its LF, and checks that it leads to the same sequence
    /// number as when it was written.
    pub fn replay(&mut self, line: &[u8]) -> Result<(), ApplyError> {
        self.replay_parsed(line, Self::parse_line(line)?)
    }

    /// Parses a line of the write-ahead log: the newest number after its record, and the record.
    pub fn parse_line(line: &[u8]) -> Result<(Seq, Record), ApplyError> {
        Record::parse(line).ok_or_else(|| ApplyError("not a record".to_owned()))
    }

    /// Replays a line as [`StoredState::replay`] does, after it was parsed.
    pub fn replay_parsed(&mut self, line: &[u8], (last, mut record): (Seq, Record)) -> Result<(), ApplyError> {
        if let Record::Message(message) = &mut record {
            // The line has the newest number after the record. In a room this can be larger than the message's own:
            // a message that the log drops for it can move a watermark, and that STATE event comes after it.
            Arc::make_mut(message).seq = self.last.next();
        }
        self.chain_line(line, &record).map_err(ApplyError)?;
        self.apply(&record)?;
        self.notified.clear();
        self.crowded.clear();
        if self.last != last {
            return Err(ApplyError(format!("after it the last number should be {last}, not {}", self.last)));
        }
        Ok(())
    }

    /// Adds a line to the entry of the cluster's log that it is of. A store that is in no cluster has no entries.
    fn chain_line(&mut self, line: &[u8], record: &Record) -> Result<(), String> {
        match (&mut self.chain, record) {
            (Some(chain), Record::Entry(head)) => chain.begin(*head).and_then(|()| chain.add(line)),
            (Some(chain), _) => chain.add(line),
            (None, Record::Entry(_)) => Err("an entry of a cluster's log, and this store is in none".to_owned()),
            (None, _) => Ok(()),
        }
    }

    /// Applies one record.
    pub(super) fn apply(&mut self, record: &Record) -> Applied {
        match record {
            // The position in the log is no part of what its records change.
            Record::Entry(_) => return Ok(()),
            Record::Account { name, password_hash, at } => self.add_account(AccountRow {
                name: name.clone(),
                password_hash: password_hash.clone(),
                email: Email::default(),
                created_at: *at,
                removed_at: None,
                last_seen: None,
                acknowledged: Seq::ZERO,
            })?,
            Record::Password { user, password_hash } => {
                self.change_row(user, |row| row.password_hash = password_hash.clone())?;
            }
            Record::Email { user, email } => self.change_row(user, |row| row.email = email.clone())?,
            Record::Removed { user, at } => self.remove_account(user, *at)?,
            Record::Seen { user, device, at } => {
                self.change_row(user, |row| row.last_seen = Some(*at))?;
                let account = self.number(user)?;
                let now = self.device_clock.time;
                let account = self.account_mut(account);
                if let Some(device) = account.devices.get_mut(*device) {
                    (device.last_used, device.used) = (*at, now);
                }
            }
            Record::Device { user, device, name, at } => self.begin_device(user, *device, name.as_ref(), *at)?,
            Record::DeviceLost { user, device } => self.lose_device(user, *device)?,
            Record::DeviceForgotten { user, device } => self.forget_device(user, *device)?,
            Record::Looked { at } => self.device_clock.look(*at),
            Record::DeviceKey { user, device, key } => self.set_key(user, *device, *key)?,
            Record::Permit { user, caller, permitted } => {
                let user = self.number(user)?;
                let caller = self.number(caller)?;
                self.account_mut(user).permits.put(caller, *permitted);
            }
            Record::Join { user, room, .. } => self.join_room(user, room)?,
            Record::Leave { user, room, at } => self.leave_room(self.number(user)?, self.room_number(room)?, *at),
            Record::RoomKind { room, kind } => self.set_room_kind(room, *kind)?,
            Record::Topic { room, topic } => self.set_topic(room, topic)?,
            Record::Invited { room, user } => self.invite(room, user)?,
            Record::Kicked { room, user, at } => self.kick(room, user, *at)?,
            Record::Owner { room, user } => self.set_owner(room, user)?,
            Record::Banned { banned, at, until, reason } => {
                self.bans.add(banned.clone(), Ban { at: *at, until: *until, reason: reason.clone() });
            }
            Record::Unbanned { banned } => {
                self.bans.remove(banned).ok_or_else(|| ApplyError(format!("{banned} is not banned")))?;
            }
            Record::RoomRemoved { room, .. } => self.remove_room(self.room_number(room)?),
            Record::Message(message) => self.add_message(message)?,
            Record::Erased { conversation, from, first, last, rows } => {
                self.erase(*conversation, from, (*first, *last), *rows)?;
            }
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
            let kept = match id {
                ConversationId::Direct(..) => 0,
                ConversationId::Room(_) => limits::ERASED_EVENTS,
            };
            let Some(conversation) = self.conversation_mut(*id) else { continue };
            let was_erased_upto = conversation.filed.erased_upto;
            let was_rewritten = conversation.filed.rewritten;
            let before = conversation.unfiled_erasures();
            removed.push(conversation.mark_history_written(*filed, kept));
            let after = conversation.unfiled_erasures();
            self.unfiled_erasures = self.unfiled_erasures.saturating_sub(before.saturating_sub(after));
            self.rewritings += u64::from((was_erased_upto, was_rewritten) != (filed.erased_upto, filed.rewritten));
        }
        removed
    }

    /// Changes what is known of a user. Of one whose account was removed nothing is noted any more.
    fn change_row(&mut self, name: &UserName, change: impl FnOnce(&mut AccountRow)) -> Applied {
        let number = self.number(name)?;
        let row = &mut self.account_mut(number).row;
        if row.removed_at.is_none() {
            change(row);
        }
        Ok(())
    }

    fn add_account(&mut self, mut row: AccountRow) -> Applied {
        if row.removed_at.is_some() {
            // An earlier version has kept it.
            forget_user(&mut row);
        }
        let Some(number) = self.account_names.add_next(&self.accounts, &row.name) else {
            return Err(ApplyError(format!("the account {} is there already", row.name)));
        };
        let name = row.name.clone();
        let is_active = row.removed_at.is_none();
        self.accounts.push(Account::new(row));
        if let Some(names) = &mut self.account_looks {
            names.add(&name, number);
        }
        if is_active {
            self.active_accounts.insert(name, number);
        }
        Ok(())
    }

    fn remove_account(&mut self, user: &UserName, at: Timestamp) -> Applied {
        let number = self.number(user)?;
        for room in self.account(number).rooms.clone() {
            self.leave_room(number, room, at);
        }
        self.end_invitations_of(number);
        self.active_accounts.remove(user);
        let account = self.account_mut(number);
        account.row.removed_at = Some(at);
        forget_user(&mut account.row);
        account.devices = Devices::default();
        account.permits = Permits::default();
        let gone = std::mem::take(&mut account.mailbox).messages();
        self.tally.waiting.subtract_usage(gone);
        for account in &mut self.accounts {
            account.permits.remove(number);
        }
        self.has_unfiled_removals = true;
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

/// Removes what is kept of a user whose account is removed, but for the name, which stays taken.
fn forget_user(row: &mut AccountRow) {
    row.password_hash = "".into();
    row.email = Email::default();
    row.last_seen = None;
}
