//! Messages that were taken back: their texts leave every file, what stays is as it was, and a crash at any moment leaves a
//! store that opens, checks, and serves none of them.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::store_files::read_files;
use crate::support::values::user;
use wachat::disk::Disk as _;
use wachat::model::Timestamp;
use wachat::protocol::request::Page;
use wachat::protocol::{Code, Reply};
use wachat::state_machine::{Command, ConversationId};
use wachat::store::{CleanUp, Retention, Row, Store};

const DATA: &str = "/data";
const DAY: u64 = 24 * 3_600 * 1_000;

/// Texts that a test looks for, in the order in which they are sent. Those of even numbers are taken back.
const TEXTS: [&str; 8] = ["goes 0", "stays 1", "goes 2", "stays 3", "goes 4", "stays 5", "goes 6", "stays 7"];

fn store(disk: &SimulatedDisk, directory: &str) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(directory))
}

fn id(name: &str) -> ConversationId {
    ConversationId::parse(name).expect("an id")
}

fn started(disk: &SimulatedDisk) -> GroupCommitHarness {
    GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA))
}

/// A store with messages that were taken back: from a history file (0 and 2), before a checkpoint (4), and from the log (6).
fn played(disk: &SimulatedDisk) -> GroupCommitHarness {
    let mut server = started(disk);
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    let first = server.send("ana", "luis", TEXTS[0]);
    server.send("luis", "ana", TEXTS[1]);
    let second = server.send("ana", "#lobby", TEXTS[2]);
    server.send("luis", "#lobby", TEXTS[3]);
    server.checkpoint();
    assert_eq!(server.erase("ana", "luis", first), Reply::Done);
    assert_eq!(server.erase("ana", "#lobby", second), Reply::Done);
    let third = server.send("ana", "luis", TEXTS[4]);
    assert_eq!(server.erase("ana", "luis", third), Reply::Done);
    server.send("ana", "luis", TEXTS[5]);
    server.checkpoint();
    let last = server.send("luis", "ana", TEXTS[6]);
    assert_eq!(server.erase("luis", "ana", last), Reply::Done);
    server.send("luis", "#lobby", TEXTS[7]);
    server
}

/// Returns the texts that are anywhere in a directory.
fn found(disk: &SimulatedDisk, directory: &str) -> BTreeSet<&'static str> {
    let all: Vec<u8> = read_files(disk, directory).into_values().flatten().collect();
    let all = String::from_utf8_lossy(&all).into_owned();
    TEXTS.into_iter().filter(|text| all.contains(text)).collect()
}

fn kept() -> BTreeSet<&'static str> {
    TEXTS.into_iter().filter(|text| text.starts_with("stays")).collect()
}

fn assert_whole(disk: &SimulatedDisk, directory: &str) {
    let report = store(disk, directory).check().unwrap();
    assert!(report.damage.is_empty() && report.notes.is_empty(), "{:?} {:?}", report.damage, report.notes);
}

/// Returns the texts of a conversation as HISTORY has them, oldest first: `None` for each that was taken back.
fn served(server: &GroupCommitHarness, name: &str) -> Vec<Option<String>> {
    let state = server.group_commit.state();
    let conversation = state.conversation(id(name)).expect("a conversation");
    let participants = state.participants(id(name));
    let file = server.store.history(id(name), &participants, conversation.filed).unwrap();
    let filed =
        file.map_or(Vec::new(), |file| file.newest_first(None).unwrap().collect::<Result<Vec<_>, _>>().unwrap());
    let filed = filed.into_iter().rev().map(|row| match row {
        Row::Message(message) => message,
        Row::Damaged { first, last } => panic!("{first} to {last} are damaged"),
    });
    let all = filed.chain(conversation.rows.iter().cloned());
    let text = |text: &str| text.to_owned();
    all.map(|row| (!row.text.is_erased() && !state.is_erased(&row)).then(|| text(row.text.as_str()))).collect()
}

fn of(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| text.starts_with("stays").then(|| (*text).to_owned())).collect()
}

