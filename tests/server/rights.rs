//! Rooms with owners: random users make them, invite, kick, give them away, talk, take back, read, leave and are removed, each with two
//! sessions that acknowledge what they get, while the server is restarted from its log or from a checkpoint; every answer is
//! the one of a model that is written from the protocol's page. What a user outside is told never has a word of a room for
//! invited users.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::server::model::file_all;
use crate::support::random::Random;
use crate::support::values::user;
use wachat::limits;
use wachat::model::{DeviceName, Message, MessageId, RoomKind, Seq, Target, Text, Timestamp, Topic};
use wachat::protocol::request::Page;
use wachat::protocol::{After, Code, Codec as _, Event, Reply};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, Effect, LastOfPeer, Now, Output, Policy, Snapshot, Sought, StateMachine,
    StoredState,
};

const USERS: [&str; 5] = ["ana", "luis", "eva", "leo", "nora"];
const ROOMS: [&str; 3] = ["#aula", "#grupo", "#sala"];
const LIVES: u64 = 300;
const STEPS: usize = 200;

#[derive(Clone, Default)]
struct Room {
    exists: bool,
    is_private: bool,
    was_private: bool,
    has_messages: bool,
    owner: Option<usize>,
    topic: String,
    /// In the order in which they joined: the last number of the server then, and the user.
    members: Vec<(u64, usize)>,
    invited: BTreeSet<usize>,
    kept_out: BTreeSet<usize>,
    /// The last message's number.
    last: u64,
    /// Number and sender of each message.
    messages: Vec<(u64, usize)>,
}

/// The two sessions of each user: without a device, and with one.
const DEVICES: [Option<&str>; 2] = [None, Some("lab")];

/// One of them: its connection, while the server runs, and the last number that it has got.
#[derive(Clone, Copy, Default)]
struct Heard {
    connection: Option<ConnectionId>,
    last: u64,
}

/// A message in a room, and those who may be told of it: the members when it was accepted.
struct Said {
    room: usize,
    from: usize,
    audience: BTreeSet<usize>,
}

impl Room {
    /// Returns whether a user is told of receipts, and gets own messages: a member is, and one who has left an open room, but
    /// nobody who was put out.
    fn tells(&self, user: usize) -> bool {
        self.has(user) || !self.is_private && !self.kept_out.contains(&user)
    }

    fn has(&self, user: usize) -> bool {
        self.members.iter().any(|(_, member)| *member == user)
    }

    fn is_visible(&self, user: usize) -> bool {
        self.exists && (!self.is_private || self.has(user) || self.invited.contains(&user))
    }

    fn join(&mut self, user: usize, last: u64) {
        self.exists = true;
        self.members.push((last, user));
        self.invited.remove(&user);
        self.kept_out.remove(&user);
        self.owner.get_or_insert(user);
    }

    fn leave(&mut self, user: usize) {
        self.members.retain(|(_, member)| *member != user);
        if self.members.is_empty() && (self.is_private || !self.has_messages) {
            *self = Self::default();
        } else if self.owner == Some(user) {
            self.owner = self.members.iter().min_by_key(|(joined, member)| (*joined, USERS[*member])).map(|one| one.1);
        }
    }

    /// `None`: the user owns the room.
    fn refusal(&self, user: usize) -> Option<Code> {
        match self.owner == Some(user) {
            _ if !self.is_visible(user) => Some(Code::NoRoom),
            true => None,
            false => Some(Code::NotOwner),
        }
    }
}

struct Life {
    random: Random,
    machine: StateMachine,
    saved: Snapshot,
    lines: Vec<Vec<u8>>,
    now: u64,
    sent: u64,
    connections: u64,
    rooms: [Room; ROOMS.len()],
    is_removed: [bool; USERS.len()],
    heard: [[Heard; DEVICES.len()]; USERS.len()],
    /// By their numbers.
    said: BTreeMap<u64, Said>,
    /// The messages themselves, and the numbers of those that were taken back.
    messages: BTreeMap<u64, Arc<Message>>,
    erased: BTreeSet<u64>,
    /// Those who were members while a room had this topic.
    audiences: BTreeMap<String, BTreeSet<usize>>,
}

