//! Carries out the requests of the client on a connection. Some take several requests of the protocol.

use std::sync::Arc;

use super::error::LinkError;
use super::lists::{
    fetch_chats, fetch_history, fetch_members, fetch_presence, fetch_room, fetch_rooms, fetch_statuses, fetch_users,
};
use super::request::{Answer, LogOut, Request, RoomChange};
use super::session::Session;
use super::taking_back::{erase, find_said};
use crate::client::state::outgoing::Outgoing;
use crate::limits;
use crate::model::{Message, RoomKind, RoomName, Seq, Target, UserName};
use crate::protocol::reply::OpenSession;
use crate::protocol::request::{self, Page, RequestedTarget};
use crate::protocol::{Accepted, Chat, Code, Done, HistoryRecord, Ko, Member, Port, SendRequest, User};
use crate::texts::words;

/// Most rooms that `/whois` looks at: each takes a request of its own.
const WHOIS_ROOMS: usize = 32;

/// Carries out the request on a connection.
pub fn perform(request: &Request, session: &mut Session) -> Result<Answer, LinkError> {
    let answer = match request {
        Request::Send(message, _) => send(session, message)?.map(Answer::Accepted),
        Request::Retry(message, above) => match find_sent(session, message, *above)? {
            Some(accepted) => Ok(Answer::Accepted(accepted)),
            None => send(session, message)?.map(Answer::Accepted),
        },
        Request::Read(target, seq) => ask(session, &SendRequest::Read { target: Ok(target.clone()), seq: *seq })?,
        Request::Users => fetch_users(session)?.map(Answer::Users),
        Request::Status(target, seq) => fetch_statuses(session, target, *seq)?.map(Answer::Statuses),
        Request::History(target, count) => fetch_history(session, target, *count, None)?.map(Answer::Rows),
        Request::Fetch(target, before) => {
            fetch_history(session, target, limits::MAX_HISTORY_RECORDS, *before)?.map(Answer::Rows)
        }
        Request::Fill(gap) => {
            fetch_history(session, &gap.target, limits::MAX_HISTORY_RECORDS, Some(gap.last.next()))?.map(Answer::Rows)
        }
        Request::FindSaid(target, user, n) => find_said(session, target, user, *n)?.map(Answer::Rows),
        Request::Erase(target, message) => return erase(session, target, message),
        Request::Presence => fetch_presence(session)?.map(Answer::Users),
        Request::Find(target) => fetch_history(session, target, 1, None)?.map(Answer::Rows),
        Request::Peer(user) => find_peer(session, user)?,
        Request::FindRoom(room) => find_room(session, room)?,
        Request::Join(room, rows) => return join(session, room, *rows),
        Request::Leave(room) => ask(session, &SendRequest::Leave { room: requested(room) })?,
        Request::Rooms => fetch_rooms(session)?.map(Answer::Rooms),
        Request::Topic(room) | Request::Rights(room) => fetch_room(session, room)?.map(Answer::Rooms),
        Request::Change(room, change) => change_room(session, room, change)?,
        Request::Members(room) => members(session, room)?.map(Answer::Users),
        Request::Chats | Request::Compare => fetch_chats(session)?.map(Answer::Chats),
        Request::Lobby => Ok(Answer::Chats(chats(session)?)),
        Request::Whois(user) => return whois(session, user),
        Request::Sessions => session.request_list(&SendRequest::Sessions)?.map(Answer::Sessions),
        Request::Devices => session.request_list(&SendRequest::Devices)?.map(Answer::Devices),
        Request::Forget(device) => {
            ask(session, &SendRequest::Logout { which: request::LogOut::Device(device.clone()) })?
        }
        Request::Permit(user, permitted) => {
            ask(session, &SendRequest::Permit { user: Ok(Target::User(user.clone())), permitted: *permitted })?
        }
        Request::Permits => session.request_list(&SendRequest::Permits)?.map(Answer::Permits),
        Request::Email(address) => ask(session, &SendRequest::Email { address: address.clone() })?,
        // The sender changes the account with it.
        Request::Passwd(old, new) => {
            let request = SendRequest::Passwd { old: old.0.clone(), new: new.0.clone() };
            ask(session, &request)?
        }
        Request::LogOut(which) => log_out(session, *which)?.map(|Done| Answer::Done),
    };
    Ok(answer.unwrap_or_else(Answer::Refused))
}