/// Checks what clients get: the rows, and how many of them CHATS says are erased.
fn assert_served(server: &mut GroupCommitHarness, how: &str) {
    assert_eq!(served(server, "direct-0-1"), of(&[TEXTS[0], TEXTS[1], TEXTS[4], TEXTS[5], TEXTS[6]]), "{how}");
    assert_eq!(served(server, "room-0"), of(&[TEXTS[2], TEXTS[3], TEXTS[7]]), "{how}");
    let chats = server.request(Command::Chats { user: user("ana"), page: Page::after(None), target: None });
    let Some(Reply::Chats(chats)) = chats else { panic!("{chats:?}") };
    let counts: Vec<_> = chats.iter().map(|chat| (chat.target.to_string(), chat.count, chat.erased)).collect();
    assert_eq!(counts, [("#lobby".to_owned(), 3, 1), ("luis".to_owned(), 5, 3)], "{how}");
    // A retry is still recognized.
    for sent in server.sent.clone() {
        assert_eq!(server.send_as(sent.from, sent.to, &sent.id, &sent.text), (sent.seq, sent.at), "{how}");
    }
}

#[test]
fn a_batch_that_was_set_aside_and_cannot_be_removed_holds_up_no_checkpoint() {
    let disk = SimulatedDisk::default();
    drop(played(&disk));
    let stays = Path::new("/data/wal/000001-batch-2-1.broken");
    wachat::disk::write(&disk, stays, b"x").unwrap();
    let hook: Hook = Arc::new(move |call, path| match call == "remove" && path == stays {
        true => Err(ErrorKind::PermissionDenied.into()),
        false => Ok(()),
    });
    let store = Store::new(Arc::new(InterceptedDisk { disk: disk.clone(), hook }), Path::new(DATA));
    let mut server = GroupCommitHarness::serve(store);
    server.stop();
    assert!(disk.exists(stays).unwrap());
    assert_eq!(found(&disk, DATA), kept());
    drop(server);
    assert_eq!(started(&disk).group_commit.state().unfiled_erasures(), 0);
}

#[test]
fn the_texts_leave_every_file_at_a_clean_stop_and_in_a_clean_up() {
    for at_stop in [true, false] {
        let disk = SimulatedDisk::default();
        let mut server = played(&disk);
        assert_served(&mut server, "before");
        assert!(found(&disk, DATA).contains(TEXTS[0]), "until then it is there");
        assert!(!found(&disk, DATA).contains(TEXTS[4]), "a row gets into its file without it");
        if at_stop {
            server.stop()
        } else {
            server.clean_up(Retention::default())
        }
        assert_eq!(found(&disk, DATA), kept());
        assert_served(&mut server, "afterwards");
        assert_eq!(server.group_commit.state().unfiled_erasures(), 0);
        let files = read_files(&disk, DATA);
        for file in ["direct-0-1.1.csv", "room-0.1.csv"] {
            assert!(files.contains_key(&Path::new("/data/history").join(file)), "one rewrite");
        }
        let sent = std::mem::take(&mut server.sent);
        drop(server);
        assert_whole(&disk, DATA);
        let mut server = started(&disk);
        server.sent = sent;
        assert_served(&mut server, "after a restart");
        server.stop();
        let again = read_files(&disk, DATA);
        assert!(again.contains_key(Path::new("/data/history/room-0.1.csv")), "nothing is left to do");
    }
}

/// A stop has nothing to cover, and yet a text to remove: it was taken back by a server that was killed.
#[test]
fn a_clean_stop_removes_what_a_killed_server_has_left() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.checkpoint();
    drop(server);
    let mut server = started(&disk);
    // Of a file with two rows that have a text all entries stay until it is rewritten.
    assert_eq!(server.group_commit.state().unfiled_erasures(), 4);
    assert!(found(&disk, DATA).contains(TEXTS[0]));
    server.stop();
    assert_eq!(found(&disk, DATA), kept());
    drop(server);
    assert_whole(&disk, DATA);
}

