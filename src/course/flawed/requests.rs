//! Logging in, and the requests of both ports (protocol, sections 3, 5 and 6).

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::model::{MessageId, Text, Timestamp, UserName};
use crate::protocol::{Login, LoginKind, Port};
use crate::record::Fields;
use parking_lot::MutexGuard;

use super::state::{Message, State, field};
use super::{Flaw, Server};

/// A reply, and whether the connection goes on.
type Answer = (String, bool);

pub struct Session<'a> {
    server: &'a Server,
    port: Port,
    stream: &'a TcpStream,
    /// The mapped name, once the user has logged in.
    user: Option<String>,
    /// Its number among the RECV sessions of the user.
    number: u64,
}

fn ko(code: &str) -> String {
    format!("KO;{code};refused\n")
}

fn parse(line: &[u8], flaw: Flaw) -> Option<Vec<String>> {
    if flaw == Flaw::NoQuotes {
        return Some(std::str::from_utf8(line).ok()?.split(';').map(str::to_owned).collect());
    }
    Fields::parse(line).ok().map(|fields| fields.iter().map(str::to_owned).collect())
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number < 1 << 53)
}

impl<'a> Session<'a> {
    pub fn new(server: &'a Server, port: Port, stream: &'a TcpStream) -> Self {
        Self { server, port, stream, user: None, number: 0 }
    }

    pub fn answer(&mut self, line: &[u8]) -> Answer {
        let Some(user) = self.user.clone() else { return self.log_in(line) };
        let Some(fields) = parse(line, self.server.flaw) else { return (ko("SYNTAX"), true) };
        let verb = fields[0].to_uppercase();
        let rest: Vec<_> = fields.iter().skip(1).map(String::as_str).collect();
        let reply = match (self.port, verb.as_str(), &rest[..]) {
            (_, "PING", []) => Some("OK\n".to_owned()),
            (_, "QUIT", []) => return ("OK\n".to_owned(), false),
            (Port::Send, "SEND", [id, to, text]) => self.send(&user, id, to, text),
            (Port::Send, "READ", [peer, upto]) => self.read(&user, peer, upto),
            (Port::Send, "STATUS", [peer, seq]) => self.status(&user, peer, seq),
            (Port::Send, "HISTORY", [peer, more @ ..]) => self.history(&user, peer, more),
            (Port::Recv, "POLL", [after, more @ ..]) => return self.poll(&user, after, more),
            _ => None,
        };
        (reply.unwrap_or_else(|| ko("SYNTAX")), true)
    }

    fn log_in(&mut self, line: &[u8]) -> Answer {
        let Some(login) = Login::parse(line).filter(|login| !login.password.is_empty()) else {
            return (ko("SYNTAX"), false);
        };
        let name = UserName::new(login.user).ok();
        let is_new = login.kind == LoginKind::Register;
        let mut state = self.server.state.lock();
        let known = name.as_ref().and_then(|name| state.accounts.get(name.mapped()));
        match (&name, known) {
            (None, _) if is_new => return (ko("NAME"), false),
            (_, Some(_)) if is_new => return (ko("EXISTS"), false),
            (Some(_), None) if is_new && login.password.chars().count() < 8 => return (ko("PASSWORD"), false),
            (Some(_), None) if is_new => {}
            (_, Some(account)) if account.password == login.password => {}
            _ => return (ko("AUTH"), false),
        }
        let Some(name) = name else { return (ko("AUTH"), false) };
        if is_new {
            let fields = [name.mapped(), name.shown(), login.password].map(field).join(";");
            self.server.commit(&mut state, &format!("ACCOUNT;{fields}"));
        }
        let user = name.mapped().to_owned();
        if self.port == Port::Recv {
            self.take_over(&mut state, &user);
        }
        let account = &state.accounts[&user];
        let more = if self.port == Port::Recv { format!(";{};store", account.acknowledged) } else { String::new() };
        self.user = Some(user);
        (format!("OK;{};wachat/1{more}\n", field(&account.shown)), true)
    }

    /// Ends the session before this one, with a last line.
    fn take_over(&mut self, state: &mut State, user: &str) {
        let Ok(stream) = self.stream.try_clone() else { return };
        let old = state.sessions.remove(user);
        self.number = old.as_ref().map_or(1, |(number, _)| number + 1);
        state.sessions.insert(user.to_owned(), (self.number, stream));
        if let Some((_, mut old)) = old {
            let _ = old.write_all(b"KO;REPLACED;a newer session has taken over\n");
            let _ = old.shutdown(Shutdown::Both);
        }
        self.server.changed.notify_all();
    }

    fn send(&self, user: &str, id: &str, to: &str, text: &str) -> Option<String> {
        let id = MessageId::new(id)?;
        let text = Text::new(text)?;
        let mut state = self.server.state.lock();
        let peer = UserName::new(to).ok().map(|peer| peer.mapped().to_owned());
        let known = state.ids.get(&(user.to_owned(), id.to_string())).filter(|_| self.server.flaw != Flaw::NoDedupe);
        let place = match (known, peer) {
            (Some(place), peer) => {
                let message = &state.messages[*place];
                if Some(&message.to) != peer.as_ref() || message.text != text.as_str() {
                    return Some(ko("CONFLICT"));
                }
                *place
            }
            (None, Some(peer)) if state.accounts.contains_key(&peer) => {
                let fields = [id.as_str(), user, &peer, &Timestamp::now().to_string(), text.as_str()].map(field);
                self.server.commit(&mut state, &format!("SEND;{}", fields.join(";")));
                state.messages.len() - 1
            }
            _ => return Some(ko("NO_USER")),
        };
        let message = &state.messages[place];
        Some(format!("OK;{};RECEIVED;{};{}\n", message.id, message.at, message.seq))
    }

