//! The router: the one thread that owns core and the journal.
//!
//! It takes what has come, lets core handle it, writes all records in one batch, syncs once, and only
//! then releases the effects, in order. While it syncs, the next batch gathers in its queue: the more
//! there is to do, the less a message costs.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::Shared;
use super::background::{Checkpointer, SegmentMaker, checkpointer, segment_maker};
use super::connection::{Connection, Ending};
use crate::core::{Answer, Command, ConnectionId, Core, Effect, Now, Outcome};
use crate::journal::Journal;
use crate::limits;
use crate::model::{Seq, Timestamp};
use crate::protocol::{Event, Reply};
use crate::store::{Opened, Sizes, Store};

/// What comes to the router.
pub(super) enum Input {
    Command(Arc<Connection>, Command),
    /// The client of a RECV session will ask nothing more.
    HungUp(ConnectionId),
    /// The server is stopping: polls do not wait any more.
    AnswerPolls,
    /// The last input there is.
    Stop,
}

pub(super) struct Router {
    core: Core,
    journal: Journal,
    store: Store,
    sizes: Sizes,
    inbox: Receiver<Input>,
    shared: Arc<Shared>,
    /// The connections of RECV sessions: what happens to others concerns them.
    sessions: HashMap<ConnectionId, Arc<Connection>>,
    started: Instant,
    outcome: Outcome,
    /// Effects that wait for the batch that is being filled to be durable, in order.
    held: Vec<Due>,
    /// Whether somebody waits for this batch; if not, it may wait for company until `lazy`.
    awaited: bool,
    lazy: Option<Instant>,
    /// Every event up to this number is durable.
    synced: Seq,
    segments: SegmentMaker,
    /// When to try again to make a segment that could not be made.
    retry_segment: Option<Instant>,
    checkpoints: Checkpointer,
    retry_checkpoint: Option<Instant>,
    /// The closed segments that no checkpoint covers, and how many bytes each holds.
    closed: VecDeque<(u64, u64)>,
    checkpoint_bytes: u64,
    stopping: bool,
    /// Kept to the end: it is released with the router.
    _lock: Box<dyn Send>,
}

/// An effect, and the connection it is for.
enum Due {
    Connection(Arc<Connection>, Effect),
    Accounts(Effect),
}

impl Router {
    pub fn new(
        opened: Opened,
        store: Store,
        sizes: Sizes,
        inbox: Receiver<Input>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let before = opened.journal.segment().saturating_sub(1);
        Ok(Self {
            synced: opened.core.last(),
            core: opened.core,
            segments: segment_maker(opened.location, sizes.segment_bytes)?,
            checkpoints: checkpointer(store.clone())?,
            closed: (opened.closed_bytes > 0).then_some((before, opened.closed_bytes)).into_iter().collect(),
            journal: opened.journal,
            store,
            sizes,
            inbox,
            shared,
            sessions: HashMap::new(),
            started: Instant::now(),
            outcome: Outcome::default(),
            held: Vec::new(),
            awaited: false,
            lazy: None,
            retry_segment: None,
            retry_checkpoint: None,
            checkpoint_bytes: opened.checkpoint_bytes,
            stopping: false,
            _lock: opened.lock,
        })
    }

    /// Runs until it is told to stop (then a checkpoint is made), or until it cannot go on: then
    /// what was not released is answered to nobody.
    pub fn run(mut self) -> Result<(), String> {
        while !self.stopping {
            self.look_after_disk();
            if let Some(input) = self.next_input() {
                self.take_all(input)?;
            }
            self.expire_polls();
            if self.awaited || self.lazy.is_some_and(|due| due <= Instant::now()) {
                self.commit()?;
            }
        }
        self.commit()?;
        self.last_checkpoint()
    }

