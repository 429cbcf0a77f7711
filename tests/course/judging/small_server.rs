//! A small server that follows the protocol, as far as the judge's steps in these tests go, but for what a test
//! changes.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write as _};
use std::mem;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use wachat::course::judge::Server;
use wachat::net::{Listening, listen};

use crate::support::TIMEOUT;

pub const AT: &str = "2026-11-20T23:55:00.123Z";

/// A line of the judge: on which connection, as `RECV2`, which line there, and which user has logged in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub connection: String,
    pub line: usize,
    pub user: String,
    pub text: String,
}

/// Bytes that are sent for it: the honest reply, unless it is changed.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub pause: Duration,
    pub bytes: Vec<u8>,
    /// The connection is closed after it.
    pub ends: bool,
}

impl Answer {
    /// A reply in place of the honest one, without its last LF.
    pub fn say(&mut self, line: &str) {
        self.bytes = format!("{line}\n").into_bytes();
    }

    /// Changes the first of these texts.
    pub fn edit(&mut self, old: &str, new: &str) {
        self.bytes = self.text().replacen(old, new, 1).into_bytes();
    }

    /// No reply, and the connection is closed.
    pub fn end(&mut self) {
        (self.bytes, self.ends) = (Vec::new(), true);
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

type Change = dyn Fn(&Asked, &mut Answer) + Send + Sync;

pub struct SmallServer {
    pub addresses: [SocketAddr; 2],
    state: Arc<State>,
    _listening: [Listening; 2],
}

struct State {
    change: Box<Change>,
    store: Mutex<Store>,
    seen: Mutex<Vec<(String, String)>>,
    pieces: Mutex<HashMap<(String, usize), usize>>,
    streams: Mutex<Vec<TcpStream>>,
}

/// Accounts and events; an account has the number that its user has acknowledged.
#[derive(Default)]
struct Store {
    passwords: BTreeMap<String, String>,
    acknowledged: HashMap<String, usize>,
    /// The place is the number, from 1.
    events: Vec<Event>,
}

/// An event and whom it is for: a message as its id, its sender and its text, or a receipt.
struct Event {
    to: String,
    from: String,
    id: Option<String>,
    text: String,
}

impl SmallServer {
    pub fn honest() -> Self {
        Self::but(|_, _| {})
    }

    /// One whose answers are changed.
    pub fn but(change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) -> Self {
        let state = State {
            change: Box::new(change),
            store: Mutex::default(),
            seen: Mutex::default(),
            pieces: Mutex::default(),
            streams: Mutex::default(),
        };
        let state = Arc::new(state);
        let listening = ["SEND", "RECV"].map(|port| listen_on(&state, port));
        Self { addresses: listening.each_ref().map(Listening::address), state, _listening: listening }
    }

    /// The same for the judge, which waits so long for a line.
    pub fn with_patience(&self, patience: Duration) -> Server {
        let [send, recv] = self.addresses;
        Server { send, recv, patience, players: 1, once: false, restart: None }
    }

    /// Returns what has come on a connection: lines with their ends, and `end` where the judge has closed.
    pub fn seen(&self, connection: &str) -> Vec<String> {
        let seen = self.state.seen.lock();
        seen.iter().filter(|(on, _)| on == connection).map(|(_, line)| line.clone()).collect()
    }

    /// Returns in how many pieces a line came.
    pub fn pieces(&self, connection: &str, line: usize) -> usize {
        self.state.pieces.lock().get(&(connection.to_owned(), line)).copied().unwrap_or_default()
    }

    /// Returns how many connections there were.
    pub fn connections(&self) -> usize {
        self.state.streams.lock().len()
    }

    /// Closes all connections, as the end of the process does.
    pub fn close_all(&self) {
        self.state.streams.lock().iter().for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }
}

fn listen_on(state: &Arc<State>, port: &'static str) -> Listening {
    let state = state.clone();
    let mut number = 0;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let accepted = move |stream: TcpStream, _| {
        number += 1;
        let state = state.clone();
        let name = format!("{port}{number}");
        state.streams.lock().push(stream.try_clone().expect("a socket"));
        thread::spawn(move || serve(&state, &name, stream));
    };
    listen(listener, "small server", accepted).expect("a thread")
}

fn serve(state: &State, name: &str, mut stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a socket");
    let mut bytes = Vec::new();
    let mut line = 0;
    let mut user = String::new();
    let mut piece = [0; 65_536];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        *state.pieces.lock().entry((name.to_owned(), line + 1)).or_default() += 1;
        bytes.extend_from_slice(&piece[..length]);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            line += 1;
            let whole: Vec<_> = bytes.drain(..=end).collect();
            let text = String::from_utf8_lossy(&whole).into_owned();
            state.seen.lock().push((name.to_owned(), text.clone()));
            let text = text.trim_end().to_owned();
            let answer = state.answer(name, line, &mut user, text);
            thread::sleep(answer.pause);
            let _ = stream.write_all(&answer.bytes);
            if answer.ends {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
                return;
            }
        }
    }
    let rest = String::from_utf8_lossy(&bytes).into_owned();
    state.seen.lock().push((name.to_owned(), rest + "end"));
    let _ = stream.shutdown(Shutdown::Both);
}

