//! The client's files by themselves: what they take in, what they refuse, what they leave out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wachat::client::conversation::Row;
use wachat::client::error::LedgerError;
use wachat::client::history::{Arrival, StoreSeen};
use wachat::client::home::{self, Home, Use};
use wachat::client::outbox::{Settled, Waiting};
use wachat::disk::{Disk, Fault, RealDisk, SimulatedDisk};
use wachat::limits;
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use wachat::protocol::Event;

const HOME: &str = "/home/ana";

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn target(name: &str) -> Target {
    Target::parse(name).unwrap()
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

fn open(disk: &SimulatedDisk) -> Result<Home, LedgerError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Home::open(&disk, Path::new(HOME), &user("ana"), Use::Person)
}

fn message(number: u64, from: &str, id: &str, text: &str) -> (Seq, Option<Event>) {
    let message = Message {
        seq: seq(number),
        id: MessageId::new(id).unwrap(),
        from: user(from),
        to: target("ana"),
        at: Timestamp::from_millis(1),
        text: Text::new(text).unwrap(),
    };
    (message.seq, Some(Event::Message(Arc::new(message))))
}

fn state(number: u64, place_name: &str, state: State, upto: u64) -> (Seq, Option<Event>) {
    let at = Timestamp::default();
    (seq(number), Some(Event::State { seq: seq(number), target: target(place_name), state, upto: seq(upto), at }))
}

fn texts(arrivals: &[Arrival]) -> Vec<String> {
    let text = |arrival: &Arrival| match arrival {
        Arrival::Message(message) => Some(message.text.to_string()),
        _ => None,
    };
    arrivals.iter().filter_map(text).collect()
}

fn waiting(to: &str, text: &str) -> Waiting {
    Waiting::new(target(to), Text::new(text).unwrap()).unwrap()
}

fn rows(home: &Home, name: &str) -> Vec<String> {
    let rows = home.history.lock().last_rows(&target(name), 100);
    let text = |row: Row| match row {
        Row::Received(m) => format!("in {}", m.text),
        Row::Direct(m) => format!("direct {}", m.text),
        Row::Sent(m, state) => format!("out {} {state}", m.text),
        Row::Gap(gap) => format!("gap {} {}", gap.first, gap.last),
        Row::Failed(m, why) => format!("failed {} {why}", m.text),
    };
    rows.into_iter().map(text).collect()
}

#[test]
fn what_comes_again_is_not_taken_in_again() {
    let home = open(&SimulatedDisk::default()).unwrap();
    let mut history = home.history.lock();
    history.begin("store", seq(0)).unwrap();
    let first = vec![message(3, "luis", "a", "one"), message(5, "luis", "b", "two")];
    assert_eq!(texts(&history.take_in(first.clone()).unwrap()), ["one", "two"]);
    let again = [first, vec![message(6, "luis", "c", "three")]].concat();
    assert_eq!(texts(&history.take_in(again).unwrap()), ["three"]);
    assert_eq!(history.position(), seq(6));
    // Within one store a number is what a message is known by: an id may serve twice.
    assert_eq!(texts(&history.take_in(vec![message(7, "luis", "c", "three")]).unwrap()), ["three"]);
}

#[test]
fn a_restored_store_sends_again_what_is_held_and_nothing_is_doubled_or_skipped() {
    let disk = SimulatedDisk::default();
    let home = open(&disk).unwrap();
    home.history.lock().begin("before", seq(0)).unwrap();
    let held = vec![message(1, "luis", "a", "one"), message(2, "luis", "b", "two"), message(3, "luis", "c", "three")];
    home.history.lock().take_in(held).unwrap();
    drop(home);
    let home = open(&disk).unwrap();
    assert_eq!(home.history.lock().begin("after", seq(1)).unwrap(), StoreSeen::Another);
    assert_eq!(home.history.lock().position(), seq(1));
    // The backup had two; three was lost with what came after it, and its number is given anew.
    let events = vec![message(2, "luis", "b", "two"), message(3, "luis", "d", "other")];
    assert_eq!(texts(&home.history.lock().take_in(events).unwrap()), ["other"]);
    drop(home);
    let home = open(&disk).unwrap();
    assert_eq!(home.history.lock().begin("after", seq(3)).unwrap(), StoreSeen::Same);
    // Luis's client sends three again, under its old id.
    assert!(home.history.lock().take_in(vec![message(4, "luis", "c", "three")]).unwrap().is_empty());
    assert_eq!(home.history.lock().position(), seq(4));
    assert_eq!(rows(&home, "luis"), ["in one", "in two", "in three", "in other"]);
}

