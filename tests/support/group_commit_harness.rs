//! A server without sockets on any disk: the group commit, its write-ahead log and its checkpoints, with what it has
//! answered OK noted.

use std::path::Path;
use std::sync::Arc;

pub use super::values::user;
use wachat::disk::Disk;
use wachat::limits;
use wachat::model::{MessageId, Seq, Target, Text, Timestamp};
use wachat::protocol::Reply;
use wachat::protocol::request::After;
use wachat::server::GroupCommit;
use wachat::state_machine::{Command, ConnectionId, ConversationId, Effect, Now, Policy, Sought, StoredState};
use wachat::store::{CleanUp, Retention, Row, Sizes, Store, StoreError};
use wachat::wal::{Location, make_segment};

/// Room for a few records beside the longest.
pub const SMALL: Sizes = Sizes { segment_bytes: limits::COMMAND_BYTES as u64 + 4_096, checkpoint_bytes: u64::MAX };

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub from: &'static str,
    pub to: &'static str,
    pub id: String,
    pub text: String,
    pub seq: u64,
    pub at: String,
}

pub struct GroupCommitHarness {
    pub group_commit: GroupCommit,
    pub store: Store,
    location: Location,
    sizes: Sizes,
    /// The messages that were answered OK.
    pub sent: Vec<Sent>,
    /// The clock, in milliseconds since 1970: each request takes one.
    pub time: u64,
}

impl GroupCommitHarness {
    pub fn start(disk: Arc<dyn Disk>, data: &Path) -> Self {
        Self::serve(Store::new(disk, data))
    }

    pub fn serve(store: Store) -> Self {
        Self::serve_with(store, SMALL)
    }

    pub fn serve_with(store: Store, sizes: Sizes) -> Self {
        let opened = store.open(Policy::default(), sizes).unwrap_or_else(|error| panic!("{error}"));
        let location = opened.location.clone();
        Self {
            group_commit: GroupCommit::new(opened, sizes),
            store,
            location,
            sizes,
            sent: Vec::new(),
            time: 1_800_000_000_000,
        }
    }

    /// Does it durably, and says what was answered.
    pub fn request(&mut self, command: Command) -> Option<Reply> {
        if !self.group_commit.has_room() {
            self.close_segment();
        }
        self.time += 1;
        let now = Now { at: Timestamp::from_millis(self.time), ..Now::default() };
        self.group_commit.execute(ConnectionId(1), command, now).expect("a command");
        self.group_commit.commit().expect("a commit");
        let mut effects = Vec::new();
        self.group_commit.release_effects(&mut effects);
        effects.into_iter().find_map(|effect| match effect {
            Effect::Reply(_, reply) => Some(reply),
            _ => None,
        })
    }

    pub fn register(&mut self, name: &str) {
        self.request(Command::Register { name: user(name), password_hash: "$not$used".into() });
    }

    /// Sends the next message; returns its number.
    pub fn send(&mut self, from: &'static str, to: &'static str, text: &str) -> u64 {
        let id = format!("m{}", self.sent.len() + 1);
        let (seq, at) = self.send_as(from, to, &id, text);
        self.sent.push(Sent { from, to, id, text: text.to_owned(), seq, at });
        seq
    }

    pub fn send_as(&mut self, from: &str, to: &str, id: &str, text: &str) -> (u64, String) {
        let reply = self.request(Command::Send {
            user: user(from),
            id: MessageId::new(id).expect("an id"),
            to: Ok(Target::parse(to).expect("a user or a room")),
            text: Text::new(text).expect("a text"),
        });
        match reply {
            Some(Reply::Accepted(accepted)) => (accepted.seq.get(), accepted.at.to_string()),
            other => panic!("{other:?}"),
        }
    }

