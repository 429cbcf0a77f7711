//! The real server, killed with SIGKILL again and again: in the middle of traffic, while it makes a
//! checkpoint, while it starts, and as soon as it is ready. What its users saw is judged by the checker.

use std::time::{Duration, Instant};

use crate::support::World;
use crate::support::random::Random;
use crate::support::run_directory::RunDirectory;
use crate::support::traffic::Traffic;

const USERS: [&str; 3] = ["ana", "luis", "eva"];

/// One in this many kills comes while a checkpoint is made.
const CHECKPOINT_EVERY: u64 = 25;

#[test]
fn promises_hold_through_50_kills() {
    survive(50);
}

#[test]
#[ignore = "takes some ten minutes"]
fn promises_hold_through_2000_kills() {
    survive(2_000);
}

fn survive(kills: u64) {
    let (mut run, directory) = RunDirectory::new("wachat-kill-");
    let mut world = World::in_directory(directory, &["--no-limits"]);
    for user in USERS {
        world.register(user);
    }
    let traffic = Traffic::start(&USERS, world.addresses());
    let mut random = Random::new(1);
    let mut done = 0;
    let mut while_starting = 0;
    let mut start_takes = Duration::from_millis(20);
    while done < kills {
        done += 1;
        run.note(&format!("kill {done}: {}", wait_for_the_moment(done, &world, &traffic, &mut random)));
        world.kill();
        while done < kills && random.chance(30) {
            (done, while_starting) = (done + 1, while_starting + 1);
            let after = start_takes.mul_f64(random.below(120) as f64 / 100.0);
            run.note(&format!("kill {done}: {after:?} after its start"));
            world.start_and_kill(after, || ());
        }
        let begin = Instant::now();
        world.start();
        start_takes = begin.elapsed();
        traffic.server_is_at(world.addresses());
    }
    let outcome = traffic.finish();
    world.stop();
    world.assert_undamaged();
    assert!(!outcome.erased.is_empty(), "nothing was taken back");
    outcome.assert_gone(&world.data());
    let (accepted, erased) = (outcome.accepted, outcome.erased.len());
    println!(
        "{kills} kills, {while_starting} of them while it started; {accepted} messages accepted, {erased} taken back"
    );
}

/// Waits until it is time for the next kill; says what for.
fn wait_for_the_moment(kill: u64, world: &World, traffic: &Traffic, random: &mut Random) -> String {
    if kill.is_multiple_of(CHECKPOINT_EVERY) {
        let checkpoint = world.data().join("checkpoint.new");
        traffic.heavy_until("a checkpoint", || checkpoint.exists());
        let after = Duration::from_micros(random.below(30_000));
        std::thread::sleep(after);
        return format!("{after:?} after a checkpoint was begun");
    }
    if random.chance(20) {
        return "as soon as it was ready".to_owned();
    }
    if random.chance(5) {
        traffic.fill_segment();
        return "after a segment was filled".to_owned();
    }
    let messages = random.below(40) + 1;
    traffic.wait_for_messages(messages);
    format!("after {messages} messages")
}
