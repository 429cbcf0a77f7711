//! State that the threads of one test share: the mailbox, the requests that wait for a step, the client's output, and
//! the time line.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::Shutdown;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::mailbox::Mailbox;
use super::request::Request;
use crate::course::judge::step::client::{Answer, Writing};
use crate::course::judge::time_line::{EventKind, LogEntry, Mismatch};
use crate::course::wire::Came;
use crate::limits;
use crate::net::Socket;
use crate::protocol::Port;

/// Time in which what a client has written before its end is still read.
const LAST_WORDS: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub struct Held {
    pub request: Request,
    pub connection: String,
    /// Its number among all that were held.
    pub ticket: u64,
}

pub struct Connection {
    pub name: String,
    pub port: Port,
    pub socket: Arc<Socket>,
    pub is_open: bool,
}

#[derive(Default)]
pub struct Run {
    /// The time of its end, and its exit code (`None`: it was killed).
    pub ended: Option<(Instant, Option<i32>)>,
    /// Outputs that are still read.
    outputs: usize,
}

#[derive(Default)]
pub struct Inner {
    pub mailbox: Mailbox,
    pub moments: Vec<LogEntry>,
    /// Verbs whose requests the steps answer.
    pub taken: HashSet<String>,
    pub held: VecDeque<Held>,
    pub answers: HashMap<u64, Answer>,
    pub tickets: u64,
    /// Lines of the client's output; `true`: of its standard error.
    pub output: Vec<(bool, String)>,
    output_bytes: usize,
    pub run: Run,
    pub connections: Vec<Connection>,
    /// Number of connections, with those that were closed at once.
    pub connects: usize,
    /// Logins that succeeded, on the SEND port and on the RECV port.
    pub logins: [usize; 2],
    /// The reply to each login, which ends the connection.
    pub refusal: Option<String>,
    pub writing: Writing,
    /// Each connection is closed at once.
    pub closing: bool,
    /// Nothing is read from the client's output.
    pub blocked: bool,
    pub over: bool,
}

pub struct Stage {
    inner: Mutex<Inner>,
    pub changed: Condvar,
    begin: Instant,
    pub ports: [u16; 2],
}

impl Stage {
    pub fn new(password: &str, ports: [u16; 2]) -> Self {
        let inner = Inner { mailbox: Mailbox::new(password), ..Inner::default() };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), begin: Instant::now(), ports }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Changes something that threads may be waiting for.
    pub fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    pub fn note(&self, name: &str, what: EventKind) {
        let at = self.begin.elapsed();
        let moments = &mut self.lock().moments;
        if moments.len() < limits::JUDGE_MOMENTS {
            moments.push(LogEntry { at, connection: name.to_owned(), what });
        }
    }

    /// Waits for something that is expected; the error names what came instead.
    pub fn expect<T>(
        &self,
        expected: impl FnOnce() -> String,
        time: Duration,
        look: impl FnMut(&mut Inner) -> Option<T>,
    ) -> Result<T, Mismatch> {
        self.wait_for(time, look).map_err(|came| Mismatch::new(expected(), came))
    }

    /// Waits until `look` finds something; `Err`: what came instead.
    pub fn wait_for<T>(&self, time: Duration, mut look: impl FnMut(&mut Inner) -> Option<T>) -> Result<T, Came> {
        let deadline = Instant::now() + time;
        let mut inner = self.lock();
        loop {
            if let Some(found) = look(&mut inner) {
                return Ok(found);
            }
            let now = Instant::now();
            if let Some(end) = inner.run.end().filter(|(at, _)| now > *at + LAST_WORDS) {
                return Err(Came::NoText(describe_end(end.1)));
            }
            if now >= deadline {
                return Err(Came::Nothing);
            }
            // The end of the client needs a second look a little later.
            self.changed.wait_until(&mut inner, deadline.min(now + LAST_WORDS));
        }
    }

    /// Ends the test: all threads come to their ends.
    pub fn finish(&self) {
        self.cut("");
        self.change(|inner| (inner.over, inner.blocked) = (true, false));
    }

    /// Closes all connections, each with this last line, and forgets the requests that wait.
    pub fn cut(&self, last: &str) {
        self.change(|inner| {
            for connection in inner.connections.iter_mut().filter(|connection| connection.is_open) {
                match last {
                    "" => connection.close(),
                    last => connection.close_after(last),
                }
            }
            inner.held.clear();
        });
    }

    pub fn begin_run(&self) {
        self.change(|inner| inner.run = Run { ended: None, outputs: 2 });
    }

    pub fn end_run(&self, status: Option<ExitStatus>) {
        let code = status.and_then(|status| status.code());
        self.note("", EventKind::Note(describe_end(code)));
        self.change(|inner| inner.run.ended = Some((Instant::now(), code)));
    }

    pub fn add_output(&self, line: &str, is_error: bool) {
        self.note(if is_error { "err" } else { "out" }, EventKind::Came(Came::Line(line.to_owned())));
        self.change(|inner| {
            inner.output_bytes += line.len();
            if inner.output_bytes < limits::JUDGE_OUTPUT_BYTES {
                inner.output.push((is_error, line.to_owned()));
            }
        });
    }

    pub fn end_output(&self) {
        self.change(|inner| inner.run.outputs = inner.run.outputs.saturating_sub(1));
    }

    /// Waits while the client's output is not read.
    pub fn wait_until_read(&self) {
        let mut inner = self.lock();
        while inner.blocked {
            self.changed.wait(&mut inner);
        }
    }
}

impl Inner {
    pub fn is_open(&self, name: &str) -> bool {
        self.connections.iter().any(|connection| connection.name == name && connection.is_open)
    }
}

impl Connection {
    pub fn close(&mut self) {
        self.is_open = false;
        let _ = self.socket.tcp().shutdown(Shutdown::Both);
    }

    /// Closes with a last line. Only this direction: what the client still sends must not make the system reset the
    /// connection, which would destroy the line.
    fn close_after(&mut self, last: &str) {
        self.is_open = false;
        let _ = self.socket.write_all(format!("{last}\n").as_bytes());
        let _ = self.socket.tcp().shutdown(Shutdown::Write);
    }
}

impl Run {
    /// Returns its end, once its outputs are read.
    pub fn end(&self) -> Option<(Instant, Option<i32>)> {
        self.ended.filter(|_| self.outputs == 0)
    }
}

pub fn describe_end(code: Option<i32>) -> String {
    code.map_or_else(|| "the client is killed".to_owned(), |code| format!("the client ends with exit code {code}"))
}
