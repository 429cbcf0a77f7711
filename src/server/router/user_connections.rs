//! The connections of each user who has logged in.

use std::collections::BTreeSet;

use crate::model::UserName;
use crate::state_machine::ConnectionId;

/// By user, and of one user in the order in which they were accepted. Most users have one connection: a set of pairs takes
/// less memory than a map to lists.
#[derive(Default)]
pub(crate) struct UserConnections(BTreeSet<(UserName, ConnectionId)>);

impl UserConnections {
    pub fn add(&mut self, user: &UserName, id: ConnectionId) {
        self.0.insert((user.clone(), id));
    }

    /// Removes a connection that is being closed.
    pub fn remove(&mut self, user: &UserName, id: ConnectionId) {
        self.0.remove(&(user.clone(), id));
    }

    pub fn of(&self, user: &UserName) -> impl Iterator<Item = ConnectionId> {
        let all = (user.clone(), ConnectionId(0))..=(user.clone(), ConnectionId(u64::MAX));
        self.0.range(all).map(|(_, id)| *id)
    }

    pub fn has(&self, user: &UserName, id: ConnectionId) -> bool {
        self.0.contains(&(user.clone(), id))
    }
}
