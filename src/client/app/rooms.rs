//! The commands that concern rooms, and the lobby where a new client begins.

use super::command::Command;
use super::destination::Destination;
use super::view::{View, answer, damaged, notice};
use super::{App, Input, Server};
use crate::client::link::request::Request;
use crate::client::state::rights::Rights;
use crate::client::state::row::Row;
use crate::limits;
use crate::model::{RoomKind, RoomName, Seq, State, Target};
use crate::protocol::{Chat, Code, HistoryRecord, Ko, Room, Status};
use crate::texts::{Phrase, words};

impl App {
    /// Two people who start their clients should be able to talk at once: the lobby is the first destination, where
    /// there is one and the user is in it.
    pub(super) fn look_up_lobby(&mut self) {
        let undecided = self.destination == Destination::Undecided && matches!(self.input, Input::Line);
        if undecided && !self.setting.piped && self.server == Server::Reachable && self.ask_server(Request::Lobby) {
            self.input = Input::Joining;
        }
    }

    /// The lobby is the destination if it is one of the user's conversations. `None`: the server was away, and is
    /// asked again.
    pub(super) fn handle_lobby(&mut self, chats: Option<&[Chat]>) {
        let waiting = std::mem::replace(&mut self.input, Input::Line);
        // Else the user has chosen meanwhile.
        if self.destination == Destination::Undecided {
            self.begin_in_lobby(chats);
        }
        if let Input::Undirected(command) = waiting {
            self.execute(command);
        }
    }

    fn begin_in_lobby(&mut self, chats: Option<&[Chat]>) {
        let is_lobby = |target: &&Target| matches!(target, Target::Room(room) if room.is_lobby());
        let lobby = |chats: &[Chat]| chats.iter().map(|chat| &chat.target).find(is_lobby).cloned();
        let is_new = |chat: &&Chat| is_lobby(&&chat.target) && chat.read > Seq::ZERO && !self.state.knows(&chat.target);
        let new_here = chats.and_then(|chats| chats.iter().find(is_new)).is_some();
        self.destination = match chats {
            Some(chats) => lobby(chats).map_or(Destination::Nowhere, Destination::Conversation),
            None => Destination::Undecided,
        };
        // A new member sees the last messages, as in any room. A JOIN of a member has no other effect.
        if let (Some(room), true) = (self.current_room(), new_here && !self.setting.piped) {
            self.join(room);
        }
    }

    /// Checks that a text of a pipe goes to the lobby, if the user is in it, and asks. A script that names its recipients
    /// needs no answer.
    pub(super) fn waits_for_lobby(&mut self, command: &Command) -> bool {
        let undecided = self.setting.piped && self.destination == Destination::Undecided;
        let is_text = matches!(command, Command::Say { to: None, .. });
        undecided && is_text && self.server == Server::Reachable && self.ask_server(Request::Lobby)
    }

    /// `/join #sala`. A person is asked first when the room would be a new one beside another of nearly the same name.
    pub(super) fn join_if_meant(&mut self, room: RoomName, sure: bool) {
        if sure || self.setting.piped {
            self.join(room);
        } else if self.ask_server(Request::FindRoom(room)) {
            self.input = Input::Joining;
        }
    }

    /// There is no room of that name yet, but there are these.
    pub(super) fn handle_new_room(&mut self, room: RoomName, rooms: &[Room]) {
        match nearest(&room, rooms) {
            None => self.join(room),
            Some(known) => {
                let why = Phrase::RoomMeant { room: &room, known }.to_string();
                self.handle_not_joined(&why);
            }
        }
    }

    /// `/query`: makes a conversation the current one. The server is asked whether there is such a user or room, unless the
    /// conversation is known.
    pub(super) fn query(&mut self, target: Target) {
        let is_known = self.setting.piped || self.server == Server::Away || self.state.knows(&target);
        if is_known || !self.ask_server(Request::Find(target.clone())) {
            self.destination = Destination::Conversation(target);
        } else {
            self.input = Input::Joining;
        }
    }

