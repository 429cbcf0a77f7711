//! The router: the one thread that owns the state machine and the write-ahead log.
//!
//! It takes what has come, lets the state machine handle it, writes all records in one batch, syncs once, and only
//! then releases the effects, in order. While it syncs, the next batch gathers in its queue: the more
//! there is to do, the less a message costs.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::Shared;
use super::connection::CloseReason;
use super::group_commit::{GroupCommit, Urgency};
use super::workers::{Checkpointer, SegmentMaker, checkpointer, segment_maker};
use crate::limits;
use crate::model::Timestamp;
use crate::state_machine::{Answer, Command, ConnectionId, Effect, Now};
use crate::store::{Checkpointed, Opened, Sizes, Store, StoreError};
use crate::wal::{Segment, WalError};

/// What comes to the router.
pub(super) enum Input {
    Command(ConnectionId, Command),
    /// The server is stopping: polls do not wait any more.
    AnswerPolls,
    /// The last input there is.
    Stop,
}

pub(super) struct Router {
    group_commit: GroupCommit,
    store: Store,
    inbox: Receiver<Input>,
    shared: Arc<Shared>,
    started: Instant,
    /// Until when a batch that nobody waits for may wait for company.
    lazy: Option<Instant>,
    segments: SegmentMaker,
    checkpoints: Checkpointer,
    /// When to try again what the disk has refused.
    retry_segment: Option<Instant>,
    retry_checkpoint: Option<Instant>,
    stopping: bool,
}

