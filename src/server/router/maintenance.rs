//! Keeps a spare segment and the checkpoints coming: the router's decisions about its background workers.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clean_ups::CleanUps;
use super::end::Fatal;
use super::group_commit::GroupCommit;
use super::reviews::Reviews;
use super::workers::{Checkpointer, SegmentMaker, Wake, checkpointer, free, segment_maker};
use crate::limits;
use crate::model::Timestamp;
use crate::server::metrics::Metrics;
use crate::state_machine::Review;
use crate::store::{Checkpointed, CleanUp, Opened, Retention, Sizes, Store, StoreError};
use crate::wal::{Segment, WalError};

/// Longest delay after a failed checkpoint, each of which doubles it: a try costs a recovery.
const CHECKPOINT_RETRY_DELAY: Duration = Duration::from_secs(60);

/// The server is quiet while one segment lasts longer than this.
const QUIET: Duration = Duration::from_secs(2);

pub(crate) struct Maintenance {
    store: Store,
    metrics: Arc<Metrics>,
    segments: SegmentMaker,
    checkpoints: Checkpointer,
    clean_ups: CleanUps,
    /// Time of the next try, after the disk has refused one.
    retry_segment: Option<Instant>,
    retry_checkpoint: Option<Instant>,
    /// Time at which the segment that is being written was begun.
    segment_begun: Instant,
    /// Time at which the last checkpoint was begun.
    checkpoint_begun: Instant,
    /// Wait after the next failed checkpoint: each failure doubles it.
    checkpoint_delay: Duration,
    pub reviews: Reviews,
}

impl Maintenance {
    /// Starts the workers; they call `wake` when they have done something.
    pub fn start(
        opened: &Opened,
        store: Store,
        sizes: Sizes,
        metrics: Arc<Metrics>,
        retention: Retention,
        wake: impl Wake,
    ) -> io::Result<Self> {
        Ok(Self {
            segments: segment_maker(opened.location.clone(), sizes.segment_bytes, wake.clone())?,
            checkpoints: checkpointer(store.clone(), wake)?,
            clean_ups: CleanUps::new(retention),
            reviews: Reviews::new(),
            store,
            metrics,
            retry_segment: None,
            retry_checkpoint: None,
            segment_begun: Instant::now(),
            checkpoint_begun: Instant::now(),
            checkpoint_delay: limits::DISK_RETRY_DELAY,
        })
    }

    /// Returns when [`Maintenance::run`] has to be called at the latest, or a look at the devices is due: a server that stands by
    /// takes none.
    pub fn next_retry(&self, group_commit: &GroupCommit, stands_by: bool) -> Option<Instant> {
        // After a failure not before the next try.
        let quiet = Some(self.segment_begun + QUIET).max(self.retry_checkpoint);
        let is_free = !self.checkpoints.is_busy();
        let wanted = group_commit.wants_checkpoint(true).filter(|_| is_free);
        let clean_up = self.clean_ups.due().filter(|_| is_free && group_commit.can_close_segment());
        let review = (!stands_by).then(|| self.reviews.due(group_commit.check_space().is_ok()));
        [self.retry_segment, wanted.and(quiet), clean_up, review].iter().flatten().min().copied()
    }

    /// Returns the look at the devices that is due.
    pub fn begin_review(&mut self, group_commit: &GroupCommit) -> Option<Review> {
        self.reviews.begin(group_commit.check_space().is_ok())
    }

    /// Takes finished work from the workers, and starts what is due. An error: one of them has panicked.
    pub fn run(&mut self, group_commit: &mut GroupCommit) -> Result<(), Fatal> {
        if let Some(made) = self.segments.try_result()? {
            self.accept_segment(group_commit, made);
        }
        if let Some(made) = self.checkpoints.try_result()? {
            self.accept_checkpoint(group_commit, made);
        }
        self.start_segment(group_commit);
        let state = group_commit.state();
        self.clean_ups.note_erased(state.has_to_clean(), state.unfiled_erasures());
        self.start_clean_up(group_commit);
        let quiet = self.segment_begun.elapsed() >= QUIET;
        if let Some(upto) = group_commit.wants_checkpoint(quiet)
            && is_due(self.retry_checkpoint)
            && !self.checkpoints.is_busy()
        {
            self.checkpoint_begun = Instant::now();
            self.retry_checkpoint = None;
            self.checkpoints.start_work((upto, None));
        }
        Ok(())
    }

