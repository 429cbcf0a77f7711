//! The sending side of a connection. Its owner never waits for the peer: what the socket buffer refuses is
//! kept here and sent by the straggler thread.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::Socket;

/// One connection's output, shared by its owner, its reader thread and the straggler thread.
pub struct Outgoing {
    /// Identifies the connection to whoever is told of its progress.
    pub id: u64,
    socket: Arc<Socket>,
    unsent: Mutex<Unsent>,
    /// Set when the last byte was sent, or never will be.
    closed: AtomicBool,
    /// Set by the reader thread when it will not block in a read any more.
    reader_stopped: AtomicBool,
    /// The reader thread, to be unparked when the output is closed.
    reader: OnceLock<Thread>,
}

/// Hands connections to the straggler thread. The thread ends with the last of these handles.
pub struct Stragglers {
    /// Holds each connection at most once: unbounded here, bounded by the number of connections.
    pub(super) arrivals: Sender<Arc<Outgoing>>,
    pub(super) backlog: Arc<Backlog>,
}

/// Connections and bytes that the straggler thread has still to send. It stores these numbers after each round.
#[derive(Default)]
pub struct Backlog {
    pub connections: AtomicUsize,
    pub bytes: AtomicUsize,
}

impl Stragglers {
    /// Returns the numbers of the connections and bytes that the thread has still to send.
    pub fn backlog(&self) -> &Arc<Backlog> {
        &self.backlog
    }

    fn add(&self, outgoing: Arc<Outgoing>) {
        if let Err(refused) = self.arrivals.send(outgoing) {
            // The thread has panicked: nothing will be sent any more.
            refused.into_inner().abort();
        }
    }
}

/// Bytes that the socket buffer has refused. Bounded by the owner: it answers no further request of the
/// connection while there are any.
#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    /// Number of them that were sent since.
    sent: usize,
    /// Close the output after them.
    close: bool,
}

/// State of a connection's output after an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything was sent.
    Done,
    /// Some bytes are left for the straggler thread.
    Pending,
    /// The peer takes no more; the connection is cut off.
    Failed,
}

impl Outgoing {
    pub fn new(id: u64, socket: Arc<Socket>) -> Self {
        let (unsent, closed, reader_stopped) = Default::default();
        Self { id, socket, unsent, closed, reader_stopped, reader: OnceLock::new() }
    }

    pub fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Sends what the socket takes now, with one system call, and leaves the rest to the straggler thread. Bytes that
    /// are given while others are left queue after them.
    pub fn send(self: &Arc<Self>, bytes: &[u8], stragglers: &Stragglers) -> Progress {
        let mut unsent = self.unsent.lock();
        let Ok(bytes) = self.socket.seal(bytes) else {
            drop(unsent);
            self.abort();
            return Progress::Failed;
        };
        if !unsent.bytes.is_empty() {
            unsent.bytes.extend_from_slice(&bytes);
            return Progress::Pending;
        }
        match send_now(&self.socket, &bytes) {
            Ok(sent) if sent == bytes.len() => Progress::Done,
            Ok(sent) => {
                unsent.bytes = bytes.get(sent..).unwrap_or_default().to_vec();
                drop(unsent);
                stragglers.add(self.clone());
                Progress::Pending
            }
            Err(_) => {
                drop(unsent);
                self.abort();
                Progress::Failed
            }
        }
    }

    /// Sends the pong of a WebSocket that waits, if there is one. While bytes are left for the straggler thread it goes on
    /// waiting, so that no more than one does.
    pub fn send_pong(self: &Arc<Self>, stragglers: &Stragglers) -> Progress {
        match self.socket.has_pong() {
            false => Progress::Done,
            true if self.has_unsent() => Progress::Pending,
            true => self.send(&[], stragglers),
        }
    }

    /// Closes the output behind everything that was given to [`Outgoing::send`].
    pub fn close(&self) {
        let mut unsent = self.unsent.lock();
        let end = self.socket.seal_end();
        if unsent.bytes.is_empty() {
            // A peer that takes these few bytes not now misses nothing: it has all lines.
            let _ = send_now(&self.socket, &end);
            drop(unsent);
            self.half_close();
        } else {
            unsent.bytes.extend_from_slice(&end);
            unsent.close = true;
        }
    }

    /// Closes both directions at once; bytes that were not sent are lost.
    pub fn abort(&self) {
        *self.unsent.lock() = Unsent::default();
        // The peer may have closed it already.
        let _ = self.socket.tcp().shutdown(Shutdown::Both);
        self.wake_reader();
    }

    /// Sends again what was refused. Called by the straggler thread when the socket is writable.
    pub(super) fn send_unsent(&self) -> (Progress, usize) {
        let mut unsent = self.unsent.lock();
        let rest = unsent.bytes.get(unsent.sent..).unwrap_or_default();
        let Ok(sent) = send_now(&self.socket, rest) else {
            drop(unsent);
            self.abort();
            return (Progress::Failed, 0);
        };
        if sent < rest.len() {
            unsent.sent += sent;
            return (Progress::Pending, sent);
        }
        let Unsent { close, .. } = std::mem::take(&mut *unsent);
        drop(unsent);
        if close {
            self.half_close();
        }
        (Progress::Done, sent)
    }

    /// Returns whether the straggler thread still has bytes of this connection.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.lock().bytes.is_empty()
    }

    /// Returns how many bytes the straggler thread still has of this connection.
    pub(super) fn unsent_bytes(&self) -> usize {
        let unsent = self.unsent.lock();
        unsent.bytes.len().saturating_sub(unsent.sent)
    }

    fn half_close(&self) {
        let _ = self.socket.tcp().shutdown(Shutdown::Write);
        if !self.reader_stopped.load(Ordering::SeqCst) {
            // The reader thread is blocked in a read: this ends it.
            let _ = self.socket.tcp().shutdown(Shutdown::Read);
        }
        self.wake_reader();
    }

    fn wake_reader(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.unpark_reader();
    }

    /// Returns whether the output is closed: nothing that is read now will be answered.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Names the calling thread as the one that reads from this connection.
    pub fn register_reader(&self) {
        let _ = self.reader.set(thread::current());
    }

    pub fn unpark_reader(&self) {
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }

    /// Blocks the reader thread, which has read its last line, until the output is closed.
    pub fn wait_until_closed(&self) {
        self.reader_stopped.store(true, Ordering::SeqCst);
        while !self.is_closed() {
            thread::park();
        }
    }
}

/// Sends as many bytes as the socket buffer takes, without waiting: possibly none.
fn send_now(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::net::send(socket, bytes, SendFlags::DONTWAIT) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(0),
            sent => return Ok(sent?),
        }
    }
}