impl Router {
    pub fn new(
        opened: Opened,
        store: Store,
        sizes: Sizes,
        inbox: Receiver<Input>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        Ok(Self {
            segments: segment_maker(opened.location.clone(), sizes.segment_bytes)?,
            checkpoints: checkpointer(store.clone())?,
            group_commit: GroupCommit::new(opened, sizes),
            store,
            inbox,
            shared,
            started: Instant::now(),
            lazy: None,
            retry_segment: None,
            retry_checkpoint: None,
            stopping: false,
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
            self.group_commit.answer_polls(self.now());
            self.commit_if_due()?;
            // Also what depends on nothing in the batch: whoever it wakes would take the processor from
            // those whose next requests could share the sync (measured: a fifth fewer messages a second).
            self.release();
        }
        self.commit()?;
        self.last_checkpoint()
    }

    /// Waits for an input, but not past the time at which something else is to be done.
    fn next_input(&self) -> Option<Input> {
        let poll = self.group_commit.next_deadline().map(|deadline| self.started + deadline);
        let received = match [poll, self.lazy, self.retry_segment].into_iter().flatten().min() {
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
            match next {
                Input::Command(from, command) => self.take(from, command)?,
                Input::AnswerPolls => self.group_commit.stop_waiting(),
                Input::Stop => self.stopping = true,
            }
            if self.group_commit.batch_is_full() {
                return Ok(());
            }
            input = self.inbox.try_recv().ok();
        }
        Ok(())
    }

    fn take(&mut self, from: ConnectionId, command: Command) -> Result<(), String> {
        if !self.group_commit.has_room() {
            self.make_room()?;
        }
        let now = self.now();
        self.group_commit.take(from, command, now).map_err(|defect| {
            log::error!("a defect of this program, please report it: {defect}; stopping, so that nothing is lost");
            format!("a defect of this program: {defect}")
        })
    }

    fn now(&self) -> Now {
        Now { at: Timestamp::now(), elapsed: self.started.elapsed() }
    }

    fn commit_if_due(&mut self) -> Result<(), String> {
        match self.group_commit.urgency() {
            Urgency::Nothing => Ok(()),
            Urgency::Now => self.commit(),
            Urgency::Soon => {
                let now = Instant::now();
                let due = *self.lazy.get_or_insert(now + limits::COMMIT_DELAY);
                if due <= now { self.commit() } else { Ok(()) }
            }
        }
    }

    fn commit(&mut self) -> Result<(), String> {
        self.lazy = None;
        self.group_commit.commit().map_err(|error| {
            // What is on the disk now, nobody knows. A sync that is tried again lies.
            let why = format!("the write-ahead log cannot be written: {error}");
            log::error!("{why}. What was not answered OK may be lost");
            why
        })?;
        self.release();
        Ok(())
    }

    /// Lets happen what may happen now.
    fn release(&mut self) {
        for effect in self.group_commit.take_released() {
            match effect {
                Effect::Account { name, password_hash } => self.shared.accounts.publish(name, Some(password_hash)),
                Effect::Answer(id, answer) => self.shared.connection_table.with(id, |to| to.answer(answer)),
                Effect::Events { to, delivery, .. } => {
                    self.shared.connection_table.with(to, |to| to.answer(Answer::Events(delivery)));
                }
                Effect::Close(id, code) => {
                    self.shared.connection_table.with(id, |to| to.end(CloseReason::Ko(code.into())))
                }
            }
        }
    }

    /// Sees to it that one more record fits, or that the state machine knows that none does.
    fn make_room(&mut self) -> Result<(), String> {
        self.commit()?;
        self.look_after_disk();
        if self.group_commit.wants_segment().is_some() && self.segments.is_busy() {
            // It is on its way; waiting for it is how a slow disk slows down everybody.
            match self.segments.result() {
                Ok(made) => self.take_segment(made),
                Err(_) => log::error!("a defect of this program, please report it: nobody makes segments any more"),
            }
        }
        self.group_commit.switch_segment();
        self.look_after_disk();
        Ok(())
    }

    fn take_segment(&mut self, made: Result<Segment, WalError>) {
        match made {
            Ok(segment) => self.group_commit.give_segment(segment),
            Err(error) => {
                log::error!("no room for the write-ahead log to go on: {error}");
                self.retry_segment = Some(Instant::now() + limits::RETRY_DISK);
            }
        }
    }

    fn take_checkpoint(&mut self, made: Result<Checkpointed, StoreError>) {
        match made {
            Ok(checkpoint) => self.group_commit.give_checkpoint(&checkpoint),
            Err(error) => {
                log::error!("no checkpoint could be made: {error}; the write-ahead log grows until one is");
                self.retry_checkpoint = Some(Instant::now() + limits::RETRY_DISK);
            }
        }
    }

    /// Keeps a spare segment and the checkpoints coming.
    fn look_after_disk(&mut self) {
        if let Some(made) = self.segments.try_result() {
            self.take_segment(made);
        }
        if let Some(made) = self.checkpoints.try_result() {
            self.take_checkpoint(made);
        }
        if let Some(number) = self.group_commit.wants_segment()
            && is_past(&mut self.retry_segment)
        {
            self.segments.ask(number);
        }
        if let Some(upto) = self.group_commit.wants_checkpoint()
            && is_past(&mut self.retry_checkpoint)
        {
            self.checkpoints.ask(upto);
        }
    }

    /// A clean stop leaves a checkpoint, so that the next start has nothing to replay.
    fn last_checkpoint(mut self) -> Result<(), String> {
        if self.checkpoints.is_busy() {
            // Its result is in the files; only one may work on them.
            let _ = self.checkpoints.result();
        }
        let Some(upto) = self.group_commit.uncovered() else { return Ok(()) };
        // Should it fail: all is in the write-ahead log, and the next start replays it.
        let made = self.store.checkpoint(upto).map(|_| ());
        made.map_err(|error| format!("the last checkpoint could not be made: {error}; nothing is lost"))
    }
}

/// Whether a time has come, or none is set. A time that has come is forgotten.
fn is_past(time: &mut Option<Instant>) -> bool {
    let past = time.is_none_or(|at| at <= Instant::now());
    if past {
        *time = None;
    }
    past
}
