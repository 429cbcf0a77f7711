//! The list of conversations: the latest first, with what was not seen in each.

use std::cell::RefCell;
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
struct Counts(HashMap<Target, (u64, (usize, usize))>);

impl Counts {
    fn of(&mut self, state: &ClientState, target: &Target, conversation: &Conversation) -> (usize, usize) {
        let revision = conversation.revision;
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

/// The list of chats, as the user sees it.
#[derive(Default)]
pub(super) struct ChatList {
    /// The text that the names of the listed chats hold.
    pub filter: String,
    /// The conversations that were open in this run: they are listed even if nothing was said there.
    opened: HashSet<Target>,
    /// Those that the user has taken off the list: they are not listed until something is said there.
    closed: HashSet<Target>,
    counts: RefCell<Counts>,
}

impl ChatList {
    pub(super) fn note_opened(&mut self, target: &Target) {
        self.opened.insert(target.clone());
        self.closed.remove(target);
    }

    /// Takes a conversation off the list. `false`: it is not empty, and stays.
    pub(super) fn close(&mut self, state: &ClientState, chat: &Chat) -> bool {
        let is_closed = !chat.draft && is_empty(state, &chat.target);
        if is_closed {
            self.opened.remove(&chat.target);
            self.closed.insert(chat.target.clone());
        }
        is_closed
    }

    pub(super) fn filtered(&self, mut chats: Vec<Chat>) -> Vec<Chat> {
        let filter = self.filter.to_lowercase();
        chats.retain(|chat| chat.target.to_string().to_lowercase().contains(&filter));
        chats
    }

    /// Checks that a conversation is listed for what was said in it: no user may have the name to which all messages were
    /// refused.
    fn is_worth_listing(&self, state: &ClientState, target: &Target) -> bool {
        let is_refused = || state.find_conversation(target).is_some_and(|conversation| conversation.has_only_refused());
        !is_refused() && !(self.closed.contains(target) && is_empty(state, target))
    }

    /// Returns the conversations, the one with the latest message first. `open`: the one that is open.
    pub fn all(&self, state: &ClientState, open: Option<&Target>, drafts: &HashMap<Target, String>) -> Vec<Chat> {
        let mut counts = self.counts.borrow_mut();
        let queued: HashMap<_, _> = state.outbox().iter().map(|message| (&message.to, message.at)).collect();
        let known = state.conversations().map(|(target, _)| target);
        let known = known.filter(|target| self.is_worth_listing(state, target));
        let named: HashSet<&Target> =
            known.chain(queued.keys().copied()).chain(drafts.keys()).chain(&self.opened).chain(open).collect();
        let mut chats = Vec::new();
        for target in named.into_iter().filter(|target| !state.is_hidden(target)) {
            let conversation = state.find_conversation(target);
            let last = conversation.and_then(|c| c.rows().rev().find_map(|row| row.at()));
            let last = last.max(queued.get(target).copied());
            let (unread, mentions) = conversation.map_or((0, 0), |c| counts.of(state, target, c));
            let draft = open != Some(target) && drafts.contains_key(target);
            chats.push(Chat { muted: state.is_muted(target), target: target.clone(), last, unread, mentions, draft });
        }
        chats.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.target.cmp(&b.target)));
        chats
    }
}

/// Checks that nothing waits for a conversation, and that nothing was said in it but messages that were refused.
fn is_empty(state: &ClientState, target: &Target) -> bool {
    let is_queued = state.outbox().iter().any(|message| message.to == *target);
    let conversation = state.find_conversation(target);
    !is_queued && conversation.is_none_or(|conversation| conversation.is_empty() || conversation.has_only_refused())
}

/// Returns the first chat that is listed, so that the chosen one is among those that fit.
pub(super) fn first_listed(count: usize, chosen: Option<usize>, height: u16) -> usize {
    let height = usize::from(height).max(1);
    chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(height).min(count.saturating_sub(height)))
}

fn count(state: &ClientState, conversation: &Conversation) -> (usize, usize) {
    let new = conversation.received_after(conversation.seen()).filter(|message| !state.is_ignored(&message.from));
    let me = state.me();
    new.fold((0, 0), |(all, named), message| (all + 1, named + usize::from(mentions_user(message, me))))
}
