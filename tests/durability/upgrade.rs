//! The store of every release opens with this version: it is whole, it is served, and each message in it is read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{PASSWORD, World};
use tempfile::TempDir;

/// Returns the directories of the stores, each named for its release.
fn stores() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/durability/stores");
    let entries = fs::read_dir(directory).expect("the stores").flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).collect()
}

/// Copies a store, and fills its segments up to their length.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let path = entry.path();
        let to = to.join(entry.file_name());
        if path.is_dir() {
            copy(&path, &to);
            continue;
        }
        let mut content = fs::read(&path).expect("a file");
        if let Some(head) = content.strip_prefix(b"wachat-wal;") {
            let head = String::from_utf8_lossy(head.split(|byte| *byte == b'\n').next().unwrap_or_default());
            content.resize(head.split(';').nth(4).expect("its size").parse().expect("a number"), b'\n');
        }
        fs::write(&to, content).expect("to write");
    }
}

/// Opens a copy of a store that `tests/durability/stores/make` has made.
fn open(store: &Path) -> World {
    let directory = TempDir::new().expect("a directory");
    copy(store, &directory.path().join("data"));
    let mut world = World::in_directory(directory, &[]);
    world.stop();
    world.assert_undamaged();
    world.start();
    world
}

#[test]
fn there_is_a_store_of_this_release() {
    let names: Vec<_> = stores().iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect();
    assert!(names.contains(&env!("CARGO_PKG_VERSION").to_owned()), "tests/README.md says how to add one: {names:?}");
}

#[test]
fn the_messages_of_every_release_are_read() {
    for store in stores() {
        let world = open(&store);
        let mut ana = world.login("ana");
        assert_eq!(
            ana.list_without_times("HISTORY;luis"),
            [
                "2;a1;ana;luis;<at>;READ;\"hola; luis\"",
                "6;l1;luis;ana;<at>;RECEIVED;¿qué tal?\\nbien",
                "8;a3;ana;luis;<at>;RECEIVED;después",
            ],
            "{}",
            store.display()
        );
    }
}

/// The ids of a store of before have their texts. They are hashed when it is read, and the first checkpoint has no text of
/// them any more; a crash before it changes nothing.
#[test]
fn a_retry_of_before_is_known_after_a_crash_and_after_a_checkpoint() {
    for store in stores() {
        let directory = TempDir::new().expect("a directory");
        copy(&store, &directory.path().join("data"));
        let mut world = World::in_directory(directory, &[]);
        let table = |world: &World| {
            let tables = fs::read_dir(world.data()).expect("a store").flatten().map(|entry| entry.path());
            let newest =
                tables.map(|path| path.join("ids.csv")).filter(|path| path.exists()).max().expect("a checkpoint");
            fs::read_to_string(newest).expect("the table")
        };
        let known = |world: &World| {
            let mut luis = world.login("luis");
            luis.expect_ko("SEND;l1;ana;something else", "CONFLICT");
            luis.request("SEND;l1;ana;¿qué tal?\\nbien")
        };
        let answer = known(&world);
        assert!(answer.starts_with("OK;l1;RECEIVED;"), "{answer}");
        for _ in 0..2 {
            world.kill();
            world.start();
            assert_eq!(known(&world), answer);
        }
        assert!(table(&world).contains("luis;l1;"), "the table of before");
        world.stop();
        let new = table(&world);
        assert!(new.starts_with("wachat-ids;2\n") && !new.contains(";l1;"), "{new}");
        world.start();
        assert_eq!(known(&world), answer);
        world.stop();
        world.assert_undamaged();
    }
}

#[test]
fn what_waited_in_a_store_of_every_release_is_delivered() {
    for store in stores() {
        let world = open(&store);
        let events = |user: &str| world.session(user).list("POLL;0;0");
        let waits = |event: &String| event.contains(";l2;luis;Eva;") && event.ends_with(";espera");
        assert!(events("Eva").iter().any(waits), "{}", store.display());
        let ana = events("ana");
        assert!(ana.iter().any(|event| event.contains(";STATE;luis;READ;2;")), "{ana:?}");
        assert!(ana.iter().any(|event| event.contains(";l1;luis;ana;")), "{ana:?}");
        // A retry is recognized, rooms and accounts are there, and it goes on.
        let mut luis = world.login("luis");
        assert!(luis.request("SEND;l2;eva;espera").starts_with("OK;l2;RECEIVED;"));
        assert_eq!(luis.list("ROOMS"), ["#lobby;3;yes;open;;", "#sala;1;no;open;Eva;"]);
        luis.expect_ko("SEND;l1;ana;something else", "CONFLICT");
        assert!(luis.request("SEND;new;ana;sigue").starts_with("OK;new;RECEIVED;"));
        assert!(luis.request(&format!("PASSWD;{PASSWORD};otra palabra larga")) == "OK");
    }
}
