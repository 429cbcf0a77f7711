//! The checkpoint of the client's state: a start from it comes to the same state, and only with its own log.

use std::path::Path;

use super::history::{
    Client, HOME, direct, message, open, outgoing, restart_from_a_checkpoint, rows, seq, state, target, user,
};
use crate::support::simulated_disk::SimulatedDisk;
use wachat::client::state::home::Home;
use wachat::client::state::row::Gap;
use wachat::disk::{Disk, read, write};
use wachat::model::State;
use wachat::protocol::{Chat, Code, Ko};

/// All that a client shows, tells the server and sends.
fn summary(Client(Home { state, .. }): &Client) -> Vec<String> {
    let targets = ["ana", "luis", "eva", "nobody", "#aula"].map(target);
    let rows = targets.iter().map(|target| {
        let rows = state.last_rows(target, 100);
        let sent = state.last_sent(target);
        format!("{target}: {rows:?}, {sent:?}, {}", state.lacks_rows(target))
    });
    let waiting = state.outbox().iter().map(|message| format!("{message:?} {:?}", state.outbox().tried(&message.id)));
    let unshown = state.unshown().map(|message| format!("{message:?}"));
    let others = [
        format!("{} {} {}", state.store(), state.position(), state.newest()),
        format!("{:?} {:?}", state.ignored(), state.last_received()),
        format!("{:?}", ["ana", "luis", "eva", "nobody", "otto"].map(|name| state.has_written_to(&user(name)))),
    ];
    rows.chain(waiting).chain(unshown).chain(others).collect()
}

#[test]
fn a_start_from_a_checkpoint_comes_to_the_same_as_one_from_the_log() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    let sent = outgoing("luis", "sent");
    let refused = outgoing("nobody", "refused");
    let tried = outgoing("luis", "tried");
    let untried = outgoing("eva", "untried");
    client.log_in("store", 0);
    for message in [&sent, &refused, &tried, &untried] {
        client.queue(message).unwrap();
    }
    client.accept(&sent, 1);
    client.0.state.fail(&refused.id, &Ko::from(Code::NoUser));
    client.take_in(vec![message(2, "luis", "a", "two")]);
    client.0.state.mark_shown(1);
    let chat = |name: &str, last, count| Chat { target: target(name), last: seq(last), read: seq(0), count, erased: 0 };
    assert!(client.0.state.compare(&[chat("luis", 2, 2)], false, seq(2)).is_empty());
    client.take_in(vec![message(4, "luis", "b", "four"), message(5, "eva", "c", "five")]);
    // These are of messages whose SEND was not answered yet.
    client.take_in(vec![state(6, "luis", State::Read, 8), state(7, "eva", State::Delivered, 9)]);
    let missing = client.0.state.compare(&[chat("#aula", 3, 2)], false, seq(7));
    let gap = Gap { target: target("#aula"), first: seq(1), last: seq(3) };
    assert!(missing[0].is_new() && gap.max_messages() == 3);
    client.0.state.note_complete(&missing[0], Some(gap), 0);
    assert!(client.0.state.add_direct(direct("d")));
    client.0.state.toggle_ignored(&user("eva"));
    assert_eq!(client.0.state.note_attempt(&tried.id), None);
    client.0.commit().unwrap();
    let order = ["out sent READ", "in two", "in four", "direct direct"];
    assert_eq!(rows(&client, "luis"), order);
    assert!(rows(&client, "nobody")[0].starts_with("failed refused "));
    assert_eq!(client.0.state.newest(), seq(7));
    let before = summary(&client);
    drop(client);
    let client = open(&disk).unwrap();
    assert_eq!(summary(&client), before, "from the log");
    let mut client = restart_from_a_checkpoint(client, &disk);
    assert_eq!(summary(&client), before, "from the checkpoint");
    assert!(client.0.files.covered().is_some(), "it was read");
    // The state that no screen shows: it decides about what comes.
    assert!(!client.0.state.add_direct(direct("d")) && client.0.state.add_direct(direct("e")));
    let state = &mut client.0.state;
    assert!(state.compare(&[chat("luis", 4, 3), chat("eva", 5, 1), chat("#aula", 3, 2)], false, seq(3)).is_empty());
    let missing = state.compare(&[chat("luis", 4, 4), chat("#aula", 8, 3)], false, seq(7));
    assert_eq!(missing.iter().map(|missing| missing.above).collect::<Vec<_>>(), [seq(2), seq(3)]);
    assert!(!missing[0].is_new(), "it was compared before");
    assert_eq!((client.accept(&tried, 8), client.accept(&untried, 9)), (State::Read, State::Delivered));
}

/// The checkpoint of a client that received one message.
fn with_checkpoint() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("store", 0);
    client.take_in(vec![message(1, "luis", "a", "one")]);
    drop(restart_from_a_checkpoint(client, &disk));
    disk
}

#[test]
fn a_checkpoint_of_another_log_or_of_a_later_version_is_not_used() {
    let home = Path::new(HOME);
    let segment = |number: u64| Path::new(HOME).join(format!("wal/{number:06}.csv"));
    let checkpoint = home.join("checkpoint.csv");
    let disk = with_checkpoint();
    assert!(open(&disk).unwrap().0.files.covered().is_some());
    let later = String::from_utf8(read(&disk, &checkpoint).unwrap()).unwrap().replacen(";3;", ";4;", 1);
    let lines = &later[..later.rfind("END;").unwrap()];
    write(&disk, &checkpoint, format!("{lines}END;{:08x}\n", crc32fast::hash(lines.as_bytes())).as_bytes()).unwrap();
    let unused = |disk: &SimulatedDisk, rows_left: &[&str]| {
        let client = open(disk).unwrap();
        assert_eq!(rows(&client, "luis"), rows_left);
        assert!(client.0.files.covered().is_none());
        // It would be taken for one of this log as soon as the log has grown past it.
        assert!(!disk.exists(&checkpoint).unwrap());
    };
    unused(&disk, &["in one"]);
    // The segment behind those that it covers is not there.
    let disk = with_checkpoint();
    disk.remove_file(&segment(2)).unwrap();
    unused(&disk, &["in one"]);
    // Nothing of the log exists.
    let disk = with_checkpoint();
    disk.remove_file(&segment(1)).unwrap();
    disk.remove_file(&segment(2)).unwrap();
    disk.remove_dir(&home.join("wal")).unwrap();
    unused(&disk, &[]);
    // The log was begun anew, and has as many segments.
    let disk = with_checkpoint();
    let first = String::from_utf8(read(&disk, &checkpoint).unwrap()).unwrap().replacen(";3;1;1;", ";3;2;1;", 1);
    let lines = &first[..first.rfind("END;").unwrap()];
    write(&disk, &checkpoint, format!("{lines}END;{:08x}\n", crc32fast::hash(lines.as_bytes())).as_bytes()).unwrap();
    unused(&disk, &["in one"]);
}
