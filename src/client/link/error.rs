//! Errors between the client and the server.

use std::fmt;

use crate::client::exit::{Exit, Failure};
use crate::protocol::{Code, Ko};
use crate::texts::{Phrase, words};

/// An error between the client and the server.
#[derive(Debug)]
pub enum LinkError {
    /// No connection, or it broke, or no answer came in time. A later try may succeed.
    Away(String),
    /// The server has closed the connection, and has named the one that leads: the next connection goes there, at once.
    Redirected(String),
    /// None of several servers has taken the client: one of them soon will.
    NoneLeads(String),
    /// The server refuses the login, and will go on doing so (protocol, section 3).
    Refused(Ko),
    /// The server does not take the key of this device any more: the key is removed.
    KeyEnded,
    /// The server is an older one, which knows no devices: the key is of no use there, and stays in its file.
    NoDevices,
    /// The server's certificate is not trusted: nothing was sent. The text says why.
    Untrusted(String),
    /// Another session of this user took over (protocol, section 3).
    Replaced,
    /// The user has closed this connection on another one (LOGOUT), or has changed the password there.
    LoggedOut,
}

impl LinkError {
    /// Returns the meaning of a KO to a login line: most do not change with another try, some do.
    pub(super) fn from_login(ko: Ko) -> Self {
        match ko.code {
            Code::Rate | Code::Full | Code::Timeout | Code::Shutdown | Code::Internal => Self::Away(words::ko(&ko)),
            Code::Replaced => Self::Replaced,
            _ => Self::Refused(ko),
        }
    }

    /// Returns the meaning of a last line: a KO that closes the connection and answers no request (protocol, section 1).
    /// The outcome of a request that was sent is unknown.
    pub(super) fn from_close(ko: Ko) -> Self {
        match ko.code {
            Code::Replaced => Self::Replaced,
            Code::Auth => Self::LoggedOut,
            Code::Banned => Self::Refused(ko),
            _ => Self::Away(words::ko(&ko)),
        }
    }

    /// Checks that a later try may succeed.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Redirected(_) | Self::NoneLeads(_))
    }

    /// Checks that another one of several servers may take the client.
    pub(super) fn is_of_one_server(&self) -> bool {
        self.is_away() || matches!(self, Self::Untrusted(_))
    }

    /// Makes the error of a try from those of the servers. That of one server is what it is. The texts of several are told
    /// together; while one of them may take the client later, the others that are not trusted end nothing.
    pub(super) fn of_all(mut failures: Vec<Self>) -> Self {
        match failures.pop() {
            None => Self::malformed(),
            Some(Self::Redirected(why)) if failures.is_empty() => Self::Away(why),
            Some(one) if failures.is_empty() => one,
            Some(last) => {
                failures.push(last);
                let may_pass = failures.iter().any(Self::is_away);
                let mut texts: Vec<_> = failures.iter().map(Self::to_string).collect();
                texts.dedup();
                let why = texts.join("; ");
                if may_pass { Self::NoneLeads(why) } else { Self::Untrusted(why) }
            }
        }
    }

    /// Makes the error of an answer that is not of the protocol's form.
    pub(super) fn malformed() -> Self {
        Self::Away(Phrase::Strange.to_string())
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) | Self::Redirected(why) | Self::NoneLeads(why) | Self::Untrusted(why) => f.write_str(why),
            Self::Refused(ko) if ko.code == Code::Auth => Phrase::RefusedNew { why: &words::ko(ko) }.fmt(f),
            // The name has another password.
            Self::Refused(ko) if ko.code == Code::Exists => Phrase::Refused { why: &Phrase::NameTaken }.fmt(f),
            Self::Refused(ko) if ko.code == Code::Quota => Phrase::Refused { why: &Phrase::TooManyDevices }.fmt(f),
            Self::Refused(ko) => Phrase::Refused { why: &words::ko(ko) }.fmt(f),
            Self::KeyEnded => Phrase::KeyEnded.fmt(f),
            Self::NoDevices => Phrase::NoDevicesThere.fmt(f),
            Self::Replaced => Phrase::TookOver.fmt(f),
            Self::LoggedOut => Phrase::LoggedOut.fmt(f),
        }
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        let exit = match error {
            LinkError::Away(_) | LinkError::Redirected(_) | LinkError::NoneLeads(_) => Exit::Away,
            LinkError::Refused(_) | LinkError::Untrusted(_) => Exit::Refused,
            LinkError::KeyEnded | LinkError::NoDevices => Exit::Refused,
            LinkError::Replaced | LinkError::LoggedOut => Exit::Failed,
        };
        (exit, error.to_string())
    }
}