/// Sends a request whose answer says only that it was done.
fn ask(session: &mut Session, request: &SendRequest) -> Result<Result<Answer, Ko>, LinkError> {
    Ok(session.request(request)?.map(|Done| Answer::Done))
}

fn requested(room: &RoomName) -> RequestedTarget {
    Ok(Target::Room(room.clone()))
}

fn send(session: &mut Session, message: &Outgoing) -> Result<Result<Accepted, Ko>, LinkError> {
    let id = message.id.clone();
    let to = Ok(message.to.clone());
    let text = message.text.clone();
    // After RATE the dispatcher holds the conversation, and says so.
    match session.request_once::<Accepted>(&SendRequest::Send { id, to, text })? {
        Ok(accepted) if accepted.id != message.id => Err(LinkError::malformed()),
        answer => Ok(answer),
    }
}

/// Looks for a message that may have been sent before, above a number: the server remembers its id for a time only
/// (protocol, section 5).
fn find_sent(session: &mut Session, message: &Outgoing, above: Seq) -> Result<Option<Accepted>, LinkError> {
    let mut before = None;
    let mut count = limits::HISTORY_RECORDS;
    loop {
        let page = match fetch_history(session, &message.to, count, before)? {
            // It is not known yet whether the server has the message.
            Err(ko) if ko.code == Code::Rate => return Err(LinkError::Away(words::ko(&ko))),
            // A user who has left the room meanwhile is given none.
            page => page.unwrap_or_default(),
        };
        let mine = |sent: &&Arc<Message>| sent.id == message.id && sent.from == session.user;
        if let Some(sent) = page.iter().filter_map(HistoryRecord::message).find(mine) {
            return Ok(Some(Accepted { id: sent.id.clone(), at: sent.at, seq: sent.seq }));
        }
        let oldest = page.first().map(|record| record.numbers().0);
        if before.is_some_and(|before| oldest.is_some_and(|oldest| oldest >= before)) {
            return Err(LinkError::malformed());
        }
        match oldest.filter(|oldest| *oldest > above.next()) {
            None => return Ok(None),
            oldest => (before, count) = (oldest, limits::MAX_HISTORY_RECORDS),
        }
    }
}

/// Joins a room. Messages from after that come with a poll; those from before are called read (section 7).
fn join(session: &mut Session, room: &RoomName, rows: usize) -> Result<Answer, LinkError> {
    if let Err(ko) = session.request::<Done>(&SendRequest::Join { room: requested(room) })? {
        return Ok(Answer::Refused(ko));
    }
    look_back(session, room, rows)
}

/// Returns the last messages of a room that was just joined, as many as this.
fn look_back(session: &mut Session, room: &RoomName, rows: usize) -> Result<Answer, LinkError> {
    if rows == 0 {
        return Ok(Answer::Joined(None, Vec::new()));
    }
    let target = Target::Room(room.clone());
    let chat = chats(session)?.into_iter().find(|chat| chat.target == target);
    let before = chat.as_ref().map(|chat| chat.read.next());
    let last = fetch_history(session, &target, rows, before)?.unwrap_or_default();
    Ok(Answer::Joined(chat, last))
}

/// Changes a room that the user owns.
fn change_room(session: &mut Session, room: &RoomName, change: &RoomChange) -> Result<Result<Answer, Ko>, LinkError> {
    let target = requested(room);
    let named = |user: &UserName| Ok(Target::User(user.clone()));
    let request = match change {
        RoomChange::Kind(kind) => return set_kind(session, room, *kind),
        RoomChange::Topic(topic) => SendRequest::Topic { room: target, topic: topic.clone() },
        RoomChange::Invite(user) => SendRequest::Invite { room: target, user: named(user) },
        RoomChange::Kick(user) => SendRequest::Kick { room: target, user: named(user) },
        RoomChange::Owner(user) => SendRequest::Owner { room: target, user: named(user) },
    };
    ask(session, &request)
}

/// Sets who may join a room. One that was not there is created by that: the user has joined it.
fn set_kind(session: &mut Session, room: &RoomName, kind: RoomKind) -> Result<Result<Answer, Ko>, LinkError> {
    let is_new = !is_room(session, room)?.unwrap_or(true);
    match ask(session, &SendRequest::Room { room: requested(room), kind })? {
        Ok(_) if is_new => Ok(Ok(look_back(session, room, limits::HISTORY_RECORDS)?)),
        answer => Ok(answer),
    }
}

