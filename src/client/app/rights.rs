//! Rooms with an owner: what the owners of the user's rooms have set, and `/room`, `/topic`, `/invite`, `/kick` and
//! `/owner`, by which an owner changes it.

use std::collections::{HashMap, VecDeque};

use super::rooms::why_refused;
use super::view::{View, answer, notice};
use super::{App, Input};
use crate::client::link::request::{Answer, Request, RoomChange};
use crate::client::state::rights::Rights;
use crate::limits;
use crate::model::{RoomKind, RoomName, Topic, UserName};
use crate::protocol::{Code, Ko, Room};
use crate::texts::{Phrase, words};

/// What the owners of rooms have set, as far as this client has been told.
#[derive(Default)]
pub struct RoomRights {
    /// The rooms of the user. `None`: the user is no longer in it.
    known: HashMap<RoomName, Option<Rights>>,
    /// The room that is open on the full screen. It is fetched, since events tell of changes alone.
    open: Option<RoomName>,
    is_due: bool,
    /// The room that is being fetched. An event that comes meanwhile is newer than the answer.
    fetched: Option<RoomName>,
    /// The changes that this client has asked for in this session, the newest last, until an event tells of them.
    asked: VecDeque<(RoomName, RoomChange)>,
    /// The rooms to which the user is invited, the latest last, as far as this run has been told.
    invitations: VecDeque<RoomName>,
}

impl RoomRights {
    /// A session is about to begin: no event tells of changes from before it.
    pub fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// Makes the room that is open due again: it had no answer, or another session has begun, to which nothing was told before.
    pub fn retry(&mut self) {
        self.fetched = None;
        self.is_due = self.open.is_some();
    }

    fn note_open(&mut self, open: Option<&RoomName>) {
        if self.open.as_ref() != open {
            self.open = open.cloned();
            self.is_due = open.is_some();
        }
    }

    /// Makes a room due, which becomes the one that is open.
    pub fn fetch(&mut self, room: &RoomName) {
        self.open = Some(room.clone());
        self.is_due = true;
    }

    /// Notes that no room is open.
    fn close(&mut self) {
        self.open = None;
        self.is_due = false;
    }

    pub fn next_request(&mut self) -> Option<Request> {
        let room = self.open.clone().filter(|_| std::mem::take(&mut self.is_due))?;
        self.fetched = Some(room.clone());
        Some(Request::Rights(room))
    }

    /// Notes what is set in a room; `None`: the user is not in it. Returns what was known before.
    pub fn note(&mut self, room: RoomName, rights: Option<Rights>) -> Option<Rights> {
        if self.fetched.as_ref() == Some(&room) {
            self.fetched = None;
        }
        let fits = self.known.len() < limits::CONVERSATIONS || self.known.contains_key(&room);
        if fits { self.known.insert(room, rights).flatten() } else { None }
    }

    /// Notes an invitation. The oldest of too many goes, as on the server.
    pub fn note_invited(&mut self, room: &RoomName) {
        self.invitations.retain(|known| known != room);
        if self.invitations.len() >= limits::INVITATIONS_PER_USER {
            self.invitations.pop_front();
        }
        self.invitations.push_back(room.clone());
    }

    /// Notes that the user is in a room. Of one that the user was not in before nothing more is known yet.
    pub fn note_joined(&mut self, room: &RoomName) {
        self.invitations.retain(|known| known != room);
        if self.known.get(room).is_some_and(Option::is_none) {
            self.known.remove(room);
            self.is_due |= self.open.as_ref() == Some(room);
        }
    }

    fn note_asked(&mut self, room: RoomName, change: RoomChange) {
        if self.asked.len() >= limits::CLIENT_QUESTIONS {
            self.asked.pop_front();
        }
        self.asked.push_back((room, change));
    }

    fn note_refused(&mut self, room: &RoomName, change: &RoomChange) {
        if let Some(last) = self.asked.iter().rposition(|(known, asked)| known == room && asked == change) {
            self.asked.remove(last);
        }
    }

    /// Notes the event of a change, from what was known before, if anything was. `true`: this client has asked for it.
    fn is_own(&mut self, room: &RoomName, before: Option<&Rights>, rights: &Rights) -> bool {
        let before = before.unwrap_or(rights);
        let is_told = |(known, change): &(RoomName, RoomChange)| known == room && change.applied_to(before) == *rights;
        let own = self.asked.iter().position(is_told);
        own.and_then(|own| self.asked.remove(own)).is_some()
    }
}

