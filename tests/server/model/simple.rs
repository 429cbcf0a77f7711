//! The simplest thing that could be right: lists of all that ever happened, gone through each time.

use std::collections::{BTreeMap, HashMap, HashSet};

use wachat::limits;
use wachat::model::State;
use wachat::protocol::Code;
use wachat::state_machine::Capacities;

use super::{QUEUE, QUEUE_BYTES, QUEUE_BYTES_PER_SENDER, QUEUE_PER_SENDER, ROOMS_PER_CREATOR, TEXTS, USERS};

/// Bytes that an event counts beside its text.
const EVENT_BYTES: usize = 256;

/// A pending event of a user (protocol, section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    Message {
        seq: u64,
        id: String,
        from: usize,
        to: usize,
        text: String,
    },
    State {
        seq: u64,
        target: usize,
        state: State,
        upto: u64,
    },
    /// An event without a number.
    Told(String),
    /// The model does not say where a GAP begins: [`Untold`] checks what it covers.
    Gap {
        first: u64,
        last: u64,
        room: usize,
    },
}

impl Said {
    /// Shows it without the long texts.
    pub fn short(&self) -> String {
        format!("{self:?}").replace(&"x".repeat(100), "")
    }

    /// Returns this without the beginnings of the GAPs.
    pub fn without_beginnings(mut self) -> Self {
        if let Self::Events(events) = &mut self {
            for event in events {
                if let Waiting::Gap { first, .. } = event {
                    *first = 0;
                }
            }
        }
        self
    }
}

impl Waiting {
    pub fn seq(&self) -> u64 {
        match self {
            Self::Message { seq, .. } | Self::State { seq, .. } => *seq,
            Self::Gap { last, .. } => *last,
            Self::Told(_) => 0,
        }
    }

    /// About its length in a reply (protocol, section 7).
    fn bytes(&self) -> u64 {
        let text = if let Self::Message { text, .. } = self { text.len() } else { 0 };
        (EVENT_BYTES + text) as u64
    }

    fn is_from(&self, user: usize) -> bool {
        matches!(self, Self::Message { from, .. } if *from == user)
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
    /// The room was removed.
    gone: bool,
}

impl Sent {
    fn waiting(&self) -> Waiting {
        let Self { seq, from, id, to, text, .. } = self.clone();
        Waiting::Message { seq, id, from, to, text }
    }
}

/// The place of a room among the numbers.
enum Place {
    Open {
        room: usize,
        creator: usize,
    },
    /// The next room takes it.
    Free,
    /// A room with messages was removed: its number stays taken.
    Closed,
}

/// The room messages that each user is to be told of, by a MSG or by a GAP (protocol, section 7).
#[derive(Default)]
pub struct Untold {
    /// By user: number and room.
    messages: [BTreeMap<u64, usize>; USERS],
    /// The last number that was given to each user.
    pub given: [u64; USERS],
}

impl Untold {
    pub fn add(&mut self, users: impl IntoIterator<Item = usize>, seq: u64, room: usize) {
        for user in users {
            let _ = self.messages[user].insert(seq, room);
        }
    }

    /// A user who acknowledges numbers that were not given wants no messages up to them.
    pub fn acknowledge(&mut self, user: usize, upto: u64) {
        if upto > self.given[user] {
            self.messages[user].retain(|seq, _| *seq > upto);
            self.given[user] = upto;
        }
    }

    pub fn tell(&mut self, user: usize, events: &[Waiting]) {
        for event in events {
            self.given[user] = self.given[user].max(event.seq());
            match event {
                Waiting::Message { seq, .. } => _ = self.messages[user].remove(seq),
                Waiting::Gap { first, last, room } => {
                    self.messages[user].retain(|seq, of| of != room || seq < first || seq > last);
                }
                Waiting::State { .. } | Waiting::Told(_) => {}
            }
        }
    }

    pub fn forget(&mut self, room: usize, user: usize) {
        self.messages[user].retain(|_, of| *of != room);
    }

