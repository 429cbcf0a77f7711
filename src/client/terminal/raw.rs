//! Raw mode: the terminal gives every key at once and shows none. However the program ends, the terminal is left as it
//! was: when the guard is dropped, by a panic, and by a signal (`input`).

use std::io::{self, stdin, stdout};
use std::panic;
use std::sync::Once;
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::limits;

/// The use of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Lines below what exists, with bracketed paste and without autowrap: a terminal that counts other widths than
    /// this program cannot continue a text in the first column.
    Lines,
    /// The alternate screen, with reports of focus too, and, where wanted, of the mouse ([`mouse_reports`]); the title of the
    /// window comes back at the end.
    Full,
}

impl Screen {
    fn enter(self) -> &'static str {
        match self {
            Self::Lines => "\x1b[?2004h\x1b[?7l",
            Self::Full => "\x1b[22;2t\x1b[?1049h\x1b[?2004h\x1b[?1004h",
        }
    }

    fn leave(self) -> &'static str {
        match self {
            Self::Lines => "\x1b[?2004l\x1b[?7h\x1b[0m",
            Self::Full => {
                "\x1b[?2026l\x1b[?1006l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l\x1b[23;2t"
            }
        }
    }
}

/// Returns the sequence that makes the terminal report clicks and the wheel (SGR), or select text with them.
pub fn mouse_reports(are_wanted: bool) -> &'static str {
    if are_wanted { "\x1b[?1000h\x1b[?1006h" } else { "\x1b[?1006l\x1b[?1000l" }
}

/// The terminal as it was.
struct Saved {
    termios: Termios,
    screen: Screen,
    /// A panic of another thread does not end the program.
    owner: ThreadId,
}

static SAVED: Mutex<Option<Saved>> = Mutex::new(None);

/// The bytes that were typed before raw mode, which the input thread takes first.
static TYPED_AHEAD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Time that a write to the terminal may wait: a stopped one (Ctrl-S) takes none.
const WRITE_TIMEOUT: Duration = Duration::from_millis(200);

/// Time in which a stop reaches all threads.
const STOP_DELAY: Duration = Duration::from_millis(50);

/// The terminal in raw mode, until this is dropped.
pub struct RawTerminal {
    screen: Screen,
}

impl RawTerminal {
    pub fn enter(screen: Screen) -> io::Result<Self> {
        install_hook();
        read_ahead();
        enter(screen)?;
        // Read again: bytes that came between the two calls, and a line without its end.
        read_ahead();
        Ok(Self { screen })
    }

    /// Enters raw mode again after the process was stopped.
    pub fn resume(&self) -> io::Result<()> {
        enter(self.screen)
    }

    /// Restores the terminal and stops the process and its group (Ctrl-Z). Once they are continued, enters raw mode again.
    pub fn suspend(&self) -> io::Result<()> {
        restore();
        kill_current_process_group(Signal::TSTP)?;
        thread::sleep(STOP_DELAY);
        self.resume()
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore();
    }
}

fn enter(screen: Screen) -> io::Result<()> {
    let mut saved = SAVED.lock();
    let termios = match saved.take() {
        Some(saved) => saved.termios,
        None => tcgetattr(stdin())?,
    };
    let mut raw = termios.clone();
    raw.make_raw();
    // A line feed still begins a line in the first column: also those of the log, and of other programs.
    raw.output_modes = termios.output_modes | OutputModes::OPOST | OutputModes::ONLCR;
    *saved = Some(Saved { termios, screen, owner: thread::current().id() });
    tcsetattr(stdin(), OptionalActions::Now, &raw)?;
    write(screen.enter());
    Ok(())
}

/// Reads the lines that were typed before raw mode. In them the terminal has made a line feed of the Enter key, and in raw
/// mode that would be another key.
fn read_ahead() {
    let input = stdin();
    let now = Timespec::default();
    let mut typed = Vec::new();
    let mut buffer = [0; 4_096];
    while typed.len() < limits::TYPED_BYTES
        && let Ok(1..) = poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&now))
        && let Ok(count) = rustix::io::read(&input, &mut buffer)
    {
        match buffer.get(..count) {
            Some(line @ [_, ..]) => typed.extend(line.iter().map(|byte| if *byte == b'\n' { b'\r' } else { *byte })),
            // Ctrl-D.
            _ => {
                typed.push(0x04);
                break;
            }
        }
    }
    TYPED_AHEAD.lock().append(&mut typed);
}

/// Gives a text that was not entered to the front end that begins after this one, as if it were typed then.
pub fn type_ahead(text: &str) {
    // Alt-Enter begins a new line.
    TYPED_AHEAD.lock().extend(text.replace('\n', "\x1b\r").bytes());
}

/// Checks that something was typed before raw mode, which the input thread has not taken yet.
pub fn has_typed_ahead() -> bool {
    !TYPED_AHEAD.lock().is_empty()
}

pub(super) fn take_typed_ahead() -> Vec<u8> {
    std::mem::take(&mut TYPED_AHEAD.lock())
}

/// Leaves the terminal as it was. Does nothing if it is that way already.
pub fn restore() {
    let Some(saved) = SAVED.lock().take() else { return };
    // A terminal that is gone needs nothing.
    let _ = tcsetattr(stdin(), OptionalActions::Now, &saved.termios);
    write(saved.screen.leave());
}

/// Returns the rows and columns of the terminal; where it does not know them, those of the first terminals.
pub fn size() -> (u16, u16) {
    let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    size.map_or((24, 80), |size| (size.ws_row, size.ws_col))
}

/// Writes without the lock of the standard output, which a blocked thread may hold.
fn write(sequence: &str) {
    let mut bytes = sequence.as_bytes();
    let output = stdout();
    let timeout = Timespec::try_from(WRITE_TIMEOUT).ok();
    while !bytes.is_empty() {
        let writable = poll(&mut [PollFd::new(&output, PollFlags::OUT)], timeout.as_ref());
        let Ok(1..) = writable else { return };
        match rustix::io::write(&output, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(_) => return,
        }
    }
}

/// Restores the terminal before a panic of the thread that owns it is reported.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if SAVED.lock().as_ref().is_some_and(|saved| saved.owner == thread::current().id()) {
                restore();
            }
            report(info);
        }));
    });
}
