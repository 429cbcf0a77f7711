//! The client's files with every fault at every disk call, when a pipe has left messages that a person's
//! client takes over: what the user saw as queued is not lost, and nothing is doubled. And its history,
//! cut at every byte and with every bit turned: damage is said with its line.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::random::Random;
use wachat::client::error::LedgerError;
use wachat::client::history::History;
use wachat::client::home::{Home, Use};
use wachat::client::outbox::Waiting;
use wachat::disk::{self, Disk, Fault, SimulatedDisk};
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use wachat::protocol::{Code, Event, Ko};
use wachat::record::Fields;

const HOME: &str = "/home/ana";
const FILE: &str = "/messages.csv";

fn ana() -> UserName {
    UserName::new("ana").unwrap()
}

fn target(name: &str) -> Target {
    Target::parse(name).unwrap()
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

fn waiting(id: &str, to: &str) -> Waiting {
    let text = Text::new(&format!("{id};\"{}", "y".repeat(600))).unwrap();
    Waiting { id: MessageId::new(id).unwrap(), to: target(to), at: Timestamp::from_millis(1), text }
}

/// A message for ana, under this number.
fn received(number: u64) -> (Seq, Option<Event>) {
    let (id, from) = (MessageId::new(&format!("theirs-{number}")).unwrap(), UserName::new("luis").unwrap());
    let text = Text::new(&"x".repeat(700)).unwrap();
    let (at, to) = (Timestamp::from_millis(2), Target::User(ana()));
    (seq(number), Some(Event::Message(Arc::new(Message { seq: seq(number), id, from, to, at, text }))))
}

fn delivered(number: u64, upto: u64) -> (Seq, Option<Event>) {
    let (at, state) = (Timestamp::from_millis(3), State::Delivered);
    (seq(number), Some(Event::State { seq: seq(number), target: target("luis"), state, upto: seq(upto), at }))
}

/// A client's files, and what its user and its server were told.
#[derive(Default)]
struct Client {
    disk: SimulatedDisk,
    /// What was typed, and what of it was called queued.
    typed: Vec<String>,
    queued: HashSet<String>,
    /// What the server was told to let go.
    acknowledged: u64,
}

type Done = Result<(), LedgerError>;

impl Client {
    fn open(&self, how: Use) -> Result<Home, LedgerError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        Home::open(&disk, Path::new(HOME), &ana(), how)
    }

    /// A pipe that leaves a message behind, the person's client that takes it over, and another start.
    fn live(&mut self) -> Done {
        self.pipe()?;
        let home = self.person()?;
        for (id, to) in [("a1", "luis"), ("a2", "luis"), ("a3", "nobody")] {
            self.queue(&home, id, to)?;
        }
        home.accepted(&waiting("p2", "luis"), Timestamp::from_millis(4), seq(2))?;
        home.accepted(&waiting("a1", "luis"), Timestamp::from_millis(4), seq(3))?;
        home.failed(&waiting("a3", "nobody"), &Ko::from(Code::NoUser))?;
        self.take_in(&home, vec![received(4), delivered(5, 3), received(6)])?;
        self.queue(&home, "a4", "eva")?;
        drop(home);
        let home = self.person()?;
        home.accepted(&waiting("a2", "luis"), Timestamp::from_millis(5), seq(7))?;
        self.take_in(&home, vec![received(8)])
    }

    fn pipe(&mut self) -> Done {
        let home = self.open(Use::Pipe)?;
        self.queue(&home, "p1", "luis")?;
        self.queue(&home, "p2", "luis")?;
        home.accepted(&waiting("p1", "luis"), Timestamp::from_millis(4), seq(1)).map(drop)
    }

    fn person(&mut self) -> Result<Home, LedgerError> {
        let home = self.open(Use::Person)?;
        home.history.lock().begin("store-1", Seq::ZERO)?;
        Ok(home)
    }

    fn queue(&mut self, home: &Home, id: &str, to: &str) -> Done {
        self.typed.push(id.to_owned());
        home.outbox.lock().queue(waiting(id, to))?;
        self.queued.insert(id.to_owned());
        Ok(())
    }

    fn take_in(&mut self, home: &Home, events: Vec<(Seq, Option<Event>)>) -> Done {
        home.history.lock().take_in(events)?;
        self.acknowledged = home.history.lock().position().get();
        let shown = home.history.lock().unshown().len();
        home.history.lock().mark_shown(shown)
    }

    /// A new start finds what was promised; what it shows is promised from then on.
    fn check(&mut self, context: &str) {
        let home = self.open(Use::Person).unwrap_or_else(|error| panic!("{context}: {error}"));
        let (rows, position) = (self.rows(), home.history.lock().position().get());
        let waits: Vec<_> = home.outbox.lock().waiting().map(|message| message.id.to_string()).collect();
        for id in &self.typed {
            let places = [&waits, &rows.sent, &rows.failed];
            let count = places.iter().map(|ids| ids.iter().filter(|one| *one == id).count()).sum::<usize>();
            let fine = count == 1 || count == 0 && !self.queued.contains(id);
            assert!(fine, "{context}: {id} is {count} times in outbox, sent and failed: {places:?}");
            if count == 1 {
                self.queued.insert(id.clone());
            }
        }
        assert!(position >= self.acknowledged, "{context}: acknowledged {}, holds {position}", self.acknowledged);
        let there: Vec<u64> = [4, 6, 8].into_iter().filter(|number| *number <= position).collect();
        assert_eq!(rows.received, there, "{context}: holds up to {position}");
        self.acknowledged = position;
    }

    /// The history file, read by this test alone.
    fn rows(&self) -> Rows {
        let bytes = disk::read(&self.disk, &Path::new(HOME).join("history/messages.csv")).unwrap();
        let mut rows = Rows::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            let fields = Fields::parse(line).unwrap();
            let field = |index| fields.get(index).unwrap().to_owned();
            match fields.get(0).unwrap() {
                "OUT" => rows.sent.push(field(2)),
                "FAILED" => rows.failed.push(field(1)),
                "IN" => rows.received.push(field(1).parse().unwrap()),
                _ => {}
            }
        }
        rows
    }
}

