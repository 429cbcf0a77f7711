//! What the router has done beside it: segments made ahead of need, and checkpoints.

use std::io;
use std::thread::Builder;

use crossbeam_channel::{Receiver, RecvError, Sender, bounded};

use crate::store::{Checkpointed, Store, StoreError};
use crate::wal::{Location, Segment, WalError, make_segment};

/// A thread that does one piece of work at a time when it is asked to. It ends with the last of its
/// askers.
pub(super) struct Worker<T> {
    ask: Sender<u64>,
    done: Receiver<T>,
    busy: bool,
}

pub(super) type SegmentMaker = Worker<Result<Segment, WalError>>;
pub(super) type Checkpointer = Worker<Result<Checkpointed, StoreError>>;

impl<T: Send + 'static> Worker<T> {
    fn start(name: &str, mut work: impl FnMut(u64) -> T + Send + 'static) -> io::Result<Self> {
        let ((ask, asked), (tell, done)) = (bounded(1), bounded(1));
        Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(number) = asked.recv() {
                if tell.send(work(number)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { ask, done, busy: false })
    }

    /// Asks for the piece of work with this number, unless one is under way.
    pub fn ask(&mut self, number: u64) {
        if !self.busy {
            self.busy = self.ask.send(number).is_ok();
        }
    }

    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// The result of what was asked for, if it is there.
    pub fn try_result(&mut self) -> Option<T> {
        let result = self.done.try_recv().ok()?;
        self.busy = false;
        Some(result)
    }

    /// Waits for the result of what was asked for.
    pub fn result(&mut self) -> Result<T, RecvError> {
        let result = self.done.recv();
        self.busy = false;
        result
    }
}

pub(super) fn segment_maker(location: Location, size: u64) -> io::Result<SegmentMaker> {
    Worker::start("segments", move |number| make_segment(&location, number, size))
}

pub(super) fn checkpointer(store: Store) -> io::Result<Checkpointer> {
    Worker::start("checkpoints", move |upto| store.checkpoint(upto))
}
