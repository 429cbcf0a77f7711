//! Two servers get the same random requests; one of them is restarted now and then, from its log, or from a checkpoint and
//! the log since. Nobody can tell them apart: each answer, each record and everything that can be asked is the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::file_all;
use super::pages::{self, Asked};
use crate::support::random::Random;
use crate::support::values::user;
use wachat::model::{
    Banned, DeviceKey, DeviceName, Email, Message, MessageId, NewAccount, RoomKind, Seq, ShortText, Target, Text,
    Timestamp, Topic, UserName,
};
use wachat::protocol::request::LogOut;
use wachat::protocol::{After, Event};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, Effect, LastOfPeer, Now, Output, Policy, Record, Review, Snapshot, Sought,
    StateMachine, StoredState,
};

/// A history of some messages reaches the ends of these lists.
const CAPACITIES: Capacities = Capacities { room_log: 4, remembered_ids: 6, device_events: 12 };

const USERS: [&str; 6] = ["ana", "luis", "eva", "leo", "Zoë", "bea"];
const ROOMS: [&str; 3] = ["#lobby", "#sala", "#aula"];
const DEVICES: [Option<&str>; 4] = [None, Some("laptop"), Some("lab"), Some("phone")];
const NETWORKS: [&str; 3] = ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"];
const HISTORIES: u64 = 80;
const DAY: u64 = 86_400_000;

struct Server {
    machine: StateMachine,
    /// The last checkpoint, and the records since.
    saved: Snapshot,
    lines: Vec<Vec<u8>>,
}

fn policy() -> Policy {
    Policy {
        queue: 12,
        queue_per_sender: 6,
        queue_bytes: 4_000,
        queue_bytes_per_sender: 2_500,
        rooms_per_creator: 1,
        // They begin anew with a restart, and no bucket would fill again.
        bytes_per_day: u64::MAX,
        room_bytes_per_day: u64::MAX,
        rate: None,
        rate_bytes: None,
        ..Policy::default()
    }
}

/// The results of a command: effects in any order, and records.
type Done = (Vec<String>, Vec<String>);

impl Server {
    fn new() -> Self {
        let stored = || StoredState::with_capacities("store".into(), CAPACITIES);
        let saved = stored().snapshot();
        let machine = StateMachine::new(stored(), policy());
        Self { machine, saved, lines: Vec::new() }
    }

    fn execute(&mut self, connection: ConnectionId, command: Command, now: Now) -> Output {
        let mut out = Output::default();
        self.machine.handle(connection, command, now, &mut out).expect("no defect");
        self.machine.end_batch(now, &mut out).expect("no defect");
        for (last, record) in &out.records {
            let mut line = Vec::new();
            record.write(*last, &mut line);
            line.pop();
            self.lines.push(line);
        }
        out
    }

    fn checkpoint(&mut self) {
        self.saved = self.machine.stored.snapshot();
        self.lines.clear();
    }

    fn restart(&mut self) {
        let mut stored = StoredState::restore(std::mem::take(&mut self.saved), CAPACITIES).expect("a checkpoint");
        self.saved = stored.snapshot();
        self.lines.iter().for_each(|line| stored.replay(line).expect("a record"));
        self.machine = StateMachine::new(stored, policy());
    }
}

