//! The user's devices: `/devices`, `/forget`, and what was done on another one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::App;
use super::view::{View, answer, notice};
use crate::client::link::request::{Request, RoomChange};
use crate::client::state::row::Row;
use crate::model::{DeviceName, Message, RoomName, Timestamp};
use crate::protocol::Device;
use crate::texts::when::when;
use crate::texts::{Phrase, words};

/// The changes of membership that this client has asked for in this session: an event tells of each that was one. What
/// changed nothing has no event; then the next one is of the other kind, and was asked for elsewhere.
#[derive(Default)]
pub struct Memberships {
    asked: HashMap<RoomName, VecDeque<bool>>,
}

impl Memberships {
    pub fn note_asked(&mut self, room: RoomName, is_member: bool) {
        self.asked.entry(room).or_default().push_back(is_member);
    }

    /// The server has refused a change, or was not asked, or had nothing to change.
    pub fn note_refused(&mut self, request: &Request) {
        let (room, is_member) = match request {
            Request::Join(room, _) => (room, true),
            Request::Leave(room) => (room, false),
            Request::Change(room, RoomChange::Kind(_)) => (room, true),
            _ => return,
        };
        if let Some(asked) = self.asked.get_mut(room)
            && let Some(last) = asked.iter().rposition(|change| *change == is_member)
        {
            asked.remove(last);
        }
    }

    /// Notes the event of a change. `true`: it was asked for elsewhere.
    fn is_of_other_device(&mut self, room: &RoomName, is_member: bool) -> bool {
        let Some(mut asked) = self.asked.remove(room) else { return true };
        let Some(own) = asked.iter().position(|change| *change == is_member) else { return true };
        self.asked.insert(room.clone(), asked.split_off(own + 1));
        false
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

    /// The user has joined a room: on another device, unless this one has asked for it.
    pub(super) fn handle_joined_elsewhere(&mut self, room: &RoomName) {
        if !self.memberships.is_of_other_device(room, true) {
            return;
        }
        self.show(notice(Phrase::JoinedElsewhere { room }));
        self.rights.note_joined(room);
        if self.state.note_joined_elsewhere(room) {
            self.completion.want();
            self.completion.note_caught_up();
        }
    }

    /// The user is no longer in a room: was kicked, or has left it on another device, unless this one has asked for it. A
    /// client without a device is told of a kick alone (protocol, section 7).
    pub(super) fn handle_left_elsewhere(&mut self, room: RoomName) {
        let is_device = self.device().is_some();
        if self.memberships.is_of_other_device(&room, false) || !is_device {
            let kicked = Phrase::Kicked { room: &room };
            self.show(notice(if is_device { Phrase::LeftElsewhere { room: &room } } else { kicked }));
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
