//! A server of the wachat protocol (src/protocol/protocol.md), with Rust's standard library only.
//!
//!     rustc -O --edition 2021 server.rs
//!     ./server 2666 2999 messages.log        (SEND port, RECV port, the log)
//!
//! One thread a connection; one lock around the state. A change is a record: it is appended to the log and synced, then
//! applied, then answered. At the start the log is replayed. There are no rates, no quotas, no presence (section 7), no
//! lists of users and rooms, no direct chats; names are of ASCII letters. The standard library has no hash for
//! passwords, so they are in the log as they are: wachat itself stores Argon2id hashes. The lines between TODO and END
//! are the exercises: the skeleton has something there that is too simple.
#![allow(unused)] // the skeleton has parts that only the exercises use

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const TIMEOUT: Duration = Duration::from_secs(10); // section 1
const MAX_LINE: usize = 65_536; // bytes, LF included
const MAX_LOGIN_LINE: usize = 4_096;
const MAX_TEXT: usize = 60_000; // bytes of a text in a record
const MAX_REPLY: usize = 256 * 1024; // bytes of a list
const STORE: &str = "lab"; // the name of the store, section 6

#[derive(Clone, Copy, PartialEq)]
enum Port {
    Send,
    Recv,
}

/// A request that is refused.
struct Ko(&'static str, &'static str);

/// The end of a connection, with this last line; empty: with none.
struct End(String);

impl From<Ko> for End {
    fn from(ko: Ko) -> Self {
        End(ko.line())
    }
}

impl Ko {
    fn line(&self) -> String {
        format!("KO;{};{}", self.0, self.1)
    }
}

// ---- Lines and records (sections 1 and 2) ----

/// The lines that arrive on a connection.
struct Lines<'a> {
    connection: &'a TcpStream,
    rest: Vec<u8>, // bytes that have arrived and belong to the next lines
}

impl Lines<'_> {
    /// Waits for more bytes. None: the client sends no more.
    fn receive(&mut self, deadline: Instant) -> Result<Vec<u8>, End> {
        let mut buffer = vec![0; 65_536];
        // TODO 8 (section 1, Time-outs): the wait ends at the deadline, with KO;TIMEOUT.
        //- let result = self.connection.read(&mut buffer);
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let _ = self.connection.set_read_timeout(Some(left));
        let result = self.connection.read(&mut buffer);
        if matches!(&result, Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind())) {
            return Err(End("KO;TIMEOUT;nothing came for too long".to_string()));
        }
        // END 8
        buffer.truncate(result.unwrap_or(0));
        Ok(buffer)
    }

    /// Returns the next line without its end.
    fn next_line(&mut self, limit: usize, mut deadline: Instant) -> Result<Vec<u8>, End> {
        // TODO 1 (section 2): one read is not one line, and a line has at most `limit` bytes.
        //- let received = self.receive(deadline)?;
        //- if received.is_empty() {
        //-     return Err(End(String::new()));
        //- }
        //- Ok(received.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec())
        let too_long = || End("KO;TOO_LONG;the line is too long".to_string());
        let end = loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                break end;
            }
            if self.rest.len() >= limit {
                return Err(too_long());
            }
            let received = self.receive(deadline)?;
            if received.is_empty() {
                return Err(End(String::new())); // what has no LF is not a line
            }
            if self.rest.is_empty() && limit == MAX_LINE {
                deadline = Instant::now() + TIMEOUT; // from the first byte of a line to its end
            }
            self.rest.extend(received);
        };
        if end >= limit {
            return Err(too_long());
        }
        let mut line: Vec<u8> = self.rest.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
        // END 1
    }
}

// TODO 2 (section 2, the grammar of `record`): fields with ; and " are quoted, \n \r \\ are escapes.
//- /// Returns the fields of a record. KO SYNTAX: it is none.
//- fn split(line: &[u8]) -> Result<Vec<String>, Ko> {
//-     Ok(String::from_utf8_lossy(line).split(';').map(str::to_string).collect())
//- }
//-
//- /// Writes a field as a record has it.
//- fn quote(field: &str) -> String {
//-     field.to_string()
//- }
#[derive(Clone, Copy, PartialEq)]
enum In {
    Start,
    Bare,
    Quoted,
    Closed, // after a quote that may be the last
}