fn machine(stored: StoredState) -> StateMachine {
    StateMachine::new(stored, Policy { lobby: false, rate: None, rate_bytes: None, ..Policy::default() })
}

impl Life {
    fn new(seed: u64) -> Self {
        let stored = StoredState::new("store".into());
        let mut life = Self {
            random: Random::new(seed),
            saved: stored.snapshot(),
            machine: machine(stored),
            lines: Vec::new(),
            now: 1_800_000_000_000,
            sent: 0,
            connections: 0,
            rooms: Default::default(),
            is_removed: Default::default(),
            heard: Default::default(),
            said: BTreeMap::new(),
            messages: BTreeMap::new(),
            erased: BTreeSet::new(),
            audiences: BTreeMap::new(),
        };
        for name in USERS {
            life.run(ConnectionId(0), Command::Register { name: user(name), password_hash: "$hash".into() });
        }
        life
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn run(&mut self, connection: ConnectionId, command: Command) -> Vec<Effect> {
        self.now += 10;
        let now = Now { at: Timestamp::from_millis(self.now), elapsed: Duration::from_millis(self.now) };
        let mut out = Output::default();
        self.machine.handle(connection, command, now, &mut out).expect("no defect");
        self.machine.end_batch(now, &mut out).expect("no defect");
        for (last, record) in &out.records {
            let mut line = Vec::new();
            record.write(*last, &mut line);
            line.pop();
            self.lines.push(line);
        }
        out.effects
    }

    /// Returns the code of a refusal; `None`: it was done.
    fn ask(&mut self, command: Command) -> Option<Code> {
        let effects = self.run(ConnectionId(0), command);
        effects.into_iter().find_map(|effect| match effect {
            Effect::Reply(_, Reply::Ko(ko)) => Some(ko.code),
            _ => None,
        })
    }

    fn step(&mut self, step: usize) {
        let me = self.below(USERS.len());
        let other = self.below(USERS.len());
        let room = self.below(ROOMS.len());
        if self.is_removed[me] {
            return;
        }
        let name = || user(USERS[me]);
        let there = || Target::parse(ROOMS[room]);
        let whom = || Target::parse(USERS[other]);
        let last = self.machine.stored.last.get();
        let before = self.rooms[room].clone();
        let place = &mut self.rooms[room];
        let no_user = self.is_removed[other].then_some(Code::NoUser);
        let refusal = place.refusal(me);
        let (command, expected) = match self.random.below(40) {
            0..=4 => {
                let may_join = place.invited.contains(&me) || !place.is_private && !place.kept_out.contains(&me);
                let expected = if place.has(me) || may_join { None } else { Some(Code::NotInvited) };
                if expected.is_none() && !place.has(me) {
                    place.join(me, last);
                }
                (Command::Join { user: name(), room: there() }, expected)
            }
            5 => {
                let expected = if place.is_visible(me) { None } else { Some(Code::NoRoom) };
                if place.has(me) {
                    place.leave(me);
                }
                (Command::Leave { user: name(), room: there() }, expected)
            }
            6..=8 => {
                let kind = if self.random.chance(60) { RoomKind::Invite } else { RoomKind::Open };
                let is_new = !place.exists;
                let mut expected = if is_new { None } else { refusal };
                if is_new {
                    place.join(me, last);
                }
                if expected.is_none() {
                    match kind {
                        RoomKind::Open if place.was_private => expected = Some(Code::Conflict),
                        kind => place.is_private = kind == RoomKind::Invite,
                    }
                }
                (Command::RoomKind { user: name(), room: there(), kind }, expected)
            }
            9 => {
                let topic = format!("topic {step}");
                if refusal.is_none() {
                    place.topic.clone_from(&topic);
                }
                let topic = Topic::new(&topic).expect("a topic");
                (Command::Topic { user: name(), room: there(), topic }, refusal)
            }
            10..=13 => {
                let expected = refusal.or(no_user);
                if expected.is_none() && !place.has(other) {
                    place.invited.insert(other);
                }
                (Command::Invite { user: name(), room: there(), guest: whom() }, expected)
            }
            14..=16 => {
                let expected = refusal.or(no_user);
                if expected.is_none() && (place.has(other) || place.invited.remove(&other)) {
                    place.kept_out.insert(other);
                    if place.has(other) {
                        place.leave(other);
                    }
                }
                (Command::Kick { user: name(), room: there(), other: whom() }, expected)
            }
            17..=18 => {
                let no_member = (!place.has(other)).then_some(Code::NotMember);
                let expected = refusal.or(no_user).or(no_member);
                if expected.is_none() {
                    place.owner = Some(other);
                }
                (Command::Owner { user: name(), room: there(), other: whom() }, expected)
            }
            19..=23 => {
                let expected = match place.is_visible(me) {
                    false => Some(Code::NoRoom),
                    true => (!place.has(me)).then_some(Code::NotMember),
                };
                if expected.is_none() {
                    place.has_messages = true;
                    place.was_private |= place.is_private;
                }
                self.sent += 1;
                let audience = place.members.iter().map(|(_, member)| *member).collect();
                if expected.is_none() {
                    place.last = last + 1;
                    place.messages.push((last + 1, me));
                    self.said.insert(last + 1, Said { room, from: me, audience });
                }
                let id = MessageId::new(&format!("m{}", self.sent)).expect("an id");
                let text = Text::new(&format!("said in {}", ROOMS[room])).expect("a text");
                if expected.is_none() {
                    // The clock of the request, below.
                    let at = Timestamp::from_millis(self.now + 10);
                    let to = there().expect("a room");
                    let seq = Seq::new(last + 1).expect("a number");
                    let message = Message { seq, id: id.clone(), from: name(), to, at, text: text.clone() };
                    self.messages.insert(last + 1, Arc::new(message));
                }
                (Command::Send { user: name(), id, to: there(), text }, expected)
            }
            26..=28 => {
                let expected = match place.is_visible(me) {
                    false => Some(Code::NoRoom),
                    true => (!place.has(me)).then_some(Code::NotMember),
                };
                let seq = Seq::new(place.last).expect("a number");
                let last_of_peer = LastOfPeer::NotLookedUp;
                (Command::Read { user: name(), target: there(), seq, last_of_peer }, expected)
            }
            29..=35 => return self.poll(step, me),
            36..=39 => return self.erase(step, me, room),
            24 if self.random.chance(5) => {
                self.is_removed[me] = true;
                for place in &mut self.rooms {
                    if place.has(me) {
                        place.leave(me);
                    }
                    place.invited.remove(&me);
                }
                (Command::Remove { user: name() }, None)
            }
            _ => return self.restart_now_and_then(),
        };
        let said = format!("{command:?}");
        // Who creates too many rooms is refused; here nobody does.
        assert_eq!(self.ask(command), expected, "step {step}: {said}; before: {} {:?}", before.exists, before.members);
    }

    /// A user takes a message of a room back, or one that is not there.
    fn erase(&mut self, step: usize, me: usize, room: usize) {
        let last = self.machine.stored.last.get();
        let any = self.random.below(last + 2);
        let choice = self.random.below(1 << 20) as usize;
        let place = &self.rooms[room];
        let listed = place.messages.get(choice % place.messages.len().max(1)).filter(|_| !choice.is_multiple_of(10));
        let number = listed.map_or(any, |(seq, _)| *seq);
        let from = place.messages.iter().find(|(seq, _)| *seq == number).map(|(_, from)| *from);
        let expected = match from {
            _ if !place.is_visible(me) => Some(Code::NoRoom),
            _ if !place.has(me) => Some(Code::NotMember),
            None => Some(Code::NoMessage),
            Some(from) => (from != me && place.owner != Some(me)).then_some(Code::NotOwner),
        };
        let seq = Seq::new(number).expect("a number");
        let command =
            |sought| Command::Erase { user: user(USERS[me]), target: Target::parse(ROOMS[room]), seq, sought };
        let reply = self.reply(command(Sought::NotLookedUp)).unwrap_or_else(|| {
            let found = from.and_then(|_| self.messages.get(&number)).cloned();
            self.reply(command(found.map_or(Sought::Missing, Sought::Message))).expect("a reply")
        });
        let code = if let Reply::Ko(ko) = reply { Some(ko.code) } else { None };
        assert_eq!(code, expected, "step {step}: {} takes {number} of {} back", USERS[me], ROOMS[room]);
        let is_news = code.is_none() && self.erased.insert(number);
        assert_eq!(self.machine.stored.last.get(), last + u64::from(is_news), "step {step}: an event, or none");
    }

    fn reply(&mut self, command: Command) -> Option<Reply> {
        self.run(ConnectionId(0), command).into_iter().find_map(|effect| match effect {
            Effect::Reply(_, reply) => Some(reply),
            _ => None,
        })
    }

    fn restart_now_and_then(&mut self) {
        if self.random.chance(50) {
            file_all(&mut self.machine);
            self.saved = self.machine.stored.snapshot();
            self.lines.clear();
        }
        self.restart();
    }

    /// Replays the records since the last checkpoint.
    fn restart(&mut self) {
        let saved = std::mem::take(&mut self.saved);
        let mut stored = StoredState::restore(saved, Capacities::default()).expect("a checkpoint");
        self.saved = stored.snapshot();
        self.lines.iter().for_each(|line| stored.replay(line).expect("a record"));
        self.machine = machine(stored);
        self.heard.iter_mut().flatten().for_each(|heard| heard.connection = None);
    }

    /// ROOMS has for each user the rooms that the user may know, with all that the page says of them.
    fn compare_rooms(&mut self, step: usize) {
        for me in (0..USERS.len()).filter(|me| !self.is_removed[*me]).collect::<Vec<_>>() {
            let rooms = Command::Rooms { user: user(USERS[me]), page: Page::after(None) };
            let effects = self.run(ConnectionId(0), rooms);
            let [Effect::Reply(_, Reply::Rooms(rows))] = &effects[..] else { panic!("{effects:?}") };
            let line = |row: &wachat::protocol::Room| {
                let mut line = Vec::new();
                row.write(&mut line);
                String::from_utf8(line).expect("text").trim_end().to_owned()
            };
            let rows: Vec<_> = rows.iter().map(line).collect();
            let expected = ROOMS.iter().zip(&self.rooms).filter(|(_, room)| room.is_visible(me)).map(|(name, room)| {
                let member = if room.has(me) { "yes" } else { "no" };
                let kind = if room.is_private { "invite" } else { "open" };
                let owner = room.owner.map_or("", |owner| USERS[owner]);
                format!("{name};{};{member};{kind};{owner};{}", room.members.len(), room.topic)
            });
            assert_eq!(rows, expected.collect::<Vec<_>>(), "step {step}: what {} sees", USERS[me]);
        }
    }

    /// Notes who is in a room while it has this topic.
    fn note_audiences(&mut self) {
        for room in &self.rooms {
            let members = room.members.iter().map(|(_, member)| *member);
            self.audiences.entry(room.topic.clone()).or_default().extend(members);
        }
    }

    /// One session of a user gets what waits for it, and acknowledges what it got before.
    fn poll(&mut self, step: usize, me: usize) {
        let which = self.below(DEVICES.len());
        let Heard { connection, last } = self.heard[me][which];
        let connection = connection.unwrap_or_else(|| self.open(me, which));
        let after = After::Number(Seq::new(last).expect("a number"));
        let max = 1 + self.below(20);
        for effect in self.run(connection, Command::Poll { after, wait: Some(0), max }) {
            let Effect::Events { delivery, .. } = effect else { panic!("step {step}: {effect:?}") };
            for event in &delivery.events {
                self.check_event(step, me, event);
                self.heard[me][which].last = self.heard[me][which].last.max(event.seq().get());
            }
            for seq in delivery.filed.values().flat_map(|filed| &filed.seqs) {
                self.check_message(step, me, seq.get());
                self.heard[me][which].last = self.heard[me][which].last.max(seq.get());
            }
        }
    }

    fn open(&mut self, me: usize, which: usize) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let device = DEVICES[which].map(|device| DeviceName::new(device).expect("a name"));
        let address = [127, 0, 0, 1].into();
        let order = self.connections;
        self.run(connection, Command::Open { user: user(USERS[me]), device, key: None, order, address });
        self.heard[me][which].connection = Some(connection);
        connection
    }