/// Fetches the members of a room, as users of whom the last session is not known.
fn members(session: &mut Session, room: &RoomName) -> Result<Result<Vec<User>, Ko>, LinkError> {
    let members = fetch_members(session, room)?;
    let user = |member: Member| User { name: member.name, online: member.online, last_seen: None };
    Ok(members.map(|members| members.into_iter().map(user).collect()))
}

fn whois(session: &mut Session, user: &UserName) -> Result<Answer, LinkError> {
    let users = match fetch_users(session)? {
        Ok(users) => users,
        Err(ko) => return Ok(Answer::Refused(ko)),
    };
    let Some(found) = users.into_iter().find(|seen| seen.name == *user) else {
        return Ok(Answer::Whois(None, Vec::new()));
    };
    let rooms = fetch_rooms(session)?.unwrap_or_default();
    let mut shared = Vec::new();
    for room in rooms.into_iter().filter(|room| room.member).take(WHOIS_ROOMS) {
        let members = members(session, &room.name)?.unwrap_or_default();
        shared.extend(members.iter().any(|member| member.name == *user).then_some(room.name));
    }
    Ok(Answer::Whois(Some(found), shared))
}

/// Fetches the conversations of the user and how far each is read, latest first. A server that refuses has none.
fn chats(session: &mut Session) -> Result<Vec<Chat>, LinkError> {
    Ok(fetch_chats(session)?.unwrap_or_default())
}

/// Closes connections of the user. A RECV session that is this client's is spared: without a key the server does not know
/// that both connections are of one device.
fn log_out(session: &mut Session, which: LogOut) -> Result<Result<Done, Ko>, LinkError> {
    let open = match which {
        LogOut::One(number) => {
            return session.request(&SendRequest::Logout { which: request::LogOut::Connection(number) });
        }
        LogOut::Others { with_recv } if with_recv || session.is_by_key => {
            return session.request(&SendRequest::Logout { which: request::LogOut::Others });
        }
        LogOut::Others { .. } => match session.request_list::<OpenSession>(&SendRequest::Sessions)? {
            Ok(open) => open,
            Err(ko) => return Ok(Err(ko)),
        },
    };
    let own = session.device_name().cloned();
    let is_own = |open: &OpenSession| open.this || open.port == Port::Recv && open.device == own;
    let others: Vec<_> = open.iter().filter(|open| !is_own(open)).map(|open| open.number).collect();
    for number in others {
        // One that is closed by now is what was asked for.
        let _ = session.request::<Done>(&SendRequest::Logout { which: request::LogOut::Connection(number) })?;
    }
    Ok(Ok(Done))
}

/// Asks for the address where a user takes direct chats. Where there is none: whether the user is online.
fn find_peer(session: &mut Session, user: &UserName) -> Result<Result<Answer, Ko>, LinkError> {
    match session.request(&SendRequest::Peer { user: Ok(Target::User(user.clone())), fingerprint: session.direct })? {
        Err(ko) if ko.code == Code::NoPeer => {
            let users = fetch_users(session)?.unwrap_or_default();
            let online = users.iter().any(|seen| seen.name == *user && seen.online);
            Ok(Ok(Answer::NoPeer { online }))
        }
        reply => Ok(reply.map(Answer::Peer)),
    }
}

/// Asks whether there is a room of this name. If not, returns all rooms: one of them may have been meant.
fn find_room(session: &mut Session, room: &RoomName) -> Result<Result<Answer, Ko>, LinkError> {
    match is_room(session, room)? {
        Ok(false) => Ok(fetch_rooms(session)?.map(Answer::Rooms)),
        answer => Ok(answer.map(|_| Answer::Done)),
    }
}

/// Asks whether there is a room of this name that the server shows to the user: of the members it tells members alone.
fn is_room(session: &mut Session, room: &RoomName) -> Result<Result<bool, Ko>, LinkError> {
    let page = Page { limit: 1, after: None };
    match session.request_list::<Member>(&SendRequest::Members { room: requested(room), page })? {
        Ok(_) => Ok(Ok(true)),
        Err(ko) if ko.code == Code::NotMember => Ok(Ok(true)),
        Err(ko) if ko.code == Code::NoRoom => Ok(Ok(false)),
        Err(ko) => Ok(Err(ko)),
    }
}