/// Returns the fields of a record. KO SYNTAX: it is none.
fn split(line: &[u8]) -> Result<Vec<String>, Ko> {
    let text = std::str::from_utf8(line).map_err(|_| Ko("SYNTAX", "this is not UTF-8"))?;
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut state = In::Start;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (state, c) {
            (In::Start, '"') => state = In::Quoted,
            (In::Quoted, '"') => state = In::Closed,
            (In::Start | In::Bare | In::Closed, ';') => {
                fields.push(std::mem::take(&mut field));
                state = In::Start;
            }
            (In::Closed, '"') => {
                field.push('"'); // two quotes stand for one
                state = In::Quoted;
            }
            (In::Closed, _) => return Err(Ko("SYNTAX", "there is text behind a closing quote")),
            _ if c.is_control() && c != '\t' => return Err(Ko("SYNTAX", "there is a control character")),
            _ => {
                field.push(match c {
                    '\\' => match characters.next() {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some('\\') => '\\',
                        _ => return Err(Ko("SYNTAX", "there is no such escape")),
                    },
                    c => c,
                });
                state = if state == In::Start { In::Bare } else { state };
            }
        }
    }
    fields.push(field);
    if state == In::Quoted {
        return Err(Ko("SYNTAX", "a quote is open"));
    }
    Ok(fields)
}

/// Writes a field as a record has it.
fn quote(field: &str) -> String {
    let field = field.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    if field.contains(';') || field.starts_with('"') {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}
// END 2

fn record(fields: &[&str]) -> String {
    fields.iter().map(|field| quote(field)).collect::<Vec<_>>().join(";")
}

fn number(text: &str, least: u64, most: u64) -> Result<u64, Ko> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && (least..=most).contains(number));
    number.ok_or(Ko("SYNTAX", "this is not a number of this request"))
}

const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Returns the time as section 2 has it.
fn now() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = time.as_secs() / 86_400 + 719_468;
    let seconds = time.as_secs() % 86_400;
    // Years that begin in March, in eras of 400 years: the leap day is the last of its year.
    let era = days / 146_097;
    let day = days % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let hour = seconds / 3_600;
    let minute = seconds / 60 % 60;
    let second = seconds % 60;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", time.subsec_millis())
}

// ---- The state: what the records of the log make. The same records make the same state. ----

struct Account {
    shown: String, // the name as it was registered
    password: String,
    acknowledged: u64,
    events: BTreeMap<u64, Event>, // what was not acknowledged
    read: HashMap<String, u64>,   // by conversation, as this user sees it
}

struct Event {
    line: String,
    message: Option<(String, String)>, // its sender and target, if it is one
}

#[derive(Clone)]
struct Message {
    number: u64,
    id: String,
    sender: String,
    target: String,
    time: String,
    text: String,
    recipients: BTreeSet<String>,
}

#[derive(Default)]
struct State {
    last: u64,                                               // one sequence for all
    accounts: HashMap<String, Account>,                      // by name in small letters
    rooms: BTreeMap<String, BTreeSet<String>>,               // members
    ids: HashMap<(String, String), Message>,                 // by sender and id
    conversations: HashMap<String, Vec<Message>>,            // in order
    sent: BTreeMap<(String, String), Vec<Message>>,          // by sender and target
    reached: HashMap<(String, String, u8), usize>,           // how many of these are in the state, or beyond
    sessions: HashMap<String, (Arc<AtomicBool>, TcpStream)>, // on RECV: its is_replaced, its connection
}

const RECEIVED: u8 = 0;
const DELIVERED: u8 = 1;
const READ: u8 = 2;
const STATES: [&str; 3] = ["RECEIVED", "DELIVERED", "READ"];

fn is_room(target: &str) -> bool {
    target.starts_with('#')
}

fn conversation(user: &str, target: &str) -> String {
    if is_room(target) {
        return target.to_string();
    }
    if user < target {
        format!("{user};{target}")
    } else {
        format!("{target};{user}")
    }
}

impl State {
    fn apply(&mut self, fields: &[&str]) {
        match fields {
            ["ACCOUNT", name, shown, password] => self.apply_account(name, shown, password),
            ["SEND", id, sender, target, at, text] => self.apply_send(id, sender, target, at, text),
            ["ACK", user, upto, at] => self.apply_ack(user, upto.parse().unwrap_or(0), at),
            ["READ", user, peer, upto, at] => self.apply_read(user, peer, upto.parse().unwrap_or(0), at),
            ["JOIN", room, user] => self.apply_join(room, user),
            ["LEAVE", room, user, at] => self.apply_leave(room, user, at),
            _ => panic!("the log has a record that this server does not know: {fields:?}"),
        }
    }

