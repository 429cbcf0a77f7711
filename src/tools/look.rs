//! `wachat history`, `users` and `rooms`: one question each, and its answer.

use super::args::{HistoryArgs, LookArgs};
use super::lines::{MessageLine, RoomLine, UserLine, target};
use super::{Stop, print};
use crate::client::account::Port;
use crate::client::questions::{line, read_user};
use crate::client::session::Session;
use crate::client::{AccountArgs, Exit};
use crate::limits;
use crate::model::{Seq, Target};
use crate::protocol::{Codec as _, HistoryRecord, ReadError, SendRequest};
use crate::record::Fields;

pub(super) fn history(args: &HistoryArgs) -> Result<Exit, Stop> {
    let target = target(&args.target)
        .ok_or_else(|| Stop::failed(Exit::Usage, format!("{:?} is not a name of a user or a #room", args.target)))?;
    let past = "--before: there is no number so high";
    let before = args.before.map(|number| Seq::new(number).ok_or_else(|| Stop::failed(Exit::Usage, past)));
    let most = if args.all { usize::MAX } else { usize::try_from(args.limit).unwrap_or(usize::MAX) };
    let mut session = log_in(&args.account)?;
    let records = look_back(&mut session, &target, before.transpose()?, most)?;
    let lines: Vec<_> = records.iter().map(MessageLine::looked_back).collect();
    print(&lines, args.json)?;
    Ok(Exit::Done)
}

/// The last so many, oldest first. A reply holds only so much: they come page by page, from the end.
fn look_back(
    session: &mut Session,
    target: &Target,
    mut before: Option<Seq>,
    most: usize,
) -> Result<Vec<HistoryRecord>, Stop> {
    let (mut pages, mut left) = (Vec::new(), most);
    while left > 0 {
        let limit = left.min(limits::MAX_HISTORY_RECORDS);
        let request = SendRequest::History { target: Ok(target.clone()), limit, before };
        let page = session.ask_list(&line(&request), HistoryRecord::parse)??;
        let Some(oldest) = page.first() else { break };
        before = Some(oldest.message.seq);
        left = left.saturating_sub(page.len());
        pages.push(page);
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

pub(super) fn users(args: &LookArgs) -> Result<Exit, Stop> {
    let users = log_in(&args.account)?.ask_list(&line(&SendRequest::Users), read_user)??;
    let lines: Vec<_> = users.into_iter().map(UserLine::from).collect();
    print(&lines, args.json)?;
    Ok(Exit::Done)
}

pub(super) fn rooms(args: &LookArgs) -> Result<Exit, Stop> {
    let rooms = log_in(&args.account)?.ask_list(&line(&SendRequest::Rooms), read_room)??;
    print(&rooms, args.json)?;
    Ok(Exit::Done)
}

fn log_in(args: &AccountArgs) -> Result<Session, Stop> {
    Ok(Session::open(&args.account(false)?, Port::Send)?)
}

/// A record of a `ROOMS` reply (protocol, section 5).
fn read_room(line: &[u8]) -> Result<RoomLine, ReadError> {
    let fields = Fields::parse(line).map_err(|_| ReadError)?;
    let name = fields.get(0).ok_or(ReadError)?.to_owned();
    let members = fields.get(1).and_then(Seq::parse).ok_or(ReadError)?.get();
    Ok(RoomLine { name, members, member: fields.get(2) == Some("yes") })
}
