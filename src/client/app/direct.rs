//! Direct chats as the app sees them: which are open, and to which one what is typed goes.

use std::net::SocketAddr;
use std::sync::Arc;

use super::chat::House;
use super::{Chat, DirectEvent, dial};
use crate::client::agenda::Ask;
use crate::client::app::App;
use crate::client::outbox::Waiting;
use crate::client::texts::{Phrase, words};
use crate::client::view::{View, notice};
use crate::model::{Message, Target, Text, Token, UserName};
use crate::protocol::{Code, Ko};

/// What ends a direct chat, typed alone in one.
const EXIT: &str = "exit";

/// The state of direct chats. The main thread owns it.
#[derive(Default)]
pub struct Direct {
    /// Without one there are no direct chats: from a pipe, say.
    house: Option<House>,
    /// The newest last. With each peer there may be one that I called and one that called me: who call each
    /// other at the same time would not agree on which of the two is the older one.
    chats: Vec<Chat>,
    /// With whom: what is typed goes there.
    current: Option<UserName>,
    /// The answer to a call decides which way the next line goes.
    calling: bool,
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

    /// What is typed goes elsewhere; the chats stay open.
    pub fn leave_aside(&mut self) {
        self.current = None;
    }

    pub fn is_calling(&self) -> bool {
        self.calling
    }

    /// How much of what I said in chats that are open is not confirmed yet.
    pub fn underway(&self) -> usize {
        self.chats.iter().map(Chat::unconfirmed).sum()
    }

    /// How much of what I said is not known to have arrived, and is kept nowhere.
    pub fn lost(&self) -> usize {
        self.unconfirmed.len() + self.underway()
    }

    fn with<'a>(&'a self, peer: &'a UserName) -> impl DoubleEndedIterator<Item = &'a Chat> {
        self.chats.iter().filter(move |chat| chat.peer == *peer)
    }

    /// The chat to which what is typed goes.
    fn chat(&self) -> Option<&Chat> {
        self.with(self.current.as_ref()?).next_back()
    }

    /// Ends the chat to which what is typed goes, if there is one.
    fn end(&self) -> bool {
        let Some(peer) = &self.current else { return false };
        self.with(peer).for_each(Chat::end);
        true
    }
}

impl App {
    /// Takes a text that was typed without a command, if it belongs to a direct chat.
    pub(in crate::client) fn say_directly(&mut self, text: Text) -> Result<Vec<View>, Text> {
        let Some(chat) = self.direct.chat() else { return Err(text) };
        if text.as_str().trim() == EXIT {
            self.direct.end();
            return Ok(Vec::new());
        }
        Ok(vec![match chat.say(text) {
            Some(message) => View::DirectTick { held: false, message },
            None => self.problem(Phrase::DirectSlow),
        }])
    }

    /// `/p2p luis`: goes on with a chat that is open, or calls. No line is taken before the answer: it was
    /// meant for him, and not for the room that is the current chat.
    pub(in crate::client) fn call(&mut self, peer: &UserName) -> Vec<View> {
        if self.direct.house.is_none() {
            return vec![self.problem(Phrase::NoDirectHere)];
        }
        if self.direct.with(peer).next().is_some() {
            self.talk_with(peer);
            return Vec::new();
        }
        let views = self.ask(Ask::Peer(peer.clone()));
        self.direct.calling = views.is_empty();
        if self.direct.calling { vec![notice(Phrase::DirectCalling { peer })] } else { views }
    }

    /// What is typed goes to this peer directly.
    fn talk_with(&mut self, peer: &UserName) {
        self.choose(Some(Target::User(peer.clone())));
        self.direct.current = Some(peer.clone());
    }

    /// The server does not say where to call.
    pub(in crate::client) fn not_called(&mut self, peer: &UserName, ko: &Ko) -> Vec<View> {
        if ko.code != Code::NoUser {
            return self.not_reached(peer, &words::ko(ko));
        }
        self.direct.calling = false;
        self.choose(None);
        vec![self.problem(words::ko(ko))]
    }

    /// Nobody was reached. What is typed goes to the same person, by way of the server.
    pub(in crate::client) fn not_reached(&mut self, peer: &UserName, why: &str) -> Vec<View> {
        self.direct.calling = false;
        self.choose(Some(Target::User(peer.clone())));
        vec![self.problem(Phrase::DirectUnreachable { peer, why: &why })]
    }

    /// `/p2p`: the chats that are open.
    pub(in crate::client) fn list_direct(&self) -> Vec<View> {
        let mut open: Vec<_> = self.direct.chats.iter().map(|chat| chat.peer.to_string()).collect();
        open.sort();
        open.dedup();
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
        if self.direct.end() { Vec::new() } else { vec![self.problem(Phrase::NotDirect)] }
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
            DirectEvent::Opened(chat) => self.opened(chat),
            DirectEvent::Came(message) if self.ignores(&message.from) => Vec::new(),
            DirectEvent::Came(message) => vec![View::Direct(message)],
            DirectEvent::Confirmed(message) => vec![View::DirectTick { held: true, message }],
            DirectEvent::Failed { peer, why } => self.not_reached(&peer, &why),
            DirectEvent::Ended { peer, number, why, unconfirmed } => self.is_over(&peer, number, &why, unconfirmed),
        }
    }

    fn opened(&mut self, chat: Chat) -> Vec<View> {
        let (peer, mine) = (chat.peer.clone(), chat.mine);
        for older in self.direct.with(&peer).filter(|older| older.mine == mine) {
            older.end();
        }
        self.direct.chats.retain(|older| older.peer != peer || older.mine != mine);
        self.direct.chats.push(chat);
        if mine {
            self.direct.calling = false;
            self.talk_with(&peer);
            return vec![notice(Phrase::DirectBegun { peer: &peer })];
        }
        let silent = self.ignores(&peer) || self.direct.current.as_ref() == Some(&peer);
        if silent { Vec::new() } else { vec![notice(Phrase::DirectOffered { peer: &peer })] }
    }

    fn is_over(&mut self, peer: &UserName, number: u64, why: &str, unconfirmed: Vec<Arc<Message>>) -> Vec<View> {
        let left = unconfirmed.len();
        self.direct.unconfirmed.extend(unconfirmed);
        let open = self.direct.chats.len();
        self.direct.chats.retain(|chat| chat.number != number);
        // One that took its place goes on.
        let last = self.direct.chats.len() < open && self.direct.with(peer).next().is_none();
        let mut views = Vec::new();
        if last {
            views.extend(self.is_alone(peer, why));
        }
        if left > 0 {
            views.push(notice(Phrase::DirectUnconfirmed { count: &left, peer }));
        }
        views
    }

    /// The last chat with this peer is over. Of one who is ignored nothing was said before, either.
    fn is_alone(&mut self, peer: &UserName, why: &str) -> Option<View> {
        if self.direct.current.as_ref() == Some(peer) {
            self.direct.leave_aside();
        } else if self.ignores(peer) {
            return None;
        }
        Some(notice(if why.is_empty() {
            Phrase::DirectOver { peer }
        } else {
            Phrase::DirectOverBecause { peer, why: &why }
        }))
    }
}
