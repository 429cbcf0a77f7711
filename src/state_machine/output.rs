//! The output of the state machine: records and effects.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Record;
use super::command::{ConnectionId, Review};
use super::query::Excerpt;
use super::stored::{ConversationId, HistoryPrefix, Participants};
use crate::model::{DeviceName, KeyDigest, Seq, Target, UserName};
use crate::protocol::{Code, Event, Reply};

/// Records to write to the log and effects to dispatch after the commit, in order. It collects those of many commands.
#[derive(Default)]
pub struct Output {
    /// Each record with the newest sequence number after it.
    pub records: Vec<(Seq, Record)>,
    pub effects: Vec<Effect>,
}

/// An action for the router, once every record that was emitted before it is durable (output commit).
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answers the oldest unanswered command of a connection.
    Reply(ConnectionId, Reply),
    /// Answers it, too: the reply is completed with rows of a history file.
    Excerpt(ConnectionId, Box<Excerpt>),
    /// Answers the poll of a connection. It depends on the records up to a number only: those of the events in it,
    /// and those of newer events that have replaced others.
    Events { to: ConnectionId, delivery: Delivery, depends_on: Seq },
    /// Sends a last KO, then closes the connection.
    Close(ConnectionId, Code),
    /// Publishes the password hash of a new account.
    Account { name: UserName, password_hash: Arc<str> },
    /// Publishes the key of a device; `None`: it has none any more.
    Key { user: UserName, device: DeviceName, key: Option<KeyDigest> },
    /// Closes the connections of a device, on both ports, at the request of a connection, which is closed after its reply.
    CloseDevice { user: UserName, device: DeviceName, by: ConnectionId },
    /// Closes the connection with a number at the request of a connection.
    LogOut { connection: u64, by: ConnectionId },
    /// Closes the connections of a user but this one, and those of its device.
    LogOutOthers { user: UserName, by: ConnectionId, device: Option<DeviceName> },
    /// Executes [`super::Command::ReviewDevices`] when the disk has room.
    ReviewDevices(Review),
    /// Publishes another password of an account, and closes the connections of the user but the one that has set it, and
    /// those of its device. `address`: that of its client; `None`: the administrator has set the password.
    Password {
        name: UserName,
        password_hash: Arc<str>,
        by: ConnectionId,
        address: Option<IpAddr>,
        device: Option<DeviceName>,
    },
}

/// The events that a poll returns. The texts of messages that have waited for long are in history files only, and are
/// read from there.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// Events in memory: first the transient ones, then the others in order.
    pub events: Vec<Event>,
    /// Events in history files, to be merged in by number.
    pub filed: BTreeMap<ConversationId, FiledEvents>,
    /// [`super::StoredState::rewritings`] when it was collected.
    pub rewritings: u64,
}

impl Delivery {
    /// Returns whether retention may have removed a message of it: one that nobody has acknowledged stays.
    pub fn may_lack_removed(&self) -> bool {
        let mut filed = self.filed.values();
        filed.any(|filed| filed.seqs.first().is_some_and(|first| *first <= filed.filed.removed.upto))
    }

    /// Returns the number of events.
    pub fn count(&self) -> usize {
        self.events.len() + self.filed.values().map(|filed| filed.seqs.len()).sum::<usize>()
    }
}

/// Messages of one conversation to read from its history file.
#[derive(Clone, Debug)]
pub struct FiledEvents {
    pub participants: Participants,
    /// The conversation as the recipient addresses it.
    pub target: Target,
    pub filed: HistoryPrefix,
    /// Their numbers in ascending order.
    pub seqs: Vec<Seq>,
}
