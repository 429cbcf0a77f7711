//! Group commit: the state machine and the write-ahead log as one. No effect leaves before it is durable (output commit).
//!
//! Records go into a batch as the state machine makes them; effects wait until the batch is synced, and are then
//! released in order. No threads and no sockets: the router drives it, and tests drive it on a disk
//! that loses power.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{self, Chain, EntryHead, Link};
use crate::limits;
use crate::model::{Message, Seq, Timestamp};
use crate::state_machine::{
    AccountNumber, ApplyError, Command, ConnectionId, Cost, Effect, Now, Output, Record, StateMachine, StoredState,
};
use crate::store::{Checkpointed, DirectoryLock, Opened, Sizes};
use crate::wal::{Segment, Wal, WalError};

/// Urgency of the commit of the batch that is being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// There is nothing in it.
    Nothing,
    /// No client waits for it (it holds acknowledgements, say): it may grow until the commit deadline.
    Soon,
    /// A client waits for an answer.
    Now,
}

pub struct GroupCommit {
    machine: StateMachine,
    wal: Wal,
    sizes: Sizes,
    /// Records and effects of the command that was just decided.
    output: Output,
    /// Effects that wait for the batch to be durable, in order.
    held: Vec<Effect>,
    /// Effects that may be dispatched now, in order.
    released: Vec<Effect>,
    awaited: bool,
    /// Number of records in the batch.
    records: u64,
    /// Every event up to this number is durable.
    synced: Seq,
    /// The closed segments that no checkpoint covers, and how many bytes each holds.
    closed: VecDeque<(u64, u64)>,
    checkpoint_bytes: u64,
    /// The last batch that the newest checkpoint has.
    covered_batch: u64,
    /// Less space is free on the disk than has to stay free.
    disk_below_floor: bool,
    /// The term of this server as the leader of its cluster; `None`: it is in none, or stands by.
    epoch: Option<i64>,
    /// Format of the entries of that term.
    format: u64,
    /// The head of the entry that is being filled, which is the first record of the batch.
    entry: Option<EntryHead>,
    /// The cluster's log has no room.
    log_full: bool,
    /// Time of the last command.
    now: Timestamp,
    /// Locks the data directory as long as this value lives.
    _lock: DirectoryLock,
}

impl GroupCommit {
    /// Takes over a store that was just opened.
    pub fn new(opened: Opened, sizes: Sizes) -> Self {
        let before = opened.wal.segment().saturating_sub(1);
        Self {
            synced: opened.machine.stored.last,
            machine: opened.machine,
            closed: (opened.closed_bytes > 0).then_some((before, opened.closed_bytes)).into_iter().collect(),
            wal: opened.wal,
            sizes,
            output: Output::default(),
            held: Vec::new(),
            released: Vec::new(),
            awaited: false,
            records: 0,
            checkpoint_bytes: opened.checkpoint_bytes,
            covered_batch: opened.covered_batch,
            disk_below_floor: false,
            epoch: None,
            format: cluster::FORMAT,
            entry: None,
            log_full: false,
            now: Timestamp::default(),
            _lock: opened.lock,
        }
    }

    /// Handles one command. There has to be room for its records ([`GroupCommit::has_room`]), or the state machine has to
    /// know that there is none ([`GroupCommit::switch_segment`]).
    pub fn execute(&mut self, from: ConnectionId, command: Command, now: Now) -> Result<(), ApplyError> {
        self.now = now.at;
        self.machine.handle(from, command, now, &mut self.output)?;
        self.collect();
        Ok(())
    }

