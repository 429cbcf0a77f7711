//! The state machine: who there is, what waits for whom, how far everything has come.
//!
//! No IO, no threads, no locks, no clock. [`StateMachine::handle`] decides: it turns a command into records
//! and effects. [`StateMachine::apply`] lets a record happen, and is all that recovery ever calls. What a
//! restart replays is therefore what happened, and a test can play it by the million.

mod account;
mod command;
mod conversation;
mod decide;
mod ids;
mod mailbox;
mod number;
mod poll;
mod presence;
mod record;
mod room;
mod room_snapshot;
mod rooms;
mod snapshot;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use command::{Answer, Command, ConnectionId, Delivery, Effect, FiledEvents, Now, Policy};
pub use conversation::{ConversationId, Excerpt, Filed, LastOfPeer, Participants};
pub use decide::Outcome;
pub use ids::{Digest, SentMessage};
pub use number::{AccountNumber, RoomNumber};
pub use record::Record;
pub use snapshot::{
    AccountRow, ChatRow, ConversationRow, IdRow, LogRow, MemberRow, RoomMarksRow, RoomRow, Snapshot, WaitingRow,
};

use crate::model::{Message, NoSuchTarget, RoomName, Seq, State, Target, Timestamp, UserName};
use crate::protocol::{Code, Event};
use account::Account;
use conversation::{Conversation, TargetNumber};
use presence::Presence;
use room::Room;

/// A record that cannot follow what was there before it. In a write-ahead log: damage. From
/// [`StateMachine::handle`]: a defect of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistent(pub String);

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that the server knows. Owned by the router's thread.
pub struct StateMachine {
    /// The store's own name: a client that finds another one starts anew (protocol, section 6).
    store: Arc<str>,
    /// The newest number given.
    last: Seq,
    accounts: Vec<Account>,
    names: HashMap<UserName, AccountNumber>,
    rooms: Vec<Room>,
    room_names: HashMap<RoomName, RoomNumber>,
    conversations: HashMap<ConversationId, Conversation>,
    /// Who is connected: gone with a restart, never in a record.
    presence: Presence,
    policy: Policy,
    /// Whether the disk has no room for more records: commands that need one are refused.
    full: bool,
}

impl StateMachine {
    /// An empty store of this name.
    pub fn new(store: Arc<str>, policy: Policy) -> Self {
        Self {
            store,
            last: Seq::ZERO,
            accounts: Vec::new(),
            names: HashMap::new(),
            rooms: Vec::new(),
            room_names: HashMap::new(),
            conversations: HashMap::new(),
            presence: Presence::default(),
            policy,
            full: false,
        }
    }

    pub fn store(&self) -> &Arc<str> {
        &self.store
    }

    pub fn last(&self) -> Seq {
        self.last
    }