/// A checkpoint that does not cover the ERASE files the row with its text.
#[test]
fn a_checkpoint_of_the_time_before_leaves_the_entry() {
    let disk = SimulatedDisk::default();
    let mut server = started(&disk);
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    let seq = server.send("ana", "luis", TEXTS[0]);
    server.close_segment();
    let upto = server.group_commit.wants_segment().expect("no spare") - 2;
    assert_eq!(server.erase("ana", "luis", seq), Reply::Done);
    let made = server.store.checkpoint(upto).unwrap();
    server.group_commit.give_checkpoint(&made);
    assert_eq!(served(&server, "direct-0-1"), [None]);
    drop(server);
    assert_whole(&disk, DATA);
    let mut server = started(&disk);
    assert_eq!(served(&server, "direct-0-1"), [None]);
    assert_eq!(server.erase("ana", "luis", seq), Reply::Done);
    server.clean_up(Retention::default());
    assert_eq!(served(&server, "direct-0-1"), [None]);
    assert!(found(&disk, DATA).is_empty());
}

#[test]
fn a_backup_and_a_restored_store_serve_none_of_them() {
    for cleaned in [true, false] {
        let disk = SimulatedDisk::default();
        let mut server = played(&disk);
        if cleaned {
            server.clean_up(Retention::default());
        }
        store(&disk, DATA).backup(Path::new("/backup")).unwrap();
        assert_whole(&disk, "/backup");
        store(&disk, "/restored").restore(&store(&disk, "/backup")).unwrap();
        assert_whole(&disk, "/restored");
        assert_eq!(found(&disk, "/backup") == kept(), cleaned, "a backup is as the store was");
        let mut restored = GroupCommitHarness::serve(store(&disk, "/restored"));
        restored.sent = server.sent.clone();
        assert_served(&mut restored, "restored");
        restored.stop();
        assert_eq!(found(&disk, "/restored"), kept());
        assert_served(&mut restored, "cleaned up");
    }
}

#[test]
fn a_damaged_file_waits_for_its_repair_and_the_others_do_not() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.checkpoint();
    let file = Path::new("/data/history/direct-0-1.csv");
    let change = || {
        disk.tamper(file, |content| {
            let at = content.windows(7).position(|text| text == b"stays 1" || text == b"stayr 1").expect("a row");
            content[at + 4] ^= b's' ^ b'r';
        });
    };
    change();
    server.clean_up(Retention::default());
    assert!(found(&disk, DATA).contains(TEXTS[0]) && !found(&disk, DATA).contains(TEXTS[2]));
    assert_eq!(server.group_commit.state().unfiled_erasures(), 3);
    // Its own text is served to nobody all the same.
    let state = server.group_commit.state();
    let conversation = state.conversation(id("direct-0-1")).expect("a conversation");
    let seq = wachat::model::Seq::new(1).expect("a number");
    assert!(conversation.is_erased(seq, state.number(&user("ana")).expect("ana")));
    assert_eq!(server.erase("luis", "ana", 2), Reply::Ko(Code::Damaged.into()));
    change();
    server.clean_up(Retention::default());
    assert_eq!(found(&disk, DATA), kept());
    drop(server);
    assert_whole(&disk, DATA);
}

/// Retention and texts that were taken back need one rewrite of a file together; the counts do not go back.
#[test]
fn old_rows_and_texts_go_together() {
    let disk = SimulatedDisk::default();
    let mut server = started(&disk);
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    let old = server.send("ana", "luis", TEXTS[0]);
    server.acknowledge("luis", old);
    assert_eq!(server.erase("ana", "luis", old), Reply::Done);
    let waits = server.send("ana", "luis", TEXTS[2]);
    server.time += 40 * DAY;
    let young = server.send("ana", "luis", TEXTS[4]);
    server.send("ana", "luis", TEXTS[1]);
    server.checkpoint();
    assert_eq!(server.erase("ana", "luis", young), Reply::Done);
    assert_eq!(server.erase("ana", "luis", waits), Reply::Ko(Code::Late.into()));
    let month = Some(Duration::from_secs(30 * 24 * 3_600));
    server.clean_up(Retention { direct: month, rooms: month, trusts_clock: true });
    let kept = served(&server, "direct-0-1");
    let wanted = [Some(TEXTS[2].to_owned()), None, Some(TEXTS[1].to_owned())];
    assert_eq!(kept, wanted, "the oldest is gone, the second one waits");
    let conversation = server.group_commit.state().conversation(id("direct-0-1")).expect("a conversation");
    assert_eq!((conversation.count(), conversation.erased_count(), conversation.filed.rewritten), (4, 2, 1));
    drop(server);
    assert_whole(&disk, DATA);
}

