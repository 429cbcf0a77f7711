//! The requests of the client on the SEND port, and their answers (protocol, section 5). Some take several requests
//! of the protocol.

use super::error::LinkError;
use super::session::Session;
use crate::client::state::outbox::Outgoing;
use crate::limits;
use crate::model::{RoomName, Seq, Target, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Accepted, Chat, Done, HistoryRecord, Ko, Member, Peer, Room, SendRequest, Status, User};

/// A request to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Send(Outgoing),
    /// Calls everything there up to this number read.
    Read(Target, Seq),
    Users,
    /// The state of the user's message with this number.
    Status(Target, Seq),
    /// The last messages there, as many as this, as the server has them.
    History(Target, usize),
    /// The address where that user takes direct chats.
    Peer(UserName),
    /// The conversations, and so the user's membership of the lobby.
    Lobby,
    /// Joins a room, and returns the last messages from before, as many as this.
    Join(RoomName, usize),
    Leave(RoomName),
    Rooms,
    Members(RoomName),
    /// The conversations, and how far each is read.
    Chats,
    /// The same, to be compared with what was shown here.
    CompareReads,
    Whois(UserName),
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    Done,
    Accepted(Accepted),
    Users(Vec<User>),
    Statuses(Vec<Status>),
    Rows(Vec<HistoryRecord>),
    Peer(Peer),
    Rooms(Vec<Room>),
    Chats(Vec<Chat>),
    /// The user, if there is one, and the rooms shared with them.
    Whois(Option<User>, Vec<RoomName>),
    Refused(Ko),
}

impl Request {
    /// Carries out the request on a connection.
    pub fn perform(&self, session: &mut Session) -> Result<Answer, LinkError> {
        let answer = match self {
            Self::Send(message) => send(session, message)?.map(Answer::Accepted),
            Self::Read(target, seq) => {
                session.request(&SendRequest::Read { target: Ok(target.clone()), seq: *seq })?.map(|Done| Answer::Done)
            }
            Self::Users => session.request_list(&SendRequest::Users)?.map(Answer::Users),
            Self::Status(target, seq) => {
                let request = SendRequest::Status { target: Ok(target.clone()), seq: *seq };
                session.request_list(&request)?.map(Answer::Statuses)
            }
            Self::History(target, count) => fetch_history(session, target, *count, None)?.map(Answer::Rows),
            Self::Peer(user) => {
                let request = SendRequest::Peer { user: Ok(Target::User(user.clone())) };
                session.request(&request)?.map(Answer::Peer)
            }
            Self::Join(room, rows) => return join(session, room, *rows),
            Self::Leave(room) => {
                session.request(&SendRequest::Leave { room: requested(room) })?.map(|Done| Answer::Done)
            }
            Self::Rooms => session.request_list(&SendRequest::Rooms)?.map(Answer::Rooms),
            Self::Members(room) => members(session, room)?.map(Answer::Users),
            Self::Chats => session.request_list(&SendRequest::Chats)?.map(Answer::Chats),
            Self::Lobby | Self::CompareReads => Ok(Answer::Chats(chats(session)?)),
            Self::Whois(user) => return whois(session, user),
        };
        Ok(answer.unwrap_or_else(Answer::Refused))
    }
}

fn requested(room: &RoomName) -> RequestedTarget {
    Ok(Target::Room(room.clone()))
}

fn send(session: &mut Session, message: &Outgoing) -> Result<Result<Accepted, Ko>, LinkError> {
    let (id, to, text) = (message.id.clone(), Ok(message.to.clone()), message.text.clone());
    // After RATE the dispatcher holds the conversation, and says so.
    match session.request_once::<Accepted>(&SendRequest::Send { id, to, text })? {
        Ok(accepted) if accepted.id != message.id => Err(LinkError::malformed()),
        answer => Ok(answer),
    }
}

/// Fetches the last messages below a number, or the last ones.
pub fn fetch_history(
    session: &mut Session,
    target: &Target,
    count: usize,
    before: Option<Seq>,
) -> Result<Result<Vec<HistoryRecord>, Ko>, LinkError> {
    let limit = count.min(limits::MAX_HISTORY_RECORDS);
    session.request_list(&SendRequest::History { target: Ok(target.clone()), limit, before })
}

/// Joins a room. Messages from after that come with a poll; those from before are called read (section 7).
fn join(session: &mut Session, room: &RoomName, rows: usize) -> Result<Answer, LinkError> {
    if let Err(ko) = session.request::<Done>(&SendRequest::Join { room: requested(room) })? {
        return Ok(Answer::Refused(ko));
    }
    let mut last = Vec::new();
    if rows > 0 {
        let target = Target::Room(room.clone());
        let read = chats(session)?.into_iter().find(|chat| chat.target == target).map(|chat| chat.read);
        last = fetch_history(session, &target, rows, read.map(Seq::next))?.unwrap_or_default();
    }
    Ok(Answer::Rows(last))
}

/// Fetches the members of a room, as users of whom the last session is not known.
fn members(session: &mut Session, room: &RoomName) -> Result<Result<Vec<User>, Ko>, LinkError> {
    let members = session.request_list::<Member>(&SendRequest::Members { room: requested(room) })?;
    let user = |member: Member| User { name: member.name, online: member.online, last_seen: None };
    Ok(members.map(|members| members.into_iter().map(user).collect()))
}

fn whois(session: &mut Session, user: &UserName) -> Result<Answer, LinkError> {
    let users: Vec<User> = match session.request_list(&SendRequest::Users)? {
        Ok(users) => users,
        Err(ko) => return Ok(Answer::Refused(ko)),
    };
    let Some(found) = users.into_iter().find(|seen| seen.name == *user) else {
        return Ok(Answer::Whois(None, Vec::new()));
    };
    let rooms: Vec<Room> = session.request_list(&SendRequest::Rooms)?.unwrap_or_default();
    let mut shared = Vec::new();
    for room in rooms.into_iter().filter(|room| room.member).take(limits::WHOIS_ROOMS) {
        let members = members(session, &room.name)?.unwrap_or_default();
        shared.extend(members.iter().any(|member| member.name == *user).then_some(room.name));
    }
    Ok(Answer::Whois(Some(found), shared))
}

/// Fetches the conversations of the user and how far each is read, latest first. A server that refuses has none.
fn chats(session: &mut Session) -> Result<Vec<Chat>, LinkError> {
    Ok(session.request_list(&SendRequest::Chats)?.unwrap_or_default())
}
