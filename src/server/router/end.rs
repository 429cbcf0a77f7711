//! The end of the router.

use crossbeam_channel::Receiver;

/// Reason for which the router cannot go on. Effects that it has not dispatched are lost: their requests stay unanswered.
pub(crate) type Fatal = String;

/// Says, once, how the router ended: it was told to, or could not go on.
pub type Ended = Receiver<Result<(), String>>;
