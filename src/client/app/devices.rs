//! The user's devices: `/devices`, `/forget`, and what was done on another one.

use super::App;
use super::view::{View, answer, notice};
use crate::client::link::request::Request;
use crate::client::state::row::Row;
use crate::limits;
use crate::model::{DeviceName, Message, RoomName, Timestamp};
use crate::protocol::Device;
use crate::texts::when::when;
use crate::texts::{Phrase, words};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The rooms that this client has joined and left, as far as the user was told in this session: events tell of that, too.
#[derive(Default)]
pub struct Memberships {
    told: HashMap<RoomName, bool>,
    /// Rooms that the server was asked to leave.
    leaving: HashSet<RoomName>,
}

impl Memberships {
    pub fn note_leaving(&mut self, room: RoomName) {
        self.leaving.insert(room);
    }

    /// The server has answered, or was not asked.
    pub fn note_answer(&mut self, room: &RoomName) {
        self.leaving.remove(room);
    }

    /// Notes a change. `false`: the user was told of it, or is about to be.
    pub fn note(&mut self, room: &RoomName, is_member: bool) -> bool {
        // Most rooms are named by events: a notice too many does no harm.
        if self.told.len() >= limits::TRANSIENT_EVENTS {
            self.told.clear();
        }
        let is_told = self.told.insert(room.clone(), is_member) == Some(is_member);
        !is_told && !(self.leaving.contains(room) && !is_member)
    }
}

impl App {
    /// Returns the name by which the server knows this client.
    pub(super) fn device(&self) -> Option<&DeviceName> {
        self.setting.device.as_ref().filter(|_| self.device_state.is_some())
    }

    pub(super) fn list_devices(&mut self, devices: &[Device]) {
        let now = self.context.at;
        let own = self.setting.device.clone();
        let views = devices.iter().map(|device| view_of_device(device, own.as_ref(), now));
        self.show_all(views, Phrase::NoDevices);
    }

    /// `/forget laptop`. This device is forgotten on another one: its own connections would end with it.
    pub(super) fn forget(&mut self, device: DeviceName) {
        match self.setting.device.as_ref() == Some(&device) {
            true => self.problem(Phrase::ForgetThis { device: &device }),
            false => _ = self.ask_server(Request::Forget(device)),
        }
    }

    /// Shows a message that the user has sent elsewhere.
    pub(super) fn show_own(&mut self, message: Arc<Message>) {
        let state = self.state.state_of(&message);
        self.show(View::Elsewhere(self.state.target_of(&message), Row::Sent(message, state)));
    }

    /// The user has joined a room: on another device, unless this one has told so.
    pub(super) fn handle_joined_elsewhere(&mut self, room: &RoomName) {
        if !self.memberships.note(room, true) {
            return;
        }
        self.show(notice(Phrase::JoinedElsewhere { room }));
        if self.state.note_joined_elsewhere(room) {
            self.completion.want();
            self.completion.note_caught_up();
        }
    }

    /// The user has left a room: on another device, unless this one has told so.
    pub(super) fn handle_left_elsewhere(&mut self, room: RoomName) {
        if self.memberships.note(&room, false) {
            self.show(notice(Phrase::LeftElsewhere { room: &room }));
            self.close_room(room);
        }
    }
}

fn view_of_device(found: &Device, own: Option<&DeviceName>, now: Timestamp) -> View {
    let device = &found.name;
    let how = &words::key_or_password(found.has_key);
    let seen = &when(found.last_used, now);
    let row =
        if found.online { Phrase::DeviceOnlineRow { device, how } } else { Phrase::DeviceRow { device, seen, how } };
    answer(if own == Some(device) { Phrase::ThisDevice { row: &row } } else { row })
}
