//! What can be asked on the SEND port, and how the answers are read (protocol, section 5).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::agenda::Ask;
use super::error::LinkError;
use super::event::{Answer, User};
use super::session::Session;
use crate::limits;
use crate::model::{Place, Seq, State, Token, UserName};
use crate::protocol::{Fields, HistoryRecord, ReadError, RecvRequest, SendRequest};

const STRANGE: &str = "the server's answer is not of the protocol's form";

/// A request as it is sent.
pub fn line(request: &SendRequest) -> Vec<u8> {
    let mut line = Vec::new();
    request.write(&mut line);
    line
}

/// The same for the RECV port.
pub fn recv_line(request: &RecvRequest) -> Vec<u8> {
    let mut line = Vec::new();
    request.write(&mut line);
    line
}

/// Asks it, and reads the answer.
pub fn put(session: &mut Session, ask: &Ask) -> Result<Answer, LinkError> {
    let answer = match ask {
        Ask::Users => session.ask_list(&line(&SendRequest::Users), read_user)?.map(Answer::Users),
        Ask::Status(place, seq) => {
            let request = SendRequest::Status { place: Ok(place.clone()), seq: *seq };
            session.ask_list(&line(&request), read_status)?.map(Answer::Statuses)
        }
        Ask::History(place, limit) => {
            let (place, limit) = (Ok(place.clone()), (*limit).min(limits::HISTORY_RECORDS_MOST));
            let request = SendRequest::History { place, limit, before: None };
            session.ask_list(&line(&request), HistoryRecord::parse)?.map(Answer::Rows)
        }
        Ask::Peer(user) => {
            let request = SendRequest::Peer { user: Ok(Place::User(user.clone())) };
            match session.ask(&line(&request))? {
                Ok(fields) => Ok(read_peer(user, &fields).ok_or_else(|| LinkError::Away(STRANGE.to_owned()))?),
                Err(ko) => Err(ko),
            }
        }
    };
    Ok(answer.unwrap_or_else(Answer::Refused))
}

/// Up to which number the server takes each place for read by me.
pub fn what_is_read(session: &mut Session) -> Result<HashMap<Place, Seq>, LinkError> {
    let chats = session.ask_list(&line(&SendRequest::Chats), read_chat)?;
    Ok(chats.unwrap_or_default().into_iter().collect())
}

fn fields(line: &[u8]) -> Result<Fields<'_>, ReadError> {
    Fields::parse(line).map_err(|_| ReadError)
}

fn read_chat(line: &[u8]) -> Result<(Place, Seq), ReadError> {
    let fields = fields(line)?;
    let place = fields.get(0).and_then(|text| Place::parse(text).ok()).ok_or(ReadError)?;
    Ok((place, fields.get(2).and_then(Seq::parse).ok_or(ReadError)?))
}

pub fn read_user(line: &[u8]) -> Result<User, ReadError> {
    let fields = fields(line)?;
    let field = |index| fields.get(index).map(str::to_owned).ok_or(ReadError);
    Ok(User { name: field(0)?, online: field(1)? == "online", last_seen: field(2)? })
}

/// `<ip>;<port>;<token>` (protocol, section 5).
fn read_peer(user: &UserName, fields: &[String]) -> Option<Answer> {
    let (ip, port): (IpAddr, u16) = (fields.first()?.parse().ok()?, fields.get(1)?.parse().ok()?);
    Some(Answer::Peer(user.clone(), SocketAddr::new(ip, port), Token::parse(fields.get(2)?)?))
}

fn read_status(line: &[u8]) -> Result<(UserName, State), ReadError> {
    let fields = fields(line)?;
    let user = fields.get(0).and_then(|text| UserName::new(text).ok()).ok_or(ReadError)?;
    Ok((user, fields.get(1).and_then(State::parse).ok_or(ReadError)?))
}
