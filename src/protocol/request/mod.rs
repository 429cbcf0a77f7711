//! Requests (protocol, sections 5 and 6). Each port has one table of its commands, from which the parser, the reply to
//! HELP and the tests are made.

mod cost;
mod list;
mod recv;
mod send;

use std::fmt;
use std::ops::RangeInclusive;

use super::codec::{Field, field};
use crate::limits;
use crate::model::{NoSuchTarget, Target};
use crate::record::{Fields, SyntaxError, Writer};

pub use cost::INVALID_COST;
pub use list::ListRequest;
pub use recv::{After, RECV_COMMANDS, RecvRequest};
pub use send::{SEND_COMMANDS, SendRequest};

/// A target as a request names it. A text that cannot be a name is refused like the name of no account, but only
/// when the state machine resolves the target: a known message id is looked up before anything else.
pub type RequestedTarget = Result<Target, NoSuchTarget>;

/// One command of a port.
pub struct Command<Request> {
    /// The form of the request, for people and for the parser: the verb, a `;` before each field, and optional fields
    /// in brackets.
    pub form: &'static str,
    /// Its purpose, for people.
    pub help: &'static str,
    /// The form of its reply.
    pub reply: ReplyForm,
    /// Reads the fields; `None`: not of that form.
    read: fn(&Fields) -> Option<Request>,
}

/// The form of the reply to a request that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyForm {
    /// One line.
    Line,
    /// The number of records in one line, and the records after it.
    List,
}

impl<Request> Command<Request> {
    /// Returns the first word of the form.
    pub fn verb(&self) -> &'static str {
        self.form.split([';', '[']).next().unwrap_or_default()
    }

    /// Checks the number of fields after the verb.
    fn allows(&self, fields: usize) -> bool {
        let count = |form: &str| form.bytes().filter(|byte| *byte == b';').count();
        let required = self.form.split('[').next().unwrap_or_default();
        (count(required)..=count(self.form)).contains(&fields)
    }
}

/// The reason why a line is not a request of this port. Its text is that of the KO (SYNTAX).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    Record(SyntaxError),
    /// The port has no such command; it has these.
    Unknown(String),
    /// The form of the request, as the table has it.
    Form(&'static str),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Unknown(verbs) => write!(f, "no such command on this port; there are {verbs}"),
            Self::Form(form) => write!(f, "the form is {form}"),
        }
    }
}

fn parse<Request>(commands: &[Command<Request>], line: &[u8]) -> Result<Request, RequestError> {
    read(commands, &Fields::parse(line).map_err(RequestError::Record)?)
}

fn read<Request>(commands: &[Command<Request>], fields: &Fields) -> Result<Request, RequestError> {
    let verb = fields.get(0).unwrap_or_default();
    let Some(command) = commands.iter().find(|command| command.verb().eq_ignore_ascii_case(verb)) else {
        let verbs: Vec<_> = commands.iter().map(Command::verb).collect();
        return Err(RequestError::Unknown(verbs.join(", ")));
    };
    let request = if command.allows(fields.len() - 1) { (command.read)(fields) } else { None };
    request.ok_or(RequestError::Form(command.form))
}

/// Reads the name of a user or a room. Only an empty field is not of the form.
fn target(fields: &Fields, index: usize) -> Option<RequestedTarget> {
    fields.get(index).filter(|text| !text.is_empty()).map(Target::parse)
}

/// Writes the name of a user or a room; where the text could not be a name, one that is refused in the same way.
fn write_target<'a, 'b>(record: &'b mut Writer<'a>, target: &RequestedTarget) -> &'b mut Writer<'a> {
    match target {
        Ok(target) => record.plain(target),
        Err(NoSuchTarget::User) => record.plain("@"),
        Err(NoSuchTarget::Room) => record.plain("#"),
    }
}

/// Reads a number within a range; without the field it is the default.
fn number(fields: &Fields, index: usize, default: usize, range: RangeInclusive<usize>) -> Option<usize> {
    if fields.len() <= index {
        return Some(default);
    }
    field(fields, index).filter(|n| range.contains(n))
}

/// The part of a list that a request asks for (protocol, section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<Place> {
    pub limit: usize,
    /// The place in the order of the list after which the page begins; `None`: it begins with the list.
    pub after: Option<Place>,
}

impl<Place: Field> Page<Place> {
    /// Returns the longest page after a place.
    pub fn after(after: Option<Place>) -> Self {
        Self { limit: limits::PAGE_RECORDS, after }
    }

    /// Reads the two optional fields.
    fn read(fields: &Fields, index: usize) -> Option<Self> {
        let limit = number(fields, index, limits::PAGE_RECORDS, 1..=limits::PAGE_RECORDS)?;
        let after = if fields.len() > index + 1 { Some(field(fields, index + 1)?) } else { None };
        Some(Self { limit, after })
    }

    fn write<'a, 'b>(&self, record: &'b mut Writer<'a>) -> &'b mut Writer<'a> {
        match &self.after {
            None if self.limit == limits::PAGE_RECORDS => {}
            None => _ = record.plain(self.limit),
            Some(after) => after.write(record.plain(self.limit)),
        }
        record
    }
}
