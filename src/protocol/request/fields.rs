//! The fields that requests have in common: targets, numbers within a range, and the page of a list.

use std::ops::RangeInclusive;

use crate::limits;
use crate::model::{NoSuchTarget, Target};
use crate::protocol::codec::{Field, field};
use crate::record::{Fields, Writer};

/// A target as a request names it. A text that cannot be a name is refused like the name of no account, but only
/// when the state machine resolves the target: a known message id is looked up before anything else.
pub type RequestedTarget = Result<Target, NoSuchTarget>;

/// Reads the name of a user or a room. Only an empty field is not of the form.
pub(super) fn target(fields: &Fields, index: usize) -> Option<RequestedTarget> {
    fields.get(index).filter(|text| !text.is_empty()).map(Target::parse)
}

/// Writes the name of a user or a room; where the text could not be a name, one that is refused in the same way.
pub(super) fn write_target<'a, 'b>(record: &'b mut Writer<'a>, target: &RequestedTarget) -> &'b mut Writer<'a> {
    match target {
        Ok(target) => record.plain(target),
        Err(NoSuchTarget::User) => record.plain("@"),
        Err(NoSuchTarget::Room) => record.plain("#"),
    }
}

/// Reads a number within a range; without the field it is the default.
pub(super) fn number(fields: &Fields, index: usize, default: usize, range: RangeInclusive<usize>) -> Option<usize> {
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
    pub(super) fn read(fields: &Fields, index: usize) -> Option<Self> {
        let limit = number(fields, index, limits::PAGE_RECORDS, 1..=limits::PAGE_RECORDS)?;
        let after = if fields.len() > index + 1 { Some(field(fields, index + 1)?) } else { None };
        Some(Self { limit, after })
    }

    pub(super) fn write<'a, 'b>(&self, record: &'b mut Writer<'a>) -> &'b mut Writer<'a> {
        match &self.after {
            None if self.limit == limits::PAGE_RECORDS => {}
            None => _ = record.plain(self.limit),
            Some(after) => after.write(record.plain(self.limit)),
        }
        record
    }
}
