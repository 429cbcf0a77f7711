//! The queue of a trace, and the thread that writes it to a file or to standard error.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::entry::{Entry, Event, Link, VERSION};
use super::text;
use crate::disk;
use crate::limits;
use crate::model::Timestamp;

/// The trace of this process. Clones record into the same one.
#[derive(Clone)]
pub struct Trace(Arc<Sink>);

struct Sink {
    process: String,
    format: Format,
    queue: Mutex<Queue>,
    /// Signalled when the queue has something to write.
    filled: Condvar,
    /// Signalled when the thread has ended.
    ended: Condvar,
}

/// The form of the entries.
#[derive(Clone, Copy)]
enum Format {
    Records,
    Text { colour: bool },
}

/// Entries that are not written yet, as bytes: at most [`limits::TRACE_QUEUE_BYTES`] and one entry.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Number of entries that were dropped since the last one that was queued.
    dropped: u64,
    /// The process is about to end: its connections end with it, in an order that nobody knows.
    connections_end: bool,
    is_closing: bool,
    has_ended: bool,
}

impl Trace {
    /// Appends records to a file, which only its owner can read: messages are in it.
    pub fn to_file(process: &str, path: &Path) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = open(path).map_err(named)?;
        let left = limits::TRACE_FILE_BYTES.saturating_sub(file.metadata().map_err(named)?.len());
        Self::start(process, Format::Records, Box::new(Bounded { file, left }))
    }

    /// Writes lines for people to standard error, coloured at a terminal.
    pub fn to_stderr(process: &str) -> io::Result<Self> {
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self::start(process, Format::Text { colour }, Box::new(io::stderr()))
    }

    fn start(process: &str, format: Format, out: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, filled, ended) = Default::default();
        let sink = Arc::new(Sink { process: process.to_owned(), format, queue, filled, ended });
        let writer = sink.clone();
        thread::Builder::new().name("trace".to_owned()).spawn(move || writer.write_to(out))?;
        let trace = Self(sink);
        trace.note(Event::Start, std::process::id().into(), VERSION);
        Ok(trace)
    }

    /// Records an event of the process itself.
    pub fn note(&self, event: Event, number: u64, text: &str) {
        self.record(event, None, "", number, text);
    }

    /// Records an entry, or counts it as dropped where the queue is full. Never waits for the file.
    pub(super) fn record(&self, event: Event, link: Option<Link>, user: &str, number: u64, text: &str) {
        let mut queue = self.0.queue.lock();
        self.0.add(&mut queue, event, link, user, number, text);
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Records nothing of connections from here on: the process is about to end, and STOP says what becomes of them.
    pub fn end_connections(&self) {
        self.0.queue.lock().connections_end = true;
    }

    /// Records the end of the process, and waits a moment until everything is written. `why` may be empty.
    pub fn finish(&self, why: &str) {
        let mut queue = self.0.queue.lock();
        self.0.add(&mut queue, Event::Stop, None, "", 0, why);
        queue.is_closing = true;
        self.0.filled.notify_one();
        if !queue.has_ended {
            self.0.ended.wait_for(&mut queue, limits::TRACE_FINISH);
        }
    }
}

impl Format {
    fn write(self, entry: &Entry, out: &mut Vec<u8>) {
        match self {
            Self::Records => entry.write(out),
            Self::Text { colour } => text::write(entry, colour, out),
        }
    }
}

/// A file that grows up to a limit.
struct Bounded {
    file: File,
    left: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            // Nothing more: an entry after a gap that no line tells of would lie.
            self.left = 0;
            return Err(io::Error::other(format!("the file has {} MiB", limits::TRACE_FILE_BYTES >> 20)));
        }
        let written = self.file.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink {
    fn add(&self, queue: &mut Queue, event: Event, link: Option<Link>, user: &str, number: u64, text: &str) {
        if queue.is_closing || (queue.connections_end && link.is_some()) {
            // The last entry exists, or about to come; other threads end with the process.
            return;
        }
        if queue.bytes.len() >= limits::TRACE_QUEUE_BYTES {
            queue.dropped += 1;
            return;
        }
        // Under the lock: the times of a trace are in its order.
        let at = Timestamp::now();
        let process = self.process.as_str().into();
        let entry = Entry { at, process, event, link, user: user.into(), number, text: text.into() };
        let dropped = std::mem::take(&mut queue.dropped);
        if dropped > 0 {
            let text = format!("{dropped} entries dropped").into();
            let event = Event::Dropped;
            let process = entry.process.clone();
            let user = "".into();
            let note = Entry { at, process, event, link: None, user, number: dropped, text };
            self.format.write(&note, &mut queue.bytes);
        }
        self.format.write(&entry, &mut queue.bytes);
    }

    /// Writes what comes, all that is there at once. An entry that cannot be written counts as dropped.
    fn write_to(&self, mut out: Box<dyn Write + Send>) {
        let mut bytes = Vec::new();
        let mut is_torn = false;
        while self.wait_for(&mut bytes) {
            if is_torn {
                // The rest of the line before is lost.
                bytes.insert(0, b'\n');
            }
            let written = out.write_all(&bytes);
            if let (Err(error), false) = (&written, is_torn) {
                log::warn!("the trace cannot be written: {error}");
            }
            is_torn = written.is_err();
            if is_torn {
                self.queue.lock().dropped += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            bytes.clear();
        }
    }

    /// Waits for entries, and exchanges them for the empty buffer. Returns false at the end.
    fn wait_for(&self, bytes: &mut Vec<u8>) -> bool {
        let mut queue = self.queue.lock();
        while queue.bytes.is_empty() {
            if queue.is_closing {
                queue.has_ended = true;
                self.ended.notify_all();
                return false;
            }
            self.filled.wait(&mut queue);
        }
        std::mem::swap(&mut queue.bytes, bytes);
        true
    }
}

/// Opens a file to append to. It has to be new, or a trace, and no other process may write its own there.
fn open(path: &Path) -> io::Result<File> {
    let mut file = disk::open_to_append(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(io::Error::other("another process writes its trace there")),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    if file.metadata()?.is_file() && file.metadata()?.len() > 0 {
        let mut old = BufReader::new(File::open(path)?);
        let mut first = Vec::new();
        old.by_ref().take(limits::LINE_BYTES as u64).read_until(b'\n', &mut first)?;
        if Entry::parse(first.trim_ascii_end()).is_none() {
            return Err(io::Error::other("it is not a trace, and is left as it is"));
        }
        let mut last = [0];
        let mut old = old.into_inner();
        old.seek(SeekFrom::End(-1))?;
        old.read_exact(&mut last)?;
        if last != *b"\n" {
            // A process before was killed while it wrote.
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}