    /// A message comes to those who were members when it was accepted and still are, and to its sender as receipts do.
    fn check_message(&self, step: usize, me: usize, seq: u64) {
        let Said { room, from, audience } = &self.said[&seq];
        let place = &self.rooms[*room];
        let is_for = if *from == me { place.tells(me) } else { place.has(me) && audience.contains(&me) };
        assert!(is_for, "step {step}: {} gets message {seq} of {}", USERS[me], ROOMS[*room]);
    }

    fn check_event(&self, step: usize, me: usize, event: &Event) {
        let place = |room: &dyn ToString| {
            let name = room.to_string();
            &self.rooms[ROOMS.iter().position(|room| *room == name).expect("a room")]
        };
        let is_allowed = match event {
            Event::Message(message) => {
                let seq = message.seq.get();
                assert_eq!(message.text.is_erased(), self.erased.contains(&seq), "step {step}: the text of {seq}");
                return self.check_message(step, me, seq);
            }
            // The members are told who were members then.
            Event::Erased { seq, target, first, last, from } => {
                assert!(first == last && self.erased.contains(&first.get()), "step {step}: {event:?}");
                assert_eq!(USERS[self.said[&first.get()].from], from.to_string(), "step {step}: {event:?}");
                let joined = place(target).members.iter().find(|(_, member)| *member == me).map(|(joined, _)| *joined);
                joined.is_some_and(|joined| joined < seq.get())
            }
            Event::State { target, .. } => place(target).tells(me),
            Event::Gap { room, .. } => place(room).has(me),
            Event::Damaged { target, .. } => place(target).has(me),
            Event::Read { target, .. } => !place(target).kept_out.contains(&me),
            // Before the user was invited again, or the room was gone.
            Event::Invite { room, .. } => !place(room).kept_out.contains(&me) || place(room).invited.contains(&me),
            Event::Room { room, topic, .. } => {
                !place(room).kept_out.contains(&me) && self.audiences[topic.as_str()].contains(&me)
            }
            Event::Part { user, .. } if user.to_string() == USERS[me] => true,
            Event::Join { room, .. } | Event::Part { room, .. } => !place(room).kept_out.contains(&me),
            _ => true,
        };
        assert!(is_allowed, "step {step}: {} is told {event:?}", USERS[me]);
    }
}

