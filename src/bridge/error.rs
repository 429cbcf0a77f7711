//! What can go wrong between the two networks: some of it passes, some of it ends the bridge.

use crate::client::Exit;
use crate::client::error::{LedgerError, LinkError};
use crate::wal::WalError;

/// Why the bridge ends, in words, and its exit code.
#[derive(Debug)]
pub struct End {
    pub exit: Exit,
    pub why: String,
}

impl End {
    /// It cannot go on.
    pub fn failed(why: impl ToString) -> Self {
        Self { exit: Exit::Failed, why: why.to_string() }
    }

    /// One of the two networks does not let it in.
    pub fn refused(why: impl ToString) -> Self {
        Self { exit: Exit::Refused, why: why.to_string() }
    }
}

impl From<LedgerError> for End {
    fn from(error: LedgerError) -> Self {
        Self::failed(error)
    }
}

impl From<WalError> for End {
    fn from(error: WalError) -> Self {
        Self::failed(error)
    }
}

/// Why something with the wachat server did not work.
#[derive(Debug)]
pub enum BridgeError {
    /// Try again later.
    Away(String),
    End(End),
    /// Another thread has ended, and says why.
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
