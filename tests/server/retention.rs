//! `serve --keep` on a real server: what is too old is gone from the disk and from every reply, and clients go on.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::{WACHAT, World, run_to_end, wait_until};
use wachat::disk::RealDisk;
use wachat::model::Timestamp;

const DAY: u64 = 24 * 3_600 * 1_000;

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::try_from(since.as_millis()).expect("milliseconds")
}

/// A stopped server whose store has messages of long ago: of ana and luis, who have clients, and of a room. luis has
/// the first and has yet to receive the third.
fn old_world() -> World {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    world.stop();
    let mut past = GroupCommitHarness::start(Arc::new(RealDisk), &world.data());
    past.time = now() - 400 * DAY;
    past.send("ana", "luis", "very-old");
    let seen = past.send("ana", "#lobby", "very-old-too");
    ["ana", "luis"].iter().for_each(|name| past.acknowledge(name, seen));
    past.send("ana", "luis", "old-and-waiting");
    past.time = now() - 10_000;
    past.send("luis", "ana", "young");
    past.last_checkpoint();
    world
}

/// Returns whether a text is in any file below a directory.
fn is_on_disk(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).expect("a directory").flatten().any(|entry| match entry.path() {
        path if path.is_dir() => is_on_disk(&path, text),
        // A file may have just been replaced.
        path => std::fs::read(&path).is_ok_and(|content| String::from_utf8_lossy(&content).contains(text)),
    })
}

#[test]
fn old_messages_are_gone_from_the_disk_and_from_every_reply() {
    let mut world = old_world();
    world.start_with(&["--keep", "365d"]);
    wait_until("the clean-up", || !is_on_disk(&world.data(), "very-old"));
    let mut ana = world.login("ana");
    let texts = |list: Vec<String>| -> Vec<String> {
        list.iter().map(|record| record.rsplit(';').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(texts(ana.list("HISTORY;luis")), ["old-and-waiting", "young"]);
    assert_eq!(ana.request("HISTORY;luis;50;3"), "OK;0");
    assert_eq!(ana.request("HISTORY;#lobby"), "OK;0");
    let chats = ana.list("CHATS");
    assert!(chats[0].starts_with("luis;") && chats[0].ends_with(";3;0"), "what was removed counts: {chats:?}");
    assert!(chats[1].starts_with("#lobby;2;") && chats[1].ends_with(";1;0"), "{chats:?}");
    ana.expect_ko("STATUS;luis;1", "NO_MESSAGE");
    let waiting = ana.list("HISTORY;luis")[0].split(';').next().expect("its number").to_owned();
    assert_eq!(ana.list(&format!("STATUS;luis;{waiting}")), ["luis;RECEIVED"]);
    // Its recipient gets it, and reads it; READ of what is gone is answered as ever.
    let mut luis = world.login("luis");
    assert_eq!(luis.request("READ;ana;1"), "OK");
    assert_eq!(luis.request("READ;#lobby;2"), "OK");
    let events = world.session("luis").list("POLL;0;0");
    assert!(events.iter().any(|event| event.ends_with(";old-and-waiting")), "{events:?}");
    // A retry is still recognized.
    assert!(ana.request("SEND;m1;luis;very-old").ends_with(";1"));
    assert!(!is_on_disk(&world.data(), "very-old"));
    world.kill();
    world.assert_undamaged();
    world.start();
    assert_eq!(texts(world.login("ana").list("HISTORY;luis")), ["old-and-waiting", "young"]);
}

/// A client counts the messages that it has beside those of the server: what was removed is not looked for at each start.
#[test]
fn clients_do_not_look_for_what_was_removed() {
    let mut world = old_world();
    let traces = ["first.csv", "second.csv"].map(|name| world.path(name));
    let [first, second] = traces.each_ref().map(|trace| ["--keep", "365d", "--trace", trace.to_str().expect("a path")]);
    let asked = |trace: &Path| std::fs::read_to_string(trace).expect("the trace").matches("HISTORY;").count();
    world.start_with(&first);
    wait_until("the clean-up", || !is_on_disk(&world.data(), "very-old"));
    let mut luis = world.terminal("luis", &[]);
    luis.expect("ana: old-and-waiting");
    luis.expect("* fetched from the server, ana: 1;");
    luis.quit();
    assert_eq!(world.texts("luis", "MISSED"), ["young"], "sent by another program of luis");
    world.stop();
    assert!(asked(&traces[0]) > 0);
    world.start_with(&second);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    assert!(world.login("ana").request("SEND;last;luis;and-so-on").starts_with("OK;"));
    luis.expect("ana: and-so-on");
    luis.quit();
    world.stop();
    assert_eq!(asked(&traces[1]), 0, "it asks again");
}

#[test]
fn a_clock_that_may_be_wrong_removes_nothing_and_is_reported() {
    let mut world = old_world();
    let mut past = GroupCommitHarness::start(Arc::new(RealDisk), &world.data());
    past.time = now() + 2 * DAY;
    past.send("luis", "ana", "of the day after tomorrow");
    past.last_checkpoint();
    drop(past);
    world.start_with(&["--keep", "365d"]);
    wait_until("the warning", || world.log().contains("--keep removes nothing: the clock says "));
    assert!(is_on_disk(&world.data(), "very-old"));
    let said = world.log();
    let day = Timestamp::from_millis(now() + 2 * DAY).to_string();
    assert!(said.contains(&format!("the newest message is of {}", &day[..10])), "{said}");
}

#[test]
fn times_that_are_none_are_refused_in_a_line() {
    for wrong in ["", "365", "0d", "-3d", "1.5y", "d", "101y", "never", "5 d", "9999999999999999999d", "3é"] {
        let (code, said) = run_to_end(Command::new(WACHAT).args(["serve", &format!("--keep-rooms={wrong}")]));
        assert_eq!(code, Some(2), "{wrong}: {said}");
        assert!(said.contains("days, weeks, years"), "{wrong}: {said}");
    }
}
