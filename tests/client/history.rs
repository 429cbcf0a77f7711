//! The client's files by themselves: what they take in, what they refuse, what they leave out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::simulated_disk::{Fault, SimulatedDisk};
use wachat::client::state::Arrival;
use wachat::client::state::error::LogError;
use wachat::client::state::home::{self, Home, Use};
use wachat::client::state::lookup::{Lookup, look_up};
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::row::Row;
use wachat::disk::{Disk, RealDisk};
use wachat::model::{Message, MessageId, State, Target, Text, Timestamp};
use wachat::protocol::{Chat, Event, HistoryRecord};
use wachat::wal::WalError;

use crate::support::World;
use crate::support::client_files::records_on;
use crate::support::process::Process;
pub(super) use crate::support::values::{seq, target, user};

pub(super) const HOME: &str = "/home/ana";

/// A client's state and log; each decision is committed at once.
pub(super) struct Client(pub(super) Home);

pub(super) fn open(disk: &SimulatedDisk) -> Result<Client, LogError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Home::open(&disk, Path::new(HOME), &user("ana"), Use::Person).map(Client)
}

impl Client {
    pub(super) fn log_in(&mut self, store: &str, acknowledged: u64) -> bool {
        let seen = self.0.state.note_login(store, seq(acknowledged));
        self.0.commit().unwrap();
        seen
    }

    pub(super) fn take_in(&mut self, events: Vec<Event>) -> Vec<Arrival> {
        let arrivals = self.0.state.take_in(events);
        self.0.commit().unwrap();
        arrivals
    }

    pub(super) fn queue(&mut self, message: &Outgoing) -> Result<(), LogError> {
        self.0.state.queue(message.clone());
        self.0.commit()
    }

    pub(super) fn accept(&mut self, message: &Outgoing, number: u64) -> State {
        let state = self.0.state.accept(&message.id, Timestamp::default(), seq(number));
        self.0.commit().unwrap();
        state
    }

    pub(super) fn waiting(&self) -> Vec<&Outgoing> {
        self.0.state.outbox().iter().collect()
    }
}

pub(super) fn message(number: u64, from: &str, id: &str, text: &str) -> Event {
    let message = Message {
        seq: seq(number),
        id: MessageId::new(id).unwrap(),
        from: user(from),
        to: target("ana"),
        at: Timestamp::from_millis(1),
        text: Text::new(text).unwrap(),
    };
    Event::Message(Arc::new(message))
}

pub(super) fn state(number: u64, place_name: &str, state: State, upto: u64) -> Event {
    let at = Timestamp::default();
    Event::State { seq: seq(number), target: target(place_name), state, upto: seq(upto), at }
}

pub(super) fn texts(arrivals: &[Arrival]) -> Vec<String> {
    let text = |arrival: &Arrival| match arrival {
        Arrival::Message(message) => Some(message.text.to_string()),
        _ => None,
    };
    arrivals.iter().filter_map(text).collect()
}

pub(super) fn outgoing(to: &str, text: &str) -> Outgoing {
    let id = MessageId::new(&format!("{to}-{text}")).unwrap();
    Outgoing { id, to: target(to), at: Timestamp::from_millis(1), text: Text::new(text).unwrap() }
}

