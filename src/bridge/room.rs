//! What the bridge asks on the SEND port: to be in its room, and how far the room has come.

use super::trouble::{End, Trouble};
use crate::client::account::{Account, Port};
use crate::client::session::Session;
use crate::limits;
use crate::model::{Place, RoomName, Seq};
use crate::protocol::{Code, HistoryRecord, Ko, SendRequest};

/// A SEND session of somebody who is in the room.
pub fn enter(account: &Account, room: &RoomName) -> Result<Session, Trouble> {
    let mut session = Session::open(account, Port::Send)?;
    let join = SendRequest::Join { room: Ok(Place::Room(room.clone())) };
    session.ask(&line(&join))?.map_err(|ko| no_room(room, &ko))?;
    Ok(session)
}

fn no_room(room: &RoomName, ko: &Ko) -> Trouble {
    let why = format!("the server does not let the bridge into {room}: {ko}");
    if passes(ko.code) { Trouble::Away(why) } else { Trouble::End(End::failed(why)) }
}

/// Whether a later try may succeed (protocol, section 4).
pub fn passes(code: Code) -> bool {
    matches!(code, Code::Rate | Code::Quota | Code::Full)
}

/// The number before the room's newest `count` messages: what is above it is among them. With 0 it
/// is the number of the last one.
pub fn before_the_newest(session: &mut Session, room: &RoomName, count: usize) -> Result<Seq, Trouble> {
    let (mut before, mut left) = (None, count.max(1));
    while left > 0 {
        let limit = left.min(limits::HISTORY_RECORDS_MOST);
        let ask = SendRequest::History { place: Ok(Place::Room(room.clone())), limit, before };
        let records = session.ask_list(&line(&ask), HistoryRecord::parse)?.map_err(|ko| no_room(room, &ko))?;
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(Seq::ZERO) };
        if count == 0 {
            return Ok(last.message.seq);
        }
        before = Some(first.message.seq);
        left = left.saturating_sub(records.len());
    }
    let before = before.map_or(0, Seq::get).saturating_sub(1);
    Ok(Seq::new(before).unwrap_or(Seq::ZERO))
}

/// A request as it is sent.
pub fn line(request: &SendRequest) -> Vec<u8> {
    let mut line = Vec::new();
    request.write(&mut line);
    line
}
