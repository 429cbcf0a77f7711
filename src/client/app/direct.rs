//! The app's part in direct chats.

use std::sync::Arc;

use super::chats::Chat;
use super::destination::Destination;
use super::event::Effect;
use super::view::{View, answer, notice};
use super::{App, Input};
use crate::client::link::request::Request;
use crate::client::p2p::event::{Action, DirectEvent};
use crate::client::state::outgoing::Outgoing;
use crate::limits;
use crate::model::{Message, MessageId, Proof, Seq, Target, Text, UserName};
use crate::protocol::reply::Permit;
use crate::protocol::{Code, DirectLine, Ko};
use crate::texts::{Phrase, words};

/// The line that ends a direct chat.
const EXIT: &str = "exit";

impl App {
    pub(super) fn act(&mut self, action: Action) {
        self.output.effects.push(Effect::Direct(action));
    }

    /// Says a text in the direct chat with this peer.
    pub(super) fn say_directly(&mut self, peer: &UserName, text: Text) {
        if text.as_str().trim() == EXIT {
            return self.close_direct();
        }
        let me = self.state.me().clone();
        let at = self.context.at;
        let now = self.context.now;
        let Some(id) = self.context.message_id() else { return };
        let Some(chat) = self.chats.with(peer).next_back() else { return self.problem(Phrase::NotDirect) };
        if chat.unconfirmed.len() >= limits::DIRECT_LINES {
            return self.problem(Phrase::DirectSlow);
        }
        let to = Target::User(peer.clone());
        let number = chat.number;
        let is_sent = chat.heard || chat.unconfirmed.is_empty();
        let message = Arc::new(Message { seq: Seq::ZERO, id: id.clone(), from: me, to, at, text: text.clone() });
        chat.unconfirmed.push_back((message.clone(), now));
        if is_sent {
            self.act(Action::Say { number, id, text });
        }
        self.show(View::DirectTick { held: false, message });
    }

    /// `/p2p luis`: goes on with a chat that is open, or opens one. No line is read before the answer: it is meant
    /// for the peer, and not for the current conversation.
    pub(super) fn open_direct(&mut self, peer: &UserName) {
        if !self.setting.direct {
            self.problem(Phrase::NoDirectHere);
        } else if *peer == *self.state.me() {
            self.problem(Phrase::DirectToYourself);
            self.refuse_hasty_texts();
        } else if self.state.is_ignored(peer) {
            self.problem(Phrase::IsIgnored { user: peer });
            self.refuse_hasty_texts();
        } else if self.chats.with(peer).next().is_some() {
            self.chats.accepted.insert(peer.clone());
            self.destination = Destination::Direct(peer.clone());
        } else if self.ask_server(Request::Peer(peer.clone())) {
            self.chats.accepted.insert(peer.clone());
            self.input = Input::Calling;
            self.show(notice(Phrase::DirectCalling { peer }));
        }
    }

    /// `/p2p`: lists the chats that are open.
    pub(super) fn list_direct(&mut self) {
        self.list_peers(|chat| chat.accepted && chat.closing.is_none(), Phrase::NoDirectOpen);
    }

    fn list_peers(&mut self, wanted: impl Fn(&Chat) -> bool, none: Phrase) {
        let chats = self.chats.open.iter().filter(|chat| wanted(chat));
        let mut peers: Vec<_> = chats.map(|chat| chat.peer.to_string()).collect();
        peers.sort();
        peers.dedup();
        self.show(if peers.is_empty() { answer(none) } else { answer(peers.join(" ")) });
    }

