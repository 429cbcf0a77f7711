//! The end of the router.

use std::fmt;

use crossbeam_channel::Receiver;

/// Reason for which the router cannot go on. Effects that it has not dispatched are lost: their requests stay unanswered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fatal {
    /// This server does not lead its cluster any more, and why. It can start again, and stand by.
    TermOver(String),
    /// The process has to end.
    Failed(String),
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::TermOver(why) | Self::Failed(why)) = self;
        f.write_str(why)
    }
}

impl From<String> for Fatal {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// Says, once, how the router ended: it was told to, or could not go on.
pub type Ended = Receiver<Result<(), Fatal>>;