#[test]
fn rows_stand_in_the_order_of_their_numbers_and_states_only_move_forward() {
    let disk = SimulatedDisk::default();
    let home = open(&disk).unwrap();
    home.history.lock().begin("store", seq(0)).unwrap();
    // The poll was faster than the answers to two SENDs, and one STATE than both.
    home.history.lock().take_in(vec![message(3, "luis", "x", "three"), state(4, "luis", State::Read, 1)]).unwrap();
    let (one, two) = (waiting("luis", "one"), waiting("luis", "two"));
    let at = Timestamp::default();
    assert_eq!(home.history.lock().add_sent(&one, at, seq(1)).unwrap(), State::Read);
    assert_eq!(home.history.lock().add_sent(&two, at, seq(2)).unwrap(), State::Received);
    let order = ["out one READ", "out two RECEIVED", "in three"];
    assert_eq!(rows(&home, "luis"), order);
    let back = vec![state(5, "luis", State::Delivered, 1)];
    assert!(home.history.lock().take_in(back).unwrap().is_empty(), "nothing moved");
    let on = home.history.lock().take_in(vec![state(6, "luis", State::Delivered, 2)]).unwrap();
    assert!(matches!(on.as_slice(), [Arrival::Moved(State::Delivered, moved)] if moved.others == 0), "{on:?}");
    drop(home);
    assert_eq!(rows(&open(&disk).unwrap(), "luis"), ["out one READ", "out two DELIVERED", "in three"]);
}

#[test]
fn what_one_writes_to_oneself_moves_on_though_it_came_before_its_ok() {
    let home = open(&SimulatedDisk::default()).unwrap();
    let mut history = home.history.lock();
    history.begin("store", seq(0)).unwrap();
    let note = waiting("ana", "note");
    history.take_in(vec![message(1, "ana", note.id.as_str(), "note")]).unwrap();
    assert_eq!(history.add_sent(&note, Timestamp::default(), seq(1)).unwrap(), State::Received);
    let moved = history.take_in(vec![state(2, "ana", State::Delivered, 1)]).unwrap();
    assert!(matches!(moved.as_slice(), [Arrival::Moved(State::Delivered, _)]), "{moved:?}");
    drop(history);
    assert_eq!(rows(&home, "ana"), ["out note DELIVERED"]);
}

#[test]
fn a_conversation_keeps_its_last_rows_in_memory_and_all_on_disk() {
    let disk = SimulatedDisk::default();
    let home = open(&disk).unwrap();
    home.history.lock().begin("store", seq(0)).unwrap();
    let many = limits::CONVERSATION_ROWS as u64 + 10;
    let events = (1..=many).map(|n| message(n, "luis", "same", &n.to_string())).collect();
    home.history.lock().take_in(events).unwrap();
    let last = home.history.lock().last_rows(&target("luis"), usize::MAX);
    assert_eq!(last.len(), limits::CONVERSATION_ROWS);
    let bytes = wachat::disk::read(&disk, &history_file()).unwrap();
    let lines = String::from_utf8(bytes).unwrap();
    assert_eq!(lines.lines().filter(|line| line.starts_with("IN;")).count() as u64, many);
}

fn history_file() -> PathBuf {
    Path::new(HOME).join("history/messages.csv")
}

fn outbox_file() -> PathBuf {
    Path::new(HOME).join("outbox_tmp.csv")
}

#[test]
fn after_a_failed_write_nothing_more_is_taken() {
    for fault in [Fault::ShortWrite, Fault::Error(std::io::ErrorKind::StorageFull)] {
        for later in 1..=2 {
            let disk = SimulatedDisk::default();
            let home = open(&disk).unwrap();
            disk.fail(disk.calls() + later, fault);
            let mut outbox = home.outbox.lock();
            assert!(matches!(outbox.queue(waiting("luis", "one")), Err(LedgerError::Io { .. })));
            // The disk works again, but what it holds is not known.
            assert!(matches!(outbox.queue(waiting("luis", "two")), Err(LedgerError::Closed { .. })));
        }
    }
}

#[test]
fn a_torn_end_is_set_aside_and_said() {
    let disk = SimulatedDisk::default();
    let home = open(&disk).unwrap();
    home.outbox.lock().queue(waiting("luis", "whole")).unwrap();
    drop(home);
    disk.tamper(&outbox_file(), |bytes| bytes.extend_from_slice(b"QUEUED;abc;luis;2026-11-20T23:55"));
    let home = open(&disk).unwrap();
    assert_eq!(home.torn.len(), 1);
    assert_eq!(wachat::disk::read(&disk, &home.torn[0]).unwrap(), b"QUEUED;abc;luis;2026-11-20T23:55");
    assert_eq!(home.outbox.lock().len(), 1);
    home.outbox.lock().queue(waiting("luis", "next")).unwrap();
    drop(home);
    let home = open(&disk).unwrap();
    assert!(home.torn.is_empty() && home.outbox.lock().len() == 2);
}

