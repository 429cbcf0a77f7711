//! Background workers of the router: segments made ahead of need, and checkpoints.

use std::io;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::end::Fatal;
use crate::server::memory;
use crate::store::{Checkpointed, CleanUp, Store, StoreError};
use crate::wal::{Location, Segment, WalError, make_segment};

/// Nice value of the threads for checkpoints and passwords.
const BACKGROUND_NICE: i32 = 5;

/// A thread that does one piece of work at a time. Dropping the worker waits for the thread to end: nothing is written
/// into the store after the lock of its directory was released.
pub(crate) struct Worker<Work, T> {
    /// `None` once the worker is being dropped.
    requests: Option<Sender<Work>>,
    results: Receiver<T>,
    busy: bool,
    name: &'static str,
    thread: Option<JoinHandle<()>>,
}

/// Makes the segment with a number.
pub(crate) type SegmentMaker = Worker<u64, Result<Segment, WalError>>;
/// Makes the checkpoint of all segments up to a number, and does a step of a clean-up with it.
pub(crate) type Checkpointer = Worker<(u64, Option<CleanUp>), Result<Checkpointed, StoreError>>;

/// Wakes the router, which would not look for the result otherwise while nobody asks it for anything. Never blocks.
pub(crate) trait Wake: Fn() + Clone + Send + 'static {}

impl<F: Fn() + Clone + Send + 'static> Wake for F {}

impl<Work: Send + 'static, T: Send + 'static> Worker<Work, T> {
    fn start(name: &'static str, wake: impl Wake, mut run: impl FnMut(Work) -> T + Send + 'static) -> io::Result<Self> {
        let (requests, requested) = bounded(1);
        let (done, results) = bounded(1);
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(work) = requested.recv() {
                if done.send(run(work)).is_err() {
                    return;
                }
                wake();
            }
        })?;
        Ok(Self { requests: Some(requests), results, busy: false, name, thread: Some(thread) })
    }

    /// Starts a piece of work, unless one is under way.
    pub fn start_work(&mut self, work: Work) {
        if !self.busy {
            self.busy = self.requests.as_ref().is_some_and(|requests| requests.send(work).is_ok());
        }
    }

    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Returns the result of the work that was started, if it exists. An error: the thread has panicked, and nothing
    /// more comes from it.
    pub fn try_result(&mut self) -> Result<Option<T>, Fatal> {
        let result = self.results.try_recv();
        self.busy &= result.is_err();
        match result {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.panicked()),
        }
    }

    /// Waits for the result of the work that was started.
    pub fn wait_for_result(&mut self) -> Result<T, Fatal> {
        let result = self.results.recv();
        self.busy = false;
        result.map_err(|_| self.panicked())
    }

    fn panicked(&self) -> Fatal {
        format!("a defect of this program, please report it: the thread for {} has panicked", self.name).into()
    }
}

impl<Work, T> Drop for Worker<Work, T> {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

pub(crate) fn segment_maker(location: Location, size: u64, wake: impl Wake) -> io::Result<SegmentMaker> {
    Worker::start("segments", wake, move |number| make_segment(&location, number, size))
}

/// Lets the calling thread have the processor after those that clients wait for. Elsewhere than on Linux it would hold
/// for the whole process.
pub(crate) fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, BACKGROUND_NICE);
}

/// Frees what the history files hold now, on a thread of its own: for 100,000 messages that takes milliseconds, in which
/// every client would wait.
pub(crate) fn free<T: Send + 'static>(written: T) {
    let _ = Builder::new().name("freeing".to_owned()).spawn(move || {
        drop(written);
        memory::give_back();
    });
}

pub(crate) fn checkpointer(store: Store, wake: impl Wake) -> io::Result<Checkpointer> {
    Worker::start("checkpoints", wake, move |(upto, clean_up): (u64, Option<CleanUp>)| {
        lower_priority();
        store.checkpoint_and_clean_up(upto, clean_up.as_ref())
    })
}
