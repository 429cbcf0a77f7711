//! The texts of messages that were taken back leave the files of a client with its next checkpoint, whatever is cut, and what
//! a restored store sends is recognised without them.

use std::path::Path;
use std::sync::Arc;

use super::erase::erased;
use super::history::{
    Client, HOME, direct, message, open, outgoing, restart_from_a_checkpoint, rows, seq, target, user,
};
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use wachat::client::state::home::{Home, Use};
use wachat::disk::{Disk, read};
use wachat::limits;
use wachat::model::{Message, State};
use wachat::protocol::{Chat, Event, HistoryRecord};

/// Returns the files that hold a text.
fn files_with(disk: &SimulatedDisk, text: &str) -> Vec<String> {
    let directories = [Path::new(HOME).to_path_buf(), Path::new(HOME).join("wal")];
    let paths = directories
        .iter()
        .flat_map(|directory| disk.list(directory).unwrap().into_iter().map(move |name| directory.join(name)));
    let holds = |path: &std::path::PathBuf| {
        let bytes = read(disk, path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    };
    paths.filter(holds).map(|path| path.display().to_string()).collect()
}

fn emptied(event: &Event) -> Event {
    let Event::Message(message) = event else { panic!("{event:?}") };
    Event::Message(Arc::new(message.erased()))
}

/// A client with a message of its own and two of luis.
fn with_three_messages(disk: &SimulatedDisk) -> Client {
    let mut client = open(disk).unwrap();
    client.log_in("store", 0);
    let sent = outgoing("luis", "mine-secret");
    client.queue(&sent).unwrap();
    client.accept(&sent, 1);
    client.take_in(vec![message(2, "luis", "a", "their-secret"), message(3, "luis", "b", "kept")]);
    client
}

#[test]
fn the_texts_leave_all_files_with_the_next_checkpoint_and_the_rest_stays() {
    let disk = SimulatedDisk::default();
    let client = with_three_messages(&disk);
    // The first checkpoint has the texts.
    let mut client = restart_from_a_checkpoint(client, &disk);
    assert_eq!((files_with(&disk, ";mine-secret").len(), files_with(&disk, ";their-secret").len()), (2, 2));
    client.take_in(vec![erased(4, "luis", (1, 1), "ana"), erased(5, "luis", (2, 2), "luis")]);
    let order = ["out  RECEIVED", "in ", "in kept"];
    assert_eq!(rows(&client, "luis"), order);
    let client = restart_from_a_checkpoint(client, &disk);
    assert_eq!(files_with(&disk, ";mine-secret"), [""; 0]);
    assert_eq!(files_with(&disk, ";their-secret"), [""; 0]);
    assert_eq!(files_with(&disk, ";kept").len(), 2);
    assert_eq!(rows(&client, "luis"), order);
    // The log alone leads to the same.
    drop(client);
    disk.remove_file(&Path::new(HOME).join("checkpoint.csv")).unwrap();
    let mut client = open(&disk).unwrap();
    assert_eq!(rows(&client, "luis"), order);
    let chat = Chat { target: target("luis"), last: seq(3), read: seq(0), count: 3, erased: 2 };
    assert!(client.0.state.compare(&[chat], false, seq(5)).is_empty(), "the count is noted");
}

#[test]
fn a_cut_while_the_texts_are_removed_loses_nothing_and_the_next_checkpoint_removes_them() {
    for cut in 1.. {
        let disk = SimulatedDisk::default();
        let mut client = open(&disk).unwrap();
        client.log_in("store", 0);
        client.take_in(vec![message(1, "luis", "a", "secret"), message(2, "luis", "b", "kept")]);
        let mut client = restart_from_a_checkpoint(client, &disk);
        client.take_in(vec![erased(3, "luis", (1, 1), "luis")]);
        disk.fail(disk.calls() + cut, Fault::Stop);
        client.0.files.checkpoint_bytes = 0;
        let done = client.0.files.make_checkpoint_when_due(&mut client.0.state);
        let is_cut = disk.has_failed();
        assert_eq!(done.is_err(), is_cut, "cut {cut}");
        drop(client);
        let mut keep = false;
        let disk = disk.after_power_cut(|| {
            keep = !keep;
            keep
        });
        let client = open(&disk).unwrap();
        assert_eq!(rows(&client, "luis"), ["in ", "in kept"], "cut {cut}");
        let client = restart_from_a_checkpoint(client, &disk);
        assert_eq!(rows(&client, "luis"), ["in ", "in kept"], "cut {cut}");
        assert_eq!(files_with(&disk, "secret"), [""; 0], "cut {cut}");
        if !is_cut {
            break;
        }
    }
}

#[test]
fn at_its_end_a_client_removes_the_texts_from_all_its_files_once() {
    for restores in [0, 1] {
        let disk = SimulatedDisk::default();
        let mut client = with_three_messages(&disk);
        // A torn batch that was set aside, and a checkpoint that was never finished.
        for name in ["wal/000001-batch-2-1.broken", "checkpoint.csv.new"] {
            wachat::disk::write(&disk, &Path::new(HOME).join(name), b";their-secret\n").unwrap();
        }
        for restore in 0..restores {
            client.log_in(&format!("restored{restore}"), 3);
            let state = &mut client.0.state;
            let chat = Chat { target: target("luis"), last: seq(3), read: seq(0), count: 3, erased: 2 };
            let missing = state.compare(&[chat], false, seq(3));
            let page =
                [(1, "ana", "luis", "luis-mine-secret"), (2, "luis", "ana", "a")].map(|(number, from, to, id)| {
                    let Event::Message(message) = message(number, from, id, "text") else { panic!() };
                    let message = Arc::new(Message { to: target(to), ..message.erased() });
                    HistoryRecord::Message { message, state: State::Received }
                });
            state.note_erased_of(&page);
            state.note_complete(&missing[0], None, 0);
        }
        if restores == 0 {
            client.take_in(vec![erased(4, "luis", (1, 1), "ana"), erased(5, "luis", (2, 2), "luis")]);
        }
        client.0.commit().unwrap();
        let Home { state, files } = &mut client.0;
        files.clean_up(state).unwrap();
        for text in [";mine-secret", ";their-secret"] {
            assert_eq!(files_with(&disk, text), [""; 0], "{restores} restores: {text}");
        }
        drop(client);
        let client = open(&disk).unwrap();
        assert_eq!(rows(&client, "luis"), ["out  RECEIVED", "in ", "in kept"]);
        assert_eq!(client.0.state.erased_in_log(), 0, "{restores} restores: it is done");
    }
}

/// Events of messages that were taken back before this client knew of them: so many that the log is cleaned at once.
fn many_erased(first: u64) -> Vec<Event> {
    let most = limits::ERASURES_IN_LOG as u64;
    (first..first + most).map(|number| erased(number, "luis", (number, number), "eva")).collect()
}

#[test]
fn a_damaged_segment_keeps_its_texts_until_it_is_repaired_and_no_longer() {
    let disk = SimulatedDisk::default();
    let mut client = restart_from_a_checkpoint(with_three_messages(&disk), &disk);
    let path = Path::new(HOME).join("wal/000001.csv");
    let whole = read(&disk, &path).unwrap();
    let text = b";mine-secret";
    let place = whole.windows(text.len()).position(|bytes| bytes == text).expect("the text");
    let mut damaged = whole.clone();
    damaged[place] ^= 1;
    wachat::disk::write(&disk, &path, &damaged).unwrap();
    client.take_in(vec![erased(4, "luis", (1, 1), "ana"), erased(5, "luis", (2, 2), "luis")]);
    client.take_in(many_erased(6));
    let Home { state, files } = &mut client.0;
    files.make_checkpoint_when_due(state).unwrap();
    let calls = disk.calls();
    files.make_checkpoint_when_due(state).unwrap();
    assert_eq!(disk.calls(), calls, "not at every event");
    let left = state.erased_in_log();
    assert!(left > 2, "it is still to be done");
    drop(client);
    let mut client = open(&disk).unwrap();
    assert_eq!(client.0.state.erased_in_log(), left, "also after a start");
    wachat::disk::write(&disk, &path, &whole).unwrap();
    let Home { state, files } = &mut client.0;
    files.clean_up(state).unwrap();
    assert_eq!(state.erased_in_log(), 0);
    for text in [";mine-secret", ";their-secret"] {
        assert_eq!(files_with(&disk, text), [""; 0]);
    }
    drop(client);
    assert_eq!(rows(&open(&disk).unwrap(), "luis"), ["out  RECEIVED", "in ", "in kept"]);
}

#[test]
fn a_torn_batch_of_a_pipe_goes_when_the_client_takes_its_messages_over() {
    for sent in 0..2 {
        let disk = SimulatedDisk::default();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        drop(open(&disk).unwrap());
        let mut pipe = Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
        for number in 1..=sent {
            let message = outgoing("luis", "text");
            pipe.queue(&message).unwrap();
            pipe.accept(&message, number);
        }
        drop(pipe);
        let torn = Path::new(HOME).join("pipe-1/wal/000001-batch-2-1.broken");
        wachat::disk::write(&disk, &torn, b";secret\n").unwrap();
        drop(open(&disk).unwrap());
        assert!(!disk.exists(&torn).unwrap(), "{sent} sent");
    }
}

#[test]
fn what_was_not_in_the_log_at_the_end_is_there_once() {
    let disk = SimulatedDisk::default();
    let mut client = with_three_messages(&disk);
    client.take_in(vec![erased(4, "luis", (2, 2), "luis")]);
    let Home { state, files } = &mut client.0;
    assert!(state.add_direct(direct("d")));
    files.clean_up(state).unwrap();
    drop(client);
    assert_eq!(rows(&open(&disk).unwrap(), "luis"), ["out mine-secret RECEIVED", "in ", "in kept", "direct direct"]);
}

#[test]
fn an_event_of_another_store_empties_no_message_that_was_not_shown_before() {
    let mut client = open(&SimulatedDisk::default()).unwrap();
    client.log_in("before", 0);
    client.take_in(vec![message(5, "luis", "a", "kept")]);
    client.log_in("after", 0);
    client.take_in(vec![erased(6, "luis", (5, 5), "luis")]);
    let unshown = |client: &Client| client.0.state.unshown().map(|m| m.text.to_string()).collect::<Vec<_>>();
    assert_eq!(unshown(&client), ["kept"]);
    assert_eq!(rows(&client, "luis"), ["in kept"]);
    // Its own number is not seen with one of the new store that is lower.
    client.take_in(vec![message(7, "luis", "b", "new")]);
    assert_eq!(unshown(&client), ["kept", "new"]);
    client.0.state.mark_seen(&target("luis"), seq(7));
    assert_eq!(unshown(&client), [""; 0]);
}

#[test]
fn the_texts_leave_the_log_at_once_when_the_store_changes() {
    let disk = SimulatedDisk::default();
    let mut client = with_three_messages(&disk);
    client.0.files.make_checkpoint_when_due(&mut client.0.state).unwrap();
    client.take_in(vec![erased(4, "luis", (2, 2), "luis")]);
    client.0.files.make_checkpoint_when_due(&mut client.0.state).unwrap();
    assert_eq!(files_with(&disk, ";their-secret").len(), 1, "one text can wait");
    client.log_in("restored", 0);
    client.0.files.make_checkpoint_when_due(&mut client.0.state).unwrap();
    assert_eq!(files_with(&disk, ";their-secret"), [""; 0]);
}

#[test]
fn a_restored_store_is_recognised_by_what_is_left_of_its_messages() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("before", 0);
    let one = message(1, "luis", "a", "one");
    let two = message(2, "luis", "b", "two-secret");
    client.take_in(vec![one.clone(), two.clone()]);
    client.take_in(vec![erased(3, "luis", (1, 1), "luis")]);
    assert!(client.log_in("after", 0), "another store");
    // The backup is from before the first was taken back; the second was taken back after it.
    assert!(
        client.take_in(vec![one, emptied(&two)]).iter().all(|arrival| !format!("{arrival:?}").contains("Message("))
    );
    assert_eq!(rows(&client, "luis"), ["in ", "in "]);
    let client = restart_from_a_checkpoint(client, &disk);
    assert_eq!(files_with(&disk, "secret"), [""; 0]);
    assert_eq!(rows(&client, "luis"), ["in ", "in "]);
}

