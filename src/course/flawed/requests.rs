//! Logging in, and the requests of both ports (protocol, sections 3, 5 and 6).

use std::borrow::Cow;
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::model::{MessageId, Seq, Target, Text, Timestamp, UserName};
use crate::protocol::{After, Code, Login, LoginKind, Port, RecvRequest, SendRequest};
use crate::record::Writer;

use super::state::{Message, State, field};
use super::{Flaw, Server};

/// Longest wait of a poll, in seconds.
const LONGEST_POLL: u64 = 9;

/// A reply, and whether the connection goes on.
type Answer = (String, bool);

/// The reply to a request, or the code with which it is refused.
type Reply = Result<String, Code>;

pub struct Session<'a> {
    server: &'a Server,
    port: Port,
    stream: &'a TcpStream,
    /// The mapped name, once the user has logged in.
    user: Option<String>,
    /// Its number among the RECV sessions of the user.
    number: u64,
}

fn ko(code: Code) -> String {
    format!("KO;{code};refused\n")
}

/// Returns a line whose parts between semicolons are its fields, whatever quotes and escapes it has.
fn cut_at_semicolons(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut record = Writer::new(&mut out);
    String::from_utf8_lossy(line).split(';').for_each(|part| _ = record.text(part));
    out
}

impl<'a> Session<'a> {
    pub fn new(server: &'a Server, port: Port, stream: &'a TcpStream) -> Self {
        Self { server, port, stream, user: None, number: 0 }
    }

    pub fn answer(&mut self, line: &[u8]) -> Answer {
        let Some(user) = self.user.clone() else {
            return self.log_in(line).map_or_else(|code| (ko(code), false), |reply| (reply, true));
        };
        let line = match self.server.flaw {
            Flaw::NoQuotes => Cow::Owned(cut_at_semicolons(line)),
            _ => Cow::Borrowed(line),
        };
        let ok = "OK\n".to_owned();
        let reply = match self.port {
            Port::Send => match SendRequest::parse(&line) {
                Ok(SendRequest::Send { id, to, text }) => self.send(&user, id, to.ok(), &text),
                Ok(SendRequest::Read { target, seq }) => self.read(&user, target.ok(), seq.get()),
                Ok(SendRequest::Status { target, seq, .. }) => self.status(&user, target.ok(), seq.get()),
                Ok(SendRequest::History { target, limit, before }) => {
                    self.history(&user, target.ok(), limit, before.map_or(u64::MAX, Seq::get))
                }
                Ok(SendRequest::Ping) => Ok(ok),
                Ok(SendRequest::Quit) => return (ok, false),
                _ => Err(Code::Syntax),
            },
            Port::Recv => match RecvRequest::parse(&line) {
                Ok(RecvRequest::Poll { after: After::Number(after), wait, max }) => {
                    return self.poll(&user, after.get(), wait.unwrap_or(LONGEST_POLL), max);
                }
                Ok(RecvRequest::Ping) => Ok(ok),
                Ok(RecvRequest::Quit) => return (ok, false),
                _ => Err(Code::Syntax),
            },
        };
        (reply.unwrap_or_else(ko), true)
    }