    /// Waits for an input, but not past the time at which something else is to be done.
    fn next_input(&self) -> Option<Input> {
        let poll = self.core.next_deadline().map(|deadline| self.started + deadline);
        let received = match [poll, self.lazy].into_iter().flatten().min() {
            Some(due) => self.inbox.recv_deadline(due),
            None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Input::Stop),
        }
    }

    /// Handles everything that has come, up to a batch's worth.
    fn take_all(&mut self, first: Input) -> Result<(), String> {
        let mut input = Some(first);
        while let Some(next) = input {
            self.make_room()?;
            match next {
                Input::Command(connection, command) => self.take(&connection, command)?,
                Input::HungUp(id) => {
                    if let Some(connection) = self.sessions.get(&id).cloned() {
                        self.take(&connection, Command::HungUp)?;
                    }
                }
                Input::AnswerPolls => self.core.stop_waiting(&mut self.outcome),
                Input::Stop => self.stopping = true,
            }
            self.collect(None);
            if self.journal.pending() >= limits::BATCH_BYTES {
                return Ok(());
            }
            input = self.inbox.try_recv().ok();
        }
        Ok(())
    }

    fn take(&mut self, connection: &Arc<Connection>, command: Command) -> Result<(), String> {
        match command {
            Command::Open { .. } => _ = self.sessions.insert(connection.id, connection.clone()),
            Command::Closed => _ = self.sessions.remove(&connection.id),
            _ => {}
        }
        let now = self.now();
        self.core.handle(connection.id, command, now, &mut self.outcome).map_err(|defect| {
            log::error!("a defect of this program, please report it: {defect}; stopping, so that nothing is lost");
            format!("a defect: {defect}")
        })?;
        self.collect(Some(connection));
        Ok(())
    }

    fn now(&self) -> Now {
        Now { at: Timestamp::now(), elapsed: self.started.elapsed() }
    }

    fn expire_polls(&mut self) {
        if self.core.next_deadline().is_some_and(|deadline| deadline <= self.started.elapsed()) {
            let now = self.now();
            self.core.expire(now, &mut self.outcome);
            self.collect(None);
        }
    }

    /// Takes over what core has decided: records into the batch; effects to where they wait for it.
    fn collect(&mut self, from: Option<&Arc<Connection>>) {
        for (last, record) in self.outcome.records.drain(..) {
            self.journal.append(|out| record.write(last, out));
        }
        if self.journal.pending() > 0 {
            self.lazy.get_or_insert_with(|| Instant::now() + limits::LAZY_SYNC);
        }
        let effects = std::mem::take(&mut self.outcome.effects);
        for effect in effects {
            self.hold_or_release(effect, from);
        }
    }

    fn hold_or_release(&mut self, effect: Effect, from: Option<&Arc<Connection>>) {
        let events = match &effect {
            Effect::Answer(_, Answer::Reply(Reply::Events(events))) => Some(events.iter().map(Event::seq).max()),
            _ => None,
        };
        let due = match &effect {
            Effect::Account { .. } => Due::Accounts(effect),
            Effect::Answer(id, _) | Effect::Close(id, _) => {
                let Some(connection) = from.filter(|c| c.id == *id).or_else(|| self.sessions.get(id)) else { return };
                Due::Connection(connection.clone(), effect)
            }
        };
        // Events that are durable already depend on nothing in this batch.
        let durable = events.is_some_and(|newest| newest.unwrap_or_default() <= self.synced);
        if self.journal.pending() == 0 || durable {
            self.release(due);
            return;
        }
        self.awaited |= events.is_none();
        self.held.push(due);
    }

    fn release(&self, due: Due) {
        match due {
            Due::Connection(connection, Effect::Answer(_, answer)) => connection.answer(answer),
            Due::Connection(connection, Effect::Close(_, code)) => connection.end(Ending::Ko(code.into())),
            Due::Accounts(Effect::Account { name, password_hash })
            | Due::Connection(_, Effect::Account { name, password_hash }) => {
                self.shared.accounts.publish(name, password_hash);
            }
            Due::Accounts(_) => {}
        }
    }

    /// Makes the batch durable, and releases what waited for it.
    fn commit(&mut self) -> Result<(), String> {
        (self.awaited, self.lazy) = (false, None);
        if let Err(error) = self.journal.commit() {
            // What is on the disk now, nobody knows. A sync that is tried again lies.
            log::error!("the journal cannot be written: {error}; stopping. What was not answered OK may be lost");
            return Err(format!("the journal cannot be written: {error}"));
        }
        self.synced = self.core.last();
        for due in std::mem::take(&mut self.held) {
            self.release(due);
        }
        Ok(())
    }

    /// Sees to it that one more record fits, or that core knows that none does.
    fn make_room(&mut self) -> Result<(), String> {
        if self.journal.has_room() {
            return Ok(());
        }
        self.commit()?;
        if self.journal.wants_spare().is_some() && self.segments.is_busy() {
            // It is on its way; waiting for it is how a slow disk slows down everybody.
            let made = self.segments.result();
            self.take_segment(made.unwrap_or_else(|error| Err(io::Error::other(error))));
        }
        self.switch_segment();
        Ok(())
    }

    fn switch_segment(&mut self) {
        let number = self.journal.segment();
        let switched = self.journal.switch();
        if let Some(bytes) = switched {
            self.closed.push_back((number, bytes));
            self.look_after_disk();
        }
        self.core.set_full(!self.journal.has_room());
    }

    fn take_segment(&mut self, made: io::Result<crate::journal::Segment>) {
        match made {
            Ok(segment) => {
                self.journal.give_spare(segment);
                self.retry_segment = None;
            }
            Err(error) => {
                log::error!("no room for the journal to go on: {error}; free some space on the disk");
                self.retry_segment = Some(Instant::now() + limits::RETRY_DISK);
            }
        }
    }

    /// Keeps a spare segment and the checkpoints coming.
    fn look_after_disk(&mut self) {
        if let Some(made) = self.segments.try_result() {
            self.take_segment(made);
        }
        if let Some(number) = self.journal.wants_spare()
            && self.retry_segment.is_none_or(|at| at <= Instant::now())
        {
            self.segments.ask(number);
        }
        if let Some(done) = self.checkpoints.try_result() {
            match done {
                Ok(checkpoint) => {
                    self.core.filed(&checkpoint.filed);
                    self.closed.retain(|(number, _)| *number > checkpoint.covered_upto);
                    self.checkpoint_bytes = checkpoint.bytes;
                    self.retry_checkpoint = None;
                }
                Err(error) => {
                    log::error!("no checkpoint could be made: {error}; the journal grows until one is");
                    self.retry_checkpoint = Some(Instant::now() + limits::RETRY_DISK);
                }
            }
        }
        let closed: u64 = self.closed.iter().map(|(_, bytes)| bytes).sum();
        if closed >= self.sizes.checkpoint_bytes.max(self.checkpoint_bytes)
            && self.retry_checkpoint.is_none_or(|at| at <= Instant::now())
        {
            self.checkpoints.ask(self.journal.segment() - 1);
        }
    }

    /// A clean stop leaves a checkpoint, so that the next start has nothing to replay.
    fn last_checkpoint(mut self) -> Result<(), String> {
        if self.checkpoints.is_busy() {
            // Its result is in the files; only one may work on them.
            let _ = self.checkpoints.result();
        }
        if self.journal.is_fresh() && self.closed.is_empty() {
            return Ok(());
        }
        match self.store.checkpoint(self.journal.segment()) {
            Ok(_) => Ok(()),
            // All is in the journal; the next start replays it.
            Err(error) => Err(format!("the last checkpoint could not be made: {error}")),
        }
    }
}