    /// Returns the messages that a user has been told of by no event.
    pub fn of(&self, user: usize) -> Vec<u64> {
        self.messages[user].keys().copied().collect()
    }
}

/// A session on RECV.
#[derive(Default)]
struct Session {
    /// The highest number that came on it.
    sent: u64,
    /// The events without a number that have not come yet.
    told: Vec<Waiting>,
}

#[derive(Default)]
pub struct Model {
    pub last: u64,
    capacities: Capacities,
    /// Everything ever accepted.
    sent: Vec<Sent>,
    /// The numbers of the messages in each room's log, oldest first.
    logs: HashMap<usize, Vec<u64>>,
    /// The messages that left a log because it was full.
    dropped: Vec<Sent>,
    /// Pending direct events by user; pending room messages are found in `sent`.
    mailbox: [Vec<Waiting>; USERS],
    pub acknowledged: [u64; USERS],
    /// The session of each user who is online.
    sessions: [Option<Session>; USERS],
    /// The time at which a session of each user last began or ended.
    seen: [Option<u64>; USERS],
    /// Texts are long.
    is_long: bool,
    /// The numbers of the direct messages whose sender was a stranger when they were accepted.
    from_strangers: HashSet<u64>,
    /// By reader and place.
    read: HashMap<(usize, usize), u64>,
    /// The places of rooms, in the order of their numbers.
    places: Vec<Place>,
    /// The last number at the moment of joining, by room and user.
    members: HashMap<(usize, usize), u64>,
    /// By room.
    owners: HashMap<usize, usize>,
    /// By room, sender and state: how far that is.
    marks: HashMap<(usize, usize, bool), u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Accepted(u64),
    Events(Vec<Waiting>),
    Statuses(Vec<(usize, State)>),
    List(Vec<String>),
    Done,
    Ko(Code),
}

fn list(records: impl Iterator<Item = String>) -> Said {
    Said::List(records.collect())
}

fn by_name(places: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
    let mut places: Vec<_> = places.collect();
    places.sort_by_key(|place| super::PLACES[*place]);
    places.into_iter()
}

fn is_room(target: usize) -> bool {
    target >= USERS
}

impl Model {
    pub fn new(capacities: Capacities, is_long: bool) -> Self {
        Self { capacities, is_long, ..Self::default() }
    }

    /// Returns the text of a number.
    pub fn text(&self, number: u8) -> String {
        let length = if self.is_long { TEXTS[usize::from(number)] } else { 0 };
        format!("text {number}{}", "x".repeat(length))
    }

    /// A session begins, instead of another one, if there is one: nothing has come on it.
    pub fn open(&mut self, user: usize, now: u64) {
        if self.sessions[user].is_none() {
            self.tell(&self.contacts(user), &format!("ONLINE {user}"));
        }
        self.sessions[user] = Some(Session::default());
        self.seen[user] = Some(now);
    }

    pub fn close_session(&mut self, user: usize, now: u64) {
        if self.sessions[user].take().is_some() {
            self.seen[user] = Some(now);
            self.tell(&self.contacts(user), &format!("OFFLINE {user}"));
        }
    }

    /// All sessions end with a server, and nothing else of it is known.
    pub fn restart(&mut self) {
        self.sessions = Default::default();
    }

    pub fn sent_to(&self, user: usize) -> u64 {
        self.sessions[user].as_ref().map_or(0, |session| session.sent)
    }

    fn tell(&mut self, users: &[usize], what: &str) {
        for user in users {
            if let Some(session) = &mut self.sessions[*user] {
                session.told.push(Waiting::Told(what.to_owned()));
            }
        }
    }

    /// Returns the users who are together with this one in a room, or have exchanged a message with them.
    fn contacts(&self, user: usize) -> Vec<usize> {
        let has_written = |from: usize, to: usize| self.sent.iter().any(|sent| (sent.from, sent.to) == (from, to));
        let are_in = |other: usize| {
            (USERS..super::PLACES.len())
                .any(|room| [user, other].iter().all(|one| self.members.contains_key(&(room, *one))))
        };
        let is_contact = |other: &usize| {
            *other != user && (has_written(user, *other) || has_written(*other, user) || are_in(*other))
        };
        (0..USERS).filter(is_contact).collect()
    }

    /// Returns USERS, by name.
    pub fn users(&self) -> Said {
        let online = |user: usize| self.sessions[user].is_some();
        list(by_name(0..USERS).map(|user| format!("{} {} {:?}", super::PLACES[user], online(user), self.seen[user])))
    }

    /// Returns MEMBERS of a room, by name.
    pub fn list_members(&self, user: usize, room: usize) -> Said {
        if !self.exists(room) {
            return Said::Ko(Code::NoRoom);
        }
        if !self.members.contains_key(&(room, user)) {
            return Said::Ko(Code::NotMember);
        }
        let members = by_name((0..USERS).filter(|user| self.members.contains_key(&(room, *user))));
        list(members.map(|user| format!("{} {}", super::PLACES[user], self.sessions[user].is_some())))
    }

