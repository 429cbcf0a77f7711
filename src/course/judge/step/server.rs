//! Steps of a test of a server.
//!
//! | step | meaning |
//! |---|---|
//! | `users ana luis` | registers accounts; `{ana}` is the name from there on, and that of no other test |
//! | `new eva` | the same without an account |
//! | `A open SEND` | opens a connection, which is called A from there on |
//! | `A login RECV ana` | opens one and logs in |
//! | `A device lab ana` | opens one on the RECV port and logs in as that device |
//! | `A > line` | sends a line; `A bytes> line`: byte by byte; `A raw> text`: without LF, with `\n`, `\r`, `\xNN` |
//! | `A long> 70000` | sends a line of 70,000 bytes, LF included |
//! | `A flood 1000> line` | sends it as often as the socket takes it without waiting |
//! | `A < line` | expects a line: `<time>` is any time, `<any>` any field, `<n>` a number that is called n, `...` any rest |
//! | `A events 0` | polls above that number until the events in the lines `A * event` after it have come, and no others |
//! | `A last 0 < event` | polls above that number until the last event is this one |
//! | `A closed` | expects the end of the connection; `A silent 300`: nothing for that many milliseconds |
//! | `A within 9000 12000 < line` | expects a line that comes in that time, in milliseconds |
//! | `A shut`, `A drop` | ends its own output; closes |
//! | `{room}`, `{any}` | names that nobody has |
//! | `{m}` | the begin of message ids that no other test has: `{m}-1` |
//! | `check <a> < <b>` | compares two numbers |
//! | `restart` | kills the server and starts it again |
//! | `crashes` | traffic across three restarts, and the delivery checker's verdict; `crashes devices`: with two devices a user |

use std::time::Duration;

use super::words::{Span, cut, first_word, milliseconds, number, port, span, unknown};
use crate::protocol::Port;

#[derive(Clone, Debug)]
pub enum ServerAction {
    Users(Vec<&'static str>),
    New(&'static str),
    Wait(Duration),
    /// The first number has to be lower than the second.
    Check([&'static str; 2]),
    Restart,
    Crashes {
        devices: bool,
    },
    /// An action on the connection of this name.
    On(&'static str, ConnectionAction),
}

/// The action of a step on a connection.
#[derive(Clone, Debug)]
pub enum ConnectionAction {
    Open(Port),
    LogIn {
        port: Port,
        user: &'static str,
    },
    LogInDevice {
        device: &'static str,
        user: &'static str,
    },
    Send {
        line: &'static str,
        singly: bool,
    },
    SendRaw(&'static str),
    /// Sends a line of this number of bytes.
    SendLong(usize),
    Flood {
        most: usize,
        line: &'static str,
    },
    Expect(&'static str),
    ExpectWithin(Span, &'static str),
    ExpectEvents {
        after: &'static str,
        patterns: Vec<&'static str>,
    },
    ExpectLast {
        after: &'static str,
        pattern: &'static str,
    },
    ExpectEnd,
    ExpectNothing(Duration),
    Shut,
    Drop,
}

impl ServerAction {
    pub(super) fn parse(step: &'static str) -> Result<Self, String> {
        let (word, rest) = first_word(step);
        Ok(match word {
            "users" => Self::Users(rest.split(' ').collect()),
            "new" => Self::New(rest),
            "wait" => Self::Wait(milliseconds(rest)?),
            "check" => match rest.split(" < ").collect::<Vec<_>>()[..] {
                [low, high] => Self::Check([low, high]),
                _ => return Err(unknown(rest)),
            },
            "restart" => Self::Restart,
            "crashes" if rest.is_empty() => Self::Crashes { devices: false },
            "crashes" if rest == "devices" => Self::Crashes { devices: true },
            connection => Self::On(connection, ConnectionAction::parse(rest)?),
        })
    }

    /// Adds a pattern to a step that expects events.
    pub(super) fn add_event(&mut self, pattern: &'static str) -> Result<(), String> {
        let Self::On(_, ConnectionAction::ExpectEvents { patterns, .. }) = self else {
            return Err(unknown(pattern));
        };
        patterns.push(pattern);
        Ok(())
    }
}

impl ConnectionAction {
    fn parse(step: &'static str) -> Result<Self, String> {
        let (word, rest) = first_word(step);
        Ok(match word {
            "open" => Self::Open(port(rest)?),
            "login" => {
                let (name, user) = cut(rest, " ")?;
                Self::LogIn { port: port(name)?, user }
            }
            "device" => {
                let (device, user) = cut(rest, " ")?;
                Self::LogInDevice { device, user }
            }
            ">" => Self::Send { line: rest, singly: false },
            "bytes>" => Self::Send { line: rest, singly: true },
            "raw>" => Self::SendRaw(rest),
            "long>" => Self::SendLong(number(rest)?),
            "flood" => {
                let (most, line) = cut(rest, "> ")?;
                Self::Flood { most: number(most)?, line }
            }
            "<" => Self::Expect(rest),
            "within" => {
                let (span, line) = span(rest)?;
                Self::ExpectWithin(span, line)
            }
            "events" => Self::ExpectEvents { after: rest, patterns: Vec::new() },
            "last" => {
                let (after, pattern) = cut(rest, " < ")?;
                Self::ExpectLast { after, pattern }
            }
            "closed" => Self::ExpectEnd,
            "silent" => Self::ExpectNothing(milliseconds(rest)?),
            "shut" => Self::Shut,
            "drop" => Self::Drop,
            other => return Err(unknown(other)),
        })
    }
}

/// Returns the pattern of a line `A * event`.
pub(super) fn event_pattern(line: &'static str) -> Option<&'static str> {
    let (_, rest) = first_word(line);
    rest.strip_prefix("* ")
}
