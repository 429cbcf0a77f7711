//! A clean-up removes the rows that are old, come before the first young one, and wait for no recipient; each other row stays as
//! it was, byte by byte: random histories beside a model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{DATA, DAY, MONTH, assert_whole};
use crate::support::group_commit_harness::{GroupCommitHarness, user};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::read_files;
use wachat::model::{Seq, Target};
use wachat::state_machine::{Command, LastOfPeer};
use wachat::store::Retention;

const USERS: [&str; 3] = ["ana", "luis", "eva"];

const LOBBY: &str = "#lobby";

const HISTORY: &str = "/data/history";

/// The facts of a model of the store: when each message was sent, and who has yet to get it.
#[derive(Default)]
struct Model {
    sent: BTreeMap<u64, (u64, BTreeSet<&'static str>)>,
    /// Members of the room, and the numbers of its messages.
    members: BTreeSet<&'static str>,
    in_room: BTreeSet<u64>,
}

impl Model {
    fn send(&mut self, server: &mut GroupCommitHarness, random: &mut Random) {
        let from = USERS[random.below(3) as usize];
        let to = [USERS[0], USERS[1], USERS[2], LOBBY][random.below(4) as usize];
        if to == LOBBY && !self.members.contains(from) {
            return;
        }
        let text = format!("text {}{}", self.sent.len(), "; x".repeat(random.below(60) as usize));
        let seq = server.send(from, to, &text);
        let all = USERS.into_iter();
        let waits =
            all.filter(|user| if to == LOBBY { *user != from && self.members.contains(user) } else { *user == to });
        self.sent.insert(seq, (server.time, waits.collect()));
        if to == LOBBY {
            self.in_room.insert(seq);
        }
    }

    fn acknowledge(&mut self, server: &mut GroupCommitHarness, random: &mut Random) {
        let user = USERS[random.below(3) as usize];
        let Some(last) = self.sent.keys().next_back().copied() else { return };
        let upto = last - random.below(last.min(10));
        server.acknowledge(user, upto);
        self.sent.range_mut(..=upto).for_each(|(_, (_, waits))| _ = waits.remove(user));
    }

    /// A member reads what it may not have acknowledged: that still waits.
    fn read_room(&self, server: &mut GroupCommitHarness, random: &mut Random) {
        let name = USERS[random.below(3) as usize];
        let Some(seq) = self.in_room.iter().rev().nth(random.below(3) as usize) else { return };
        let user = user(name);
        let target = Ok(Target::parse(LOBBY).unwrap());
        let seq = Seq::new(*seq).unwrap();
        server.request(Command::Read { user, target, seq, last_of_peer: LastOfPeer::NotLookedUp });
    }

    /// A member leaves, and nothing of the room waits for it any more; or it comes back.
    fn move_member(&mut self, server: &mut GroupCommitHarness, random: &mut Random) {
        let name = USERS[random.below(3) as usize];
        let user = user(name);
        let room = Ok(Target::parse(LOBBY).unwrap());
        if self.members.insert(name) {
            server.request(Command::Join { user, room });
            return;
        }
        server.request(Command::Leave { user, room });
        self.members.remove(name);
        let in_room = &self.in_room;
        let logged = self.sent.iter_mut().filter(|(seq, _)| in_room.contains(seq));
        logged.for_each(|(_, (_, waits))| _ = waits.remove(name));
    }

    /// Returns what has to be left of a history file.
    fn left(&self, content: &[u8], cutoff: u64) -> Vec<u8> {
        let lines = content.split_inclusive(|byte| *byte == b'\n');
        let mut is_past = false;
        let stays = |(number, line): &(usize, &[u8])| {
            let Some(seq) = std::str::from_utf8(line).ok().and_then(|line| line.split(';').next()?.parse().ok()) else {
                return *number < 2;
            };
            let (at, waits): &(u64, _) = &self.sent[&seq];
            is_past |= *at >= cutoff;
            is_past || !waits.is_empty()
        };
        lines.enumerate().filter(stays).flat_map(|(_, line)| line.to_vec()).collect()
    }
}

/// The history files by their conversations.
fn histories(disk: &SimulatedDisk) -> BTreeMap<String, Vec<u8>> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
    read_files(disk, HISTORY).into_iter().map(|(path, content)| (name(path), content)).collect()
}

#[test]
fn each_row_that_is_young_or_waits_stays_and_each_other_one_goes() {
    let mut removed = 0;
    let mut kept_old = 0;
    for seed in 0..60 {
        let disk = SimulatedDisk::default();
        let mut random = Random::new(seed);
        let mut model = Model::default();
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        USERS.iter().for_each(|name| server.register(name));
        model.members.extend(USERS);
        let day = DAY.as_millis() as u64;
        for _ in 0..3 {
            for _ in 0..20 {
                match random.below(14) {
                    0..=6 => model.send(&mut server, &mut random),
                    7..=8 => model.acknowledge(&mut server, &mut random),
                    9..=10 => model.read_room(&mut server, &mut random),
                    11 => model.move_member(&mut server, &mut random),
                    // Sometimes a clock goes back.
                    12 => server.time += day * random.below(12),
                    _ => server.time -= day * random.below(2),
                }
            }
            server.checkpoint();
            let before = histories(&disk);
            server.time += day * 8;
            let cutoff = (server.time - 30 * day) / day * day;
            server.clean_up(Retention { trusts_clock: true, ..MONTH });
            for (name, content) in histories(&disk) {
                let want = model.left(&before[&name], cutoff);
                let [got, wanted] = [&content, &want].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                assert!(content == want, "seed {seed}, {name}: there is\n{got}\nand there should be\n{wanted}");
                removed += before[&name].len() - want.len();
                kept_old += usize::from(before[&name].len() != want.len() && want.len() > 200);
            }
        }
        drop(server);
        assert_whole(&disk, DATA);
    }
    assert!(removed > 10_000 && kept_old > 20, "the histories have become too easy: {removed} {kept_old}");
}
