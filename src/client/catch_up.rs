//! Messages of a room that are not sent any more, but can be looked up: what a `GAP` stands for.
//!
//! They are fetched from the newest backwards, before the gap is acknowledged, and go into the history
//! in one batch with it. What is more than [`limits::GAP_BYTES`] stays with the server: the history notes
//! which numbers those are.

use std::sync::Arc;

use super::conversation::Gap;
use super::error::LinkError;
use super::questions;
use super::session::Session;
use crate::limits;
use crate::model::{Message, RoomName, Seq, Target};
use crate::protocol::{Codec as _, HistoryRecord, SendRequest};

/// A gap, and what of it was fetched.
pub struct CaughtUp {
    /// Oldest first.
    pub messages: Vec<Arc<Message>>,
    /// What stayed with the server.
    pub rest: Option<Gap>,
}

impl CaughtUp {
    /// Nothing was fetched.
    pub fn none(gap: &Gap) -> Self {
        Self { messages: Vec::new(), rest: Some(gap.clone()) }
    }

    /// Fetches what a gap stands for, as far as `room` (in bytes) goes, which it makes smaller.
    pub fn fetch(session: &mut Session, gap: &Gap, room: &mut usize) -> Result<Self, LinkError> {
        let (mut newest_first, mut before) = (Vec::new(), Some(gap.last.next()));
        while let Some(end) = before.filter(|end| *end > gap.first && *room > 0) {
            let rows = page(session, &gap.room, end)?;
            // Only an empty page means that the beginning is reached (protocol, section 5).
            before = rows.first().map(|row| row.message.seq).filter(|oldest| *oldest < end);
            let wanted = rows.into_iter().rev().map(|row| row.message).filter(|m| gap.covers(m.seq));
            newest_first.extend(wanted.inspect(|message| *room = room.saturating_sub(weight(message))));
        }
        newest_first.reverse();
        let rest = before.filter(|end| *end > gap.first).and_then(|end| gap.below(end));
        Ok(Self { messages: newest_first, rest })
    }
}

/// What a message takes, roughly.
fn weight(message: &Message) -> usize {
    message.text.as_str().len() + limits::GAP_MESSAGE_BYTES
}

/// The last messages below a number. Who has left the room meanwhile is shown none.
fn page(session: &mut Session, room: &RoomName, before: Seq) -> Result<Vec<HistoryRecord>, LinkError> {
    let (target, limit) = (Ok(Target::Room(room.clone())), limits::MAX_HISTORY_RECORDS);
    let request = SendRequest::History { target, limit, before: Some(before) };
    Ok(session.ask_list(&questions::line(&request), HistoryRecord::parse)?.unwrap_or_default())
}
