//! The requests of the client on the SEND port, and their answers (protocol, section 5). Some take several requests
//! of the protocol.

use super::error::LinkError;
use super::lists::{fetch_chats, fetch_members, fetch_rooms, fetch_statuses, fetch_users};
use super::session::Session;
use crate::client::state::outbox::Outgoing;
use crate::limits;
use crate::model::{RoomName, Seq, Target, UserName};
use crate::protocol::reply::OpenSession;
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
    /// The user's open connections.
    Sessions,
    LogOut(LogOut),
}

/// The connections that `/logout` closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOut {
    One(u64),
    /// All of the user but those of this client. `with_recv`: the RECV session is not this client's.
    Others {
        with_recv: bool,
    },
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
    Sessions(Vec<OpenSession>),
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
            Self::Users => fetch_users(session)?.map(Answer::Users),
            Self::Status(target, seq) => fetch_statuses(session, target, *seq)?.map(Answer::Statuses),
            Self::History(target, count) => fetch_history(session, target, *count, None)?.map(Answer::Rows),
            Self::Peer(user) => {
                let request = SendRequest::Peer { user: Ok(Target::User(user.clone())) };
                session.request(&request)?.map(Answer::Peer)
            }
            Self::Join(room, rows) => return join(session, room, *rows),
            Self::Leave(room) => {
                session.request(&SendRequest::Leave { room: requested(room) })?.map(|Done| Answer::Done)
            }
            Self::Rooms => fetch_rooms(session)?.map(Answer::Rooms),
            Self::Members(room) => members(session, room)?.map(Answer::Users),
            Self::Lobby | Self::Chats | Self::CompareReads => Ok(Answer::Chats(chats(session)?)),
            Self::Whois(user) => return whois(session, user),
            Self::Sessions => session.request_list(&SendRequest::Sessions)?.map(Answer::Sessions),
            Self::LogOut(which) => log_out(session, *which)?.map(|Done| Answer::Done),
        };
        Ok(answer.unwrap_or_else(Answer::Refused))
    }
}

fn requested(room: &RoomName) -> RequestedTarget {
    Ok(Target::Room(room.clone()))
}

fn send(session: &mut Session, message: &Outgoing) -> Result<Result<Accepted, Ko>, LinkError> {
    let (id, to, text) = (message.id.clone(), Ok(message.to.clone()), message.text.clone());
    match session.request::<Accepted>(&SendRequest::Send { id, to, text })? {
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
    let members = fetch_members(session, room)?;
    let user = |member: Member| User { name: member.name, online: member.online, last_seen: None };
    Ok(members.map(|members| members.into_iter().map(user).collect()))
}

fn whois(session: &mut Session, user: &UserName) -> Result<Answer, LinkError> {
    let users = fetch_users(session)?.unwrap_or_default();
    let Some(found) = users.into_iter().find(|seen| seen.name == *user) else {
        return Ok(Answer::Whois(None, Vec::new()));
    };
    let rooms = fetch_rooms(session)?.unwrap_or_default();
    let mut shared = Vec::new();
    for room in rooms.into_iter().filter(|room| room.member).take(limits::WHOIS_ROOMS) {
        let members = members(session, &room.name)?.unwrap_or_default();
        shared.extend(members.iter().any(|member| member.name == *user).then_some(room.name));
    }
    Ok(Answer::Whois(Some(found), shared))
}

/// Fetches the conversations of the user and how far each is read, latest first. A server that refuses has none.
fn chats(session: &mut Session) -> Result<Vec<Chat>, LinkError> {
    Ok(fetch_chats(session)?.unwrap_or_default())
}

/// Closes connections of the user. A RECV session that is this client's is spared: the server does not know that both
/// connections are of one client.
fn log_out(session: &mut Session, which: LogOut) -> Result<Result<Done, Ko>, LinkError> {
    let numbers = match which {
        LogOut::One(number) => return session.request(&SendRequest::Logout { number: Some(number) }),
        LogOut::Others { with_recv: true } => return session.request(&SendRequest::Logout { number: None }),
        LogOut::Others { with_recv: false } => match session.request_list::<OpenSession>(&SendRequest::Sessions)? {
            Ok(open) => open.into_iter().filter(|open| !open.this && !open.on_recv).map(|open| open.number),
            Err(ko) => return Ok(Err(ko)),
        },
    };
    for number in numbers {
        // One that is closed by now is what was asked for.
        let _ = session.request::<Done>(&SendRequest::Logout { number: Some(number) })?;
    }
    Ok(Ok(Done))
}
