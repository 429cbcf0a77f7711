//! The messages of a room that a `GAP` event stands for: they are not sent any more, but HISTORY has them.
//!
//! They are fetched from the newest backwards, before the gap is acknowledged, and go into the log in one batch
//! with it. Those beyond [`limits::GAP_BYTES`] stay with the server.

use super::error::LinkError;
use super::request::fetch_history;
use super::session::Session;
use crate::client::state::CaughtUp;
use crate::client::state::conversation::Gap;
use crate::limits;
use crate::model::{Message, Target};

/// Fetches the messages of a gap while there is space for them, in bytes, and takes them off that space.
pub fn fetch(session: &mut Session, gap: &Gap, space: &mut usize) -> Result<CaughtUp, LinkError> {
    let room = Target::Room(gap.room.clone());
    let (mut newest_first, mut before) = (Vec::new(), Some(gap.last.next()));
    while let Some(end) = before.filter(|end| *end > gap.first && *space > 0) {
        let rows = fetch_history(session, &room, limits::MAX_HISTORY_RECORDS, Some(end))?.unwrap_or_default();
        // A user who has left the room meanwhile is given none. Only an empty page means that the beginning is reached (protocol, section 5).
        before = rows.first().map(|row| row.message.seq).filter(|oldest| *oldest < end);
        let wanted = rows.into_iter().rev().map(|row| row.message).filter(|m| gap.covers(m.seq));
        newest_first.extend(wanted.inspect(|message| *space = space.saturating_sub(size(message))));
    }
    newest_first.reverse();
    let rest = before.filter(|end| *end > gap.first).and_then(|end| gap.below(end));
    Ok(CaughtUp { messages: newest_first, rest })
}

/// Returns about the bytes that a message takes.
fn size(message: &Message) -> usize {
    message.text.as_str().len() + limits::GAP_MESSAGE_BYTES
}