    pub(super) fn handle_found(&mut self, target: Target, refusal: Option<&Ko>) {
        self.input = Input::Line;
        let why = match (refusal.map(|ko| ko.code), &target) {
            (Some(Code::NoUser), Target::User(user)) => Phrase::NoSuchUser { user }.to_string(),
            (Some(code), Target::Room(room)) => match room_refusal(code, room) {
                Some(why) => why,
                None => return self.destination = Destination::Conversation(target),
            },
            _ => return self.destination = Destination::Conversation(target),
        };
        self.problem(why);
        self.refuse_hasty_texts();
    }

    /// Joins a room. No line is read before the answer: it is meant for the room.
    pub(super) fn join(&mut self, room: RoomName) {
        let rows = if self.setting.piped { 0 } else { limits::HISTORY_RECORDS };
        if self.ask_server(Request::Join(room.clone(), rows)) {
            self.memberships.note_asked(room, true);
            self.input = Input::Joining;
        }
    }

    /// Shows the last messages from before the join, as far as they are new here.
    pub(super) fn handle_joined(&mut self, room: RoomName, chat: Option<&Chat>, last: &[HistoryRecord]) {
        self.input = Input::Line;
        self.show(notice(Phrase::YouJoined { room: &room }));
        self.rights.note_joined(&room);
        if !self.setting.full_screen && !self.setting.piped {
            self.rights.fetch(&room);
        }
        let target = Target::Room(room);
        self.destination = Destination::Conversation(target.clone());
        let Some(chat) = chat.filter(|_| !self.setting.piped) else { return };
        if last.is_empty() {
            self.show(answer(Phrase::NothingThere));
        }
        self.output.views.extend(last.iter().filter_map(|record| match record {
            HistoryRecord::Damaged { first, last } => Some(damaged(&target, *first, *last)),
            HistoryRecord::Message { .. } => None,
        }));
        let last = last.iter().filter_map(HistoryRecord::message).cloned().collect();
        let new = self.state.note_joined(chat, last);
        self.state.mark_seen(&target, chat.read);
        if self.setting.receipts
            && let Some(message) = new.last()
        {
            self.dispatcher.add_read(target, message.seq);
        }
        // The full screen shows the history itself.
        let shown =
            new.into_iter().filter(|message| !self.setting.full_screen && !self.state.is_ignored(&message.from));
        self.output.views.extend(shown.map(|message| View::Row(Row::Received(message))));
    }

    /// The lines that a script has after its `/join` are meant for that room, and for no other conversation.
    pub(super) fn handle_not_joined(&mut self, why: &str) {
        self.input = Input::Line;
        if self.setting.piped {
            self.destination = Destination::Nowhere;
        }
        self.problem(why);
        self.refuse_hasty_texts();
    }

    /// `/names`: lists the members of a room, or of the current one.
    pub(super) fn list_members(&mut self, room: Option<RoomName>) {
        if let Some(room) = self.named_or_current(room, "/names") {
            self.ask_server(Request::Members(room));
        }
    }

    /// Returns the room that a command names, or the current one. `None`: there is none, which is shown.
    pub(super) fn named_or_current(&mut self, named: Option<RoomName>, verb: &str) -> Option<RoomName> {
        let room = named.or_else(|| self.current_room());
        if room.is_none() {
            self.problem(Phrase::WhichRoom { verb: &verb });
        }
        room
    }

    /// `/leave`: leaves a room, or the current one.
    pub(super) fn leave_room(&mut self, room: Option<RoomName>) {
        let Some(room) = self.named_or_current(room, "/leave") else { return };
        if self.ask_server(Request::Leave(room.clone())) {
            self.memberships.note_asked(room, false);
        }
    }

    pub(super) fn handle_left(&mut self, room: RoomName) {
        self.show(notice(Phrase::YouLeft { room: &room }));
        self.close_room(room);
    }

    /// Closes a room that the user is no longer in.
    pub(super) fn close_room(&mut self, room: RoomName) {
        if self.current_room().as_ref() == Some(&room) {
            self.destination = Destination::Nowhere;
        }
        self.state.note_left(&room);
        self.rights.note(room, None);
    }