    /// Takes a message back, as a server does: one that is not in memory is looked up in the history file.
    pub fn erase(&mut self, name: &str, to: &str, seq: u64) -> Reply {
        let to = Target::parse(to).expect("a user or a room");
        let seq = Seq::new(seq).expect("a number");
        let command = |sought| Command::Erase { user: user(name), target: Ok(to.clone()), seq, sought };
        if let Some(reply) = self.request(command(Sought::NotLookedUp)) {
            return reply;
        }
        let sought = look_up(&self.store, self.group_commit.state(), seq).expect("a history");
        self.request(command(sought)).expect("a reply")
    }

    /// Acknowledges all events of a user up to a number, as a client that has received them does.
    pub fn acknowledge(&mut self, name: &str, upto: u64) {
        self.request(Command::Open {
            user: user(name),
            device: None,
            key: None,
            order: self.time,
            address: [127, 0, 0, 1].into(),
        });
        let after = After::Number(Seq::new(upto).expect("a number"));
        self.request(Command::Poll { after, wait: Some(0), max: 1 });
        self.request(Command::Closed);
    }

    pub fn close_segment(&mut self) {
        if let Some(number) = self.group_commit.wants_segment() {
            self.give_spare(number);
        }
        self.group_commit.switch_segment();
    }

    pub fn give_spare(&mut self, number: u64) {
        let segment = make_segment(&self.location, number, self.sizes.segment_bytes).expect("a segment");
        self.group_commit.give_segment(segment);
    }

    /// Makes a checkpoint of everything so far, as a busy server does.
    pub fn checkpoint(&mut self) {
        self.close_segment();
        self.checkpoint_upto(self.group_commit.wants_segment().expect("no spare") - 2);
    }

    /// Makes a checkpoint of everything, the segment that is written included, as a stopping server does.
    pub fn last_checkpoint(&mut self) {
        if let Some(upto) = self.group_commit.uncovered() {
            self.checkpoint_upto(upto);
        }
    }

    /// Makes the checkpoint of a clean stop.
    pub fn stop(&mut self) {
        if let Some(upto) = self.group_commit.uncovered() {
            let clean_up = CleanUp::at_stop(Timestamp::from_millis(self.time));
            let made = self.store.checkpoint_and_clean_up(upto, Some(&clean_up));
            self.group_commit.give_checkpoint(&made.unwrap_or_else(|error| panic!("{error}")));
        }
    }

    /// Does one step of a clean-up of this retention, at a time of the harness, as a server does.
    pub fn clean_up(&mut self, retention: Retention) {
        let clean_up = CleanUp { retention, now: Timestamp::from_millis(self.time), after: None, is_last: false };
        self.try_clean_up(&clean_up).unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn try_clean_up(&mut self, clean_up: &CleanUp) -> Result<Option<ConversationId>, StoreError> {
        self.close_segment();
        let upto = self.group_commit.wants_segment().expect("no spare") - 2;
        let made = self.store.checkpoint_and_clean_up(upto, Some(clean_up))?;
        self.group_commit.give_checkpoint(&made);
        Ok(made.cleaned_upto)
    }

    fn checkpoint_upto(&mut self, upto: u64) {
        let made = self.store.checkpoint(upto).unwrap_or_else(|error| panic!("{error}"));
        self.group_commit.give_checkpoint(&made);
    }
}

/// Looks a message up in the history files, as a history thread does for ERASE. One that is in none of them is in memory, or
/// nowhere.
pub fn look_up(store: &Store, state: &StoredState, seq: Seq) -> Result<Sought, StoreError> {
    let mut is_damaged = false;
    for (id, filed) in state.filed_conversations() {
        let participants = state.participants(id);
        let Some(file) = store.history(id, &participants, filed)? else { continue };
        match file.newest_first(Some(seq.next()))?.next().transpose()? {
            Some(Row::Message(message)) if message.seq == seq => return Ok(Sought::Message(message)),
            Some(Row::Damaged { first, last }) => is_damaged |= (first..=last).contains(&seq),
            _ => {}
        }
    }
    Ok(if is_damaged { Sought::Damaged } else { Sought::Missing })
}
