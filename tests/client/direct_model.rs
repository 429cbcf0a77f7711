//! A model of the direct chats of one user: what is shown, and what the connections are to do (protocol, section 8).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::client::stage::{target, user};
use wachat::client::app::destination::Destination;
use wachat::limits;
use wachat::model::MessageId;

pub type Said = (MessageId, String);

#[derive(Clone, Debug)]
pub struct Chat {
    pub number: u64,
    pub peer: &'static str,
    pub mine: bool,
    pub accepted: bool,
    /// The other user has accepted the call, or has called.
    pub heard: bool,
    pub told: bool,
    since: Instant,
    /// Messages of a caller who is not accepted.
    pub waiting: Option<Said>,
    pub unconfirmed: Vec<(Said, Instant)>,
    pub closing: Option<String>,
}

impl Chat {
    /// The context at which one side is overdue.
    fn deadline(&self) -> Option<Instant> {
        let first = self.unconfirmed.first().map(|(_, since)| *since);
        match self {
            Self { closing: Some(_), .. } => None,
            Self { accepted: false, .. } => Some(self.since + limits::CALL_TIME),
            Self { heard: true, .. } => first.map(|since| since + limits::TIMEOUT),
            Self { told: false, .. } => first.map(|since| since + limits::CALL_NOTICE),
            _ => first.map(|since| since + limits::CALL_TIME),
        }
    }
}

#[derive(Default)]
pub struct Model {
    pub chats: Vec<Chat>,
    pub called: HashSet<&'static str>,
    pub written: HashSet<&'static str>,
    pub hidden: HashSet<&'static str>,
    /// Content of the history.
    pub kept: HashSet<MessageId>,
    pub lost: Vec<(&'static str, Said)>,
    pub open: Option<Destination>,
    pub shown: Vec<String>,
    pub actions: Vec<String>,
}

impl Model {
    pub fn show(&mut self, line: impl Into<String>) {
        self.shown.push(line.into());
    }

    pub fn act(&mut self, action: impl Into<String>) {
        self.actions.push(action.into());
    }

    pub fn find(&mut self, number: u64) -> Option<&mut Chat> {
        self.chats.iter_mut().find(|chat| chat.number == number)
    }

    pub fn is_open(&self, peer: &str) -> bool {
        self.chats.iter().any(|chat| chat.peer == peer && chat.closing.is_none())
    }

    pub fn is_direct(&self, peer: &str) -> bool {
        self.open == Some(Destination::Direct(user(peer)))
    }

    pub fn choose(&mut self, peer: &str) {
        self.open = Some(Destination::Direct(user(peer)));
    }

    fn wants_to_hear(&self, peer: &str) -> bool {
        self.called.contains(peer) || self.written.contains(peer)
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.chats.iter().filter_map(Chat::deadline).min()
    }

    /// Closes those of the chats that are open.
    pub fn close(&mut self, why: &str, is_chosen: impl Fn(&Chat) -> bool) {
        for chat in self.chats.iter_mut().filter(|chat| chat.closing.is_none() && is_chosen(chat)) {
            chat.closing = Some(why.to_owned());
            self.actions.push(format!("close {}", chat.number));
        }
    }

    /// A caller has a good token.
    pub fn admit(&mut self, number: u64, peer: &'static str, now: Instant) {
        if self.hidden.contains(peer) {
            return self.act(format!("answer {number}: KO;AUTH;no caller with this name and token is expected"));
        }
        self.act(format!("answer {number}: OK"));
        let accepted = self.wants_to_hear(peer);
        if accepted {
            self.act(format!("accept {number}"));
        }
        self.add(number, peer, false, accepted, now);
        if !accepted {
            self.show(format!("* {peer} wants to chat directly; /accept {peer} or /deny {peer}"));
        } else if !self.is_direct(peer) {
            self.show(format!("* {peer} has opened a direct chat with you; /p2p {peer} to answer in it"));
        }
    }

    /// The peer has admitted the user.
    pub fn connect(&mut self, number: u64, peer: &'static str, now: Instant) {
        self.add(number, peer, true, true, now);
        self.begin(peer);
    }

    pub fn begin(&mut self, peer: &str) {
        let until = "without the server, until exit or /close";
        self.show(format!("* direct chat with {peer}: what you type goes to {peer} {until}"));
        self.choose(peer);
    }

    fn add(&mut self, number: u64, peer: &'static str, mine: bool, accepted: bool, since: Instant) {
        self.close("", |older| older.peer == peer && older.mine == mine);
        let (waiting, unconfirmed, closing) = Default::default();
        self.chats.push(Chat {
            number,
            peer,
            mine,
            accepted,
            heard: !mine,
            told: false,
            since,
            waiting,
            unconfirmed,
            closing,
        });
    }

    /// Accepts the callers whom the user wants to hear by now: their messages are stored and confirmed.
    pub fn release(&mut self) {
        let is_waiting = |chat: &&Chat| !chat.accepted && chat.closing.is_none() && self.wants_to_hear(chat.peer);
        let numbers: Vec<_> = self.chats.iter().filter(is_waiting).map(|chat| chat.number).collect();
        for number in numbers {
            self.act(format!("accept {number}"));
            let chat = self.find(number).unwrap();
            chat.accepted = true;
            if let Some(said) = chat.waiting.take() {
                self.hear(number, said);
            }
        }
    }

