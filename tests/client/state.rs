//! The client's state by itself: what it keeps in memory, what it writes, how it compares with the server, and what it
//! makes of a server that was restored.

use std::io::ErrorKind::{InvalidInput, Other, PermissionDenied, ReadOnlyFilesystem};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::history::{
    Client, HOME, direct, message, open, outgoing, restart_from_a_checkpoint, rows, seq, state, target, texts, user,
};
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use wachat::client::state::home::{Home, Use};
use wachat::client::state::record::Record;
use wachat::client::state::row::{Gap, Row, folded};
use wachat::client::state::{Arrival, ClientState};
use wachat::disk::Disk;
use wachat::limits;
use wachat::model::{Message, RoomName, State, Timestamp};
use wachat::protocol::{Chat, Event, HistoryRecord};

fn logged_in() -> Client {
    let mut client = open(&SimulatedDisk::default()).unwrap();
    client.log_in("store", 0);
    client
}

fn chat(name: &str, last: u64, count: u64) -> Chat {
    Chat { target: target(name), last: seq(last), read: seq(0), count, erased: 0 }
}

fn room_message(room: &str, number: u64) -> Event {
    let Event::Message(message) = message(number, "luis", &number.to_string(), "text") else { unreachable!() };
    Event::Message(Arc::new(Message { to: target(room), ..(*message).clone() }))
}

/// A message as HISTORY has it.
fn record(number: u64, from: &str, to: &str, text: &str, state: State) -> HistoryRecord {
    let Event::Message(message) = message(number, from, &format!("{to}-{text}"), text) else { unreachable!() };
    HistoryRecord::Message { message: Arc::new(Message { to: target(to), ..(*message).clone() }), state }
}

/// Asserts that nothing waits to be written.
#[track_caller]
fn assert_nothing_written(client: &mut Client) {
    assert_eq!(String::from_utf8(client.0.state.take_uncommitted()).unwrap(), "");
}

#[test]
fn what_brings_nothing_new_is_not_written() {
    let mut client = logged_in();
    let room = RoomName::new("#aula").unwrap();
    let gap = Event::Gap { room: room.clone(), first: seq(1), last: seq(2) };
    assert_eq!(client.take_in(vec![gap.clone()]), [Arrival::Gap(room)]);
    assert_eq!(client.0.state.take_in(vec![gap]), [], "it was told");
    let online = Event::Online { user: user("luis"), at: Timestamp::default() };
    assert_eq!(client.0.state.take_in(vec![online]), [Arrival::Online(user("luis"))]);
    client.0.state.mark_shown(0);
    assert_nothing_written(&mut client);
    client.take_in(vec![message(3, "luis", "a", "three")]);
    for is_new in [true, false] {
        assert!(client.0.state.compare(&[chat("luis", 3, 1)], false, seq(3)).is_empty());
        assert_eq!(client.0.state.take_uncommitted().is_empty(), !is_new);
    }
}

#[test]
fn a_room_is_complete_when_nothing_came_since_the_join() {
    let joined = |name: &str, last, read| Chat { read: seq(read), ..chat(name, last, last) };
    let mut client = logged_in();
    client.take_in(vec![room_message("#sala", 1)]);
    client.0.state.note_joined(&joined("#sala", 5, 5), Vec::new());
    client.0.state.note_joined(&joined("#aula", 6, 5), Vec::new());
    assert_nothing_written(&mut client);
    client.0.state.note_joined(&joined("#aula", 6, 6), Vec::new());
    assert!(!client.0.state.take_uncommitted().is_empty());
}

#[test]
fn a_client_waits_a_moment_for_another_that_is_about_to_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ana");
    let first = Home::open_when_free(&path, &user("ana"), Use::Person).unwrap();
    let begun = Instant::now();
    let ending = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        drop(first);
    });
    assert!(Home::open_when_free(&path, &user("ana"), Use::Person).is_ok());
    assert!(begun.elapsed() >= Duration::from_millis(100));
    ending.join().unwrap();
}

#[test]
fn messages_are_shown_one_by_one() {
    let mut client = logged_in();
    client.take_in((1..=3).map(|n| message(n, "luis", &n.to_string(), "text")).collect());
    for left in [2, 1, 0] {
        client.0.state.mark_shown(1);
        assert_eq!(client.0.state.unshown().count(), left);
    }
}

