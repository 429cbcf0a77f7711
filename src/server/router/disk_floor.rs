//! The floor of free disk space (`serve --disk-floor`): a thread that looks the space up once a second, since a slow disk
//! must not hold up the router.

use std::io;
use std::thread::Builder;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::store::Store;

/// Time between two looks at the free space.
const DISK_FLOOR_INTERVAL: Duration = Duration::from_secs(1);

/// Watches the free space. The thread ends with this value.
pub(crate) struct DiskFloor {
    /// There was less space than the floor when the watch began.
    pub is_below: bool,
    _running: Sender<()>,
}

impl DiskFloor {
    /// Looks the free space up, and goes on to do so; `report` is told whenever it falls below the floor, and is above
    /// it again. `note` is told after each look how much there is, if that is known.
    pub fn watch(
        store: &Store,
        floor: u64,
        note: impl Fn(Option<u64>) + Send + 'static,
        report: impl Fn(bool) + Send + 'static,
    ) -> io::Result<Self> {
        let store = store.clone();
        let look = move || {
            let free = store.free_bytes().ok();
            note(free);
            // Space that cannot be looked up is not known to be used up.
            free.is_some_and(|free| free < floor)
        };
        let is_below = look();
        let (running, stopped) = bounded(0);
        let work = move || {
            let mut was_below = is_below;
            while stopped.recv_timeout(DISK_FLOOR_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let is_below = look();
                if is_below != was_below {
                    report(is_below);
                }
                was_below = is_below;
            }
        };
        Builder::new().name("disk floor".to_owned()).spawn(work)?;
        Ok(Self { is_below, _running: running })
    }
}
