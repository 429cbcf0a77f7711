//! The events of the audit log, and the form of their lines.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

use log::kv::{Error, Key, Source, Value, VisitSource};

use crate::limits;
use crate::model::{UserName, safe};
use crate::protocol::{Code, Port};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A password was wrong; or there is no such account, and so no user.
    LoginFailed {
        user: Option<UserName>,
        from: IpAddr,
        port: Port,
        reason: LoginFailure,
    },
    AccountCreated {
        user: UserName,
        from: IpAddr,
        port: Port,
    },
    PasswordChanged {
        user: UserName,
        from: IpAddr,
        port: Port,
    },
    /// A request, or a login, was refused by a quota, a rate limit or for lack of room.
    Refused {
        user: Option<UserName>,
        from: IpAddr,
        port: Port,
        code: Code,
    },
    /// A connection was closed before it was served; without a port: one of the web port before the upgrade.
    ConnectionRefused {
        from: IpAddr,
        port: Option<Port>,
        reason: ConnectionRefusal,
    },
    /// A user or an address is banned; `seconds`: for so long, `None`: until the ban is lifted.
    Ban {
        banned: String,
        seconds: Option<u64>,
        reason: String,
    },
    /// A command that came through the control socket. The command is without passwords.
    AdminCommand {
        command: String,
        is_done: bool,
    },
    /// Events of one kind beyond [`limits::AUDIT_KEYS`] addresses or users in one period.
    LeftOut {
        kind: &'static str,
    },
}

/// Reason for which a login has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginFailure {
    NoAccount,
    Password,
    /// The old password of a PASSWD was wrong.
    OldPassword,
    /// The key of a device.
    Key,
}

/// Reason for which a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionRefusal {
    TooMany,
    NoThread,
}

/// Stands for the port of a connection to the web port that has not asked for one.
const WEB: &str = "WEB";

/// Each event's word, its fields in their order, and its meaning. Fields in brackets can be missing. A line that stands
/// for several events has the field `count` before its texts.
pub const KINDS: [(&str, &str, &str); 8] = [
    (
        "login_failed",
        "from port reason [user]",
        "a wrong password (`password`), an unknown name (`no_account`), a wrong old password in PASSWD (`old_password`), or a wrong key of a device (`key`)",
    ),
    ("account_created", "from port user", "a client has registered a new account"),
    ("password_changed", "from port user", "a user has changed the password"),
    ("refused", "from port code [user]", "a KO with the code QUOTA, RATE or FULL"),
    (
        "connection_refused",
        "from port reason",
        "a connection too many (`too_many`), or no thread for it (`no_thread`); port `WEB`: one to the page, before its upgrade",
    ),
    ("ban", "[seconds] banned reason", "the administrator has banned a user or an address, for ever or for so long"),
    ("admin_command", "outcome command", "a command through the control socket: `done` or `refused`"),
    ("left_out", "kind", "events of this kind from more addresses or users than are counted one by one"),
];

/// One field of a line.
struct Field {
    key: &'static str,
    content: Content,
}

enum Content {
    /// A word without a blank or a quote.
    Word(String),
    Number(u64),
    /// A text that others may have chosen.
    Text(String),
}

impl Event {
    /// Returns the word of the event.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LoginFailed { .. } => "login_failed",
            Self::AccountCreated { .. } => "account_created",
            Self::PasswordChanged { .. } => "password_changed",
            Self::Refused { .. } => "refused",
            Self::ConnectionRefused { .. } => "connection_refused",
            Self::Ban { .. } => "ban",
            Self::AdminCommand { .. } => "admin_command",
            Self::LeftOut { .. } => "left_out",
        }
    }

    /// Returns the line for this many events, without time and target.
    pub fn line(&self, count: u64) -> String {
        Fields::of(self, count).to_string()
    }

    /// Returns the fields in the order of [`KINDS`].
    fn fields(&self) -> Vec<Field> {
        match self {
            Self::LoginFailed { user, from, port, reason } => {
                let mut fields = peer(*from, *port);
                fields.push(word("reason", reason.word()));
                fields.extend(user.as_ref().map(name));
                fields
            }
            Self::AccountCreated { user, from, port } | Self::PasswordChanged { user, from, port } => {
                let mut fields = peer(*from, *port);
                fields.push(name(user));
                fields
            }
            Self::Refused { user, from, port, code } => {
                let mut fields = peer(*from, *port);
                fields.push(word("code", code));
                fields.extend(user.as_ref().map(name));
                fields
            }
            Self::ConnectionRefused { from, port, reason } => {
                let port = port.map_or(WEB, Port::word);
                vec![from_field(*from), word("port", port), word("reason", reason.word())]
            }
            Self::Ban { banned, seconds, reason } => {
                let mut fields = Vec::new();
                fields.extend(seconds.map(|seconds| Field { key: "seconds", content: Content::Number(seconds) }));
                fields.extend([text("banned", banned), text("reason", reason)]);
                fields
            }
            Self::AdminCommand { command, is_done } => {
                vec![word("outcome", if *is_done { "done" } else { "refused" }), text("command", command)]
            }
            Self::LeftOut { kind } => vec![word("kind", kind)],
        }
    }
}

impl LoginFailure {
    fn word(self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::Password => "password",
            Self::OldPassword => "old_password",
            Self::Key => "key",
        }
    }
}

impl ConnectionRefusal {
    fn word(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::NoThread => "no_thread",
        }
    }
}

fn peer(from: IpAddr, port: Port) -> Vec<Field> {
    vec![from_field(from), word("port", port.word())]
}

fn from_field(from: IpAddr) -> Field {
    word("from", from.to_canonical())
}

fn word(key: &'static str, value: impl fmt::Display) -> Field {
    Field { key, content: Content::Word(value.to_string()) }
}

fn name(user: &UserName) -> Field {
    text("user", user.shown())
}

fn text(key: &'static str, value: &str) -> Field {
    let shown: String = safe::safe(value).chars().take(limits::AUDIT_TEXT_CHARS).collect();
    Field { key, content: Content::Text(shown) }
}

/// The fields of a line: `event`, those of the event, and `count` if the line stands for several.
pub(super) struct Fields(Vec<Field>);

impl Fields {
    pub fn of(event: &Event, count: u64) -> Self {
        let count = (count > 1).then_some(Field { key: "count", content: Content::Number(count) });
        let (texts, others): (Vec<_>, Vec<_>) =
            event.fields().into_iter().partition(|field| matches!(field.content, Content::Text(_)));
        Self([word("event", event.kind())].into_iter().chain(others).chain(count).chain(texts).collect())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Field { key, content }) in self.0.iter().enumerate() {
            let blank = if index > 0 { " " } else { "" };
            match content {
                Content::Word(word) => write!(f, "{blank}{key}={word}")?,
                Content::Number(number) => write!(f, "{blank}{key}={number}")?,
                Content::Text(text) => write!(f, "{blank}{key}=\"{}\"", escaped(text))?,
            }
        }
        Ok(())
    }
}

/// Writes a backslash before each quote and backslash.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['"', '\\']) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        // Writing into a string does not fail.
        let _ = out.write_char(c);
    }
    out.into()
}

impl Source for Fields {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        self.0.iter().try_for_each(|Field { key, content }| {
            let value = match content {
                Content::Word(text) | Content::Text(text) => Value::from(text.as_str()),
                Content::Number(number) => Value::from(*number),
            };
            visitor.visit_pair(Key::from_str(key), value)
        })
    }
}