    fn apply_account(&mut self, name: &str, shown: &str, password: &str) {
        let shown = shown.to_string();
        let password = password.to_string();
        let account = Account { shown, password, acknowledged: 0, events: BTreeMap::new(), read: HashMap::new() };
        self.accounts.insert(name.to_string(), account);
    }

    /// Gives an event the next number, and puts it into mailboxes.
    fn emit(&mut self, users: &BTreeSet<String>, rest: &str, message: Option<(String, String)>) {
        self.last += 1;
        for user in users {
            let event = Event { line: format!("{};{rest}", self.last), message: message.clone() };
            self.accounts.get_mut(user).map(|account| account.events.insert(self.last, event));
        }
    }

    fn apply_send(&mut self, id: &str, sender: &str, target: &str, at: &str, text: &str) {
        let rest = record(&["MSG", id, &self.shown(sender), &self.shown(target), at, text]);
        // TODO 4 (sections 5 and 7): a message has a number of the one sequence, a conversation, and recipients.
        //- let recipients = BTreeSet::from([target.to_string()]);
        //- self.emit(&recipients, &rest, None);
        //- let [id, sender, target, time, text] = [id, sender, target, at, text].map(str::to_string);
        //- let message = Message { number: self.last, id, sender, target, time, text, recipients };
        //- self.ids.insert((message.sender.clone(), message.id.clone()), message);
        let key = (sender.to_string(), target.to_string());
        let mut recipients = BTreeSet::from([target.to_string()]);
        if is_room(target) {
            recipients = self.rooms.get(target).cloned().unwrap_or_default();
            recipients.remove(sender);
        }
        self.emit(&recipients, &rest, Some(key.clone()));
        let [id, sender, target, time, text] = [id, sender, target, at, text].map(str::to_string);
        let message = Message { number: self.last, id, sender, target, time, text, recipients };
        self.ids.insert((message.sender.clone(), message.id.clone()), message.clone());
        let conversation = conversation(&message.sender, &message.target);
        self.conversations.entry(conversation).or_default().push(message.clone());
        self.sent.entry(key).or_default().push(message);
        // END 4
    }

    // TODO 6 (section 7, States): what an acknowledgement and a READ change, and the STATE events that tell it.
    //- fn apply_ack(&mut self, user: &str, upto: u64, at: &str) {
    //-     self.accounts.get_mut(user).map(|account| account.acknowledged = upto);
    //- }
    //-
    //- fn apply_read(&mut self, user: &str, peer: &str, upto: u64, at: &str) {
    //-     self.accounts.get_mut(user).map(|account| account.read.insert(peer.to_string(), upto));
    //- }
    //-
    //- /// The state of a message with one recipient.
    //- fn state_for(&self, user: &str, message: &Message) -> u8 {
    //-     RECEIVED
    //- }
    //-
    //- /// The state by the sender's watermarks.
    //- fn state_of(&self, message: &Message) -> u8 {
    //-     RECEIVED
    //- }
    fn apply_ack(&mut self, user: &str, upto: u64, at: &str) {
        let Some(account) = self.accounts.get_mut(user) else { return };
        account.acknowledged = account.acknowledged.max(upto);
        let waiting = account.events.split_off(&(account.acknowledged + 1));
        let gone = std::mem::replace(&mut account.events, waiting);
        let keys: BTreeSet<_> = gone.into_values().filter_map(|event| event.message).collect();
        for (sender, target) in keys {
            self.advance(&sender, &target, at);
        }
    }

    fn apply_read(&mut self, user: &str, peer: &str, upto: u64, at: &str) {
        let Some(account) = self.accounts.get_mut(user) else { return };
        let read = account.read.entry(peer.to_string()).or_default();
        *read = upto.max(*read);
        for (sender, target) in self.keys(user, peer) {
            self.advance(&sender, &target, at);
        }
    }

    /// Returns who has sent to where in a conversation, as its reader sees it.
    fn keys(&self, user: &str, peer: &str) -> Vec<(String, String)> {
        if is_room(peer) {
            return self.sent.keys().filter(|(_, target)| target == peer).cloned().collect();
        }
        vec![(peer.to_string(), user.to_string())]
    }

