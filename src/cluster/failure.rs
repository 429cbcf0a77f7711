//! Failures of a call, told apart by whether etcd may have carried it out.

use std::fmt;

use serde::Deserialize;

use crate::model::safe::safe;

/// Codes of gRPC that etcd refuses a request with before it changes anything, or when it is applied without effect.
/// NOSPACE (8), a lost leader (14), a time-out (4) and all others leave the outcome open: seen were refused puts that
/// were there afterwards.
const DEFINITE: [i64; 7] =
    [INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED];
const INVALID_ARGUMENT: i64 = 3;
const NOT_FOUND: i64 = 5;
const PERMISSION_DENIED: i64 = 7;
const FAILED_PRECONDITION: i64 = 9;
const OUT_OF_RANGE: i64 = 11;
const UNIMPLEMENTED: i64 = 12;
const UNAUTHENTICATED: i64 = 16;

/// etcd's word for a token that is older than the last change of its users; its code is that of a bad request.
const OLD_TOKEN: &str = "revision of auth store is old";

/// Longest text of etcd that is shown, in characters.
const SHOWN_CHARS: usize = 200;

/// An error of a call. Each text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtcdError {
    /// The call may have been carried out, may yet be carried out, or may not: a time-out, a lost connection, no leader,
    /// no space, no endpoint that can be reached.
    Unknown(String),
    /// etcd's definite answer: it was not carried out, and will not be.
    Refused(String),
}

impl fmt::Display for EtcdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for EtcdError {}

/// The failure of a call at one endpoint.
pub enum Failure {
    /// The request was not sent, or not all of its head: it cannot have been carried out.
    NotSent(String),
    Unknown(String),
    Refused(Refusal),
}

impl From<Failure> for EtcdError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent(why) | Failure::Unknown(why) => Self::Unknown(why),
            Failure::Refused(refusal) => Self::Refused(refusal.message),
        }
    }
}

/// The JSON gateway's form of an error. The first name of the code is that in a stream, before 3.6.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Refusal {
    #[serde(alias = "grpc_code")]
    code: i64,
    message: String,
}

impl Refusal {
    /// Reads an answer whose HTTP status is not 200.
    pub fn read(status: u16, answer: &[u8]) -> Self {
        match serde_json::from_slice(answer) {
            Ok(Self { code, message }) if code != 0 => Self { code, message },
            // The gateway answers so on paths that it does not have: it is too old, or no etcd.
            _ if status == 404 || status == 405 => {
                Self { code: UNIMPLEMENTED, message: format!("HTTP status {status}: is this etcd 3.4 or newer?") }
            }
            _ => Self { code: 0, message: format!("HTTP status {status}") },
        }
    }

    /// Returns what the refusal means, with the endpoint that gave it.
    pub fn into_failure(self, endpoint: &str) -> Failure {
        let shown: String = safe(&self.message).chars().take(SHOWN_CHARS).collect();
        let message = format!("{endpoint}: {shown}");
        if DEFINITE.contains(&self.code) {
            Failure::Refused(Self { message, ..self })
        } else {
            Failure::Unknown(message)
        }
    }

    /// Returns whether a new token may help.
    pub fn is_of_token(&self) -> bool {
        self.code == UNAUTHENTICATED || self.message.contains(OLD_TOKEN)
    }

    pub fn is_not_found(&self) -> bool {
        self.code == NOT_FOUND
    }
}
