//! A real power cut: the real server on a real file system, which forgets at one stroke all that was
//! not synced. What its users saw is judged by the checker, over all the cuts.
//!
//! The file system is an ext4 in a file, shut down by ext4's own call for such tests. It needs Linux,
//! root, loop devices and mkfs.ext4; elsewhere these tests say what is missing and pass. They test
//! everything down to the block device, and not whether a drive honours a flush.
//!
//! `cargo test --release --test suite durability::power_cut -- --ignored --nocapture` cuts 500 times.
#![cfg(target_os = "linux")]

mod loop_disk;

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use crate::support::World;
use crate::support::random::Random;
use crate::support::run_directory::RunDirectory;
use crate::support::traffic::Traffic;
use loop_disk::LoopDisk;
use wachat::disk::{Disk as _, RealDisk};

const USERS: [&str; 3] = ["ana", "luis", "eva"];

/// One in this many cuts comes while a checkpoint is made.
const CHECKPOINT_EVERY: u64 = 25;

#[test]
fn the_cut_cuts() {
    let (record, _) = RunDirectory::new("wachat-cut-");
    let Some(mut disk) = disk_in(&record) else { return };
    let directory = disk.path().to_path_buf();
    let path = |name: &str| directory.join(name);
    let write = |name: &str| {
        let mut file = File::create(path(name)).expect("a file");
        file.write_all(b"hola").expect("to write");
        file
    };
    write("synced").sync_all().expect("to sync");
    write("other").sync_all().expect("to sync");
    File::open(&directory).and_then(|directory| directory.sync_all()).expect("to sync");
    std::fs::rename(path("other"), path("renamed")).expect("to rename");
    let mut longer = File::options().append(true).open(path("synced")).expect("the file");
    longer.write_all(b" y adios").expect("to write");
    drop((write("not synced"), longer));
    assert_eq!(std::fs::read(path("synced")).expect("what is cached"), b"hola y adios");
    disk.cut_power();
    assert!(File::create(path("later")).is_err(), "there is still power");
    disk.plug_in();
    let there = |name: &str| std::fs::read(path(name)).ok();
    assert_eq!(there("synced").as_deref(), Some(&b"hola"[..]), "what was synced is there, and no more");
    assert_eq!(there("not synced"), None);
    assert_eq!((there("renamed"), there("other")), (None, Some(b"hola".to_vec())), "the directory was not synced");
}

#[test]
fn files_that_were_synced_all_at_once_survive() {
    let (record, _) = RunDirectory::new("wachat-cut-");
    let Some(mut disk) = disk_in(&record) else { return };
    let directory = disk.path().to_path_buf();
    let path = |number: u32| directory.join(number.to_string());
    let Some(all) = RealDisk.open_to_sync(&directory).expect("a directory") else { return };
    (0..200).for_each(|number| std::fs::write(path(number), format!("hola {number}")).expect("to write"));
    all.sync_all().expect("to sync");
    drop(all);
    disk.cut_power();
    disk.plug_in();
    for number in 0..200 {
        assert_eq!(std::fs::read_to_string(path(number)).ok(), Some(format!("hola {number}")));
    }
}

#[test]
fn promises_hold_through_5_power_cuts() {
    survive(5);
}

#[test]
#[ignore = "takes some minutes"]
fn promises_hold_through_500_power_cuts() {
    survive(500);
}

/// A disk, or the reason why there is none.
fn disk_in(record: &RunDirectory) -> Option<LoopDisk> {
    let skip = |why| {
        // Not by a macro: what those print is shown of failed tests alone.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no power can be cut here: {why}");
    };
    LoopDisk::new(record.path()).map_err(skip).ok()
}

fn survive(cuts: u64) {
    let (mut record, directory) = RunDirectory::new("wachat-power-");
    let Some(disk) = disk_in(&record) else { return };
    record.note("the data are in the file system in `image`: mount -o loop");
    let world = World::with_data(directory, &disk.path().join("data"), &["--no-limits"]);
    for user in USERS {
        world.register(user);
    }
    let traffic = Traffic::start(&USERS, world.addresses());
    let mut run = Run { world, disk, record, random: Random::new(1), kills: 0, while_starting: 0 };
    for cut in 1..=cuts {
        run.live(cut, &traffic);
        run.cut_and_start();
        traffic.go_on();
        traffic.server_is_at(run.world.addresses());
    }
    let outcome = traffic.finish();
    run.world.stop();
    run.world.assert_undamaged();
    assert!(!outcome.erased.is_empty(), "nothing was taken back");
    outcome.assert_gone(&run.world.data());
    let Run { kills, while_starting, .. } = run;
    println!(
        "{cuts} power cuts, {kills} after a kill, {while_starting} more while it started; {} messages accepted, {} taken back",
        outcome.accepted,
        outcome.erased.len()
    );
}

/// The parts of a run. They are dropped in this order: the server, its disk, the directory.
struct Run {
    world: World,
    disk: LoopDisk,
    record: RunDirectory,
    random: Random,
    /// Cuts before which the server was killed and started again.
    kills: u64,
    /// Cuts beyond the others, in the middle of a start.
    while_starting: u64,
}

impl Run {
    /// Up to the moment of the cut. Before every other one the server is killed and started again: what
    /// it has read back from the system's cache must be on the disk when it says that it is ready.
    fn live(&mut self, cut: u64, traffic: &Traffic) {
        self.record.note(&format!("cut {cut}"));
        if cut.is_multiple_of(CHECKPOINT_EVERY) {
            let checkpoint = self.world.data().join("checkpoint.new");
            traffic.heavy_until("a checkpoint", || checkpoint.exists());
            return std::thread::sleep(Duration::from_micros(self.random.below(30_000)));
        }
        self.wait_for_messages(traffic);
        if cut.is_multiple_of(2) {
            self.kills += 1;
            self.record.note("  a kill");
            self.world.kill().start();
            traffic.ask_again_at(self.world.addresses());
            if self.random.chance(30) {
                traffic.go_on();
                self.wait_for_messages(traffic);
            }
        }
    }

    fn wait_for_messages(&mut self, traffic: &Traffic) {
        if self.random.chance(10) {
            self.record.note("  a segment is filled");
            return traffic.fill_segment();
        }
        let messages = self.random.below(30) + 1;
        self.record.note(&format!("  {messages} messages"));
        traffic.wait_for_messages(messages);
    }

    /// The power goes, and with it the server; now and then it goes again while that starts.
    fn cut_and_start(&mut self) {
        self.disk.cut_power();
        self.world.kill();
        self.disk.plug_in();
        while self.random.chance(25) {
            let after = Duration::from_micros(self.random.below(40_000));
            self.while_starting += 1;
            self.record.note(&format!("  a cut {after:?} after its start"));
            self.world.start_and_kill(after, || self.disk.cut_power());
            self.disk.plug_in();
        }
        self.world.start();
    }
}