/// The list of conversations when luis has said one thing, which was taken back or not.
fn chat_of_luis(last: u64, erased: u64) -> Chat {
    Chat { target: target("luis"), last: seq(last), read: seq(0), count: 1, erased }
}

#[test]
fn a_row_of_a_direct_chat_that_came_again_through_the_server_is_found_when_it_is_taken_back_there() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("store", 0);
    assert!(client.0.state.add_direct(direct("d")));
    let again = message(2, "luis", "d", "direct");
    client.take_in(vec![again.clone()]);
    let page = |event: &Event| {
        let Event::Message(message) = event else { panic!() };
        [HistoryRecord::Message { message: message.clone(), state: State::Received }]
    };
    let missing = client.0.state.compare(&[chat_of_luis(2, 0)], false, seq(2));
    assert!(client.0.state.add_missed(&missing[0], &page(&again)).is_empty(), "it is here");
    client.0.state.note_complete(&missing[0], None, 0);
    client.take_in(vec![erased(3, "luis", (2, 2), "luis")]);
    assert!(client.0.state.lacks_erasures(&target("luis")), "its row has no number");
    let missing = client.0.state.compare(&[chat_of_luis(2, 1)], false, seq(3));
    assert!(missing.len() == 1 && missing[0].seeks_erased);
    client.0.state.note_erased_of(&page(&emptied(&again)));
    client.0.state.note_complete(&missing[0], None, 0);
    client.0.commit().unwrap();
    assert_eq!(rows(&client, "luis"), ["direct "]);
    // In a room nothing is said directly.
    client.take_in(vec![room_message(4), erased(5, "#sala", (4, 4), "eva")]);
    assert!(!client.0.state.lacks_erasures(&target("#sala")));
    client.take_in(vec![erased(6, "#sala", (1, 1), "eva")]);
    assert!(!client.0.state.lacks_erasures(&target("#sala")));
    let client = restart_from_a_checkpoint(client, &disk);
    assert_eq!(rows(&client, "luis"), ["direct "]);
    assert_eq!(files_with(&disk, ";direct"), [""; 0]);
}