    /// `/accept ana`: takes the chat that a caller wants, and answers in it. If the server has let none through, it lets the
    /// caller through the next time. `/accept`: lists the callers who wait.
    pub(super) fn accept_call(&mut self, caller: Option<&UserName>) {
        if !self.setting.direct {
            return self.problem(Phrase::NoDirectHere);
        }
        let Some(caller) = caller else { return self.list_peers(Chat::is_waiting, Phrase::NoCallers) };
        let Some(peer) = self.chats.with(caller).next().map(|chat| chat.peer.clone()) else {
            if self.state.is_ignored(caller) {
                self.problem(Phrase::IsIgnored { user: caller });
            } else {
                self.ask_server(Request::Permit(caller.clone(), true));
            }
            return self.refuse_hasty_texts();
        };
        self.chats.accepted.insert(peer.clone());
        self.show(notice(Phrase::DirectBegun { peer: &peer }));
        self.destination = Destination::Direct(peer);
    }

    /// `/deny ana`: ends the calls of a user that wait to be accepted. Nothing is stored, here or on the server: the next call
    /// is shown again.
    pub(super) fn deny_call(&mut self, caller: &UserName) {
        if !self.setting.direct {
            return self.problem(Phrase::NoDirectHere);
        }
        let waiting = self.chats.with(caller).find(|chat| chat.is_waiting()).map(|chat| chat.peer.clone());
        self.close_chats("", |chat| chat.peer == *caller && chat.is_waiting());
        self.show(notice(match &waiting {
            Some(user) => Phrase::Denied { user },
            None => Phrase::NothingDenied { user: caller },
        }));
    }

    /// The server has not let a caller through.
    pub(super) fn report_call(&mut self, caller: &UserName) {
        if self.setting.direct {
            self.show(notice(Phrase::DirectNotLetThrough { peer: caller }));
        }
    }

    /// The server lets a user call from now on, or not: one who may is heard without `/accept`.
    pub(super) fn handle_permit(&mut self, user: &UserName, permitted: bool) {
        match permitted {
            true => _ = self.chats.accepted.insert(user.clone()),
            false => _ = self.chats.accepted.remove(user),
        }
        self.show(notice(if permitted { Phrase::Permitted { user } } else { Phrase::NotPermitted { user } }));
    }

    pub(super) fn list_permits(&mut self, permits: &[Permit]) {
        let row = |Permit { user, permitted }: &Permit| {
            answer(if *permitted { Phrase::PermittedRow { user } } else { Phrase::NotPermittedRow { user } })
        };
        self.show_all(permits.iter().map(row), Phrase::NobodyPermitted);
    }

    /// Checks that the user wants to hear a caller: one who was called or accepted, or to whom the user has written.
    fn accepts(&self, caller: &UserName) -> bool {
        self.chats.accepted.contains(caller) || self.state.has_written_to(caller)
    }

    /// Takes what callers have said who are accepted by now.
    pub(super) fn release_callers(&mut self) {
        let waiting = self.chats.open.iter().filter(|chat| chat.is_waiting() && self.accepts(&chat.peer));
        let numbers: Vec<_> = waiting.map(|chat| chat.number).collect();
        for number in numbers {
            let Some(chat) = self.chats.find(number) else { continue };
            chat.accepted = true;
            let said = chat.waiting.take();
            self.act(Action::Accept { number });
            if let Some((id, text)) = said {
                self.handle_said(number, id, text);
            }
        }
    }

    /// Ends what goes on with a user whose messages are hidden from now on.
    pub(super) fn end_calls_of(&mut self, hidden: &UserName) {
        self.chats.accepted.remove(hidden);
        self.close_chats("", |chat| chat.peer == *hidden);
    }

    /// `/close`: ends the direct chat that is the current one.
    pub(super) fn close_direct(&mut self) {
        match self.destination.clone() {
            Destination::Direct(peer) => self.close_chats("", |chat| chat.peer == peer),
            _ => self.problem(Phrase::NotDirect),
        }
    }

    fn close_chats(&mut self, why: &str, chosen: impl Fn(&Chat) -> bool) {
        for chat in self.chats.open.iter_mut().filter(|chat| chat.closing.is_none() && chosen(chat)) {
            chat.closing = Some(why.to_owned());
            self.output.effects.push(Effect::Direct(Action::Close { number: chat.number }));
        }
    }

