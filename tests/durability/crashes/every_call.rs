//! Two small workloads, again and again: at each of their calls of the disk in turn everything goes wrong that can.

use std::io::ErrorKind;

use crate::support::simulated_disk::Fault;

use super::workload::Workload;

/// Workloads in which segments close, checkpoints are made and FULL is answered, with a restart in their middle: in the first
/// one bans, permits and kicks are made, a device loses its number and one gets a key; in the second one messages are taken
/// back by senders and an owner, from memory and from files, which are rewritten.
const SEEDS: [u64; 2] = [873, 1061];
const STEPS: u64 = 25;

/// The faults: EIO, ENOSPC, a short write, a power cut.
const FAULTS: [Fault; 4] =
    [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::ShortWrite, Fault::Stop];

/// The ends of a life: a kill (`None`), or a power cut that keeps this percentage of the unsynced.
const ENDS: [Option<u64>; 4] = [None, Some(0), Some(50), Some(100)];

fn live(workload: &mut Workload) -> Result<(), String> {
    workload.live(STEPS)?;
    // A fault that has not come yet is to come later: in the recovery, or in the second life.
    workload.restart();
    workload.live(STEPS)
}

/// Checks that a workload has what the seed in this place is for.
fn is_rich(place: usize, workload: &Workload) -> bool {
    let Workload { checkpoints, full, bans, permits, kicks, lost, keys, counts, .. } = workload;
    let are_there = match place {
        0 => [bans, permits, kicks, lost, keys].iter().all(|count| **count > 0),
        _ => counts.all().iter().all(|count| *count > 0),
    };
    are_there && *checkpoints > 0 && *full > 0 && workload.checker.accepted_count() > 20
}

#[test]
#[ignore = "finds the seeds of workloads that are not too easy"]
fn find_workloads() {
    let mut fewest = [u64::MAX; SEEDS.len()];
    for seed in 0..3_000 {
        let mut workload = Workload::new(seed);
        live(&mut workload).expect("a workload");
        let calls = workload.disk.calls();
        for (place, fewest) in fewest.iter_mut().enumerate() {
            if calls < *fewest && is_rich(place, &workload) {
                println!("place {place}: seed {seed}, {calls} calls");
                *fewest = calls;
            }
        }
    }
}

#[test]
fn promises_1_to_6_hold_whatever_goes_wrong_at_whatever_call() {
    for (place, seed) in SEEDS.into_iter().enumerate() {
        let mut undisturbed = Workload::new(seed);
        live(&mut undisturbed).expect("a workload");
        let calls = undisturbed.disk.calls();
        assert!(is_rich(place, &undisturbed), "the workload of seed {seed} is too easy");
        let lanes: Vec<_> = (0..2).map(|lane| std::thread::spawn(move || try_all(seed, lane, calls))).collect();
        let full: u64 = lanes.into_iter().map(|lane| lane.join().expect("no promise is broken")).sum();
        println!("{calls} calls, {} faults, {} ends each; {full} times FULL", FAULTS.len(), ENDS.len());
    }
}

/// Every second call; returns how often FULL was answered.
fn try_all(seed: u64, lane: u64, calls: u64) -> u64 {
    let mut full = 0;
    for call in (1..=calls).filter(|call| call % 2 == lane) {
        for fault in FAULTS {
            for end in ENDS {
                let mut workload = Workload::new(seed);
                let ended = disturbed(&mut workload, call, fault, end);
                assert!(ended.is_ok(), "{fault:?} at call {call}, then {end:?}: {}", ended.unwrap_err());
                full += workload.full;
            }
        }
    }
    full
}

fn disturbed(workload: &mut Workload, call: u64, fault: Fault, end: Option<u64>) -> Result<(), String> {
    workload.disk.fail(call, fault);
    live(workload)?;
    match end {
        None => workload.kill(),
        Some(share) => workload.cut_power(share),
    }
    workload.settle()
}

/// A killed process leaves changes in the system's cache that it has not synced. The next one builds on them.
#[test]
fn what_a_life_after_a_kill_at_any_call_answers_survives_a_power_cut() {
    for seed in SEEDS {
        let mut undisturbed = Workload::new(seed);
        live(&mut undisturbed).expect("a workload");
        (1..=undisturbed.disk.calls()).for_each(|call| live_after_a_kill(seed, call));
    }
}

fn live_after_a_kill(seed: u64, call: u64) {
    let mut workload = Workload::new(seed);
    workload.disk.fail(call, Fault::Stop);
    live(&mut workload).expect("no promise is broken");
    workload.kill();
    // A new segment would make all names in the log's directory durable.
    workload.make_no_segments();
    let ended = workload.live(5).and_then(|()| {
        workload.cut_power(0);
        workload.settle()
    });
    ended.unwrap_or_else(|broken| panic!("seed {seed}, killed at call {call}: {broken}"));
}

#[test]
fn a_start_after_a_crash_fails_at_every_call_and_the_next_one_works() {
    let mut cases = Vec::new();
    for seed in SEEDS {
        let mut undisturbed = Workload::new(seed);
        live(&mut undisturbed).expect("a workload");
        for crash in (1..=undisturbed.disk.calls()).step_by(137) {
            for share in [50, 100] {
                let mut workload = crashed(seed, crash, share);
                let before = workload.disk.calls();
                workload.live(1).expect("a start, and a step");
                let calls = workload.disk.calls() - before;
                cases.extend((1..=calls).flat_map(|call| FAULTS.map(|fault| (seed, crash, share, call, fault))));
            }
        }
    }
    println!("{} starts with a fault in them", cases.len());
    std::thread::scope(|scope| {
        for half in cases.chunks(cases.len().div_ceil(2)) {
            scope.spawn(|| half.iter().for_each(start_with_a_fault));
        }
    });
}

/// A store whose server was ended by a power cut in the middle of a write, perhaps.
fn crashed(seed: u64, call: u64, share: u64) -> Workload {
    let mut workload = Workload::new(seed);
    workload.disk.fail(call, Fault::ShortWrite);
    live(&mut workload).expect("no promise is broken");
    workload.cut_power(share);
    workload
}

fn start_with_a_fault(&(seed, crash, share, call, fault): &(u64, u64, u64, u64, Fault)) {
    let how = format!("seed {seed}, crash at call {crash} ({share} % kept), {fault:?} at call {call} of the start");
    let mut workload = crashed(seed, crash, share);
    workload.disk.fail(workload.disk.calls() + call, fault);
    let ended = workload.live(1).and_then(|()| {
        match call % 3 {
            0 => workload.kill(),
            1 => workload.cut_power(0),
            _ => workload.cut_power(50),
        }
        workload.settle()
    });
    ended.unwrap_or_else(|broken| panic!("{how}: {broken}"));
}
