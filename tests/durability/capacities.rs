//! Room logs and remembered ids that are full: recovery reaches the same state from the log and from a checkpoint.

use std::path::Path;
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL, user};
use crate::support::simulated_disk::SimulatedDisk;
use wachat::model::{MessageId, RoomName, Seq, Target, Text};
use wachat::protocol::{Code, Event, Reply};
use wachat::state_machine::{Capacities, Command, Delivery, DeviceNumber, Policy, SessionKey, StoredState};
use wachat::store::Store;

const CAPACITIES: Capacities = Capacities { room_log: 2, remembered_ids: 2, device_events: 10_000 };

/// Returns the events of a user who has acknowledged nothing: gaps with their ends, and the numbers of messages.
fn pending(stored: &StoredState, name: &str) -> Vec<(u64, u64)> {
    let mut delivery = Delivery::default();
    let key = SessionKey { user: stored.number(&user(name)).unwrap(), device: DeviceNumber::NAMELESS };
    stored.collect(key, Seq::ZERO, 100, &mut delivery);
    let events = delivery.events.iter().filter_map(|event| match event {
        Event::Gap { first, last, .. } => Some((first.get(), last.get())),
        Event::Message(message) => Some((message.seq.get(), message.seq.get())),
        _ => None,
    });
    let filed = delivery.filed.values().flat_map(|filed| &filed.seqs).map(|seq| (seq.get(), seq.get()));
    let mut all: Vec<_> = events.chain(filed).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_gap_and_the_end_of_the_remembered_ids_survive_a_restart_and_a_checkpoint() {
    let disk = SimulatedDisk::default();
    let store = || Store::with_capacities(Arc::new(disk.clone()), Path::new("/data"), CAPACITIES);
    let mut server = GroupCommitHarness::serve(store());
    let room = RoomName::new("#sala").unwrap();
    for name in ["ana", "luis", "eva"] {
        server.register(name);
        server.request(Command::Join { user: user(name), room: Ok(Target::Room(room.clone())) });
    }
    // The log holds two: 1 of luis, 2 and 3 of ana have left it.
    for (number, from) in (1..).zip(["luis", "ana", "ana", "luis", "ana"]) {
        let (seq, _) = server.send_as(from, "#sala", &format!("id-{number}"), "hola");
        assert_eq!(seq, number);
    }
    let upto = server.group_commit.uncovered().unwrap();
    drop(server);
    let check = |from: &str| {
        let opened = store().open(Policy::default(), SMALL).unwrap_or_else(|error| panic!("{from}: {error}"));
        let stored = &opened.machine.stored;
        // The gap of ana is that of luis' message; nobody is told of gaps of their own.
        assert_eq!(pending(stored, "ana"), [(1, 1), (4, 4)], "{from}");
        assert_eq!(pending(stored, "luis"), [(1, 3), (5, 5)], "{from}");
        assert_eq!(pending(stored, "eva"), [(1, 3), (4, 4), (5, 5)], "{from}");
    };
    check("from the log");
    assert!(!store().checkpoint(upto).unwrap().filed.is_empty());
    check("from a checkpoint");
    let mut server = GroupCommitHarness::serve(store());
    let mut retry = |id: &str| {
        let id = MessageId::new(id).unwrap();
        let text = Text::new("something else").unwrap();
        server.request(Command::Send { user: user("ana"), id, to: Ok(Target::User(user("luis"))), text })
    };
    assert!(matches!(retry("id-3"), Some(Reply::Ko(ko)) if ko.code == Code::Conflict), "of the two newest");
    assert!(matches!(retry("id-2"), Some(Reply::Accepted(_))), "it was forgotten");
    assert!(matches!(retry("id-3"), Some(Reply::Accepted(_))), "now this one is the third");
}