pub(super) fn rows(client: &Client, name: &str) -> Vec<String> {
    let rows = client.0.state.last_rows(&target(name), 100);
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
fn a_repeated_message_is_stored_once() {
    let mut client = open(&SimulatedDisk::default()).unwrap();
    client.log_in("store", 0);
    let first = vec![message(3, "luis", "a", "one"), message(5, "luis", "b", "two")];
    assert_eq!(texts(&client.take_in(first.clone())), ["one", "two"]);
    let again = [first, vec![message(6, "luis", "c", "three")]].concat();
    assert_eq!(texts(&client.take_in(again)), ["three"]);
    assert_eq!(client.0.state.position(), seq(6));
    // Within one store a number is what a message is known by: an id may serve twice.
    assert_eq!(texts(&client.take_in(vec![message(7, "luis", "c", "three")])), ["three"]);
}

#[test]
fn unread_messages_are_those_above_the_read_mark_but_for_hidden_users() {
    let mut client = open(&SimulatedDisk::default()).unwrap();
    client.log_in("store", 0);
    client.take_in((1..=3).map(|n| message(n, "luis", &n.to_string(), "text")).collect());
    let unread = |client: &Client, read| {
        let unread = client.0.state.unread(&target("luis"), seq(read));
        unread.map(|(count, more, last)| (count, more, last.seq))
    };
    assert_eq!(unread(&client, 0), Some((3, false, seq(3))));
    assert_eq!(unread(&client, 1), Some((2, false, seq(3))));
    assert_eq!(unread(&client, 3), None);
    client.0.state.toggle_ignored(&user("luis"));
    assert_eq!(unread(&client, 0), None);
}

#[test]
fn a_restored_store_sends_again_what_is_held_and_nothing_is_doubled_or_skipped() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("before", 0);
    client.take_in(vec![
        message(1, "luis", "a", "one"),
        message(2, "luis", "b", "two"),
        message(3, "luis", "c", "three"),
    ]);
    drop(client);
    let mut client = open(&disk).unwrap();
    assert!(client.log_in("after", 1), "another store");
    assert_eq!(client.0.state.position(), seq(1));
    // The backup had two; three was lost with what came after it, and its number is given anew.
    let events = vec![message(2, "luis", "b", "two"), message(3, "luis", "d", "other")];
    assert_eq!(texts(&client.take_in(events)), ["other"]);
    drop(client);
    let mut client = open(&disk).unwrap();
    assert!(!client.log_in("after", 3), "the same store");
    // Luis's client sends three again, under its old id.
    assert!(client.take_in(vec![message(4, "luis", "c", "three")]).is_empty());
    assert_eq!(client.0.state.position(), seq(4));
    assert_eq!(rows(&client, "luis"), ["in one", "in two", "in three", "in other"]);
}

#[test]
fn rows_stand_in_the_order_of_their_numbers_and_states_only_move_forward() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("store", 0);
    let one = outgoing("luis", "one");
    let two = outgoing("luis", "two");
    client.queue(&one).unwrap();
    client.queue(&two).unwrap();
    // The poll was faster than the answers to two SENDs, and one STATE than both.
    client.take_in(vec![message(3, "luis", "x", "three"), state(4, "luis", State::Read, 1)]);
    assert_eq!(client.accept(&one, 1), State::Read);
    assert_eq!(client.accept(&two, 2), State::Received);
    let order = ["out one READ", "out two RECEIVED", "in three"];
    assert_eq!(rows(&client, "luis"), order);
    assert!(client.take_in(vec![state(5, "luis", State::Delivered, 1)]).is_empty(), "nothing moved");
    let on = client.take_in(vec![state(6, "luis", State::Delivered, 2)]);
    assert!(matches!(on.as_slice(), [Arrival::Moved(State::Delivered, moved)] if moved.others == 0), "{on:?}");
    drop(client);
    assert_eq!(rows(&open(&disk).unwrap(), "luis"), ["out one READ", "out two DELIVERED", "in three"]);
}

#[test]
fn a_note_to_oneself_advances_although_it_came_before_its_ok() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("store", 0);
    let note = outgoing("ana", "note");
    client.queue(&note).unwrap();
    client.take_in(vec![message(1, "ana", note.id.as_str(), "note")]);
    assert_eq!(client.accept(&note, 1), State::Received);
    let moved = client.take_in(vec![state(2, "ana", State::Delivered, 1)]);
    assert!(matches!(moved.as_slice(), [Arrival::Moved(State::Delivered, _)]), "{moved:?}");
    assert_eq!(rows(&client, "ana"), ["out note DELIVERED"]);
    drop(client);
    assert_eq!(rows(&open(&disk).unwrap(), "ana"), ["out note DELIVERED"], "the replay comes to the same");
}

/// Takes in messages of luis, a thousand in each batch, and compares after each as a client does: the server has no more.
fn receive_many(home: &mut Home, numbers: std::ops::RangeInclusive<u64>, text: &str) {
    let last = *numbers.end();
    for first in numbers.step_by(1_000) {
        let some = first..=last.min(first + 999);
        home.state.take_in(some.map(|n| message_at(n, n, &format!("{text} {n}"))).collect());
        home.state.mark_shown(1_000);
        let last = seq(last.min(first + 999));
        let chat = Chat { target: target("luis"), last, read: seq(0), count: last.get(), erased: 0 };
        assert!(home.state.compare(&[chat], false, last).is_empty());
        home.commit().unwrap();
        home.files.make_checkpoint_when_due(&mut home.state).unwrap();
    }
}

