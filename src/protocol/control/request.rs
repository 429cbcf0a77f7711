//! The requests, each with write beside parse.

use std::sync::Arc;

use log::LevelFilter;

use crate::limits;
use crate::model::{Banned, Email, NewAccount, RoomName, Seq, ShortText, UserName};
use crate::protocol::codec::Field as _;
use crate::record::{Fields, Writer};

/// A request of the administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// Create accounts, all or none; in the lobby, if the server has one.
    Add {
        accounts: Vec<NewAccount>,
        lobby: bool,
    },
    Passwd {
        user: UserName,
        password_hash: Arc<str>,
    },
    Remove {
        user: UserName,
    },
    /// Take the texts of a user in a conversation back.
    Erase {
        user: UserName,
        conversation: Box<str>,
        first: Seq,
        last: Seq,
        /// How many there are.
        count: u64,
        /// How many messages of the conversation had been taken back when they were counted.
        erased: u64,
    },
    /// List the accounts, from this one on, in the order of registration.
    Accounts {
        from: usize,
    },
    RemoveRoom {
        room: RoomName,
    },
    /// List the rooms after this name.
    Rooms {
        after: Option<RoomName>,
    },
    /// List the connections that are logged in, above this number.
    Sessions {
        after: u64,
    },
    Close(SessionChoice),
    /// Keep a user or a network out; without a number of seconds until the ban is lifted.
    Ban {
        banned: Banned,
        seconds: Option<u64>,
        reason: ShortText,
    },
    Unban {
        banned: Banned,
    },
    Bans,
    Announce {
        text: ShortText,
    },
    Status,
    LogLevel {
        level: LevelFilter,
    },
}

/// Connections to close: one, or all of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionChoice {
    Number(u64),
    Of(UserName),
}

