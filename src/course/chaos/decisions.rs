//! The log of decisions, and its replay. It has the project's records, one line a fault:
//!
//! ```text
//! wachat-chaos;1
//! 2026-11-23T10:01:02.511Z;ana;SEND;1;to the client;3;OK SEND reply;drop
//! time                     user port  |  direction    |  record     fault
//!                               connection         line
//! ```
//!
//! A replay takes a fault at the same line of the same direction of the same connection of the same user. It does not
//! replay threads: where programs race, another record may stand there.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use super::fault::Fault;
use super::parse::parse;
use super::record::{Connection, Direction, Record};
use crate::model::{Timestamp, UserName};
use crate::protocol::Port;
use crate::record::{Fields, Writer};
use crate::{disk, limits};

const HEAD: [&str; 2] = ["wachat-chaos", "1"];
const FORM: &str = "time;user;port;connection;direction;line;record;fault";

#[derive(Clone, Debug)]
pub struct Decision {
    pub connection: Connection,
    pub way: Direction,
    pub line: u64,
    /// The record, for people.
    pub record: String,
    pub fault: Fault,
}

impl Decision {
    pub fn new(connection: &Connection, record: &Record, fault: Fault) -> Self {
        let connection = connection.clone();
        let text = record.to_string();
        Self { connection, way: record.way(), line: record.line, record: text, fault }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Connection { user, port, number } = &self.connection;
        let user = user.as_ref().map(UserName::shown).unwrap_or_default();
        let mut record = Writer::new(out);
        record.plain(Timestamp::now()).text(user).plain(port.word()).plain(*number);
        record.text(&self.way.to_string()).plain(self.line).text(&self.record).text(&self.fault.to_string()).end();
    }
}

/// For people: `ana, SEND connection 2, line 3 to the client, OK SEND reply: drop`.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection: Connection { user, port, number }, way, line, record, fault } = self;
        match user {
            Some(user) => write!(f, "{user}")?,
            None => f.write_str("(no name)")?,
        }
        write!(f, ", {port} connection {number}, line {line} {way}, {record}: {fault}")
    }
}

pub struct Log(File);

impl Log {
    /// Makes the file, or empties it.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = disk::open_to_replace(path)?;
        let mut head = Vec::new();
        HEAD.iter().fold(&mut Writer::new(&mut head), |record, field| record.plain(*field)).end();
        file.write_all(&head)?;
        Ok(Self(file))
    }

    /// Writes each decision at once: the log is whole when the proxy is killed.
    pub(super) fn write(&mut self, decision: &Decision) -> io::Result<()> {
        let mut line = Vec::new();
        decision.write(&mut line);
        self.0.write_all(&line)
    }
}

/// The place of a record: connection, direction, line.
type Place = (Connection, Direction, u64);

/// The decisions of an earlier run.
#[derive(Debug)]
pub struct Script(HashMap<Place, Vec<Fault>>);

impl Script {
    /// Reads a log. The error names file and line.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let file = File::open(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        let mut lines = BufReader::new(file.take(limits::CHAOS_LOG_BYTES)).lines().zip(1..);
        let is_log = matches!(lines.next(), Some((Ok(line), _)) if line == HEAD.join(";"));
        if !is_log {
            return Err(format!("{name}:1: expected {}, the first line of a log of wachat chaos", HEAD.join(";")));
        }
        let mut faults: HashMap<Place, Vec<Fault>> = HashMap::new();
        for (line, number) in lines {
            let line = line.map_err(|error| format!("{name}:{number}: {error}"))?;
            if number > limits::CHAOS_DECISIONS + 1 {
                return Err(format!("{name}: more than {} decisions", limits::CHAOS_DECISIONS));
            }
            let (place, fault) = read_line(&line).map_err(|why| format!("{name}:{number}: {why}"))?;
            faults.entry(place).or_default().push(fault);
        }
        Ok(Self(faults))
    }

    pub(super) fn faults(&self, connection: &Connection, record: &Record) -> Vec<Fault> {
        self.0.get(&(connection.clone(), record.way(), record.line)).cloned().unwrap_or_default()
    }
}

fn read_line(line: &str) -> Result<(Place, Fault), String> {
    let fields = Fields::parse(line.as_bytes()).map_err(|error| error.to_string())?;
    let field = |index: usize| fields.get(index).unwrap_or_default();
    let number = |index: usize| {
        let number = field(index).parse().ok().filter(|number: &u64| *number > 0);
        number.ok_or_else(|| format!("field {}: expected a number; the form is {FORM}", index + 1))
    };
    let user = match field(1) {
        "" => None,
        name => Some(UserName::new(name).map_err(|error| format!("field 2: {error}"))?),
    };
    let port = Port::parse(field(2)).ok_or_else(|| format!("field 3: expected SEND or RECV; the form is {FORM}"))?;
    let way = [Direction::ToServer, Direction::ToClient].into_iter().find(|way| way.to_string() == field(4));
    let way = way.ok_or_else(|| format!("field 5: expected to the server or to the client; the form is {FORM}"))?;
    let rule = parse(field(7)).map_err(|error| format!("field 8, {error}"))?;
    Ok(((Connection { user, port, number: number(3)? }, way, number(5)?), rule.fault))
}
