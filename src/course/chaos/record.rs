//! The records that pass the proxy, and the words by which rules name them.

use std::fmt;

use super::random::Random;
use crate::model::UserName;
use crate::protocol::event::EVENTS;
use crate::protocol::exchange::Verb;
use crate::protocol::{Code, Port};

/// Longest word of a record that is looked at, in bytes.
const WORD_BYTES: usize = 16;

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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// The name in the login line; `None`: it holds none.
    pub user: Option<UserName>,
    pub port: Port,
    /// Counts the connections of this user at this port, from 1.
    pub number: u64,
}

impl Connection {
    /// Makes the generator of random numbers for the connection, or for a place on it. The same seed gives the same numbers.
    pub fn random(&self, seed: u64, place: &[u64]) -> Random {
        let user = self.user.iter().flat_map(|user| user.mapped().bytes()).map(u64::from);
        Random::of(seed, user.chain([self.port as u64, self.number]).chain(place.iter().copied()))
    }
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

    /// Makes the first line of a reply to a request with this verb, or a last line.
    pub fn reply(bytes: &'a [u8], line: u64, verb: Verb) -> Self {
        let mut words = vec![word(bytes, b';', 0)];
        if words.iter().any(|word| word == "KO") {
            words.push(word(bytes, b';', 1));
        }
        if verb != Verb::Unknown {
            words.push(verb.word().to_owned());
        }
        Self { kind: Kind::Reply, words, line, bytes }
    }

    /// Makes a record of the list that answers this verb.
    pub fn row(bytes: &'a [u8], line: u64, verb: Verb) -> Self {
        let name = verb.word().to_owned();
        match verb {
            Verb::Command("POLL", _) => {
                Self { kind: Kind::Event, words: vec![word(bytes, b';', 1), name], line, bytes }
            }
            _ => Self { kind: Kind::Row, words: vec![name], line, bytes },
        }
    }

    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }

    pub fn way(&self) -> Direction {
        if self.kind == Kind::Request { Direction::ToServer } else { Direction::ToClient }
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

/// Returns the words that rules can use, each with the kind of record that it alone stands for. READ and JOIN are requests
/// and events, DAMAGED a code and an event: the first counts.
pub(super) fn vocabulary() -> impl Iterator<Item = (String, Kind)> {
    let requests = Verb::all().map(|verb| (verb.word().to_owned(), Kind::Request));
    let codes = Code::all().map(|code| code.to_string());
    let replies = ["OK", "KO"].map(str::to_owned).into_iter().chain(codes).map(|word| (word, Kind::Reply));
    let events = EVENTS.iter().map(|event| (event.word().to_owned(), Kind::Event));
    requests.chain(replies).chain(events)
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
