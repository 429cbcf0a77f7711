//! Lines that sessions are sent, as the page says it: each answer as the lines that a client reads, and each record as
//! a line of the log. Lists of all that happened, gone through each time.

use std::collections::{BTreeMap, BTreeSet};

use wachat::model::Timestamp;

use super::{PLACES, USERS};

/// The longest wait of a POLL, in milliseconds.
const LONGEST_WAIT: u64 = 9_000;

/// Time in which a callee is told of a caller once, in milliseconds.
const HOUR: u64 = 3_600_000;

pub struct Sent {
    pub seq: u64,
    pub from: usize,
    pub to: usize,
    pub id: u64,
    pub text: String,
    pub at: Timestamp,
    /// Of a message in a room: its members at that time, without the sender.
    pub recipients: BTreeSet<usize>,
}

impl Sent {
    fn line(&self) -> String {
        let Self { seq, from, to, id, text, at, .. } = self;
        format!("{seq};MSG;m-{id};{};{};{at};{text}\n", PLACES[*from], PLACES[*to])
    }
}

/// A STATE that waits: the place and the state, by which a newer one replaces it.
pub struct Receipt {
    pub seq: u64,
    pub key: (usize, &'static str),
    pub line: String,
}

struct Poll {
    after: u64,
    max: usize,
    deadline: u64,
}

pub struct Session {
    pub connection: u64,
    order: u64,
    sent: u64,
    has_ended: bool,
    direct: Option<u16>,
    told: Vec<String>,
    poll: Option<Poll>,
}

impl Session {
    pub fn waits_on(&self, connection: u64) -> bool {
        self.connection == connection && self.poll.is_some()
    }
}

#[derive(Default)]
pub struct Model {
    pub last: u64,
    /// Milliseconds since the start of the server.
    pub now: u64,
    pub is_full: bool,
    pub is_stopping: bool,
    pub sessions: [Option<Session>; USERS],
    pub acknowledged: [u64; USERS],
    pub is_removed: [bool; USERS],
    pub hashes: [String; USERS],
    /// The numbers of the direct messages that wait.
    pub mail: [BTreeSet<u64>; USERS],
    pub receipts: [Vec<Receipt>; USERS],
    pub sent: Vec<Sent>,
    /// By reader and place.
    pub read: BTreeMap<(usize, usize), u64>,
    /// The newest number when a member joined, by room and member.
    pub members: BTreeMap<(usize, usize), u64>,
    /// By room.
    pub owners: BTreeMap<usize, usize>,
    /// The open rooms by their numbers.
    pub rooms: BTreeMap<usize, usize>,
    /// By room, sender and state.
    pub marks: BTreeMap<(usize, usize, &'static str), u64>,
    /// By user and caller.
    pub permits: BTreeMap<(usize, usize), bool>,
    /// The calls that callees were told of: the time, the caller, the callee.
    pub told_calls: Vec<(u64, usize, usize)>,
    pub acknowledgements: BTreeSet<(u64, usize)>,
    /// Connections and what was written to them.
    pub answers: Vec<(u64, String)>,
    pub records: Vec<String>,
}

pub const OK: &str = "OK\n";

/// Result of a request: its answer, or the code of a refusal.
pub type Outcome = Result<String, &'static str>;

pub fn is_room(place: usize) -> bool {
    place >= USERS
}

impl Model {
    pub fn at(&self) -> Timestamp {
        super::wall_clock(self.now)
    }

    pub fn answer(&mut self, connection: u64, outcome: Outcome) {
        self.answers.push((connection, outcome.unwrap_or_else(|code| format!("KO;{code}\n"))));
    }

    /// Writes what a record changes, unless the disk is full.
    pub fn record(&mut self, change: impl FnOnce(&mut Self) -> String) -> Result<(), &'static str> {
        if self.is_full {
            return Err("FULL");
        }
        let line = change(self);
        self.records.push(format!("{};{line}", self.last));
        Ok(())
    }

    pub fn tell(&mut self, users: &BTreeSet<usize>, line: &str) {
        for user in users {
            if let Some(session) = &mut self.sessions[*user] {
                session.told.push(format!("0;{line}\n"));
            }
        }
    }

    pub fn are_in(&self, room: usize, users: &[usize]) -> bool {
        users.iter().all(|user| self.members.contains_key(&(room, *user)))
    }

    pub fn others_in(&self, room: usize, user: usize) -> BTreeSet<usize> {
        (0..USERS).filter(|other| *other != user && self.are_in(room, &[*other])).collect()
    }