#[derive(Default)]
struct Rows {
    sent: Vec<String>,
    failed: Vec<String>,
    received: Vec<u64>,
}

const FAULTS: [Fault; 4] =
    [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::ShortWrite, Fault::Stop];

/// What is kept of the unsynced, in per cent, and whether another start comes before the power goes.
const ENDS: [(u64, bool); 6] = [(0, true), (50, true), (0, false), (100, false), (50, false), (20, false)];

#[test]
fn every_call_fails_in_every_way_and_nothing_is_lost_or_doubled() {
    let mut whole = Client::default();
    whole.live().unwrap();
    let calls = whole.disk.calls();
    let cases: Vec<_> = (1..=calls).flat_map(|call| FAULTS.map(|fault| (call, fault))).collect();
    println!("{calls} calls, {} lives", cases.len() * ENDS.len());
    for (call, fault) in cases {
        for (share, first_a_kill) in ENDS {
            one_life(call, fault, share, first_a_kill);
        }
    }
}

fn one_life(call: u64, fault: Fault, share: u64, first_a_kill: bool) {
    let context = format!("call {call}, {fault:?}, keeps {share} %, a start between: {first_a_kill}");
    let (mut client, mut random) = (Client::default(), Random::new(call));
    client.disk.fail(call, fault);
    if let Err(error) = client.live() {
        assert!(error.to_string().contains(" /"), "{context}: which file? {error}");
    }
    client.disk.heal();
    if first_a_kill {
        client.check(&context);
    }
    client.disk = client.disk.after_power_cut(|| random.chance(share));
    client.check(&context);
    client.disk = client.disk.after_power_cut(|| false);
    client.check(&context);
}

/// A history of several batches, and where they begin; the first line ends there, too.
struct Written {
    disk: SimulatedDisk,
    bytes: Vec<u8>,
    bounds: Vec<usize>,
}

fn history(disk: &SimulatedDisk) -> Result<(History, Option<PathBuf>), LedgerError> {
    History::open(Arc::new(disk.clone()), FILE.into(), ana())
}

fn open(disk: &SimulatedDisk) -> Result<Option<PathBuf>, LedgerError> {
    history(disk).map(|(_, torn)| torn)
}

impl Written {
    fn new() -> Self {
        let disk = SimulatedDisk::default();
        let (mut history, _) = history(&disk).unwrap();
        history.begin("store-1", Seq::ZERO).unwrap();
        history.take_in(vec![received(4)]).unwrap();
        history.add_sent(&waiting("a1", "luis"), Timestamp::from_millis(4), seq(5)).unwrap();
        history.mark_shown(1).unwrap();
        history.take_in(vec![delivered(6, 5), received(7)]).unwrap();
        Self::of(disk)
    }

