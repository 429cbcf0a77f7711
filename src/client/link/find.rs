//! Requests that find out more where the server's answer alone says too little.

use super::error::LinkError;
use super::lists::{fetch_rooms, fetch_users};
use super::request::Answer;
use super::session::Session;
use crate::model::{RoomName, Target, UserName};
use crate::protocol::request::Page;
use crate::protocol::{Code, Ko, Member, SendRequest};

/// Asks for the address where a user takes direct chats. Where there is none: whether the user is online.
pub fn find_peer(session: &mut Session, user: &UserName) -> Result<Result<Answer, Ko>, LinkError> {
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
pub fn find_room(session: &mut Session, room: &RoomName) -> Result<Result<Answer, Ko>, LinkError> {
    let page = Page { limit: 1, after: None };
    let members = SendRequest::Members { room: Ok(Target::Room(room.clone())), page };
    match session.request_list::<Member>(&members)? {
        Err(ko) if ko.code == Code::NoRoom => Ok(fetch_rooms(session)?.map(Answer::Rooms)),
        reply => Ok(reply.map(|_| Answer::Done)),
    }
}
