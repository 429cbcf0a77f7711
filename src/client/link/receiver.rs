//! The receiver thread: it holds the RECV session, and polls when the owner says so.

use crossbeam_channel::{Receiver, Sender};

use super::account::Account;
use super::error::LinkError;
use super::request::{LinkEvent, Secret};
use super::session::Session;
use crate::client::p2p::Listener;
use crate::limits;
use crate::model::Seq;
use crate::protocol::{After, Done, Event, Ko, NewKey, RecvRequest, SessionOpened};
use crate::texts::{Phrase, words};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receive {
    /// Log in, instead of any session before.
    LogIn,
    /// Log in with this password from now on. There is no report.
    UsePassword(Secret),
    /// Acknowledge every event up to a number, and return those above it, or wait this number of seconds for one.
    Poll { after: Seq, wait: u64 },
}

/// Works until the owner ends. `listener` takes direct chats, if they are taken.
pub fn run(
    account: &Account,
    mut listener: Option<Listener>,
    requests: &Receiver<Receive>,
    reports: &Sender<LinkEvent>,
) {
    let mut account = account.clone();
    let mut session = None;
    for request in requests {
        let mut news = None;
        let report = match request {
            Receive::UsePassword(Secret(password)) => {
                account.password = password;
                continue;
            }
            Receive::LogIn => {
                session = None;
                log_in(&account, listener.as_mut(), &mut news).map(|(new, opened)| {
                    session = Some(new);
                    LinkEvent::LoggedIn(opened)
                })
            }
            Receive::Poll { after, wait } => session
                .as_mut()
                .ok_or_else(LinkError::malformed)
                .and_then(|session| poll(session, after, wait).map(LinkEvent::Polled)),
        };
        for news in account.protection.take_news().into_iter().chain(news) {
            if reports.send(LinkEvent::News(news)).is_err() {
                return;
            }
        }
        if reports.send(report.unwrap_or_else(LinkEvent::ReceiverFailed)).is_err() {
            return;
        }
    }
}

/// `news`: what the user is to be told.
fn log_in(
    account: &Account,
    listener: Option<&mut Listener>,
    news: &mut Option<String>,
) -> Result<(Session, SessionOpened), LinkError> {
    let (mut session, opened) = Session::open_recv(account)?;
    *news = keep_key(&mut session)?;
    if let (Some(listener), Some(ip)) = (listener, session.local_ip()) {
        let port = listener.listen_on(ip);
        // A server without direct chats answers KO, which changes nothing.
        let _ = session.request::<Done>(&RecvRequest::Port { port, fingerprint: session.direct })?;
    }
    Ok((session, opened))
}

/// Asks for the key of the device, if it is to have one and has none, and keeps it. Returns the reason why it stays without.
fn keep_key(session: &mut Session) -> Result<Option<String>, LinkError> {
    let Some(device) = session.device.clone().filter(|device| device.wants_key()) else { return Ok(None) };
    let why = match session.request::<NewKey>(&RecvRequest::Key)? {
        Ok(NewKey { key }) => match device.keep_key(key) {
            Ok(()) => return Ok(None),
            Err(error) => error.to_string(),
        },
        Err(ko) => words::ko(&ko),
    };
    Ok(Some(Phrase::NoKey { why: &why }.to_string()))
}

/// Acknowledges every event up to a number, and returns those above it.
pub fn poll(session: &mut Session, after: Seq, wait: u64) -> Result<Result<Vec<Event>, Ko>, LinkError> {
    let poll = RecvRequest::Poll { after: After::Number(after), wait: Some(wait), max: limits::POLL_EVENTS };
    session.request_list(&poll)
}
