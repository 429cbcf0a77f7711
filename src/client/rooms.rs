//! What the app does about rooms: coming in, leaving, and the lobby where a new client begins.

use super::agenda::Ask;
use super::app::App;
use super::conversation::Row;
use super::event::RoomSeen;
use super::questions::LOBBY;
use super::texts::{Phrase, words};
use super::view::{View, answer, notice};
use crate::limits;
use crate::model::{RoomName, Target, UserName};
use crate::protocol::{HistoryRecord, Ko};

impl App {
    /// Two who start their clients should be able to talk at once: the lobby is the current chat,
    /// where there is one and I am in it.
    pub fn find_lobby(&mut self) -> Vec<View> {
        if self.setting.piped || self.lobby_known || self.choosing || self.current.is_some() {
            return Vec::new();
        }
        let views = self.ask(Ask::Lobby);
        self.choosing = views.is_empty();
        views
    }

    /// `None`: there was nobody to ask.
    pub(super) fn found_lobby(&mut self, member: Option<bool>) -> Vec<View> {
        (self.choosing, self.lobby_known) = (false, member.is_some());
        if member == Some(true) && self.current.is_none() {
            self.current = RoomName::new(&format!("#{LOBBY}")).ok().map(Target::Room);
        }
        Vec::new()
    }

    /// `/join #sala`. No line is taken before the answer: it might go to the wrong place.
    pub(super) fn join(&mut self, room: RoomName) -> Vec<View> {
        let rows = if self.setting.piped { 0 } else { limits::HISTORY_RECORDS };
        let views = self.ask(Ask::Join(room, rows));
        self.choosing = views.is_empty();
        views
    }

    /// Shows what was last said there, as far as I had not got it before.
    pub(super) fn joined(&mut self, room: RoomName, last: Vec<HistoryRecord>) -> Vec<View> {
        self.choosing = false;
        let mut views = vec![notice(Phrase::YouJoined { room: &room })];
        let target = Target::Room(room);
        self.choose(Some(target.clone()));
        if self.setting.piped {
            return views;
        }
        if last.is_empty() {
            views.push(answer(Phrase::NothingThere));
        }
        let past = self.home.history.lock().add_past(last.into_iter().map(|record| record.message).collect());
        let past = match past {
            Ok(past) => past,
            Err(error) => return self.files_failed(&error),
        };
        if let (true, Some(message)) = (self.setting.receipts, past.last()) {
            self.agenda.read(target, message.seq);
        }
        let seen = past.into_iter().filter(|message| !self.ignores(&message.from));
        views.extend(seen.map(|message| View::Row(Row::Received(message))));
        views
    }

    /// What a script has behind its `/join` was meant for that room, and for no other place.
    pub(super) fn not_joined(&mut self, why: &str) -> Vec<View> {
        self.choosing = false;
        if self.setting.piped {
            self.current = None;
        }
        vec![self.problem(why)]
    }

    /// `/leave`, `/leave #sala`.
    pub(super) fn leave_room(&mut self, room: Option<RoomName>) -> Vec<View> {
        match room.or_else(|| self.current_room()) {
            Some(room) => self.ask(Ask::Leave(room)),
            None => vec![self.problem(Phrase::WhichRoom)],
        }
    }

    pub(super) fn left(&mut self, room: RoomName) -> Vec<View> {
        let view = notice(Phrase::YouLeft { room: &room });
        if self.current == Some(Target::Room(room)) {
            self.current = None;
        }
        vec![view]
    }

    /// `/names`, `/names #sala`.
    pub(super) fn members(&mut self, room: Option<RoomName>) -> Vec<View> {
        match room.or_else(|| self.current_room()) {
            Some(room) => self.ask(Ask::Members(room)),
            None => vec![self.problem(Phrase::WhoseMembers)],
        }
    }

    /// Somebody has joined a room. Only so many are remembered: a line too many does no harm.
    pub(super) fn note_joiner(&mut self, user: UserName) {
        if self.joiners.len() >= limits::TRANSIENT_EVENTS {
            self.joiners.clear();
        }
        self.joiners.insert(user);
    }

    fn current_room(&self) -> Option<RoomName> {
        match &self.current {
            Some(Target::Room(room)) => Some(room.clone()),
            _ => None,
        }
    }

    pub(super) fn list_rooms(rooms: &[RoomSeen]) -> Vec<View> {
        if rooms.is_empty() {
            return vec![answer(Phrase::NoRooms)];
        }
        let line = |seen: &RoomSeen| {
            let (room, members): (&dyn std::fmt::Display, &dyn std::fmt::Display) = (&seen.name, &seen.members);
            let phrase = if seen.member {
                Phrase::RoomMembersAndYou { room, members }
            } else {
                Phrase::RoomMembers { room, members }
            };
            answer(phrase)
        };
        rooms.iter().map(line).collect()
    }

    /// The server shows a room to its members only: what I hold of it is mine to see.
    pub(super) fn look_back_here(&mut self, target: &Target, count: usize, ko: &Ko) -> Vec<View> {
        let rows = self.home.history.lock().last_rows(target, count);
        if rows.is_empty() {
            return vec![self.problem(words::ko(ko))];
        }
        rows.into_iter().map(View::Row).collect()
    }
}
