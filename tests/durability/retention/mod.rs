//! Retention (`serve --keep`): what is too old goes from every file, the rest stays as it was, and a crash at any moment
//! leaves a store that opens and checks.

mod interrupted;
mod rows;
mod times;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL};
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::read_files;
use wachat::model::Timestamp;
use wachat::state_machine::{ConversationId, Policy};
use wachat::store::{CleanUp, Retention, Row, Store};

const DATA: &str = "/data";
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// All messages for a month.
const MONTH: Retention =
    Retention { direct: Some(DAY.saturating_mul(30)), rooms: Some(DAY.saturating_mul(30)), trusts_clock: false };

fn store(disk: &SimulatedDisk) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(DATA))
}

fn wait_days(server: &mut GroupCommitHarness, days: u64) {
    server.time += days * DAY.as_millis() as u64;
}

fn id(name: &str) -> ConversationId {
    ConversationId::parse(name).expect("an id")
}

/// A store with old and young messages, direct and in a room, in history files and in the log. All but the last of ana's
/// old ones for luis are acknowledged.
fn played(disk: &SimulatedDisk) -> GroupCommitHarness {
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis", "eva"].iter().for_each(|name| server.register(name));
    server.send("ana", "luis", "old 1");
    server.send("eva", "#lobby", "old 2");
    server.checkpoint();
    let last = server.send("luis", "ana", "old 3");
    ["ana", "luis", "eva"].iter().for_each(|name| server.acknowledge(name, last));
    server.send("ana", "luis", "waits 4");
    server.send("eva", "eva", "waits, a note to oneself");
    wait_days(&mut server, 20);
    server.send("luis", "ana", "young 5");
    wait_days(&mut server, 20);
    server.send("ana", "#lobby", "young 6");
    server.send("ana", "luis", "young 7");
    server
}

/// Returns the texts in a conversation's history file, oldest first.
fn texts(server: &GroupCommitHarness, store: &Store, name: &str) -> Vec<String> {
    let state = server.group_commit.state();
    let filed = state.conversation(id(name)).expect("a conversation").filed;
    let participants = state.participants(id(name));
    let file = store.history(id(name), &participants, filed).unwrap().expect("a history");
    let rows = file.newest_first(None).unwrap().map(|row| match row.unwrap() {
        Row::Message(message) => message.text.as_str().to_owned(),
        Row::Damaged { first, last } => format!("damaged {first} to {last}"),
    });
    let mut rows: Vec<_> = rows.collect();
    rows.reverse();
    rows
}

/// Returns the messages of a test that are anywhere in a directory: `old 1` and the like.
fn found(disk: &SimulatedDisk, directory: &str) -> BTreeSet<String> {
    let all: Vec<u8> = read_files(disk, directory).into_values().flatten().collect();
    let all = String::from_utf8_lossy(&all).into_owned();
    let texts = ["old 1", "old 2", "old 3", "waits 4", "young 5", "young 6", "young 7"];
    texts.into_iter().filter(|text| all.contains(text)).map(str::to_owned).collect()
}

fn assert_whole(disk: &SimulatedDisk, directory: &str) {
    let report = Store::new(Arc::new(disk.clone()), Path::new(directory)).check().unwrap();
    assert!(report.damage.is_empty() && report.notes.is_empty(), "{:?} {:?}", report.damage, report.notes);
}

#[test]
fn what_is_too_old_goes_from_every_file_and_the_rest_stays() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    assert_eq!(found(&disk, DATA).len(), 7);
    server.clean_up(MONTH);
    let kept = ["waits 4", "young 5", "young 6", "young 7"].map(str::to_owned);
    assert_eq!(found(&disk, DATA), kept.clone().into());
    assert_eq!(texts(&server, &server.store, "direct-0-1"), ["waits 4", "young 5", "young 7"]);
    assert_eq!(texts(&server, &server.store, "room-0"), ["young 6"]);
    let count = |name: &str| server.group_commit.state().conversation(id(name)).unwrap().count();
    assert_eq!((count("direct-0-1"), count("room-0")), (5, 2), "CHATS counts what was removed");
    assert!(!disk_has(&disk, "/data/history/direct-0-1.csv") && disk_has(&disk, "/data/history/direct-0-1.1.csv"));
    drop(server);
    assert_whole(&disk, DATA);
    store(&disk).backup(Path::new("/backup")).unwrap();
    Store::new(Arc::new(disk.clone()), Path::new("/restored"))
        .restore(&Store::new(Arc::new(disk.clone()), Path::new("/backup")))
        .unwrap();
    for copy in ["/backup", "/restored"] {
        assert_whole(&disk, copy);
        assert_eq!(found(&disk, copy), kept.clone().into());
    }
}

fn disk_has(disk: &SimulatedDisk, path: &str) -> bool {
    read_files(disk, DATA).contains_key(Path::new(path))
}

