//! The receiver thread: it holds the RECV session, and polls when the owner says so.

use std::collections::HashMap;

use crossbeam_channel::{Receiver, Sender};

use super::error::LinkError;
use super::request::fetch_history;
use super::session::Session;
use super::{Account, LinkEvent, Polled};
use crate::client::p2p::Listener;
use crate::client::state::CaughtUp;
use crate::client::state::conversation::Gap;
use crate::client::texts::words;
use crate::limits;
use crate::model::{Message, Seq, Target};
use crate::protocol::{After, Code, Done, Event, HistoryRecord, Ko, RecvRequest, SessionOpened};

/// A request to the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receive {
    /// Log in, in the place of any session before.
    LogIn,
    /// Acknowledge every event up to a number, and return those above it, or wait so many seconds for one.
    Poll { after: Seq, wait: u64 },
}

/// Works until the owner ends. `listener` takes direct chats, if they are taken.
pub fn run(
    account: &Account,
    mut listener: Option<Listener>,
    requests: &Receiver<Receive>,
    reports: &Sender<LinkEvent>,
) {
    let mut session = None;
    for request in requests {
        let report = match request {
            Receive::LogIn => {
                session = None;
                log_in(account, listener.as_mut()).map(|(new, opened)| {
                    session = Some(new);
                    LinkEvent::LoggedIn(opened)
                })
            }
            Receive::Poll { after, wait } => session.as_mut().ok_or_else(LinkError::malformed).and_then(|session| {
                Ok(LinkEvent::Polled(match poll(session, after, wait)? {
                    Ok(events) => Ok(Polled { fetched: fetch_gaps(account, &events)?, events }),
                    Err(ko) => Err(ko),
                }))
            }),
        };
        if reports.send(report.unwrap_or_else(LinkEvent::ReceiverFailed)).is_err() {
            return;
        }
    }
}

fn log_in(account: &Account, listener: Option<&mut Listener>) -> Result<(Session, SessionOpened), LinkError> {
    let (mut session, opened) = Session::open_recv(account)?;
    if let (Some(listener), Some(ip)) = (listener, session.local_ip()) {
        let port = listener.listen_on(ip);
        // A server without direct chats answers KO, which changes nothing.
        let _ = session.request::<Done>(&RecvRequest::Port { port })?;
    }
    Ok((session, opened))
}

/// Acknowledges every event up to a number, and returns those above it.
pub fn poll(session: &mut Session, after: Seq, wait: u64) -> Result<Result<Vec<Event>, Ko>, LinkError> {
    let poll = RecvRequest::Poll { after: After::Number(after), wait: Some(wait), max: limits::POLL_EVENTS };
    session.request_list(&poll)
}

/// Fetches the messages of the gaps among these events. Where that fails, the poll has failed: its events come
/// again.
fn fetch_gaps(account: &Account, events: &[Event]) -> Result<HashMap<Seq, CaughtUp>, LinkError> {
    let (mut fetched, mut space, mut session) = (HashMap::new(), limits::GAP_BYTES, None);
    for event in events {
        if let Event::Gap { room, first, last } = event {
            let gap = Gap { room: room.clone(), first: *first, last: *last };
            let session = match &mut session {
                Some(session) => session,
                none => none.insert(Session::open(account)?),
            };
            fetched.insert(*last, fetch_gap(session, &gap, &mut space)?);
        }
    }
    Ok(fetched)
}

/// Fetches the messages of a room that a `GAP` event stands for, while there is space for them, in bytes, and takes them
/// off that space: from the newest backwards, before the gap is acknowledged. They go into the log in one batch with it.
/// Those beyond [`limits::GAP_BYTES`] stay with the server.
fn fetch_gap(session: &mut Session, gap: &Gap, space: &mut usize) -> Result<CaughtUp, LinkError> {
    let room = Target::Room(gap.room.clone());
    let (mut newest_first, mut damaged, mut before) = (Vec::new(), Vec::new(), Some(gap.last.next()));
    while let Some(end) = before.filter(|end| *end > gap.first && *space > 0) {
        let rows = match fetch_history(session, &room, limits::MAX_HISTORY_RECORDS, Some(end))? {
            Err(ko) if ko.code == Code::Rate => return Err(LinkError::Away(words::ko(&ko))),
            // A user who has left the room meanwhile is given none.
            rows => rows.unwrap_or_default(),
        };
        // Only an empty page means that the beginning is reached (protocol, section 5).
        before = rows.first().map(|record| record.numbers().0).filter(|oldest| *oldest < end);
        for record in rows.into_iter().rev() {
            match record {
                HistoryRecord::Message { message, .. } if gap.covers(message.seq) => {
                    *space = space.saturating_sub(size(&message));
                    newest_first.push(message);
                }
                HistoryRecord::Damaged { first, last } if last >= gap.first => {
                    damaged.push((first.max(gap.first), last));
                }
                _ => {}
            }
        }
    }
    newest_first.reverse();
    let rest = before.filter(|end| *end > gap.first).and_then(|end| gap.below(end));
    Ok(CaughtUp { messages: newest_first, rest, damaged })
}

/// Returns about the bytes that a message takes.
fn size(message: &Message) -> usize {
    message.text.as_str().len() + limits::GAP_MESSAGE_BYTES
}
