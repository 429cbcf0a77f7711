//! The list of conversations: the latest first, with what was not seen in each.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::item::mentions_user;
use crate::client::app::App;
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

    /// Takes an empty conversation off the list.
    pub(super) fn note_closed(&mut self, target: &Target) {
        self.opened.remove(target);
        self.closed.insert(target.clone());
    }

    pub(super) fn filtered(&self, mut chats: Vec<Chat>) -> Vec<Chat> {
        let filter = self.filter.to_lowercase();
        chats.retain(|chat| chat.target.to_string().to_lowercase().contains(&filter));
        chats
    }

    /// Checks that a conversation of the history is not listed: one with nobody, and an empty one that was taken off the list.
    fn is_left_out(&self, target: &Target, conversation: &Conversation) -> bool {
        conversation.is_with_nobody() || self.closed.contains(target) && conversation.is_empty()
    }

    /// Returns the conversations, the one with the latest message first. `open`: the one that is open.
    pub fn all(&self, state: &ClientState, open: Option<&Target>, drafts: &HashMap<Target, String>) -> Vec<Chat> {
        let mut counts = self.counts.borrow_mut();
        let queued: HashMap<_, _> = state.outbox().iter().map(|message| (&message.to, message.at)).collect();
        let known = state.conversations().filter(|(target, conversation)| !self.is_left_out(target, conversation));
        let known = known.map(|(target, _)| target);
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

/// Checks that nothing waits for a conversation, and that nothing was said in it.
pub(super) fn is_empty(app: &App, target: &Target) -> bool {
    let state = app.state();
    let waits =
        state.outbox().iter().any(|message| message.to == *target) || app.unconfirmed_in(target).next().is_some();
    let conversation = state.find_conversation(target);
    !waits && conversation.is_none_or(|conversation| conversation.is_empty() || conversation.is_with_nobody())
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
