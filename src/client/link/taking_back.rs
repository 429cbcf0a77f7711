//! Takes messages back. A number alone does not say which message is meant: a restored server has given it to another one.
//! So the server is asked, on the same connection, whose message has the number.

use std::sync::Arc;

use super::error::LinkError;
use super::lists::fetch_history;
use super::request::Answer;
use super::session::Session;
use crate::limits;
use crate::model::{Message, Seq, Target, UserName};
use crate::protocol::{Code, Done, HistoryRecord, Ko, SendRequest};

/// Takes a message back that has this number, author and id. If the server has another one there, nothing is taken back. One
/// that is taken back already is done: the reply to an earlier attempt was lost.
pub(super) fn erase(session: &mut Session, target: &Target, message: &Message) -> Result<Answer, LinkError> {
    let found = match fetch_history(session, target, 1, Some(message.seq.next()))? {
        Ok(rows) => rows.into_iter().next(),
        Err(ko) => return Ok(Answer::Refused(ko)),
    };
    let is_meant = |found: &Message| found.seq == message.seq && found.from == message.from && found.id == message.id;
    match found {
        Some(HistoryRecord::Message { message: found, .. }) if is_meant(&found) && found.text.is_erased() => {
            Ok(Answer::Done)
        }
        Some(HistoryRecord::Message { message: found, .. }) if is_meant(&found) => {
            let request = SendRequest::Erase { target: Ok(target.clone()), seq: message.seq };
            Ok(session.request::<Done>(&request)?.map_or_else(Answer::Refused, |Done| Answer::Done))
        }
        Some(HistoryRecord::Damaged { .. }) => Ok(Answer::Refused(Code::Damaged.into())),
        _ => Ok(Answer::Refused(Code::NoMessage.into())),
    }
}

/// Finds the `n`th last message of a user there that was not taken back, the last one being the first. A damaged row before
/// it may be one of theirs: then nobody knows which one it is.
pub(super) fn find_said(
    session: &mut Session,
    target: &Target,
    user: &UserName,
    n: usize,
) -> Result<Result<Vec<HistoryRecord>, Ko>, LinkError> {
    let end = session.received + limits::PAGES_BYTES;
    let mut left = n;
    let mut before = None;
    loop {
        let page = match fetch_history(session, target, limits::MAX_HISTORY_RECORDS, before)? {
            Ok(page) => page,
            Err(ko) => return Ok(Err(ko)),
        };
        let oldest = page.first().map(|record| record.numbers().0);
        if before.is_some_and(|before: Seq| oldest.is_some_and(|oldest| oldest >= before)) {
            return Err(LinkError::malformed());
        }
        for record in page.into_iter().rev() {
            match record.message() {
                None => return Ok(Err(Code::Damaged.into())),
                Some(message) if is_said(message, user) => left = left.saturating_sub(1),
                Some(_) => continue,
            }
            if left == 0 {
                return Ok(Ok(vec![record]));
            }
        }
        if oldest.is_none() || session.received > end {
            return Ok(Ok(Vec::new()));
        }
        before = oldest;
    }
}

fn is_said(message: &Arc<Message>, user: &UserName) -> bool {
    message.from == *user && !message.text.is_erased()
}