    /// Moves the sender's watermarks as far as all recipients are; tells the sender.
    fn advance(&mut self, sender: &str, target: &str, at: &str) {
        let key = |state| (sender.to_string(), target.to_string(), state);
        for state in [READ, DELIVERED] {
            let before = self.reached.get(&key(state)).copied().unwrap_or(0);
            let Some(messages) = self.sent.get(&(sender.to_string(), target.to_string())) else { return };
            let mut mark = before;
            let mut upto = 0;
            for (place, message) in messages.iter().enumerate().skip(before) {
                let remaining = self.remaining(message);
                if !remaining.iter().all(|user| self.state_for(user, message) >= state) {
                    break;
                }
                if !remaining.is_empty() {
                    (mark, upto) = (place + 1, message.number); // without a recipient it waits for a later message
                }
            }
            if mark > before {
                self.reached.insert(key(state), mark);
                if state == READ || mark > self.reached.get(&key(READ)).copied().unwrap_or(0) {
                    let shown = self.shown(target);
                    let rest = record(&["STATE", &shown, STATES[state as usize], &upto.to_string(), at]);
                    self.emit(&BTreeSet::from([sender.to_string()]), &rest, None);
                }
            }
        }
    }

    /// The state of a message with one recipient.
    fn state_for(&self, user: &str, message: &Message) -> u8 {
        let Some(account) = self.accounts.get(user) else { return RECEIVED };
        let peer = if is_room(&message.target) { &message.target } else { &message.sender };
        if account.read.get(peer).copied().unwrap_or(0) >= message.number {
            return READ;
        }
        if account.acknowledged >= message.number {
            DELIVERED
        } else {
            RECEIVED
        }
    }

    /// The state by the sender's watermarks.
    fn state_of(&self, message: &Message) -> u8 {
        let has_reached = |state: &u8| {
            let key = (message.sender.clone(), message.target.clone(), *state);
            let mark = self.reached.get(&key).copied().unwrap_or(0);
            let messages = self.sent.get(&(key.0, key.1));
            mark > 0 && messages.is_some_and(|messages| messages[mark - 1].number >= message.number)
        };
        [READ, DELIVERED].into_iter().find(has_reached).unwrap_or(RECEIVED)
    }
    // END 6

    // TODO 10 (section 7, Rooms): who is a member.
    //- fn apply_join(&mut self, room: &str, user: &str) {}
    //-
    //- fn apply_leave(&mut self, room: &str, user: &str, at: &str) {}
    //-
    //- /// The recipients of a message that still are some.
    //- fn remaining(&self, message: &Message) -> BTreeSet<String> {
    //-     message.recipients.clone()
    //- }
    fn apply_join(&mut self, room: &str, user: &str) {
        self.rooms.entry(room.to_string()).or_default().insert(user.to_string());
    }

    fn apply_leave(&mut self, room: &str, user: &str, at: &str) {
        let Some(members) = self.rooms.get_mut(room) else { return };
        members.remove(user);
        let is_empty = members.is_empty();
        let is_elsewhere = |event: &Event| !matches!(&event.message, Some((_, target)) if target == room);
        self.accounts.get_mut(user).map(|account| account.events.retain(|_, event| is_elsewhere(event)));
        for (sender, target) in self.keys(user, room) {
            self.advance(&sender, &target, at);
        }
        if is_empty && !self.conversations.contains_key(room) {
            self.rooms.remove(room);
        }
    }

    /// The recipients of a message that still are some.
    fn remaining(&self, message: &Message) -> BTreeSet<String> {
        match self.rooms.get(&message.target) {
            Some(members) => message.recipients.intersection(members).cloned().collect(),
            None => message.recipients.clone(),
        }
    }
    // END 10

    fn shown(&self, target: &str) -> String {
        self.accounts.get(target).map_or(target.to_string(), |account| account.shown.clone())
    }
}

// ---- The log ----

struct Server {
    state: Mutex<State>,
    changed: Condvar, // a waiting poll looks again
    log: File,
}