/// Both servers, and what is needed to ask them.
struct Play {
    random: Random,
    stays: Server,
    restarts: Server,
    now: u64,
    ids: u64,
    registered: Vec<&'static str>,
    removed: Vec<&'static str>,
    /// The sessions: user, device, connection.
    sessions: Vec<(&'static str, Option<&'static str>, ConnectionId)>,
    connections: u64,
    /// Of each direct message: number, sender and recipient.
    direct: Vec<(Seq, UserName, UserName)>,
    messages: BTreeMap<Seq, Arc<Message>>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut play = Self {
            random: Random::new(seed),
            stays: Server::new(),
            restarts: Server::new(),
            now: 20_000 * DAY,
            ids: 0,
            registered: Vec::new(),
            removed: Vec::new(),
            sessions: Vec::new(),
            connections: 1,
            direct: Vec::new(),
            messages: BTreeMap::new(),
        };
        USERS[..3].iter().for_each(|name| play.register(name));
        play
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len() as u64) as usize]
    }

    /// Asks both, and compares.
    fn ask(&mut self, connection: ConnectionId, command: Command) -> Output {
        let now = Now { at: Timestamp::from_millis(self.now), elapsed: Duration::from_millis(self.now - 20_000 * DAY) };
        let out = self.stays.execute(connection, command.clone(), now);
        let other = self.restarts.execute(connection, command.clone(), now);
        assert_eq!(shown(&other), shown(&out), "{command:?}: the one that was restarted, and the other one");
        for (seq, record) in &out.records {
            if let Record::Message(message) = record {
                self.messages.insert(message.seq, message.clone());
            }
            if let Record::Message(message) = record
                && let Target::User(to) = &message.to
            {
                assert!(message.seq <= *seq);
                self.direct.push((message.seq, message.from.clone(), to.clone()));
            }
        }
        out
    }

    fn say(&mut self, command: Command) -> Output {
        self.ask(ConnectionId(0), command)
    }

    fn register(&mut self, name: &'static str) {
        if self.registered.contains(&name) || self.removed.contains(&name) {
            return;
        }
        self.registered.push(name);
        let new = user(name);
        let password_hash = "$hash".into();
        if self.random.chance(50) {
            self.say(Command::Register { name: new, password_hash });
            return;
        }
        let email = Email::new("a@example.org").expect("an address");
        let lobby = self.random.chance(50);
        self.say(Command::AddAccounts { accounts: vec![NewAccount { name: new, password_hash, email }], lobby });
    }

    fn someone(&mut self) -> UserName {
        let registered = self.registered.clone();
        user(self.pick(&registered))
    }

    /// A user, present or not, or a room.
    fn target(&mut self) -> Result<Target, wachat::model::NoSuchTarget> {
        let names = [&USERS[..4], &ROOMS[..]].concat();
        Target::parse(self.pick(&names))
    }

    fn room(&mut self) -> Result<Target, wachat::model::NoSuchTarget> {
        Target::parse(self.pick(&ROOMS))
    }

    fn step(&mut self) {
        self.now += self.random.below(3_000);
        let who = self.someone();
        match self.random.below(54) {
            0..=11 => self.send(who),
            12..=18 => self.poll(),
            19..=22 => self.read(who),
            23..=25 => {
                let room = self.room();
                self.say(Command::Join { user: who, room });
            }
            26..=27 => {
                let room = self.room();
                self.say(Command::Leave { user: who, room });
            }
            28 => {
                let room = self.room();
                self.say(Command::RemoveRoom { room });
            }
            29 => {
                let name = self.pick(&USERS);
                self.register(name);
            }
            30 => self.remove(),
            31 => self.administer(who),
            32 => self.now += self.random.below(DAY),
            33 => self.close(),
            34..=35 => self.checkpoint(),
            36..=37 => self.restart(),
            38..=40 => self.change_devices(who),
            41..=48 => self.rule(who),
            49..=52 => self.erase(who),
            _ => self.compare(),
        }
    }

    fn send(&mut self, from: UserName) {
        self.ids += 1;
        // Now and then again, remembered or not.
        let id = if self.random.chance(20) { self.ids - self.random.below(self.ids.min(20)) } else { self.ids };
        let id = MessageId::new(&format!("m{id}")).expect("an id");
        let to = self.target();
        let text = "x; ".repeat(self.random.below(200) as usize / 2 + 1);
        let text = Text::new(&text).expect("a text");
        self.say(Command::Send { user: from, id, to, text });
    }

    fn poll(&mut self) {
        let registered = self.registered.clone();
        let name = self.pick(&registered);
        let device = self.pick(&DEVICES);
        let known = self.sessions.iter().find(|(of, with, _)| (*of, *with) == (name, device));
        let known = known.map(|(_, _, connection)| *connection);
        let connection = match known.filter(|_| self.random.chance(70)) {
            Some(connection) => connection,
            None => self.open(name, device),
        };
        let last = self.stays.machine.stored.last.get();
        let after = match self.random.below(3) {
            0 => After::Number(Seq::new(last - self.random.below(last.min(9) + 1)).expect("a number")),
            1 => After::Number(Seq::ZERO),
            _ => After::AllSent,
        };
        let wait = self.random.chance(70).then_some(0);
        let max = 1 + self.random.below(8) as usize;
        self.ask(connection, Command::Poll { after, wait, max });
    }

    fn open(&mut self, name: &'static str, device: Option<&'static str>) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.sessions.retain(|(of, with, _)| (*of, *with) != (name, device));
        self.sessions.push((name, device, connection));
        let address = [127, 0, 0, 1].into();
        let device = device.map(|device| DeviceName::new(device).expect("a name"));
        self.ask(connection, Command::Open { user: user(name), device, key: None, order: self.connections, address });
        connection
    }

    /// Logs devices out, gives one a key, or ends those that were unused for long.
    fn change_devices(&mut self, who: UserName) {
        let number = self.random.below(self.connections) + 1;
        let device = self.pick(&DEVICES[1..]).and_then(DeviceName::new).expect("a name");
        let [asker, closed] = [0, 1].map(|_| Some(device.clone()).filter(|_| self.random.chance(50)));
        let log_out =
            |which| Command::LogOut { user: who.clone(), which, asker: asker.clone(), closed: closed.clone() };
        match self.random.below(6) {
            0 => self.say(log_out(LogOut::Device(device))),
            1 => self.say(log_out(LogOut::Others)),
            2 => self.say(log_out(LogOut::Connection(number))),
            3 => self.say(Command::ReviewDevices(Review { from: None, upto: None, may_forget: true })),
            _ => {
                let key = DeviceKey::new(&"k".repeat(43)).expect("a key");
                self.ask(ConnectionId(number), Command::Key { key })
            }
        };
    }

    /// A user asks for what the owner of a room may do.
    fn rule(&mut self, user: UserName) {
        let room = self.room();
        let other = Ok(Target::User(self.someone()));
        let command = match self.random.below(6) {
            0 => Command::RoomKind { user, room, kind: RoomKind::Invite },
            1 => Command::RoomKind { user, room, kind: RoomKind::Open },
            2 => Command::Topic { user, room, topic: Topic::new(&format!("topic {}", self.now)).expect("a topic") },
            3 => Command::Invite { user, room, guest: other },
            4 => Command::Kick { user, room, other },
            _ => Command::Owner { user, room, other },
        };
        self.say(command);
    }

    fn read(&mut self, who: UserName) {
        let last = self.stays.machine.stored.last.get();
        let target = self.target();
        let seq = Seq::new(last - self.random.below(last.min(30) + 1)).expect("a number");
        let command = |last_of_peer| Command::Read { user: who.clone(), target: target.clone(), seq, last_of_peer };
        let out = self.say(command(LastOfPeer::NotLookedUp));
        if out.effects.iter().any(|effect| matches!(effect, Effect::Excerpt(..))) {
            let Ok(Target::User(peer)) = &target else { panic!("a room is looked up: {target:?}") };
            let found = self.direct.iter().rev().find(|(at, from, to)| (from, to) == (peer, &who) && *at <= seq);
            let found = LastOfPeer::Found(found.map(|(seq, ..)| *seq));
            self.say(command(found));
        }
    }

    /// Takes a message back, of the user or of another one.
    fn erase(&mut self, who: UserName) {
        let last = self.stays.machine.stored.last.get();
        let seq = Seq::new(last - self.random.below(last.min(30) + 1)).expect("a number");
        let message = self.messages.get(&seq).cloned();
        let own = message.as_ref().filter(|_| self.random.chance(80)).map(|message| message.target_for(&who));
        let target = own.map_or_else(|| self.target(), Ok);
        let command = |sought| Command::Erase { user: who.clone(), target: target.clone(), seq, sought };
        let out = self.say(command(Sought::NotLookedUp));
        if out.effects.iter().any(|effect| matches!(effect, Effect::Excerpt(..))) {
            let is_there = |message: &&Arc<Message>| target.as_ref().is_ok_and(|to| message.target_for(&who) == *to);
            let found = message.as_ref().filter(is_there);
            self.say(command(found.map_or(Sought::Missing, |message| Sought::Message(message.clone()))));
        }
    }

    fn remove(&mut self) {
        if self.registered.len() < 4 || self.random.chance(50) {
            return;
        }
        let index = self.random.below(self.registered.len() as u64) as usize;
        let name = self.registered.remove(index);
        while let Some(at) = self.sessions.iter().position(|(of, ..)| *of == name) {
            let (_, _, connection) = self.sessions.remove(at);
            self.ask(connection, Command::Closed);
        }
        self.removed.push(name);
        self.say(Command::Remove { user: user(name) });
    }

    fn administer(&mut self, who: UserName) {
        let banned = if self.random.chance(50) { who.to_string() } else { self.pick(&NETWORKS).to_owned() };
        let banned = Banned::parse(&banned).expect("a ban");
        let until = self.random.chance(70).then(|| self.now + self.random.below(3 * DAY)).map(Timestamp::from_millis);
        let reason = ShortText::new("a; \"reason\"").expect("a reason");
        let email = Email::new(if self.random.chance(30) { "" } else { "b@example.org" }).expect("an address");
        match self.random.below(10) {
            6..=9 => {
                let permitted = self.random.chance(50);
                let caller = self.target();
                self.say(Command::Permit { user: who, caller, permitted })
            }
            0..=2 => self.say(Command::Ban { banned, until, reason }),
            3 => self.say(Command::Unban { banned }),
            4 => self.say(Command::SetEmail { user: who, email }),
            _ => self.say(Command::SetPassword {
                user: who,
                asked: None,
                password_hash: format!("${}", self.now).into(),
            }),
        };
    }

    fn close(&mut self) {
        if let Some((_, _, connection)) = self.sessions.pop() {
            self.ask(connection, Command::Closed);
        }
    }

    fn checkpoint(&mut self) {
        file_all(&mut self.stays.machine);
        file_all(&mut self.restarts.machine);
        self.restarts.checkpoint();
    }

    /// Sessions end with a server, and are no part of what it keeps.
    fn restart(&mut self) {
        while !self.sessions.is_empty() {
            self.close();
        }
        self.restarts.restart();
        self.compare();
    }

    fn compare(&mut self) {
        let now = Now { at: Timestamp::from_millis(self.now), ..Now::default() };
        let asked = Asked { users: &self.registered, names: &USERS, rooms: &ROOMS, now };
        let stays = pages::everything(&mut self.stays.machine, &asked);
        let restarts = pages::everything(&mut self.restarts.machine, &asked);
        for (one, other) in restarts.iter().zip(&stays) {
            assert_eq!(one, other, "the one that was restarted, and the other one");
        }
        assert_eq!(restarts.len(), stays.len());
        if self.random.chance(25) {
            pages::assert_pages(&mut self.restarts.machine, &asked);
        }
    }
}

/// A poll may wait for the disk longer than it has to, and that is no difference.
fn shown(out: &Output) -> Done {
    let effect = |effect: &Effect| match effect {
        Effect::Events { to, delivery, depends_on } => {
            let last = delivery.events.iter().map(Event::seq).max().unwrap_or(Seq::ZERO);
            assert!(*depends_on >= last, "{effect:?}");
            format!("{to:?} {delivery:?}")
        }
        effect => format!("{effect:?}"),
    };
    let mut effects: Vec<_> = out.effects.iter().map(effect).collect();
    effects.sort();
    (effects, out.records.iter().map(|record| format!("{record:?}")).collect())
}

#[test]
fn a_server_that_was_restarted_cannot_be_told_from_one_that_was_not() {
    let mut messages = 0;
    for seed in 0..HISTORIES {
        let mut play = Play::new(seed);
        for _ in 0..140 {
            play.step();
        }
        play.checkpoint();
        play.restart();
        messages += play.stays.machine.stored.last.get();
    }
    assert!(messages > HISTORIES * 20, "the histories are too easy: {messages} numbers");
}