    /// Every name that is taken, and its password hash; `None` where the account was removed.
    pub fn accounts<'a>(&'a self) -> impl Iterator<Item = (&'a UserName, Option<&'a Arc<str>>)> {
        let row =
            |account: &'a Account| (&account.name, account.removed_at.is_none().then_some(&account.password_hash));
        self.accounts.iter().map(row)
    }

    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Says whether there is room on the disk for more records.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// Lets go of the rows that are in the history files now, durably.
    pub fn filed(&mut self, filed: &[(ConversationId, Filed)]) {
        for (id, filed) in filed {
            if let Some(conversation) = self.conversations.get_mut(id) {
                conversation.file_now_holds(*filed);
            }
        }
    }

    /// The rows that are in no history file yet, by conversation, oldest first.
    pub fn unfiled(&self) -> impl Iterator<Item = (ConversationId, Filed, &[Arc<Message>])> {
        self.conversations
            .iter()
            .filter(|(_, conversation)| !conversation.rows.is_empty())
            .map(|(id, conversation)| (*id, conversation.filed, conversation.rows.as_slice()))
    }

    /// Who talks in a conversation.
    pub fn participants(&self, id: ConversationId) -> Participants {
        match id {
            ConversationId::Direct(low, high) => {
                Participants::Two(self.account(low).name.clone(), self.account(high).name.clone())
            }
            ConversationId::Room(room) => Participants::Room(self.room(room).name.clone()),
        }
    }

    /// Replays one line of the write-ahead log (without its LF): lets its record happen again, and checks
    /// that the same came of it.
    pub fn replay(&mut self, line: &[u8]) -> Result<(), Inconsistent> {
        let (last, mut record) = Record::parse(line).ok_or_else(|| Inconsistent("not a record".to_owned()))?;
        if let Record::Message(message) = &mut record {
            // The line tells the newest number once all has happened. In a room that is not always the
            // message's own: what falls out of the log for it may move a mark, and that STATE comes after it.
            Arc::make_mut(message).seq = self.last.next();
        }
        self.apply(&record)?;
        if self.last != last {
            return Err(Inconsistent(format!("after it the last number should be {last}, not {}", self.last)));
        }
        Ok(())
    }

    /// Lets a record happen. The only way in which what is stored ever changes.
    pub fn apply(&mut self, record: &Record) -> Result<(), Inconsistent> {
        match record {
            Record::Account { name, password_hash, at } => self.add_account(name, password_hash, *at),
            Record::Password { user, password_hash } => {
                self.known(user)?.password_hash = password_hash.clone();
                Ok(())
            }
            Record::Email { user, email } => {
                self.known(user)?.email = email.clone();
                Ok(())
            }
            Record::Removed { user, at } => {
                self.leave_all(user, *at)?;
                let account = self.known(user)?;
                account.removed_at = Some(*at);
                account.mailbox.clear();
                Ok(())
            }
            Record::Seen { user, at } => {
                self.known(user)?.last_seen = Some(*at);
                Ok(())
            }
            Record::Join { user, room, .. } => self.join_room(user, room),
            Record::Leave { user, room, at } => self.leave_room(user, room, *at),
            Record::Message(message) => self.add_message(message),
            Record::Acknowledged { user, upto, at } => self.let_go(user, *upto, *at),
            Record::Read { user, target, upto, last_of_peer, at } => {
                self.mark_read(user, target, *upto, *last_of_peer, *at)
            }
        }
    }

    fn add_account(&mut self, name: &UserName, password_hash: &Arc<str>, at: Timestamp) -> Result<(), Inconsistent> {
        if self.names.contains_key(name) {
            return Err(Inconsistent(format!("the account {name} is there already")));
        }
        let number = AccountNumber::new(self.accounts.len());
        self.accounts.push(Account::new(name.clone(), password_hash.clone(), at));
        self.names.insert(name.clone(), number);
        Ok(())
    }

    fn add_message(&mut self, message: &Arc<Message>) -> Result<(), Inconsistent> {
        let from = self.number(&message.from)?;
        let to = match &message.to {
            Target::User(name) => self.number(name)?,
            Target::Room(name) => return self.add_to_room(message, from, name),
        };
        self.take_number(message.seq)?;
        self.account_mut(from).sent.remember(message);
        self.account_mut(from).chats.entry(to).or_default();
        self.account_mut(to).chats.entry(from).or_default();
        self.conversations.entry(ConversationId::between(from, to)).or_default().add(message.clone());
        self.account_mut(to).mailbox.put_message(message.clone(), from);
        self.presence.wake(to);
        Ok(())
    }

    /// An acknowledgement: the events are let go, and each sender is told how far they came.
    fn let_go(&mut self, user: &UserName, upto: Seq, at: Timestamp) -> Result<(), Inconsistent> {
        let number = self.number(user)?;
        let target = Target::User(self.account(number).name.clone());
        for (sender, last) in self.account_mut(number).mailbox.acknowledge(upto) {
            // Read implies delivered: who has read it has been told to have it.
            if last > self.account(number).read_upto(sender) {
                self.tell_state(sender, TargetNumber::User(number), &target, State::Delivered, last, at);
            }
        }
        self.acknowledge_in_rooms(number, upto, at);
        Ok(())
    }

    fn mark_read(
        &mut self,
        user: &UserName,
        target: &Target,
        upto: Seq,
        last_of_peer: Option<Seq>,
        at: Timestamp,
    ) -> Result<(), Inconsistent> {
        let number = self.number(user)?;
        let peer = match target {
            Target::User(peer) => peer,
            Target::Room(room) => return self.mark_read_in_room(number, room, upto, at),
        };
        let peer = self.number(peer)?;
        let chat = self.account_mut(number).chats.entry(peer).or_default();
        let before = chat.read;
        chat.read = before.max(upto);
        if let Some(last) = last_of_peer.filter(|last| *last > before) {
            let target = Target::User(self.account(number).name.clone());
            self.tell_state(peer, TargetNumber::User(number), &target, State::Read, last, at);
        }
        Ok(())
    }

    /// Puts a STATE into a sender's mailbox, in the place of one that waits for the same.
    fn tell_state(
        &mut self,
        sender: AccountNumber,
        number: TargetNumber,
        target: &Target,
        state: State,
        upto: Seq,
        at: Timestamp,
    ) {
        // Nobody will ever ask for it.
        if self.account(sender).removed_at.is_some() {
            return;
        }
        self.last = self.last.next();
        let event = Event::State { seq: self.last, target: target.clone(), state, upto, at };
        self.account_mut(sender).mailbox.put_state(event, (number, state));
        self.presence.wake(sender);
    }

    fn take_number(&mut self, seq: Seq) -> Result<(), Inconsistent> {
        if seq != self.last.next() {
            return Err(Inconsistent(format!("number {seq} comes after {}", self.last)));
        }
        self.last = seq;
        Ok(())
    }

    fn number(&self, name: &UserName) -> Result<AccountNumber, Inconsistent> {
        self.names.get(name).copied().ok_or_else(|| Inconsistent(format!("there is no account {name}")))
    }

    fn known(&mut self, name: &UserName) -> Result<&mut Account, Inconsistent> {
        let number = self.number(name)?;
        Ok(self.account_mut(number))
    }

    // Account numbers are made by `add_account` alone and accounts are never taken out, so that
    // these two indices are always good.
    fn account(&self, number: AccountNumber) -> &Account {
        &self.accounts[number.index()]
    }

    fn account_mut(&mut self, number: AccountNumber) -> &mut Account {
        &mut self.accounts[number.index()]
    }

    /// Which place is named by somebody: for a request that can be refused. A room has to be one that
    /// she is in.
    fn resolve(&self, me: AccountNumber, target: &Result<Target, NoSuchTarget>) -> Result<TargetNumber, Code> {
        match target {
            Ok(Target::User(name)) => self.names.get(name).copied().map(TargetNumber::User).ok_or(Code::NoUser),
            Err(NoSuchTarget::User) => Err(Code::NoUser),
            Ok(Target::Room(_)) | Err(NoSuchTarget::Room) => {
                let room = self.find_room(target)?;
                if self.room(room).has(me) { Ok(TargetNumber::Room(room)) } else { Err(Code::NotMember) }
            }
        }
    }
}
