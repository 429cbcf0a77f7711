//! Administration while the server runs: the socket `control.sock` in the data directory.
//!
//! The listener's thread gives each connection a thread of its own, which reads one request
//! ([`crate::protocol::control`]), hands it to the router, and writes the reply; all that within a deadline. The router
//! executes a request as it does a client's: by a command of the state machine, whose records are durable before the reply
//! (`live`). `plan` says which command that is, for the router and for a store without a server. `status`: the figures of
//! `wachat status`.

use std::fs;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Builder, JoinHandle};

use crossbeam_channel::bounded;
use parking_lot::Mutex;

use super::plan::written;
use crate::limits;
use crate::net::{TimedStream, listen_locally};
use crate::protocol::control::ControlRequest;
use crate::protocol::{Code, Ko, Reply};
use crate::server::router::input::{Asked, Input};
use crate::server::shared::Shared;

/// Longest request in bytes, with all its lines: that of an import.
const CONTROL_BYTES: u64 = 4 << 20;

/// The socket that is being listened on.
pub(crate) struct ControlSocket {
    path: PathBuf,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ControlSocket {
    /// Listens on a socket with this path. Without one the server runs all the same: its administrator has to stop it first.
    pub fn open(path: PathBuf, shared: Arc<Shared>) -> Option<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let thread = listen_locally(&path).and_then(|listener| {
            Builder::new().name("control".to_owned()).spawn(move || accept(&listener, &stop, &shared))
        });
        match thread {
            Ok(thread) => Some(Self { path, stopped, thread: Some(thread) }),
            Err(error) => {
                let path = path.display();
                log::warn!("{path}: {error}; accounts and rooms can be managed only while the server is stopped");
                None
            }
        }
    }

    /// Takes no more requests, and removes the socket.
    pub fn stop(mut self) {
        self.stopped.store(true, Ordering::Release);
        let woken = UnixStream::connect(&self.path);
        let _ = fs::remove_file(&self.path);
        if let Some(thread) = self.thread.take().filter(|_| woken.is_ok()) {
            // A thread that panicked has stopped as well.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &UnixListener, stopped: &AtomicBool, shared: &Arc<Shared>) {
    let open = Arc::new(AtomicUsize::new(0));
    while !stopped.load(Ordering::Acquire) {
        match listener.accept() {
            Ok(_) if stopped.load(Ordering::Acquire) => return,
            Ok((stream, _)) => serve_apart(stream, &open, shared),
            Err(error) => {
                log::warn!("cannot accept a command of the administrator: {error}");
                thread::sleep(limits::DISK_RETRY_DELAY);
            }
        }
    }
}

/// Serves a connection on a thread of its own, if there are not too many already.
fn serve_apart(stream: UnixStream, open: &Arc<AtomicUsize>, shared: &Arc<Shared>) {
    let mut stream = TimedStream::new(stream, limits::CONTROL_TIMEOUT);
    let Some(place) = Place::reserve(open) else {
        // It fits into the buffer of a new connection: this does not block.
        let _ = stream.write_all(&refusal(Code::Full, "the server executes other commands; try later"));
        return;
    };
    let stream = Arc::new(Mutex::new(stream));
    let of_thread = stream.clone();
    let shared_too = shared.clone();
    let serve_there = move || {
        let _place = place;
        serve(&mut of_thread.lock(), &shared_too);
    };
    if Builder::new().stack_size(limits::CONNECTION_STACK).spawn(serve_there).is_err() {
        // No thread is left: commands are served one after the other.
        serve(&mut stream.lock(), shared);
    }
}

fn serve(stream: &mut TimedStream<UnixStream>, shared: &Shared) {
    // A command that has gone away takes no reply.
    let _ = answer(stream, shared).and_then(|reply| stream.write_all(&reply));
}

/// A place among the connections that are served at once; dropping it frees it.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn reserve(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(open.clone());
        (open.fetch_add(1, Ordering::Relaxed) < limits::CONTROL_CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads the request, and returns the lines of its reply. An error: the command is gone, too slow, or sends too much.
fn answer(stream: &mut TimedStream<UnixStream>, shared: &Shared) -> io::Result<Vec<u8>> {
    let mut lines = BufReader::new((&mut *stream).take(CONTROL_BYTES));
    let request = ControlRequest::read(&mut || read_line(&mut lines))?;
    let Some(request) = request else { return Ok(refusal(Code::Syntax, "not a request of this version of wachat")) };
    let (reply, replied) = bounded(1);
    shared.tell_router(Input::Control(Box::new(Asked { request, reply })));
    replied.recv_timeout(stream.left()?).map_err(|_| io::ErrorKind::TimedOut.into())
}

fn read_line(lines: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    // Without its LF the line was cut.
    if line.pop() == Some(b'\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn refusal(code: Code, why: &str) -> Vec<u8> {
    written(&Reply::Ko(Ko::new(code, why)))
}
