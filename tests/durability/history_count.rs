//! Bytes that are read of history files are counted, with a minimum for each read: the server's limits rest on it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::simulated_disk::SimulatedDisk;
use wachat::limits::MIN_READ_BYTES;
use wachat::model::Seq;
use wachat::state_machine::ConversationId;
use wachat::store::Store;

#[test]
fn each_read_of_a_history_file_is_counted_once_and_by_who_has_read() {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"));
    server.register("ana");
    let last = (0..60).map(|row| server.send("ana", "ana", &"x".repeat(1 + row * 20))).last().expect("a message");
    server.checkpoint();
    let id = ConversationId::parse("direct-0-0").expect("an id");
    let state = server.group_commit.state();
    let filed = state.conversation(id).expect("it is there").filed;
    let participants = state.participants(id);
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    let hook: Hook = Arc::new(move |what, _| {
        counted.fetch_add(usize::from(what == "read"), Ordering::Relaxed);
        Ok(())
    });
    let store = Store::new(Arc::new(InterceptedDisk { disk, hook }), Path::new("/data"));
    let other = store.with_own_count();
    let bytes = usize::try_from(filed.bytes).expect("a length");
    // A page of some rows, one of all, and some rows by their numbers.
    for (rows, least) in [(3, 0), (60, bytes - 200)] {
        let begin = reads.load(Ordering::Relaxed);
        let file = store.history(id, &participants, filed).expect("no error").expect("a file");
        assert_eq!(file.newest_first(None).expect("rows").take(rows).count(), rows);
        let made = reads.load(Ordering::Relaxed) - begin;
        let count = store.take_count();
        assert!(count >= made * MIN_READ_BYTES && count >= least, "{rows} rows: {count} in {made} reads");
        assert!(count <= made * MIN_READ_BYTES + bytes + MIN_READ_BYTES, "{rows} rows: {count} in {made} reads");
        assert_eq!(store.take_count(), 0, "it was taken");
    }
    let file = store.history(id, &participants, filed).expect("no error").expect("a file");
    let found = file.rows(&[Seq::new(last / 2).expect("a number"), Seq::new(last).expect("a number")]).expect("rows");
    assert!(found.iter().all(Option::is_some) && store.take_count() > 0);
    assert_eq!((other.take_count(), store.take_count()), (0, 0), "it has read nothing");
    let file = other.history(id, &participants, filed).expect("no error").expect("a file");
    assert!(file.newest_first(None).expect("rows").next().is_some());
    assert!(other.take_count() > 0 && store.take_count() == 0, "each counts its own");
}
