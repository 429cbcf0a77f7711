//! A clean-up that a crash or a full disk interrupts, and one beside a backup.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::{DATA, DAY, MONTH, assert_whole, found, id, played, texts};
use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::store_files::read_files;
use crate::support::values::user;
use wachat::model::{Target, Timestamp};
use wachat::server::delivered;
use wachat::state_machine::{Delivery, FiledEvents};
use wachat::store::{CleanUp, Retention, Row, Store};

/// A clean-up needs space for the new files. Without it there is a checkpoint all the same, and nothing is left over.
#[test]
fn a_full_disk_holds_up_no_checkpoint() {
    let disk = SimulatedDisk::default();
    drop(played(&disk));
    let hook: Hook = Arc::new(|what, path| match path.ends_with("history/room-0.1.csv") && what == "write" {
        true => Err(ErrorKind::StorageFull.into()),
        false => Ok(()),
    });
    let store = Store::new(Arc::new(InterceptedDisk { disk: disk.clone(), hook }), Path::new(DATA));
    let mut server = GroupCommitHarness::serve(store.clone());
    server.time += 100 * DAY.as_millis() as u64;
    server.clean_up(Retention { trusts_clock: true, ..MONTH });
    assert_eq!(texts(&server, &store, "direct-0-1"), ["old 1", "old 3", "waits 4", "young 5", "young 7"]);
    assert_eq!(found(&disk, DATA).len(), 7);
    drop(server);
    assert_whole(&disk, DATA);
}

/// A backup that runs meanwhile has the new file in the end, and not the old one.
#[test]
fn a_backup_beside_a_clean_up_is_whole() {
    let disk = SimulatedDisk::default();
    let server = Arc::new(parking_lot::Mutex::new(played(&disk)));
    server.lock().checkpoint();
    let cleaning = server.clone();
    let is_first = std::sync::atomic::AtomicBool::new(true);
    let hook: Hook = Arc::new(move |what, path| {
        // Called when the backup has copied one history file.
        if what == "open"
            && path.ends_with("history/room-0.csv")
            && is_first.swap(false, std::sync::atomic::Ordering::Relaxed)
        {
            cleaning.lock().clean_up(MONTH);
        }
        Ok(())
    });
    let backing_up = Store::new(Arc::new(InterceptedDisk { disk: disk.clone(), hook }), Path::new(DATA));
    backing_up.backup(Path::new("/backup")).unwrap();
    assert_whole(&disk, "/backup");
    assert!(!found(&disk, "/backup").contains("old 1"));
    assert!(read_files(&disk, "/backup").contains_key(Path::new("/backup/history/direct-0-1.1.csv")));
}

/// Checks the store after a clean-up that was cut anywhere: it opens, with every message that has to stay. The next clean-up
/// completes it, and no file of the first one is left over.
fn assert_recovers(disk: &SimulatedDisk, time: u64, how: &str) {
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    server.time = time;
    let left = found(disk, DATA);
    let kept = ["waits 4", "young 5", "young 6", "young 7"];
    assert!(kept.iter().all(|text| left.contains(*text)), "{how}: {left:?}");
    server.clean_up(MONTH);
    assert_eq!(found(disk, DATA), kept.map(str::to_owned).into(), "{how}");
    assert_eq!(texts(&server, &server.store, "direct-0-1"), ["waits 4", "young 5", "young 7"], "{how}");
    drop(server);
    assert_whole(disk, DATA);
}

#[test]
fn a_clean_up_that_is_cut_at_any_call_is_done_or_not_and_can_be_done_again() {
    let faults = [Fault::Stop, Fault::ShortWrite, Fault::Error(ErrorKind::StorageFull), Fault::Error(ErrorKind::Other)];
    let begin = SimulatedDisk::default();
    let time = played(&begin).time;
    let calls = {
        let disk = begin.after_power_cut(|| true);
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        server.time = time;
        let before = disk.calls();
        server.clean_up(MONTH);
        disk.calls() - before
    };
    assert!(calls > 60, "{calls} calls");
    let mut random = Random::new(13);
    for call in 1..=calls {
        for fault in faults {
            let disk = begin.after_power_cut(|| true);
            let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
            server.time = time;
            // Beside the segment of the harness, whose failure is that of another test.
            server.close_segment();
            let clean_up = CleanUp { retention: MONTH, now: Timestamp::from_millis(time), after: None, is_last: false };
            let upto = server.group_commit.wants_segment().expect("no spare") - 2;
            disk.fail(disk.calls() + call, fault);
            let _ = server.store.checkpoint_and_clean_up(upto, Some(&clean_up));
            drop(server);
            let how = format!("{fault:?} at call {call}");
            disk.check_after_each_end(&mut random, &how, |disk, how| assert_recovers(disk, time, how));
        }
    }
}

/// The file of a conversation is replaced by the checkpoint's thread, before the state machine hears of it.
#[test]
fn a_poll_is_not_told_that_a_message_is_damaged_which_a_clean_up_removes_meanwhile() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    let polled = |server: &GroupCommitHarness, text: &str| {
        let state = server.group_commit.state();
        let conversation = id("direct-0-1");
        let filed = state.conversation(conversation).expect("a conversation").filed;
        let participants = state.participants(conversation);
        let file = server.store.history(conversation, &participants, filed).unwrap().expect("a file");
        let mut rows = file.newest_first(None).unwrap().map(|row| row.unwrap());
        let seq = rows.find_map(|row| match row {
            Row::Message(message) if message.text.as_str() == text => Some(message.seq),
            _ => None,
        });
        drop(rows);
        drop(file);
        let target = Target::User(user("ana"));
        let seqs = vec![seq.expect("a row")];
        let filed = [(conversation, FiledEvents { participants, target, filed, seqs })].into();
        Delivery { filed, ..Delivery::default() }
    };
    server.checkpoint();
    let [removed, kept] = ["old 1", "waits 4"].map(|text| polled(&server, text));
    server.close_segment();
    let clean_up = CleanUp { retention: MONTH, now: Timestamp::from_millis(server.time), after: None, is_last: false };
    let upto = server.group_commit.wants_segment().expect("no spare") - 2;
    server.store.checkpoint_and_clean_up(upto, Some(&clean_up)).unwrap();
    assert!(delivered(&server.store, removed).unwrap().is_none());
    assert_eq!(delivered(&server.store, kept).unwrap().map(|events| events.len()), Some(1));
}
