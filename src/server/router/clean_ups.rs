//! The times of the clean-ups: one at the start and one a day, in steps; and one in time for texts that were taken back.

use std::time::{Duration, Instant};

use crate::limits;
use crate::model::Timestamp;
use crate::state_machine::ConversationId;
use crate::store::{CleanUp, Retention};

/// Time after which a step is done again whose checkpoint has failed: checkpoints without one come first, since each step
/// closes a segment.
const CLEAN_UP_RETRY_DELAY: Duration = Duration::from_secs(3_600);

pub(crate) struct CleanUps {
    retention: Retention,
    /// The time of the next step; `None`: messages are kept for ever.
    due: Option<Instant>,
    /// The time at which texts that were taken back have to leave the files; `None`: none are in them.
    erasing: Option<Instant>,
    /// The time before which their number is no reason for a clean-up; `None`: there was none since the start.
    paused: Option<Instant>,
    /// The clean-up that has begun: its next step.
    step: Option<CleanUp>,
    /// The checkpoint that is being made does a step.
    is_running: bool,
}

impl CleanUps {
    pub fn new(retention: Retention) -> Self {
        let due = (!retention.is_for_ever()).then(Instant::now);
        Self { retention, due, erasing: None, paused: None, step: None, is_running: false }
    }

    pub fn due(&self) -> Option<Instant> {
        [self.due, self.erasing].into_iter().flatten().min()
    }

    /// Notes whether the files have what has to leave them in time, and how many texts that were taken back. At the start it
    /// is not known for how long they have them.
    pub fn note_erased(&mut self, has_to_clean: bool, count: usize) {
        let now = Instant::now();
        if !has_to_clean {
            self.erasing = None;
            self.paused.get_or_insert(now);
            return;
        }
        if self.is_running {
            return;
        }
        let due = match self.paused {
            None => now,
            Some(paused) if count >= limits::MANY_ERASURES => paused.max(now),
            Some(_) => now + limits::ERASE_DELAY,
        };
        self.erasing = Some(self.erasing.map_or(due, |erasing| erasing.min(due)));
    }

    /// Returns the step that is due: of the clean-up that has begun, or of a new one.
    pub fn begin_step(&mut self, now: Timestamp) -> CleanUp {
        self.is_running = true;
        *self.step.get_or_insert(CleanUp { retention: self.retention, now, after: None, is_last: false })
    }

    /// Notes that a checkpoint was made: if it did a step, the next one is due at once, or the next clean-up in a day.
    /// Returns whether it did one.
    pub fn end_step(&mut self, upto: Option<ConversationId>) -> bool {
        let was_running = std::mem::take(&mut self.is_running);
        if was_running {
            self.step = self.step.filter(|_| upto.is_some()).map(|step| CleanUp { after: upto, ..step });
            let now = Instant::now();
            match upto {
                Some(_) => self.due = Some(now),
                None => {
                    self.due = (!self.retention.is_for_ever()).then(|| now + limits::CLEAN_UP_INTERVAL);
                    self.erasing = None;
                    self.paused = Some(now + limits::ERASE_PAUSE);
                }
            }
        }
        was_running
    }

    /// Notes that a checkpoint has failed: if it did a step, that is done again later.
    pub fn put_off(&mut self) {
        if std::mem::take(&mut self.is_running) {
            self.due = Some(Instant::now() + CLEAN_UP_RETRY_DELAY);
            self.erasing = None;
            self.paused = self.due;
        }
    }
}
