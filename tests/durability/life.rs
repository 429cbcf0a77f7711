//! The life of a message, as the files alone tell it (`wachat explain`), beside the server that they are written by:
//! after every few of its steps each message has the states that the server knows, and the changes since the
//! checkpoint.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, user};
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::values::target;
use parking_lot::Mutex;
use wachat::model::{Message, MessageId, Seq, State, Text, Timestamp, UserName};
use wachat::state_machine::{Command, LastOfPeer};
use wachat::store::{Change, Life, Store};

const DATA: &str = "/data";
const USERS: [&str; 4] = ["ana", "luis", "eva", "nora"];
const ROOMS: [&str; 2] = ["#lobby", "#sala"];

/// Few ids: several senders use one.
const IDS: [&str; 5] = ["m1", "m2", "m3", "m4", "m5"];

/// A message, and what became of it.
struct Told {
    message: Message,
    statuses: Vec<(UserName, State)>,
    changes: Vec<Change>,
    is_older: bool,
}

struct Played {
    server: GroupCommitHarness,
    disk: SimulatedDisk,
    told: Vec<Told>,
}

fn store(disk: &SimulatedDisk) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(DATA))
}

impl Played {
    fn new() -> Self {
        let disk = SimulatedDisk::default();
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        USERS.iter().for_each(|name| server.register(name));
        Self { server, disk, told: Vec::new() }
    }

    fn states_of(&self, message: &Message) -> Vec<(UserName, State)> {
        let statuses = self.server.group_commit.state().statuses_of(message).into_iter();
        statuses.map(|status| (status.user, status.state)).collect()
    }

    /// Sends a message, unless its sender has used the id.
    fn send(&mut self, from: &'static str, to: &str, id: &str, text: &str) {
        let from = user(from);
        let to = target(to);
        let id = MessageId::new(id).expect("an id");
        let text = Text::new(text).expect("a text");
        let before = self.server.group_commit.state().last;
        self.server.request(Command::Send {
            user: from.clone(),
            id: id.clone(),
            to: Ok(to.clone()),
            text: text.clone(),
        });
        let seq = self.server.group_commit.state().last;
        if seq > before {
            let message = Message { seq, id, from, to, at: Timestamp::from_millis(self.server.time), text };
            let statuses = self.states_of(&message);
            self.told.push(Told { message, statuses, changes: Vec::new(), is_older: false });
        }
    }

    /// Does something that may change the states of messages. A recipient who is one no more has no state.
    fn change(&mut self, act: impl FnOnce(&mut GroupCommitHarness)) {
        act(&mut self.server);
        let at = Timestamp::from_millis(self.server.time);
        for index in 0..self.told.len() {
            let now = self.states_of(&self.told[index].message);
            let told = &mut self.told[index];
            for (user, state) in &now {
                if told.statuses.iter().any(|(other, had)| other == user && had != state) {
                    told.changes.push(Change { user: user.clone(), state: *state, at });
                }
            }
            told.statuses = now;
        }
    }

