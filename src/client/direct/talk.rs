//! Direct chats as the app sees them: which are open, and to which one what is typed goes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::chat::House;
use super::{Chat, DirectEvent, dial};
use crate::client::agenda::Ask;
use crate::client::app::App;
use crate::client::outbox::Waiting;
use crate::client::texts::Phrase;
use crate::client::view::{View, notice};
use crate::model::{Message, Place, Text, Token, UserName};

/// What ends a direct chat, typed alone in one.
const EXIT: &str = "exit";

/// The state of direct chats. The main thread owns it.
#[derive(Default)]
pub struct Direct {
    /// Without one there are no direct chats: from a pipe, say.
    house: Option<House>,
    chats: HashMap<UserName, Chat>,
    /// With whom: what is typed goes there.
    current: Option<UserName>,
    /// What was not confirmed when its chat ended.
    unconfirmed: Vec<Arc<Message>>,
}

impl Direct {
    pub fn new(house: House) -> Self {
        Self { house: Some(house), ..Self::default() }
    }

    /// What stands before what is typed in a direct chat.
    pub fn prompt(&self) -> Option<String> {
        self.current.as_ref().map(|peer| Phrase::DirectPrompt { peer }.to_string())
    }
}

impl App {
    /// Takes a text that was typed without a command, if it belongs to a direct chat.
    pub(in crate::client) fn say_directly(&mut self, text: Text) -> Result<Vec<View>, Text> {
        let Some(chat) = self.direct.current.as_ref().and_then(|peer| self.direct.chats.get(peer)) else {
            return Err(text);
        };
        if text.as_str().trim() == EXIT {
            chat.end();
            return Ok(Vec::new());
        }
        Ok(vec![match chat.say(text) {
            Some(message) => View::DirectTick { held: false, message },
            None => self.problem(Phrase::DirectSlow),
        }])
    }

    /// `/p2p luis`: goes on with a chat that is open, or calls.
    pub(in crate::client) fn call(&mut self, peer: &UserName) -> Vec<View> {
        if self.direct.house.is_none() {
            return vec![self.problem(Phrase::NoDirectHere)];
        }
        if self.direct.chats.contains_key(peer) {
            self.direct.current = Some(peer.clone());
            return Vec::new();
        }
        self.ask(Ask::Peer(peer.clone()))
    }

    /// `/p2p`: the chats that are open.
    pub(in crate::client) fn list_direct(&self) -> Vec<View> {
        let mut open: Vec<_> = self.direct.chats.keys().map(ToString::to_string).collect();
        open.sort();
        let line = if open.is_empty() { Phrase::NoDirectOpen.to_string() } else { open.join(" ") };
        vec![View::Answer(line)]
    }

    /// The server has said where to call.
    pub(in crate::client) fn dial(&mut self, peer: UserName, address: SocketAddr, token: Token) -> Vec<View> {
        if let Some(house) = &self.direct.house {
            dial(house.clone(), peer, address, token);
        }
        Vec::new()
    }

    /// `/close`: ends the direct chat that is the current one.
    pub(in crate::client) fn hang_up(&mut self) -> Vec<View> {
        match self.direct.current.as_ref().and_then(|peer| self.direct.chats.get(peer)) {
            Some(chat) => {
                chat.end();
                Vec::new()
            }
            None => vec![self.problem(Phrase::NotDirect)],
        }
    }

    /// `/resend`: what was not confirmed goes by way of the server, under its old ids: whoever has it
    /// already does not see it twice.
    pub(in crate::client) fn resend(&mut self) -> Vec<View> {
        let messages: Vec<_> = std::mem::take(&mut self.direct.unconfirmed);
        if messages.is_empty() {
            return vec![self.problem(Phrase::AllConfirmed)];
        }
        let waiting = |message: &Arc<Message>| Waiting {
            id: message.id.clone(),
            to: message.to.clone(),
            at: message.at,
            text: message.text.clone(),
        };
        messages.iter().flat_map(|message| self.queue(waiting(message))).collect()
    }

    pub(in crate::client) fn direct(&mut self, event: DirectEvent) -> Vec<View> {
        match event {
            DirectEvent::Opened { chat, mine } => self.opened(chat, mine),
            DirectEvent::Came(message) if self.ignores(&message.from) => Vec::new(),
            DirectEvent::Came(message) => vec![View::Direct(message)],
            DirectEvent::Confirmed(message) => vec![View::DirectTick { held: true, message }],
            DirectEvent::Failed { peer, why } => {
                vec![self.problem(Phrase::DirectUnreachable { peer: &peer, why: &why })]
            }
            DirectEvent::Ended { peer, number, why, unconfirmed } => self.is_over(&peer, number, &why, unconfirmed),
        }
    }

    fn opened(&mut self, chat: Chat, mine: bool) -> Vec<View> {
        let peer = chat.peer.clone();
        let hidden = !mine && self.ignores(&peer);
        let notice = if mine {
            self.direct.current = Some(peer.clone());
            Phrase::DirectBegun { peer: &peer }.to_string()
        } else {
            Phrase::DirectOffered { peer: &peer }.to_string()
        };
        if let Some(older) = self.direct.chats.insert(peer, chat) {
            older.end();
        }
        if hidden { Vec::new() } else { vec![View::Notice(notice)] }
    }

    fn is_over(&mut self, peer: &UserName, number: u64, why: &str, unconfirmed: Vec<Arc<Message>>) -> Vec<View> {
        let left = unconfirmed.len();
        self.direct.unconfirmed.extend(unconfirmed);
        let mut views = Vec::new();
        // One that took its place goes on.
        if self.direct.chats.get(peer).is_some_and(|chat| chat.number == number) {
            self.direct.chats.remove(peer);
            if self.direct.current.as_ref() == Some(peer) {
                self.direct.current = None;
                self.current = Some(Place::User(peer.clone()));
            }
            views.push(notice(if why.is_empty() {
                Phrase::DirectOver { peer }
            } else {
                Phrase::DirectOverBecause { peer, why: &why }
            }));
        }
        if left > 0 {
            views.push(notice(Phrase::DirectUnconfirmed { count: &left, peer }));
        }
        views
    }
}