fn message_at(number: u64, at: u64, text: &str) -> Event {
    let Event::Message(message) = message(number, "luis", &format!("id-{number}"), text) else { unreachable!() };
    Event::Message(Arc::new(Message { at: Timestamp::from_millis(at), ..(*message).clone() }))
}

#[test]
fn memory_holds_the_last_rows_and_a_lookup_finds_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let path = directory.path().join("ana");
    let open = || Home::open(&disk, &path, &user("ana"), Use::Person).unwrap();
    let mut home = open();
    home.state.note_login("store", seq(0));
    home.state.queue(outgoing("luis", "early"));
    home.state.accept(&outgoing("luis", "early").id, Timestamp::default(), seq(1));
    home.state.add_direct(direct("early"));
    receive_many(&mut home, 2..=30_000, "text");
    home.state.queue(outgoing("luis", "waits"));
    home.state.add_direct(direct("late"));
    // This state is of a row that only the log has.
    home.state.take_in(vec![state(30_001, "luis", State::Read, 1)]);
    home.commit().unwrap();
    for restarted in [false, true] {
        if restarted {
            drop(home);
            home = open();
        }
        let waiting: Vec<_> = home.state.outbox().iter().map(|message| message.text.as_str().to_owned()).collect();
        assert_eq!(
            (waiting, home.state.position(), home.state.store()),
            (vec!["waits".to_owned()], seq(30_001), "store")
        );
        assert_eq!(home.state.unshown().count(), 0);
        let rows = home.state.last_rows(&target("luis"), usize::MAX);
        assert!((1_000..20_000).contains(&rows.len()), "{}", rows.len());
        assert!(home.state.lacks_rows(&target("luis")));
        let unread = |read| home.state.unread(&target("luis"), seq(read)).map(|(count, more, _)| (count, more));
        assert_eq!(unread(29_990), Some((10, false)));
        let received = rows.iter().filter(|row| matches!(row, Row::Received(_))).count();
        assert_eq!(unread(0), Some((received, true)), "the log has more of them");
        let (directory, covered) = home.files.covered().unwrap();
        let last_five = look_up(&directory, &covered, &user("ana"), &Lookup::Last(target("luis"), 5)).unwrap();
        assert_eq!(last_five.len(), 5);
        let look_up = |lookup: Lookup| {
            let (directory, covered) = home.files.covered().unwrap();
            let older = look_up(&directory, &covered, &user("ana"), &lookup).unwrap();
            home.state.with_rows_in_memory(older, &lookup)
        };
        let all = look_up(Lookup::Last(target("luis"), usize::MAX));
        assert_eq!(all.iter().filter(|(_, row)| matches!(row, Row::Direct(_))).count(), 2);
        let seqs = |rows: Vec<(Target, Row)>| rows.iter().filter_map(|(_, row)| row.seq()).collect::<Vec<_>>();
        assert_eq!(seqs(all), (1..=30_000).map(seq).collect::<Vec<_>>());
        assert_eq!(seqs(look_up(Lookup::Words(vec!["29999".to_owned()]))), [seq(29_999)]);
        let early = look_up(Lookup::Words(vec!["early".to_owned()]));
        assert!(matches!(&early[..], [(_, Row::Sent(_, State::Read))]), "{early:?}");
    }
}

#[test]
fn a_long_outbox_of_a_pipe_is_taken_over_whole() {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut pipe = Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
    let text = "x".repeat(50_000);
    for number in 0..40 {
        let message = Outgoing { text: Text::new(&text).unwrap(), ..outgoing("luis", &number.to_string()) };
        pipe.queue(&message).unwrap();
        pipe.0.files.make_checkpoint_when_due(&mut pipe.0.state).unwrap();
    }
    drop(pipe);
    assert_eq!(open(&disk).unwrap().waiting().len(), 40);
}

/// Makes a checkpoint now, and starts again from it.
pub(super) fn restart_from_a_checkpoint(mut client: Client, disk: &SimulatedDisk) -> Client {
    client.0.files.checkpoint_bytes = 0;
    client.0.files.make_checkpoint_when_due(&mut client.0.state).unwrap();
    drop(client);
    open(disk).unwrap()
}

/// A text that luis and ana said to each other directly.
pub(super) fn direct(id: &str) -> Arc<Message> {
    let Event::Message(message) = message(0, "luis", id, "direct") else { unreachable!() };
    message
}

