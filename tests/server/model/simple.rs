//! The simplest thing that could be right: lists of all that ever happened, gone through each time.

use std::collections::HashMap;

use wachat::model::State;
use wachat::protocol::Code;

use super::{QUEUE, QUEUE_PER_SENDER, USERS};

/// A pending event of a user (protocol, section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    Message { seq: u64, id: String, from: usize, to: usize, text: String },
    State { seq: u64, target: usize, state: State, upto: u64 },
}

impl Waiting {
    pub fn seq(&self) -> u64 {
        match self {
            Self::Message { seq, .. } | Self::State { seq, .. } => *seq,
        }
    }
}

/// A message that was accepted. Users and rooms are known by their place in [`super::PLACES`].
#[derive(Clone)]
pub struct Sent {
    pub seq: u64,
    pub from: usize,
    pub id: String,
    pub to: usize,
    pub text: String,
}

impl Sent {
    fn waiting(&self) -> Waiting {
        let Self { seq, from, id, to, text } = self.clone();
        Waiting::Message { seq, id, from, to, text }
    }
}

#[derive(Default)]
pub struct Model {
    pub last: u64,
    /// Everything ever accepted.
    sent: Vec<Sent>,
    /// Pending direct events by user; pending room messages are found in `sent`.
    mailbox: [Vec<Waiting>; USERS],
    pub acknowledged: [u64; USERS],
    /// By reader and place.
    read: HashMap<(usize, usize), u64>,
    /// The rooms that there are, in the order in which they were made.
    made: Vec<usize>,
    /// The last number at the moment of joining, by room and user.
    members: HashMap<(usize, usize), u64>,
    /// By room, sender and state: how far that is.
    marks: HashMap<(usize, usize, bool), u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Accepted(u64),
    Events(Vec<Waiting>),
    Statuses(Vec<(usize, State)>),
    Done,
    Ko(Code),
}

fn is_room(target: usize) -> bool {
    target >= USERS
}

impl Model {
    pub fn send(&mut self, from: usize, id: &str, to: usize, text: &str) -> Said {
        if let Some(known) = self.sent.iter().find(|sent| sent.from == from && sent.id == id) {
            let same = (known.to, known.text.as_str()) == (to, text);
            return if same { Said::Accepted(known.seq) } else { Said::Ko(Code::Conflict) };
        }
        if let Some(code) = self.no_member(from, to) {
            return Said::Ko(code);
        }
        if !is_room(to) {
            let waits = |w: &&Waiting| matches!(w, Waiting::Message { .. });
            let from_her = |w: &&Waiting| matches!(w, Waiting::Message { from: sender, .. } if *sender == from);
            let mailbox = &self.mailbox[to];
            if mailbox.iter().filter(waits).count() >= QUEUE
                || mailbox.iter().filter(from_her).count() >= QUEUE_PER_SENDER
            {
                return Said::Ko(Code::Quota);
            }
        }
        self.last += 1;
        let sent = Sent { seq: self.last, from, id: id.into(), to, text: text.into() };
        if !is_room(to) {
            self.mailbox[to].push(sent.waiting());
        }
        self.sent.push(sent);
        Said::Accepted(self.last)
    }

    fn no_member(&self, user: usize, target: usize) -> Option<Code> {
        match is_room(target) && !self.members.contains_key(&(target, user)) {
            true if !self.made.contains(&target) => Some(Code::NoRoom),
            true => Some(Code::NotMember),
            false => None,
        }
    }

    pub fn join(&mut self, user: usize, room: usize) {
        let last = self.last;
        if !self.made.contains(&room) {
            self.made.push(room);
        }
        self.members.entry((room, user)).or_insert_with(|| {
            self.read.insert((user, room), last);
            last
        });
    }

    pub fn leave(&mut self, user: usize, room: usize) -> Said {
        if self.no_member(user, room) == Some(Code::NoRoom) {
            return Said::Ko(Code::NoRoom);
        }
        self.members.remove(&(room, user));
        self.move_room_marks(room);
        Said::Done
    }

    /// Returns the pending events of a user above a number.
    fn waiting(&self, user: usize, after: u64) -> Vec<Waiting> {
        let for_her = |sent: &&Sent| {
            let joined = self.members.get(&(sent.to, user));
            sent.from != user && joined.is_some_and(|joined| sent.seq > *joined)
        };
        let in_rooms = self.sent.iter().filter(for_her).map(Sent::waiting);
        let mut all: Vec<_> = self.mailbox[user].iter().cloned().chain(in_rooms).filter(|w| w.seq() > after).collect();
        all.sort_by_key(Waiting::seq);
        all
    }

    /// The last number that waits for a user.
    pub fn last_for(&self, user: usize) -> u64 {
        let acknowledged = self.acknowledged[user];
        self.waiting(user, acknowledged).last().map_or(acknowledged, Waiting::seq)
    }