impl App {
    /// Returns the topic of a room of the user, if it is known and not empty.
    pub fn topic_of(&self, room: &RoomName) -> Option<&str> {
        let rights = self.rights.known.get(room)?.as_ref()?;
        Some(rights.topic.as_str()).filter(|topic| !topic.is_empty())
    }

    /// Checks that the user is known not to be in a room any more.
    pub fn has_left(&self, room: &RoomName) -> bool {
        matches!(self.rights.known.get(room), Some(None))
    }

    /// Returns the rooms to which the user is invited, the latest first.
    pub fn invitations(&self) -> impl Iterator<Item = &RoomName> {
        self.rights.invitations.iter().rev()
    }

    pub(super) fn handle_invited(&mut self, room: &RoomName, user: &UserName) {
        self.rights.note_invited(room);
        self.show(notice(Phrase::InvitedTo { user, room }));
    }

    /// Notes which room is open. The line mode has no place for its topic, and shows it when the user joins.
    pub(super) fn follow_open_room(&mut self) {
        if self.setting.full_screen {
            let open = self.current_room();
            self.rights.note_open(open.as_ref());
        }
    }

    /// Notes what was fetched of the room that is open.
    pub(super) fn note_rights(&mut self, room: &RoomName, given: &Answer) {
        let is_awaited = self.rights.fetched.as_ref() == Some(room);
        if let (Answer::Rooms(rooms), true) = (given, is_awaited) {
            let rights = rooms.first().filter(|found| found.member).map(Rights::of);
            let topic = rights.as_ref().map(|rights| rights.topic.clone()).filter(|topic| !topic.as_str().is_empty());
            let before = self.rights.note(room.clone(), rights).map(|before| before.topic);
            if !self.setting.full_screen
                && before != topic
                && let Some(topic) = topic
            {
                self.show(View::Notice(topic_in_words(room, &topic)));
            }
        }
        // In the line mode no room stays open.
        if !self.setting.full_screen {
            self.rights.close();
        }
    }

    /// `/topic`: asks for the topic of a room, or of the current one.
    pub(super) fn ask_topic(&mut self, room: Option<RoomName>) {
        if let Some(room) = self.named_or_current(room, "/topic") {
            self.ask_server(Request::Topic(room));
        }
    }

    pub(super) fn show_topic(&mut self, room: &RoomName, found: Option<&Room>) {
        match found {
            Some(found) => self.show(answer(topic_in_words(room, &found.topic))),
            None => self.problem(why_refused(room, &Code::NoRoom.into())),
        }
    }

    /// `/room`, `/topic`, `/invite`, `/kick`, `/owner`: changes a room, or the current one. `/room` may create it: no line
    /// is read before the answer.
    pub(super) fn change_room(&mut self, room: Option<RoomName>, change: RoomChange) {
        let Some(room) = self.named_or_current(room, change.verb()) else { return };
        if !self.ask_server(Request::Change(room.clone(), change.clone())) {
            return;
        }
        match change {
            RoomChange::Kind(_) => {
                self.memberships.note_asked(room.clone(), true);
                self.input = Input::Joining;
            }
            // No event tells of them.
            RoomChange::Invite(_) | RoomChange::Kick(_) => return,
            RoomChange::Topic(_) | RoomChange::Owner(_) => {}
        }
        self.rights.note_asked(room, change);
    }

    pub(super) fn handle_change(&mut self, room: RoomName, change: &RoomChange, given: Answer) {
        match given {
            Answer::Refused(ko) => return self.fail_change(&room, change, &why_not_changed(&room, change, &ko)),
            Answer::Joined(chat, last) => self.handle_joined(room.clone(), chat.as_ref(), &last),
            _ if matches!(change, RoomChange::Kind(_)) => {
                self.memberships.note_refused(&Request::Change(room.clone(), change.clone()));
                self.input = Input::Line;
            }
            _ => {}
        }
        if let Some(Some(rights)) = self.rights.known.get_mut(&room) {
            *rights = change.applied_to(rights);
        }
        self.show(View::Notice(self.change_in_words(&room, change)));
    }

