//! The times of the clean-ups: one at the start and one a day, in steps.

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
    /// The clean-up that has begun: its next step.
    step: Option<CleanUp>,
    /// The checkpoint that is being made does a step.
    is_running: bool,
}

impl CleanUps {
    pub fn new(retention: Retention) -> Self {
        let due = (!retention.is_for_ever()).then(Instant::now);
        Self { retention, due, step: None, is_running: false }
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns the step that is due: of the clean-up that has begun, or of a new one.
    pub fn begin_step(&mut self, now: Timestamp) -> CleanUp {
        self.is_running = true;
        *self.step.get_or_insert(CleanUp { retention: self.retention, now, after: None })
    }

    /// Notes that a checkpoint was made: if it did a step, the next one is due at once, or the next clean-up in a day.
    /// Returns whether it did one.
    pub fn end_step(&mut self, upto: Option<ConversationId>) -> bool {
        let was_running = std::mem::take(&mut self.is_running);
        if was_running {
            self.step = self.step.filter(|_| upto.is_some()).map(|step| CleanUp { after: upto, ..step });
            let pause = if upto.is_some() { Duration::ZERO } else { limits::CLEAN_UP_INTERVAL };
            self.due = Some(Instant::now() + pause);
        }
        was_running
    }

    /// Notes that a checkpoint has failed: if it did a step, that is done again later.
    pub fn put_off(&mut self) {
        if std::mem::take(&mut self.is_running) {
            self.due = Some(Instant::now() + CLEAN_UP_RETRY_DELAY);
        }
    }
}
