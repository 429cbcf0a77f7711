//! The list of conversations: the latest first, with what was not seen in each.

use std::collections::{HashMap, HashSet};

use super::item::mentions_user;
use crate::client::state::ClientState;
use crate::client::state::conversation::Conversation;
use crate::model::{Target, Timestamp};

/// A conversation in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub target: Target,
    pub last: Option<Timestamp>,
    /// Messages that were not seen, and those of them that name the user.
    pub unread: usize,
    pub mentions: usize,
    pub muted: bool,
    pub draft: bool,
}

impl Chat {
    /// Checks that the user wants to be told of it.
    pub fn calls(&self) -> bool {
        !self.muted && (self.mentions > 0 || self.unread > 0 && matches!(self.target, Target::User(_)))
    }
}

/// The messages of each conversation that were not seen, and those of them that name the user, as they were counted last:
/// a drawing counts again only what has changed.
#[derive(Default)]
pub struct Counts(HashMap<Target, (u64, (usize, usize))>);

impl Counts {
    fn of(&mut self, state: &ClientState, target: &Target, conversation: &Conversation) -> (usize, usize) {
        let revision = conversation.revision();
        match self.0.get(target) {
            Some((known, counts)) if *known == revision => *counts,
            _ => {
                let counts = count(state, conversation);
                self.0.insert(target.clone(), (revision, counts));
                counts
            }
        }
    }
}

/// Returns the conversations, the one with the latest message first.
///
/// `open`: the one that is open; `opened`: those that were; `counts`: those of the last call.
pub fn list(
    state: &ClientState,
    open: Option<&Target>,
    opened: &HashSet<Target>,
    drafts: &HashMap<Target, String>,
    counts: &mut Counts,
) -> Vec<Chat> {
    let queued: HashMap<_, _> = state.outbox().iter().map(|message| (&message.to, message.at)).collect();
    let known: HashSet<&Target> = state.conversations().map(|(target, _)| target).collect();
    let others = queued.keys().copied().chain(drafts.keys()).chain(opened).filter(|target| !known.contains(target));
    let all: HashSet<&Target> = known.iter().copied().chain(others).filter(|target| !state.is_hidden(target)).collect();
    let mut chats: Vec<_> = all
        .into_iter()
        .map(|target| {
            let conversation = state.find_conversation(target);
            let last = conversation.and_then(|c| c.rows().rev().find_map(|row| row.at()));
            let (unread, mentions) = conversation.map_or((0, 0), |c| counts.of(state, target, c));
            let draft = open != Some(target) && drafts.contains_key(target);
            let (target, last) = (target.clone(), last.max(queued.get(target).copied()));
            Chat { muted: state.is_muted(&target), target, last, unread, mentions, draft }
        })
        .collect();
    chats.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.target.cmp(&b.target)));
    chats
}

fn count(state: &ClientState, conversation: &Conversation) -> (usize, usize) {
    let new = conversation.received_after(conversation.seen()).filter(|message| !state.is_ignored(&message.from));
    let me = state.me();
    new.fold((0, 0), |(all, named), message| (all + 1, named + usize::from(mentions_user(message, me))))
}