    /// Finds the peer of a conversation.
    fn peer(&self, name: &str) -> Result<(MutexGuard<'_, State>, String), String> {
        let state = self.server.state.lock();
        let peer = UserName::new(name).ok().map(|peer| peer.mapped().to_owned());
        let peer = peer.filter(|peer| state.accounts.contains_key(peer)).ok_or_else(|| ko("NO_USER"))?;
        Ok((state, peer))
    }

    fn read(&self, user: &str, peer: &str, upto: &str) -> Option<String> {
        let upto = number(upto)?;
        let (mut state, peer) = match self.peer(peer) {
            Ok(found) => found,
            Err(refusal) => return Some(refusal),
        };
        let last = conversation(&state, user, &peer).map(|message| message.seq).max().unwrap_or(0);
        if upto > last {
            return Some(ko("SEQ"));
        }
        if upto > state.accounts[user].read.get(&peer).copied().unwrap_or(0) {
            let fields = [user, &peer, &upto.to_string(), &Timestamp::now().to_string()].map(field);
            self.server.commit(&mut state, &format!("READ;{}", fields.join(";")));
        }
        Some("OK\n".to_owned())
    }

    fn status(&self, user: &str, peer: &str, seq: &str) -> Option<String> {
        let seq = number(seq)?;
        let (state, peer) = match self.peer(peer) {
            Ok(found) => found,
            Err(refusal) => return Some(refusal),
        };
        let found = conversation(&state, user, &peer).find(|message| message.seq == seq && message.from == user);
        let shown = field(&state.accounts[&peer].shown);
        Some(found.map_or_else(|| ko("NO_MESSAGE"), |message| format!("OK;1\n{shown};{}\n", state.state_of(message))))
    }

    fn history(&self, user: &str, peer: &str, more: &[&str]) -> Option<String> {
        let (limit, before) = match more {
            [] => (50, u64::MAX),
            [limit] => (number(limit)?, u64::MAX),
            [limit, before] => (number(limit)?, number(before)?),
            _ => return None,
        };
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=1000).contains(limit))?;
        let (state, peer) = match self.peer(peer) {
            Ok(found) => found,
            Err(refusal) => return Some(refusal),
        };
        let all: Vec<_> = conversation(&state, user, &peer).filter(|message| message.seq < before).collect();
        let shown = |name: &str| field(&state.accounts[name].shown);
        let row = |message: &&Message| {
            let Message { seq, id, from, to, at, text } = message;
            format!("{seq};{id};{};{};{at};{};{}\n", shown(from), shown(to), state.state_of(message), field(text))
        };
        let rows: Vec<_> = all[all.len().saturating_sub(limit)..].iter().map(row).collect();
        Some(format!("OK;{}\n{}", rows.len(), rows.concat()))
    }

    fn poll(&mut self, user: &str, after: &str, more: &[&str]) -> Answer {
        let parsed = || {
            let wait = more.first().map_or(Some(9), |wait| number(wait).filter(|wait| *wait <= 9))?;
            let max = more.get(1).map_or(Some(100), |max| number(max).filter(|max| (1..=1000).contains(max)))?;
            Some((number(after)?, wait, usize::try_from(max).ok()?)).filter(|_| more.len() <= 2)
        };
        let Some((after, wait, max)) = parsed() else { return (ko("SYNTAX"), true) };
        let mut state = self.server.state.lock();
        if after > state.last {
            return (ko("SEQ"), true);
        }
        if after > state.accounts[user].acknowledged {
            let fields = [user, &after.to_string(), &Timestamp::now().to_string()].map(field);
            self.server.commit(&mut state, &format!("ACK;{}", fields.join(";")));
        }
        let deadline = Instant::now() + Duration::from_secs(wait);
        while state.accounts[user].events.is_empty() && Instant::now() < deadline && !self.has_ended(&state, user) {
            // The end of the input wakes nobody: look now and then.
            let soon = deadline.min(Instant::now() + Duration::from_millis(100));
            self.server.changed.wait_until(&mut state, soon);
        }
        if self.is_replaced(&state, user) {
            return (String::new(), false);
        }
        let mut events: Vec<_> = state.accounts[user].events.range(after + 1..).map(|(_, line)| line.clone()).collect();
        events.truncate(max);
        if self.server.flaw == Flaw::Unordered {
            events.reverse();
        }
        (format!("OK;{}\n{}", events.len(), events.iter().map(|line| format!("{line}\n")).collect::<String>()), true)
    }

    fn is_replaced(&self, state: &State, user: &str) -> bool {
        state.sessions.get(user).is_none_or(|(number, _)| *number != self.number)
    }

    fn has_ended(&self, state: &State, user: &str) -> bool {
        let _ = self.stream.set_nonblocking(true);
        let ended = matches!(self.stream.peek(&mut [0]), Ok(0));
        let _ = self.stream.set_nonblocking(false);
        ended || self.is_replaced(state, user)
    }
}

/// Returns the messages of two users to each other.
fn conversation<'a>(state: &'a State, one: &'a str, other: &'a str) -> impl Iterator<Item = &'a Message> {
    let is_theirs = move |message: &&Message| {
        message.from == one && message.to == other || message.from == other && message.to == one
    };
    state.messages.iter().filter(is_theirs)
}
