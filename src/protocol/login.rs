//! The login line, the first on either port (protocol, section 3). It is the only line that is not a record.

/// The version of the protocol, as the reply to a login names it.
pub const VERSION: &str = "wachat/1";

/// The kinds of a login line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Login,
    Register,
    /// A device logs in, with its user's password.
    Device,
    /// A device logs in, with its key.
    Key,
}

impl LoginKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Login, Self::Register, Self::Device, Self::Key];

    /// Returns the first word of the line.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Register => "REGISTER",
            Self::Device => "DEVICE",
            Self::Key => "KEY",
        }
    }

    /// Returns whether a device comes before the user.
    pub fn names_device(self) -> bool {
        matches!(self, Self::Device | Self::Key)
    }

    /// Returns the number of fields after the verb.
    pub fn fields(self) -> usize {
        2 + usize::from(self.names_device())
    }
}

/// A login line as the client sent it: `<verb>:<user>:<password>`, or `<verb>:<device>:<user>:<password or key>`. None of
/// its fields has been checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    pub kind: LoginKind,
    /// Of DEVICE and KEY; else empty.
    pub device: &'a str,
    pub user: &'a str,
    /// The password; of KEY the key.
    pub password: &'a str,
}

impl<'a> Login<'a> {
    /// Splits a line, without its LF, at its first two or three colons only. `None`: not a login line, or an empty password.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (verb, rest) = std::str::from_utf8(line).ok()?.split_once(':')?;
        let kind = LoginKind::ALL.into_iter().find(|kind| verb.eq_ignore_ascii_case(kind.verb()))?;
        let (device, rest) = if kind.names_device() { rest.split_once(':')? } else { ("", rest) };
        let (user, password) = rest.split_once(':')?;
        (!password.is_empty()).then_some(Self { kind, device, user, password })
    }

    /// Appends the line, with its LF.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Self { kind, device, user, password } = self;
        let device = if kind.names_device() { format!("{device}:") } else { String::new() };
        out.extend_from_slice(format!("{}:{device}{user}:{password}\n", kind.verb()).as_bytes());
    }
}