impl Server {
    // TODO 9 (section 5, "the message is durable"): the log is what a kill leaves.
    //- /// Opens the log and applies its records.
    //- fn start(path: &str) -> io::Result<Self> {
    //-     let log = File::options().read(true).append(true).create(true).open(path)?;
    //-     Ok(Self { state: Mutex::default(), changed: Condvar::new(), log })
    //- }
    //-
    //- /// Makes a change durable, then applies it. Nothing is answered before this has returned.
    //- fn commit(&self, state: &mut State, fields: &[&str]) {
    //-     state.apply(fields);
    //-     self.changed.notify_all();
    //- }
    /// Opens the log and applies its records. Half a record at its end was answered to nobody: it is cut off.
    fn start(path: &str) -> io::Result<Self> {
        let mut log = File::options().read(true).append(true).create(true).open(path)?;
        let mut whole = Vec::new();
        let mut state = State::default();
        log.read_to_end(&mut whole)?;
        whole.truncate(whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let fields = split(line).unwrap_or_else(|_| panic!("the log is damaged"));
            state.apply(&fields.iter().map(String::as_str).collect::<Vec<_>>());
        }
        log.set_len(whole.len() as u64)?;
        let directory = std::path::Path::new(path).parent().filter(|path| !path.as_os_str().is_empty());
        File::open(directory.unwrap_or(".".as_ref()))?.sync_all()?; // the name of a new file is in its directory
        Ok(Self { state: Mutex::new(state), changed: Condvar::new(), log })
    }

    /// Makes a change durable, then applies it. Nothing is answered before this has returned.
    fn commit(&self, state: &mut State, fields: &[&str]) {
        let mut log = &self.log;
        if let Err(error) = log.write_all((record(fields) + "\n").as_bytes()).and_then(|()| log.sync_data()) {
            eprintln!("the log: {error}");
            std::process::exit(1); // what is on the disk is unknown now; the next start finds out
        }
        state.apply(fields);
        self.changed.notify_all();
    }
    // END 9

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|_| std::process::exit(1)) // a thread has panicked with it
    }
}

// ---- One connection ----

struct Session<'a> {
    server: &'a Server,
    connection: &'a TcpStream,
    port: Port,
    user: String, // empty until the login
    is_replaced: Arc<AtomicBool>,
}

type Answer = Result<String, Ko>;