#[test]
fn the_oldest_rows_leave_memory_and_only_as_many_as_have_to() {
    let mut client = logged_in();
    client.take_in((1..=4).map(|n| message(n, "luis", &n.to_string(), "text")).collect());
    let later = outgoing("eva", "later");
    client.queue(&later).unwrap();
    client.0.state.accept(&later.id, Timestamp::from_millis(9), seq(5));
    let all = [rows(&client, "luis"), rows(&client, "eva")].concat();
    let size = |client: &Client, name| client.0.state.last_rows(&target(name), 9).iter().map(|row| row.bytes()).sum();
    let luis: usize = size(&client, "luis");
    let eva: usize = size(&client, "eva");
    client.0.state.remove_old_rows(luis + eva);
    assert_eq!([rows(&client, "luis"), rows(&client, "eva")].concat(), all, "they fit");
    assert!(!client.0.state.has_older_rows());
    client.0.state.remove_old_rows(luis + eva - 1);
    // Those of one millisecond go together.
    assert_eq!([rows(&client, "luis"), rows(&client, "eva")].concat(), ["out later RECEIVED"]);
    let lacks = ["luis", "eva"].map(|name| client.0.state.lacks_rows(&target(name)));
    assert_eq!((lacks, client.0.state.has_older_rows()), ([true, false], true));
}

#[test]
fn a_long_log_without_a_checkpoint_is_replayed_in_little_memory() {
    let mut state = ClientState::new(user("ana"));
    let text = "x".repeat(1_000);
    for number in 1..=12_000 {
        let Event::Message(message) = message(number, "luis", &number.to_string(), &text) else { unreachable!() };
        state.replay(Record::Received(message));
    }
    let bytes: usize = state.last_rows(&target("luis"), usize::MAX).iter().map(Row::bytes).sum();
    assert!(bytes <= limits::CLIENT_REPLAY_BYTES, "{bytes}");
}

#[test]
fn a_directory_above_the_files_may_refuse_its_sync_but_no_disk_may() {
    for (kind, is_refusal) in
        [(PermissionDenied, true), (ReadOnlyFilesystem, true), (InvalidInput, true), (Other, false)]
    {
        let hook: Hook = Arc::new(move |call, path| match (call, path.to_str()) {
            ("sync_dir", Some("/home")) => Err(kind.into()),
            _ => Ok(()),
        });
        let disk: Arc<dyn Disk> = Arc::new(InterceptedDisk { disk: SimulatedDisk::default(), hook });
        let opened = Home::open(&disk, Path::new(HOME), &user("ana"), Use::Person);
        assert_eq!(opened.is_ok(), is_refusal, "{kind:?}");
    }
}

#[test]
fn a_comparison_is_due_after_so_many_messages() {
    let mut client = logged_in();
    let most = limits::UNCOMPARED_ROWS as u64;
    client.take_in((1..=most).map(|n| message(n, "luis", &n.to_string(), "text")).collect());
    assert!(!client.0.state.wants_comparison(&target("luis")));
    client.take_in(vec![message(most + 1, "luis", "more", "text")]);
    assert!(client.0.state.wants_comparison(&target("luis")));
    assert!(client.0.state.compare(&[chat("luis", most + 1, most + 1)], false, seq(most + 1)).is_empty());
    assert!(!client.0.state.wants_comparison(&target("luis")));
}

