//! The client's files and a disk that loses power: what was called queued is not lost, what was
//! called received is not acknowledged too early, and nothing is doubled or reordered.
//!
//! A run is one seed: a random order of what the client's threads do, on a simulated disk, with a
//! power cut, a failing call or a short write at a random call, and a new start after it. A server
//! in memory answers as the protocol says. What a seed finds, it finds every time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use wachat::client::error::LedgerError;
use wachat::client::history::Arrival;
use wachat::client::home::{Home, Use};
use wachat::client::outbox::Waiting;
use wachat::disk::{self, Disk, Fault, SimulatedDisk};
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use wachat::protocol::{Code, Event, Ko};
use wachat::record::Fields;

const RUNS: u64 = 3_000;
const STEPS: usize = 60;

/// The workload that is played with every fault at every call.
const EVERY_CALL_SEED: u64 = 1;
const HOME: &str = "/home/ana";

/// A small generator of random numbers: the same seed gives the same run.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

fn ana() -> UserName {
    UserName::new("ana").unwrap()
}

fn user(name: &str) -> Target {
    Target::parse(name).unwrap()
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

/// As much of a server as ana's client can see.
#[derive(Default)]
struct Server {
    last: u64,
    acknowledged: u64,
    /// What ana sent: by id, and in order for each recipient.
    accepted: HashMap<MessageId, u64>,
    logs: BTreeMap<String, Vec<MessageId>>,
    /// What is for ana.
    mailbox: Vec<Event>,
    received: Vec<u64>,
}

impl Server {
    fn next(&mut self) -> Seq {
        self.last += 1;
        seq(self.last)
    }

    /// SEND: the same id again gets the same answer.
    fn accept(&mut self, message: &Waiting) -> Seq {
        if let Some(known) = self.accepted.get(&message.id) {
            return seq(*known);
        }
        let number = self.next();
        self.accepted.insert(message.id.clone(), number.get());
        self.logs.entry(message.to.to_string()).or_default().push(message.id.clone());
        number
    }

    fn write_to_ana(&mut self, text: &str) {
        let message = Message {
            seq: self.next(),
            id: MessageId::new(&format!("theirs-{}", self.last)).unwrap(),
            from: UserName::new("luis").unwrap(),
            to: Target::User(ana()),
            at: Timestamp::from_millis(1),
            text: Text::new(text).unwrap(),
        };
        self.received.push(message.seq.get());
        self.mailbox.push(Event::Message(Arc::new(message)));
    }

    fn deliver_to_luis(&mut self) {
        if let Some(last) = self.logs.get("luis").and_then(|log| log.last()).map(|id| self.accepted[id]) {
            let (number, target) = (self.next(), user("luis"));
            self.mailbox.push(Event::State {
                seq: number,
                target,
                state: State::Delivered,
                upto: seq(last),
                at: Timestamp::default(),
            });
        }
    }

    /// POLL: lets go of what is acknowledged, and gives the rest again.
    fn poll(&mut self, after: Seq, most: usize) -> Vec<(Seq, Option<Event>)> {
        assert!(after.get() <= self.last, "the client acknowledged a number that was never given");
        self.acknowledged = self.acknowledged.max(after.get());
        let acknowledged = self.acknowledged;
        self.mailbox.retain(|event| event.seq().get() > acknowledged);
        self.mailbox.iter().take(most).map(|event| (event.seq(), Some(event.clone()))).collect()
    }
}

/// What must hold, whatever happens.
#[derive(Default)]
struct Promises {
    /// Typed, in order, with whether the client said that it is queued.
    typed: Vec<(Waiting, bool)>,
    failed: HashSet<MessageId>,
    shown: Vec<u64>,
    crashes: u64,
}

struct Run {
    seed: u64,
    random: Random,
    disk: SimulatedDisk,
    server: Server,
    promises: Promises,
}

impl Run {
    fn new(seed: u64) -> Self {
        let (random, disk) = (Random::new(seed), SimulatedDisk::default());
        Self { seed, random, disk, server: Server::default(), promises: Promises::default() }
    }

    fn open(&self) -> Result<Home, LedgerError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        Home::open(&disk, Path::new(HOME), &ana(), Use::Person)
    }

    /// Lets something go wrong within the next calls.
    fn arm(&mut self) {
        let call = self.disk.calls() + 1 + self.random.below(120);
        let fault = match self.random.below(4) {
            0 => Fault::Error(std::io::ErrorKind::StorageFull),
            1 => Fault::ShortWrite,
            _ => Fault::Stop,
        };
        self.disk.fail(call, fault);
    }

    /// One life of the client: from its start to the call that fails it, or to the end of the steps.
    fn live(&mut self) -> Result<(), Box<dyn Error>> {
        let home = self.open()?;
        self.check_what_is_safe(&home)?;
        home.history.lock().begin("store-1", seq(self.server.acknowledged))?;
        self.show(&home)?;
        for _ in 0..STEPS {
            self.step(&home)?;
        }
        Ok(())
    }

    fn step(&mut self, home: &Home) -> Result<(), LedgerError> {
        match self.random.below(10) {
            0..=2 => self.type_something(home),
            3..=5 => self.send_first(home),
            6 => {
                let text = "x".repeat(usize::try_from(self.random.below(1_500)).unwrap());
                self.server.write_to_ana(&text);
                Ok(())
            }
            7 => {
                self.server.deliver_to_luis();
                Ok(())
            }
            _ => self.poll(home),
        }
    }

    fn type_something(&mut self, home: &Home) -> Result<(), LedgerError> {
        let number = self.promises.typed.len();
        let to = user(["luis", "eva", "nobody"][usize::try_from(self.random.below(3)).unwrap()]);
        let long = usize::try_from(self.random.below(1_200)).unwrap();
        let text = Text::new(&format!("{number};\"{}", "y".repeat(long))).unwrap();
        let id = MessageId::new(&format!("mine-{}-{number}", self.seed)).unwrap();
        let message = Waiting { id, to, at: Timestamp::from_millis(1), text };
        // Noted before: whether a failed call has reached the disk, nobody knows.
        self.promises.typed.push((message.clone(), false));
        home.outbox.lock().queue(message)?;
        self.promises.typed.last_mut().unwrap().1 = true;
        Ok(())
    }

    fn send_first(&mut self, home: &Home) -> Result<(), LedgerError> {
        let held = if self.random.one_in(4) { user("luis") } else { user("held-by-nobody") };
        let Some(message) = home.outbox.lock().first_free(|target| *target == held) else { return Ok(()) };
        if message.to == user("nobody") {
            home.failed(&message, &Ko::from(Code::NoUser))?;
            self.promises.failed.insert(message.id.clone());
            return Ok(());
        }
        let number = self.server.accept(&message);
        if self.random.one_in(6) {
            return Ok(()); // The answer was lost: it is asked again.
        }
        home.accepted(&message, Timestamp::from_millis(2), number).map(drop)
    }

    fn poll(&mut self, home: &Home) -> Result<(), LedgerError> {
        let most = 1 + usize::try_from(self.random.below(5)).unwrap();
        let events = self.server.poll(home.history.lock().position(), most);
        if self.random.one_in(6) {
            return Ok(()); // The answer was lost.
        }
        let arrivals = home.history.lock().take_in(events)?;
        let messages = arrivals.iter().filter(|arrival| matches!(arrival, Arrival::Message(_))).count();
        if messages > 0 { self.show(home) } else { Ok(()) }
    }

    fn show(&mut self, home: &Home) -> Result<(), LedgerError> {
        let unshown = home.history.lock().unshown();
        self.promises.shown.extend(unshown.iter().map(|message| message.seq.get()));
        home.history.lock().mark_shown(unshown.len())
    }

    /// What must be on the disk already when the client starts, whatever it does next.
    fn check_what_is_safe(&self, home: &Home) -> io::Result<()> {
        let (seed, outbox) = (self.seed, home.outbox.lock());
        let position = home.history.lock().position().get();
        assert!(
            position >= self.server.acknowledged,
            "seed {seed}: acknowledged {} and holds {position}",
            self.server.acknowledged
        );
        let waiting: HashSet<_> = outbox.waiting().map(|message| message.id.clone()).collect();
        let (sent, failed, _) = self.rows()?;
        for (message, _) in self.promises.typed.iter().filter(|(_, queued)| *queued) {
            let id = &message.id;
            let places = [waiting.contains(id), sent.contains(id), failed.contains(id)];
            let count = places.iter().filter(|there| **there).count();
            assert_eq!(count, 1, "seed {seed}: {id} is in {count} of outbox, sent and failed: {places:?}");
        }
        Ok(())
    }

    /// The history file, read by this test alone: what was sent, what failed, what was received.
    fn rows(&self) -> io::Result<(Vec<MessageId>, Vec<MessageId>, Vec<u64>)> {
        let path = Path::new(HOME).join("history/messages.csv");
        let bytes = disk::read(&self.disk, &path)?;
        let (mut sent, mut failed, mut received) = (Vec::new(), Vec::new(), Vec::new());
        for line in bytes.split(|byte| *byte == b'\n') {
            let fields = Fields::parse(line).unwrap();
            let field = |index| fields.get(index).unwrap().to_owned();
            match fields.get(0).unwrap() {
                "OUT" => sent.push(MessageId::new(&field(2)).unwrap()),
                "FAILED" => failed.push(MessageId::new(&field(1)).unwrap()),
                "IN" => received.push(field(1).parse().unwrap()),
                _ => {}
            }
        }
        Ok((sent, failed, received))
    }

    /// After the last life everything comes to its end, and then all can be compared.
    fn finish(&mut self) {
        let home = self.open().unwrap();
        self.check_what_is_safe(&home).unwrap();
        home.history.lock().begin("store-1", seq(self.server.acknowledged)).unwrap();
        self.show(&home).unwrap();
        while !home.outbox.lock().is_empty() {
            self.send_first(&home).unwrap();
        }
        while !self.server.poll(home.history.lock().position(), 1).is_empty() {
            self.poll(&home).unwrap();
        }
        drop(home);
        self.check_sent();
        self.check_received();
    }

    fn check_sent(&self) {
        let (seed, (sent, failed, _)) = (self.seed, self.rows().unwrap());
        let all: HashSet<_> = sent.iter().chain(&failed).collect();
        assert_eq!(all.len(), sent.len() + failed.len(), "seed {seed}: something sent is in the history twice");
        for (message, queued) in &self.promises.typed {
            let known = self.server.accepted.contains_key(&message.id) || self.promises.failed.contains(&message.id);
            assert!(known || !queued || failed.contains(&message.id), "seed {seed}: {} was lost", message.id);
        }
        for (target, log) in &self.server.logs {
            let typed = self.promises.typed.iter().filter(|(m, _)| m.to.to_string() == *target && log.contains(&m.id));
            let typed: Vec<_> = typed.map(|(m, _)| m.id.clone()).collect();
            assert_eq!(*log, typed, "seed {seed}: {target} got them in another order than typed");
        }
    }

    fn check_received(&self) {
        let (seed, (_, _, received)) = (self.seed, self.rows().unwrap());
        assert_eq!(received, self.server.received, "seed {seed}: the history is not what was sent to ana");
        let shown: HashSet<_> = self.promises.shown.iter().collect();
        assert!(received.iter().all(|number| shown.contains(number)), "seed {seed}: something was never shown");
        let again = self.promises.shown.len() - shown.len();
        assert!(again == 0 || self.promises.crashes > 0, "seed {seed}: shown twice without a crash");
    }
}

