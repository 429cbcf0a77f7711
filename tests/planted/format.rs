//! In the place of `src/wal/format.rs`: what tells a whole batch from a broken one.

#[path = "../../src/wal/format.rs"]
mod real;

use std::sync::Arc;

use crate::planted::is;
use crate::record::Fields;

pub(super) const MARK_BYTES: usize = real::MARK_BYTES;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub store: Arc<str>,
    pub number: u64,
    pub salt: u64,
}

pub(super) enum HeadError {
    Newer,
    Damaged,
}

impl Head {
    fn real(&self) -> real::Head {
        real::Head { store: self.store.clone(), number: self.number, salt: self.salt }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        self.real().write(out);
    }

    pub fn len(&self) -> u64 {
        self.real().len()
    }

    pub fn parse(line: &[u8]) -> Result<Self, HeadError> {
        match real::Head::parse(line) {
            Ok(real::Head { store, number, salt }) => Ok(Self { store, number, salt }),
            Err(real::HeadError::Newer) => Err(HeadError::Newer),
            Err(real::HeadError::Damaged) => Err(HeadError::Damaged),
        }
    }

    pub fn mark(&self, batch: u64, lines: &[u8]) -> String {
        self.real().mark(batch, lines)
    }
}

pub(super) struct Batch<'a> {
    pub number: u64,
    pub lines: &'a [u8],
    pub end: usize,
}

pub(super) fn batch_at<'a>(head: &Head, content: &'a [u8], start: usize) -> Option<Batch<'a>> {
    if is("checksum-ignored") {
        return unchecked_batch_at(content, start);
    }
    let real::Batch { number, lines, end } = real::batch_at(&head.real(), content, start)?;
    Some(Batch { number, lines, end })
}

/// A mark in the right place is enough.
fn unchecked_batch_at(content: &[u8], start: usize) -> Option<Batch<'_>> {
    let rest = content.get(start..)?;
    let mut at = start;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        let fields = Fields::parse(line.strip_suffix(b"\n")?).ok();
        if let Some(fields) = fields.filter(|fields| fields.get(0) == Some("COMMIT")) {
            let is_long_enough = fields.get(2)?.parse() == Ok(at - start);
            let batch =
                Batch { number: fields.get(1)?.parse().ok()?, lines: &content[start..at], end: at + line.len() };
            return is_long_enough.then_some(batch);
        }
        at += line.len();
    }
    None
}

pub(super) fn any_batch_behind(head: &Head, content: &[u8], start: usize, above: u64) -> Option<u64> {
    match is("truncation-in-the-middle-accepted") {
        true => None,
        false => real::any_batch_behind(&head.real(), content, start, above),
    }
}
