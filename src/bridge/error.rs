//! Errors of the bridge: some pass, some end it.

use crate::client::link::error::LinkError;
use crate::client::state::error::LogError;
use crate::client::{Exit, Failure};
use crate::wal::WalError;

/// The reason why the bridge ends, in words, and its exit code.
#[derive(Debug)]
pub struct End {
    pub exit: Exit,
    pub why: String,
}

impl End {
    /// Makes the end of a bridge that cannot go on.
    pub fn failed(why: impl ToString) -> Self {
        Self { exit: Exit::Failed, why: why.to_string() }
    }

    /// Makes the end of a bridge that one of the two networks refuses.
    pub fn refused(why: impl ToString) -> Self {
        Self { exit: Exit::Refused, why: why.to_string() }
    }
}

impl From<Failure> for End {
    fn from((exit, why): Failure) -> Self {
        Self { exit, why }
    }
}

impl From<LogError> for End {
    fn from(error: LogError) -> Self {
        Self::failed(error)
    }
}

impl From<WalError> for End {
    fn from(error: WalError) -> Self {
        Self::failed(error)
    }
}

/// An error with the wachat server.
#[derive(Debug)]
pub enum BridgeError {
    /// A later try may succeed.
    Away(String),
    End(End),
    /// Another thread has ended, and has reported it.
    Over,
}

impl From<LinkError> for BridgeError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Away(why) => Self::Away(why),
            error => Self::End(End::refused(error)),
        }
    }
}

impl From<WalError> for BridgeError {
    fn from(error: WalError) -> Self {
        Self::End(error.into())
    }
}
