//! Passwords, e-mail addresses and tokens.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::{MessageId, UserName};
use crate::limits;
use crate::record::PlainField;

/// Reason why a password is refused (protocol, section 3). Its message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    Short,
    Name,
    LineBreak,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "a password has at least {} characters", limits::PASSWORD_CHARS),
            Self::Name => f.write_str("a password is not the user's own name"),
            Self::LineBreak => f.write_str("a password has no line break"),
        }
    }
}

/// A password that may be set. It is never shown, not even in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Checks a new password of `user` by the rules of the protocol, section 3.
    pub fn new(user: &UserName, password: &str) -> Result<Self, PasswordError> {
        if password.chars().count() < limits::PASSWORD_CHARS {
            return Err(PasswordError::Short);
        }
        if password == user.shown() || UserName::new(password).is_ok_and(|name| name == *user) {
            return Err(PasswordError::Name);
        }
        if password.contains(['\n', '\r']) {
            return Err(PasswordError::LineBreak);
        }
        Ok(Self(password.to_owned()))
    }

    /// Returns the password for hashing.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// An e-mail address, for the administrator (protocol, section 5). Nothing is sent to it: it has an
/// `@` with something on both sides, no space and no control character. An empty one removes the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks an address; `None` if it is none.
    pub fn new(text: &str) -> Option<Self> {
        let shaped = text.rsplit_once('@').is_some_and(|(who, host)| !who.is_empty() && !host.is_empty());
        let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let fits = text.len() <= limits::EMAIL_BYTES;
        (text.is_empty() || shaped && plain && fits).then(|| Self(text.to_owned()))
    }

    /// Returns the address as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A token that admits a caller to a direct chat once (protocol, section 8): 1 to 64 of `A-Z a-z 0-9 - _`. Compared in
/// constant time.
#[derive(Clone, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// Makes a token of 128 random bits.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes)).into()))
    }

    /// Reads a token as `Display` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        MessageId::new(text).map(|_| Self(text.into()))
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl PlainField for Token {}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
