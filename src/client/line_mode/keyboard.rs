//! The keyboard thread: it reads lines from a terminal or a pipe. The owner takes each when the app wants it. Passwords
//! are not shown while they are typed.

use std::io::{self, BufRead, Read};

use crossbeam_channel::Sender;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::client::app::event::Event;
use crate::limits;
use crate::texts::Phrase;

/// Reads lines until the input ends, or the owner.
pub fn read_lines(mut input: impl BufRead, lines: &Sender<Event>) {
    loop {
        let event = match read_line(&mut input) {
            Ok(Some(line)) => Event::Typed(line),
            Ok(None) | Err(_) => Event::InputEnded,
        };
        let ended = matches!(event, Event::InputEnded);
        if lines.send(event).is_err() || ended {
            return;
        }
    }
}

/// Reads one line without its line feed, or the reason why the input is none; `None` at the end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Result<String, String>>> {
    let mut bytes = Vec::new();
    let most = limits::TYPED_BYTES as u64;
    if input.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() != Some(&b'\n') && bytes.len() >= limits::TYPED_BYTES {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(Phrase::LineTooLong.to_string())));
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8(line.to_vec()).map_err(|_| Phrase::LineNotText.to_string());
    Ok(Some(text))
}

/// Makes the terminal show what is typed, or only the ends of lines. Where the input is no terminal there is nothing to do.
pub fn show_typing(shown: bool) {
    let Ok(mut modes) = tcgetattr(io::stdin()) else { return };
    modes.local_modes.set(LocalModes::ECHO, shown);
    modes.local_modes.set(LocalModes::ECHONL, !shown);
    // A terminal that is gone shows nothing.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
}
