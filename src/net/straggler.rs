//! The straggler thread: it sends what the socket buffers of slow peers have refused.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, unbounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::outgoing::{Backlog, Outgoing, Progress, Stragglers};
use crate::limits;

/// Longest wait for one of the sockets to become writable, before newly arrived stragglers are included.
const POLL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// Time between two attempts to send to a socket that poll(2) does not call writable. It does so only when a third of the
/// socket's buffer is free, and the system makes that as large as 4 MiB: a slow peer takes a minute for it. An attempt
/// succeeds as soon as the peer has acknowledged some of the bytes in there.
const TRY_INTERVAL: Duration = Duration::from_millis(500);

/// Time that each byte gives a peer: see [`limits::REPLY_RATE`].
const BYTE_TIME: Duration = Duration::from_nanos(1_000_000_000 / limits::REPLY_RATE as u64);

/// A connection with unsent bytes, and when it is cut off: each byte that is sent moves that by [`BYTE_TIME`].
struct Straggler {
    outgoing: Arc<Outgoing>,
    deadline: Instant,
}

/// Starts the thread. A peer that takes less than [`limits::REPLY_RATE`] of the bytes that wait for it, and is
/// [`limits::REPLY_TIMEOUTS`] behind that, is cut off (protocol, section 1). `finished` is called with the connection's id when all its bytes were sent
/// ([`Progress::Done`]), or never will be ([`Progress::Failed`]).
pub fn start_stragglers(
    timeout: Duration,
    finished: impl FnMut(u64, Progress) + Send + 'static,
) -> io::Result<Stragglers> {
    let (arrivals, arriving) = unbounded();
    let margin = timeout * limits::REPLY_TIMEOUTS;
    let backlog = Arc::<Backlog>::default();
    let waiting = Vec::new();
    let noted = backlog.clone();
    let next_try = Instant::now();
    let thread = StragglerThread { arriving, waiting, next_try, margin, finished, backlog: noted };
    thread::Builder::new().name("stragglers".to_owned()).spawn(move || thread.run())?;
    Ok(Stragglers { arrivals, backlog })
}

struct StragglerThread<F> {
    arriving: Receiver<Arc<Outgoing>>,
    waiting: Vec<Straggler>,
    /// The time of the next attempt to send to all of them.
    next_try: Instant,
    /// Longest time from now to a deadline.
    margin: Duration,
    finished: F,
    backlog: Arc<Backlog>,
}

impl<F: FnMut(u64, Progress)> StragglerThread<F> {
    fn run(mut self) {
        while self.receive_arrivals() {
            let writable = self.poll_sockets();
            let try_all = self.is_time_to_try();
            let stragglers = std::mem::take(&mut self.waiting);
            for (straggler, writable) in stragglers.into_iter().zip(writable) {
                self.serve(straggler, writable || try_all);
            }
            self.note_backlog();
        }
    }

    fn note_backlog(&self) {
        let bytes = self.waiting.iter().map(|straggler| straggler.outgoing.unsent_bytes()).sum();
        self.backlog.bytes.store(bytes, Ordering::Relaxed);
        self.backlog.connections.store(self.waiting.len(), Ordering::Relaxed);
    }

    /// Waits for a straggler if there is none. Returns whether there is still work to do.
    fn receive_arrivals(&mut self) -> bool {
        if self.waiting.is_empty() {
            match self.arriving.recv() {
                Ok(outgoing) => self.add(outgoing),
                Err(_) => return false,
            }
        }
        loop {
            match self.arriving.try_recv() {
                Ok(outgoing) => self.add(outgoing),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return !self.waiting.is_empty(),
            }
        }
    }

    fn add(&mut self, outgoing: Arc<Outgoing>) {
        self.waiting.push(Straggler { outgoing, deadline: Instant::now() + self.margin });
    }

    fn is_time_to_try(&mut self) -> bool {
        let now = Instant::now();
        let is_time = now >= self.next_try;
        if is_time {
            self.next_try = now + TRY_INTERVAL;
        }
        is_time
    }

    /// Says of each straggler whether its socket takes bytes now, or has failed.
    fn poll_sockets(&self) -> Vec<bool> {
        let mut sockets: Vec<_> =
            self.waiting.iter().map(|s| PollFd::new(&**s.outgoing.socket(), PollFlags::OUT)).collect();
        // An interrupted or failed poll is tried again in the next round; the deadlines end it.
        let ready = poll(&mut sockets, Some(&POLL_INTERVAL)).unwrap_or(0);
        sockets.iter().map(|socket| ready > 0 && !socket.revents().is_empty()).collect()
    }

    fn serve(&mut self, mut straggler: Straggler, attempt: bool) {
        let now = Instant::now();
        let (progress, sent) = if attempt { straggler.outgoing.send_unsent() } else { (Progress::Pending, 0) };
        let earned = BYTE_TIME.saturating_mul(u32::try_from(sent).unwrap_or(u32::MAX));
        straggler.deadline = (straggler.deadline + earned).min(now + self.margin);
        match progress {
            Progress::Pending if straggler.deadline > now => self.waiting.push(straggler),
            Progress::Pending => {
                straggler.outgoing.abort();
                (self.finished)(straggler.outgoing.id, Progress::Failed);
            }
            progress => (self.finished)(straggler.outgoing.id, progress),
        }
    }
}
