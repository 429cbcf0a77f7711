//! The table of a port's commands: the form of each, and the parser that it is.

use std::fmt;

use crate::record::{Fields, SyntaxError};

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
    pub(super) read: fn(&Fields) -> Option<Request>,
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

pub(super) fn parse<Request>(commands: &[Command<Request>], line: &[u8]) -> Result<Request, RequestError> {
    read(commands, &Fields::parse(line).map_err(RequestError::Record)?)
}

pub(super) fn read<Request>(commands: &[Command<Request>], fields: &Fields) -> Result<Request, RequestError> {
    let verb = fields.get(0).unwrap_or_default();
    let Some(command) = commands.iter().find(|command| command.verb().eq_ignore_ascii_case(verb)) else {
        let verbs: Vec<_> = commands.iter().map(Command::verb).collect();
        return Err(RequestError::Unknown(verbs.join(", ")));
    };
    let request = if command.allows(fields.len() - 1) { (command.read)(fields) } else { None };
    request.ok_or(RequestError::Form(command.form))
}
