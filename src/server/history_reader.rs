//! What was said before: the rows in memory, and before them those in the history file. Read on the
//! connection's own thread, since a file can be slow and the router must not be.

use std::sync::Arc;

use crate::limits;
use crate::model::{Message, Seq};
use crate::protocol::Event;
use crate::record::length_in_record;
use crate::state_machine::{Delivery, Excerpt, FiledEvents};
use crate::store::{Store, StoreError};

/// More than anything in a history record takes beside its text.
const RECORD_BYTES: usize = 256;

/// Completes the newest messages of a conversation, oldest first: the excerpt's, and what the file
/// holds before them. Fewer than `limit` where they would be too long a reply, but never none.
pub(super) fn last_messages(
    store: &Store,
    excerpt: &Excerpt,
    limit: usize,
    before: Option<Seq>,
) -> Result<Vec<Arc<Message>>, StoreError> {
    let mut newest_first = Vec::new();
    let mut bytes = 0;
    // Whether there is room for one more; the first always has it.
    let mut fits = |row: &Arc<Message>| {
        let first = bytes == 0;
        bytes += length_in_record(row.text.as_str()) + RECORD_BYTES;
        first || bytes <= limits::REPLY_BYTES
    };
    for row in excerpt.rows.iter().rev() {
        if !fits(row) {
            newest_first.reverse();
            return Ok(newest_first);
        }
        newest_first.push(row.clone());
    }
    let before = excerpt.rows.first().map(|row| row.seq).or(before);
    if newest_first.len() < limit
        && let Some(file) = store.history(excerpt.conversation, excerpt.filed)?
    {
        for row in file.newest_first(before)?.take(limit - newest_first.len()) {
            let row = row?;
            if !fits(&row) {
                break;
            }
            newest_first.push(row);
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// The peer's last message up to a number, from the file: memory holds none. What was read before is
/// not looked through again.
pub(super) fn last_of_peer(store: &Store, excerpt: &Excerpt, upto: Seq) -> Result<Option<Seq>, StoreError> {
    let Some((peer, read_before)) = excerpt.peer() else { return Ok(None) };
    let Some(file) = store.history(excerpt.conversation, excerpt.filed)? else { return Ok(None) };
    for row in file.newest_first(Some(upto.next()))? {
        let row = row?;
        if row.seq <= read_before {
            break;
        }
        if row.from == *peer {
            return Ok(Some(row.seq));
        }
    }
    Ok(None)
}

/// What a poll brings, with what the history files hold of it.
pub fn delivered(store: &Store, delivery: Delivery) -> Result<Vec<Event>, StoreError> {
    let Delivery { mut events, filed } = delivery;
    for FiledEvents { conversation, filed, seqs } in filed {
        let rows = store.history(conversation, filed)?.map_or(Ok(Vec::new()), |file| file.rows(&seqs))?;
        events.extend(rows.into_iter().map(Event::Message));
    }
    // Those without a number stay in front, in the order in which they happened.
    events.sort_by_key(Event::seq);
    Ok(events)
}
