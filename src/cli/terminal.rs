//! Output and input of the commands.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::thread;

use crossbeam_channel::{Receiver, bounded};

use crate::disk;
use crate::protocol::Codec;

/// Writes a list to standard output: the names of its fields, and a record a line.
pub(super) fn write_list<T: Codec>(names: &str, records: &[T]) -> Result<(), String> {
    let mut out = format!("{names}\n").into_bytes();
    records.iter().for_each(|record| record.write(&mut out));
    write_out(&out)
}

/// Writes to standard output. A reader that closes the pipe (`| head`) is not an error.
pub(super) fn write_out(bytes: &[u8]) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes a file that the user has named. It is not synced: the command can be run again.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let written = disk::open_to_replace(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a whole number with its unit, such as `30m`. `units`: each with its factor.
pub(super) fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let (_, factor) = units.iter().find(|(known, _)| *known == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Returns columns and lines of the terminal; `None`: standard output is none.
pub(super) fn terminal_size() -> Option<(usize, usize)> {
    let out = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&out).ok().filter(|size| out.is_terminal() && size.ws_col > 0)?;
    Some((size.ws_col.into(), size.ws_row.into()))
}

/// Reads the Enter keys, on a thread that ends with the program. At the end of standard input there are no more.
pub(super) fn read_enter_keys() -> Receiver<()> {
    let (sender, receiver) = bounded(1);
    let read = move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|_| sender.send(()));
    // Without a thread there are no keys, as without a terminal.
    let _ = thread::Builder::new().name("keys".to_owned()).spawn(read);
    receiver
}
