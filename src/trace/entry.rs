//! One entry of a trace, as a record: `at;process;event;port;local;peer;user;number;text`.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use crate::model::Timestamp;
use crate::protocol::Port;
use crate::record::{Fields, Writer};

/// The text of the entry with which every run of a process begins.
pub const VERSION: &str = "wachat-trace/1";

/// The name of the server in a trace.
pub const SERVER: &str = "server";
/// The name of `wachat chaos` in a trace.
pub const CHAOS: &str = "chaos";

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The process begins; the text is [`VERSION`], the number that of the process.
    Start,
    /// The server has replayed the log of a store that no stop has closed; the number is its last sequence number.
    Recovered,
    /// A connection is open.
    Open,
    /// A connection could not be opened; the text says why.
    Failed,
    /// A line was received; the number counts the lines of this direction on this connection, from 1.
    In,
    /// A line is sent; the number counts as for `In`.
    Out,
    /// A connection is closed: by this process (`local`) or by its peer (`peer`).
    Close,
    /// A batch of the write-ahead log is durable; the number is that of its records.
    Sync,
    /// Entries before this one were dropped; the number is theirs.
    Dropped,
    /// The process ends.
    Stop,
    /// The process has ended without `Stop`. Never recorded: a reader concludes it.
    Killed,
}

/// The recorded events, by their words.
const WORDS: [(Event, &str); 10] = [
    (Event::Start, "START"),
    (Event::Recovered, "RECOVERED"),
    (Event::Open, "OPEN"),
    (Event::Failed, "FAILED"),
    (Event::In, "IN"),
    (Event::Out, "OUT"),
    (Event::Close, "CLOSE"),
    (Event::Sync, "SYNC"),
    (Event::Dropped, "DROPPED"),
    (Event::Stop, "STOP"),
];

impl Event {
    /// Returns the word of the event in a trace file.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(event, _)| *event == self).map_or("KILLED", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(event, _)| *event)
    }
}

/// A connection, as one of its ends sees it. The other end has the same addresses the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub port: Port,
    pub local: SocketAddr,
    pub peer: SocketAddr,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub at: Timestamp,
    /// The name of the process: `server`, `client:ana`, `chaos`.
    pub process: Cow<'a, str>,
    pub event: Event,
    pub link: Option<Link>,
    /// The user of the connection; empty before the login.
    pub user: Cow<'a, str>,
    pub number: u64,
    pub text: Cow<'a, str>,
}

impl Entry<'_> {
    /// Appends the record, with its LF.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut record = Writer::new(out);
        record.plain(self.at).text(&self.process).plain(self.event.word());
        match self.link {
            Some(Link { port, local, peer }) => {
                record.plain(port.word()).plain(format_args!("{local}")).plain(format_args!("{peer}"))
            }
            None => record.plain("").plain("").plain(""),
        };
        record.text(&self.user).plain(self.number).text(&self.text).end();
    }

    /// Reads a line without its LF. `None`: it is no entry.
    pub fn parse(line: &[u8]) -> Option<Entry<'static>> {
        let fields = Fields::parse(line).ok()?;
        let text = |index| fields.get(index).map(|field| -> Cow<'static, str> { field.to_owned().into() });
        let process = text(1).filter(|name| !name.is_empty())?;
        let event = Event::parse(fields.get(2)?)?;
        let link = read_link(&fields);
        if link.is_none() && matches!(event, Event::Open | Event::In | Event::Out | Event::Close) {
            return None;
        }
        let at = Timestamp::parse(fields.get(0)?)?;
        Some(Entry { at, process, event, link, user: text(6)?, number: fields.get(7)?.parse().ok()?, text: text(8)? })
    }
}

fn read_link(fields: &Fields) -> Option<Link> {
    let port = Port::parse(fields.get(3)?)?;
    Some(Link { port, local: fields.get(4)?.parse().ok()?, peer: fields.get(5)?.parse().ok()? })
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
