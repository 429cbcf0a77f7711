//! The events of a terminal in raw mode.

use terminput::Event;

#[derive(Clone, Debug, PartialEq)]
pub enum InputEvent {
    /// A key, a pasted text, a click, the focus, or a new size of the window.
    Terminal(Event),
    /// Input that was discarded, and why.
    Problem(String),
    /// The process was stopped and continues: the modes of the terminal may be others, and its screen too.
    Continued,
    /// A signal that ends the program.
    Signal(i32),
    /// There is no more input.
    Ended,
}
