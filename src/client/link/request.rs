//! The requests of the client on the SEND port, and their answers (protocol, section 5). Some take several requests
//! of the protocol.

use std::sync::Arc;

use super::error::LinkError;
use super::find::{find_peer, find_room};
use super::lists::{fetch_chats, fetch_members, fetch_presence, fetch_rooms, fetch_statuses, fetch_users};
use super::passwd::Secret;
use super::session::Session;
use crate::client::state::conversation::Gap;
use crate::client::state::outbox::Outgoing;
use crate::client::texts::words;
use crate::limits;
use crate::model::{Email, Message, RoomName, Seq, Target, UserName};
use crate::protocol::reply::OpenSession;
use crate::protocol::request::RequestedTarget;
use crate::protocol::{
    Accepted, Chat, Code, Done, HistoryRecord, Ko, Member, Peer, Port, Room, SendRequest, Status, User,
};

/// A request to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Sends a message for the first time. If its outcome becomes unknown, a retry looks above this number for it.
    Send(Outgoing, Seq),
    /// Sends it again after an attempt of unknown outcome, unless the server has it above this number.
    Retry(Outgoing, Seq),
    /// Calls everything there up to this number read.
    Read(Target, Seq),
    Users,
    /// The users and their presence, in the background.
    Presence,
    /// The state of the user's message with this number.
    Status(Target, Seq),
    /// The last messages there, as many as this, as the server has them.
    History(Target, usize),
    /// The address where that user takes direct chats.
    Peer(UserName),
    /// The conversations, and so the user's membership of the lobby.
    Lobby,
    /// Asks whether there is such a user, or room of which the user is a member.
    Find(Target),
    /// Finds the room of this name; if there is none, the rooms that there are.
    FindRoom(RoomName),
    /// Joins a room, and returns the last messages from before, as many as this.
    Join(RoomName, usize),
    Leave(RoomName),
    Rooms,
    Members(RoomName),
    /// The conversations, and how far each is read.
    Chats,
    /// The same, to be compared with what is in the history here, and what was shown.
    Compare,
    /// The last messages there, or the last ones below this number: they may be missing here.
    Fetch(Target, Option<Seq>),
    /// The last messages among those that only the server has.
    Fill(Gap),
    Whois(UserName),
    /// The user's open connections.
    Sessions,
    LogOut(LogOut),
    /// Changes the password, from the first to the second.
    Passwd(Secret, Secret),
    Email(Email),
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
    /// The room as one of the conversations, and its last messages from before the join.
    Joined(Option<Chat>, Vec<HistoryRecord>),
    Peer(Peer),
    /// That user takes no direct chats.
    NoPeer {
        online: bool,
    },
    Rooms(Vec<Room>),
    Chats(Vec<Chat>),
    /// The user, if there is one, and the rooms shared with them.
    Whois(Option<User>, Vec<RoomName>),
    Sessions(Vec<OpenSession>),
    Refused(Ko),
}

impl Request {
    /// Returns the message that it sends, if it sends one.
    pub fn message(&self) -> Option<&Outgoing> {
        match self {
            Self::Send(message, _) | Self::Retry(message, _) => Some(message),
            _ => None,
        }
    }

    /// Carries out the request on a connection.
    pub fn perform(&self, session: &mut Session) -> Result<Answer, LinkError> {
        let answer = match self {
            Self::Send(message, _) => send(session, message)?.map(Answer::Accepted),
            Self::Retry(message, above) => match find_sent(session, message, *above)? {
                Some(accepted) => Ok(Answer::Accepted(accepted)),
                None => send(session, message)?.map(Answer::Accepted),
            },
            Self::Read(target, seq) => {
                session.request(&SendRequest::Read { target: Ok(target.clone()), seq: *seq })?.map(|Done| Answer::Done)
            }
            Self::Users => fetch_users(session)?.map(Answer::Users),
            Self::Status(target, seq) => fetch_statuses(session, target, *seq)?.map(Answer::Statuses),
            Self::History(target, count) => fetch_history(session, target, *count, None)?.map(Answer::Rows),
            Self::Fetch(target, before) => {
                fetch_history(session, target, limits::MAX_HISTORY_RECORDS, *before)?.map(Answer::Rows)
            }
            Self::Fill(gap) => fetch_history(session, &gap.target, limits::MAX_HISTORY_RECORDS, Some(gap.last.next()))?
                .map(Answer::Rows),
            Self::Presence => fetch_presence(session)?.map(Answer::Users),
            Self::Find(target) => fetch_history(session, target, 1, None)?.map(Answer::Rows),
            Self::Peer(user) => find_peer(session, user)?,
            Self::FindRoom(room) => find_room(session, room)?,
            Self::Join(room, rows) => return join(session, room, *rows),
            Self::Leave(room) => {
                session.request(&SendRequest::Leave { room: requested(room) })?.map(|Done| Answer::Done)
            }
            Self::Rooms => fetch_rooms(session)?.map(Answer::Rooms),
            Self::Members(room) => members(session, room)?.map(Answer::Users),
            Self::Chats | Self::Compare => fetch_chats(session)?.map(Answer::Chats),
            Self::Lobby => Ok(Answer::Chats(chats(session)?)),
            Self::Whois(user) => return whois(session, user),
            Self::Sessions => session.request_list(&SendRequest::Sessions)?.map(Answer::Sessions),
            Self::Email(address) => {
                session.request(&SendRequest::Email { address: address.clone() })?.map(|Done| Answer::Done)
            }
            // The sender changes the account with it.
            Self::Passwd(old, new) => {
                let request = SendRequest::Passwd { old: old.0.clone(), new: new.0.clone() };
                session.request(&request)?.map(|Done| Answer::Done)
            }
            Self::LogOut(which) => log_out(session, *which)?.map(|Done| Answer::Done),
        };
        Ok(answer.unwrap_or_else(Answer::Refused))
    }
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
    if rows == 0 {
        return Ok(Answer::Joined(None, Vec::new()));
    }
    let target = Target::Room(room.clone());
    let chat = chats(session)?.into_iter().find(|chat| chat.target == target);
    let before = chat.as_ref().map(|chat| chat.read.next());
    let last = fetch_history(session, &target, rows, before)?.unwrap_or_default();
    Ok(Answer::Joined(chat, last))
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
            Ok(open) => open.into_iter().filter(|open| !open.this && open.port == Port::Send).map(|open| open.number),
            Err(ko) => return Ok(Err(ko)),
        },
    };
    for number in numbers {
        // One that is closed by now is what was asked for.
        let _ = session.request::<Done>(&SendRequest::Logout { number: Some(number) })?;
    }
    Ok(Ok(Done))
}