/// Many lives, each ended by something that goes wrong.
fn run(seed: u64) {
    let mut run = Run::new(seed);
    for _ in 0..4 {
        run.arm();
        if run.live().is_err() {
            run.promises.crashes += 1;
        }
        // A killed program leaves what the system holds in memory, a power cut any part of it.
        if run.random.one_in(2) {
            run.promises.crashes += 1;
            let random = &mut run.random;
            run.disk = run.disk.after_power_cut(|| random.one_in(2));
        }
        run.disk.heal();
    }
    run.finish();
}

/// One life with this fault at this call, a crash, and another life. `None`: killed; else a power cut that
/// keeps about so many parts in a hundred of what was not synced.
fn run_with(call: u64, fault: Fault, cut: Option<u64>) {
    let mut run = Run::new(EVERY_CALL_SEED);
    run.disk.fail(call, fault);
    run.promises.crashes += 1;
    for _ in 0..2 {
        // Whether it fails in this life or the next, or not at all, depends on the call.
        let _ = run.live();
    }
    if let Some(share) = cut {
        let random = &mut run.random;
        run.disk = run.disk.after_power_cut(|| random.below(100) < share);
    }
    run.disk.heal();
    run.finish();
}

#[test]
fn the_same_holds_whatever_goes_wrong_at_whatever_call() {
    let mut undisturbed = Run::new(EVERY_CALL_SEED);
    undisturbed.live().unwrap();
    undisturbed.live().unwrap();
    let calls = undisturbed.disk.calls();
    assert!(undisturbed.promises.typed.len() > 20, "the workload is too easy");
    for call in 1..=calls {
        let (other, full) = (Fault::Error(io::ErrorKind::Other), Fault::Error(io::ErrorKind::StorageFull));
        for fault in [other, full, Fault::ShortWrite, Fault::Stop] {
            for cut in [None, Some(0), Some(50), Some(100)] {
                run_with(call, fault, cut);
            }
        }
    }
    println!("{calls} calls, 4 faults, 4 ends each");
}

#[test]
fn nothing_queued_is_lost_and_nothing_is_doubled_or_reordered_when_the_power_goes() {
    let lanes: Vec<_> =
        (0..2).map(|lane| std::thread::spawn(move || (0..RUNS).filter(|n| n % 2 == lane).for_each(run))).collect();
    for lane in lanes {
        lane.join().unwrap();
    }
}
