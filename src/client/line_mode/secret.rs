//! Lines that are not shown while they are typed: passwords.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Makes the terminal show what is typed, or only the ends of lines. Where the input is no terminal there is nothing to do.
pub fn show_typing(shown: bool) {
    let Ok(mut modes) = tcgetattr(io::stdin()) else { return };
    modes.local_modes.set(LocalModes::ECHO, shown);
    modes.local_modes.set(LocalModes::ECHONL, !shown);
    // A terminal that is gone shows nothing.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
}