    /// A line of the peer has come.
    pub fn hear(&mut self, number: u64, (id, text): Said) {
        let Some(chat) = self.find(number).filter(|chat| chat.closing.is_none()) else { return };
        if !chat.accepted {
            chat.waiting = Some((id, text));
            return;
        }
        let peer = chat.peer;
        self.act(format!("answer {number}: OK;{}", id.as_str()));
        if self.kept.insert(id) {
            self.show(format!("directly, {peer}: {text}"));
        }
    }

    /// A sign of life of the peer: with the first one the lines follow that have waited after the first.
    pub fn note_heard(&mut self, number: u64, now: Instant) {
        let Some(chat) = self.find(number).filter(|chat| !chat.heard) else { return };
        chat.heard = true;
        chat.unconfirmed.iter_mut().for_each(|(_, since)| *since = now);
        let waited: Vec<_> = chat.unconfirmed.iter().skip(1).map(|(said, _)| said.clone()).collect();
        waited.iter().for_each(|(id, text)| self.act(format!("say {number}: {} {text}", id.as_str())));
    }

    pub fn say(&mut self, peer: &str, id: MessageId, text: &str, now: Instant) {
        let Some(chat) = self.chats.iter_mut().rfind(|chat| chat.peer == peer && chat.closing.is_none()) else {
            return self.show("! this is no direct chat; /p2p <user> opens one");
        };
        let is_sent = chat.heard || chat.unconfirmed.is_empty();
        let number = chat.number;
        chat.unconfirmed.push(((id.clone(), text.to_owned()), now));
        if is_sent {
            self.act(format!("say {number}: {} {text}", id.as_str()));
        }
        self.show(format!("said, directly to {peer}: {text}"));
    }

    pub fn confirm(&mut self, number: u64, id: &MessageId, now: Instant) {
        self.note_heard(number, now);
        let Some(chat) = self.find(number) else { return };
        let Some(at) = chat.unconfirmed.iter().position(|((said, _), _)| said == id) else { return };
        let ((id, text), _) = chat.unconfirmed.remove(at);
        let peer = chat.peer;
        self.kept.insert(id);
        self.written.insert(peer);
        self.show(format!("held, directly to {peer}: {text}"));
    }

    /// A connection is closed. Of a caller who was not accepted, or is hidden, nothing is said.
    pub fn end(&mut self, number: u64, why: &str) {
        let Some(at) = self.chats.iter().position(|chat| chat.number == number) else { return };
        let chat = self.chats.remove(at);
        if !chat.accepted {
            return;
        }
        let peer = chat.peer;
        let left = chat.unconfirmed.len();
        self.lost.extend(chat.unconfirmed.into_iter().map(|(said, _)| (peer, said)));
        if !self.chats.iter().any(|other| other.peer == peer) {
            let why = chat.closing.unwrap_or(why.to_owned());
            let because = if why.is_empty() { why } else { format!(" ({why})") };
            let goes = format!("what you write to {peer} goes by way of the server");
            if self.is_direct(peer) {
                self.open = Some(Destination::Conversation(target(peer)));
                self.show(format!("* the direct chat with {peer} is over{because}; {goes}"));
            } else if !self.hidden.contains(peer) {
                self.show(format!("* the direct chat with {peer} is over{because}; {goes}"));
            }
        }
        if left > 0 {
            let what = "/resend sends by way of the server what may not have arrived";
            self.show(format!("* {left} not confirmed by {peer}: {what}"));
        }
    }

    /// Time has passed: of a call that nobody has accepted yet the user is told once; who is overdue is cut off.
    pub fn pass_time(&mut self, now: Instant) {
        let is_late = |chat: &Chat| chat.deadline().is_some_and(|at| at <= now);
        let mut told = Vec::new();
        for chat in self.chats.iter_mut().filter(|chat| is_late(chat) && chat.accepted && !chat.heard && !chat.told) {
            chat.told = true;
            told.push(chat.peer);
        }
        for peer in told {
            self.show(format!("* {peer} has not accepted the direct chat yet: what you write waits until then"));
        }
        self.close("no answer came", is_late);
    }

    /// The peers of some of the chats, each once.
    pub fn peers(&self, is_listed: impl Fn(&Chat) -> bool, none: &str) -> String {
        let mut peers: Vec<_> = self.chats.iter().filter(|chat| is_listed(chat)).map(|chat| chat.peer).collect();
        peers.sort_unstable();
        peers.dedup();
        if peers.is_empty() { none.to_owned() } else { peers.join(" ") }
    }

    pub fn unconfirmed(&self) -> usize {
        self.lost.len() + self.chats.iter().map(|chat| chat.unconfirmed.len()).sum::<usize>()
    }
}

/// Time steps that matter to some deadline, or to none.
pub const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(1_600),
    Duration::from_millis(1_999),
    Duration::from_secs(10),
    Duration::from_secs(300),
];
