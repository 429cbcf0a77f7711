//! The names that a client knows, for the Tab key.

use super::complete::Names;
use crate::client::state::ClientState;
use crate::model::Target;

/// Messages of a conversation whose senders are names for the Tab key.
const SPEAKER_ROWS: usize = 100;

/// The conversations of a client and those who speak in them, the latest first.
pub struct CompletionNames<'a>(pub &'a ClientState);

impl Names for CompletionNames<'_> {
    fn users(&self) -> Vec<String> {
        let mut users: Vec<String> = Vec::new();
        for target in self.0.targets() {
            let named = match target {
                Target::User(user) => vec![user.clone()],
                Target::Room(_) => self.0.speakers(target, SPEAKER_ROWS),
            };
            for user in named.into_iter().filter(|user| user != self.0.me()).map(|user| user.to_string()) {
                if !users.contains(&user) {
                    users.push(user);
                }
            }
        }
        users
    }

    fn rooms(&self) -> Vec<String> {
        self.0.targets().into_iter().filter(|target| matches!(target, Target::Room(_))).map(Target::to_string).collect()
    }
}