/// Checks a store after a clean-up that was cut anywhere.
fn assert_recovers(disk: &SimulatedDisk, time: u64, how: &str) {
    let mut server = started(disk);
    server.time = time;
    server.sent = sent();
    assert_served(&mut server, how);
    server.clean_up(Retention::default());
    assert_eq!(found(disk, DATA), kept(), "{how}");
    assert_served(&mut server, how);
    drop(server);
    assert_whole(disk, DATA);
}

/// Returns what [`played`] has sent.
fn sent() -> Vec<crate::support::group_commit_harness::Sent> {
    played(&SimulatedDisk::default()).sent.clone()
}

#[test]
fn a_clean_up_that_is_cut_at_any_call_is_done_or_not_and_can_be_done_again() {
    let faults = [Fault::Stop, Fault::ShortWrite, Fault::Error(ErrorKind::StorageFull), Fault::Error(ErrorKind::Other)];
    let begin = SimulatedDisk::default();
    let time = played(&begin).time;
    let begun = || {
        let disk = begin.after_power_cut(|| true);
        let mut server = started(&disk);
        server.time = time;
        server.close_segment();
        (disk, server)
    };
    let clean_up = CleanUp::at_stop(Timestamp::from_millis(time));
    let run = |server: &GroupCommitHarness| {
        let upto = server.group_commit.wants_segment().expect("no spare") - 2;
        server.store.checkpoint_and_clean_up(upto, Some(&clean_up))
    };
    let calls = {
        let (disk, server) = begun();
        let before = disk.calls();
        run(&server).unwrap();
        disk.calls() - before
    };
    assert!(calls > 60, "{calls} calls");
    let mut random = Random::new(17);
    for (call, fault) in (1..=calls).flat_map(|call| faults.map(|fault| (call, fault))) {
        let (disk, server) = begun();
        disk.fail(disk.calls() + call, fault);
        let _ = run(&server);
        drop(server);
        let how = format!("{fault:?} at call {call}");
        disk.check_after_each_end(&mut random, &how, |disk, how| assert_recovers(disk, time, how));
    }
}

/// The record of an ERASE is there after a power cut if it was answered OK, in every checkpoint and log.
#[test]
fn what_was_answered_ok_survives_a_power_cut() {
    let disk = SimulatedDisk::default();
    let mut server = started(&disk);
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    let mut gone = BTreeSet::new();
    let mut random = Random::new(5);
    for _ in 0..120 {
        match random.below(10) {
            0 => server.checkpoint(),
            1 => server.clean_up(Retention::default()),
            2..=5 => {
                let sent = server.sent.clone();
                let Some(any) = sent.get(random.below(sent.len().max(1) as u64) as usize) else { continue };
                assert_eq!(server.erase(any.from, any.to, any.seq), Reply::Done);
                gone.insert(any.seq);
            }
            _ => {
                let (from, to) = [("ana", "luis"), ("luis", "ana"), ("ana", "#lobby")][random.below(3) as usize];
                server.send(from, to, "a text");
            }
        }
        let cut = disk.after_power_cut(|| random.chance(50));
        let after = started(&cut);
        let mut wanted = [Vec::new(), Vec::new()];
        for sent in &server.sent {
            let text = (!gone.contains(&sent.seq)).then(|| sent.text.clone());
            wanted[usize::from(sent.to.starts_with('#'))].push(text);
        }
        for (name, wanted) in ["direct-0-1", "room-0"].iter().zip(wanted) {
            if !wanted.is_empty() {
                assert_eq!(served(&after, name), wanted);
            }
        }
        drop(after);
        assert_whole(&cut, DATA);
    }
}
