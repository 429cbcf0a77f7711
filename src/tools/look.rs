//! `wachat history`, `users` and `rooms`: one question each, and its answer.

use super::args::{HistoryArgs, LookArgs};
use super::lines::{MessageLine, RoomLine, UserLine, parse_target};
use super::{Stop, print};
use crate::client::link::request::fetch_history;
use crate::client::link::session::{Session, send_line};
use crate::client::{AccountArgs, Exit};
use crate::model::{Seq, Target};
use crate::protocol::{HistoryRecord, Room, SendRequest, User};

pub(super) fn history(args: &HistoryArgs) -> Result<Exit, Stop> {
    let target = parse_target(&args.target)
        .ok_or_else(|| Stop::failed(Exit::Usage, format!("{:?} is not a name of a user or a #room", args.target)))?;
    let too_high = "--before: there is no number so high";
    let before = args.before.map(|number| Seq::new(number).ok_or_else(|| Stop::failed(Exit::Usage, too_high)));
    let max = if args.all { usize::MAX } else { usize::try_from(args.limit).unwrap_or(usize::MAX) };
    let mut session = log_in(&args.account)?;
    let records = fetch_pages(&mut session, &target, before.transpose()?, max)?;
    let lines: Vec<_> = records.iter().map(MessageLine::from_history).collect();
    print(&lines, args.json)?;
    Ok(Exit::Done)
}

/// Fetches the last messages, oldest first. A reply holds only so many: they come page by page, from the end.
fn fetch_pages(
    session: &mut Session,
    target: &Target,
    mut before: Option<Seq>,
    max: usize,
) -> Result<Vec<HistoryRecord>, Stop> {
    let (mut pages, mut left) = (Vec::new(), max);
    while left > 0 {
        let page = fetch_history(session, target, left, before)??;
        let Some(oldest) = page.first() else { break };
        before = Some(oldest.message.seq);
        left = left.saturating_sub(page.len());
        pages.push(page);
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

pub(super) fn users(args: &LookArgs) -> Result<Exit, Stop> {
    let users: Vec<User> = log_in(&args.account)?.request_list(&send_line(&SendRequest::Users))??;
    let lines: Vec<_> = users.into_iter().map(UserLine::from).collect();
    print(&lines, args.json)?;
    Ok(Exit::Done)
}

pub(super) fn rooms(args: &LookArgs) -> Result<Exit, Stop> {
    let rooms: Vec<Room> = log_in(&args.account)?.request_list(&send_line(&SendRequest::Rooms))??;
    let lines: Vec<_> = rooms.into_iter().map(RoomLine::from).collect();
    print(&lines, args.json)?;
    Ok(Exit::Done)
}

fn log_in(args: &AccountArgs) -> Result<Session, Stop> {
    Ok(Session::open(&args.account(false)?)?)
}
