//! Exactly once, in order and complete holds for each device: users with several devices and sessions without one come
//! and go, are slow, lose their number and come back as new, while the server is restarted from its log or from a
//! checkpoint. Nothing here looks into the server: it asks, and keeps a list for each device as a client does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::server::model::file_all;
use crate::support::random::Random;
use crate::support::values::user;
use wachat::model::{DeviceName, MessageId, Seq, Target, Text, Timestamp};
use wachat::protocol::{After, Code, DeviceState, Event, Reply};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, Delivery, Effect, Now, Output, Policy, Record, Snapshot, StateMachine,
    StoredState,
};

const CAPACITIES: Capacities = Capacities { room_log: 6, remembered_ids: 50, device_events: 15 };
const USERS: [&str; 3] = ["ana", "luis", "eva"];
const DEVICES: [Option<&str>; 4] = [None, Some("laptop"), Some("lab"), Some("phone")];
const ROOM: &str = "#sala";
const LIVES: u64 = 400;
const STEPS: usize = 250;

type Place = (&'static str, Option<&'static str>);

/// A message that was accepted.
struct Sent {
    seq: u64,
    from: &'static str,
    /// Its recipients, and the membership in the room that it came in, if it did.
    to: BTreeMap<&'static str, Option<u64>>,
    is_to_room: bool,
}

/// What a device has, as a client keeps it.
#[derive(Default)]
struct Device {
    connection: Option<ConnectionId>,
    /// The server had its number at the last login: it goes on from there.
    is_known: bool,
    /// The number with which it has begun, and the number of the last message by then.
    began: u64,
    after: u64,
    position: u64,
    /// What it has acknowledged.
    acknowledged: u64,
    received: BTreeSet<u64>,
    gaps: Vec<(u64, u64)>,
}

struct Life {
    random: Random,
    machine: StateMachine,
    saved: Snapshot,
    lines: Vec<Vec<u8>>,
    now: u64,
    connections: u64,
    sent: Vec<Sent>,
    /// The number of the membership of each member of the room.
    members: BTreeMap<&'static str, u64>,
    memberships: u64,
    devices: BTreeMap<Place, Device>,
    /// The highest number that a device of a user has acknowledged.
    acknowledged: BTreeMap<&'static str, u64>,
    lost: usize,
}

/// Makes the state machine of a server without a lobby and without rates.
pub fn machine(stored: StoredState) -> StateMachine {
    StateMachine::new(stored, Policy { lobby: false, rate: None, rate_bytes: None, ..Policy::default() })
}

