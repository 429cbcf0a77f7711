//! Three users, their programs, and a server on a disk of ours: one life of it after another, judged by
//! the checker.

mod erasing;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::devices::{Begin, Devices};
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::values::target;
use wachat::course::checker::{Checker, Row, Seen, Verdict};
use wachat::limits;
use wachat::model::{
    Banned, DeviceKey, DeviceName, KeyDigest, Message, MessageId, RoomKind, Seq, ShortText, State, Text, Timestamp,
    Topic, UserName,
};
use wachat::protocol::request::{LogOut, Page};
use wachat::protocol::{Accepted, After, Event, HistoryRecord, Reply, SessionOpened};
use wachat::server::{GroupCommit, Urgency, delivered};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, Delivery, DeviceNumber, Effect, Excerpt, LastOfPeer, Now, Policy, SessionKey,
};
use wachat::store::{Row as FileRow, Sizes, Store, StoreError};
use wachat::wal::{Location, make_segment};

pub use erasing::Counts;
use erasing::{MARK, Sent, erased_event};

const USERS: [&str; 3] = ["ana", "luis", "eva"];

/// The sessions of the users' programs: without a device, and with one.
const READERS: [&str; 7] = ["ana", "luis", "eva", "ana:lab", "luis:lab", "luis:laptop", "luis:phone"];

/// Number of events that are kept for devices: with the lower one some lose their number.
const DEVICE_EVENTS: [usize; 2] = [5, limits::DEVICE_EVENTS];

/// Rooms that every user is in before the first message. The first is the lobby, which needs no JOIN.
const ROOMS: [&str; 3] = ["#lobby", "#sala", CLOSED_ROOM];

/// A room for invited users.
const CLOSED_ROOM: &str = "#cerrada";

/// A room that users join and leave, and that goes away with its last member: nothing is ever said there.
const PASSAGE: &str = "#passage";

/// A room with an owner, who sets its kind, invites, kicks, and gives it away: nothing is ever said there.
const CLUB: &str = "#club";

/// A user and a network that the administrator bans and lets in again. A ban concerns logins alone, which are not played.
const BANNABLE: [&str; 2] = ["@eva", "10.0.0.0/8"];

/// Those whom luis lets call, or not.
const CALLERS: [&str; 2] = ["ana", "eva"];

/// Room for a few records beside the longest: segments close often.
const SEGMENT_BYTES: u64 = limits::COMMAND_BYTES as u64 + 4_096;

/// Three users, their programs, and a server on a disk of ours.
pub struct Workload {
    random: Random,
    sizes: Sizes,
    capacities: Capacities,
    /// Probability, in per cent, that the next segment is made as soon as it is wanted.
    eagerness: u64,
    pub disk: SimulatedDisk,
    server: Option<Running>,
    pub checker: Checker,
    /// Memberships in the passage that are possible for a user, from requests and replies: one or both.
    in_passage: HashMap<&'static str, HashSet<bool>>,
    /// The possible ban of each of [`BANNABLE`], from requests and replies: one answer or both.
    is_banned: HashMap<&'static str, HashSet<bool>>,
    /// What luis may have said of the calls of each of [`CALLERS`], from requests and replies; `None`: nothing.
    is_permitted: HashMap<&'static str, HashSet<Option<bool>>>,
    /// What has been of [`CLUB`] since the last of its changes whose reply has come: one of these is found after a crash. The
    /// last is what it is now.
    clubs: VecDeque<String>,
    /// The number of those before the first of them.
    club_base: usize,
    /// The messages that were accepted.
    sent: Vec<Sent>,
    /// The last reply to CHATS: a target, the number of its messages, and of those that are erased.
    chats: Vec<(String, u64, u64)>,
    /// By user and target: how many messages HISTORY has, and how many of them are erased.
    shown: HashMap<(&'static str, String), (u64, u64)>,
    pub counts: Counts,
    devices: Devices,
    elapsed: Duration,
    next_id: u64,
    pub crashes: u64,
    pub checkpoints: u64,
    pub full: u64,
    pub bans: u64,
    pub permits: u64,
    pub kicks: u64,
    /// Devices that have come back as new, since too much was kept for them.
    pub lost: u64,
    pub keys: u64,
}

/// A server process, and what was asked of it.
struct Running {
    group_commit: GroupCommit,
    store: Store,
    location: Location,
    /// The unanswered requests of each connection, oldest first.
    asked: HashMap<ConnectionId, VecDeque<Asked>>,
    /// By reader.
    sessions: HashMap<&'static str, ConnectionId>,
    last_connection: u64,
    /// The answer to the last question about a conversation.
    excerpt: Option<Excerpt>,
    /// The answer to the last question about the states of messages.
    records: Vec<HistoryRecord>,
}

#[derive(Clone, Debug)]
enum Asked {
    Register,
    Join,
    /// Into the passage, or out of it.
    Pass {
        user: &'static str,
        inside: bool,
    },
    Rooms {
        user: &'static str,
    },
    /// A ban, or the end of one.
    Ban {
        banned: &'static str,
        begins: bool,
    },
    /// A caller is permitted, or refused.
    Permit {
        caller: &'static str,
        permitted: bool,
    },
    /// A change of the club, after which it was the one with this number.
    Club {
        number: usize,
        is_kick: bool,
    },
    Send {
        user: &'static str,
        id: String,
        to: String,
    },
    Open {
        reader: &'static str,
    },
    Poll {
        reader: &'static str,
    },
    /// A device is forgotten.
    LogOut {
        reader: &'static str,
    },
    Key {
        reader: &'static str,
        key: DeviceKey,
    },
    Read,
    Erase {
        user: &'static str,
        to: String,
        seq: u64,
        is_filed: bool,
    },
    Chats,
    /// The room for invited users is to be open for all.
    Opening,
    History,
}

/// The server is gone: it could not write, or the power is cut.
struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Gone
    }
}

