//! The error of `apply`.

use std::fmt;

/// A record that contradicts the state before it. In a write-ahead log: damage. From [`super::StateMachine::handle`]: a
/// defect of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyError(pub String);

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