#[test]
fn a_note_to_oneself_is_one_row_although_a_checkpoint_comes_between() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("store", 0);
    let note = outgoing("ana", "note");
    client.queue(&note).unwrap();
    client.take_in(vec![message(1, "ana", note.id.as_str(), "note")]);
    let mut client = restart_from_a_checkpoint(client, &disk);
    client.accept(&note, 1);
    assert_eq!(rows(&client, "ana"), ["out note RECEIVED"]);
    drop(client);
    assert_eq!(rows(&open(&disk).unwrap(), "ana"), ["out note RECEIVED"]);
}

/// The server's only message of a conversation is one of ana's, which this program has not sent.
fn fetch_what_is_missing(client: &mut Client, sent: &Outgoing) {
    let chat = Chat { target: target("luis"), last: seq(1), read: seq(0), count: 1, erased: 0 };
    let [missing] = &client.0.state.compare(&[chat], false, seq(1))[..] else { panic!("it is missing") };
    let Event::Message(message) = message(1, "ana", sent.id.as_str(), "sent") else { unreachable!() };
    let message = Arc::new(Message { to: target("luis"), ..(*message).clone() });
    let page = [HistoryRecord::Message { message, state: State::Received }];
    assert_eq!(client.0.state.add_missed(missing, &page).len(), 1);
    client.0.state.note_complete(missing, None, 0);
    client.0.commit().unwrap();
}

/// A pipe sends a message, and the client finds it by a comparison with the server.
fn compare_what_a_pipe_has_sent() -> (SimulatedDisk, Client) {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut client = open(&disk).unwrap();
    client.log_in("store", 0);
    let sent = outgoing("luis", "sent");
    let mut pipe = Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
    pipe.queue(&sent).unwrap();
    pipe.accept(&sent, 1);
    drop(pipe);
    fetch_what_is_missing(&mut client, &sent);
    (disk, client)
}

#[test]
fn what_a_pipe_has_sent_is_one_row_although_a_comparison_has_found_it_before() {
    let (disk, client) = compare_what_a_pipe_has_sent();
    let client = restart_from_a_checkpoint(client, &disk);
    assert_eq!(rows(&client, "luis"), ["out sent RECEIVED"]);
}

#[test]
fn what_a_pipe_has_sent_is_one_row_although_only_the_log_has_it() {
    let (disk, mut client) = compare_what_a_pipe_has_sent();
    client.0.state.remove_old_rows(0);
    let client = restart_from_a_checkpoint(client, &disk);
    assert!(rows(&client, "luis").is_empty() && client.0.state.lacks_rows(&target("luis")));
}

#[test]
fn messages_that_are_about_to_come_are_missed_when_another_program_takes_them() {
    let mut client = open(&SimulatedDisk::default()).unwrap();
    client.log_in("store", 0);
    client.take_in(vec![message(1, "luis", "a", "one")]);
    let chat = |last: u64| Chat { target: target("luis"), last: seq(last), read: seq(0), count: last, erased: 0 };
    let record = |number: u64| {
        let Event::Message(message) = message(number, "luis", &format!("id-{number}"), "text") else { unreachable!() };
        HistoryRecord::Message { message, state: State::Received }
    };
    // The messages 2 to 4 were not polled yet.
    let page = [record(1), record(2), record(3), record(4)];
    let missing = client.0.state.compare(&[chat(4)], false, seq(1));
    assert!(client.0.state.add_missed(&missing[0], &page).is_empty());
    client.0.state.note_complete(&missing[0], None, 3);
    // Another program polls them.
    let missing = client.0.state.compare(&[chat(4)], false, seq(4));
    assert_eq!(client.0.state.add_missed(&missing[0], &page).len(), 3);
    client.0.state.note_complete(&missing[0], None, 0);
    assert!(client.0.state.compare(&[chat(4)], false, seq(4)).is_empty());
}

#[test]
fn a_damaged_checkpoint_only_makes_the_start_slower() {
    let disk = SimulatedDisk::default();
    let mut client = open(&disk).unwrap();
    client.log_in("store", 0);
    receive_many(&mut client.0, 1..=2_000, &"x".repeat(1_000));
    drop(client);
    let state = |disk: &SimulatedDisk| {
        let client = open(disk).unwrap();
        (client.0.state.position(), rows(&client, "luis").len(), client.0.state.unshown().count())
    };
    let expected = (seq(2_000), 100, 0);
    assert_eq!(state(&disk), expected);
    let path = Path::new(HOME).join("checkpoint.csv");
    let content = wachat::disk::read(&disk, &path).unwrap();
    for cut in [0, 1, 100, content.len() / 2, content.len() - 1] {
        wachat::disk::write(&disk, &path, &content[..cut]).unwrap();
        assert_eq!(state(&disk), expected, "cut at {cut}");
        let mut turned = content.clone();
        turned[cut] ^= 1;
        wachat::disk::write(&disk, &path, &turned).unwrap();
        assert_eq!(state(&disk), expected, "a bit turned at {cut}");
    }
}