#[test]
fn a_file_goes_on_after_it_was_rewritten() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.clean_up(MONTH);
    let last = server.send("luis", "ana", "young 8");
    server.checkpoint();
    assert_eq!(texts(&server, &server.store, "direct-0-1"), ["waits 4", "young 5", "young 7", "young 8"]);
    ["ana", "luis"].iter().for_each(|name| server.acknowledge(name, last));
    wait_days(&mut server, 31);
    let last = server.send("luis", "ana", "young 9");
    server.clean_up(Retention { trusts_clock: true, ..MONTH });
    assert_eq!(texts(&server, &server.store, "direct-0-1"), ["young 9"]);
    wait_days(&mut server, 33);
    server.acknowledge("ana", last);
    server.clean_up(Retention { trusts_clock: true, ..MONTH });
    drop(server);
    assert_whole(&disk, DATA);
    // The conversation has no row left; its number goes on.
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    assert!(texts(&server, &server.store, "direct-0-1").is_empty());
    let conversation = server.group_commit.state().conversation(id("direct-0-1")).unwrap();
    assert_eq!((conversation.count(), conversation.filed.rows), (7, 0));
    assert!(server.send_as("ana", "luis", "new", "young 10").0 > conversation_last(&server));
}

fn conversation_last(server: &GroupCommitHarness) -> u64 {
    server.group_commit.state().conversation(id("direct-0-1")).unwrap().filed.upto.get()
}

#[test]
fn rooms_and_users_have_times_of_their_own() {
    for (direct, rooms, gone) in
        [(Some(30), None, vec!["old 1", "old 3"]), (None, Some(30), vec!["old 2"]), (Some(60), Some(60), vec![])]
    {
        let disk = SimulatedDisk::default();
        let mut server = played(&disk);
        let [direct, rooms] = [direct, rooms].map(|days: Option<u32>| days.map(|days| DAY * days));
        server.clean_up(Retention { direct, rooms, trusts_clock: false });
        let left = found(&disk, DATA);
        let all = ["old 1", "old 2", "old 3"].iter().filter(|text| !left.contains(**text));
        assert_eq!(all.copied().collect::<Vec<_>>(), gone);
        drop(server);
        assert_whole(&disk, DATA);
    }
}

/// A message is removed between the time and a thirtieth of it (at least a day) after that.
#[test]
fn a_message_stays_for_the_whole_time() {
    for (days, is_there) in [(29, true), (31, false)] {
        let disk = SimulatedDisk::default();
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        ["ana", "luis"].iter().for_each(|name| server.register(name));
        let last = server.send("ana", "luis", "old 1");
        server.acknowledge("luis", last);
        wait_days(&mut server, days);
        server.send("luis", "ana", "young 5");
        server.clean_up(MONTH);
        assert_eq!(found(&disk, DATA).contains("old 1"), is_there, "after {days} days");
    }
}

#[test]
fn a_clock_that_has_jumped_or_is_behind_removes_nothing() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.clean_up(Retention { direct: Some(DAY * 365), rooms: None, trusts_clock: false });
    let all = found(&disk, DATA);
    assert_eq!(all.len(), 7);
    let year = 365 * DAY.as_millis() as u64;
    let now = server.time;
    // Ahead: the last clean-up was too long ago. Messages with wrong times change nothing about that.
    server.time = now + 4 * year;
    server.send("ana", "luis", "wrong time");
    server.clean_up(MONTH);
    assert_eq!(found(&disk, DATA), all);
    // Behind: the newest message is of a time to come.
    server.time = now + year;
    server.clean_up(Retention { trusts_clock: true, ..MONTH });
    assert_eq!(found(&disk, DATA), all);
    // The administrator says that the clock is right.
    server.time = now + 4 * year + 1_000;
    server.clean_up(Retention { trusts_clock: true, ..MONTH });
    assert_eq!(
        found(&disk, DATA),
        ["waits 4".to_owned(), "young 6".to_owned(), "young 7".to_owned(), "young 5".to_owned()].into()
    );
    drop(server);
    assert_whole(&disk, DATA);
}

/// Steps: each does some conversations, and names the last one.
#[test]
fn a_step_goes_on_after_the_conversation_of_the_step_before() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    let now = Timestamp::from_millis(server.time);
    let step = CleanUp { retention: MONTH, now, after: Some(id("direct-2-2")), is_last: false };
    assert_eq!(server.try_clean_up(&step).unwrap(), None);
    let left = found(&disk, DATA);
    assert!(left.contains("old 1") && !left.contains("old 2"), "{left:?}");
}

