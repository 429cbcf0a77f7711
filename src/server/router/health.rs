//! The health of a running server: the free space of its disk, and what the metrics port and the audit log are told;
//! and memory that is given back.

use std::time::Instant;

use super::Router;

impl Router {
    /// Answers `/healthz`: whether messages can be stored.
    pub(crate) fn check_health(&self) -> Result<(), String> {
        if self.shutting_down {
            return Err("the server is stopping".to_owned());
        }
        if self.stands_by() {
            return Err("this server stands by: another one of its cluster leads".to_owned());
        }
        self.group_commit.check_space().map_err(str::to_owned)
    }

    pub(crate) fn set_disk_below_floor(&mut self, is_below: bool) {
        match is_below {
            true => {
                log::error!("less space is free on the disk than --disk-floor: nothing is stored until there is more")
            }
            false => log::warn!("there is space on the disk again"),
        }
        self.group_commit.set_disk_below_floor(is_below);
    }

    /// Notes a commit, unless the batch was empty.
    pub(crate) fn note_commit(&self, records: u64, bytes: usize, begun: Instant) {
        if records > 0 {
            self.shared.metrics.note_commit(records, bytes, begun.elapsed());
            self.note_state();
        }
    }

    pub(crate) fn note_state(&self) {
        self.shared.metrics.note_state(&self.group_commit);
    }
}
