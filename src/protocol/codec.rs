//! The codec of one line: how a value becomes a record, and how a record becomes a value again.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::port::Port;
use crate::model::{
    DeviceKey, DeviceName, Fingerprint, Message, MessageId, RoomKind, RoomName, Seq, ServerAddress, State, Target,
    Timestamp, Token, Topic, UserName,
};
use crate::record::{Fields, PlainField, Writer, optional};

/// A value that the protocol carries as one line. [`Codec::write_fields`] and [`Codec::from_fields`] are inverses.
pub trait Codec: Sized {
    /// Writes the fields of the record.
    fn write_fields(&self, record: &mut Writer);

    /// Reads the fields of the record; fields after the last known one are ignored (protocol, section 2).
    fn from_fields(fields: &Fields) -> Option<Self>;

    /// Appends the line, with its LF.
    fn write(&self, out: &mut Vec<u8>) {
        let mut record = Writer::new(out);
        self.write_fields(&mut record);
        record.end();
    }

    /// Returns the line, with its LF.
    fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        self.write(&mut line);
        line
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

/// A value that is one field. [`Field::write`] and [`Field::read`] are inverses.
pub trait Field: Sized {
    fn write(&self, record: &mut Writer);

    fn read(text: &str) -> Option<Self>;
}

/// Reads a field by its index, counted from 0.
pub fn field<T: Field>(fields: &Fields, index: usize) -> Option<T> {
    T::read(fields.get(index)?)
}

/// Reads the last field of a record, which may be missing. `None`: it exists and is wrong.
pub fn optional_field<T: Field>(fields: &Fields, index: usize) -> Option<Option<T>> {
    if fields.len() > index { field(fields, index).map(Some) } else { Some(None) }
}

/// Writes a last field that may be missing.
pub fn write_optional<'a, 'b>(record: &'b mut Writer<'a>, value: Option<&impl PlainField>) -> &'b mut Writer<'a> {
    match value {
        Some(value) => record.plain(value),
        None => record,
    }
}

/// Writes the fields of a message, but its number: what [`Message::from_fields`] reads.
pub fn write_message<'a, 'b>(record: &'b mut Writer<'a>, m: &Message) -> &'b mut Writer<'a> {
    record.plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at);
    m.text.write(record)
}

/// Writes the fields of a server's address, the last of a record: what [`server_address`] reads.
pub fn write_server_address(record: &mut Writer, server: &ServerAddress) {
    write_optional(record.text(&server.host).plain(server.send).plain(server.recv), server.fingerprint.as_ref());
}

/// Reads the fields of a server's address, from an index on. `None`: they are missing, or not of the form.
pub fn server_address(fields: &Fields, index: usize) -> Option<ServerAddress> {
    let host = fields.get(index).filter(|host| ServerAddress::is_host(host))?.to_owned();
    let send = field(fields, index + 1)?;
    let recv = field(fields, index + 2)?;
    Some(ServerAddress { host, send, recv, fingerprint: optional_field(fields, index + 3)? })
}

/// Makes fields of types that need neither quotes nor escapes; each with the function that reads it.
macro_rules! plain_fields {
    ($($kind:ty: $read:expr;)+) => {$(
        impl Field for $kind {
            fn write(&self, record: &mut Writer) {
                record.plain(self);
            }

            fn read(text: &str) -> Option<Self> {
                $read(text)
            }
        }
    )+};
}

plain_fields! {
    DeviceKey: DeviceKey::new;
    DeviceName: DeviceName::new;
    Fingerprint: Fingerprint::parse;
    IpAddr: |text: &str| text.parse().ok();
    MessageId: MessageId::new;
    Port: Port::parse;
    RoomKind: RoomKind::parse;
    RoomName: |text| RoomName::new(text).ok();
    Seq: Seq::parse;
    State: State::parse;
    Target: |text| Target::parse(text).ok();
    Timestamp: Timestamp::parse;
    Token: Token::parse;
    UserName: |text| UserName::new(text).ok();
    u16: |text: &str| text.parse().ok();
    u64: |text| Seq::parse(text).map(Seq::get);
    usize: |text| usize::try_from(Seq::parse(text)?.get()).ok();
}

impl Field for Topic {
    fn write(&self, record: &mut Writer) {
        record.text(self.as_str());
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

impl Field for Cow<'static, str> {
    fn write(&self, record: &mut Writer) {
        record.text(self);
    }

    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned().into())
    }
}

/// A value that may be missing: then the field is empty.
impl<T: Field> Field for Option<T> {
    fn write(&self, record: &mut Writer) {
        match self {
            Some(value) => value.write(record),
            None => _ = record.plain(""),
        }
    }

    fn read(text: &str) -> Option<Self> {
        optional(text, T::read)
    }
}

/// Implements [`Codec`] for a struct: the words that its record begins with, and its fields in their order. A field
/// that is true or false is given with the words for that.
macro_rules! codec {
    ($kind:ident: $($word:literal,)* { $($field:ident $(: $yes:literal or $no:literal)?),* }) => {
        impl Codec for $kind {
            fn write_fields(&self, record: &mut Writer) {
                $(record.plain($word);)*
                $(codec!(@write self.$field, record $(, $yes, $no)?);)*
            }

            fn from_fields(fields: &Fields) -> Option<Self> {
                let mut rest = fields.iter();
                $(rest.next().filter(|word| *word == $word)?;)*
                Some(Self { $($field: codec!(@read rest.next()? $(, $yes, $no)?)),* })
            }
        }
    };
    (@write $value:expr, $record:ident) => { Field::write(&$value, $record) };
    (@write $value:expr, $record:ident, $yes:literal, $no:literal) => { $record.plain(if $value { $yes } else { $no }) };
    (@read $text:expr) => { Field::read($text)? };
    (@read $text:expr, $yes:literal, $no:literal) => {
        match $text {
            $yes => true,
            $no => false,
            _ => return None,
        }
    };
}

pub(super) use codec;
