//! The line codec: one `;`-separated record and its fields (protocol, section 2). The wire, the write-ahead
//! logs and the history files all use it. It depends on nothing else in this crate.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memchr2, memchr3, memrchr};

/// The reason why a line is not a record. Its text says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    Utf8,
    Control,
    OpenQuote,
    AfterQuote,
    Escape,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "the line is not UTF-8",
            Self::Control => "a control character; a line break is written \\n",
            Self::OpenQuote => "a quoted field does not end; a quote in it is written twice",
            Self::AfterQuote => "text between a closing quote and the next ;",
            Self::Escape => "an escape that is not \\n, \\r or \\\\",
        })
    }
}

/// The fields of one record, read from the left.
#[derive(Debug, PartialEq, Eq)]
pub struct Fields<'a>(Vec<Cow<'a, str>>);

impl<'a> Fields<'a> {
    /// Splits a line that comes without its LF (and without the CR before it).
    pub fn parse(line: &'a [u8]) -> Result<Self, SyntaxError> {
        let line = std::str::from_utf8(line).map_err(|_| SyntaxError::Utf8)?;
        if !is_printable_ascii(line) && line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(SyntaxError::Control);
        }
        // As many as SEND has, and most requests at most.
        let mut fields = Vec::with_capacity(4);
        let mut rest = Some(line);
        // Most lines have no quotes and no escapes, and are only split.
        if memchr2(b'"', b'\\', line.as_bytes()).is_none() {
            let mut start = 0;
            for end in memchr_iter(b';', line.as_bytes()).chain([line.len()]) {
                fields.push(line.get(start..end).unwrap_or_default().into());
                start = end + 1;
            }
            return Ok(Self(fields));
        }
        while let Some(text) = rest {
            let (field, after) = split_field(text)?;
            fields.push(unescape(field)?);
            rest = after;
        }
        Ok(Self(fields))
    }

    /// Returns a field by its index, counted from 0.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(Cow::as_ref)
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there is no field; a parsed line has at least one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the fields in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Cow::as_ref)
    }
}

/// Splits off the first field. Returns it with the text after its `;`, if there is one.
fn split_field(text: &str) -> Result<(Cow<'_, str>, Option<&str>), SyntaxError> {
    let Some(quoted) = text.strip_prefix('"') else {
        return Ok(match text.split_once(';') {
            Some((field, rest)) => (field.into(), Some(rest)),
            None => (text.into(), None),
        });
    };
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"').ok_or(SyntaxError::OpenQuote)?;
        field.push_str(part);
        match after.chars().next() {
            None => return Ok((field.into(), None)),
            Some(';') => return Ok((field.into(), after.get(1..))),
            Some('"') => field.push('"'),
            Some(_) => return Err(SyntaxError::AfterQuote),
        }
        rest = after.get(1..).unwrap_or_default();
    }
}

/// Escapes line breaks and backslashes, as a record does.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\r', '\\']) {
        return text.into();
    }
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").into()
}

/// Undoes [`escape`].
pub fn unescape(field: Cow<'_, str>) -> Result<Cow<'_, str>, SyntaxError> {
    if !field.contains('\\') {
        return Ok(field);
    }
    let mut plain = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('\\') => '\\',
                _ => return Err(SyntaxError::Escape),
            },
            c => c,
        });
    }
    Ok(plain.into())
}

/// Checks that a text is printable ASCII and nothing else. Most texts are, and this check compiles to vector
/// instructions, where the search for control characters goes character by character.
pub fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |printable, byte| printable & matches!(byte, b' '..=b'~'))
}