impl Session<'_> {
    fn serve(mut self) {
        let mut lines = Lines { connection: self.connection, rest: Vec::new() };
        let Err(End(last)) = self.converse(&mut lines) else { return };
        let is_replaced = self.is_replaced.load(Ordering::Relaxed);
        self.close(if is_replaced { "KO;REPLACED;a later session has taken over" } else { &last });
    }

    /// Answers line after line, until the end.
    fn converse(&mut self, lines: &mut Lines) -> Result<(), End> {
        let line = lines.next_line(MAX_LOGIN_LINE, Instant::now() + TIMEOUT)?;
        let logged_in = self.log_in(&line)?; // a KO to the login ends the connection, too
        self.reply(&logged_in)?;
        loop {
            let line = lines.next_line(MAX_LINE, Instant::now() + TIMEOUT)?;
            let mut quits = false;
            let answer = split(&line).and_then(|fields| {
                let fields: Vec<_> = fields.iter().map(String::as_str).collect();
                let answer = self.answer(&fields[0].to_uppercase(), &fields[1..])?;
                quits = fields[0].eq_ignore_ascii_case("QUIT");
                Ok(answer)
            });
            if self.is_replaced.load(Ordering::Relaxed) {
                return Err(End(String::new()));
            }
            self.reply(&answer.unwrap_or_else(|ko| ko.line()))?;
            if quits {
                return Err(End(String::new()));
            }
        }
    }

    fn reply(&self, text: &str) -> Result<(), End> {
        let _ = self.connection.set_write_timeout(Some(TIMEOUT));
        let mut connection = self.connection;
        connection.write_all(format!("{text}\n").as_bytes()).map_err(|_| End(String::new()))
        // the client is gone
    }

    /// Writes the last line, and reads what has arrived: closing before would be a reset, which destroys it.
    fn close(&self, last: &str) {
        let mut state = self.server.lock();
        if matches!(state.sessions.get(&self.user), Some((session, _)) if Arc::ptr_eq(session, &self.is_replaced)) {
            state.sessions.remove(&self.user);
        }
        drop(state);
        if !last.is_empty() {
            let _ = self.reply(last);
        }
        let mut connection = self.connection;
        let _ = connection.shutdown(Shutdown::Write);
        let _ = connection.set_read_timeout(Some(Duration::from_millis(200)));
        while matches!(connection.read(&mut [0; 4096]), Ok(1..)) {}
    }

    /// Answers the login line.
    fn log_in(&mut self, line: &[u8]) -> Answer {
        let syntax = Ko("SYNTAX", "the first line is LOGIN:name:password");
        let parts: Vec<_> = std::str::from_utf8(line).unwrap_or("").splitn(3, ':').collect();
        let [verb, shown, password] = parts[..] else { return Err(syntax) };
        let verb = verb.to_uppercase();
        let name = shown.to_lowercase();
        if !["LOGIN", "REGISTER"].contains(&verb.as_str()) || password.is_empty() {
            return Err(syntax);
        }
        let mut state = self.server.lock();
        // TODO 3 (section 3): which names and passwords are taken, and which KO the others get.
        //- if !state.accounts.contains_key(&name) {
        //-     self.server.commit(&mut state, &["ACCOUNT", &name, shown, password]);
        //- }
        let known = state.accounts.get(&name).map(|account| account.password.clone());
        if verb == "LOGIN" {
            if known.as_deref() != Some(password) {
                return Err(Ko("AUTH", "no such user, or a wrong password"));
            }
        } else if !is_name(&name) {
            return Err(Ko("NAME", "this is no name"));
        } else if known.is_some() {
            return Err(Ko("EXISTS", "this name has an account"));
        } else if password.chars().count() < 8 || password.to_lowercase() == name || password.contains('\r') {
            return Err(Ko("PASSWORD", "a password has 8 characters or more, and is not the name"));
        } else {
            self.server.commit(&mut state, &["ACCOUNT", &name, shown, password]);
        }
        // END 3
        self.user = name;
        let Account { shown, acknowledged, .. } = &state.accounts[&self.user];
        let shown = shown.clone();
        let acknowledged = acknowledged.to_string();
        if self.port == Port::Send {
            return Ok(record(&["OK", &shown, "wachat/1"]));
        }
        self.take_over(&mut state);
        Ok(record(&["OK", &shown, "wachat/1", &acknowledged, STORE]))
    }

    /// Ends the session before this one. Its own thread writes its last line: one writer a connection.
    fn take_over(&self, state: &mut State) {
        // TODO 3 (section 3, Sessions): a user has one session.
        let Ok(connection) = self.connection.try_clone() else { return };
        let before = state.sessions.insert(self.user.clone(), (self.is_replaced.clone(), connection));
        if let Some((is_replaced, connection)) = before {
            is_replaced.store(true, Ordering::Relaxed);
            let _ = connection.shutdown(Shutdown::Read); // wakes its thread, if that reads
            self.server.changed.notify_all(); // or waits in a poll
        }
        // END 3
    }

    /// Answers a request.
    fn answer(&self, verb: &str, fields: &[&str]) -> Answer {
        match (self.port, verb, fields) {
            (_, "PING" | "QUIT", []) => Ok("OK".to_string()),
            (Port::Send, "SEND", [id, target, text]) => self.send(id, target, text),
            (Port::Send, "READ", [target, upto]) => self.read(target, upto),
            (Port::Send, "STATUS", [target, seq]) => self.status(target, seq),
            (Port::Send, "HISTORY", [target]) => self.history(target, "50", "9007199254740991"),
            (Port::Send, "HISTORY", [target, limit]) => self.history(target, limit, "9007199254740991"),
            (Port::Send, "HISTORY", [target, limit, before]) => self.history(target, limit, before),
            (Port::Send, "JOIN", [room]) => self.join(room),
            (Port::Send, "LEAVE", [room]) => self.leave(room),
            (Port::Send, "MEMBERS", [room]) => self.members(room),
            (Port::Recv, "POLL", [after]) => self.poll(after, "9", "100"),
            (Port::Recv, "POLL", [after, wait]) => self.poll(after, wait, "100"),
            (Port::Recv, "POLL", [after, wait, most]) => self.poll(after, wait, most),
            _ => Err(Ko("SYNTAX", "this is not a request of this port")),
        }
    }

    /// Returns the name in small letters of a user, or of a room of which the user is a member.
    fn find(&self, state: &State, target: &str) -> Answer {
        let name = target.to_lowercase();
        if !is_room(&name) {
            let is_known = state.accounts.contains_key(&name);
            return if is_known { Ok(name) } else { Err(Ko("NO_USER", "there is no such user")) };
        }
        // TODO 10 (section 5, "A request with a target"): only members may.
        //- Err(Ko("NO_ROOM", "there are no rooms yet"))
        match state.rooms.get(&name) {
            None => Err(Ko("NO_ROOM", "there is no such room")),
            Some(members) if !members.contains(&self.user) => {
                Err(Ko("NOT_MEMBER", "you are not a member of this room"))
            }
            Some(_) => Ok(name),
        }
        // END 10
    }

    fn send(&self, id: &str, target: &str, text: &str) -> Answer {
        let mut state = self.server.lock();
        let key = (self.user.clone(), id.to_string());
        // TODO 7 (section 5, "The id makes a retry idempotent"): a known id is looked up before anything else.
        //- let is_known = false;
        let known = state.ids.get(&key);
        if known.is_some_and(|known| known.target != target.to_lowercase() || known.text != text) {
            return Err(Ko("CONFLICT", "this id was used for another message"));
        }
        let is_known = known.is_some();
        // END 7
        if !is_known {
            // TODO 4 (section 5, SEND; section 2, id and text): what is checked before a message is stored.
            //- self.server.commit(&mut state, &["SEND", id, &self.user, &target.to_lowercase(), &now(), text]);
            let is_id = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            if !(1..=64).contains(&id.len()) || !id.chars().all(is_id) {
                return Err(Ko("SYNTAX", "this is not an id"));
            }
            if quote(text).len() > MAX_TEXT {
                return Err(Ko("SYNTAX", "the text is too long"));
            }
            let target = self.find(&state, target)?;
            self.server.commit(&mut state, &["SEND", id, &self.user, &target, &now(), text]);
            // END 4
        }
        let message = &state.ids[&key];
        Ok(record(&["OK", id, "RECEIVED", &message.time, &message.number.to_string()]))
    }

    fn read(&self, target: &str, upto: &str) -> Answer {
        let number = number(upto, 0, MAX_NUMBER)?;
        let mut state = self.server.lock();
        let target = self.find(&state, target)?;
        // TODO 6 (section 5, READ): not above the last message there, and without effect below an earlier READ.
        //- Ok("OK".to_string())
        let messages = state.conversations.get(&conversation(&self.user, &target));
        if number > messages.and_then(|messages| messages.last()).map_or(0, |last| last.number) {
            return Err(Ko("SEQ", "that number is past the last there is"));
        }
        if number > state.accounts[&self.user].read.get(&target).copied().unwrap_or(0) {
            self.server.commit(&mut state, &["READ", &self.user, &target, upto, &now()]);
        }
        Ok("OK".to_string())
        // END 6
    }

    fn status(&self, target: &str, seq: &str) -> Answer {
        let number = number(seq, 0, MAX_NUMBER)?;
        let state = self.server.lock();
        let target = self.find(&state, target)?;
        // TODO 6 (section 5, STATUS): each recipient, and the state there.
        //- Err(Ko("NO_MESSAGE", "there are no states yet"))
        let messages = state.sent.get(&(self.user.clone(), target));
        let message = messages.and_then(|messages| messages.iter().find(|message| message.number == number));
        let message = message.ok_or(Ko("NO_MESSAGE", "you have sent no message with this number there"))?;
        let row = |user: &String| record(&[&state.shown(user), STATES[state.state_for(user, message) as usize]]);
        Ok(listed(message.recipients.iter().map(row).collect()))
        // END 6
    }

    fn history(&self, target: &str, limit: &str, before: &str) -> Answer {
        let limit = number(limit, 1, 1000)? as usize;
        let before = number(before, 0, MAX_NUMBER)?;
        let state = self.server.lock();
        let target = self.find(&state, target)?;
        // TODO 4 (section 5, HISTORY): the last messages of a conversation, in ascending order.
        //- Ok(listed(Vec::new()))
        let row = |message: &Message| {
            let Message { number, id, sender, target, time, text, .. } = message;
            let is = STATES[state.state_of(message) as usize];
            record(&[&number.to_string(), id, &state.shown(sender), &state.shown(target), time, is, text])
        };
        let messages = state.conversations.get(&conversation(&self.user, &target)).map_or(&[][..], Vec::as_slice);
        let messages = messages.iter().rev().filter(|message| message.number < before).take(limit);
        let mut rows = fitting(messages.map(row).collect());
        rows.reverse();
        Ok(listed(rows))
        // END 4
    }

    fn poll(&self, after: &str, wait: &str, most: &str) -> Answer {
        let upto = number(after, 0, MAX_NUMBER)?;
        let wait = number(wait, 0, 9)?;
        let most = number(most, 1, 1000)? as usize;
        let mut state = self.server.lock();
        // TODO 5 (section 6, POLL): it acknowledges, and it waits for an event.
        if upto > state.last {
            return Err(Ko("SEQ", "that number is past the last there is"));
        }
        if upto > state.accounts[&self.user].acknowledged {
            self.server.commit(&mut state, &["ACK", &self.user, after, &now()]);
        }
        let deadline = Instant::now() + Duration::from_secs(wait);
        while state.accounts[&self.user].events.is_empty() && Instant::now() < deadline && !self.has_ended() {
            // An end of input notifies nobody: look for it now and then.
            let pause = deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(100));
            state = self.server.changed.wait_timeout(state, pause).unwrap_or_else(|_| std::process::exit(1)).0;
        }
        // END 5
        let events = state.accounts[&self.user].events.range(upto + 1..).take(most);
        Ok(listed(fitting(events.map(|(_, event)| event.line.clone()).collect())))
    }

    /// Returns whether the client sends no more, or that a later session has taken over.
    fn has_ended(&self) -> bool {
        let _ = self.connection.set_nonblocking(true);
        let ended = matches!(self.connection.peek(&mut [0]), Ok(0));
        let _ = self.connection.set_nonblocking(false);
        ended || self.is_replaced.load(Ordering::Relaxed)
    }

    // TODO 10 (section 5, JOIN, LEAVE and MEMBERS): the first two are OK where nothing changes.
    //- fn join(&self, room: &str) -> Answer {
    //-     Err(Ko("NAME", "there are no rooms yet"))
    //- }
    //-
    //- fn leave(&self, room: &str) -> Answer {
    //-     Err(Ko("NO_ROOM", "there are no rooms yet"))
    //- }
    //-
    //- fn members(&self, room: &str) -> Answer {
    //-     Err(Ko("NO_ROOM", "there are no rooms yet"))
    //- }
    fn join(&self, room: &str) -> Answer {
        let name = room.to_lowercase();
        let mut state = self.server.lock();
        if !is_room(&name) || !is_name(&name[1..]) {
            return Err(Ko("NAME", "this is no name of a room"));
        }
        if !state.rooms.get(&name).is_some_and(|members| members.contains(&self.user)) {
            self.server.commit(&mut state, &["JOIN", &name, &self.user]);
        }
        Ok("OK".to_string())
    }

    fn leave(&self, room: &str) -> Answer {
        let name = room.to_lowercase();
        let mut state = self.server.lock();
        let members = state.rooms.get(&name).ok_or(Ko("NO_ROOM", "there is no such room"))?;
        if members.contains(&self.user) {
            self.server.commit(&mut state, &["LEAVE", &name, &self.user, &now()]);
        }
        Ok("OK".to_string())
    }

    fn members(&self, room: &str) -> Answer {
        let state = self.server.lock();
        let members = state.rooms.get(&room.to_lowercase()).ok_or(Ko("NO_ROOM", "there is no such room"))?;
        let presence = |user: &String| if state.sessions.contains_key(user) { "online" } else { "offline" };
        Ok(listed(members.iter().map(|user| record(&[&state.shown(user), presence(user)])).collect()))
    }
    // END 10
}

