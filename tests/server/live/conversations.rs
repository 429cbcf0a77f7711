//! Messages in conversations and rooms: their recipients, and the states that their senders are told of.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Model, OK, Outcome, Receipt, Sent, is_room};
use super::{PLACES, USERS};

pub const READ: &str = "READ";
pub const DELIVERED: &str = "DELIVERED";

impl Model {
    pub fn join(&mut self, user: usize, room: usize) -> Outcome {
        if self.are_in(room, &[user]) {
            return Ok(OK.to_owned());
        }
        let at = self.at();
        let last = self.last;
        self.record(|model| {
            if !model.rooms.values().any(|open| *open == room) {
                let free = (0..).find(|number| !model.rooms.contains_key(number)).expect("a number");
                model.rooms.insert(free, room);
            }
            model.members.insert((room, user), last);
            model.owners.entry(room).or_insert(user);
            model.read.insert((user, room), last);
            format!("JOIN;{};{};{at}", PLACES[user], PLACES[room])
        })?;
        self.tell(&self.others_in(room, user), &format!("JOIN;{};{};{at}", PLACES[room], PLACES[user]));
        Ok(OK.to_owned())
    }

    pub fn leave(&mut self, user: usize, room: usize) -> Outcome {
        if !self.rooms.values().any(|open| *open == room) {
            return Err("NO_ROOM");
        }
        if !self.are_in(room, &[user]) {
            return Ok(OK.to_owned());
        }
        let at = self.at();
        let owner = self.owners.get(&room).copied();
        self.record(|model| {
            model.end_membership(user, room);
            format!("LEAVE;{};{};{at}", PLACES[user], PLACES[room])
        })?;
        self.tell(&self.others_in(room, user), &format!("PART;{};{};{at}", PLACES[room], PLACES[user]));
        self.tell_owner(owner, room);
        Ok(OK.to_owned())
    }

    /// Tells the members of a room who owns it, if that is another user now.
    fn tell_owner(&mut self, before: Option<usize>, room: usize) {
        if let Some(owner) = self.owners.get(&room).copied().filter(|owner| before != Some(*owner)) {
            let members = (0..USERS).filter(|user| self.are_in(room, &[*user])).collect();
            self.tell(&members, &format!("ROOM;{};open;{};", PLACES[room], PLACES[owner]));
        }
    }

    fn end_membership(&mut self, user: usize, room: usize) {
        self.members.remove(&(room, user));
        if self.owners.get(&room) == Some(&user) {
            let members = self.members.iter().filter(|((of, _), _)| *of == room);
            let first = members.map(|((_, member), joined)| (*joined, PLACES[*member], *member)).min();
            match first {
                Some((_, _, owner)) => _ = self.owners.insert(room, owner),
                None => _ = self.owners.remove(&room),
            }
        }
        self.move_marks(room);
        let is_silent = !self.sent.iter().any(|sent| sent.to == room);
        if is_silent && !self.members.keys().any(|(of, _)| *of == room) {
            self.rooms.retain(|_, open| *open != room);
        }
    }

    pub fn remove(&mut self, user: usize) -> Outcome {
        if self.is_removed[user] {
            return Err("NO_USER");
        }
        let at = self.at();
        let rooms: Vec<_> = self.rooms.values().copied().collect();
        let rooms: Vec<_> = rooms.into_iter().filter(|room| self.are_in(*room, &[user])).collect();
        let owners = self.owners.clone();
        self.record(|model| {
            rooms.iter().for_each(|room| model.end_membership(user, *room));
            model.is_removed[user] = true;
            model.permits.retain(|(who, caller), _| *who != user && *caller != user);
            (model.mail[user], model.receipts[user]) = Default::default();
            format!("REMOVED;{};{at}", PLACES[user])
        })?;
        for room in rooms {
            self.tell(&self.others_in(room, user), &format!("PART;{};{};{at}", PLACES[room], PLACES[user]));
            self.tell_owner(owners.get(&room).copied(), room);
        }
        Ok(OK.to_owned())
    }