    /// Those who share a conversation or a room.
    fn contacts(&self, user: usize) -> BTreeSet<usize> {
        let have_talked =
            |other| self.sent.iter().any(|sent| [(user, other), (other, user)].contains(&(sent.from, sent.to)));
        let share = |other| self.rooms.values().any(|room| self.are_in(*room, &[user, other]));
        (0..USERS).filter(|other| *other != user && (have_talked(*other) || share(*other))).collect()
    }

    fn seen(&mut self, user: usize) {
        // While the disk is full no session is refused for it.
        let line = format!("SEEN;{};{}", PLACES[user], self.at());
        _ = self.record(|_| line);
    }

    pub fn open(&mut self, connection: u64, user: usize, order: u64) -> Outcome {
        let before = self.sessions[user].as_ref().map(|session| (session.order, session.connection));
        match before {
            Some((newer, _)) if newer > order => return Err("REPLACED"),
            Some((_, replaced)) => self.answers.push((replaced, "closed: REPLACED".to_owned())),
            None => self.tell(&self.contacts(user), &format!("ONLINE;{};{}", PLACES[user], self.at())),
        }
        let sent = 0;
        let has_ended = false;
        let direct = None;
        let told = Vec::new();
        let poll = None;
        self.sessions[user] = Some(Session { connection, order, sent, has_ended, direct, told, poll });
        self.seen(user);
        Ok(format!("OK;{};wachat/1;{};store\n", PLACES[user], self.acknowledged[user]))
    }

    /// Returns the user whose session a connection is.
    fn user_of(&self, connection: u64) -> Option<usize> {
        (0..USERS).find(|user| self.sessions[*user].as_ref().is_some_and(|session| session.connection == connection))
    }

    pub fn close(&mut self, connection: u64) {
        let Some(user) = self.user_of(connection) else { return };
        self.sessions[user] = None;
        self.seen(user);
        self.tell(&self.contacts(user), &format!("OFFLINE;{};{}", PLACES[user], self.at()));
    }

    pub fn hang_up(&mut self, connection: u64) {
        let Some(user) = self.user_of(connection) else { return };
        self.sessions[user].as_mut().expect("a session").has_ended = true;
        self.answer_poll(user, true);
    }

    pub fn port(&mut self, connection: u64, port: Option<u16>) {
        let Some(user) = self.user_of(connection) else { return };
        self.sessions[user].as_mut().expect("a session").direct = port;
        self.answer(connection, Ok(OK.to_owned()));
    }

    pub fn peer(&mut self, user: usize, callee: usize, token: &str) -> Outcome {
        if is_room(callee) || self.is_removed[callee] {
            return Err("NO_USER");
        }
        let has_written = self.sent.iter().any(|sent| (sent.from, sent.to) == (callee, user));
        let said = self.permits.get(&(callee, user)).copied();
        if user == callee || !said.unwrap_or(has_written) {
            if user != callee && said.is_none() {
                self.tell_of_call(user, callee);
            }
            return Err("NO_PEER");
        }
        let direct = self.sessions[callee].as_ref().and_then(|session| session.direct);
        let port = direct.ok_or("NO_PEER")?;
        self.tell(&[callee].into(), &format!("PEER;{};{token}", PLACES[user]));
        Ok(format!("OK;192.0.2.{callee};{port};{token}\n"))
    }

    /// Once a caller and hour; four users make no 20 calls.
    fn tell_of_call(&mut self, user: usize, callee: usize) {
        let is_known = |call: &(u64, usize, usize)| (call.1, call.2) == (user, callee) && self.now - call.0 < HOUR;
        if self.sessions[callee].is_some() && !self.told_calls.iter().any(is_known) {
            self.told_calls.push((self.now, user, callee));
            self.tell(&[callee].into(), &format!("CALL;{};{}", PLACES[user], self.at()));
        }
    }

    pub fn permit(&mut self, user: usize, caller: usize, permitted: bool) -> Outcome {
        if is_room(caller) || self.is_removed[caller] {
            return Err("NO_USER");
        }
        if caller == user {
            return Err("NO_PEER");
        }
        if self.permits.get(&(user, caller)) != Some(&permitted) {
            let word = if permitted { "yes" } else { "no" };
            self.record(|model| {
                model.permits.insert((user, caller), permitted);
                format!("PERMIT;{};{};{word}", PLACES[user], PLACES[caller])
            })?;
        }
        Ok(OK.to_owned())
    }