/// Returns whether a text is a name (section 3), of ASCII letters.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && !":;#@\"\\/".contains(c);
    (1..=32).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with(['.', '-'])
}

/// Returns the first rows, as many as a reply may have, but one at least.
fn fitting(mut rows: Vec<String>) -> Vec<String> {
    let mut size = 0;
    let mut count = 0;
    while count < rows.len() && (count == 0 || size + rows[count].len() < MAX_REPLY) {
        size += rows[count].len() + 1;
        count += 1;
    }
    rows.truncate(count);
    rows
}

fn listed(rows: Vec<String>) -> String {
    [vec![format!("OK;{}", rows.len())], rows].concat().join("\n")
}

fn accept(server: &Arc<Server>, listener: &TcpListener, port: Port) {
    for connection in listener.incoming().flatten() {
        let server = server.clone();
        thread::spawn(move || {
            let _ = connection.set_nodelay(true);
            let is_replaced = Arc::new(AtomicBool::new(false));
            let server = &*server;
            let connection = &connection;
            Session { server, connection, port, user: String::new(), is_replaced }.serve();
        });
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [send_port, recv_port, path] = &arguments[..] else { panic!("server SEND_PORT RECV_PORT LOG") };
    let server = Arc::new(Server::start(path)?);
    let send = TcpListener::bind(format!("127.0.0.1:{send_port}"))?;
    let recv = TcpListener::bind(format!("127.0.0.1:{recv_port}"))?;
    println!("listening on {send_port} and {recv_port}");
    let other = server.clone();
    thread::spawn(move || accept(&other, &send, Port::Send));
    accept(&server, &recv, Port::Recv);
    Ok(())
}
