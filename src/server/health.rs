//! The health of a running server: the free space of its disk, and what the metrics port and the audit log are told;
//! and memory that is given back.

use std::time::Instant;

use super::router::Router;
use super::{Shared, memory};

impl Router {
    /// Answers `/healthz`: whether messages can be stored.
    pub(super) fn check_health(&self) -> Result<(), String> {
        if self.shutting_down {
            return Err("the server is stopping".to_owned());
        }
        self.group_commit.check_space().map_err(str::to_owned)
    }

    pub(super) fn set_disk_below_floor(&mut self, is_below: bool) {
        match is_below {
            true => {
                log::error!("less space is free on the disk than --disk-floor: nothing is stored until there is more")
            }
            false => log::warn!("there is space on the disk again"),
        }
        self.group_commit.set_disk_below_floor(is_below);
    }

    /// Notes a commit, unless the batch was empty.
    pub(super) fn note_commit(&self, records: u64, bytes: usize, begun: Instant) {
        if records > 0 {
            self.shared.metrics.note_commit(records, bytes, begun.elapsed());
            self.note_state();
        }
    }

    pub(super) fn note_state(&self) {
        self.shared.metrics.note_state(&self.group_commit);
    }
}

/// Runs once a second, on the thread that looks the free space up.
pub(super) fn note_second(shared: &Shared, free: Option<u64>) {
    if let Some(free) = free {
        shared.metrics.note_free_bytes(free);
    }
    shared.audit.flush();
    if shared.connections.has_shrunk() {
        memory::give_back();
    }
}
