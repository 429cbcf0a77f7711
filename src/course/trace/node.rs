//! An entry of a trace among those of all runs.

use crate::trace::Entry;

pub struct Node {
    pub run: usize,
    pub lifeline: usize,
    pub entry: Entry<'static>,
    pub connection: Option<usize>,
    /// The node of another process that comes before this one.
    pub waits_for: Option<usize>,
    /// The same line at the other end.
    pub pair: Option<usize>,
    /// Of a line that a proxy has received: the step in which it was sent on, and the other way round.
    pub relay: Option<usize>,
}
