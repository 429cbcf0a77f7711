//! The log never outgrows its segment: the longest records that there are, at each distance from the segment's end.

use std::path::Path;
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL, user};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::{Disk, read};
use wachat::limits;
use wachat::model::{Banned, Email, MessageId, NewAccount, Seq, ShortText, Target, Text, Timestamp, UserName};
use wachat::protocol::Reply;
use wachat::protocol::request::After;
use wachat::server::GroupCommit;
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Policy};
use wachat::store::{Opened, Sizes, Store};
use wachat::wal::{Location, Wal, make_segment};

const DATA: &str = "/data";

/// Segments as small as a server can use, so that nearly every batch ends near the end of one.
const SIZES: Sizes = Sizes { segment_bytes: 2 * SMALL.segment_bytes, checkpoint_bytes: u64::MAX };

/// A name whose stored form is the longest: in each of its two forms a character takes as many bytes as any.
fn longest_name(number: usize) -> String {
    let digits = format!("{number:04}");
    let capital = "\u{10400}".repeat(limits::NAME_CHARS - digits.len());
    format!("{capital}{digits}")
}

/// A server's log with as many users as one record of acknowledgements names, each with a session.
struct Bounds {
    harness: GroupCommitHarness,
    users: usize,
    /// Lowest number that the next acknowledgement of the first user names.
    acknowledged: u64,
    sent: u64,
}

impl Bounds {
    fn new(disk: &SimulatedDisk) -> Self {
        let harness = GroupCommitHarness::serve_with(Store::new(Arc::new(disk.clone()), Path::new(DATA)), SIZES);
        let mut bounds = Self { harness, users: limits::ACKNOWLEDGEMENTS, acknowledged: 0, sent: 0 };
        for number in 0..bounds.users {
            let hash = "$".repeat(100).into();
            bounds.execute(0, Command::Register { name: user(&longest_name(number)), password_hash: hash });
            let open = Command::Open {
                user: user(&longest_name(number)),
                device: None,
                key: None,
                order: 1,
                address: [127, 0, 0, 1].into(),
            };
            bounds.execute(number, open);
        }
        bounds.harness.group_commit.commit().expect("a commit");
        bounds
    }

    /// Executes a command as the router does: it makes room before each.
    fn execute(&mut self, connection: usize, command: Command) {
        if !self.harness.group_commit.has_room() {
            self.harness.group_commit.commit().expect("a commit");
            self.harness.close_segment();
        }
        self.harness.time += 1;
        let now = Now { at: Timestamp::from_millis(self.harness.time), ..Now::default() };
        let connection = ConnectionId(connection as u64 + 1);
        self.harness.group_commit.execute(connection, command, now).expect("a command");
    }

    fn end_batch(&mut self) {
        if !self.harness.group_commit.has_room() {
            self.harness.group_commit.commit().expect("a commit");
            self.harness.close_segment();
        }
        let now = Now { at: Timestamp::from_millis(self.harness.time), ..Now::default() };
        self.harness.group_commit.end_batch(now).expect("a batch");
        self.harness.group_commit.commit().expect("a commit");
    }

    /// Executes a command in a batch of its own that has to be accepted.
    fn request(&mut self, command: Command) {
        self.execute(0, command);
        self.end_batch();
        let mut effects = Vec::new();
        self.harness.group_commit.release_effects(&mut effects);
        for effect in effects {
            if let Effect::Reply(_, Reply::Ko(ko)) = effect {
                panic!("{ko}");
            }
        }
    }

    /// A SEND of a text of this length to oneself.
    fn send(&mut self, bytes: usize) -> Command {
        self.sent += 1;
        let id = format!("{:0>width$}", self.sent, width = limits::ID_BYTES);
        let name = longest_name(self.sent as usize % self.users);
        Command::Send {
            user: user(&name),
            id: MessageId::new(&id).expect("an id"),
            to: Ok(Target::User(user(&name))),
            text: Text::new(&"x".repeat(bytes)).expect("a text"),
        }
    }

    /// An acknowledgement of each user, no two of the same number: the longest record of them.
    fn acknowledge_all(&mut self) {
        self.acknowledged += 1;
        for number in 0..self.users {
            let upto = self.acknowledged + (number as u64) % 997;
            let after = After::Number(Seq::new(upto).expect("a number"));
            self.execute(number, Command::Poll { after, wait: Some(0), max: 1 });
        }
    }
}

/// Returns the newest number that the store has after it was opened again.
fn reopened(disk: &SimulatedDisk) -> Seq {
    let store = Store::new(Arc::new(disk.clone()), Path::new(DATA));
    let opened = store.open(Policy::default(), SIZES).unwrap_or_else(|error| panic!("{error}"));
    opened.machine.stored.last
}