    pub fn list_permits(&self, user: usize) -> Outcome {
        let own = self.permits.iter().filter(|((who, _), _)| *who == user);
        let mut rows: Vec<_> = own
            .map(|((_, caller), yes)| format!("{};{}\n", PLACES[*caller], if *yes { "yes" } else { "no" }))
            .collect();
        rows.sort();
        Ok(format!("OK;{}\n{}", rows.len(), rows.concat()))
    }

    pub fn announce(&mut self, text: &str) -> Outcome {
        self.tell(&(0..USERS).collect(), &format!("NOTICE;{};{text}", self.at()));
        Ok(OK.to_owned())
    }

    pub fn set_password(&mut self, connection: u64, user: usize, old: Option<&str>, new: &str) -> Outcome {
        if self.is_removed[user] {
            return Err("NO_USER");
        }
        if old.is_some_and(|old| old != self.hashes[user]) {
            return Err("AUTH");
        }
        self.record(|_| format!("PASSWORD;{};{new}", PLACES[user]))?;
        self.hashes[user] = new.to_owned();
        let asked = if old.is_some() { format!(" at 192.0.2.{user}") } else { String::new() };
        self.answers.push((connection, format!("password of {}: {new}{asked}", PLACES[user])));
        Ok(OK.to_owned())
    }

    pub fn set_email(&mut self, user: usize, address: &str) -> Outcome {
        self.record(|_| format!("EMAIL;{};{address}", PLACES[user]))?;
        Ok(OK.to_owned())
    }

    /// Acknowledges, and lets the poll wait. `after`: `None` is `*`. A connection without a session gets no answer.
    pub fn poll(&mut self, connection: u64, after: Option<u64>, wait: Option<u64>, max: usize) {
        let Some(user) = self.user_of(connection) else { return };
        let session = self.sessions[user].as_ref().expect("a session");
        let upto = after.unwrap_or(session.sent);
        let longest = if session.has_ended || self.is_stopping { 0 } else { LONGEST_WAIT };
        if upto > self.last {
            return self.answer(connection, Err("SEQ"));
        }
        if upto > self.acknowledged[user] {
            if self.is_full {
                return self.answer(connection, Err("FULL"));
            }
            self.acknowledgements.insert((upto, user));
        }
        let wait = wait.map_or(longest, |seconds| (seconds * 1_000).min(longest));
        let poll = Poll { after: upto.max(self.acknowledged[user]), max, deadline: self.now + wait };
        self.sessions[user].as_mut().expect("a session").poll = Some(poll);
    }

    pub fn end_batch(&mut self) {
        self.acknowledge();
        for user in 0..USERS {
            self.answer_poll(user, false);
        }
    }

    /// Returns the earliest end of a waiting poll.
    pub fn next_deadline(&self) -> Option<u64> {
        self.sessions.iter().flatten().filter_map(|session| Some(session.poll.as_ref()?.deadline)).min()
    }

    /// Returns the lines that wait for a user above a number.
    fn pending(&self, user: usize, after: u64) -> BTreeMap<u64, String> {
        let is_for = |sent: &&Sent| {
            let is_member = self.members.get(&(sent.to, user)).is_some_and(|joined| *joined < sent.seq);
            self.mail[user].contains(&sent.seq) || is_member && sent.from != user
        };
        let messages = self.sent.iter().filter(is_for).map(|sent| (sent.seq, sent.line()));
        let receipts = self.receipts[user].iter().map(|receipt| (receipt.seq, receipt.line.clone()));
        messages.chain(receipts).filter(|(seq, _)| *seq > after).collect()
    }

    /// Answers a waiting poll if there are events, if its time is over, or `now`.
    pub fn answer_poll(&mut self, user: usize, now: bool) {
        let Some(Poll { after, max, deadline }) = self.sessions[user].as_mut().and_then(|session| session.poll.take())
        else {
            return;
        };
        let pending = self.pending(user, after);
        let is_over = now || deadline <= self.now;
        let session = self.sessions[user].as_mut().expect("a session");
        if !is_over && pending.is_empty() && session.told.is_empty() {
            session.poll = Some(Poll { after, max, deadline });
            return;
        }
        let mut lines: Vec<_> = session.told.drain(..session.told.len().min(max)).collect();
        for (seq, line) in pending.into_iter().take(max - lines.len()) {
            session.sent = seq.max(session.sent);
            lines.push(line);
        }
        // Acknowledged events have come.
        session.sent = session.sent.max(after);
        let connection = session.connection;
        self.answers.push((connection, format!("OK;{}\n{}", lines.len(), lines.concat())));
    }
}