    /// Starts a step of a clean-up that is due, with a checkpoint of every record so far.
    fn start_clean_up(&mut self, group_commit: &mut GroupCommit) {
        if is_due_at(self.clean_ups.due())
            && !self.checkpoints.is_busy()
            && let Some(upto) = group_commit.close_segment()
        {
            self.segment_begun = Instant::now();
            self.checkpoint_begun = Instant::now();
            self.checkpoints.start_work((upto, Some(self.clean_ups.begin_step(Timestamp::now()))));
            // The next segment is made meanwhile.
            self.start_segment(group_commit);
        }
    }

    fn start_segment(&mut self, group_commit: &GroupCommit) {
        if let Some(number) = group_commit.wants_segment()
            && is_due(self.retry_segment)
        {
            self.retry_segment = None;
            self.segments.start_work(number);
        }
    }

    /// Continues in the next segment, unless this one has room for `bytes` and a command. Without a next segment the state
    /// machine refuses what needs a record.
    pub fn make_room(&mut self, group_commit: &mut GroupCommit, bytes: usize) -> Result<(), Fatal> {
        self.run(group_commit)?;
        if group_commit.has_room_for(bytes) {
            // A clean-up has just begun a segment.
            return Ok(());
        }
        if group_commit.wants_segment().is_some() && self.segments.is_busy() {
            // The router waits here: this is how a slow disk slows down all clients (back-pressure).
            let made = self.segments.wait_for_result()?;
            self.accept_segment(group_commit, made);
        }
        if group_commit.is_far_uncovered() && self.checkpoints.is_busy() {
            // It waits here for a checkpoint, too: a flood is not faster than the checkpoints for long.
            let made = self.checkpoints.wait_for_result()?;
            self.accept_checkpoint(group_commit, made);
        }
        if group_commit.is_far_uncovered() {
            // The checkpoint has failed. It is tried again; until then the log does not grow.
            group_commit.note_disk_full();
            return Ok(());
        }
        group_commit.switch_segment();
        self.segment_begun = Instant::now();
        self.run(group_commit)
    }

    fn accept_segment(&mut self, group_commit: &mut GroupCommit, made: Result<Segment, WalError>) {
        match made {
            Ok(segment) => group_commit.give_segment(segment),
            Err(error) => {
                log::error!("no room for the next segment of the write-ahead log: {error}");
                self.retry_segment = Some(Instant::now() + limits::DISK_RETRY_DELAY);
            }
        }
    }

    fn accept_checkpoint(&mut self, group_commit: &mut GroupCommit, made: Result<Checkpointed, StoreError>) {
        self.metrics.note_checkpoint(&made, self.checkpoint_begun);
        match made {
            Ok(checkpoint) => {
                self.checkpoint_delay = limits::DISK_RETRY_DELAY;
                if self.clean_ups.end_step(checkpoint.cleaned_upto) {
                    self.reviews.hasten();
                }
                free(group_commit.give_checkpoint(&checkpoint));
            }
            Err(error) => {
                log::error!("no checkpoint could be made: {error}; the write-ahead log grows until one is");
                self.retry_checkpoint = Some(Instant::now() + self.checkpoint_delay);
                self.clean_ups.put_off();
                self.checkpoint_delay = (2 * self.checkpoint_delay).min(CHECKPOINT_RETRY_DELAY);
            }
        }
    }

    /// Makes a checkpoint at a clean stop, so that the next start has nothing to replay. Should it fail, everything is in
    /// the write-ahead log.
    pub fn final_checkpoint(&mut self, group_commit: &GroupCommit) -> Result<(), Fatal> {
        if self.checkpoints.is_busy() {
            // Its result is in the files; only one checkpoint may be under way.
            let _ = self.checkpoints.wait_for_result();
        }
        if self.segments.is_busy() {
            // The checkpoint makes that segment if it is not there.
            let _ = self.segments.wait_for_result();
        }
        let Some(upto) = group_commit.uncovered() else { return Ok(()) };
        let clean_up = CleanUp::at_stop(Timestamp::now());
        let made = self.store.checkpoint_and_clean_up(upto, Some(&clean_up)).map(|_| ());
        made.map_err(|error| format!("the last checkpoint could not be made: {error}; nothing is lost").into())
    }
}

/// Returns whether something may be done that is held back until a time, if any.
fn is_due(not_before: Option<Instant>) -> bool {
    not_before.is_none_or(|time| time <= Instant::now())
}

/// Returns whether something is to be done whose time has come, if it has one.
fn is_due_at(due: Option<Instant>) -> bool {
    due.is_some_and(|time| time <= Instant::now())
}
