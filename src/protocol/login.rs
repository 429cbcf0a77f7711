//! The login line, the first on either port (protocol, section 3). It is the only line that is not a record.

/// The two kinds of a login line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Login,
    Register,
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
        let kind = match parts.next()? {
            verb if verb.eq_ignore_ascii_case("LOGIN") => LoginKind::Login,
            verb if verb.eq_ignore_ascii_case("REGISTER") => LoginKind::Register,
            _ => return None,
        };
        let user = parts.next()?;
        let password = parts.next()?;
        (!password.is_empty()).then_some(Self { kind, user, password })
    }

    /// Appends the line, with its LF.
    pub fn write(&self, out: &mut Vec<u8>) {
        let verb = match self.kind {
            LoginKind::Login => "LOGIN",
            LoginKind::Register => "REGISTER",
        };
        out.extend_from_slice(format!("{verb}:{}:{}\n", self.user, self.password).as_bytes());
    }
}