type Step = Result<Result<(), Gone>, String>;

fn name(user: &str) -> UserName {
    UserName::new(user).expect("a name")
}

/// Returns the user of a reader, and the device.
fn user_and_device(reader: &'static str) -> (&'static str, Option<DeviceName>) {
    reader.split_once(':').map_or((reader, None), |(user, device)| (user, DeviceName::new(device)))
}

fn bannable(text: &str) -> Banned {
    Banned::parse(text).expect("a user or a network")
}

/// The users and the rooms.
fn places() -> impl Iterator<Item = &'static str> {
    USERS.iter().chain(&ROOMS).copied()
}

impl Workload {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut checker = Checker::default();
        ROOMS.iter().for_each(|room| checker.room(room, &USERS));
        // Checkpoints every 64 KiB of write-ahead log or (to have more of them) much more often.
        let checkpoint_bytes = [1 << 10, 8 << 10, 64 << 10][random.below(3) as usize];
        Self {
            sizes: Sizes { segment_bytes: SEGMENT_BYTES, checkpoint_bytes },
            capacities: Capacities { device_events: DEVICE_EVENTS[random.below(2) as usize], ..Capacities::default() },
            eagerness: [5, 90][random.below(2) as usize],
            random,
            disk: SimulatedDisk::default(),
            server: None,
            checker,
            in_passage: USERS.map(|user| (user, HashSet::from([false]))).into(),
            is_permitted: CALLERS.map(|caller| (caller, HashSet::from([None]))).into(),
            is_banned: BANNABLE.map(|banned| (banned, HashSet::from([false]))).into(),
            clubs: VecDeque::from([String::new()]),
            club_base: 0,
            sent: Vec::new(),
            chats: Vec::new(),
            shown: HashMap::new(),
            counts: Counts::default(),
            devices: Devices::default(),
            elapsed: Duration::ZERO,
            next_id: 0,
            crashes: 0,
            checkpoints: 0,
            full: 0,
            bans: 0,
            permits: 0,
            kicks: 0,
            lost: 0,
            keys: 0,
        }
    }

    pub fn play(&mut self) -> Result<(), String> {
        for _ in 0..self.random.below(4) + 1 {
            let trouble = self.random.below(600) + 1;
            let fault = match self.random.below(10) {
                0 => Fault::Error(io::ErrorKind::StorageFull),
                1 => Fault::Error(io::ErrorKind::Other),
                2 => Fault::ShortWrite,
                _ => Fault::Stop,
            };
            self.disk.fail(self.disk.calls() + trouble, fault);
            let steps = self.random.below(120);
            self.live(steps)?;
            self.crash();
        }
        self.settle()
    }

    /// Lives through some steps, or until the server is gone.
    pub fn live(&mut self, steps: u64) -> Result<(), String> {
        for _ in 0..steps {
            if self.server.is_none() {
                match self.start() {
                    Ok(server) => {
                        self.server = Some(server);
                        self.compare_bans()?;
                        self.compare_permits()?;
                        self.compare_club()?;
                        self.compare_keys()?;
                    }
                    // Cut or failed in the middle of a recovery: it says at which file.
                    Err(error) if self.disk.has_failed() && error.starts_with('/') => return Ok(()),
                    Err(error) => return Err(format!("it does not start: {error}")),
                }
                if self.register()?.is_err() {
                    return Ok(());
                }
            }
            if self.step()?.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn start(&mut self) -> Result<Running, String> {
        let store = Store::with_capacities(Arc::new(self.disk.clone()), Path::new("/data"), self.capacities);
        let opened = store.open(Policy::default(), self.sizes).map_err(|error| error.to_string())?;
        Ok(Running {
            location: opened.location.clone(),
            group_commit: GroupCommit::new(opened, self.sizes),
            store,
            asked: HashMap::new(),
            sessions: HashMap::new(),
            last_connection: 0,
            excerpt: None,
            records: Vec::new(),
        })
    }

    /// The process ends, with the power or without.
    fn crash(&mut self) {
        // The share of the unsynced that is kept differs from cut to cut.
        match self.random.chance(60) {
            true => {
                let share = [0, 10, 50, 90, 100][self.random.below(5) as usize];
                self.cut_power(share);
            }
            false => self.kill(),
        }
    }

    /// From here on the thread that makes segments has no time.
    pub fn make_no_segments(&mut self) {
        self.eagerness = 0;
    }

    /// The process is started again; the disk has no part in it.
    pub fn restart(&mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.crashes += 1;
        self.server = None;
        self.checker.restarted();
    }

    /// The process ends and the system lives: everything that was written exists, synced or not.
    pub fn kill(&mut self) {
        self.end();
        self.disk.heal();
    }

    /// Of what was not synced, this many parts in a hundred are kept.
    pub fn cut_power(&mut self, share: u64) {
        self.end();
        let random = &mut self.random;
        let disk = &self.disk;
        self.disk = disk.after_power_cut(|| random.chance(share));
    }

    fn now(&mut self) -> Now {
        self.elapsed += Duration::from_millis(self.random.below(20));
        // The wall clock may go back: order does not come from it.
        let wall = 1_800_000_000_000 + self.elapsed.as_millis() as u64 - self.random.below(1_000);
        Now { at: Timestamp::from_millis(wall), elapsed: self.elapsed }
    }

    fn register(&mut self) -> Step {
        for user in USERS {
            let command = Command::Register { name: name(user), password_hash: "$not$used".into() };
            if self.request(None, command, Asked::Register)?.is_err() {
                return Ok(Err(Gone));
            }
            let command = Command::Join { user: name(user), room: Ok(target("#sala")) };
            if self.request(None, command, Asked::Join)?.is_err() {
                return Ok(Err(Gone));
            }
        }
        if self.enter_closed_room()?.is_err() {
            return Ok(Err(Gone));
        }
        self.commit()
    }

    /// Sends the router a few commands at once, and perhaps makes a segment or a checkpoint.
    fn step(&mut self) -> Step {
        for _ in 0..self.random.below(4) + 1 {
            if self.act()?.is_err() {
                return Ok(Err(Gone));
            }
        }
        // A batch that no client is blocked on may be delayed.
        let lazy = self.server.as_ref().is_some_and(|s| s.group_commit.urgency() == Urgency::Soon);
        if !(lazy && self.random.chance(50)) && self.commit()?.is_err() {
            return Ok(Err(Gone));
        }
        Ok(self.look_after_disk())
    }

    fn act(&mut self) -> Step {
        let user = USERS[self.random.below(3) as usize];
        match self.random.below(35) {
            25..=29 => self.erase_any(),
            22..=24 => self.rule(user),
            20..=21 => self.permit(),
            0..=9 => self.send_new(user),
            10..=11 => self.retry(user),
            12..=16 => {
                let reader = READERS[self.random.below(READERS.len() as u64) as usize];
                self.poll(reader)
            }
            17..=18 => self.read(user),
            _ if self.random.chance(10) => self.forget(),
            _ if self.random.chance(20) => self.ask_for_key(),
            _ if self.random.chance(50) => self.pass(user),
            _ => self.ban(),
        }
    }

    fn send_new(&mut self, user: &'static str) -> Step {
        self.next_id += 1;
        let places: Vec<_> = places().collect();
        let id = format!("m{}", self.next_id);
        let to = places[self.random.below(places.len() as u64) as usize];
        let length = if self.random.chance(20) { self.random.below(2_000) } else { self.random.below(60) };
        let text = format!("{MARK}{id}, ;\n{}", "x".repeat(length as usize));
        self.send(user, &id, to, &text)
    }

    fn retry(&mut self, user: &'static str) -> Step {
        let unknown = self.checker.unknown(user);
        match unknown.first().cloned() {
            Some((id, to, text)) => self.send(user, &id, &to, &text),
            None => Ok(Ok(())),
        }
    }

    fn send(&mut self, user: &'static str, id: &str, to: &str, text: &str) -> Step {
        self.checker.asks(user, id, to, text);
        let command = Command::Send {
            user: name(user),
            id: MessageId::new(id).expect("an id"),
            to: Ok(target(to)),
            text: Text::new(text).expect("a text"),
        };
        self.request(None, command, Asked::Send { user, id: id.into(), to: to.into() })
    }

    fn poll(&mut self, reader: &'static str) -> Step {
        let session = self.server.as_ref().and_then(|server| server.sessions.get(reader).copied());
        let Some(session) = session else {
            return self.ask_to_open(reader);
        };
        let waits = self.server.as_ref().is_some_and(|s| s.asked.get(&session).is_some_and(|asked| !asked.is_empty()));
        if waits {
            return Ok(Ok(()));
        }
        let after = self.checker.last_stored(reader);
        self.checker.acknowledges(reader, after);
        let max = self.random.below(5) as usize + 1;
        let command = Command::Poll { after: After::Number(Seq::new(after).expect("a number")), wait: Some(1), max };
        self.request(Some(session), command, Asked::Poll { reader })
    }

    /// A user has a device forgotten: its next login is new.
    fn forget(&mut self) -> Step {
        let reader = self.pick_device();
        let (user, device) = user_and_device(reader);
        self.devices.ask_to_forget(reader);
        let which = LogOut::Device(device.expect("a device"));
        let command = Command::LogOut { user: name(user), which, asker: None, closed: None };
        if let Some(server) = &mut self.server {
            server.sessions.remove(reader);
        }
        let asked = self.request(None, command, Asked::LogOut { reader })?;
        // Replies that came in between were to requests before this one.
        self.devices.ask_to_forget(reader);
        Ok(asked)
    }

    fn pick_device(&mut self) -> &'static str {
        let devices = &READERS[USERS.len()..];
        devices[self.random.below(devices.len() as u64) as usize]
    }

    /// The session of a device, if it has one, asks for a key.
    fn ask_for_key(&mut self) -> Step {
        let reader = self.pick_device();
        let session = self.server.as_ref().and_then(|server| {
            let session = server.sessions.get(reader).copied()?;
            server.asked.get(&session).is_some_and(VecDeque::is_empty).then_some(session)
        });
        let Some(session) = session else { return Ok(Ok(())) };
        self.keys += 1;
        let key = DeviceKey::new(&format!("{:043}", self.keys)).expect("a key");
        self.devices.ask_for_key(reader, key.clone());
        let asked =
            self.request(Some(session), Command::Key { key: key.clone() }, Asked::Key { reader, key: key.clone() })?;
        self.devices.ask_for_key(reader, key);
        Ok(asked)
    }

    /// Compares the keys that a server has read with those that are possible; from here on they are known.
    fn compare_keys(&mut self) -> Result<(), String> {
        let Some(server) = &self.server else { return Ok(()) };
        let state = server.group_commit.state();
        for reader in &READERS[USERS.len()..] {
            let (user, device) = user_and_device(reader);
            let (user, device) = (name(user), device.expect("a device"));
            let mut keys = state.device_keys();
            let found = keys.find(|(of, at, _)| **of == user && **at == device).map(|(.., digest)| digest);
            let digest = |key: &DeviceKey| KeyDigest::of(&state.store, &user, &device, key.as_str());
            self.devices.compare_key(reader, |key| key.map(digest) == found)?;
        }
        Ok(())
    }

    fn ask_to_open(&mut self, reader: &'static str) -> Step {
        let Some(server) = &mut self.server else { return Ok(Err(Gone)) };
        server.last_connection += 1;
        let connection = ConnectionId(server.last_connection);
        server.sessions.insert(reader, connection);
        self.ask_to_open_as(connection, reader)
    }

    fn ask_to_open_as(&mut self, connection: ConnectionId, reader: &'static str) -> Step {
        let (user, device) = user_and_device(reader);
        self.devices.ask_to_open(reader);
        self.request(
            Some(connection),
            Command::Open { user: name(user), device, key: None, order: connection.0, address: [127, 0, 0, 1].into() },
            Asked::Open { reader },
        )
    }

    fn read(&mut self, user: &'static str) -> Step {
        let stored = self.checker.stored(user);
        if stored.is_empty() {
            return Ok(Ok(()));
        }
        let one = &stored[self.random.below(stored.len() as u64) as usize];
        let read = if ROOMS.contains(&&*one.to) { &one.to } else { &one.from }.to_string();
        let upto = one.seq;
        self.call_read(user, &read, upto)
    }

    fn call_read(&mut self, user: &'static str, read: &str, upto: u64) -> Step {
        self.checker.reads(user, read, upto);
        let seq = Seq::new(upto);
        let command = Command::Read {
            user: name(user),
            target: Ok(target(read)),
            seq: seq.expect("a number"),
            last_of_peer: LastOfPeer::Found(seq),
        };
        self.request(None, command, Asked::Read)
    }

    /// A user joins the passage, or leaves it.
    fn pass(&mut self, user: &'static str) -> Step {
        let inside = self.random.chance(50);
        let room = Ok(target(PASSAGE));
        self.in_passage.entry(user).or_default().insert(inside);
        let command = match inside {
            true => Command::Join { user: name(user), room },
            false => Command::Leave { user: name(user), room },
        };
        self.request(None, command, Asked::Pass { user, inside })
    }

    fn ban(&mut self) -> Step {
        let banned = BANNABLE[self.random.below(2) as usize];
        let begins = self.random.chance(50);
        self.is_banned.entry(banned).or_default().insert(begins);
        let command = match begins {
            true => Command::Ban { banned: bannable(banned), until: None, reason: ShortText::default() },
            false => Command::Unban { banned: bannable(banned) },
        };
        self.request(None, command, Asked::Ban { banned, begins })
    }

    fn permit(&mut self) -> Step {
        let caller = CALLERS[self.random.below(2) as usize];
        let permitted = self.random.chance(50);
        self.is_permitted.entry(caller).or_default().insert(Some(permitted));
        let command = Command::Permit { user: name("luis"), caller: Ok(target(caller)), permitted };
        self.request(None, command, Asked::Permit { caller, permitted })
    }

    /// A user joins or leaves the club, or asks for what its owner may do.
    fn rule(&mut self, me: &'static str) -> Step {
        let user = name(me);
        let room = Ok(target(CLUB));
        let other = Ok(target(USERS[self.random.below(3) as usize]));
        let choice = self.random.below(12);
        let command = match choice {
            0..=2 => Command::Join { user, room },
            3 => Command::Leave { user, room },
            4..=5 => Command::RoomKind { user, room, kind: RoomKind::Invite },
            6 => Command::RoomKind { user, room, kind: RoomKind::Open },
            7 => Command::Topic { user, room, topic: Topic::new(&self.next_id.to_string()).expect("a topic") },
            8..=9 => Command::Invite { user, room, guest: other },
            10 => Command::Kick { user, room, other },
            _ => Command::Owner { user, room, other },
        };
        let number = self.club_base + self.clubs.len();
        let done = self.request(None, command, Asked::Club { number, is_kick: choice == 10 })?;
        let club = self.club();
        // The request was executed, whatever comes of it.
        if let Some(club) = club {
            self.clubs.push_back(club);
        }
        Ok(done)
    }

    /// Returns what the server knows of the club: kind, owner, topic, members, and who may know of it and join.
    fn club(&self) -> Option<String> {
        let state = self.server.as_ref()?.group_commit.state();
        let Ok(number) = state.find_room(&Ok(target(CLUB))) else { return Some(String::new()) };
        let room = state.room(number);
        let kind = room.rights.kind;
        let topic = &room.rights.topic;
        let owner = room.rights.owner.map(|owner| state.name(owner));
        let users = USERS.map(|user| {
            let number = state.number(&name(user)).ok()?;
            let joined = room.members.get(&number).map(|member| member.joined);
            Some((joined, state.is_visible(state.find_room(&Ok(target(CLUB))).ok()?, number)))
        });
        let may_join = USERS.map(|user| state.number(&name(user)).is_ok_and(|user| state.may_join(number, user)));
        Some(format!("{kind:?} {owner:?} {topic:?} {users:?} {may_join:?}"))
    }

    /// Compares the club that a server has read with what it may have been; from here on it is known.
    fn compare_club(&mut self) -> Result<(), String> {
        let Some(found) = self.club() else { return Ok(()) };
        if !self.clubs.contains(&found) {
            return Err(format!("promise 1 is broken: {CLUB} is {found:?}, and was {:?}", self.clubs));
        }
        self.club_base += self.clubs.len();
        self.clubs = VecDeque::from([found]);
        Ok(())
    }

    /// Compares the permits that a server has read with those that are possible; from here on they are known.
    fn compare_permits(&mut self) -> Result<(), String> {
        let Some(server) = &self.server else { return Ok(()) };
        let state = server.group_commit.state();
        // Without an account nothing was said.
        let all: Vec<_> = state.number(&name("luis")).map(|luis| state.permits(luis).collect()).unwrap_or_default();
        for caller in CALLERS {
            let found = all.iter().find(|(user, _)| *user == name(caller)).map(|(_, permitted)| *permitted);
            let possible = self.is_permitted.insert(caller, HashSet::from([found])).unwrap_or_default();
            if !possible.contains(&found) {
                return Err(format!("promise 1 is broken: that luis lets {caller} call: {found:?}"));
            }
        }
        Ok(())
    }

    /// Compares the bans that a server has read with those that are possible; from here on they are known.
    fn compare_bans(&mut self) -> Result<(), String> {
        let Some(server) = &self.server else { return Ok(()) };
        for banned in BANNABLE {
            let found = server.group_commit.state().bans.iter().any(|(one, _)| *one == bannable(banned));
            let possible = self.is_banned.insert(banned, HashSet::from([found])).unwrap_or_default();
            if !possible.contains(&found) {
                return Err(format!("promise 1 is broken: that {banned} is banned: {found}"));
            }
        }
        Ok(())
    }

    /// Hands a command to the group commit, as the router does.
    fn request(&mut self, connection: Option<ConnectionId>, command: Command, asked: Asked) -> Step {
        let now = self.now();
        if self.server.as_ref().is_some_and(|server| !server.group_commit.has_room()) {
            if self.commit()?.is_err() {
                return Ok(Err(Gone));
            }
            if let Some(server) = &mut self.server {
                server.group_commit.switch_segment();
            }
        }
        let Some(server) = &mut self.server else { return Ok(Err(Gone)) };
        let connection = connection.unwrap_or_else(|| {
            server.last_connection += 1;
            ConnectionId(server.last_connection)
        });
        server.asked.entry(connection).or_default().push_back(asked);
        server.group_commit.execute(connection, command, now).map_err(|defect| defect.to_string())?;
        self.hear().map(Ok)
    }

    fn commit(&mut self) -> Step {
        let now = self.now();
        let Some(server) = &mut self.server else { return Ok(Err(Gone)) };
        server.group_commit.end_batch(now).map_err(|defect| defect.to_string())?;
        // Effects that depend on nothing in the batch may leave before the batch is written.
        self.hear()?;
        let Some(server) = &mut self.server else { return Ok(Err(Gone)) };
        if server.group_commit.commit().is_err() {
            return Ok(Err(Gone));
        }
        self.hear().map(Ok)
    }

    /// Makes the spare segment and checkpoints, now or later. A failure of either is no reason to stop.
    fn look_after_disk(&mut self) -> Result<(), Gone> {
        let Some(server) = &mut self.server else { return Err(Gone) };
        if let Some(number) = server.group_commit.wants_segment()
            && self.random.chance(self.eagerness)
            && let Ok(segment) = make_segment(&server.location, number, SEGMENT_BYTES)
        {
            server.group_commit.give_segment(segment);
        }
        if let Some(upto) = server.group_commit.wants_checkpoint(false)
            && self.random.chance(50)
            && let Ok(made) = server.store.checkpoint(upto)
        {
            server.group_commit.give_checkpoint(&made);
            self.checkpoints += 1;
        }
        self.clean_up_some();
        Ok(())
    }

    /// Hands the released effects to the clients.
    fn hear(&mut self) -> Result<(), String> {
        let Some(server) = &mut self.server else { return Ok(()) };
        let mut heard = Vec::new();
        let mut lost = Vec::new();
        let mut effects = Vec::new();
        server.group_commit.release_effects(&mut effects);
        for effect in effects {
            let answer = match effect {
                Effect::Reply(_, Reply::History(records)) => {
                    server.records = records;
                    None
                }
                Effect::Reply(connection, reply) => Some((connection, reply)),
                Effect::Events { to, delivery, .. } => match read_delivery(server, to, delivery) {
                    Ok(None) => return Err("no clean-up is under way that could remove a message of a poll".to_owned()),
                    Ok(Some(events)) => match events.iter().find(|event| matches!(event, Event::Damaged { .. })) {
                        Some(damaged) => return Err(format!("{damaged:?}: it is damaged")),
                        None => Some((to, Reply::Events(events))),
                    },
                    // The history cannot be read: the server closes that connection.
                    Err(_) if self.disk.has_failed() => {
                        lost.push(to);
                        None
                    }
                    Err(error) => return Err(error.to_string()),
                },
                Effect::Excerpt(_, excerpt) => {
                    server.excerpt = Some(*excerpt);
                    None
                }
                // Too much was kept for the device: its program logs in again.
                Effect::Close(connection, _) => {
                    lost.push(connection);
                    None
                }
                Effect::Account { .. } | Effect::Password { .. } => None,
                Effect::Key { .. } | Effect::CloseDevice { .. } | Effect::ReviewDevices(_) => None,
                Effect::LogOut { .. } | Effect::LogOutOthers { .. } => None,
            };
            if let Some((connection, reply)) = answer {
                let asked = server.asked.get_mut(&connection).and_then(VecDeque::pop_front);
                let asked = asked.ok_or_else(|| format!("{reply:?} answers no question"))?;
                heard.push((asked, reply));
            }
        }
        for connection in lost {
            self.hang_up(connection)?;
        }
        for (asked, reply) in heard {
            self.full += u64::from(matches!(&reply, Reply::Ko(ko) if ko.code == wachat::protocol::Code::Full));
            self.judge(&asked, reply)?;
        }
        Ok(())
    }

    /// A session is over; its program will open another.
    fn hang_up(&mut self, connection: ConnectionId) -> Result<(), String> {
        let now = self.now();
        let Some(server) = &mut self.server else { return Ok(()) };
        server.asked.remove(&connection);
        server.sessions.retain(|_, session| *session != connection);
        server.group_commit.execute(connection, Command::Closed, now).map_err(|defect| defect.to_string())
    }

    /// A program hears an answer.
    fn judge(&mut self, asked: &Asked, reply: Reply) -> Result<(), String> {
        let checker = &mut self.checker;
        match (asked, reply) {
            (Asked::Send { user: from, to, .. }, Reply::Accepted(Accepted { id, at, seq })) => {
                checker.accepted(from, id.as_str(), &at.to_string(), seq.get())?;
                let (to, seq) = (to.clone(), seq.get());
                self.counts.private += u64::from(to == CLOSED_ROOM);
                self.sent.push(Sent { from, to, seq });
            }
            (Asked::Send { user, id, .. }, Reply::Ko(_)) => checker.refused(user, id)?,
            (Asked::Erase { user, to, seq, is_filed }, reply) => {
                return self.judge_erase((user, to, *seq), *is_filed, &reply);
            }
            (Asked::Chats, Reply::Chats(chats)) => {
                self.chats = chats.iter().map(|chat| (chat.target.to_string(), chat.count, chat.erased)).collect();
            }
            (Asked::Opening, reply) => {
                let is_refused = matches!(&reply, Reply::Ko(ko) if ko.code == wachat::protocol::Code::Conflict);
                return is_refused.then_some(()).ok_or_else(|| format!("{CLOSED_ROOM} can be opened: {reply:?}"));
            }
            (Asked::Poll { reader }, Reply::Events(events)) => {
                events.iter().try_for_each(|e| observe(checker, reader, e))?
            }
            (Asked::Open { reader }, Reply::SessionOpened(SessionOpened { acknowledged, store, device, .. })) => {
                let last = self.server.as_ref().map_or(Seq::ZERO, |server| server.group_commit.state().last);
                let kept = last.get().saturating_sub(self.devices.number(reader));
                let may_be_lost = kept > self.capacities.device_events as u64;
                let number = acknowledged.get();
                let stored = checker.last_stored(reader);
                match self.devices.open(reader, number, device, may_be_lost, stored)? {
                    Begin::New => checker.begins(reader, number, &store)?,
                    Begin::Anew => {
                        self.lost += 1;
                        checker.begins(reader, number, &store)?;
                    }
                    Begin::Known => checker.logs_in(reader, number, &store)?,
                }
            }
            // Without room for a device no session is opened.
            (Asked::Open { reader }, Reply::Ko(_)) => {
                self.devices.not_opened(reader);
                self.server.iter_mut().for_each(|server| _ = server.sessions.remove(reader));
            }
            (Asked::LogOut { reader }, Reply::Done) => {
                self.devices.forgotten(reader);
                checker.forgotten(reader);
            }
            (Asked::Key { reader, key }, Reply::Key(new)) if new.key == *key => self.devices.has_key(reader, key),
            (Asked::Key { .. }, Reply::Key(_)) => return Err("it is another key".to_owned()),
            (Asked::Pass { user, inside }, Reply::Done) => {
                self.in_passage.insert(user, HashSet::from([*inside]));
            }
            (Asked::Ban { banned, begins }, Reply::Done) => {
                self.is_banned.insert(banned, HashSet::from([*begins]));
                self.bans += u64::from(*begins);
            }
            (Asked::Permit { caller, permitted }, Reply::Done) => {
                self.is_permitted.insert(caller, HashSet::from([Some(*permitted)]));
                self.permits += 1;
            }
            (Asked::Club { number, is_kick }, Reply::Done) => {
                // What was before it is not found any more.
                let gone = number.saturating_sub(self.club_base).min(self.clubs.len());
                self.clubs.drain(..gone);
                self.club_base += gone;
                self.kicks += u64::from(*is_kick);
            }
            (Asked::Rooms { user }, Reply::Rooms(rooms)) => {
                let passage = rooms.iter().find(|room| room.name.to_string() == PASSAGE);
                if passage.is_some_and(|passage| passage.members == 0) {
                    return Err(format!("{PASSAGE} has no members, and is there"));
                }
                let inside = passage.is_some_and(|passage| passage.member);
                if !self.in_passage[user].contains(&inside) {
                    return Err(format!("promise 1 is broken: that {user} is in {PASSAGE}: {inside}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends the faults: the users retry what has no answer, and receive everything.
    pub fn settle(&mut self) -> Result<(), String> {
        self.disk.heal();
        self.eagerness = 100;
        self.server = Some(self.start().map_err(|error| format!("it does not start in peace: {error}"))?);
        self.compare_bans()?;
        self.compare_permits()?;
        self.compare_club()?;
        self.compare_keys()?;
        self.look_after_disk().map_err(|Gone| "it ended in peace")?;
        let fine = |step: Step| step.and_then(|s| s.map_err(|Gone| "it ended in peace".to_owned()));
        fine(self.register())?;
        for user in USERS {
            while let Some((id, to, text)) = self.checker.unknown(user).first().cloned() {
                fine(self.send(user, &id, &to, &text))?;
                fine(self.commit())?;
                self.look_after_disk().map_err(|Gone| "it ended in peace")?;
            }
        }
        for user in USERS {
            for (target, upto) in self.checker.read_marks(user) {
                fine(self.call_read(user, &target, upto))?;
                fine(self.commit())?;
                self.look_after_disk().map_err(|Gone| "it ended in peace")?;
            }
        }
        fine(self.erase_unknown())?;
        // Twice: the first round acknowledges, and makes the states that the second one brings.
        for _ in 0..2 {
            for reader in READERS {
                self.drain(reader)?;
            }
        }
        for (index, user) in USERS.iter().enumerate() {
            for target in USERS[index..].iter().chain(&ROOMS) {
                self.compare_history(user, target)?;
            }
            fine(self.request(
                None,
                Command::Rooms { user: name(user), page: Page::after(None) },
                Asked::Rooms { user },
            ))?;
        }
        for user in USERS {
            self.compare_chats(user)?;
        }
        self.expect_closed_room()?;
        self.checker.verdict()?;
        self.stop()
    }

    /// Shows the checker the history of a place: what is in the file, then what is in memory.
    fn compare_history(&mut self, user: &'static str, with: &'static str) -> Result<(), String> {
        let command = Command::Excerpt { user: name(user), target: Ok(target(with)), limit: usize::MAX, before: None };
        self.request(None, command, Asked::History)?.map_err(|Gone| "it ended in peace")?;
        let server = self.server.as_ref().ok_or("it ended in peace")?;
        let excerpt = server.excerpt.as_ref().ok_or("no answer about the history")?;
        let file = server.store.history(excerpt.conversation, &excerpt.participants, excerpt.filed);
        let file = file.map_err(|error| error.to_string())?;
        // As from a history thread: the state machine sets the states.
        let record = |message: Arc<Message>| HistoryRecord::Message { message, state: State::Received };
        let mut records: Vec<HistoryRecord> = Vec::new();
        if let Some(file) = file {
            for row in file.newest_first(None).map_err(|error| error.to_string())? {
                match row.map_err(|error| error.to_string())? {
                    FileRow::Message(message) => records.push(record(message)),
                    FileRow::Damaged { first, last } => return Err(format!("{first} to {last} are damaged")),
                }
            }
            records.reverse();
        }
        records.extend(excerpt.rows.iter().cloned().map(record));
        let command = Command::SetStates { user: name(user), target: Ok(target(with)), records };
        self.request(None, command, Asked::History)?.map_err(|Gone| "it ended in peace")?;
        let server = self.server.as_ref().ok_or("it ended in peace")?;
        let rows: Vec<Row> = server.records.iter().filter_map(row_of).collect();
        let erased = rows.iter().filter(|row| row.erased).count();
        self.shown.insert((user, with.to_owned()), (rows.len() as u64, erased as u64));
        if !ROOMS.contains(&with) {
            self.shown.insert((with, user.to_owned()), (rows.len() as u64, erased as u64));
        }
        self.checker.shown(user, with, &rows)?;
        let numbers = rows.iter().map(|row| row.seq).collect();
        Ok(self.checker.shown_all(user, with, &numbers)?)
    }

    /// Polls until there is nothing more.
    fn drain(&mut self, reader: &'static str) -> Result<(), String> {
        let fine = |step: Step| step.and_then(|s| s.map_err(|Gone| "it ended in peace".to_owned()));
        let connection = ConnectionId(u64::MAX / 2 + self.elapsed.as_millis() as u64);
        self.elapsed += Duration::from_secs(1);
        fine(self.ask_to_open_as(connection, reader))?;
        fine(self.commit())?;
        loop {
            // The device has lost its number: it begins anew.
            if self.server.as_ref().is_some_and(|server| !server.asked.contains_key(&connection)) {
                return self.drain(reader);
            }
            let before = self.checker.last_stored(reader);
            self.checker.acknowledges(reader, before);
            let after = After::Number(Seq::new(before).expect("a number"));
            let command = Command::Poll { after, wait: Some(0), max: 1_000 };
            fine(self.request(Some(connection), command, Asked::Poll { reader }))?;
            fine(self.commit())?;
            self.look_after_disk().map_err(|Gone| "it ended in peace")?;
            if self.checker.last_stored(reader) == before {
                return Ok(());
            }
        }
    }
}

/// Reads what a poll returns, as a history thread and the router do: what was read before a file was rewritten is read again,
/// and a text that was taken back goes to nobody.
fn read_delivery(server: &Running, to: ConnectionId, delivery: Delivery) -> Result<Option<Vec<Event>>, StoreError> {
    let state = server.group_commit.state();
    let is_outdated = delivery.rewritings != state.rewritings();
    let mut events = delivered(&server.store, delivery)?;
    let asked = server.asked.get(&to).and_then(VecDeque::front);
    if let Some(Asked::Poll { reader }) = asked
        && let Some(read) = events.take_if(|_| is_outdated)
    {
        let user = state.number(&name(user_and_device(reader).0)).expect("an account");
        let key = SessionKey { user, device: DeviceNumber::NAMELESS };
        events = delivered(&server.store, state.collect_again(key, read))?;
    }
    Ok(events.map(|events| events.into_iter().map(|event| state.without_erased_text(event)).collect()))
}

fn row_of(record: &HistoryRecord) -> Option<Row> {
    let HistoryRecord::Message { message, state } = record else { return None };
    Some(Row {
        seq: message.seq.get(),
        id: message.id.to_string(),
        from: message.from.to_string(),
        text: message.text.to_string(),
        erased: message.text.is_erased(),
        state: Some(state.to_string()),
    })
}

fn observe(checker: &mut Checker, user: &str, event: &Event) -> Verdict {
    match event {
        Event::Message(m) => checker.received(
            user,
            Seen {
                seq: m.seq.get(),
                id: m.id.to_string(),
                from: m.from.to_string(),
                to: m.to.to_string(),
                text: m.text.to_string(),
                erased: m.text.is_erased(),
            },
        ),
        Event::State { seq, target, state, upto, .. } => {
            checker.told(user, seq.get(), &target.to_string(), &state.to_string(), upto.get())
        }
        event => erased_event(event).map_or(Ok(()), |event| checker.told_erased(user, &event)),
    }
}