#[test]
fn messages_of_a_restored_server_are_known_although_a_checkpoint_has_left_them_out() {
    for restart in [false, true] {
        let disk = SimulatedDisk::default();
        let mut client = open(&disk).unwrap();
        client.log_in("store", 0);
        receive_many(&mut client.0, 1..=2_000, &"x".repeat(1_000));
        if restart {
            drop(client);
            client = open(&disk).unwrap();
        }
        client.log_in("restored", 0);
        let Client(Home { state, files }) = &mut client;
        files.restore_hashes(state).unwrap();
        let again = (1..=2_000).map(|n| message_at(n, n, &format!("{} {n}", "x".repeat(1_000)))).collect();
        assert_eq!(texts(&client.take_in(again)), [""; 0], "they are in the history");
        assert_eq!(texts(&client.take_in(vec![message(2_001, "luis", "new", "new")])), ["new"]);
    }
}

/// The figures are of a release build; this one is slower, and the machine may be busy. To read all would take seconds.
#[test]
fn with_a_million_messages_at_home_a_client_starts_at_once_and_small() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana"]);
    world.kill();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let path = home::directory(&world.path("home"), &user("ana"), &format!("127.0.0.1:{}", world.send_port));
    let mut home = Home::open(&disk, &path, &user("ana"), Use::Person).unwrap();
    home.state.note_login("store", seq(0));
    receive_many(&mut home, 1..=1_000_000, "a text of the usual length, more or less");
    drop(home);
    let mut ana = world.terminal("ana", &["--no-p2p"]);
    ana.expect("the server is away");
    let process = Process::of(ana.child.id());
    let cpu = process.cpu_time();
    let memory = process.peak();
    println!("the start took {cpu:?} of processor time and {memory} KiB");
    assert!(cpu < Duration::from_secs(1), "the start took {cpu:?}");
    assert!(memory < 64 << 10, "the start took {memory} KiB");
    ana.type_line("/search 123456");
    ana.expect("usual length, more or less 123456");
    assert!(process.peak() < 64 << 10, "the search took {} KiB", process.peak());
    ana.quit();
}

#[test]
fn after_a_failed_write_nothing_more_is_taken() {
    for fault in [Fault::ShortWrite, Fault::Error(std::io::ErrorKind::StorageFull)] {
        for later in 1..=2 {
            let disk = SimulatedDisk::default();
            let mut client = open(&disk).unwrap();
            disk.fail(disk.calls() + later, fault);
            let failed = client.queue(&outgoing("luis", "one"));
            assert!(matches!(failed, Err(LogError::Wal(WalError::Io { .. }))), "{failed:?}");
            // The disk works again, but what it holds is not known.
            let closed = client.queue(&outgoing("luis", "two"));
            assert!(matches!(closed, Err(LogError::Wal(WalError::Closed { .. }))), "{closed:?}");
        }
    }
}

#[test]
fn a_busy_pipe_is_emptied_when_its_messages_are_taken_over() {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    drop(open(&disk).unwrap());
    let mut pipe = Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
    for number in 1..=1_000 {
        let message = outgoing("luis", &number.to_string());
        pipe.queue(&message).unwrap();
        pipe.accept(&message, number);
    }
    drop(pipe);
    let client = open(&disk).unwrap();
    assert_eq!(rows(&client, "luis").len(), 100);
    assert_eq!(records_on(&disk, &Path::new(HOME).join("pipe-1")), [["NEWEST", "1000"]]);
    assert_eq!(records_on(&disk, Path::new(HOME)).iter().filter(|record| record[0] == "SENT").count(), 1_000);
}