    pub fn poll(&mut self, user: usize, after: u64, max: usize) -> Said {
        if after > self.last {
            return Said::Ko(Code::Seq);
        }
        if after > self.acknowledged[user] {
            self.acknowledged[user] = after;
            let (gone, kept) = std::mem::take(&mut self.mailbox[user]).into_iter().partition(|w| w.seq() <= after);
            self.mailbox[user] = kept;
            self.tell_delivered(user, gone);
            self.made.clone().into_iter().for_each(|room| self.move_room_marks(room));
        }
        let mut events = self.waiting(user, after.max(self.acknowledged[user]));
        events.truncate(max);
        Said::Events(events)
    }

    fn tell_delivered(&mut self, user: usize, gone: Vec<Waiting>) {
        let mut last_of: Vec<(u64, usize)> = Vec::new();
        for waiting in gone {
            if let Waiting::Message { seq, from, .. } = waiting {
                last_of.retain(|(_, sender)| *sender != from);
                last_of.push((seq, from));
            }
        }
        for (upto, sender) in last_of {
            if upto > self.read_upto(user, sender) {
                self.notify(sender, user, State::Delivered, upto);
            }
        }
    }

    fn notify(&mut self, sender: usize, by: usize, kind: State, upto: u64) {
        self.last += 1;
        let seq = self.last;
        self.mailbox[sender]
            .retain(|w| !matches!(w, Waiting::State { target, state, .. } if (*target, *state) == (by, kind)));
        self.mailbox[sender].push(Waiting::State { seq, target: by, state: kind, upto });
    }

    fn read_upto(&self, user: usize, target: usize) -> u64 {
        self.read.get(&(user, target)).copied().unwrap_or(0)
    }

    pub fn read(&mut self, user: usize, target: usize, upto: u64) -> Said {
        if let Some(code) = self.no_member(user, target) {
            return Said::Ko(code);
        }
        let there = |s: &&Sent| match is_room(target) {
            true => s.to == target,
            false => (s.from, s.to) == (user, target) || (s.from, s.to) == (target, user),
        };
        if upto > self.sent.iter().filter(there).map(|s| s.seq).max().unwrap_or(0) {
            return Said::Ko(Code::Seq);
        }
        let before = self.read_upto(user, target);
        if upto > before {
            self.read.insert((user, target), upto);
            if is_room(target) {
                self.move_room_marks(target);
            } else if let Some(last) = self.last_of_peer(user, target, upto).filter(|last| *last > before) {
                self.notify(target, user, State::Read, last);
            }
        }
        Said::Done
    }

    pub fn last_of_peer(&self, user: usize, peer: usize, upto: u64) -> Option<u64> {
        self.sent.iter().filter(|s| (s.from, s.to) == (peer, user) && s.seq <= upto).map(|s| s.seq).max()
    }

    /// Returns the members whom the states of a room message depend on, and its state for each of them.
    fn waited_for(&self, sent: &Sent) -> Vec<(usize, State)> {
        let waited = |user: &usize| {
            *user != sent.from && self.members.get(&(sent.to, *user)).is_some_and(|joined| *joined < sent.seq)
        };
        let state = |user: usize| match user {
            user if self.read_upto(user, sent.to) >= sent.seq => State::Read,
            user if self.acknowledged[user] >= sent.seq => State::Delivered,
            _ => State::Received,
        };
        let mut recipients: Vec<_> = (0..USERS).filter(waited).collect();
        recipients.sort_by_key(|user| super::PLACES[*user]);
        recipients.into_iter().map(|user| (user, state(user))).collect()
    }

    /// Moves the marks of every sender in a room to where they should be.
    fn move_room_marks(&mut self, room: usize) {
        for state in [State::Read, State::Delivered] {
            for sender in 0..USERS {
                let reached = |s: &&Sent| {
                    let waited = self.waited_for(s);
                    !waited.is_empty() && waited.iter().all(|(_, is)| *is >= state)
                };
                let theirs = self.sent.iter().filter(|s| (s.from, s.to) == (sender, room));
                let upto = theirs.filter(reached).map(|s| s.seq).max().unwrap_or(0);
                let mark = |read| self.marks.get(&(room, sender, read)).copied().unwrap_or(0);
                let known = if state == State::Read { mark(true) } else { mark(false).max(mark(true)) };
                if upto > known {
                    self.marks.insert((room, sender, state == State::Read), upto);
                    self.notify(sender, room, state, upto);
                }
            }
        }
    }

    /// Returns the answer to STATUS of a user's own message in a room.
    pub fn status(&self, user: usize, room: usize, seq: u64) -> Said {
        if let Some(code) = self.no_member(user, room) {
            return Said::Ko(code);
        }
        match self.sent.iter().find(|s| (s.seq, s.from, s.to) == (seq, user, room)) {
            Some(sent) => Said::Statuses(self.waited_for(sent)),
            None => Said::Ko(Code::NoMessage),
        }
    }

    /// The number of the user's last message in a place.
    pub fn last_sent(&self, user: usize, target: usize) -> Option<u64> {
        self.sent.iter().filter(|s| (s.from, s.to) == (user, target)).map(|s| s.seq).max()
    }
}
