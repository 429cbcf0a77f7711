//! The destination of a line without a command.

use crate::model::{Target, UserName};

/// The conversation or direct chat that a line without a command is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The lobby, if the user is in it; that is not known yet.
    Undecided,
    Nowhere,
    Conversation(Target),
    /// A direct chat with this user.
    Direct(UserName),
}

impl Destination {
    /// Returns the conversation that it belongs to.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Undecided | Self::Nowhere => None,
            Self::Conversation(target) => Some(target.clone()),
            Self::Direct(peer) => Some(Target::User(peer.clone())),
        }
    }
}