    /// Answers a login line; a refusal ends the connection.
    fn log_in(&mut self, line: &[u8]) -> Reply {
        // The server has no devices.
        let login = Login::parse(line).filter(|login| !login.kind.names_device()).ok_or(Code::Syntax)?;
        let is_new = login.kind == LoginKind::Register;
        let name = UserName::new(login.user).map_err(|_| if is_new { Code::Name } else { Code::Auth })?;
        let mut state = self.server.state.lock();
        match state.accounts.get(name.mapped()) {
            Some(_) if is_new => return Err(Code::Exists),
            None if is_new && login.password.chars().count() < 8 => return Err(Code::Password),
            None if is_new => {
                let fields = [name.mapped(), name.shown(), login.password].map(field).join(";");
                self.server.commit(&mut state, &format!("ACCOUNT;{fields}"));
            }
            Some(account) if account.password == login.password => {}
            _ => return Err(Code::Auth),
        }
        let user = name.mapped().to_owned();
        if self.port == Port::Recv {
            self.take_over(&mut state, &user);
        }
        let account = &state.accounts[&user];
        let more = if self.port == Port::Recv { format!(";{};store", account.acknowledged) } else { String::new() };
        self.user = Some(user);
        Ok(format!("OK;{};wachat/1{more}\n", field(&account.shown)))
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

    fn send(&self, user: &str, id: MessageId, to: Option<Target>, text: &Text) -> Reply {
        let mut state = self.server.state.lock();
        let known = match self.server.flaw {
            Flaw::NoDedupe => None,
            Flaw::SharedIds => state.messages.iter().position(|message| message.id == id.as_str()),
            _ => state.ids.get(&(user.to_owned(), id.to_string())).copied(),
        };
        let place = match known {
            Some(place) => {
                let message = &state.messages[place];
                if find_peer(&state, to).as_ref() != Ok(&message.to) || message.text != text.as_str() {
                    return Err(Code::Conflict);
                }
                place
            }
            None => {
                let peer = find_peer(&state, to)?;
                let fields = [id.as_str(), user, &peer, &Timestamp::now().to_string(), text.as_str()].map(field);
                self.server.commit(&mut state, &format!("SEND;{}", fields.join(";")));
                state.messages.len() - 1
            }
        };
        let message = &state.messages[place];
        Ok(format!("OK;{};RECEIVED;{};{}\n", message.id, message.at, message.seq))
    }

    fn read(&self, user: &str, target: Option<Target>, upto: u64) -> Reply {
        let mut state = self.server.state.lock();
        let peer = find_peer(&state, target)?;
        let last = conversation(&state, user, &peer).map(|message| message.seq).max().unwrap_or(0);
        if upto > last {
            return Err(Code::Seq);
        }
        if upto > state.accounts[user].read.get(&peer).copied().unwrap_or(0) {
            let fields = [user, &peer, &upto.to_string(), &Timestamp::now().to_string()].map(field);
            self.server.commit(&mut state, &format!("READ;{}", fields.join(";")));
        }
        Ok("OK\n".to_owned())
    }

    fn status(&self, user: &str, target: Option<Target>, seq: u64) -> Reply {
        let state = self.server.state.lock();
        let peer = find_peer(&state, target)?;
        let found = conversation(&state, user, &peer).find(|message| message.seq == seq && message.from == user);
        let message = found.ok_or(Code::NoMessage)?;
        Ok(format!("OK;1\n{};{}\n", field(&state.accounts[&peer].shown), state.state_of(message)))
    }

    fn history(&self, user: &str, target: Option<Target>, limit: usize, before: u64) -> Reply {
        let state = self.server.state.lock();
        let peer = find_peer(&state, target)?;
        let all: Vec<_> = conversation(&state, user, &peer).filter(|message| message.seq < before).collect();
        let shown = |name: &str| field(&state.accounts[name].shown);
        let row = |message: &&Message| {
            let Message { seq, id, from, to, at, text } = message;
            format!("{seq};{id};{};{};{at};{};{}\n", shown(from), shown(to), state.state_of(message), field(text))
        };
        let rows: Vec<_> = all.iter().skip(all.len().saturating_sub(limit)).map(row).collect();
        Ok(format!("OK;{}\n{}", rows.len(), rows.concat()))
    }

    fn poll(&mut self, user: &str, after: u64, wait: u64, max: usize) -> Answer {
        let mut state = self.server.state.lock();
        if wait > LONGEST_POLL {
            return (ko(Code::Syntax), true);
        }
        if after > state.last {
            return (ko(Code::Seq), true);
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

/// Returns the mapped name of a user who has an account.
fn find_peer(state: &State, target: Option<Target>) -> Result<String, Code> {
    match target {
        Some(Target::User(name)) if state.accounts.contains_key(name.mapped()) => Ok(name.mapped().to_owned()),
        _ => Err(Code::NoUser),
    }
}

/// Returns the messages of two users to each other.
fn conversation<'a>(state: &'a State, one: &'a str, other: &'a str) -> impl Iterator<Item = &'a Message> {
    let is_theirs = move |message: &&Message| {
        message.from == one && message.to == other || message.from == other && message.to == one
    };
    state.messages.iter().filter(is_theirs)
}