    fn of(disk: SimulatedDisk) -> Self {
        let bytes = disk::read(&disk, Path::new(FILE)).unwrap();
        let (mut bounds, mut at) = (Vec::new(), 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            at += line.len();
            if at == line.len() || line.starts_with(b"END;") {
                bounds.push(at);
            }
        }
        Self { disk, bytes, bounds }
    }

    /// How many batches are whole before this byte; `None` in the first line.
    fn batch(&self, byte: usize) -> Option<usize> {
        self.bounds.iter().rposition(|bound| *bound <= byte)
    }

    fn with(&self, bytes: &[u8]) -> SimulatedDisk {
        let disk = self.disk.after_power_cut(|| true);
        disk.tamper(Path::new(FILE), |old| *old = bytes.to_vec());
        disk
    }

    fn assert_refused(&self, bytes: &[u8], line: usize, context: &str) {
        let disk = self.with(bytes);
        let said = open(&disk).expect_err(context).to_string();
        let damaged = format!("{FILE} is damaged from line {line} on");
        let strange = format!("{FILE} begins with ");
        assert!(said.starts_with(&damaged) || line == 1 && said.starts_with(&strange), "{context}: {said}");
        assert!(disk::read(&disk, Path::new(FILE)).unwrap() == bytes, "{context}: it was changed");
    }

    /// The first batches are left, and the rest is set aside.
    fn assert_torn(&self, bytes: &[u8], batches: usize, context: &str) {
        let (disk, end) = (self.with(bytes), self.bounds[batches]);
        let aside = open(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert!(disk::read(&disk, Path::new(FILE)).unwrap() == bytes[..end], "{context}: other batches are left");
        if bytes.len() == end {
            return assert_eq!(aside, None, "{context}");
        }
        let aside = aside.unwrap_or_else(|| panic!("{context} went unnoticed"));
        assert!(disk::read(&disk, &aside).unwrap() == bytes[end..], "{context}: other bytes were set aside");
        assert_eq!(open(&disk).unwrap(), None, "{context}: it is said again");
    }

    /// The line that a byte is in, from 1.
    fn line(&self, byte: usize) -> usize {
        1 + self.bytes[..byte].iter().filter(|byte| **byte == b'\n').count()
    }

    /// Whether a byte is of the number in a mark.
    fn is_number_of_mark(&self, byte: usize) -> bool {
        let start = self.bytes[..byte].iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1);
        let number = |before: &[u8]| before.iter().chain(&self.bytes[byte..=byte]).all(u8::is_ascii_digit);
        self.bytes[start..byte].strip_prefix(b"END;").is_some_and(number)
    }

    fn flip(&self, byte: usize, bit: u32) {
        let mut changed = self.bytes.clone();
        changed[byte] ^= 1 << bit;
        let context = format!("bit {bit} of byte {byte}");
        let last = self.bounds.len() - 2;
        match self.batch(byte) {
            None => self.assert_refused(&changed, 1, &context),
            Some(batch) if batch < last => self.assert_refused(&changed, self.line(self.bounds[batch]), &context),
            // A mark of another number is no part of any torn batch.
            Some(batch) if self.is_number_of_mark(byte) && changed[byte].is_ascii_digit() => {
                self.assert_refused(&changed, self.line(self.bounds[batch]), &context);
            }
            Some(batch) => self.assert_torn(&changed, batch, &context),
        }
    }
}

#[test]
fn a_history_cut_at_any_byte_is_the_whole_batches_before_it() {
    let written = Written::new();
    for cut in 0..=written.bytes.len() {
        match written.batch(cut) {
            None => written.assert_refused(&written.bytes[..cut], 1, &format!("cut at {cut}")),
            Some(batches) => written.assert_torn(&written.bytes[..cut], batches, &format!("cut at {cut}")),
        }
    }
}

#[test]
fn no_bit_of_a_history_turns_unnoticed() {
    let written = Written::new();
    assert!(written.bounds.len() >= 5, "{:?}", written.bounds);
    let bits = (0..written.bytes.len()).flat_map(|byte| (0..8).map(move |bit| (byte, bit)));
    bits.for_each(|(byte, bit)| written.flip(byte, bit));
}