impl Life {
    fn new(seed: u64) -> Self {
        let stored = || StoredState::with_capacities("store".into(), CAPACITIES);
        let mut life = Self {
            random: Random::new(seed),
            machine: machine(stored()),
            saved: stored().snapshot(),
            lines: Vec::new(),
            now: 1_800_000_000_000,
            connections: 0,
            sent: Vec::new(),
            members: BTreeMap::new(),
            memberships: 0,
            devices: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            lost: 0,
        };
        for name in USERS {
            life.say(Command::Register { name: user(name), password_hash: "$hash".into() });
            life.join(name);
        }
        life
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len() as u64) as usize]
    }

    fn execute(&mut self, connection: ConnectionId, command: Command) -> Vec<Effect> {
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
            if let Record::DeviceLost { user, device } = record {
                assert!(device.is_named() || device.get() == 0, "{user}");
                self.lost += 1;
            }
        }
        for effect in &out.effects {
            if let Effect::Close(closed, code) = effect {
                self.hang_up(*closed, *code);
            }
        }
        out.effects
    }

    fn say(&mut self, command: Command) -> Vec<Effect> {
        self.execute(ConnectionId(0), command)
    }

    /// The server has closed the session of a device.
    fn hang_up(&mut self, closed: ConnectionId, code: Code) {
        assert!(matches!(code, Code::Timeout | Code::Replaced), "{code}");
        for device in self.devices.values_mut().filter(|device| device.connection == Some(closed)) {
            device.connection = None;
        }
    }

    fn step(&mut self) {
        let name = self.pick(&USERS);
        match self.random.below(40) {
            0..=11 => self.send(name),
            12..=27 => {
                let device = self.pick(&DEVICES);
                self.poll((name, device));
            }
            28..=29 => self.close(name),
            30 => self.join(name),
            31 => self.leave(name),
            32..=33 => self.checkpoint(),
            34 => self.restart(),
            _ => self.read(name),
        }
    }

    fn send(&mut self, from: &'static str) {
        let to = if self.random.chance(40) { ROOM } else { self.pick(&USERS) };
        let id = MessageId::new(&format!("m{}", self.sent.len())).expect("an id");
        let text = Text::new("hola").expect("a text");
        let effects = self.say(Command::Send { user: user(from), id, to: Target::parse(to), text });
        let accepted = effects.iter().find_map(|effect| match effect {
            Effect::Reply(_, Reply::Accepted(accepted)) => Some(accepted.seq.get()),
            _ => None,
        });
        let Some(seq) = accepted else { return };
        let is_to_room = to == ROOM;
        let to = match is_to_room {
            true => {
                self.members.iter().filter(|(name, _)| **name != from).map(|(name, at)| (*name, Some(*at))).collect()
            }
            false => [(to, None)].into(),
        };
        self.sent.push(Sent { seq, from, to, is_to_room });
    }

    fn read(&mut self, name: &'static str) {
        if self.members.contains_key(name) {
            let upto = self.sent.iter().rfind(|sent| sent.is_to_room).map_or(0, |sent| sent.seq);
            let seq = Seq::new(self.random.below(upto + 1)).expect("a number");
            let last_of_peer = wachat::state_machine::LastOfPeer::NotLookedUp;
            self.say(Command::Read { user: user(name), target: Target::parse(ROOM), seq, last_of_peer });
        }
    }

    fn join(&mut self, name: &'static str) {
        self.memberships += 1;
        let membership = self.memberships;
        self.members.entry(name).or_insert(membership);
        self.say(Command::Join { user: user(name), room: Target::parse(ROOM) });
    }

    fn leave(&mut self, name: &'static str) {
        self.members.remove(name);
        self.say(Command::Leave { user: user(name), room: Target::parse(ROOM) });
    }

    /// Opens the session of a device, if it has none, and checks how it begins.
    fn open(&mut self, place: Place) {
        if self.devices.get(&place).is_some_and(|device| device.connection.is_some()) {
            return;
        }
        let (name, device) = place;
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let device = device.map(|device| DeviceName::new(device).expect("a name"));
        let address = [127, 0, 0, 1].into();
        let open = Command::Open { user: user(name), device, key: None, order: self.connections, address };
        let effects = self.execute(connection, open);
        let opened = effects.iter().find_map(|effect| match effect {
            Effect::Reply(_, Reply::SessionOpened(opened)) => Some(opened.clone()),
            _ => None,
        });
        let opened = opened.expect("a session");
        let number = opened.acknowledged.get();
        let of_user = self.acknowledged.get(name).copied().unwrap_or(0);
        let last = self.sent.last().map_or(0, |sent| sent.seq);
        let known = self.devices.entry(place).or_default();
        match opened.device {
            Some(DeviceState::Known) => {
                assert!(known.is_known, "{place:?} was never new");
                assert_eq!(number, known.acknowledged, "{place:?} goes on from its own number");
            }
            // The nameless device is told nothing else.
            None if known.is_known && number == known.acknowledged => {}
            _ => {
                assert_eq!(number, of_user, "{place:?} begins at the number of the user");
                let (began, position, acknowledged) = (number, number, number);
                *known = Device { is_known: true, began, after: last, position, acknowledged, ..Device::default() };
            }
        }
        known.connection = Some(connection);
    }

    fn poll(&mut self, place: Place) {
        self.open(place);
        let max = 1 + self.random.below(8) as usize;
        self.poll_open(place, max);
    }

    /// Polls as a client does: acknowledges what it has, keeps what comes. Returns whether something came.
    fn poll_open(&mut self, place: Place, max: usize) -> bool {
        let Some(device) = self.devices.get_mut(&place) else { return false };
        let Some(connection) = device.connection else { return false };
        let position = device.position;
        device.acknowledged = position;
        let highest = self.acknowledged.entry(place.0).or_default();
        *highest = position.max(*highest);
        let after = After::Number(Seq::new(position).expect("a number"));
        let effects = self.execute(connection, Command::Poll { after, wait: Some(0), max });
        let delivery = effects.iter().find_map(|effect| match effect {
            Effect::Events { to, delivery, .. } if *to == connection => Some(delivery.clone()),
            _ => None,
        });
        // A device that is behind by too much is closed instead.
        let Some(delivery) = delivery else { return false };
        self.take(place, &delivery)
    }

    fn take(&mut self, place: Place, delivery: &Delivery) -> bool {
        let events: Vec<_> = delivery.events.iter().filter(|event| event.seq() > Seq::ZERO).collect();
        let filed = delivery.filed.values().flat_map(|filed| filed.seqs.iter().map(|seq| seq.get()));
        let filed: Vec<u64> = filed.collect();
        let mut numbers = filed.clone();
        let device = self.devices.get_mut(&place).expect("it has polled");
        for event in &events {
            match event {
                Event::Message(message) => numbers.push(message.seq.get()),
                Event::Gap { first, last, .. } => device.gaps.push((first.get(), last.get())),
                Event::State { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let in_memory: Vec<_> = events.iter().map(|event| event.seq().get()).collect();
        assert!(in_memory.is_sorted() && filed.len() <= 100, "{place:?}: {in_memory:?}");
        let mut all = [in_memory, filed].concat();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{place:?}: {all:?}");
        for number in numbers {
            assert!(number > device.position, "{place:?} has {number} already");
            assert!(device.received.insert(number), "{place:?} gets {number} twice");
        }
        device.position = all.last().copied().unwrap_or(device.position);
        !all.is_empty()
    }

    fn close(&mut self, name: &'static str) {
        let device = self.pick(&DEVICES);
        if let Some(connection) = self.devices.get_mut(&(name, device)).and_then(|device| device.connection.take()) {
            self.execute(connection, Command::Closed);
        }
    }

    fn checkpoint(&mut self) {
        file_all(&mut self.machine);
        self.saved = self.machine.stored.snapshot();
        self.lines.clear();
    }

    /// Kills the server, and starts it from the last checkpoint and the log.
    fn restart(&mut self) {
        self.devices.values_mut().for_each(|device| device.connection = None);
        let mut stored = StoredState::restore(std::mem::take(&mut self.saved), CAPACITIES).expect("a checkpoint");
        self.saved = stored.snapshot();
        self.lines.iter().for_each(|line| stored.replay(line).expect("a record"));
        self.machine = machine(stored);
    }

    /// Every device takes all that waits for it, and has then all that it has to have.
    fn end(&mut self) {
        let places: Vec<_> = self.devices.keys().copied().collect();
        for place in &places {
            self.open(*place);
            while self.poll_open(*place, 100) {}
        }
        for place in places {
            self.assert_complete(place);
        }
    }

    fn assert_complete(&self, place: Place) {
        let (name, device) = place;
        let Device { received, gaps, began, after, connection, .. } = &self.devices[&place];
        if connection.is_none() {
            // It has lost its number at the very end.
            return;
        }
        for sent in &self.sent {
            let is_own = sent.from == name && !sent.to.contains_key(name);
            let has = received.contains(&sent.seq);
            let in_gap = sent.is_to_room && gaps.iter().any(|(first, last)| (*first..=*last).contains(&sent.seq));
            if is_own {
                assert!(!has || device.is_some(), "{place:?} has no name, and gets {} of its own", sent.seq);
                // What was sent before it began is in the history.
                let is_due = device.is_some() && sent.seq > *began && sent.seq > *after;
                assert!(has || !is_due, "{place:?} lacks {} of its own", sent.seq);
                continue;
            }
            let Some(membership) = sent.to.get(name) else {
                assert!(!has, "{place:?} gets {}, which is for others", sent.seq);
                continue;
            };
            // Who has left a room gets no more of it.
            let is_member = membership.is_none_or(|of| self.members.get(name) == Some(&of));
            let is_due = sent.seq > *began && is_member;
            assert!(has || in_gap || !is_due, "{place:?} lacks {}; it has {received:?}, gaps {gaps:?}", sent.seq);
        }
    }
}

#[test]
fn each_device_gets_everything_once_and_in_order_whatever_others_do() {
    let mut lost = 0;
    let mut received = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
        }
        life.end();
        lost += life.lost;
        received += life.devices.values().map(|device| device.received.len()).sum::<usize>();
    }
    assert!(lost > LIVES as usize / 10, "only {lost} devices have lost their number");
    assert!(received > LIVES as usize * 100, "only {received} messages");
}
