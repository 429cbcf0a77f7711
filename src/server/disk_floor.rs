//! The floor of free disk space (`serve --disk-floor`): a thread that looks the space up, since a slow disk must not hold
//! up the router.

use std::io;
use std::thread::Builder;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::limits;
use crate::store::Store;

/// Watches the free space. The thread ends with this value.
pub(super) struct DiskFloor {
    /// There was less space than the floor when the watch began.
    pub is_below: bool,
    _running: Sender<()>,
}

impl DiskFloor {
    /// Looks the free space up, and goes on to do so; `report` is told whenever it falls below the floor, and is above
    /// it again.
    pub fn watch(store: &Store, floor: u64, report: impl Fn(bool) + Send + 'static) -> io::Result<Self> {
        // Space that cannot be looked up is not known to be used up.
        let store = store.clone();
        let look = move || store.free_bytes().is_ok_and(|free| free < floor);
        let is_below = floor > 0 && look();
        let (running, stopped) = bounded(0);
        let work = move || {
            let mut was_below = is_below;
            while stopped.recv_timeout(limits::DISK_FLOOR_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let is_below = look();
                if is_below != was_below {
                    report(is_below);
                }
                was_below = is_below;
            }
        };
        if floor > 0 {
            Builder::new().name("disk floor".to_owned()).spawn(work)?;
        }
        Ok(Self { is_below, _running: running })
    }
}
