//! The sender thread: it carries out one request at a time on the SEND port.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::account::Account;
use super::error::LinkError;
use super::passwd::change_password;
use super::perform::perform;
use super::request::{Answer, LinkEvent, Request};
use super::session::Session;
use crate::limits;

/// Works until the owner ends. `session` is a connection that the start of the program has made already.
pub fn run(account: &Account, mut session: Option<Session>, requests: &Receiver<Request>, reports: &Sender<LinkEvent>) {
    let mut account = account.clone();
    if session.as_mut().is_some_and(|open| open.ask_servers().is_err()) {
        session = None;
    }
    loop {
        match requests.recv_timeout(limits::SEND_IDLE) {
            Ok(request) => {
                let answer = match &request {
                    Request::Passwd(_, new) => change_password(&mut account, &mut session, &request, new),
                    request => answer(&account, &mut session, request),
                };
                if reports.send(LinkEvent::Answered(request, answer)).is_err() {
                    return;
                }
            }
            // The SEND port is for short connections: an idle one is given back.
            Err(RecvTimeoutError::Timeout) => {
                if let Some(session) = session.take() {
                    session.quit();
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Carries out a request, on the connection that there is or on a new one. The server may have closed an idle
/// connection, or have been restarted since: it is away only if a new connection fails, too. A message that was sent on the
/// old one may have arrived.
fn answer(account: &Account, session: &mut Option<Session>, request: &Request) -> Result<Answer, LinkError> {
    let was_tried = session.is_some();
    if let Some(mut open) = session.take() {
        match perform(request, &mut open) {
            Err(error) if error.is_away() => {}
            answer => {
                *session = Some(open);
                return answer;
            }
        }
    }
    let mut new = open(account)?;
    let answer = match request {
        Request::Send(message, above) if was_tried => perform(&Request::Retry(message.clone(), *above), &mut new)?,
        request => perform(request, &mut new)?,
    };
    *session = Some(new);
    Ok(answer)
}

/// Opens a connection, and asks on it for the servers that are one. One that the question has ended is opened again: the
/// server is not asked any more.
fn open(account: &Account) -> Result<Session, LinkError> {
    let mut new = Session::open(account)?;
    if new.ask_servers().is_ok() { Ok(new) } else { Session::open(account) }
}