fn room_message(number: u64) -> Event {
    let Event::Message(message) = message(number, "eva", "e", "hola") else { panic!() };
    Event::Message(Arc::new(Message { to: target("#sala"), ..Message::clone(&message) }))
}

#[test]
fn a_row_of_an_earlier_store_that_an_event_names_by_its_new_number_is_found_in_the_history() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("before", 0);
    let two = message(2, "luis", "b", "two-secret");
    client.take_in(vec![message(1, "luis", "a", "one"), two.clone()]);
    client.log_in("after", 2);
    client.take_in(vec![erased(3, "luis", (2, 2), "luis")]);
    let state = &mut client.0.state;
    assert!(state.lacks_erasures(&target("luis")));
    let chat = Chat { target: target("luis"), last: seq(2), read: seq(0), count: 2, erased: 1 };
    let missing = state.compare(&[chat], false, seq(3));
    assert!(missing.len() == 1 && missing[0].seeks_erased);
    let Event::Message(without_text) = emptied(&two) else { panic!() };
    let page = [HistoryRecord::Message { message: without_text, state: State::Received }];
    assert!(state.add_missed(&missing[0], &page).is_empty());
    state.note_erased_of(&page);
    state.note_complete(&missing[0], None, 0);
    client.0.commit().unwrap();
    assert_eq!(rows(&client, "luis"), ["in one", "in "]);
    let Client(home) = &mut client;
    assert!(!home.state.lacks_erasures(&target("luis")));
    drop(restart_from_a_checkpoint(client, &disk));
    assert_eq!(files_with(&disk, "secret"), [""; 0]);
}
