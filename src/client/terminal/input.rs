//! The input thread of a terminal in raw mode, and the signals that concern it: one channel of events.

use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
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

/// Starts the threads. The terminal has to be in raw mode.
pub fn start() -> Result<Receiver<InputEvent>, Failure> {
    let (events, receiver) = bounded(EVENTS);
    let signalled = events.clone();
    let handle = move |signal| handle_signal(signal, &signalled);
    signals::watch(&[SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT], handle)
        .map_err(|error| failed(Phrase::NoThread { error: &error }))?;
    spawn("keyboard", move || {
        read_events(&io::stdin(), &events);
        let _ = events.send(InputEvent::Ended);
    })?;
    Ok(receiver)
}

/// Ends the program after a signal as if it had not handled it, so that its parent is told which signal it was.
pub fn end_by(signal: i32) {
    raw::restore();
    let _ = emulate_default_handler(signal);
}

fn handle_signal(signal: i32, events: &Sender<InputEvent>) {
    match signal {
        SIGWINCH => _ = events.send(resized()),
        SIGCONT => _ = events.send(InputEvent::Continued),
        signal => {
            let _ = events.try_send(InputEvent::Signal(signal));
            thread::sleep(END_TIMEOUT);
            end_by(signal);
        }
    }
}

/// Returns the size of the window as an event.
fn resized() -> InputEvent {
    let (rows, cols) = raw::size();
    InputEvent::Terminal(Event::Resize { rows: rows.into(), cols: cols.into() })
}

/// Reads events until the input ends, or the receiver of the events.
fn read_events(input: &impl AsFd, events: &Sender<InputEvent>) {
    let mut parser = Parser::default();
    let mut buffer = [0; 4_096];
    let mut parsed = parser.feed(&raw::take_typed_ahead());
    loop {
        for event in parsed {
            if events.send(event).is_err() {
                return;
            }
        }
        parsed = match read(input, &mut buffer, pause(&parser)) {
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

/// Reads what there is; `None`: nothing has come in this time.
fn read(input: &impl AsFd, buffer: &mut [u8], pause: Option<Duration>) -> io::Result<Option<usize>> {
    let pause = pause.and_then(|pause| Timespec::try_from(pause).ok());
    loop {
        match poll(&mut [PollFd::new(input, PollFlags::IN)], pause.as_ref()) {
            Ok(0) => return Ok(None),
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