#[test]
fn a_batch_of_acknowledgements_and_the_longest_message_fits_at_each_distance_from_the_end() {
    let disk = SimulatedDisk::default();
    let mut bounds = Bounds::new(&disk);
    for _ in 0..bounds.users {
        let note = bounds.send(1);
        bounds.execute(0, note);
    }
    bounds.end_batch();
    // Steps that are no divisor of anything: the distance takes each length up to the longest record.
    for step in 0..40 {
        let filler = bounds.send(1 + step * 1_511);
        bounds.request(filler);
        bounds.acknowledge_all();
        let longest = bounds.send(limits::TEXT_BYTES);
        bounds.request(longest);
    }
    let last = bounds.harness.group_commit.state().last;
    drop(bounds);
    assert_eq!(reopened(&disk), last);
}

#[test]
fn a_batch_that_does_not_fit_is_refused_before_a_byte_is_written() {
    let disk = SimulatedDisk::default();
    let size = 1_024;
    disk.create_dir(Path::new(DATA)).unwrap();
    let location = Location { disk: Arc::new(disk.clone()), directory: DATA.into(), owner: "test".into() };
    let content = || read(&disk, &location.segment(1)).unwrap();
    for length in 800..size {
        let mut wal = Wal::new(make_segment(&location, 1, size as u64).unwrap(), None, 1);
        let before = content();
        wal.append(|batch| batch.resize(length, b'x'));
        match wal.commit() {
            Ok(()) => assert_eq!(content().len(), size, "a batch of {length} bytes"),
            Err(error) => {
                assert!(error.to_string().contains(&format!("a batch of {length} bytes does not fit")), "{error}");
                assert_eq!(content(), before);
            }
        }
    }
}

/// The longest command of each kind that makes a record.
fn longest_command(bounds: &mut Bounds, random: &mut Random) -> Command {
    let number = random.below(bounds.users as u64) as usize;
    let name = user(&longest_name(number));
    let hash = "$".repeat(limits::PASSWORD_HASH_BYTES);
    let email = Email::new(&format!("a@{}", "x".repeat(limits::EMAIL_BYTES - 2))).expect("an address");
    let room = Ok(Target::parse(&format!("#{}", longest_name(number % 20))).expect("a room"));
    match random.below(9) {
        0 => Command::SetPassword { user: name, asked: None, password_hash: hash.into() },
        1 => Command::SetEmail { user: name, email },
        2 => Command::Join { user: name, room },
        3 => Command::Leave { user: name, room },
        4 => {
            let reason = ShortText::new(&"\\".repeat(limits::SHORT_TEXT_BYTES)).expect("a reason");
            Command::Ban { banned: Banned::User(name), until: Some(Timestamp::from_millis(u64::MAX)), reason }
        }
        5 => Command::Unban { banned: Banned::User(name) },
        6 => {
            let new = UserName::new(&longest_name(2_000 + random.below(2_000) as usize)).expect("a name");
            let account = NewAccount { name: new, password_hash: hash.into(), email };
            Command::AddAccounts { accounts: vec![account], lobby: true }
        }
        _ => bounds.send(limits::TEXT_BYTES - random.below(20) as usize),
    }
}

#[test]
fn the_longest_command_fit_in_any_order_at_any_distance_from_the_end() {
    let disk = SimulatedDisk::default();
    let mut bounds = Bounds::new(&disk);
    for _ in 0..bounds.users {
        let note = bounds.send(1);
        bounds.execute(0, note);
    }
    bounds.end_batch();
    let mut random = Random::new(1);
    for _ in 0..60 {
        let filler = bounds.send(random.below(60_000) as usize);
        bounds.execute(0, filler);
        bounds.acknowledge_all();
        for _ in 0..random.below(4) {
            let command = longest_command(&mut bounds, &mut random);
            bounds.execute(0, command);
        }
        bounds.end_batch();
    }
    let last = bounds.harness.group_commit.state().last;
    drop(bounds);
    assert_eq!(reopened(&disk), last);
}

#[test]
fn a_large_checkpoint_does_not_let_the_log_grow_without_end() {
    // The log that no checkpoint covers, and whether a checkpoint is due, and the server waits for it.
    let most = limits::CHECKPOINT_BYTES * limits::UNCOVERED_FACTOR;
    let expected = [(most / 2 - 1, false, false), (most / 2, true, false), (most - 1, true, false), (most, true, true)];
    for (closed_bytes, is_due, waits) in expected {
        let store = Store::new(Arc::new(SimulatedDisk::default()), Path::new(DATA));
        let opened = store.open(Policy::default(), Sizes::default()).expect("a store");
        let group_commit =
            GroupCommit::new(Opened { closed_bytes, checkpoint_bytes: 100 << 30, ..opened }, Sizes::default());
        assert_eq!(group_commit.wants_checkpoint(true).is_some(), is_due, "{closed_bytes} bytes");
        assert_eq!(group_commit.is_far_uncovered(), waits, "{closed_bytes} bytes");
    }
}
