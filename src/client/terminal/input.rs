//! The input thread of a terminal in raw mode, and the signals that concern it: one channel of events. The thread ends with
//! the front end: another one may begin after it, and a question for a password reads the terminal in between.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, never};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::low_level::emulate_default_handler;
use terminput::Event;

use super::parser::{InputEvent, Parser};
use super::raw;
use crate::client::exit::{Failure, failed};
use crate::client::owner::spawn;
use crate::signals;
use crate::texts::Phrase;

/// Length of the channel. While it is full nothing is read.
const EVENTS: usize = 1_024;

/// Time after which an ESC alone is the Escape key: a sequence comes in one piece, or nearly.
const ESCAPE_DELAY: Duration = Duration::from_millis(50);

/// Time without input after which a pasted text may have lost its end: Ctrl-C leaves it then.
const PASTE_STALL: Duration = Duration::from_secs(1);

/// Time that the front end has to end after a signal. Then the process ends without it.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Time that the input thread is given to end.
const STOP_TIMEOUT: Duration = Duration::from_millis(200);

/// The channel to the front end that runs, for the signals.
static SIGNALLED: Mutex<Option<Sender<InputEvent>>> = Mutex::new(None);

/// The input of a front end. Dropping it ends the thread, which then takes no byte from the terminal any more: it is dropped
/// while the terminal is in raw mode.
pub struct Input {
    pub events: Receiver<InputEvent>,
    stop: Option<PipeWriter>,
    /// It is disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// Starts the threads. The terminal has to be in raw mode.
pub fn start() -> Result<Input, Failure> {
    let no_thread = |error| failed(Phrase::NoThread { error: &error });
    let (events, receiver) = bounded(EVENTS);
    let (stopped, stop) = io::pipe().map_err(no_thread)?;
    let (end, ended) = bounded(0);
    watch_signals().map_err(no_thread)?;
    *SIGNALLED.lock() = Some(events.clone());
    spawn("keyboard", move || {
        read_events(&io::stdin(), &stopped, &events);
        let _ = events.send(InputEvent::Ended);
        drop::<Sender<()>>(end);
    })?;
    Ok(Input { events: receiver, stop: Some(stop), ended })
}

impl Drop for Input {
    fn drop(&mut self) {
        *SIGNALLED.lock() = None;
        // A thread that waits for room in the channel finds it closed.
        self.events = never();
        self.stop = None;
        let _ = self.ended.recv_timeout(STOP_TIMEOUT);
    }
}

/// Watches the signals, from the first front end on.
fn watch_signals() -> io::Result<()> {
    static ARE_WATCHED: Mutex<bool> = Mutex::new(false);
    let mut are_watched = ARE_WATCHED.lock();
    if !*are_watched {
        signals::watch(&[SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT], handle_signal)?;
        *are_watched = true;
    }
    Ok(())
}

/// Ends the program after a signal as if it had not handled it, so that its parent is told which signal it was.
pub fn end_by(signal: i32) {
    raw::restore();
    let _ = emulate_default_handler(signal);
}

/// Tells the front end of a signal. Without one the program is at a question, and ends at once.
fn handle_signal(signal: i32) {
    let events = SIGNALLED.lock().clone();
    match (signal, events) {
        (SIGWINCH, Some(events)) => _ = events.send(resized()),
        (SIGCONT, Some(events)) => _ = events.send(InputEvent::Continued),
        (SIGWINCH | SIGCONT, None) => {}
        (signal, events) => {
            if let Some(events) = events {
                let _ = events.try_send(InputEvent::Signal(signal));
                thread::sleep(END_TIMEOUT);
            }
            end_by(signal);
        }
    }
}

/// Returns the size of the window as an event.
fn resized() -> InputEvent {
    let (rows, cols) = raw::size();
    InputEvent::Terminal(Event::Resize { rows: rows.into(), cols: cols.into() })
}

/// Reads events until the input ends, or the receiver of the events, or the pipe is closed.
fn read_events(input: &impl AsFd, stopped: &PipeReader, events: &Sender<InputEvent>) {
    let mut parser = Parser::default();
    let mut buffer = [0; 4_096];
    let mut parsed = parser.feed(&raw::take_typed_ahead());
    loop {
        for event in parsed {
            if events.send(event).is_err() {
                return;
            }
        }
        parsed = match read(input, stopped, &mut buffer, pause(&parser)) {
            Ok(Some(0)) | Err(_) => return,
            Ok(Some(count)) => parser.feed(buffer.get(..count).unwrap_or_default()),
            Ok(None) => parser.pause(),
        };
    }
}

/// Returns the pause that decides what the last bytes are.
fn pause(parser: &Parser) -> Option<Duration> {
    match (parser.is_pasting(), parser.is_pending()) {
        (true, _) => Some(PASTE_STALL),
        (false, true) => Some(ESCAPE_DELAY),
        (false, false) => None,
    }
}

/// Reads what there is; `None`: nothing has come in this time. Once the pipe is closed that is the end, whatever has come.
fn read(
    input: &impl AsFd,
    stopped: &PipeReader,
    buffer: &mut [u8],
    pause: Option<Duration>,
) -> io::Result<Option<usize>> {
    let pause = pause.and_then(|pause| Timespec::try_from(pause).ok());
    loop {
        let mut sources = [PollFd::new(input, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut sources, pause.as_ref()) {
            Ok(0) => return Ok(None),
            Ok(_) if sources.iter().skip(1).any(|stopped| !stopped.revents().is_empty()) => return Ok(Some(0)),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match rustix::io::read(input, &mut *buffer) {
            Ok(count) => return Ok(Some(count)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