/// A history thread may open a file a moment after a clean-up has put another one into its place.
#[test]
fn a_reader_that_was_told_of_the_old_file_finds_the_new_one() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.checkpoint();
    let state = server.group_commit.state();
    let filed = state.conversation(id("direct-0-1")).unwrap().filed;
    let participants = state.participants(id("direct-0-1"));
    let store = server.store.clone();
    server.clean_up(MONTH);
    let file = store.history(id("direct-0-1"), &participants, filed).unwrap().expect("a history");
    let rows: Vec<_> = file.newest_first(None).unwrap().map(Result::unwrap).collect();
    assert!(rows.len() == 3 && rows.iter().all(|row| matches!(row, Row::Message(_))));
}

#[test]
fn a_damaged_file_is_left_as_it_is() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.checkpoint();
    let file = "/data/history/direct-0-1.csv";
    disk.tamper(Path::new(file), |content| {
        let at = content.windows(5).position(|text| text == b"old 3").expect("a row");
        content[at] ^= 1;
    });
    let before = read_files(&disk, DATA)[Path::new(file)].clone();
    server.clean_up(MONTH);
    assert!(read_files(&disk, DATA)[Path::new(file)] == before);
    assert!(!found(&disk, DATA).contains("old 2"), "the other files are cleaned up");
    drop(server);
    let damage = store(&disk).check().unwrap().damage;
    assert!(damage.len() == 1 && damage[0].contains("direct-0-1.csv line 4"), "{damage:?}");
}

/// With two times the shorter one decides how long the last clean-up may be ago, within 2 to 31 days: to the millisecond, for
/// all pairs of times.
#[test]
fn the_shorter_of_two_times_decides_whether_the_clock_is_trusted() {
    let times = [None, Some(1), Some(2), Some(3), Some(10), Some(31), Some(40), Some(365)];
    for (direct, rooms) in times.into_iter().flat_map(|direct| times.map(|rooms| (direct, rooms))) {
        let Some(shortest) = direct.into_iter().chain(rooms).min() else { continue };
        let pause = DAY.as_millis() as u64 * u64::from(shortest.clamp(2_u32, 31));
        for too_long in [false, true] {
            let disk = SimulatedDisk::default();
            let mut server = played(&disk);
            ["ana", "luis", "eva"].iter().for_each(|name| server.acknowledge(name, 8));
            wait_days(&mut server, 400);
            server.send("luis", "ana", "young 8");
            server.clean_up(Retention { direct: Some(DAY * 3_650), rooms: None, trusts_clock: false });
            let cleaned_at = server.time;
            server.send("luis", "ana", "young 9");
            server.time = cleaned_at + pause + u64::from(too_long);
            let [keep_direct, keep_rooms] = [direct, rooms].map(|days| days.map(|days| DAY * days));
            server.clean_up(Retention { direct: keep_direct, rooms: keep_rooms, trusts_clock: false });
            let left = found(&disk, DATA);
            let what = format!("{direct:?} and {rooms:?} days, {} ms after the last", server.time - cleaned_at);
            assert_eq!(left.contains("old 1"), too_long || direct.is_none(), "{what}: {left:?}");
            assert_eq!(left.contains("old 2"), too_long || rooms.is_none(), "{what}: {left:?}");
        }
    }
}

/// The time of the last clean-up is in the store: neither a restart nor a checkpoint forgets it.
#[test]
fn a_restart_does_not_make_a_wrong_clock_right() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.clean_up(Retention { direct: Some(DAY * 365), rooms: None, trusts_clock: false });
    server.send("ana", "luis", "young 8");
    server.checkpoint();
    let time = server.time + 800 * DAY.as_millis() as u64;
    server.time = time;
    server.send("ana", "luis", "wrong time");
    drop(server);
    let store = store(&disk);
    drop(store.open(Policy::default(), SMALL).unwrap());
    let mut server = GroupCommitHarness::serve(store);
    server.time = time + 1_000;
    server.clean_up(MONTH);
    assert_eq!(found(&disk, DATA).len(), 7);
}

/// A restored store has that time, too: the first clean-up after it is at its start, and the clock may be wrong then and
/// give messages its time.
#[test]
fn a_restore_does_not_make_a_wrong_clock_right() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.clean_up(Retention { direct: Some(DAY * 365), rooms: None, trusts_clock: false });
    let time = server.time + 800 * DAY.as_millis() as u64;
    drop(server);
    let at = |path: &str| Store::new(Arc::new(disk.clone()), Path::new(path));
    at(DATA).backup(Path::new("/backup")).unwrap();
    at("/restored").restore(&at("/backup")).unwrap();
    let mut server = GroupCommitHarness::serve(at("/restored"));
    server.time = time;
    server.clean_up(MONTH);
    server.send_as("ana", "luis", "own-id", "wrong time");
    server.time = time + 1_000;
    server.clean_up(MONTH);
    assert_eq!(found(&disk, "/restored").len(), 7);
}