impl State {
    fn answer(&self, connection: &str, line: usize, user: &mut String, text: String) -> Answer {
        let (reply, ends) = self.store.lock().answer(connection, line == 1, user, &text);
        let mut answer = Answer { pause: Duration::ZERO, bytes: format!("{reply}\n").into_bytes(), ends };
        let asked = Asked { connection: connection.to_owned(), line, user: user.clone(), text };
        (self.change)(&asked, &mut answer);
        answer
    }
}

impl Store {
    /// Returns the reply without its last LF, and whether the connection ends.
    fn answer(&mut self, connection: &str, first: bool, user: &mut String, text: &str) -> (String, bool) {
        if first {
            return self.log_in(connection.starts_with("RECV"), user, text);
        }
        let fields: Vec<_> = text.splitn(4, ';').collect();
        match fields[..] {
            ["SEND", id, to, text] => (self.send([user, id, to, text]), false),
            ["POLL", after, ..] => (self.poll(user, after), false),
            ["PING"] => ("OK".to_owned(), false),
            ["LEAVE", _] => ("KO;NO_ROOM;there is no such room".to_owned(), false),
            ["QUIT"] => ("OK".to_owned(), true),
            _ => ("KO;SYNTAX;not a request of this port".to_owned(), false),
        }
    }

    fn log_in(&mut self, on_recv: bool, user: &mut String, text: &str) -> (String, bool) {
        let fields: Vec<_> = text.splitn(3, ':').collect();
        let ["LOGIN" | "REGISTER", name, password] = fields[..] else {
            return ("KO;SYNTAX;not a login line".to_owned(), true);
        };
        if fields[0] == "REGISTER" {
            self.passwords.insert(name.to_owned(), password.to_owned());
        }
        if self.passwords.get(name).is_none_or(|right| right != password) {
            return ("KO;AUTH;no such user, or not this password".to_owned(), true);
        }
        name.clone_into(user);
        let acknowledged = self.acknowledged.get(name).copied().unwrap_or_default();
        let more = if on_recv { format!(";{acknowledged};store1") } else { String::new() };
        (format!("OK;{name};wachat/1{more}"), false)
    }

    fn send(&mut self, [from, id, to, text]: [&str; 4]) -> String {
        let is_known = |event: &Event| event.from == from && event.id.as_deref() == Some(id);
        let place = self.events.iter().position(is_known).unwrap_or_else(|| {
            let [to, from, id, text] = [to, from, id, text].map(str::to_owned);
            self.events.push(Event { to, from, id: Some(id), text });
            self.events.len() - 1
        });
        format!("OK;{id};RECEIVED;{AT};{}", place + 1)
    }

    fn poll(&mut self, user: &str, after: &str) -> String {
        let Ok(after) = after.parse::<usize>() else { return "KO;SYNTAX;not a number".to_owned() };
        if after > self.events.len() {
            return "KO;SEQ;that number is past the last there is".to_owned();
        }
        self.acknowledge(user, after);
        let acknowledged = self.acknowledged[user];
        let numbered = self.events.iter().zip(1..);
        let mut lines = Vec::new();
        for (Event { to, from, id, text }, seq) in
            numbered.filter(|(event, seq)| event.to == user && *seq > acknowledged)
        {
            lines.push(match id {
                Some(id) => format!("\n{seq};MSG;{id};{from};{to};{AT};{text}"),
                None => format!("\n{seq};STATE;{from};DELIVERED;{text};{AT}"),
            });
        }
        format!("OK;{}{}", lines.len(), lines.concat())
    }

    /// Notes what a user has acknowledged; the senders of the messages among it are told.
    fn acknowledge(&mut self, user: &str, upto: usize) {
        let acknowledged = self.acknowledged.entry(user.to_owned()).or_default();
        let before = mem::replace(acknowledged, upto.max(*acknowledged));
        let mut delivered = BTreeMap::new();
        for (event, seq) in self.events.iter().zip(1..).take(upto).skip(before) {
            if event.to == user && event.id.is_some() {
                delivered.insert(event.from.clone(), seq.to_string());
            }
        }
        for (to, text) in delivered {
            self.events.push(Event { to, from: user.to_owned(), id: None, text });
        }
    }
}