    /// Closes the chats in which a message or the user is overdue. Of a call that the other user may still accept the
    /// user is told first that the messages wait.
    pub(super) fn close_overdue(&mut self) {
        let now = self.context.now;
        let overdue = |chat: &Chat| chat.deadline().is_some_and(|deadline| deadline <= now);
        let late = self.chats.open.iter_mut().filter(|chat| overdue(chat));
        let peers: Vec<_> = late.filter_map(|chat| chat.begins_to_wait().then(|| chat.peer.clone())).collect();
        peers.iter().for_each(|peer| self.show(notice(Phrase::DirectWaits { peer })));
        self.close_chats(&Phrase::NoAnswer.to_string(), overdue);
    }

    /// The server does not say where the peer is.
    pub(super) fn handle_no_peer(&mut self, peer: &UserName, ko: &Ko) {
        if ko.code == Code::NoUser {
            self.handle_no_call(Phrase::NoSuchUser { user: peer });
        } else {
            self.handle_unreachable(peer, &words::ko(ko));
        }
    }

    pub(super) fn handle_peer_takes_none(&mut self, peer: &UserName, online: bool) {
        let why = if online { Phrase::TakesNoDirect } else { Phrase::NotOnline };
        self.handle_unreachable(peer, &why.to_string());
    }

    pub(super) fn handle_unreachable(&mut self, peer: &UserName, why: &str) {
        self.handle_no_call(Phrase::DirectUnreachable { peer, why: &why });
    }

    /// There is no direct chat: the current conversation stays as it was.
    fn handle_no_call(&mut self, why: Phrase) {
        if matches!(self.input, Input::Calling) {
            self.input = Input::Line;
        }
        self.problem(why);
        self.refuse_hasty_texts();
    }

    /// `/resend`: queues the messages that were not confirmed, under their old ids: a peer that has one of them
    /// does not show it twice.
    pub(super) fn resend(&mut self) {
        let messages = std::mem::take(&mut self.chats.lost);
        if messages.is_empty() {
            return self.problem(Phrase::AllConfirmed);
        }
        for m in messages {
            self.queue(Outgoing { id: m.id.clone(), to: m.to.clone(), at: m.at, text: m.text.clone() });
        }
    }

    pub(super) fn handle_direct(&mut self, event: DirectEvent) {
        match event {
            DirectEvent::Called { number, caller, proof } => {
                if let Some(peer) = self.chats.expected.redeem(number, caller, proof, self.context.now) {
                    self.admit(number, peer);
                }
            }
            DirectEvent::Connected { number, peer } => self.add_chat(Chat::calling(number, peer, self.context.now)),
            DirectEvent::Unreachable { peer, why } => self.handle_unreachable(&peer, &why),
            DirectEvent::Said { number, id, text } => {
                self.note_heard(number);
                self.handle_said(number, id, text);
            }
            DirectEvent::Confirmed { number, id } => {
                self.note_heard(number);
                let Some(message) = self.chats.confirm(number, &id) else { return };
                self.state.add_direct(message.clone());
                self.show(View::DirectTick { held: true, message });
            }
            DirectEvent::Closed { number, why } => self.handle_closed(number, why),
        }
    }

    /// The peer's user has accepted the call: what has waited for that is sent.
    fn note_heard(&mut self, number: u64) {
        let Some(chat) = self.chats.find(number) else { return };
        for message in chat.note_heard(self.context.now) {
            self.act(Action::Say { number, id: message.id.clone(), text: message.text.clone() });
        }
    }

    /// The server announces a caller, who may wait already.
    pub(super) fn announce(&mut self, caller: UserName, proof: &Proof) {
        if let Some(number) = self.chats.expected.announce(&caller, proof, self.context.now) {
            self.admit(number, caller);
        }
    }

