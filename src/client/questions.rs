//! What can be asked on the SEND port, and how the answers are read (protocol, section 5).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::agenda::Ask;
use super::error::LinkError;
use super::event::{Answer, Chat, RoomSeen, User};
use super::session::Session;
use super::texts::Phrase;
use crate::limits;
use crate::model::{RoomName, Seq, State, Target, Token, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Codec as _, Event, HistoryRecord, ReadError, RecvRequest, SendRequest};
use crate::record::Fields;

/// The room that every new account is in, without its `#` (protocol, section 7).
pub const LOBBY: &str = "lobby";

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
        Ask::Status(target, seq) => {
            let request = SendRequest::Status { target: Ok(target.clone()), seq: *seq };
            session.ask_list(&line(&request), read_status)?.map(Answer::Statuses)
        }
        Ask::History(target, limit) => return look_back(session, target, *limit),
        Ask::Peer(user) => {
            let request = SendRequest::Peer { user: Ok(Target::User(user.clone())) };
            match session.ask(&line(&request))? {
                Ok(fields) => Ok(read_peer(user, &fields).ok_or_else(|| LinkError::Away(Phrase::Strange.to_string()))?),
                Err(ko) => Ok(Answer::NoPeer(user.clone(), ko)),
            }
        }
        Ask::Lobby => Ok(Answer::Lobby(chats(session)?.iter().any(|chat| is_lobby(&chat.target)))),
        Ask::Chats => Ok(Answer::Chats(chats(session)?)),
        Ask::Whois(user) => return whois(session, user),
        Ask::Join(room, rows) => return join(session, room, *rows),
        Ask::Leave(room) => {
            session.ask(&line(&SendRequest::Leave { room: named(room) }))?.map(|_| Answer::Left(room.clone()))
        }
        Ask::Rooms => session.ask_list(&line(&SendRequest::Rooms), read_room)?.map(Answer::Rooms),
        Ask::Members(room) => {
            session.ask_list(&line(&SendRequest::Members { room: named(room) }), read_member)?.map(Answer::Users)
        }
    };
    Ok(answer.unwrap_or_else(Answer::Refused))
}

fn named(room: &RoomName) -> RequestedTarget {
    Ok(Target::Room(room.clone()))
}

fn is_lobby(target: &Target) -> bool {
    matches!(target, Target::Room(room) if room.mapped() == LOBBY)
}

fn look_back(session: &mut Session, target: &Target, count: usize) -> Result<Answer, LinkError> {
    let limit = count.min(limits::MAX_HISTORY_RECORDS);
    let request = SendRequest::History { target: Ok(target.clone()), limit, before: None };
    Ok(match session.ask_list(&line(&request), HistoryRecord::parse)? {
        Ok(rows) => Answer::Rows(rows),
        Err(ko) if ko.code == Code::NotMember => Answer::Outside(target.clone(), count, ko),
        Err(ko) => Answer::Refused(ko),
    })
}

/// What comes after I have joined comes with a poll; what was there before is called read (section 7).
fn join(session: &mut Session, room: &RoomName, rows: usize) -> Result<Answer, LinkError> {
    if let Err(ko) = session.ask(&line(&SendRequest::Join { room: named(room) }))? {
        return Ok(Answer::NotJoined(ko));
    }
    let mut last = Vec::new();
    if rows > 0 {
        let before = what_is_read(session)?.remove(&Target::Room(room.clone())).map(Seq::next);
        let request = SendRequest::History { target: named(room), limit: rows, before };
        last = session.ask_list(&line(&request), HistoryRecord::parse)?.unwrap_or_default();
    }
    Ok(Answer::Joined(room.clone(), last))
}

fn whois(session: &mut Session, user: &UserName) -> Result<Answer, LinkError> {
    let seen = session.ask_list(&line(&SendRequest::Users), read_user)?.unwrap_or_default();
    let is_who = |seen: &User| UserName::new(&seen.name).is_ok_and(|name| name == *user);
    let Some(found) = seen.into_iter().find(is_who) else {
        return Ok(Answer::Whois(user.clone(), None, Vec::new()));
    };
    let rooms = session.ask_list(&line(&SendRequest::Rooms), read_room)?.unwrap_or_default();
    let mut shared = Vec::new();
    for room in rooms.into_iter().filter(|room| room.member).take(limits::WHOIS_ROOMS) {
        let request = SendRequest::Members { room: Target::parse(&room.name) };
        let members = session.ask_list(&line(&request), read_member)?.unwrap_or_default();
        shared.extend(members.iter().any(is_who).then_some(room.name));
    }
    Ok(Answer::Whois(user.clone(), Some(found), shared))
}

/// Where I have talked, and my rooms, latest first. A server that does not say has none to tell of.
fn chats(session: &mut Session) -> Result<Vec<Chat>, LinkError> {
    Ok(session.ask_list(&line(&SendRequest::Chats), read_chat)?.unwrap_or_default())
}

/// Up to which number the server takes each place for read by me.
pub fn what_is_read(session: &mut Session) -> Result<HashMap<Target, Seq>, LinkError> {
    Ok(chats(session)?.into_iter().map(|chat| (chat.target, chat.read)).collect())
}

/// Reads an event and its number; `None` for an event of a later version.
pub fn read_event(line: &[u8]) -> Result<(Seq, Option<Event>), ReadError> {
    let event = Event::parse(line)?;
    Ok((event.seq(), Some(event).filter(|event| !matches!(event, Event::Unknown { .. }))))
}

fn fields(line: &[u8]) -> Result<Fields<'_>, ReadError> {
    Fields::parse(line).map_err(|_| ReadError)
}

fn read_chat(line: &[u8]) -> Result<Chat, ReadError> {
    let fields = fields(line)?;
    let target = fields.get(0).and_then(|text| Target::parse(text).ok()).ok_or(ReadError)?;
    let seq = |index| fields.get(index).and_then(Seq::parse).ok_or(ReadError);
    Ok(Chat { target, last: seq(1)?, read: seq(2)? })
}

fn read_room(line: &[u8]) -> Result<RoomSeen, ReadError> {
    let fields = fields(line)?;
    let name = fields.get(0).ok_or(ReadError)?.to_owned();
    let members = fields.get(1).and_then(Seq::parse).ok_or(ReadError)?.get();
    Ok(RoomSeen { name, members, member: fields.get(2) == Some("yes") })
}

/// `<user>;<online or offline>`.
fn read_member(line: &[u8]) -> Result<User, ReadError> {
    let fields = fields(line)?;
    let field = |index| fields.get(index).map(str::to_owned).ok_or(ReadError);
    Ok(User { name: field(0)?, online: field(1)? == "online", last_seen: String::new() })
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
