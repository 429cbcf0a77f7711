//! The client's log with every fault at every disk call, when a pipe has left messages that a person's client takes
//! over: what the user saw as queued is not lost, and nothing is doubled.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use crate::support::client_files::{put_together, records_on};
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::values::{seq, target};
use wachat::client::state::error::LogError;
use wachat::client::state::home::{Home, Use};
use wachat::client::state::outgoing::Outgoing;
use wachat::disk::Disk;
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use wachat::protocol::{Code, Event, Ko};

const HOME: &str = "/home/ana";

fn ana() -> UserName {
    UserName::new("ana").unwrap()
}

fn waiting(id: &str, to: &str) -> Outgoing {
    let text = Text::new(&format!("{id};\"{}", "y".repeat(600))).unwrap();
    Outgoing { id: MessageId::new(id).unwrap(), to: target(to), at: Timestamp::from_millis(1), text }
}

/// A message for ana, under this number.
fn received(number: u64) -> Event {
    let id = MessageId::new(&format!("theirs-{number}")).unwrap();
    let from = UserName::new("luis").unwrap();
    let text = Text::new(&"x".repeat(700)).unwrap();
    let at = Timestamp::from_millis(2);
    let to = Target::User(ana());
    Event::Message(Arc::new(Message { seq: seq(number), id, from, to, at, text }))
}

fn delivered(number: u64, upto: u64) -> Event {
    let at = Timestamp::from_millis(3);
    let state = State::Delivered;
    Event::State { seq: seq(number), target: target("luis"), state, upto: seq(upto), at }
}

/// A client's files, and what its user and its server were told.
#[derive(Default)]
struct Client {
    disk: SimulatedDisk,
    /// The typed texts; below, those that were reported as queued.
    typed: Vec<String>,
    queued: HashSet<String>,
    /// The number up to which the server was told to remove events.
    acknowledged: u64,
}

type Done = Result<(), LogError>;

fn accept(home: &mut Home, id: &str, number: u64) -> Done {
    home.state.accept(&MessageId::new(id).unwrap(), Timestamp::from_millis(4), seq(number));
    home.commit()
}

impl Client {
    fn open(&self, how: Use) -> Result<Home, LogError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        Home::open(&disk, Path::new(HOME), &ana(), how)
    }

    /// A pipe that leaves a message behind, the person's client that takes it over, and another start.
    fn live(&mut self) -> Done {
        self.pipe()?;
        let mut home = self.person()?;
        for (id, to) in [("a1", "luis"), ("a2", "luis"), ("a3", "nobody")] {
            self.queue(&mut home, id, to)?;
        }
        accept(&mut home, "p2", 2)?;
        accept(&mut home, "a1", 3)?;
        home.state.fail(&MessageId::new("a3").unwrap(), &Ko::from(Code::NoUser));
        home.commit()?;
        self.take_in(&mut home, vec![received(4), delivered(5, 3), received(6)])?;
        self.queue(&mut home, "a4", "eva")?;
        drop(home);
        let mut home = self.person()?;
        accept(&mut home, "a2", 7)?;
        self.take_in(&mut home, vec![received(8)])
    }

    fn pipe(&mut self) -> Done {
        let mut home = self.open(Use::Pipe)?;
        self.queue(&mut home, "p1", "luis")?;
        self.queue(&mut home, "p2", "luis")?;
        accept(&mut home, "p1", 1)
    }

    fn person(&mut self) -> Result<Home, LogError> {
        let mut home = self.open(Use::Person)?;
        home.state.note_login("store-1", Seq::ZERO);
        home.commit()?;
        Ok(home)
    }

    fn queue(&mut self, home: &mut Home, id: &str, to: &str) -> Done {
        self.typed.push(id.to_owned());
        home.state.queue(waiting(id, to));
        home.commit()?;
        self.queued.insert(id.to_owned());
        Ok(())
    }

    fn take_in(&mut self, home: &mut Home, events: Vec<Event>) -> Done {
        home.state.take_in(events);
        home.commit()?;
        self.acknowledged = home.state.position().get();
        home.state.mark_shown(home.state.unshown().count());
        home.commit()
    }

    /// A new start finds what was promised; what it shows is promised from then on.
    fn check(&mut self, context: &str) {
        let home = self.open(Use::Person).unwrap_or_else(|error| panic!("{context}: {error}"));
        let rows = self.rows();
        let position = home.state.position().get();
        let waits: Vec<_> = home.state.outbox().iter().map(|message| message.id.to_string()).collect();
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

    /// The log, read by this test alone.
    fn rows(&self) -> Rows {
        let mut rows = Rows::default();
        for record in put_together(&records_on(&self.disk, Path::new(HOME)), "ana") {
            match record[0].as_str() {
                "OUT" => rows.sent.push(record[2].clone()),
                "FAILED" => rows.failed.push(record[1].clone()),
                "IN" => rows.received.push(record[1].parse().unwrap()),
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

/// Percentage of the unsynced that is kept, and whether the client starts once more before the power cut.
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
    let mut client = Client::default();
    let mut random = Random::new(call);
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
