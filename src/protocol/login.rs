//! The login line, the first on either port (protocol, section 3). It is the only line that is not a record.

/// The version of the protocol, as the reply to a login names it.
pub const VERSION: &str = "wachat/1";

/// The two kinds of a login line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Login,
    Register,
}

impl LoginKind {
    /// Both kinds.
    pub const BOTH: [Self; 2] = [Self::Login, Self::Register];

    /// Returns the first word of the line.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Register => "REGISTER",
        }
    }
}

/// `LOGIN:<user>:<password>` or `REGISTER:<user>:<password>`, as the client sent it: neither the name nor the password
/// has been checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    pub kind: LoginKind,
    pub user: &'a str,
    pub password: &'a str,
}

impl<'a> Login<'a> {
    /// Splits a line, without its LF, at its first two colons only. `None`: not a login line, or an empty password.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(line).ok()?.splitn(3, ':');
        let verb = parts.next()?;
        let kind = LoginKind::BOTH.into_iter().find(|kind| verb.eq_ignore_ascii_case(kind.verb()))?;
        let user = parts.next()?;
        let password = parts.next()?;
        (!password.is_empty()).then_some(Self { kind, user, password })
    }

    /// Appends the line, with its LF.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}:{}:{}\n", self.kind.verb(), self.user, self.password).as_bytes());
    }
}
