//! The codec of one line: how a value becomes a record, and how a record becomes a value again.

use std::fmt;

use crate::record::{Fields, Writer};

/// A value that the protocol carries as one line. [`Codec::write_fields`] and [`Codec::from_fields`] are inverses.
pub trait Codec: Sized {
    /// Writes the fields of the record.
    fn write_fields(&self, record: &mut Writer);

    /// Reads the fields of the record; fields behind the last known one are ignored (protocol, section 2).
    fn from_fields(fields: &Fields) -> Option<Self>;

    /// Appends the line, with its LF.
    fn write(&self, out: &mut Vec<u8>) {
        let mut record = Writer::new(out);
        self.write_fields(&mut record);
        record.end();
    }

    /// Reads a line without its LF.
    fn parse(line: &[u8]) -> Result<Self, ReadError> {
        Fields::parse(line).ok().and_then(|fields| Self::from_fields(&fields)).ok_or(ReadError)
    }
}

/// A line of a server that is not of the form that the request calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError;

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line is not of the form that the protocol gives it")
    }
}