#[test]
fn a_pipe_that_has_sent_much_reads_little() {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let pipe = || Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
    let mut busy = pipe();
    for number in 1..=10_000 {
        let message = outgoing("luis", &number.to_string());
        busy.0.state.queue(message.clone());
        busy.0.state.accept(&message.id, Timestamp::default(), seq(number));
        if number % 1_000 == 0 {
            busy.0.commit().unwrap();
        }
    }
    let queued = outgoing("luis", "queued");
    busy.queue(&queued).unwrap();
    assert_eq!(busy.0.state.note_attempt(&queued.id), None);
    busy.0.commit().unwrap();
    drop(busy);
    // The second start finds what the first one has left: the outbox, and above which number the message may be.
    drop(pipe());
    let mut again = pipe();
    assert_eq!(again.waiting(), [&queued]);
    assert_eq!(again.0.state.note_attempt(&queued.id), Some(seq(10_000)));
    let records = records_on(&disk, &Path::new(HOME).join("pipe-1"));
    assert_eq!(records.iter().map(|record| record[0].as_str()).collect::<Vec<_>>(), ["NEWEST", "QUEUED", "TRIED"]);
}

#[test]
fn the_log_of_a_pipe_is_taken_over_once_despite_a_crash_at_any_call() {
    for call in 0..200 {
        let disk = SimulatedDisk::default();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let first = open(&disk).unwrap();
        let mut pipe = Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
        let sent = outgoing("luis", "sent");
        let queued = outgoing("luis", "queued");
        pipe.queue(&sent).unwrap();
        pipe.queue(&queued).unwrap();
        pipe.accept(&sent, 1);
        drop((first, pipe));
        disk.fail(disk.calls() + call, Fault::Stop);
        drop(open(&disk));
        let mut keep = call;
        let disk = disk.after_power_cut(|| {
            keep = keep.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            keep >> 63 == 0
        });
        let client = open(&disk).unwrap();
        assert_eq!(client.waiting(), [&queued], "cut at call {call}");
        assert_eq!(rows(&client, "luis"), ["out sent RECEIVED"], "cut at call {call}");
    }
}

#[test]
fn a_message_that_pipes_have_passed_on_and_back_is_taken_over_once() {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let pipe = || Home::open(&shared, Path::new(HOME), &user("ana"), Use::Pipe).map(Client).unwrap();
    let queued = outgoing("luis", "queued");
    let mut first = pipe();
    first.queue(&queued).unwrap();
    // The second pipe begins while the first runs, and takes the message over only after that has ended.
    let second = pipe();
    assert!(second.waiting().is_empty());
    drop(first);
    let busy = open(&disk).unwrap();
    assert_eq!(busy.waiting(), [&queued]);
    drop(busy);
    // A pipe takes it from the person's log, another one from there, and the person's client last.
    let taken = pipe();
    assert_eq!(taken.waiting(), [&queued]);
    drop((second, taken));
    assert_eq!(pipe().waiting(), [&queued]);
    let mut client = open(&disk).unwrap();
    assert_eq!(client.waiting(), [&queued]);
    client.log_in("store", 0);
    client.accept(&queued, 1);
    drop(client);
    assert!(pipe().waiting().is_empty());
    assert_eq!(rows(&open(&disk).unwrap(), "luis"), ["out queued RECEIVED"]);
}

#[test]
fn directories_are_told_apart_and_their_names_are_harmless() {
    let base = Path::new("/base");
    let of = |name: &str, server: &str| home::directory(base, &user(name), server);
    assert_eq!(of("María", "Host:1"), of("MARÍA", "host:1"));
    for here in ["localhost:1", "LOCALHOST:1", "localhost.:1", "::1:1"] {
        assert_eq!(of("maria", here), of("maria", "127.0.0.1:1"));
    }
    let name = of("María", "Host:1");
    assert!(name.file_name().unwrap().to_str().unwrap().starts_with("mar_a-host_1-"), "{name:?}");
    let all = [
        of("maria", "127.0.0.1:1"),
        of("maria", "127.0.0.2:1"),
        of("maria", "host:1"),
        of("María", "host:1"),
        of("maria", "host:2"),
        of("maría2", "host:1"),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[..index].contains(one));
        let name = one.file_name().unwrap().to_str().unwrap();
        assert!(one.parent() == Some(base) && name.len() < 100, "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{name}");
    }
}

#[test]
fn other_users_of_the_machine_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let path = directory.path().join("home/ana");
    let mut client = Home::open(&disk, &path, &user("ana"), Use::Person).map(Client).unwrap();
    client.queue(&outgoing("luis", "secret")).unwrap();
    for (name, mode) in [("", 0o700), ("wal", 0o700), ("wal/000001.csv", 0o600), ("lock", 0o600)] {
        let found = fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
    let again = Home::open(&disk, &path, &user("ana"), Use::Person);
    assert!(matches!(again, Err(LogError::InUse { .. })), "one directory, one client");
}
