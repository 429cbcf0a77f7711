//! Rooms that come and go, through checkpoints, kills and power cuts: a recovery has the same rooms, each with its own
//! history, whichever numbers were free and taken again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, user};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use wachat::model::Target;
use wachat::protocol::Reply;
use wachat::protocol::request::Page;
use wachat::state_machine::{Command, ConnectionId, Effect, Excerpt, Now};
use wachat::store::{Row, Store};

const USERS: [&str; 3] = ["ana", "luis", "eva"];
const ROOMS: [&str; 6] = ["#a", "#b", "#c", "#d", "#e", "#f"];

/// The open rooms: members and texts.
type Rooms = BTreeMap<&'static str, (BTreeSet<&'static str>, Vec<String>)>;

struct Play {
    random: Random,
    disk: SimulatedDisk,
    server: Option<GroupCommitHarness>,
    rooms: Rooms,
    sent: u64,
    removed: u64,
    vanished: u64,
}

fn start(disk: &SimulatedDisk) -> GroupCommitHarness {
    GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"))
}

fn room(name: &str) -> Target {
    Target::parse(name).expect("a room")
}

impl Play {
    fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::default();
        let mut server = start(&disk);
        USERS.iter().for_each(|name| server.register(name));
        let random = Random::new(seed);
        let rooms = Rooms::new();
        Self { random, disk, server: Some(server), rooms, sent: 0, removed: 0, vanished: 0 }
    }

    fn server(&mut self) -> &mut GroupCommitHarness {
        self.server.as_mut().expect("a server")
    }

    fn is_done(&mut self, command: Command) -> bool {
        matches!(self.server().request(command), Some(Reply::Done))
    }

    fn step(&mut self) {
        let who = USERS[self.random.below(3) as usize];
        let name = ROOMS[self.random.below(6) as usize];
        match self.random.below(20) {
            0..=6 => {
                assert!(self.is_done(Command::Join { user: user(who), room: Ok(room(name)) }));
                self.rooms.entry(name).or_default().0.insert(who);
            }
            7..=12 => self.leave(who, name),
            13..=15 => self.send(who, name),
            16 => {
                let was_there = self.rooms.remove(name).is_some();
                assert_eq!(self.is_done(Command::RemoveRoom { room: Ok(room(name)) }), was_there);
                self.removed += u64::from(was_there);
            }
            17..=18 => self.server().checkpoint(),
            _ => self.restart(),
        }
    }

    fn leave(&mut self, who: &'static str, name: &'static str) {
        let done = self.is_done(Command::Leave { user: user(who), room: Ok(room(name)) });
        assert_eq!(done, self.rooms.contains_key(name), "{who} leaves {name}");
        let Some((members, texts)) = self.rooms.get_mut(name) else { return };
        members.remove(who);
        if members.is_empty() && texts.is_empty() {
            self.rooms.remove(name);
            self.vanished += 1;
        }
    }

    fn send(&mut self, who: &'static str, name: &'static str) {
        let Some((members, texts)) = self.rooms.get_mut(name) else { return };
        if members.contains(who) {
            self.sent += 1;
            let text = format!("text {}", self.sent);
            texts.push(text.clone());
            let id = format!("m{}", self.sent);
            self.server().send_as(who, name, &id, &text);
        }
    }

    /// The server ends, by a kill or by a power cut, and is started again. All that it has answered is durable.
    fn restart(&mut self) {
        self.server = None;
        if self.random.chance(50) {
            self.disk = self.disk.after_power_cut(|| false);
        }
        let checked = Store::new(Arc::new(self.disk.clone()), Path::new("/data")).check().expect("a store");
        assert!(checked.damage.is_empty(), "{:?}", checked.damage);
        self.server = Some(start(&self.disk));
        self.compare();
    }

    fn compare(&mut self) {
        let Some(Reply::Rooms(listed)) =
            self.server().request(Command::Rooms { user: user("ana"), page: Page::after(None) })
        else {
            panic!("no list of rooms");
        };
        let open = listed.iter().map(|room| (room.name.to_string(), room.members));
        let open: BTreeMap<_, _> = open.filter(|(name, _)| name != "#lobby").collect();
        let wanted = self.rooms.iter().map(|(name, (members, _))| (name.to_string(), members.len()));
        assert_eq!(open, wanted.collect());
        for (name, (members, texts)) in self.rooms.clone() {
            if let Some(member) = members.first() {
                assert_eq!(self.history(member, name), texts, "{name}");
            }
        }
    }

    fn history(&mut self, who: &str, name: &str) -> Vec<String> {
        let command = Command::Excerpt { user: user(who), target: Ok(room(name)), limit: usize::MAX, before: None };
        let server = self.server();
        server.group_commit.execute(ConnectionId(1), command, Now::default()).expect("a command");
        let mut effects = Vec::new();
        server.group_commit.release_effects(&mut effects);
        let Some(Effect::Excerpt(_, excerpt)) = effects.pop() else { panic!("no excerpt of {name}") };
        let Excerpt { conversation, participants, filed, rows, .. } = &*excerpt;
        let file = server.store.history(*conversation, participants, *filed).expect("a file");
        let mut texts: Vec<_> = rows.iter().rev().map(|row| row.text.to_string()).collect();
        for row in file.iter().flat_map(|file| file.newest_first(None).expect("rows")) {
            match row.expect("a row") {
                Row::Message(message) => texts.push(message.text.to_string()),
                Row::Damaged { first, last } => panic!("{name}: {first} to {last} are damaged"),
            }
        }
        texts.reverse();
        texts
    }
}

#[test]
fn rooms_and_their_histories_are_the_same_after_every_recovery() {
    let mut sent = 0;
    let mut removed = 0;
    let mut vanished = 0;
    for seed in 0..200 {
        let mut play = Play::new(seed);
        (0..80).for_each(|_| play.step());
        play.restart();
        (sent, removed, vanished) = (sent + play.sent, removed + play.removed, vanished + play.vanished);
    }
    println!("{sent} messages, {removed} rooms removed, {vanished} gone by themselves");
    assert!(sent > 500 && removed > 100 && vanished > 500, "the workloads are too easy");
}