    /// Checks that a user may address a place.
    pub fn check_target(&self, user: usize, to: usize) -> Result<(), &'static str> {
        match is_room(to) && !self.are_in(to, &[user]) {
            true if !self.rooms.values().any(|open| *open == to) => Err("NO_ROOM"),
            true => Err("NOT_MEMBER"),
            false => Ok(()),
        }
    }

    pub fn send(&mut self, from: usize, id: u64, to: usize, text: &str) -> Outcome {
        let accepted = |sent: &Sent| format!("OK;m-{id};RECEIVED;{};{}\n", sent.at, sent.seq);
        if let Some(known) = self.sent.iter().find(|sent| (sent.from, sent.id) == (from, id)) {
            let is_same = (known.to, known.text.as_str()) == (to, text);
            return if is_same { Ok(accepted(known)) } else { Err("CONFLICT") };
        }
        self.check_target(from, to)?;
        if !is_room(to) && self.is_removed[to] {
            return Err("NO_USER");
        }
        let seq = self.last + 1;
        let at = self.at();
        let recipients = if is_room(to) { self.others_in(to, from) } else { BTreeSet::new() };
        self.record(|model| {
            model.last = seq;
            if !is_room(to) {
                model.mail[to].insert(seq);
            }
            format!("MSG;m-{id};{};{};{at};{text}", PLACES[from], PLACES[to])
        })?;
        self.sent.push(Sent { seq, from, to, id, text: text.to_owned(), at, recipients });
        Ok(accepted(self.sent.last().expect("it")))
    }

    pub fn read_upto(&self, user: usize, place: usize) -> u64 {
        self.read.get(&(user, place)).copied().unwrap_or(0)
    }

    pub fn read(&mut self, user: usize, place: usize, upto: u64) -> Outcome {
        self.check_target(user, place)?;
        let is_there = |sent: &&Sent| match is_room(place) {
            true => sent.to == place,
            false => [(user, place), (place, user)].contains(&(sent.from, sent.to)),
        };
        if upto > self.sent.iter().filter(is_there).map(|sent| sent.seq).max().unwrap_or(0) {
            return Err("SEQ");
        }
        let before = self.read_upto(user, place);
        if upto <= before {
            return Ok(OK.to_owned());
        }
        let from_peer = self.sent.iter().filter(|sent| (sent.from, sent.to) == (place, user) && sent.seq <= upto);
        let at = self.at();
        let last_of_peer = from_peer.map(|sent| sent.seq).max().unwrap_or(0);
        self.record(|model| {
            model.read.insert((user, place), upto);
            match is_room(place) {
                true => model.move_marks(place),
                false if last_of_peer > before => model.notify(place, user, READ, last_of_peer),
                false => {}
            }
            format!("READ;{};{};{upto};{last_of_peer};{at}", PLACES[user], PLACES[place])
        })?;
        Ok(OK.to_owned())
    }

    /// Tells a sender of a state, instead of what waits of the same place and state.
    fn notify(&mut self, sender: usize, place: usize, state: &'static str, upto: u64) {
        if self.is_removed[sender] {
            return;
        }
        self.last += 1;
        let seq = self.last;
        let key = (place, state);
        let line = format!("{seq};STATE;{};{state};{upto};{}\n", PLACES[place], self.at());
        self.receipts[sender].retain(|receipt| receipt.key != key);
        self.receipts[sender].push(Receipt { seq, key, line });
    }

    /// Moves each sender's marks in a room to the last message that all pending recipients have, or have read.
    fn move_marks(&mut self, room: usize) {
        for state in [READ, DELIVERED] {
            for sender in 0..USERS {
                let waited =
                    |sent: &Sent, user: usize| self.members.get(&(room, user)).is_some_and(|at| *at < sent.seq);
                let reached = |seq: u64, user: usize| {
                    self.read_upto(user, room) >= seq || state == DELIVERED && self.acknowledged[user] >= seq
                };
                let is_reached = |sent: &&Sent| {
                    let mut waited = sent.recipients.iter().filter(|user| waited(sent, **user)).peekable();
                    waited.peek().is_some() && waited.all(|user| reached(sent.seq, *user))
                };
                let theirs = self.sent.iter().filter(|sent| (sent.from, sent.to) == (sender, room));
                let Some(upto) = theirs.filter(is_reached).map(|sent| sent.seq).max() else { continue };
                let mark = |state| self.marks.get(&(room, sender, state)).copied().unwrap_or(0);
                let known = if state == READ { mark(READ) } else { mark(READ).max(mark(DELIVERED)) };
                if upto > known {
                    self.marks.insert((room, sender, state), upto);
                    self.notify(sender, room, state, upto);
                }
            }
        }
    }

    /// The acknowledgements of a batch are one record, in the order of their numbers. While the disk is full they wait.
    pub fn acknowledge(&mut self) {
        if self.is_full {
            return;
        }
        let users = std::mem::take(&mut self.acknowledgements);
        if users.is_empty() {
            return;
        }
        for (upto, user) in &users {
            self.acknowledge_one(*user, *upto);
        }
        let users: Vec<_> = users.iter().map(|(upto, user)| format!("{upto}:{user}")).collect();
        self.records.push(format!("{};ACK;{};{}", self.last, self.at(), users.join(";")));
    }

    fn acknowledge_one(&mut self, user: usize, upto: u64) {
        self.acknowledged[user] = self.acknowledged[user].max(upto);
        self.receipts[user].retain(|receipt| receipt.seq > upto);
        let kept = self.mail[user].split_off(&(upto + 1));
        let gone = std::mem::replace(&mut self.mail[user], kept);
        let mut last_of = BTreeMap::new();
        for sent in self.sent.iter().filter(|sent| gone.contains(&sent.seq)) {
            last_of.insert(sent.from, sent.seq);
        }
        let mut last_of: Vec<_> = last_of.into_iter().map(|(sender, seq)| (seq, sender)).collect();
        last_of.sort_unstable();
        for (seq, sender) in last_of {
            if seq > self.read_upto(user, sender) {
                self.notify(sender, user, DELIVERED, seq);
            }
        }
        for room in self.rooms.values().copied().collect::<Vec<_>>() {
            self.move_marks(room);
        }
    }
}
