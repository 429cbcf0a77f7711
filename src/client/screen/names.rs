//! The names that the Tab key completes.

use std::collections::BTreeSet;

use crate::client::app::App;
use crate::client::terminal::complete::Names;
use crate::model::Target;

/// The names that an app has met: of conversations, and of those who wrote in them.
pub struct AppNames<'a>(pub &'a App);

impl Names for AppNames<'_> {
    fn users(&self) -> Vec<String> {
        let state = self.0.state();
        let peers = state.conversations().filter_map(|(target, _)| match target {
            Target::User(user) => Some(user.to_string()),
            Target::Room(_) => None,
        });
        let senders = state.conversations().flat_map(|(_, c)| c.rows()).filter_map(|row| row.sender());
        let names: BTreeSet<_> = peers.chain(senders.map(ToString::to_string)).collect();
        names.into_iter().collect()
    }

    fn rooms(&self) -> Vec<String> {
        let rooms = self.0.state().conversations().filter(|(target, _)| matches!(target, Target::Room(_)));
        let names: BTreeSet<_> = rooms.map(|(target, _)| target.to_string()).collect();
        names.into_iter().collect()
    }
}