    /// Returns ROOMS, by name.
    pub fn list_rooms(&self, user: usize) -> Said {
        let rooms = by_name(self.open_rooms().map(|(room, _)| room));
        list(rooms.map(|room| {
            let members = self.members.keys().filter(|(of, _)| *of == room).count();
            format!("{} {members} {}", super::PLACES[room], self.members.contains_key(&(room, user)))
        }))
    }

    /// Returns CHATS: the latest first, then those without a message, by name.
    pub fn chats(&self, user: usize) -> Said {
        let is_in = |target: usize, sent: &Sent| match is_room(target) {
            true => sent.to == target,
            false => [(user, target), (target, user)].contains(&(sent.from, sent.to)),
        };
        let mut chats: Vec<_> = (0..super::PLACES.len())
            .filter_map(|target| {
                let all = self.sent.iter().filter(|sent| is_in(target, sent));
                let last = all.clone().filter(|sent| !sent.gone).map(|sent| sent.seq).max();
                let is_listed =
                    if is_room(target) { self.members.contains_key(&(target, user)) } else { last.is_some() };
                // A room's count goes on from that of a removed room of its name.
                is_listed.then(|| (last.unwrap_or(0), target, self.read_upto(user, target), all.count()))
            })
            .collect();
        chats.sort_by_key(|(last, target, ..)| (std::cmp::Reverse(*last), super::PLACES[*target]));
        list(
            chats
                .into_iter()
                .map(|(last, target, read, count)| format!("{} {last} {read} {count}", super::PLACES[target])),
        )
    }

    pub fn send(&mut self, from: usize, id: &str, to: usize, text: &str) -> Said {
        let newest = self.sent.iter().rev().filter(|sent| sent.from == from).take(self.capacities.remembered_ids);
        if let Some(known) = newest.into_iter().find(|sent| sent.id == id) {
            let same = (known.to, known.text.as_str()) == (to, text);
            return if same { Said::Accepted(known.seq) } else { Said::Ko(Code::Conflict) };
        }
        if let Some(code) = self.no_member(from, to) {
            return Said::Ko(code);
        }
        if !is_room(to) && self.is_full(from, to, text) {
            return Said::Ko(Code::Quota);
        }
        self.last += 1;
        let seq = self.last;
        let sent = Sent { seq, from, id: id.into(), to, text: text.into(), gone: false };
        if !is_room(to) && self.is_stranger(from, to) {
            self.from_strangers.insert(seq);
        }
        self.sent.push(sent.clone());
        if is_room(to) {
            self.add_to_log(&sent);
        } else {
            self.mailbox[to].push(sent.waiting());
        }
        Said::Accepted(seq)
    }

    /// Checks the bounds of a mailbox in number and in bytes: of all, of each sender, and of strangers.
    fn is_full(&self, from: usize, to: usize, text: &str) -> bool {
        let is_over = |counts: &dyn Fn(&Waiting) -> bool, most: usize, most_bytes: u64| {
            let waits = self.mailbox[to].iter().filter(|w| matches!(w, Waiting::Message { .. }) && counts(w));
            let bytes: u64 = waits.clone().map(Waiting::bytes).sum();
            waits.count() >= most || bytes + (EVENT_BYTES + text.len()) as u64 > most_bytes
        };
        is_over(&|_| true, QUEUE, QUEUE_BYTES)
            || is_over(&|w| w.is_from(from), QUEUE_PER_SENDER, QUEUE_BYTES_PER_SENDER)
            || self.is_stranger(from, to)
                && is_over(&|w| self.from_strangers.contains(&w.seq()), QUEUE / 4, QUEUE_BYTES / 4)
    }

    fn add_to_log(&mut self, sent: &Sent) {
        if self.is_complete(sent) {
            return;
        }
        let log = self.logs.entry(sent.to).or_default();
        log.push(sent.seq);
        if log.len() > self.capacities.room_log {
            let oldest = log.remove(0);
            let oldest = self.sent.iter().find(|sent| sent.seq == oldest).cloned().expect("it was sent");
            self.drop_message(oldest);
        }
        self.remove_complete(sent.to);
    }

