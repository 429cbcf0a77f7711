//! A message id that a person names by its first characters, as a diagram shows it: `b9dd28…`.

use std::collections::BTreeSet;

use crate::model::MessageId;

/// Most ids that a message about several names.
const NAMED: usize = 10;

/// Returns the known id that is this text, or else the only one that begins with it. The error names several that do.
pub fn complete(start: &str, known: BTreeSet<MessageId>) -> Result<Option<MessageId>, String> {
    let start = without_dots(start);
    let mut fitting: Vec<_> = known.into_iter().filter(|id| id.as_str().starts_with(start)).collect();
    if fitting.len() < 2 || fitting.iter().any(|id| id.as_str() == start) {
        // In order, the id itself is before those that are longer.
        fitting.truncate(1);
        return Ok(fitting.pop());
    }
    let names: Vec<_> = fitting.iter().take(NAMED).map(MessageId::as_str).collect();
    let more = if fitting.len() > NAMED { ", …" } else { "" };
    Err(format!("{} ids begin with {start}: {}{more}", fitting.len(), names.join(", ")))
}

/// Returns an id without the sign that a diagram shortens it with.
pub fn without_dots(id: &str) -> &str {
    id.strip_suffix('…').unwrap_or(id)
}
