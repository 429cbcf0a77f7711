//! The state machine's whole state as plain tables: what a checkpoint writes and reads. These types change only
//! with the version of the store; the live ones may change at any time.

use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Account, Chat};
use super::conversation::Conversation;
use super::mailbox::Mailbox;
use super::{ConversationId, Filed, Inconsistent, Policy, SentMessage, StateMachine, TargetNumber};
use crate::model::{Email, MessageId, RoomName, Seq, Target, Timestamp, UserName};
use crate::protocol::Event;

pub struct Snapshot {
    pub store: Arc<str>,
    pub last: Seq,
    /// In the order of registration: the first is account 0.
    pub accounts: Vec<AccountRow>,
    pub waiting: Vec<WaitingRow>,
    pub chats: Vec<ChatRow>,
    /// In the order of creation: the first is room 0.
    pub rooms: Vec<RoomRow>,
    pub members: Vec<MemberRow>,
    pub logs: Vec<LogRow>,
    pub room_marks: Vec<RoomMarksRow>,
    pub conversations: Vec<ConversationRow>,
    pub ids: Vec<IdRow>,
}

pub struct AccountRow {
    pub name: UserName,
    pub password_hash: Arc<str>,
    pub email: Email,
    pub created_at: Timestamp,
    pub removed_at: Option<Timestamp>,
    pub last_seen: Option<Timestamp>,
    pub acknowledged: Seq,
}

/// An event that a user has not acknowledged.
pub struct WaitingRow {
    pub user: UserName,
    pub event: Event,
}

pub struct ChatRow {
    pub user: UserName,
    pub peer: UserName,
    pub read: Seq,
}

pub struct RoomRow {
    pub name: RoomName,
    /// The newest number that fell out of the log early; whose it was; the newest of somebody else.
    pub dropped: Seq,
    pub dropped_by: Option<UserName>,
    pub dropped_other: Seq,
}

pub struct MemberRow {
    pub room: RoomName,
    pub user: UserName,
    pub joined: Seq,
    pub acknowledged: Seq,
    pub read: Seq,
}

/// A message that somebody in a room has yet to acknowledge or to read.
pub struct LogRow {
    pub room: RoomName,
    pub seq: Seq,
    pub from: UserName,
    pub bytes: u32,
    pub waited: u32,
    pub missing: u32,
    pub unacknowledged: u32,
    pub unread: u32,
}

/// How far what somebody has sent to a room has come.
pub struct RoomMarksRow {
    pub room: RoomName,
    pub user: UserName,
    pub delivered: Seq,
    pub read: Seq,
}

pub struct ConversationRow {
    pub id: ConversationId,
    pub filed: Filed,
}

pub struct IdRow {
    pub user: UserName,
    pub id: MessageId,
    pub sent: SentMessage,
}

impl StateMachine {
    /// The state of the state machine whose rows are all in history files (see [`StateMachine::filed`]).
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            store: self.store.clone(),
            last: self.last,
            accounts: self.accounts.iter().map(account_row).collect(),
            waiting: self.accounts.iter().flat_map(waiting_rows).collect(),
            chats: self.accounts.iter().flat_map(|account| self.chat_rows(account)).collect(),
            rooms: self.rooms.iter().map(|room| self.room_row(room)).collect(),
            members: self.rooms.iter().flat_map(|room| self.member_rows(room)).collect(),
            logs: self.rooms.iter().flat_map(|room| self.log_rows(room)).collect(),
            room_marks: self.rooms.iter().flat_map(|room| self.room_marks_rows(room)).collect(),
            conversations: sorted_conversations(&self.conversations),
            ids: self.accounts.iter().flat_map(id_rows).collect(),
        }
    }

    fn chat_rows<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = ChatRow> + 'a {
        let mut chats: Vec<_> = account.chats.iter().collect();
        chats.sort_unstable_by_key(|(peer, _)| **peer);
        chats.into_iter().map(|(peer, chat)| ChatRow {
            user: account.name.clone(),
            peer: self.account(*peer).name.clone(),
            read: chat.read,
        })
    }

    /// The the state machine that a snapshot was made of.
    pub fn restore(snapshot: Snapshot, policy: Policy) -> Result<Self, Inconsistent> {
        let mut machine = StateMachine::new(snapshot.store, policy);
        for row in snapshot.accounts {
            machine.add_account(&row.name, &row.password_hash, row.created_at)?;
            let account = machine.known(&row.name)?;
            (account.email, account.last_seen, account.removed_at) = (row.email, row.last_seen, row.removed_at);
            account.mailbox = Mailbox::restore(row.acknowledged);
        }
        for row in snapshot.chats {
            let peer = machine.number(&row.peer)?;
            machine.known(&row.user)?.chats.insert(peer, Chat { read: row.read });
        }
        for row in snapshot.ids {
            machine.known(&row.user)?.sent.insert(row.id, row.sent);
        }
        machine.restore_rooms(snapshot.rooms, snapshot.members, snapshot.logs, snapshot.room_marks)?;
        for row in snapshot.conversations {
            machine.check_talkers(row.id)?;
            machine.conversations.insert(row.id, Conversation { filed: row.filed, rows: Vec::new() });
        }
        for row in snapshot.waiting {
            machine.restore_waiting(&row)?;
        }
        machine.last = snapshot.last;
        Ok(machine)
    }

    /// A file can name any account; the live state only those that are there.
    fn check_talkers(&self, id: ConversationId) -> Result<(), Inconsistent> {
        let known = match id {
            ConversationId::Direct(low, high) => low.max(high).index() < self.accounts.len(),
            ConversationId::Room(room) => room.index() < self.rooms.len(),
        };
        if known { Ok(()) } else { Err(Inconsistent(format!("{id} names an account or a room that is not there"))) }
    }

    fn restore_waiting(&mut self, row: &WaitingRow) -> Result<(), Inconsistent> {
        match &row.event {
            Event::Message(message) => {
                let from = self.number(&message.from)?;
                self.known(&row.user)?.mailbox.put_message(message.clone(), from);
            }
            Event::State { target, state, .. } => {
                let target = match target {
                    Target::User(peer) => TargetNumber::User(self.number(peer)?),
                    Target::Room(room) => TargetNumber::Room(self.room_number(room)?),
                };
                let key = (target, *state);
                self.known(&row.user)?.mailbox.put_state(row.event.clone(), key);
            }
            event => return Err(Inconsistent(format!("{event:?} cannot wait for {}", row.user))),
        }
        Ok(())
    }
}

fn account_row(account: &Account) -> AccountRow {
    AccountRow {
        name: account.name.clone(),
        password_hash: account.password_hash.clone(),
        email: account.email.clone(),
        created_at: account.created_at,
        removed_at: account.removed_at,
        last_seen: account.last_seen,
        acknowledged: account.mailbox.acknowledged(),
    }
}

fn waiting_rows(account: &Account) -> impl Iterator<Item = WaitingRow> + '_ {
    account.mailbox.after(Seq::ZERO).map(|event| WaitingRow { user: account.name.clone(), event })
}

fn id_rows(account: &Account) -> impl Iterator<Item = IdRow> + '_ {
    account.sent.iter().map(|(id, sent)| IdRow { user: account.name.clone(), id: id.clone(), sent })
}

fn sorted_conversations(conversations: &HashMap<ConversationId, Conversation>) -> Vec<ConversationRow> {
    let mut rows: Vec<_> =
        conversations.iter().map(|(id, conversation)| ConversationRow { id: *id, filed: conversation.filed }).collect();
    rows.sort_unstable_by_key(|row| row.id);
    rows
}