    /// Returns the deadline of the next waiting poll: call [`GroupCommit::end_batch`] then.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.machine.next_deadline()
    }

    /// Ends a batch of commands: applies their acknowledgements, and answers the polls that have waited long enough, or for
    /// what the commands have brought. There has to be room for a record, as for a command.
    pub fn end_batch(&mut self, now: Now) -> Result<(), ApplyError> {
        self.now = now.at;
        self.machine.end_batch(now, &mut self.output)?;
        self.collect();
        Ok(())
    }

    /// The server is stopping: polls do not wait any more.
    pub fn stop_waiting(&mut self) {
        self.machine.stop_polls(&mut self.output);
        self.collect();
    }

    /// Takes over what the state machine has decided.
    fn collect(&mut self) {
        if self.wal.pending() == 0 && !self.output.records.is_empty() {
            self.begin_entry();
        }
        for (last, record) in self.output.records.drain(..) {
            self.wal.append(|out| record.write(last, out));
            self.records += 1;
        }
        let mut effects = std::mem::take(&mut self.output.effects);
        effects.drain(..).for_each(|effect| self.add_effect(effect));
        self.output.effects = effects;
    }

    /// Writes the head of an entry, if this server leads a cluster: its records follow.
    fn begin_entry(&mut self) {
        if let Some((epoch, link)) = self.epoch.zip(self.link()) {
            let head = EntryHead {
                format: self.format,
                number: self.wal.number(),
                epoch,
                time: self.now.max(link.time),
                bytes: link.bytes,
                before: link.hash,
            };
            let last = self.synced;
            self.wal.append(|out| Record::Entry(head).write(last, out));
            self.entry = Some(head);
        }
    }

    /// Returns the position of the store in the cluster's log; `None`: it is in no cluster.
    pub fn link(&self) -> Option<Link> {
        self.machine.stored.chain.as_ref().map(Chain::link)
    }

    /// Returns the entry that the batch is, and the position after it: it has to be in the cluster's log before
    /// [`GroupCommit::commit`].
    pub fn entry(&self) -> Option<(&[u8], Link)> {
        let head = self.entry.as_ref()?;
        let batch = self.wal.batch();
        Some((batch, self.link()?.after(head, batch)))
    }

    /// Leads the cluster from here on, in a term of this epoch, with entries of this format.
    pub fn lead(&mut self, epoch: i64, format: u64) {
        self.epoch = Some(epoch);
        self.format = format;
        self.machine.lead();
    }

    /// Applies an entry of the cluster's log as one batch, and makes it durable. There has to be room for its bytes. After
    /// an error this group commit must not be used any more.
    pub fn apply_entry(&mut self, entry: &[u8]) -> Result<(), String> {
        let lines = entry.strip_suffix(b"\n").ok_or("an entry of the cluster's log does not end in a line feed")?;
        let stored = &mut self.machine.stored;
        lines
            .split(|byte| *byte == b'\n')
            .try_for_each(|line| stored.replay(line))
            .map_err(|error| error.to_string())?;
        self.wal.append(|out| out.extend_from_slice(entry));
        self.commit().map(drop).map_err(|error| error.to_string())
    }

    /// Adds an effect behind those that were decided before it.
    pub fn add_effect(&mut self, effect: Effect) {
        let depends_on = match &effect {
            Effect::Events { depends_on, .. } => Some(*depends_on),
            _ => None,
        };
        // Events that are durable already depend on nothing in this batch.
        if self.wal.pending() == 0 || depends_on.is_some_and(|newest| newest <= self.synced) {
            self.released.push(effect);
        } else {
            self.awaited |= depends_on.is_none();
            self.held.push(effect);
        }
    }

    /// Takes the cost of a request out of its user's buckets, if there is enough in them.
    pub fn charge(&mut self, user: AccountNumber, cost: Cost, elapsed: Duration) -> bool {
        self.machine.charge(user, cost, elapsed)
    }

    /// Takes a cost that cannot be refused.
    pub fn charge_in_any_case(&mut self, user: AccountNumber, cost: Cost, elapsed: Duration) {
        self.machine.charge_in_any_case(user, cost, elapsed);
    }

    pub fn state(&self) -> &StoredState {
        &self.machine.stored
    }

    pub fn urgency(&self) -> Urgency {
        match self.wal.pending() {
            0 => Urgency::Nothing,
            _ if self.awaited => Urgency::Now,
            _ => Urgency::Soon,
        }
    }

    /// Returns how many bytes the batch holds.
    pub fn batch_bytes(&self) -> usize {
        self.wal.pending()
    }

    /// Returns whether the batch holds so much that it should not grow.
    pub fn batch_is_full(&self) -> bool {
        let most = if self.epoch.is_some() { limits::ENTRY_BYTES } else { limits::BATCH_BYTES };
        self.wal.pending() >= most
    }

    /// One write, one sync; then everything that waited for it is released. Returns the number of records. After an
    /// error what is on the disk is unknown: this group commit must not be used any more.
    pub fn commit(&mut self) -> Result<u64, WalError> {
        let link = self.entry().map(|(_, link)| link);
        self.wal.commit()?;
        if let Some((chain, link)) = self.machine.stored.chain.as_mut().zip(link) {
            chain.set_link(link);
        }
        self.entry = None;
        self.awaited = false;
        self.synced = self.machine.stored.last;
        self.released.append(&mut self.held);
        Ok(std::mem::take(&mut self.records))
    }

    /// Moves the effects that may be dispatched now to the end of a list, in order.
    pub fn release_effects(&mut self, effects: &mut Vec<Effect>) {
        effects.append(&mut self.released);
    }

    /// Checks that the records of one more command fit. If not: commit, then [`GroupCommit::switch_segment`].
    pub fn has_room(&self) -> bool {
        self.has_room_for(0)
    }

    /// Checks that this many bytes of records fit beside those of one more command.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        let fits_into_entry = self.epoch.is_none() || self.wal.pending().saturating_add(bytes) < limits::ENTRY_BYTES;
        fits_into_entry && self.wal.has_room_for(bytes.saturating_add(self.command_bytes()))
    }

    /// Returns whether a new segment has room for this many bytes of records, and for those of one more command.
    pub fn fits_into_segment(&self, bytes: usize) -> bool {
        let fits_into_entry = self.epoch.is_none() || bytes < limits::ENTRY_BYTES;
        fits_into_entry && bytes.saturating_add(self.command_bytes()) as u64 <= self.sizes.segment_bytes
    }

    /// Returns the room that a command needs in the log, with the head line of an entry.
    fn command_bytes(&self) -> usize {
        if self.epoch.is_some() { limits::COMMAND_BYTES + cluster::HEAD_BYTES } else { limits::COMMAND_BYTES }
    }

    /// Returns how many bytes the closed segments of the log hold that no checkpoint covers, and how many the checkpoint.
    pub fn sizes_on_disk(&self) -> (u64, u64) {
        (self.closed_bytes(), self.checkpoint_bytes)
    }

    /// Goes on in the spare segment. Without one the state machine refuses whatever needs a record.
    pub fn switch_segment(&mut self) {
        let number = self.wal.segment();
        if let Some(bytes) = self.wal.switch() {
            self.closed.push_back((number, bytes));
        }
        self.note_disk_full();
    }

    /// Returns whether [`GroupCommit::close_segment`] would close one: no batch is begun, and the next segment exists.
    pub fn can_close_segment(&self) -> bool {
        self.wal.pending() == 0 && self.wal.wants_spare().is_none()
    }

    /// Goes on in the spare segment although this one has room, so that a checkpoint can cover every record so far.
    /// Returns the number of the closed one.
    pub fn close_segment(&mut self) -> Option<u64> {
        let number = self.can_close_segment().then(|| self.wal.segment())?;
        self.switch_segment();
        self.machine.stored.note_log_covered();
        Some(number)
    }

    /// Tells the state machine whether the disk has room for records. It has none without a segment, below the floor, and
    /// while the cluster's log is full.
    pub fn note_disk_full(&mut self) {
        self.machine.disk_full = self.disk_below_floor || self.log_full || !self.has_room();
    }

    /// Checks that records can be written. The error says why not.
    pub fn check_space(&self) -> Result<(), &'static str> {
        match (self.disk_below_floor, self.machine.disk_full) {
            _ if self.log_full => Err("the cluster's log is full: servers that are registered have to catch up"),
            (true, _) => Err("less space is free on the disk than --disk-floor: nothing is stored"),
            (_, true) => Err("the write-ahead log cannot grow: nothing is stored"),
            _ => Ok(()),
        }
    }

    /// Notes whether the cluster's log has room.
    pub fn set_log_full(&mut self, is_full: bool) {
        if self.log_full != is_full {
            self.log_full = is_full;
            self.note_disk_full();
        }
    }

    pub fn set_disk_below_floor(&mut self, is_below: bool) {
        self.disk_below_floor = is_below;
        self.note_disk_full();
    }

    /// The number of the segment that is to be made ahead of need, if there is none yet.
    pub fn wants_segment(&self) -> Option<u64> {
        self.wal.wants_spare()
    }

    pub fn give_segment(&mut self, segment: Segment) {
        self.wal.give_spare(segment);
    }

    /// The closed segment up to which a checkpoint should be made now, if one should: while the server is quiet, a quarter
    /// of the log is reason enough.
    pub fn wants_checkpoint(&self, quiet: bool) -> Option<u64> {
        let limit = if quiet { self.sizes.checkpoint_bytes / 4 } else { self.sizes.checkpoint_bytes };
        let most = self.sizes.checkpoint_bytes.saturating_mul(limits::UNCOVERED_FACTOR / 2);
        let due = self.closed_bytes() >= limit.max(self.checkpoint_bytes.min(most));
        due.then(|| self.wal.segment() - 1)
    }

    /// Returns whether no further segment may be begun before a checkpoint covers closed ones: memory holds their messages.
    pub fn is_far_uncovered(&self) -> bool {
        self.closed_bytes() >= self.sizes.checkpoint_bytes.saturating_mul(limits::UNCOVERED_FACTOR)
    }

    /// Returns the number of the last batch that the newest checkpoint has.
    pub fn covered_batch(&self) -> u64 {
        self.covered_batch
    }

    /// Returns how many bytes of the log no checkpoint covers.
    pub fn uncovered_bytes(&self) -> u64 {
        self.closed_bytes() + self.wal.segment_bytes()
    }

    fn closed_bytes(&self) -> u64 {
        self.closed.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Notes a checkpoint that was made. Returns the messages that the history files hold now.
    pub fn give_checkpoint(&mut self, checkpoint: &Checkpointed) -> Vec<Vec<Arc<Message>>> {
        self.closed.retain(|(number, _)| *number > checkpoint.covered_segment);
        self.checkpoint_bytes = checkpoint.bytes;
        self.covered_batch = checkpoint.covered_batch;
        self.machine.stored.mark_history_written(&checkpoint.filed)
    }

    /// The segment up to which a last checkpoint would cover everything; `None` if one does already, and no text that was
    /// taken back is left in the history files.
    pub fn uncovered(&self) -> Option<u64> {
        let is_covered = self.wal.is_fresh() && self.closed.is_empty();
        (!is_covered || self.state().unfiled_erasures() > 0).then(|| self.wal.segment())
    }
}
