//! The records that pass the proxy, and the words by which rules name them.

use std::fmt;

use crate::model::UserName;
use crate::protocol::Port;
use crate::protocol::reply::Code;
use crate::protocol::request::{RECV_COMMANDS, SEND_COMMANDS};

/// Requests whose reply is a list.
const LISTS: [&str; 9] = ["POLL", "HISTORY", "CHATS", "USERS", "STATUS", "ROOMS", "MEMBERS", "SESSIONS", "HELP"];

/// Codes of a server's last lines, which answer no request (protocol, section 1). AUTH and BANNED are last lines as well,
/// except in the reply to a password.
const LAST_LINES: [&str; 5] = ["TIMEOUT", "SHUTDOWN", "REPLACED", "TOO_LONG", "INTERNAL"];

/// Events that are not also a verb or a code (protocol, section 7).
const EVENTS: [&str; 6] = ["MSG", "STATE", "GAP", "ONLINE", "OFFLINE", "PART"];

/// Longest word of a record that is looked at, in bytes.
const WORD_BYTES: usize = 16;

/// The direction of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    ToServer,
    ToClient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line of the client, the login line included.
    Request,
    /// The first line of a reply, or a last line of the server.
    Reply,
    /// A record of the reply to POLL.
    Event,
    /// A record of another list.
    Row,
}

/// A connection through the proxy.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The name in the login line; `None`: it holds none.
    pub user: Option<UserName>,
    pub port: Port,
    /// Counts the connections of this user at this port, from 1.
    pub number: u64,
}

/// One line with its LF, and its place in the connection.
#[derive(Debug)]
pub struct Record<'a> {
    pub kind: Kind,
    /// Of a request its verb; of a reply OK, or KO and its code, and the verb that it answers; of an event or a row its
    /// kind, and that verb.
    pub words: Vec<String>,
    /// Counts the lines of its direction, from 1.
    pub line: u64,
    pub bytes: &'a [u8],
}

impl<'a> Record<'a> {
    pub fn request(bytes: &'a [u8], line: u64) -> Self {
        let separator = if line == 1 { b':' } else { b';' };
        Self { kind: Kind::Request, words: vec![word(bytes, separator, 0)], line, bytes }
    }

    /// Makes the first line of a reply to a request with this verb; empty: to none.
    pub fn reply(bytes: &'a [u8], line: u64, verb: &str) -> Self {
        let mut words = vec![word(bytes, b';', 0)];
        if words.iter().any(|word| word == "KO") {
            words.push(word(bytes, b';', 1));
        }
        words.extend((!verb.is_empty()).then(|| verb.to_owned()));
        Self { kind: Kind::Reply, words, line, bytes }
    }

    /// Makes a record of the list that answers this verb.
    pub fn row(bytes: &'a [u8], line: u64, verb: &str) -> Self {
        if verb == "POLL" {
            return Self { kind: Kind::Event, words: vec![word(bytes, b';', 1), verb.to_owned()], line, bytes };
        }
        Self { kind: Kind::Row, words: vec![verb.to_owned()], line, bytes }
    }

    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }

    pub fn way(&self) -> Direction {
        if self.kind == Kind::Request { Direction::ToServer } else { Direction::ToClient }
    }

    /// Returns true if the line answers no request: the server closes the connection of its own accord.
    pub fn is_last_line(&self) -> bool {
        let [first, code, verb @ ..] = self.words.as_slice() else { return false };
        let is_to = |verbs: &[&str]| verb.iter().any(|verb| verbs.contains(&verb.as_str()));
        let is_reply = match code.as_str() {
            "AUTH" => is_to(&["LOGIN", "REGISTER", "PASSWD"]),
            "BANNED" => is_to(&["LOGIN", "REGISTER"]),
            code => !LAST_LINES.contains(&code),
        };
        first == "KO" && !is_reply
    }
}

/// For people: `SEND request`, `OK SEND reply`.
impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.words.join(" "), self.kind)
    }
}

/// Returns a field in upper case, or `?` if it is not a word: a rule names only words, and a log shows only words.
fn word(bytes: &[u8], separator: u8, index: usize) -> String {
    let field = bytes.trim_ascii_end().split(|byte| *byte == separator).nth(index).unwrap_or_default();
    let is_word = field.len() <= WORD_BYTES && field.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    match std::str::from_utf8(field) {
        Ok(text) if is_word && !text.is_empty() => text.to_ascii_uppercase(),
        _ => "?".to_owned(),
    }
}

/// Returns the name in a login line.
pub(super) fn user(login: &[u8]) -> Option<UserName> {
    let name = std::str::from_utf8(login).ok()?.split(':').nth(1)?;
    UserName::new(name.trim_end()).ok()
}

/// Returns a field of a request as it stands.
pub(super) fn field(bytes: &[u8], index: usize) -> String {
    let field = bytes.trim_ascii_end().split(|byte| *byte == b';').nth(index).unwrap_or_default();
    String::from_utf8_lossy(field).into_owned()
}

/// Returns the number of records that follow the first line of a list.
pub fn rows(verb: &str, head: &[u8]) -> u64 {
    let is_list = LISTS.contains(&verb) && field(head, 0) == "OK";
    is_list.then(|| field(head, 1).parse().ok()).flatten().unwrap_or(0)
}

/// Returns the words that rules can use, each with the kind of record that it alone stands for. JOIN is a request and an
/// event: the first counts.
pub(super) fn vocabulary() -> impl Iterator<Item = (String, Kind)> {
    let verbs = SEND_COMMANDS.iter().map(|command| command.verb());
    let verbs = verbs.chain(RECV_COMMANDS.iter().map(|command| command.verb())).chain(["LOGIN", "REGISTER"]);
    let requests = verbs.map(|verb| (verb.to_owned(), Kind::Request));
    let codes = Code::all().map(|code| code.to_string());
    let replies = ["OK", "KO"].map(str::to_owned).into_iter().chain(codes).map(|word| (word, Kind::Reply));
    requests.chain(replies).chain(EVENTS.map(|word| (word.to_owned(), Kind::Event)))
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::ToServer { "to the server" } else { "to the client" })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Reply => "reply",
            Self::Event => "event",
            Self::Row => "row",
        })
    }
}
