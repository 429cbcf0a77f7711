//! The app's part in direct chats.

use std::net::SocketAddr;
use std::sync::Arc;

use super::chats::Chat;
use super::event::Effect;
use super::view::{View, notice};
use super::{App, Destination, Input};
use crate::client::link::request::Request;
use crate::client::p2p::{Action, DirectEvent};
use crate::client::state::outbox::Outgoing;
use crate::client::texts::{Phrase, words};
use crate::limits;
use crate::model::{Message, MessageId, Seq, Target, Text, Token, UserName};
use crate::protocol::{Code, DirectLine, Ko, Peer};

/// The line that ends a direct chat.
const EXIT: &str = "exit";

impl App {
    fn act(&mut self, action: Action) {
        self.effects.push(Effect::Direct(action));
    }

    /// Says a text in the direct chat with this peer.
    pub(super) fn say_directly(&mut self, peer: &UserName, text: Text) -> Vec<View> {
        if text.as_str().trim() == EXIT {
            return self.close_direct();
        }
        let (me, at, now) = (self.state.me().clone(), self.moment.at, self.moment.now);
        let Some(id) = self.new_id() else { return Vec::new() };
        let Some(chat) = self.chats.with(peer).next_back() else { return vec![self.problem(Phrase::NotDirect)] };
        if chat.unconfirmed.len() >= limits::DIRECT_LINES {
            return vec![self.problem(Phrase::DirectSlow)];
        }
        let (to, number) = (Target::User(peer.clone()), chat.number);
        let message = Arc::new(Message { seq: Seq::ZERO, id: id.clone(), from: me, to, at, text: text.clone() });
        chat.unconfirmed.push_back((message.clone(), now));
        self.act(Action::Say { number, id, text });
        vec![View::DirectTick { held: false, message }]
    }

    /// `/p2p luis`: goes on with a chat that is open, or opens one. No line is read before the answer: it is meant
    /// for the peer, and not for the current conversation.
    pub(super) fn open_direct(&mut self, peer: &UserName) -> Vec<View> {
        if !self.setting.direct {
            return vec![self.problem(Phrase::NoDirectHere)];
        }
        if self.chats.with(peer).next().is_some() {
            self.destination = Destination::Direct(peer.clone());
            return Vec::new();
        }
        let views = self.ask_server(Request::Peer(peer.clone()));
        if !views.is_empty() {
            return views;
        }
        self.input = Input::Calling;
        vec![notice(Phrase::DirectCalling { peer })]
    }

    /// `/p2p`: lists the chats that are open.
    pub(super) fn list_direct(&self) -> Vec<View> {
        let open = self.chats.open.iter().filter(|chat| chat.closing.is_none());
        let mut open: Vec<_> = open.map(|chat| chat.peer.to_string()).collect();
        open.sort();
        open.dedup();
        vec![View::Answer(if open.is_empty() { Phrase::NoDirectOpen.to_string() } else { open.join(" ") })]
    }

    /// `/close`: ends the direct chat that is the current one.
    pub(super) fn close_direct(&mut self) -> Vec<View> {
        let Destination::Direct(peer) = self.destination.clone() else {
            return vec![self.problem(Phrase::NotDirect)];
        };
        let numbers: Vec<u64> = self.chats.with(&peer).map(|chat| chat.number).collect();
        numbers.into_iter().for_each(|number| self.close_chat(number, String::new()));
        Vec::new()
    }

    fn close_chat(&mut self, number: u64, why: String) {
        if let Some(chat) = self.chats.find(number) {
            chat.closing = Some(why);
            self.act(Action::Close { number });
        }
    }

    /// Closes the chats in which a message is overdue.
    pub(super) fn close_overdue(&mut self) {
        let overdue = |chat: &&Chat| chat.deadline().is_some_and(|deadline| deadline <= self.moment.now);
        let numbers: Vec<u64> = self.chats.open.iter().filter(overdue).map(|chat| chat.number).collect();
        numbers.into_iter().for_each(|number| self.close_chat(number, Phrase::NoAnswer.to_string()));
    }

    /// The server does not say where the peer is.
    pub(super) fn handle_no_peer(&mut self, peer: &UserName, ko: &Ko) -> Vec<View> {
        if ko.code != Code::NoUser {
            return self.handle_unreachable(peer, &words::ko(ko));
        }
        self.input = Input::Line;
        self.destination = Destination::Nowhere;
        vec![self.problem(words::ko(ko))]
    }

    /// The peer was not reached: lines go to the same user, by way of the server.
    pub(super) fn handle_unreachable(&mut self, peer: &UserName, why: &str) -> Vec<View> {
        if matches!(self.input, Input::Calling) {
            self.input = Input::Line;
        }
        self.destination = Destination::Conversation(Target::User(peer.clone()));
        vec![self.problem(Phrase::DirectUnreachable { peer, why: &why })]
    }

    pub(super) fn connect(&mut self, peer: UserName, at: Peer) -> Vec<View> {
        let address = SocketAddr::new(at.address, at.port);
        self.act(Action::Connect { peer, address, token: at.token });
        Vec::new()
    }