    /// It is complete for those who have it: what it says to its sender is said now, or never.
    fn drop_message(&mut self, oldest: Sent) {
        let states: Vec<_> = self.waited_for(&oldest).into_iter().map(|(_, state)| state).collect();
        let has = |wanted| states.contains(&wanted);
        if has(State::Read) && !has(State::Delivered) {
            self.move_mark(&oldest, State::Read);
        }
        if has(State::Read) || has(State::Delivered) {
            self.move_mark(&oldest, State::Delivered);
        }
        self.dropped.push(oldest);
    }

    /// Checks that every recipient has acknowledged a message, and read it.
    fn is_complete(&self, sent: &Sent) -> bool {
        let mut waited = self.waited_for(sent).into_iter();
        waited.all(|(user, state)| state == State::Read && self.acknowledged[user] >= sent.seq)
    }

    /// Removes the complete messages at the beginning of a room's log.
    fn remove_complete(&mut self, room: usize) {
        let log = self.logs.get(&room).cloned().unwrap_or_default();
        let is_complete = |seq: &&u64| self.sent.iter().any(|sent| sent.seq == **seq && self.is_complete(sent));
        let complete = log.iter().take_while(is_complete).count();
        self.logs.insert(room, log[complete..].to_vec());
    }

    /// The recipient has never written to the sender, and they are together in no room.
    fn is_stranger(&self, from: usize, to: usize) -> bool {
        let has_written = self.sent.iter().any(|sent| (sent.from, sent.to) == (to, from));
        let is_in = |user: usize, room: usize| self.members.contains_key(&(room, user));
        from != to && !has_written && !self.open_rooms().any(|(room, _)| is_in(from, room) && is_in(to, room))
    }

    fn no_member(&self, user: usize, target: usize) -> Option<Code> {
        match is_room(target) && !self.members.contains_key(&(target, user)) {
            true if !self.exists(target) => Some(Code::NoRoom),
            true => Some(Code::NotMember),
            false => None,
        }
    }

    fn exists(&self, room: usize) -> bool {
        self.open_rooms().any(|(open, _)| open == room)
    }

    /// Returns the rooms that there are, each with its creator.
    fn open_rooms(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.places
            .iter()
            .filter_map(|place| if let Place::Open { room, creator } = place { Some((*room, *creator)) } else { None })
    }

    /// The name is free; the number only of a room without messages.
    fn close(&mut self, room: usize) {
        let is_silent = !self.sent.iter().any(|sent| sent.to == room && !sent.gone);
        let is_it = |place: &&mut Place| matches!(place, Place::Open { room: open, .. } if *open == room);
        if let Some(place) = self.places.iter_mut().find(is_it) {
            *place = if is_silent { Place::Free } else { Place::Closed };
        }
    }

    pub fn join(&mut self, user: usize, room: usize) -> Said {
        let last = self.last;
        if !self.exists(room) {
            if self.open_rooms().filter(|(_, creator)| *creator == user).count() >= ROOMS_PER_CREATOR {
                return Said::Ko(Code::Quota);
            }
            let place = Place::Open { room, creator: user };
            match self.places.iter_mut().find(|place| matches!(place, Place::Free)) {
                Some(free) => *free = place,
                None => self.places.push(place),
            }
        }
        if self.members.contains_key(&(room, user)) {
            return Said::Done;
        }
        self.members.insert((room, user), last);
        self.owners.entry(room).or_insert(user);
        self.read.insert((user, room), last);
        self.tell(&self.recipients(user, room), &format!("JOIN {room} {user}"));
        Said::Done
    }

    pub fn leave(&mut self, user: usize, room: usize) -> Said {
        if self.no_member(user, room) == Some(Code::NoRoom) {
            return Said::Ko(Code::NoRoom);
        }
        if self.members.remove(&(room, user)).is_some() {
            self.tell(&self.recipients(user, room), &format!("PART {room} {user}"));
            self.find_owner(user, room);
        }
        self.move_room_marks(room);
        let is_silent = !self.sent.iter().any(|sent| sent.to == room && !sent.gone);
        if is_silent && !self.members.keys().any(|(other, _)| *other == room) {
            self.close(room);
        }
        Said::Done
    }

    /// The member who joined first owns the room now that a user has left, the first by name if there are several.
    fn find_owner(&mut self, left: usize, room: usize) {
        if self.owners.get(&room) != Some(&left) {
            return;
        }
        let members = self.members.iter().filter(|((of, _), _)| *of == room);
        let first = members.map(|((_, user), joined)| (*joined, super::PLACES[*user], *user)).min();
        self.owners.remove(&room);
        if let Some((_, _, owner)) = first {
            self.owners.insert(room, owner);
            self.tell(&self.recipients(left, room), &format!("ROOM {room} {owner}"));
        }
    }