    /// Does a step of one of the first `kinds` kinds.
    fn step(&mut self, random: &mut Random, number: u64, kinds: u64) {
        let mut one_of = |names: &[&'static str]| names[random.below(names.len() as u64) as usize];
        let who = one_of(&USERS);
        let peer = one_of(&USERS);
        let room = one_of(&ROOMS);
        let id = one_of(&IDS);
        let last = self.server.group_commit.state().last.get();
        let upto = Seq::new(last - random.below(last.min(6) + 1)).expect("a number");
        match random.below(kinds) {
            0..=5 => self.send(who, peer, id, &format!("hola; {number}")),
            6..=9 => self.send(who, room, id, "hola\na todos"),
            10..=12 => self.change(|server| acknowledge(server, who, upto)),
            13..=15 => {
                let to = if random.chance(50) { peer } else { room };
                self.change(|server| {
                    let target = Ok(target(to));
                    server.request(Command::Read {
                        user: user(who),
                        target,
                        seq: upto,
                        last_of_peer: LastOfPeer::NotLookedUp,
                    });
                });
            }
            16 => self.change(|server| _ = server.request(Command::Leave { user: user(who), room: Ok(target(room)) })),
            17 => self.change(|server| _ = server.request(Command::Join { user: user(who), room: Ok(target(room)) })),
            18 => self.server.close_segment(),
            19 => self.checkpoint(),
            20 => self.change(|server| _ = server.request(Command::Remove { user: user(who) })),
            _ => self.change(|server| _ = server.request(Command::RemoveRoom { room: Ok(target(room)) })),
        }
    }

    /// From here on the log tells what comes after it alone.
    fn checkpoint(&mut self) {
        self.server.checkpoint();
        self.told.iter_mut().for_each(|told| (told.is_older, told.changes) = (true, Vec::new()));
    }

    fn assert_told(&self, how: &str) {
        for id in IDS {
            let id = MessageId::new(id).expect("an id");
            let lives = store(&self.disk).lives(&id).expect("the lives");
            let told: Vec<_> = self.told.iter().filter(|told| told.message.id == id).collect();
            assert_eq!(lives.len(), told.len(), "{how}: {id}");
            told.iter().zip(&lives).for_each(|(told, life)| told.assert_is(life, &format!("{how}: {id}")));
        }
    }
}

/// Acknowledges as a client does, in one moment.
fn acknowledge(server: &mut GroupCommitHarness, name: &str, upto: Seq) {
    let time = server.time;
    server.request(Command::Open {
        user: user(name),
        device: None,
        key: None,
        order: time,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    });
    let after = wachat::protocol::request::After::Number(upto);
    server.request(Command::Poll { after, wait: Some(0), max: 1 });
    server.request(Command::Closed);
}

impl Told {
    fn assert_is(&self, life: &Life, how: &str) {
        assert_eq!(*life.message, self.message, "{how}");
        let statuses: Vec<_> = life.statuses.iter().map(|status| (status.user.clone(), status.state)).collect();
        assert_eq!(statuses, self.statuses, "{how}: number {}", self.message.seq);
        assert_eq!(life.is_older, self.is_older, "{how}: number {}", self.message.seq);
        let what = |changes: &[Change]| -> Vec<_> {
            changes.iter().map(|change| (change.user.clone(), change.state)).collect()
        };
        assert_eq!(what(&life.changes), what(&self.changes), "{how}: number {}", self.message.seq);
        // An acknowledgement is written when the commands of its session are done, at the latest.
        for (told, known) in life.changes.iter().zip(&self.changes) {
            let early = Timestamp::from_millis(known.at.millis() - 3);
            assert!((early..=known.at).contains(&told.at), "{how}: {told:?} and not {known:?}");
        }
    }
}

/// Plays histories with the first kinds of steps; returns how many changes were told.
fn play(seeds: u64, kinds: u64) -> usize {
    let mut changes = 0;
    for seed in 0..seeds {
        let mut played = Played::new();
        let mut random = Random::new(seed);
        for number in 0..70 {
            played.step(&mut random, number, kinds);
            if number % 7 == 0 {
                played.assert_told(&format!("seed {seed}, step {number}"));
            }
        }
        changes += played.told.iter().map(|told| told.changes.len()).sum::<usize>();
    }
    changes
}

#[test]
fn the_files_tell_of_each_message_what_the_server_knows() {
    let changes = play(5, 20);
    assert!(changes > 8, "the histories have become too easy: {changes}");
}

/// A member of a room that is gone is no recipient, nor is one whose account is.
#[test]
fn the_files_tell_the_same_where_accounts_and_rooms_are_removed() {
    play(4, 22);
}

/// The server goes on meanwhile: it files what the log has, and removes the log and the tables that are being read.
#[test]
fn a_message_is_told_whole_whatever_call_a_checkpoint_comes_before() {
    let mut played = Played::new();
    for id in ["m1", "m2"] {
        played.send("ana", "luis", id, "hola");
        played.server.checkpoint();
    }
    played.send("luis", "ana", "m3", "the last");
    let upto = played.server.group_commit.state().last;
    played.change(|server| acknowledge(server, "luis", upto));
    let Played { disk: begin, told, .. } = played;
    let mut calls = 0;
    for told in &told {
        for moment in 0.. {
            let disk = begin.after_power_cut(|| true);
            let server = Arc::new(Mutex::new(Some(GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA)))));
            let left = Mutex::new(moment);
            let writer = server.clone();
            let hook: Hook = Arc::new(move |_, _| {
                let mut left = left.lock();
                if *left == 0
                    && let Some(mut server) = writer.lock().take()
                {
                    server.checkpoint();
                }
                *left = u64::saturating_sub(*left, 1);
                Ok(())
            });
            let reader = Store::new(Arc::new(InterceptedDisk { disk, hook }), Path::new(DATA));
            let lives = reader.lives(&told.message.id).unwrap_or_else(|error| panic!("before call {moment}: {error}"));
            let [life] = &lives[..] else { panic!("before call {moment}: {} of {}", lives.len(), told.message.id) };
            assert_eq!(*life.message, told.message, "before call {moment}");
            let statuses: Vec<_> = life.statuses.iter().map(|status| (status.user.clone(), status.state)).collect();
            assert_eq!(statuses, told.statuses, "before call {moment}");
            if server.lock().is_some() {
                break;
            }
            calls += 1;
        }
    }
    assert!(calls > 30, "{calls}");
}

#[test]
fn a_directory_without_a_store_has_no_lives_and_says_so() {
    let disk = SimulatedDisk::default();
    let said = store(&disk).lives(&MessageId::new("m1").expect("an id")).err().map(|error| error.to_string());
    assert_eq!(said.as_deref(), Some("/data: there is no store; name one with --data"));
    GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    assert!(store(&disk).lives(&MessageId::new("m1").expect("an id")).expect("none").is_empty());
}