    /// `/resend`: queues the messages that were not confirmed, under their old ids: a peer that has one of them
    /// does not show it twice.
    pub(super) fn resend(&mut self) -> Vec<View> {
        let messages = std::mem::take(&mut self.chats.lost);
        if messages.is_empty() {
            return vec![self.problem(Phrase::AllConfirmed)];
        }
        let outgoing =
            |m: &Arc<Message>| Outgoing { id: m.id.clone(), to: m.to.clone(), at: m.at, text: m.text.clone() };
        messages.iter().flat_map(|message| self.queue(outgoing(message))).collect()
    }

    pub(super) fn handle_direct(&mut self, event: DirectEvent) -> Vec<View> {
        match event {
            DirectEvent::Called { number, caller, token } => {
                let admitted = self.chats.tokens.redeem(number, caller, token, self.moment.now);
                admitted.map_or(Vec::new(), |peer| self.admit(number, peer))
            }
            DirectEvent::Connected { number, peer } => self.add_chat(Chat::new(number, peer, true)),
            DirectEvent::Unreachable { peer, why } => self.handle_unreachable(&peer, &why),
            DirectEvent::Said { number, id, text } => self.handle_said(number, id, text),
            DirectEvent::Confirmed { number, id } => {
                let Some(message) = self.chats.confirm(number, &id) else { return Vec::new() };
                self.state.add_direct(message.clone());
                vec![View::DirectTick { held: true, message }]
            }
            DirectEvent::Closed { number, why } => self.handle_closed(number, why),
        }
    }

    /// The server announces a caller, who may wait already.
    pub(super) fn announce(&mut self, caller: UserName, token: &Token) -> Vec<View> {
        let waiting = self.chats.tokens.announce(&caller, token, self.moment.now);
        waiting.map_or(Vec::new(), |number| self.admit(number, caller))
    }

    fn admit(&mut self, number: u64, peer: UserName) -> Vec<View> {
        self.act(Action::Answer { number, line: DirectLine::Admitted });
        self.add_chat(Chat::new(number, peer, false))
    }

    /// A chat is open; it takes the place of an older one with the same peer, from the same side.
    fn add_chat(&mut self, chat: Chat) -> Vec<View> {
        let (peer, mine) = (chat.peer.clone(), chat.mine);
        let older = self.chats.with(&peer).filter(|older| older.mine == mine).map(|older| older.number);
        let older: Vec<u64> = older.collect();
        older.into_iter().for_each(|number| self.close_chat(number, String::new()));
        self.chats.open.push(chat);
        if mine {
            if matches!(self.input, Input::Calling) {
                self.input = Input::Line;
            }
            self.destination = Destination::Direct(peer.clone());
            return vec![notice(Phrase::DirectBegun { peer: &peer })];
        }
        let silent = self.state.is_ignored(&peer) || self.destination == Destination::Direct(peer.clone());
        if silent { Vec::new() } else { vec![notice(Phrase::DirectOffered { peer: &peer })] }
    }

    /// The peer has sent a message: into the history first, then confirmed.
    fn handle_said(&mut self, number: u64, id: MessageId, text: Text) -> Vec<View> {
        let (to, at) = (Target::User(self.state.me().clone()), self.moment.at);
        let Some(chat) = self.chats.find(number) else { return Vec::new() };
        let message = Arc::new(Message { seq: Seq::ZERO, id: id.clone(), from: chat.peer.clone(), to, at, text });
        let new = self.state.add_direct(message.clone());
        self.act(Action::Answer { number, line: DirectLine::Acknowledged(id) });
        let hidden = !new || self.state.is_ignored(&message.from);
        if hidden { Vec::new() } else { vec![View::Direct(message)] }
    }

    fn handle_closed(&mut self, number: u64, why: String) -> Vec<View> {
        let Some(chat) = self.chats.remove(number) else { return Vec::new() };
        let (peer, left) = (chat.peer, chat.unconfirmed.len());
        self.chats.lost.extend(chat.unconfirmed.into_iter().map(|(message, _)| message));
        let mut views = Vec::new();
        if !self.chats.open.iter().any(|other| other.peer == peer) {
            views.extend(self.handle_last_closed(&peer, &chat.closing.unwrap_or(why)));
        }
        if left > 0 {
            views.push(notice(Phrase::DirectUnconfirmed { count: &left, peer: &peer }));
        }
        views
    }

    /// The last chat with this peer is closed. Of a hidden peer nothing was shown before, either.
    fn handle_last_closed(&mut self, peer: &UserName, why: &str) -> Option<View> {
        if self.destination == Destination::Direct(peer.clone()) {
            self.destination = Destination::Conversation(Target::User(peer.clone()));
        } else if self.state.is_ignored(peer) {
            return None;
        }
        Some(notice(match why {
            "" => Phrase::DirectOver { peer },
            _ => Phrase::DirectOverBecause { peer, why: &why },
        }))
    }
}
