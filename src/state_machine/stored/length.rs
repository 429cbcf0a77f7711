//! The length of an event in a reply, as the quotas count it.

use crate::model::Text;
use crate::record::length_in_record;

/// Upper bound of the bytes that an event takes in a reply beside its text.
pub(in crate::state_machine) const EVENT_BYTES: usize = 256;

/// Returns the approximate length of a message in a reply: what the quotas count (protocol, section 7).
pub fn length_in_reply(text: &Text) -> u32 {
    u32::try_from(length_in_record(text.as_str()) + EVENT_BYTES).unwrap_or(u32::MAX)
}