impl ControlRequest {
    /// Writes the request with all its lines.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        match self {
            Self::Add { accounts, lobby } => {
                w.plain("ADD").plain(if *lobby { "lobby" } else { "none" }).plain(accounts.len()).end();
                for NewAccount { name, password_hash, email } in accounts {
                    w.plain(name).text(password_hash).text(email.as_str()).end();
                }
                return;
            }
            Self::Passwd { user, password_hash } => w.plain("PASSWD").plain(user).text(password_hash),
            Self::Ban { banned, seconds, reason } => {
                let seconds = seconds.map_or(String::new(), |seconds| seconds.to_string());
                w.plain("BAN").plain(banned).plain(seconds).text(reason.as_str())
            }
            Self::Announce { text } => w.plain("ANNOUNCE").text(text.as_str()),
            Self::Erase { user, conversation, first, last, count, erased } => {
                let w = w.plain("ERASE").plain(user).text(conversation);
                w.plain(first).plain(last).plain(*count).plain(*erased)
            }
            Self::Accounts { from } => w.plain("ACCOUNTS").plain(*from),
            Self::Rooms { after } => w.plain("ROOMS").plain(after.as_ref().map_or(String::new(), RoomName::to_string)),
            Self::Sessions { after } => w.plain("SESSIONS").plain(*after),
            _ => w.plain(self.summary()),
        };
        w.end();
    }

    /// Returns what the request does and to whom, for the log: without password hashes, and without texts.
    pub fn summary(&self) -> String {
        match self {
            Self::Add { accounts, .. } => match &accounts[..] {
                [one] => format!("ADD;{}", one.name),
                all => format!("ADD;{} accounts", all.len()),
            },
            Self::Passwd { user, .. } => format!("PASSWD;{user}"),
            Self::Remove { user } => format!("REMOVE;{user}"),
            Self::Erase { user, .. } => format!("ERASE;{user}"),
            Self::Accounts { .. } => "ACCOUNTS".to_owned(),
            Self::RemoveRoom { room } => format!("ROOM_REMOVE;{room}"),
            Self::Rooms { .. } => "ROOMS".to_owned(),
            Self::Sessions { .. } => "SESSIONS".to_owned(),
            Self::Close(SessionChoice::Number(number)) => format!("CLOSE;{number}"),
            Self::Close(SessionChoice::Of(user)) => format!("CLOSE;@{user}"),
            Self::Ban { banned, .. } => format!("BAN;{banned}"),
            Self::Unban { banned } => format!("UNBAN;{banned}"),
            Self::Bans => "BANS".to_owned(),
            Self::Announce { .. } => "ANNOUNCE".to_owned(),
            Self::Status => "STATUS".to_owned(),
            Self::LogLevel { level } => format!("LOG_LEVEL;{level}"),
        }
    }

    /// Returns whether the request only asks, and changes nothing.
    pub fn is_query(&self) -> bool {
        let is_list = matches!(self, Self::Accounts { .. } | Self::Rooms { .. } | Self::Sessions { .. });
        is_list || matches!(self, Self::Bans | Self::Status)
    }

    /// Reads a request. `next_line` returns a further line of it, without its LF, or the reason why there is none.
    pub fn read<E>(next_line: &mut impl FnMut() -> Result<Vec<u8>, E>) -> Result<Option<Self>, E> {
        let first = next_line()?;
        let Ok(fields) = Fields::parse(&first) else { return Ok(None) };
        let (Some("ADD"), Some(lobby), Some(count)) = (fields.get(0), fields.get(1), fields.get(2)) else {
            return Ok(Self::from_fields(&fields));
        };
        let Some(count) = usize::read(count).filter(|count| *count <= limits::IMPORT_ACCOUNTS) else { return Ok(None) };
        let mut accounts = Vec::new();
        for _ in 0..count {
            let Some(account) = parse_account(&next_line()?) else { return Ok(None) };
            accounts.push(account);
        }
        Ok(Some(Self::Add { accounts, lobby: lobby == "lobby" }))
    }

    /// Reads a request of one line.
    fn from_fields(f: &Fields) -> Option<Self> {
        let verb = f.get(0)?;
        let field = |index| f.get(index);
        let user = |index| UserName::read(f.get(index)?);
        Some(match verb {
            "PASSWD" => Self::Passwd { user: user(1)?, password_hash: parse_hash(field(2)?)? },
            "REMOVE" => Self::Remove { user: user(1)? },
            "ERASE" => Self::Erase {
                user: user(1)?,
                conversation: field(2)?.into(),
                first: Seq::read(field(3)?)?,
                last: Seq::read(field(4)?)?,
                count: u64::read(field(5)?)?,
                erased: u64::read(field(6)?)?,
            },
            "ACCOUNTS" => Self::Accounts { from: usize::read(field(1)?)? },
            "ROOM_REMOVE" => Self::RemoveRoom { room: RoomName::read(field(1)?)? },
            "ROOMS" => Self::Rooms { after: optional(field(1)?, RoomName::read)? },
            "SESSIONS" => Self::Sessions { after: u64::read(field(1)?)? },
            "CLOSE" => Self::Close(SessionChoice::parse(field(1)?)?),
            "BAN" => Self::Ban {
                banned: Banned::read(field(1)?)?,
                seconds: optional(field(2)?, u64::read)?,
                reason: ShortText::read(field(3)?)?,
            },
            "UNBAN" => Self::Unban { banned: Banned::read(field(1)?)? },
            "BANS" => Self::Bans,
            "ANNOUNCE" => Self::Announce { text: ShortText::read(field(1)?)? },
            "STATUS" => Self::Status,
            "LOG_LEVEL" => Self::LogLevel { level: field(1)?.parse().ok()? },
            _ => return None,
        })
    }
}

impl SessionChoice {
    /// Reads the number of a connection, or a user name. A name that is a number is written with an `@` before it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(number) = Seq::parse(text) {
            return Some(Self::Number(number.get()));
        }
        UserName::new(text.strip_prefix('@').unwrap_or(text)).ok().map(Self::Of)
    }
}

/// Reads a field that may be empty.
fn optional<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

fn parse_account(line: &[u8]) -> Option<NewAccount> {
    let f = Fields::parse(line).ok()?;
    let name = UserName::read(f.get(0)?)?;
    let password_hash = parse_hash(f.get(1)?)?;
    Some(NewAccount { name, password_hash, email: Email::new(f.get(2)?)? })
}

/// Reads a password hash, which becomes a part of one record of the log.
fn parse_hash(text: &str) -> Option<Arc<str>> {
    let fits = text.len() <= limits::PASSWORD_HASH_BYTES && !text.contains(char::is_control);
    fits.then(|| text.into())
}
