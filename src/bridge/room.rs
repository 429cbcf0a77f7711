//! What the bridge asks on the SEND port: to be in its room, and how far the room has come.

use super::error::{BridgeError, End};
use crate::client::account::{Account, Port};
use crate::client::session::Session;
use crate::limits;
use crate::model::{RoomName, Seq, Target, UserName};
use crate::protocol::{Code, Codec as _, HistoryRecord, Ko, SendRequest};

/// A SEND session of somebody who is in the room.
pub fn enter(account: &Account, room: &RoomName) -> Result<Session, BridgeError> {
    let mut session = Session::open(account, Port::Send)?;
    let join = SendRequest::Join { room: Ok(Target::Room(room.clone())) };
    session.ask(&line(&join))?.map_err(|ko| no_room(room, &ko))?;
    Ok(session)
}

fn no_room(room: &RoomName, ko: &Ko) -> BridgeError {
    let why = format!("the server does not let the bridge into {room}: {ko}");
    if passes(ko.code) { BridgeError::Away(why) } else { BridgeError::End(End::failed(why)) }
}

/// Whether a later try may succeed (protocol, section 4).
pub fn passes(code: Code) -> bool {
    matches!(code, Code::Rate | Code::Quota | Code::Full)
}

/// The number of the last message in the room.
pub fn last(session: &mut Session, room: &RoomName) -> Result<Seq, BridgeError> {
    let records = history(session, room, 1, None)?;
    Ok(records.last().map_or(Seq::ZERO, |record| record.message.seq))
}

/// The number before the newest messages in the room that are to be carried after an absence: those
/// of others, above `after`, and not more than [`limits::BRIDGE_CATCH_UP`].
pub fn before_the_newest(
    session: &mut Session,
    room: &RoomName,
    me: &UserName,
    after: Seq,
) -> Result<Seq, BridgeError> {
    let (mut before, mut left) = (None, limits::BRIDGE_CATCH_UP);
    loop {
        let records = history(session, room, limits::MAX_HISTORY_RECORDS, before)?;
        let Some(first) = records.first() else { return Ok(after) };
        before = Some(first.message.seq);
        for message in records.iter().rev().map(|record| &record.message) {
            if message.seq <= after {
                return Ok(after);
            }
            left -= usize::from(message.from != *me);
            if left == 0 {
                return Ok(Seq::new(message.seq.get() - 1).unwrap_or_default());
            }
        }
    }
}

fn history(
    session: &mut Session,
    room: &RoomName,
    limit: usize,
    before: Option<Seq>,
) -> Result<Vec<HistoryRecord>, BridgeError> {
    let ask = SendRequest::History { target: Ok(Target::Room(room.clone())), limit, before };
    session.ask_list(&line(&ask), HistoryRecord::parse)?.map_err(|ko| no_room(room, &ko))
}

/// A request as it is sent.
pub fn line(request: &SendRequest) -> Vec<u8> {
    let mut line = Vec::new();
    request.write(&mut line);
    line
}