    /// Shows how far the user's last message in a room has come: how many have read it, and who has not.
    pub(super) fn show_readers(&mut self, room: &RoomName, list: &[Status]) {
        let count = |state: State| list.iter().filter(|status| status.state >= state).count();
        let read = &count(State::Read);
        let delivered = &count(State::Delivered);
        let all = &list.len();
        self.show(answer(Phrase::ReadBy { room, read, delivered, all }));
        for status in list.iter().filter(|status| status.state < State::Read).take(limits::CONVERSATION_SHOWN) {
            self.show(answer(format_args!("{}: {}", status.user, words::state(status.state))));
        }
    }

    pub(super) fn current_room(&self) -> Option<RoomName> {
        match &self.destination {
            Destination::Conversation(Target::Room(room)) => Some(room.clone()),
            _ => None,
        }
    }

    pub(super) fn list_rooms(&mut self, rooms: &[Room]) {
        for room in rooms {
            match (room.member, room.kind) {
                (true, _) => _ = self.rights.note(room.name.clone(), Some(Rights::of(room))),
                (false, RoomKind::Invite) => self.rights.note_invited(&room.name),
                (false, RoomKind::Open) => {}
            }
        }
        let views: Vec<_> = rooms.iter().map(|room| self.view_of_room(room)).collect();
        self.show_all(views.into_iter(), Phrase::NoRooms);
    }

    /// Returns a room with its members, and what its owner has set. A room that only those may join who are invited is shown
    /// to no others.
    fn view_of_room(&self, seen: &Room) -> View {
        let room = &seen.name;
        let members = &seen.members;
        let head = match (seen.member, seen.kind) {
            (true, _) => Phrase::RoomMembersAndYou { room, members },
            (false, RoomKind::Invite) => Phrase::RoomMembersAndInvited { room, members },
            (false, RoomKind::Open) => Phrase::RoomMembers { room, members },
        };
        let kind = (seen.member && seen.kind == RoomKind::Invite).then_some(seen.kind);
        let parts = [vec![head.to_string()], self.rights_in_words(kind, &Rights::of(seen))].concat();
        answer(parts.join("; "))
    }

    /// The server shows the messages of a room to its members only, and to others not even that there is one by invitation; the
    /// history here is the user's own.
    pub(super) fn show_own_rows(&mut self, target: &Target, count: usize, ko: &Ko) {
        let rows = self.state.last_rows(target, count);
        if rows.is_empty() {
            return self.problem(words::ko(ko));
        }
        self.output.views.extend(rows.into_iter().map(View::Row));
    }
}

/// Returns the room whose name differs from this one by a slip or two. Names that differ in their numbers are both meant:
/// `#group1`, `#group2`.
fn nearest<'a>(room: &RoomName, rooms: &'a [Room]) -> Option<&'a RoomName> {
    let letters = |name: &RoomName| name.mapped().chars().filter(|c| !c.is_numeric()).collect::<String>();
    let slips = match letters(room).chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        _ => 2,
    };
    let others = rooms.iter().map(|known| &known.name).filter(|known| letters(known) != letters(room));
    let near = others.map(|known| (strsim::osa_distance(known.mapped(), room.mapped()), known));
    near.filter(|(distance, _)| *distance <= slips).min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// Returns what a refusal means for a user who wants to write into a room, if it is about the room.
pub(super) fn room_refusal(code: Code, room: &RoomName) -> Option<String> {
    match code {
        Code::NotMember => Some(Phrase::JoinFirst { room }.to_string()),
        Code::NoRoom => Some(Phrase::JoinMakes { room }.to_string()),
        Code::NotInvited => Some(Phrase::NeedsInvitation { room }.to_string()),
        _ => None,
    }
}

/// Returns what a refusal means that is about a room, or else the text of the KO.
pub(super) fn why_refused(room: &RoomName, ko: &Ko) -> String {
    room_refusal(ko.code, room).unwrap_or_else(|| words::ko(ko))
}