    /// Says why a change was not made. The lines after a `/room` that failed are meant for that room.
    pub(super) fn fail_change(&mut self, room: &RoomName, change: &RoomChange, why: &str) {
        self.rights.note_refused(room, change);
        if !matches!(change, RoomChange::Kind(_)) {
            return self.problem(why);
        }
        self.input = Input::Line;
        if self.current_room().as_ref() == Some(room) { self.problem(why) } else { self.handle_not_joined(why) }
    }

    /// Says what the owner of a room has changed, unless that was this client.
    pub(super) fn handle_changed(&mut self, room: RoomName, rights: Rights) {
        let before = self.rights.note(room.clone(), Some(rights.clone()));
        if self.rights.is_own(&room, before.as_ref(), &rights) {
            return;
        }
        let Some(before) = before else {
            let parts = self.rights_in_words(Some(rights.kind), &rights).join("; ");
            return self.show(notice(Phrase::RoomChanged { room: &room, rights: &parts }));
        };
        if before.kind != rights.kind {
            self.show(View::Notice(kind_in_words(&room, rights.kind)));
        }
        if before.owner != rights.owner {
            self.show(View::Notice(self.owner_in_words(&room, rights.owner.as_ref())));
        }
        if before.topic != rights.topic {
            self.show(View::Notice(topic_in_words(&room, &rights.topic)));
        }
    }

    /// Returns what is set in a room, in words: each part that is, and the kind if it is given.
    pub(super) fn rights_in_words(&self, kind: Option<RoomKind>, rights: &Rights) -> Vec<String> {
        let kind = kind.map(|kind| words::room_kind(kind).to_string());
        let owner = rights.owner.as_ref().map(|user| match user == self.state.me() {
            true => Phrase::OwnedByYou.to_string(),
            false => Phrase::OwnedBy { user }.to_string(),
        });
        let topic = Some(rights.topic.as_str()).filter(|topic| !topic.is_empty());
        let topic = topic.map(|topic| Phrase::HasTopic { topic: &topic }.to_string());
        [kind, owner, topic].into_iter().flatten().collect()
    }

    fn owner_in_words(&self, room: &RoomName, owner: Option<&UserName>) -> String {
        match owner {
            Some(user) if user == self.state.me() => Phrase::YouOwn { room }.to_string(),
            Some(user) => Phrase::Owns { user, room }.to_string(),
            None => Phrase::NobodyOwns { room }.to_string(),
        }
    }

    fn change_in_words(&self, room: &RoomName, change: &RoomChange) -> String {
        match change {
            RoomChange::Kind(kind) => kind_in_words(room, *kind),
            RoomChange::Topic(topic) => topic_in_words(room, topic),
            RoomChange::Invite(user) => Phrase::UserInvited { user, room }.to_string(),
            RoomChange::Kick(user) => Phrase::UserKicked { user, room }.to_string(),
            RoomChange::Owner(user) => self.owner_in_words(room, Some(user)),
        }
    }
}

fn kind_in_words(room: &RoomName, kind: RoomKind) -> String {
    match kind {
        RoomKind::Open => Phrase::OpenToAll { room }.to_string(),
        RoomKind::Invite => Phrase::ByInvitation { room }.to_string(),
    }
}

fn topic_in_words(room: &RoomName, topic: &Topic) -> String {
    match topic.as_str() {
        "" => Phrase::NoTopic { room }.to_string(),
        topic => Phrase::TopicOf { room, topic: &topic }.to_string(),
    }
}

/// Returns what the refusal of a change means, and what the user can do.
fn why_not_changed(room: &RoomName, change: &RoomChange, ko: &Ko) -> String {
    match (ko.code, change) {
        // An older server does not know the request.
        (Code::Syntax, _) => Phrase::NoOwnersHere.to_string(),
        (Code::NotOwner, _) => Phrase::NotYourRoom { room }.to_string(),
        (Code::NoRoom, RoomChange::Kind(_)) => Phrase::RoomOfOthers { room }.to_string(),
        (Code::Conflict, RoomChange::Kind(_)) => Phrase::StaysByInvitation { room }.to_string(),
        (Code::NotMember, RoomChange::Owner(user)) => Phrase::OwnerNotMember { user, room }.to_string(),
        (Code::NoUser, RoomChange::Invite(user) | RoomChange::Kick(user) | RoomChange::Owner(user)) => {
            Phrase::NoSuchUser { user }.to_string()
        }
        _ => why_refused(room, ko),
    }
}
