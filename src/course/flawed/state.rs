//! Accounts, messages, receipts: what the records of the log make. The same records give the same state, so a restart is a
//! replay.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpStream;

use crate::record::{Fields, escape};

pub struct Account {
    pub shown: String,
    pub password: String,
    pub acknowledged: u64,
    /// The events that were not acknowledged, by number.
    pub events: BTreeMap<u64, String>,
    /// Up to which number the user has read each conversation.
    pub read: HashMap<String, u64>,
}

pub struct Message {
    pub seq: u64,
    pub id: String,
    pub from: String,
    pub to: String,
    pub at: String,
    pub text: String,
}

#[derive(Default)]
pub struct State {
    pub last: u64,
    /// By the mapped name.
    pub accounts: HashMap<String, Account>,
    pub messages: Vec<Message>,
    /// The place of a message, by its sender and its id.
    pub ids: HashMap<(String, String), usize>,
    /// The RECV session of each user: its number, and its connection.
    pub sessions: HashMap<String, (u64, TcpStream)>,
}

/// Writes a field as a record has it (protocol, section 2).
pub fn field(text: &str) -> String {
    let escaped = escape(text);
    if escaped.contains(';') || escaped.starts_with('"') {
        return format!("\"{}\"", escaped.replace('"', "\"\""));
    }
    escaped.into_owned()
}

impl State {
    /// Applies the records of a log; a torn one at its end was answered to nobody.
    pub fn replay(&mut self, log: &[u8]) {
        let whole = log.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in String::from_utf8_lossy(&log[..whole]).lines() {
            self.apply(line);
        }
    }

    pub fn apply(&mut self, record: &str) {
        let Ok(fields) = Fields::parse(record.as_bytes()) else { return };
        let fields: Vec<_> = fields.iter().map(str::to_owned).collect();
        match fields.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ACCOUNT", name, shown, password] => {
                let shown = shown.to_owned();
                let password = password.to_owned();
                let (acknowledged, events, read) = Default::default();
                let account = Account { shown, password, acknowledged, events, read };
                self.accounts.insert(name.to_owned(), account);
            }
            ["SEND", id, from, to, at, text] => self.apply_send([id, from, to, at, text]),
            ["ACK", user, upto, at] => self.apply_acknowledged(user, upto.parse().unwrap_or(0), at),
            ["READ", user, peer, upto, at] => self.apply_read(user, peer, upto.parse().unwrap_or(0), at),
            _ => {}
        }
    }

    fn shown(&self, name: &str) -> String {
        self.accounts.get(name).map_or(String::new(), |account| account.shown.clone())
    }

    /// Gives an event the next number.
    fn emit(&mut self, user: &str, event: &str) {
        self.last += 1;
        let line = format!("{};{event}", self.last);
        self.accounts.get_mut(user).map(|account| account.events.insert(self.last, line));
    }

    fn apply_send(&mut self, [id, from, to, at, text]: [&str; 5]) {
        let event = format!("MSG;{id};{};{};{at};{}", field(&self.shown(from)), field(&self.shown(to)), field(text));
        self.emit(to, &event);
        self.ids.insert((from.to_owned(), id.to_owned()), self.messages.len());
        let [id, from, to, at, text] = [id, from, to, at, text].map(str::to_owned);
        self.messages.push(Message { seq: self.last, id, from, to, at, text });
    }

    fn apply_acknowledged(&mut self, user: &str, upto: u64, at: &str) {
        let Some(account) = self.accounts.get_mut(user) else { return };
        let before = account.acknowledged;
        account.acknowledged = upto.max(before);
        account.events = account.events.split_off(&(account.acknowledged + 1));
        let mut delivered: BTreeMap<u64, String> = BTreeMap::new();
        for message in self.messages.iter().filter(|message| message.to == user && message.seq <= upto) {
            if message.seq > before {
                delivered.retain(|_, from| *from != message.from);
                delivered.insert(message.seq, message.from.clone());
            }
        }
        for (seq, from) in delivered {
            let read = self.accounts.get(user).and_then(|account| account.read.get(&from)).copied().unwrap_or(0);
            if seq > read {
                self.emit(&from, &format!("STATE;{};DELIVERED;{seq};{at}", field(&self.shown(user))));
            }
        }
    }

    fn apply_read(&mut self, user: &str, peer: &str, upto: u64, at: &str) {
        let Some(account) = self.accounts.get_mut(user) else { return };
        let mark = account.read.entry(peer.to_owned()).or_default();
        let before = std::mem::replace(mark, upto.max(*mark));
        let of_peer = |message: &&Message| message.from == peer && message.to == user && message.seq <= upto;
        let last = self.messages.iter().filter(of_peer).map(|message| message.seq).max();
        if let Some(seq) = last.filter(|seq| *seq > before) {
            self.emit(peer, &format!("STATE;{};READ;{seq};{at}", field(&self.shown(user))));
        }
    }

    pub fn state_of(&self, message: &Message) -> &'static str {
        let Some(recipient) = self.accounts.get(&message.to) else { return "RECEIVED" };
        if recipient.read.get(&message.from).is_some_and(|upto| message.seq <= *upto) {
            "READ"
        } else if message.seq <= recipient.acknowledged {
            "DELIVERED"
        } else {
            "RECEIVED"
        }
    }
}
