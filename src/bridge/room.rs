//! The requests of the bridge on the SEND port, about its room.

use super::error::server_failure;
use crate::client::exit::{Exit, Failure};
use crate::client::link::account::Account;
use crate::client::link::lists::fetch_history;
use crate::client::link::session::Session;
use crate::limits;
use crate::model::{RoomName, Seq, Target, UserName};
use crate::protocol::{Done, HistoryRecord, Ko, SendRequest};

/// Opens a SEND session and joins the room.
pub fn enter(account: &Account, room: &RoomName) -> Result<Session, Failure> {
    let session = Session::open(account);
    if let Some(news) = account.protection.take_news() {
        log::warn!("{news}");
    }
    let mut session = session.map_err(server_failure)?;
    session.ask_servers().map_err(server_failure)?;
    let join = SendRequest::Join { room: Ok(Target::Room(room.clone())) };
    session.request::<Done>(&join).map_err(server_failure)?.map_err(|ko| no_room(room, &ko))?;
    Ok(session)
}

/// Returns the failure of a request about the room.
pub fn no_room(room: &RoomName, ko: &Ko) -> Failure {
    let why = format!("the server does not let the bridge into {room}: {ko}");
    (if ko.code.is_temporary() { Exit::Away } else { Exit::Failed }, why)
}

/// Returns the number of the last message in the room.
pub fn last_number(session: &mut Session, room: &RoomName) -> Result<Seq, Failure> {
    let records = history(session, room, 1, None)?;
    Ok(records.last().map_or(Seq::ZERO, |record| record.numbers().1))
}

/// Returns the number before the newest messages in the room that are carried after an absence: those of other
/// users, above `after`, and at most [`limits::BRIDGE_CATCH_UP`].
pub fn before_the_newest(session: &mut Session, room: &RoomName, me: &UserName, after: Seq) -> Result<Seq, Failure> {
    let mut before = None;
    let mut left = limits::BRIDGE_CATCH_UP;
    loop {
        let records = history(session, room, limits::MAX_HISTORY_RECORDS, before)?;
        let Some(first) = records.first() else { return Ok(after) };
        before = Some(first.numbers().0);
        for message in records.iter().rev().filter_map(HistoryRecord::message) {
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
) -> Result<Vec<HistoryRecord>, Failure> {
    let target = Target::Room(room.clone());
    fetch_history(session, &target, limit, before).map_err(server_failure)?.map_err(|ko| no_room(room, &ko))
}