/// Returns the length of a text as [`Writer::text`] writes it, in bytes: with its escapes and quotes.
pub fn length_in_record(text: &str) -> usize {
    // Most texts have none of these, and both searches compare many bytes at a time.
    if memchr3(b'\n', b'\r', b'\\', text.as_bytes()).or_else(|| memchr2(b'"', b';', text.as_bytes())).is_none() {
        return text.len();
    }
    let mut escapes = 0;
    let mut quotes = 0;
    let mut separator = false;
    for byte in text.bytes() {
        match byte {
            b'\n' | b'\r' | b'\\' => escapes += 1,
            b'"' => quotes += 1,
            b';' => separator = true,
            _ => {}
        }
    }
    let quoted = separator || text.starts_with('"');
    text.len() + escapes + if quoted { quotes + 2 } else { 0 }
}

/// Ends the record that begins at an offset: a CRC-32 over it is its last field, then comes the line feed.
pub fn end_with_checksum(out: &mut Vec<u8>, start: usize) {
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(format!(";{checksum:08x}\n").as_bytes());
}

/// Returns a record that [`end_with_checksum`] has ended, without its checksum; `None` if a byte was changed.
pub fn without_checksum(line: &[u8]) -> Option<&[u8]> {
    let record = line.get(..memrchr(b';', line)?)?;
    let is_whole = line.get(record.len()..)? == format!(";{:08x}\n", crc32fast::hash(record)).as_bytes();
    is_whole.then_some(record)
}

/// Reads a field that is empty where the value is missing. `None`: it is there and wrong.
pub fn optional<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

/// A value that needs neither quotes nor escapes in a record: a number, a time, a name, a word.
///
/// The provided method goes through `Display`. The types of which every message has some override it: the router
/// writes a message three times, and formatting would take most of that time.
pub trait PlainField: fmt::Display {
    /// Appends the text of the field.
    fn append_to(&self, out: &mut Vec<u8>) {
        // Writing into a vector does not fail.
        let _ = write!(out, "{self}");
    }
}

impl PlainField for str {
    fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl<T: PlainField + ?Sized> PlainField for &T {
    fn append_to(&self, out: &mut Vec<u8>) {
        (**self).append_to(out);
    }
}

impl PlainField for u64 {
    fn append_to(&self, out: &mut Vec<u8>) {
        let digits = self.checked_ilog10().unwrap_or(0) as usize + 1;
        out.resize(out.len() + digits, 0);
        let mut rest = *self;
        for digit in out.iter_mut().rev().take(digits) {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}

impl PlainField for usize {
    fn append_to(&self, out: &mut Vec<u8>) {
        (*self as u64).append_to(out);
    }
}

impl PlainField for i64 {}
impl PlainField for u16 {}
impl PlainField for u32 {}
impl PlainField for String {}
impl PlainField for Arc<str> {}
impl PlainField for IpAddr {}
impl PlainField for fmt::Arguments<'_> {}

/// Appends records to a buffer, one line each.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Writer<'a> {
    /// Begins a record at the end of the buffer.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, first: true }
    }

    /// Writes a field with any text: line breaks and backslashes are escaped, and the field is quoted if it has a `;`
    /// in it or a `"` at its start.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.separate();
        let quoted = text.starts_with('"') || memchr(b';', text.as_bytes()).is_some();
        if quoted {
            self.out.push(b'"');
        }
        if !quoted && is_printable_ascii(text) && memchr(b'\\', text.as_bytes()).is_none() {
            self.out.extend_from_slice(text.as_bytes());
            return self;
        }
        for byte in text.bytes() {
            match byte {
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'"' if quoted => self.out.extend_from_slice(b"\"\""),
                byte => self.out.push(byte),
            }
        }
        if quoted {
            self.out.push(b'"');
        }
        self
    }

    /// Writes a field that needs neither quotes nor escapes.
    pub fn plain(&mut self, value: impl PlainField) -> &mut Self {
        self.separate();
        value.append_to(self.out);
        self
    }

    /// Ends the line. The next field begins another record.
    pub fn end(&mut self) -> &mut Self {
        self.out.push(b'\n');
        self.first = true;
        self
    }

    fn separate(&mut self) {
        if !self.first {
            self.out.push(b';');
        }
        self.first = false;
    }
}