#[test]
fn states_that_were_missed_are_looked_up_from_the_first_unread_message_on() {
    let mut client = logged_in();
    let sent = ["one", "two", "three"].map(|text| outgoing("luis", text));
    for (message, number) in sent.iter().zip(1..) {
        client.queue(message).unwrap();
        client.accept(message, number);
    }
    let chats = [chat("luis", 3, 3)];
    assert!(client.0.state.compare(&chats, false, seq(3)).is_empty());
    let moved = client.take_in(vec![state(4, "luis", State::Read, 1)]);
    assert!(matches!(&moved[..], [Arrival::Moved(State::Read, moved)] if moved.others == 0), "{moved:?}");
    let missing = client.0.state.compare(&chats, true, seq(4));
    assert_eq!((missing[0].above, missing[0].down_to), (seq(3), seq(1)));
    let page = [
        record(1, "ana", "luis", "one", State::Read),
        record(2, "ana", "luis", "two", State::Delivered),
        record(3, "ana", "luis", "three", State::Received),
    ];
    client.0.commit().unwrap();
    for written in [1, 0] {
        let moved = client.0.state.take_states(&missing[0], &page);
        assert!(
            moved.len() == written
                && moved.iter().all(|(state, moved)| *state == State::Delivered && moved.others == 0),
            "{moved:?}"
        );
        assert!(client.0.state.add_missed(&missing[0], &page).is_empty());
        let lines = client.0.state.take_uncommitted();
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), written);
    }
    assert_eq!(rows(&client, "luis"), ["out one READ", "out two DELIVERED", "out three RECEIVED"]);
    // The state of a message of the peer says nothing of the user's.
    let page = [record(3, "luis", "ana", "theirs", State::Read)];
    assert!(client.0.state.take_states(&missing[0], &page).is_empty());
    client.0.state.add_missed(&missing[0], &page);
    assert_nothing_written(&mut client);
    let moved = client.take_in(vec![state(5, "luis", State::Read, 3)]);
    assert!(matches!(&moved[..], [Arrival::Moved(State::Read, moved)] if moved.others == 1), "{moved:?}");
    assert!(client.0.state.compare(&chats, true, seq(5)).is_empty(), "all are read");
}

#[test]
fn another_store_begins_a_numbering_of_its_own() {
    let mut client = logged_in();
    let old = outgoing("luis", "old");
    let tried = outgoing("luis", "tried");
    let new = outgoing("luis", "new");
    client.queue(&old).unwrap();
    client.accept(&old, 1);
    client.take_in(vec![message(2, "luis", "a", "two")]);
    client.0.state.add_direct(direct("d"));
    client.queue(&tried).unwrap();
    assert_eq!(client.0.state.note_attempt(&tried.id), None);
    assert_eq!(client.0.state.note_attempt(&tried.id), Some(seq(2)));
    client.log_in("after", 0);
    assert_eq!(client.0.state.note_attempt(&tried.id), Some(seq(0)), "it may have any number there");
    assert!(client.0.state.last_sent(&target("luis")).is_none());
    // Which of them the new store has under new numbers is not known: HISTORY is asked from its end on.
    let missing = client.0.state.compare(&[chat("luis", 1, 5)], true, seq(1));
    assert!(missing.len() == 1 && missing[0].is_new(), "{missing:?}");
    client.queue(&new).unwrap();
    client.accept(&new, 3);
    let sent = client.0.state.last_sent(&target("luis")).map(|(message, _)| message.seq);
    assert_eq!(sent, Some(seq(3)));
    let moved = client.take_in(vec![state(4, "luis", State::Read, 3)]);
    assert!(matches!(&moved[..], [Arrival::Moved(State::Read, moved)] if moved.others == 0), "{moved:?}");
    let here_only = client.0.state.rows_without_server(&target("luis"));
    assert_eq!(
        here_only.iter().filter_map(|row| row.id()).map(|id| id.as_str()).collect::<Vec<_>>(),
        ["luis-old", "a", "d"]
    );
    assert_eq!(rows(&client, "luis"), ["out old RECEIVED", "in two", "direct direct", "out new READ"]);
}

#[test]
fn an_older_copy_of_the_store_begins_a_numbering_too() {
    let mut client = logged_in();
    client.take_in((1..=3).map(|n| message(n, "luis", &n.to_string(), "text")).collect());
    client.0.state.note_position("store", seq(3));
    assert!(!client.0.state.has_earlier_store(), "it is where it was");
    client.0.state.note_position("store", seq(1));
    assert!(client.0.state.has_earlier_store());
    let events = vec![message(2, "luis", "2", "text"), message(3, "luis", "new", "new")];
    assert_eq!(texts(&client.take_in(events)), ["new"]);
}

