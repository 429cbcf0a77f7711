//! Names on disk, and the names of files: read back without the rules for new ones, and made durable.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL};
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::Disk;
use wachat::model::{MessageId, RoomName, Target, Text, UserName};
use wachat::protocol::Reply;
use wachat::state_machine::{Command, ConversationId, Policy};
use wachat::store::{Row, Store};

const DATA: &str = "/data";

/// Names that today's rules refuse: as if a later version of Unicode had changed its mind. No code point of theirs is
/// assigned.
const USER: &str = "Ana\u{378}/ana\u{378}";
const ROOM: &str = "#Sala\u{378}/sala\u{378}";

#[test]
fn a_stored_name_is_read_without_the_rules_for_new_ones() {
    let user = UserName::from_stored(USER).unwrap();
    let room = RoomName::from_stored(ROOM).unwrap();
    assert!(UserName::new(user.shown()).is_err() && RoomName::new(&room.to_string()).is_err());
    let disk = SimulatedDisk::default();
    let open = || Store::new(Arc::new(disk.clone()), Path::new(DATA)).open(Policy::default(), SMALL).unwrap();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    server.request(Command::Register { name: user.clone(), password_hash: "x".into() });
    server.register("luis");
    server.request(Command::Join { user: user.clone(), room: Ok(Target::Room(room.clone())) });
    for (id, to) in [("1", Target::User(user.clone())), ("2", Target::Room(room.clone()))] {
        let id = MessageId::new(id).unwrap();
        let text = Text::new("hola").unwrap();
        let reply = server.request(Command::Send { user: user.clone(), id, to: Ok(to), text });
        assert!(matches!(reply, Some(Reply::Accepted(_))), "{reply:?}");
    }
    let log = server.group_commit.uncovered().unwrap();
    drop(server);
    assert!(open().machine.stored.number(&user).is_ok(), "from the log");

    let store = Store::new(Arc::new(disk.clone()), Path::new(DATA));
    let filed = store.checkpoint(log).unwrap().filed;
    let opened = open();
    assert!(opened.machine.stored.number(&user).is_ok() && opened.machine.stored.room_number(&room).is_ok());
    for (id, filed) in filed {
        let participants = opened.machine.stored.participants(id);
        let file = store.history(id, &participants, filed).unwrap().unwrap();
        let rows: Vec<_> = file.newest_first(None).unwrap().map(Result::unwrap).collect();
        let [Row::Message(message)] = &rows[..] else { panic!("{id}: it cannot be read") };
        assert!(message.from == user && message.from.shown() == user.shown(), "{id}: {message:?}");
    }
    drop(opened);
    let report = store.check().unwrap();
    assert!(report.damage.is_empty(), "{report:?}");
}

#[test]
fn what_a_file_cannot_hold_is_no_stored_name() {
    for wrong in ["", "/", "a/", "/a", "a;b", "a\nb", "a/b/c", "#a", "a:b", &"x".repeat(129)] {
        assert_eq!(UserName::from_stored(wrong), None, "{wrong:?}");
    }
    for name in ["ana", "María", "MARÍA", "пётр"] {
        let name = UserName::new(name).unwrap();
        let stored = UserName::from_stored(&name.stored().to_string()).unwrap();
        assert_eq!((&stored, stored.shown()), (&name, name.shown()));
    }
}

/// A new store, and one that was there: its own names have to be durable, as a start may be the first after a kill.
#[test]
fn a_directory_above_the_store_may_refuse_its_sync() {
    use io::ErrorKind::{InvalidInput, Other, PermissionDenied, ReadOnlyFilesystem};
    for (directory, kind, is_tolerated) in [
        ("/", InvalidInput, true),
        ("/srv", InvalidInput, true),
        ("/srv", PermissionDenied, true),
        ("/srv", ReadOnlyFilesystem, true),
        ("/srv", Other, false),
        ("/srv/data", InvalidInput, false),
        ("/srv/data", Other, false),
    ] {
        for is_new in [true, false] {
            let disk = SimulatedDisk::default();
            let open = |disk: Arc<dyn Disk>| Store::new(disk, Path::new("/srv/data")).open(Policy::default(), SMALL);
            if !is_new {
                drop(open(Arc::new(disk.clone())).expect("a new store"));
            }
            let hook: Hook = Arc::new(move |what, path| match what {
                "sync_dir" if path == Path::new(directory) => Err(kind.into()),
                _ => Ok(()),
            });
            let opened = open(Arc::new(InterceptedDisk { disk, hook }));
            assert_eq!(opened.is_ok(), is_tolerated, "{directory}, {kind}, new: {is_new}: {:?}", opened.err());
        }
    }
}

/// A failed write is reported once, to the descriptors that were open then.
#[test]
fn a_history_file_is_not_opened_between_its_write_and_its_sync() {
    let calls: Arc<Mutex<Vec<(String, PathBuf)>>> = Arc::default();
    let noted = calls.clone();
    let hook: Hook = Arc::new(move |what, path| {
        noted.lock().push((what.to_owned(), path.to_path_buf()));
        Ok(())
    });
    let disk = InterceptedDisk { disk: SimulatedDisk::default(), hook };
    let mut server = GroupCommitHarness::start(Arc::new(disk), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    for text in ["uno", "dos"] {
        server.send("ana", "luis", text);
        calls.lock().clear();
        server.checkpoint();
        let path = Path::new(DATA).join(format!("history/{}.csv", ConversationId::parse("direct-0-1").unwrap()));
        let of_file: Vec<_> =
            calls.lock().iter().filter(|(_, file)| *file == path).map(|(what, _)| what.clone()).collect();
        let [first, rest @ ..] = &of_file[..] else { panic!("it was not written") };
        assert!(["open", "create"].contains(&first.as_str()) && rest == ["write", "sync"], "{of_file:?}");
    }
}