    /// The administrator removes a room: what is pending of it is gone, and the name is free.
    pub fn remove(&mut self, room: usize) -> Said {
        if !self.exists(room) {
            return Said::Ko(Code::NoRoom);
        }
        self.close(room);
        self.owners.remove(&room);
        self.logs.remove(&room);
        self.dropped.retain(|sent| sent.to != room);
        self.members.retain(|(other, _), _| *other != room);
        self.marks.retain(|(other, ..), _| *other != room);
        self.sent.iter_mut().filter(|sent| sent.to == room).for_each(|sent| sent.gone = true);
        for mailbox in &mut self.mailbox {
            mailbox.retain(|w| !matches!(w, Waiting::State { target, .. } if *target == room));
        }
        Said::Done
    }

    /// Returns the pending events of a user above a number.
    fn waiting(&self, user: usize, after: u64) -> Vec<Waiting> {
        let for_her = |sent: &&Sent| {
            let joined = self.members.get(&(sent.to, user));
            !sent.gone && sent.from != user && sent.seq > after && joined.is_some_and(|joined| sent.seq > *joined)
        };
        let gaps = (USERS..super::PLACES.len()).filter_map(|room| {
            let last = self.dropped.iter().filter(|sent| sent.to == room).rfind(for_her)?.seq;
            Some(Waiting::Gap { first: 0, last, room })
        });
        let gaps: Vec<_> = gaps.collect();
        let is_in_gap = |sent: &&Sent| {
            gaps.iter()
                .any(|gap| matches!(gap, Waiting::Gap { last, room, .. } if sent.to == *room && sent.seq <= *last))
        };
        let in_rooms = self.sent.iter().filter(for_her).filter(|sent| !is_in_gap(sent)).map(Sent::waiting);
        let direct = self.mailbox[user].iter().filter(|waiting| waiting.seq() > after).cloned();
        let mut all: Vec<_> = direct.chain(in_rooms).chain(gaps.iter().cloned()).collect();
        all.sort_by_key(Waiting::seq);
        all
    }

    /// Returns the recipients of a room message.
    pub fn recipients(&self, from: usize, room: usize) -> Vec<usize> {
        (0..USERS).filter(|user| *user != from && self.members.contains_key(&(room, *user))).collect()
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
            let rooms: Vec<_> = self.open_rooms().collect();
            for (room, _) in rooms {
                self.move_room_marks(room);
            }
        }
        let mut events = self.waiting(user, after.max(self.acknowledged[user]));
        let told = self.sessions[user].as_ref().map_or(0, |session| session.told.len()).min(max);
        events.truncate(max - told);
        let mut bytes = 0;
        let fits = |event: &&Waiting| {
            bytes += event.bytes();
            bytes <= limits::REPLY_BYTES as u64
        };
        let fitting = events.iter().take_while(fits).count();
        events.truncate(fitting);
        if let Some(session) = &mut self.sessions[user] {
            session.sent = events.last().map_or(0, Waiting::seq).max(session.sent);
            events.splice(0..0, session.told.drain(..told));
        }
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
            true => s.to == target && !s.gone,
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
        self.remove_complete(room);
        for state in [State::Read, State::Delivered] {
            for sender in 0..USERS {
                let reached = |s: &&Sent| {
                    let waited = self.waited_for(s);
                    let dropped = self.dropped.iter().any(|dropped| dropped.seq == s.seq);
                    !dropped && !waited.is_empty() && waited.iter().all(|(_, is)| *is >= state)
                };
                let mut theirs = self.sent.iter().filter(|s| (s.from, s.to) == (sender, room) && !s.gone);
                if let Some(last) = theirs.rfind(reached).cloned() {
                    self.move_mark(&last, state);
                }
            }
        }
    }

    /// Moves the mark of a sender up to a message, if it is not there yet, and tells the sender.
    fn move_mark(&mut self, upto: &Sent, state: State) {
        let Sent { seq, from: sender, to: room, .. } = *upto;
        let mark = |read| self.marks.get(&(room, sender, read)).copied().unwrap_or(0);
        let known = if state == State::Read { mark(true) } else { mark(false).max(mark(true)) };
        if seq > known {
            self.marks.insert((room, sender, state == State::Read), seq);
            self.notify(sender, room, state, seq);
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
        self.sent.iter().filter(|s| (s.from, s.to) == (user, target) && !s.gone).map(|s| s.seq).max()
    }
}