#[test]
fn damage_is_refused_with_its_line_and_a_later_version_too() {
    let disk = SimulatedDisk::default();
    let home = open(&disk).unwrap();
    for text in ["one", "two", "three"] {
        home.outbox.lock().queue(waiting("luis", text)).unwrap();
    }
    drop(home);
    let whole = wachat::disk::read(&disk, &outbox_file()).unwrap();
    let second = String::from_utf8_lossy(&whole).find("two").unwrap();
    disk.tamper(&outbox_file(), |bytes| bytes[second] = b'T');
    assert!(matches!(open(&disk), Err(LedgerError::Damaged { line: 4, .. })));
    disk.tamper(&outbox_file(), |bytes| *bytes = b"wachat-outbox;2\n".to_vec());
    assert!(matches!(open(&disk), Err(LedgerError::Version { .. })));
}

#[test]
fn a_busy_outbox_is_written_anew_and_stays_small() {
    let disk = SimulatedDisk::default();
    let home = open(&disk).unwrap();
    let kept = waiting("eva", "kept");
    home.outbox.lock().queue(kept.clone()).unwrap();
    for number in 0..2 * limits::OUTBOX_SETTLED {
        let message = waiting("luis", &number.to_string());
        home.outbox.lock().queue(message.clone()).unwrap();
        home.outbox.lock().settle(&message.id, Settled::Done).unwrap();
    }
    assert!(wachat::disk::read(&disk, &outbox_file()).unwrap().len() < 1_000);
    // It has just been written anew; what comes now is in the new file, whatever the power does.
    let last = waiting("eva", "last");
    home.outbox.lock().queue(last.clone()).unwrap();
    drop(home);
    let disk = disk.after_power_cut(|| false);
    assert_eq!(open(&disk).unwrap().outbox.lock().waiting().collect::<Vec<_>>(), [&kept, &last]);
}

#[test]
fn what_a_pipe_left_is_taken_over_once_wherever_that_is_cut() {
    for call in 0..200 {
        let disk = SimulatedDisk::default();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let first = open(&disk).unwrap();
        let pipe = Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).unwrap();
        let (sent, queued) = (waiting("luis", "sent"), waiting("luis", "queued"));
        pipe.outbox.lock().queue_all(vec![sent.clone(), queued.clone()]).unwrap();
        pipe.history.lock().add_sent(&sent, Timestamp::default(), seq(1)).unwrap();
        if call % 2 == 0 {
            pipe.outbox.lock().settle(&sent.id, Settled::Done).unwrap();
        }
        drop((first, pipe));
        disk.fail(disk.calls() + call, Fault::Stop);
        drop(open(&disk));
        let mut keep = call;
        let disk = disk.after_power_cut(|| {
            keep = keep.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            keep >> 63 == 0
        });
        let home = open(&disk).unwrap();
        assert_eq!(home.outbox.lock().waiting().collect::<Vec<_>>(), [&queued], "cut at call {call}");
        assert_eq!(rows(&home, "luis"), ["out sent RECEIVED"], "cut at call {call}");
    }
}

#[test]
fn directories_are_told_apart_and_their_names_are_harmless() {
    let base = Path::new("/base");
    let of = |name: &str, server: &str| home::directory(base, &user(name), server);
    assert_eq!(of("María", "Host:1"), of("MARÍA", "host:1"));
    let all = [of("maria", "host:1"), of("María", "host:1"), of("maria", "host:2"), of("maría2", "host:1")];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[..index].contains(one));
        let name = one.file_name().unwrap().to_str().unwrap();
        assert!(one.parent() == Some(base) && name.len() < 100, "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{name}");
    }
}

#[test]
fn nobody_else_on_the_machine_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let path = directory.path().join("home/ana");
    let home = Home::open(&disk, &path, &user("ana"), Use::Person).unwrap();
    home.outbox.lock().queue(waiting("luis", "secret")).unwrap();
    for (name, mode) in [("", 0o700), ("history", 0o700), ("outbox_tmp.csv", 0o600), ("history/messages.csv", 0o600)] {
        let found = fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
    let again = Home::open(&disk, &path, &user("ana"), Use::Person);
    assert!(matches!(again, Err(LedgerError::InUse { .. })), "one directory, one client");
}
