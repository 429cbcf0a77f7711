//! `wachat history`, `users` and `rooms`: they ask the server and print its answer.

use super::args::{HistoryArgs, LookArgs};
use super::lines::{HistoryLine, parse_target};
use super::print;
use crate::client::link::lists::fetch_history;
use crate::client::link::lists::{fetch_rooms, fetch_users};
use crate::client::link::session::Session;
use crate::client::{AccountArgs, Exit, Failure};
use crate::model::{Seq, Target, Timestamp};
use crate::protocol::HistoryRecord;

pub(super) fn history(args: &HistoryArgs) -> Result<Exit, Failure> {
    let target = parse_target(&args.target)?;
    let too_high = || (Exit::Usage, "--before: there is no number so high".to_owned());
    let before = args.before.map(|number| Seq::new(number).ok_or_else(too_high)).transpose()?;
    let max = if args.all { usize::MAX } else { usize::try_from(args.limit).unwrap_or(usize::MAX) };
    let mut session = log_in(&args.account)?;
    let records = fetch_pages(&mut session, &target, before, max)?;
    let now = (!args.utc).then(Timestamp::now);
    let lines: Vec<_> = records.iter().map(|record| HistoryLine::new(record, now)).collect();
    print(&lines, args.json)?;
    Ok(Exit::Done)
}

/// Fetches the last messages, oldest first. A reply holds a bounded number: they come page by page, from the end.
fn fetch_pages(
    session: &mut Session,
    target: &Target,
    mut before: Option<Seq>,
    max: usize,
) -> Result<Vec<HistoryRecord>, Failure> {
    let mut pages = Vec::new();
    let mut left = max;
    while left > 0 {
        let page = fetch_history(session, target, left, before)??;
        let Some(oldest) = page.first() else { break };
        before = Some(oldest.numbers().0);
        left = left.saturating_sub(page.len());
        pages.push(page);
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

pub(super) fn users(args: &LookArgs) -> Result<Exit, Failure> {
    let users = fetch_users(&mut log_in(&args.account)?)??;
    print(&users, args.json)?;
    Ok(Exit::Done)
}

pub(super) fn rooms(args: &LookArgs) -> Result<Exit, Failure> {
    let rooms = fetch_rooms(&mut log_in(&args.account)?)??;
    print(&rooms, args.json)?;
    Ok(Exit::Done)
}

fn log_in(args: &AccountArgs) -> Result<Session, Failure> {
    Ok(Session::open_noted(&args.account(false)?)?)
}