#[test]
fn rooms_answer_as_the_page_says_whoever_owns_them() {
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for step in 0..STEPS {
            life.step(step);
            life.note_audiences();
            life.compare_rooms(step);
        }
    }
}

/// In a checkpoint of a server whose rooms had no owners nothing says who owns them.
#[test]
fn a_room_of_an_older_server_is_its_creators_who_is_a_member_or_else_of_the_first_member() {
    let mut life = Life::new(0);
    let join = |who: &str, room: &str| Command::Join { user: user(who), room: Target::parse(room) };
    let leave = |who: &str, room: &str| Command::Leave { user: user(who), room: Target::parse(room) };
    let mut sent = 0;
    let mut send = |who: &str, room: &str| {
        sent += 1;
        let id = MessageId::new(&format!("m{sent}")).expect("an id");
        Command::Send { user: user(who), id, to: Target::parse(room), text: Text::new("hola").expect("a text") }
    };
    for command in [
        // Ana has come back after luis: who has created it owns it.
        join("ana", "#aula"),
        join("luis", "#aula"),
        leave("ana", "#aula"),
        send("luis", "#aula"),
        join("ana", "#aula"),
        // Luis and eva have joined at the same moment, and leo later.
        join("ana", "#grupo"),
        join("luis", "#grupo"),
        join("eva", "#grupo"),
        send("ana", "#grupo"),
        join("leo", "#grupo"),
        leave("ana", "#grupo"),
        join("ana", "#sala"),
        send("ana", "#sala"),
        leave("ana", "#sala"),
        join("ana", "#lobby"),
    ] {
        assert_eq!(life.ask(command.clone()), None, "{command:?}");
    }
    file_all(&mut life.machine);
    let mut snapshot = life.machine.stored.snapshot();
    snapshot.rooms.iter_mut().for_each(|row| row.rights = None);
    life.machine = machine(StoredState::restore(snapshot, Capacities::default()).expect("a checkpoint"));
    let owners = |life: &mut Life| {
        let rooms = Command::Rooms { user: user("nora"), page: Page::after(None) };
        let effects = life.run(ConnectionId(0), rooms);
        let [Effect::Reply(_, Reply::Rooms(rows))] = &effects[..] else { panic!("{effects:?}") };
        let row = |row: &wachat::protocol::Room| {
            let owner = row.owner.as_ref().map_or(String::new(), |owner| owner.to_string());
            (row.name.to_string(), row.kind, owner)
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let expected = |room: &str, owner: &str| (room.to_owned(), RoomKind::Open, owner.to_owned());
    let all =
        [("#aula", "ana"), ("#grupo", "eva"), ("#lobby", ""), ("#sala", "")].map(|(room, owner)| expected(room, owner));
    assert_eq!(owners(&mut life), all);
    // Whoever joins a room without members owns it.
    assert_eq!(life.ask(join("leo", "#sala")), None);
    assert_eq!(owners(&mut life)[3], expected("#sala", "leo"));
}

/// What was asked of a room before it was removed is answered as if it had never been.
#[test]
fn a_room_that_was_removed_is_visible_to_nobody() {
    let mut life = Life::new(0);
    let ana = user("ana");
    let room = || Target::parse("#aula");
    let id = MessageId::new("m-1").expect("an id");
    let text = Text::new("hola").expect("a text");
    assert_eq!(life.ask(Command::Join { user: ana.clone(), room: room() }), None);
    assert_eq!(life.ask(Command::Send { user: ana.clone(), id, to: room(), text }), None);
    let number = life.machine.stored.find_room(&room()).expect("a room");
    let is_visible = |life: &Life, name: &str| {
        let stored = &life.machine.stored;
        stored.is_visible(number, stored.number(&user(name)).expect("an account"))
    };
    assert!(is_visible(&life, "ana") && is_visible(&life, "luis"));
    assert_eq!(life.ask(Command::RemoveRoom { room: room() }), None);
    assert!(!is_visible(&life, "ana") && !is_visible(&life, "luis"));
}

#[test]
fn of_more_than_a_thousand_invitations_to_a_room_the_oldest_goes() {
    let mut life = Life::new(0);
    let room = || Target::parse("#aula");
    let guest = |number: usize| user(&format!("guest{number}"));
    let join = |number: usize| Command::Join { user: guest(number), room: room() };
    let kind = RoomKind::Invite;
    assert_eq!(life.ask(Command::RoomKind { user: user("ana"), room: room(), kind }), None);
    for number in 0..=limits::ROOM_INVITATIONS {
        life.run(ConnectionId(0), Command::Register { name: guest(number), password_hash: "$hash".into() });
        let invite = Command::Invite { user: user("ana"), room: room(), guest: Ok(Target::User(guest(number))) };
        assert_eq!(life.ask(invite), None);
    }
    // From the log, and then from a checkpoint.
    for is_filed in [false, true] {
        if is_filed {
            life.saved = life.machine.stored.snapshot();
            life.lines.clear();
        }
        life.restart();
        assert_eq!(life.ask(join(0)), Some(Code::NotInvited));
    }
    for number in [1, limits::ROOM_INVITATIONS] {
        assert_eq!(life.ask(join(number)), None, "guest {number}");
    }
}