    /// Admits a caller with a good proof, unless the user has hidden the caller's messages.
    fn admit(&mut self, number: u64, peer: UserName) {
        if self.state.is_ignored(&peer) {
            return self.act(Action::Answer { number, line: DirectLine::refusal() });
        }
        self.act(Action::Answer { number, line: DirectLine::Admitted });
        let accepted = self.accepts(&peer);
        if accepted {
            self.act(Action::Accept { number });
        }
        self.add_chat(Chat::called(number, peer, accepted, self.context.now));
    }

    /// A chat is open; it takes the place of an older one with the same peer, from the same side.
    fn add_chat(&mut self, chat: Chat) {
        let peer = chat.peer.clone();
        let mine = chat.mine;
        let accepted = chat.accepted;
        self.close_chats("", |older| older.peer == peer && older.mine == mine);
        self.chats.open.push(chat);
        if mine {
            if matches!(self.input, Input::Calling) {
                self.input = Input::Line;
            }
            self.show(notice(Phrase::DirectBegun { peer: &peer }));
            self.destination = Destination::Direct(peer);
        } else if !accepted {
            self.show(notice(Phrase::DirectAsks { peer: &peer }));
        } else if self.destination != Destination::Direct(peer.clone()) {
            self.show(notice(Phrase::DirectOffered { peer: &peer }));
        }
    }

    /// The peer has sent a message: into the history first, then confirmed. That of a caller who is not accepted waits, and
    /// its reader with it.
    fn handle_said(&mut self, number: u64, id: MessageId, text: Text) {
        let to = Target::User(self.state.me().clone());
        let at = self.context.at;
        let Some(chat) = self.chats.find(number).filter(|chat| chat.closing.is_none()) else { return };
        if !chat.accepted {
            chat.waiting = Some((id, text));
            return;
        }
        let from = chat.peer.clone();
        if !self.chats.volume.add(&from, &text, at) {
            return self.end_over_quota(number);
        }
        let message = Arc::new(Message { seq: Seq::ZERO, id: id.clone(), from, to, at, text });
        let new = self.state.add_direct(message.clone());
        self.act(Action::Answer { number, line: DirectLine::Acknowledged(id) });
        if new && !self.state.is_ignored(&message.from) {
            self.last_writer = Some(message.from.clone());
            self.show(View::Direct(message));
        }
    }

    /// The peer has sent more than is taken in a day: both sides are told, and the chat ends.
    fn end_over_quota(&mut self, number: u64) {
        let mib = limits::DIRECT_MIB_PER_DAY;
        let ko = Ko::new(Code::Quota, format_args!("no more than {mib} MiB a day are taken from you directly"));
        self.act(Action::Answer { number, line: DirectLine::Ko(ko) });
        if let Some(chat) = self.chats.find(number) {
            chat.closing = Some(Phrase::DirectQuota { mib: &mib }.to_string());
        }
    }

    fn handle_closed(&mut self, number: u64, why: String) {
        // Of a caller who was not accepted nothing but the call was shown.
        let Some(chat) = self.chats.remove(number).filter(|chat| chat.accepted) else { return };
        let peer = chat.peer;
        let left = chat.unconfirmed.len();
        self.chats.lost.extend(chat.unconfirmed.into_iter().map(|(message, _)| message));
        if !self.chats.open.iter().any(|other| other.peer == peer) {
            self.handle_last_closed(&peer, &chat.closing.unwrap_or(why));
        }
        if left > 0 {
            self.show(notice(Phrase::DirectUnconfirmed { count: &left, peer: &peer }));
        }
    }

    /// The last chat with this peer is closed. Of a hidden peer nothing was shown before, either.
    fn handle_last_closed(&mut self, peer: &UserName, why: &str) {
        if self.destination == Destination::Direct(peer.clone()) {
            self.destination = Destination::Conversation(Target::User(peer.clone()));
        } else if self.state.is_ignored(peer) {
            return;
        }
        self.show(notice(match why {
            "" => Phrase::DirectOver { peer },
            _ => Phrase::DirectOverBecause { peer, why: &why },
        }));
    }
}
