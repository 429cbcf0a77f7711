//! Entries of the cluster's log: each is a batch of the write-ahead log, with a head line before its records. The head
//! names the entry before by its hash, so that two logs which are equal at one number are equal up to it.
//!
//! ```text
//! <last>;ENTRY;<format>;<number>;<epoch>;<time>;<bytes>;<hash of the entry before>     the head line
//! <records>
//! ```
//! Pure: bytes in, values out.

use std::fmt;

use ring::digest::{Context, Digest, SHA256, SHA256_OUTPUT_LEN, digest};

use crate::model::Timestamp;
use crate::model::digest::{parse_hex, to_bytes};
use crate::record::{Fields, PlainField, Writer};

/// The format of entries that this version writes, and the newest that it reads.
pub const FORMAT: u64 = 1;

/// Refuses entries that a newer version has written.
pub(super) fn check_format(format: u64) -> Result<(), String> {
    match format > FORMAT {
        true => Err(format!(
            "the cluster writes entries of format {format}, and this version reads up to {FORMAT}: start a newer wachat"
        )),
        false => Ok(()),
    }
}

/// Upper bound of the length of a head line in bytes.
pub const HEAD_BYTES: usize = 256;

/// The SHA-256 digest of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EntryHash([u8; SHA256_OUTPUT_LEN]);

impl EntryHash {
    /// Returns the hash before the first entry of a log: no other log has it.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        parse_hex(hex).map(Self)
    }

    fn of(digest: &Digest) -> Self {
        Self(to_bytes(digest))
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PlainField for EntryHash {}

/// The fields of a head line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHead {
    pub format: u64,
    /// Number of the entry, and of its batch in the write-ahead log of every server.
    pub number: u64,
    /// The term of the leader that has made it: the revision of etcd at which its key was created. It never decreases.
    pub epoch: i64,
    /// Time of the leader. It never decreases.
    pub time: Timestamp,
    /// The total length of all entries before it, in bytes.
    pub bytes: u64,
    /// The hash of the entry before.
    pub before: EntryHash,
}

impl EntryHead {
    /// The word of the line, in its second field.
    pub const WORD: &str = "ENTRY";

    /// Writes the fields after the first two.
    pub fn write_fields(&self, w: &mut Writer) {
        let Self { format, number, epoch, time, bytes, before } = self;
        w.plain(*format).plain(*number).plain(*epoch).plain(time).plain(*bytes).plain(before);
    }

    /// Reads the fields of a line; `None`: it is not the head line of an entry.
    pub fn from_fields(f: &Fields) -> Option<Self> {
        f.get(1).filter(|word| *word == Self::WORD)?;
        Some(Self {
            format: f.get(2)?.parse().ok()?,
            number: f.get(3)?.parse().ok()?,
            epoch: f.get(4)?.parse().ok()?,
            time: Timestamp::parse(f.get(5)?)?,
            bytes: f.get(6)?.parse().ok()?,
            before: EntryHash::parse(f.get(7)?)?,
        })
    }
}

/// A position in the log: everything up to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Number of the entry.
    pub number: u64,
    pub hash: EntryHash,
    /// The total length of all entries up to it, in bytes.
    pub bytes: u64,
    pub time: Timestamp,
}

impl Link {
    /// Returns the position after one more entry: the whole of its bytes.
    pub fn after(&self, head: &EntryHead, entry: &[u8]) -> Self {
        let hash = EntryHash::of(&digest(&SHA256, entry));
        Self { number: head.number, hash, bytes: self.bytes + entry.len() as u64, time: head.time }
    }

    /// Checks that an entry is the next one. The error says why not.
    pub fn check_next(&self, head: &EntryHead) -> Result<(), String> {
        check_format(head.format)?;
        let follows = head.number == self.number + 1 && head.before == self.hash && head.bytes == self.bytes;
        if follows && head.time >= self.time {
            return Ok(());
        }
        Err(format!("entry {} does not follow entry {} with the hash {}", head.number, self.number, self.hash))
    }
}

/// The position of a store in the log, while lines of its write-ahead log are replayed one by one.
#[derive(Clone, Debug)]
pub struct Chain {
    /// After the last entry that is whole.
    last: Link,
    /// The entry whose lines are being read. Its last line is known when the next entry begins, or by [`Chain::link`].
    open: Option<OpenEntry>,
}

#[derive(Clone)]
struct OpenEntry {
    head: EntryHead,
    digest: Context,
    length: u64,
}

impl fmt::Debug for OpenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)
    }
}

impl Chain {
    pub fn new(last: Link) -> Self {
        Self { last, open: None }
    }

    /// Returns the position after all lines so far.
    pub fn link(&self) -> Link {
        match &self.open {
            None => self.last,
            Some(open) => Link {
                number: open.head.number,
                hash: EntryHash::of(&open.digest.clone().finish()),
                bytes: self.last.bytes + open.length,
                time: open.head.time,
            },
        }
    }

    /// Takes the position after an entry that was written.
    pub fn set_link(&mut self, link: Link) {
        *self = Self::new(link);
    }

    /// Begins the next entry. The error says why it does not follow.
    pub fn begin(&mut self, head: EntryHead) -> Result<(), String> {
        self.last = self.link();
        self.open = None;
        self.last.check_next(&head)?;
        self.open = Some(OpenEntry { head, digest: Context::new(&SHA256), length: 0 });
        Ok(())
    }

    /// Adds a line without its LF to the entry: the head line, too. The error: no entry has begun.
    pub fn add(&mut self, line: &[u8]) -> Result<(), String> {
        let open = self.open.as_mut().ok_or("records of a cluster's log without the head line of their entry")?;
        open.digest.update(line);
        open.digest.update(b"\n");
        open.length += line.len() as u64 + 1;
        Ok(())
    }
}