#[test]
fn messages_of_an_earlier_store_are_known_after_a_start() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("before", 0);
    client.take_in(vec![message(1, "luis", "a", "one")]);
    client.log_in("after", 0);
    let mut client = restart_from_a_checkpoint(client, &disk);
    assert_eq!(texts(&client.take_in(vec![message(7, "luis", "a", "one"), message(8, "luis", "b", "two")])), ["two"]);
}

#[test]
fn a_pipe_that_takes_a_message_over_takes_it_out_of_the_old_log() {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let pipe = || Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
    let queued = outgoing("luis", "queued");
    open(&disk).unwrap().queue(&queued).unwrap();
    let mut first = pipe();
    assert_eq!(first.waiting(), [&queued]);
    first.accept(&queued, 1);
    assert!(pipe().0.state.outbox().is_empty(), "the first pipe has sent it");
}

#[test]
fn a_search_minds_neither_case_nor_accents() {
    for (text, words) in [("La ÚLTIMA vez", "ultima vez"), ("ñandú", "nandu"), ("nandu", "ñandú"), ("日本語", "日本")]
    {
        let text = folded(text);
        assert!(words.split(' ').all(|word| text.contains(&folded(word))), "{text} {words}");
    }
    assert!(!folded("hola").contains(&folded("ola ")));
}

/// Returns the numbers of the messages of a conversation here, and those that gaps stand for, in the order of the rows.
fn numbers(client: &Client, name: &str) -> Vec<u64> {
    let numbers = |row: &Row| match row {
        Row::Gap(gap) => (gap.first.get()..=gap.last.get()).collect(),
        row => vec![row.seq().unwrap().get()],
    };
    client.0.state.last_rows(&target(name), 1_000).iter().flat_map(numbers).collect()
}

#[test]
fn whatever_is_fetched_of_a_gap_the_rest_of_it_stands() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut client = logged_in();
        let last = 5 + random.below(40);
        let missing = client.0.state.compare(&[chat("luis", last, last)], false, seq(last));
        let gap = Gap { target: target("luis"), first: seq(1), last: seq(last) };
        client.0.state.note_complete(&missing[0], Some(gap), 0);
        while let Some(Row::Gap(gap)) = client.0.state.last_rows(&target("luis"), 1_000).first().cloned() {
            let first = gap.last.get().saturating_sub(random.below(7)).max(1);
            let page: Vec<_> = (first..=gap.last.get())
                .map(|number| record(number, "luis", "ana", &number.to_string(), State::Received))
                .collect();
            assert_eq!(client.0.state.fill_gap(&gap, &page), page.len(), "seed {seed}");
            assert_eq!(numbers(&client, "luis"), (1..=last).collect::<Vec<_>>(), "seed {seed}: page from {first}");
        }
    }
}

#[test]
fn a_message_that_comes_by_several_ways_is_in_the_history_once() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut client = logged_in();
        let mut polled = 0;
        let mut arrivals = 0;
        while polled < 30 {
            let from = polled + 1;
            let to = from + random.below(6);
            let of_room = |number: u64| match room_message("#sala", number) {
                Event::Message(message) => message,
                _ => unreachable!(),
            };
            // A room that another session of the user has joined: its messages come with a poll, and with the answer to JOIN.
            if random.below(2) == 0 {
                let chat = Chat { read: seq(0), ..chat("#sala", to, to) };
                arrivals += client.0.state.note_joined(&chat, (from..=to).map(of_room).collect()).len();
            } else {
                polled = to;
                arrivals += client.take_in((from..=to).map(|number| room_message("#sala", number)).collect()).len();
            }
            let here = numbers(&client, "#sala");
            assert!(here.is_sorted_by(|one, other| one < other), "seed {seed}: {here:?}");
            assert_eq!(arrivals, here.len(), "seed {seed}: each is shown once");
        }
    }
}

#[test]
fn what_another_session_has_read_is_seen_as_far_as_it_is_here() {
    for read in 0..=6 {
        let mut client = logged_in();
        client.take_in((1..=3).map(|n| message(n, "luis", &n.to_string(), "text")).collect());
        client.0.state.compare(&[Chat { read: seq(read), ..chat("luis", 6, 6) }], false, seq(3));
        let seen = client.0.state.find_conversation(&target("luis")).unwrap().seen();
        assert_eq!(seen, seq(read.min(3)), "read up to {read}");
    }
}
