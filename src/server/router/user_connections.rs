//! The connections of each user who has logged in.

use hashbrown::HashMap;

use crate::model::UserName;
use crate::state_machine::ConnectionId;

/// By user, in the order of the logins.
#[derive(Default)]
pub(crate) struct UserConnections(HashMap<UserName, Vec<ConnectionId>>);

impl UserConnections {
    pub fn add(&mut self, user: &UserName, id: ConnectionId) {
        self.0.entry_ref(user).or_default().push(id);
    }

    /// Removes a connection that is being closed.
    pub fn remove(&mut self, user: &UserName, id: ConnectionId) {
        if let Some(ids) = self.0.get_mut(user) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.0.remove(user);
            }
        }
    }

    pub fn of(&self, user: &UserName) -> &[ConnectionId] {
        self.0.get(user).map_or(&[], Vec::as_slice)
    }
}
