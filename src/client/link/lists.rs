//! The lists of the server, fetched page by page until their end (protocol, section 4).

use super::error::LinkError;
use super::session::Session;
use crate::limits;
use crate::model::{RoomName, Seq, Target, UserName};
use crate::protocol::codec::{Codec, Field};
use crate::protocol::request::{Page, RequestedTarget};
use crate::protocol::{Chat, HistoryRecord, Ko, Member, Room, SendRequest, Status, User};

/// A list, or the refusal of the server.
type Fetched<T> = Result<Result<Vec<T>, Ko>, LinkError>;

pub fn fetch_users(session: &mut Session) -> Fetched<User> {
    fetch_by_name(session, |page| SendRequest::Users { page }, |user: &User| user.name.clone())
}

/// Fetches the first users of the list, as many as the client remembers the presence of.
pub fn fetch_presence(session: &mut Session) -> Fetched<User> {
    let request = |last: Option<&User>| SendRequest::Users { page: Page::after(last.map(|user| user.name.clone())) };
    let is_enough = |users: &[User]| users.len() >= limits::PRESENCE_USERS;
    let mut users = fetch_pages(session, is_enough, request)?;
    if let Ok(users) = &mut users {
        users.truncate(limits::PRESENCE_USERS);
    }
    Ok(users)
}

pub fn fetch_rooms(session: &mut Session) -> Fetched<Room> {
    fetch_by_name(session, |page| SendRequest::Rooms { page }, |room: &Room| room.name.clone())
}

/// Fetches the record of a room: one, or none if the server shows the user no such room. The list is by name, and is read
/// from shortly before that of the room.
pub(super) fn fetch_room(session: &mut Session, room: &RoomName) -> Fetched<Room> {
    let mut shorter = room.mapped().to_owned();
    shorter.pop();
    let before = RoomName::new(&format!("#{shorter}")).ok().filter(|before| before < room);
    let request = |last: Option<&Room>| {
        let after = last.map(|last| &last.name).or(before.as_ref());
        SendRequest::Rooms { page: Page::after(after.cloned()) }
    };
    let rooms = fetch_pages(session, |rooms: &[Room]| rooms.iter().any(|listed| listed.name >= *room), request)?;
    Ok(rooms.map(|rooms| rooms.into_iter().filter(|listed| listed.name == *room).collect()))
}

pub(super) fn fetch_members(session: &mut Session, room: &RoomName) -> Fetched<Member> {
    let room: RequestedTarget = Ok(Target::Room(room.clone()));
    let request = |page| SendRequest::Members { room: room.clone(), page };
    fetch_by_name(session, request, |member: &Member| member.name.clone())
}

/// Fetches the states of a message, one for each recipient.
pub(super) fn fetch_statuses(session: &mut Session, target: &Target, seq: Seq) -> Fetched<Status> {
    let request = |page: Page<UserName>| SendRequest::Status { target: Ok(target.clone()), seq, page };
    fetch_by_name(session, request, |status: &Status| status.user.clone())
}

/// Fetches the conversations of the user and how far each is read, latest first.
pub fn fetch_chats(session: &mut Session) -> Fetched<Chat> {
    let request = |after: Option<&Chat>| {
        let (before, target) = after.map(|chat| (chat.last, chat.target.clone())).unzip();
        SendRequest::Chats { page: Page::after(before), target }
    };
    fetch_pages(session, |_| false, request)
}

/// Fetches the last messages below a number, or the last ones.
pub fn fetch_history(
    session: &mut Session,
    target: &Target,
    count: usize,
    before: Option<Seq>,
) -> Fetched<HistoryRecord> {
    let limit = count.min(limits::MAX_HISTORY_RECORDS);
    session.request_list(&SendRequest::History { target: Ok(target.clone()), limit, before })
}

fn fetch_by_name<T: Codec, Name: Field>(
    session: &mut Session,
    request: impl Fn(Page<Name>) -> SendRequest,
    name: impl Fn(&T) -> Name,
) -> Fetched<T> {
    fetch_pages(session, |_| false, |after| request(Page::after(after.map(&name))))
}

/// Fetches page after page, each after the last record of the one before it, up to the page that is not full, or until the
/// records are enough.
fn fetch_pages<T: Codec>(
    session: &mut Session,
    is_enough: impl Fn(&[T]) -> bool,
    request: impl Fn(Option<&T>) -> SendRequest,
) -> Fetched<T> {
    let mut list = Vec::new();
    let end = session.received + limits::PAGES_BYTES;
    loop {
        let page = match session.request_list(&request(list.last()))? {
            Ok(page) => page,
            Err(ko) => return Ok(Err(ko)),
        };
        let is_last = page.len() < limits::PAGE_RECORDS;
        list.extend(page);
        if is_last || is_enough(&list) {
            return Ok(Ok(list));
        }
        if session.received > end {
            return Err(LinkError::malformed());
        }
    }
}
