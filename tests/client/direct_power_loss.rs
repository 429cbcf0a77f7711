//! Direct chats, through thousands of random lives of the app on a disk that loses power: what was confirmed to the
//! peer, or shown as held by the peer, is in the history, once. No socket takes part.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::setting;
use crate::support::client_files::records_on;
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::values::user;
use wachat::client::app::event::{Context, Effect, Event};
use wachat::client::app::view::View;
use wachat::client::app::{App, Setting};
use wachat::client::p2p::event::{Action, DirectEvent};
use wachat::client::state::error::LogError;
use wachat::client::state::files::Files;
use wachat::client::state::home::{Home, Use};
use wachat::disk::Disk;
use wachat::model::{MessageId, Text, Timestamp};
use wachat::protocol::DirectLine;

const RUNS: u64 = 3_000;
const LIVES: u64 = 3;
const STEPS: u64 = 20;
const HOME: &str = "/home/ana";

type Done = Result<(), LogError>;

/// The app, its log, and its one direct chat: that with luis.
struct Client {
    app: App,
    files: Files,
    chat: u64,
    /// The ids of ana's lines that luis has not confirmed.
    unconfirmed: Vec<MessageId>,
}

struct Run {
    seed: u64,
    random: Random,
    disk: SimulatedDisk,
    clock: Instant,
    /// Number of what was said so far, by either side.
    said: u64,
    /// The lines that luis sends until they are confirmed: by id.
    theirs: HashMap<MessageId, Text>,
    /// The lines that were confirmed by either side.
    confirmed: Vec<MessageId>,
    /// Number of lines whose confirmation was checked against a power cut.
    checked: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let disk = SimulatedDisk::default();
        let clock = Instant::now();
        let (theirs, confirmed) = Default::default();
        Self { seed, random, disk, clock, said: 0, theirs, confirmed, checked: 0 }
    }

    fn context(&mut self) -> Context {
        self.clock += Duration::from_millis(1);
        let random = (u128::from(self.seed) << 64) | u128::from(self.random.below(u64::MAX));
        Context { now: self.clock, at: Timestamp::from_millis(1), random }
    }

    fn start(&mut self) -> Result<Client, LogError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let home = Home::open(&disk, Path::new(HOME), &user("ana"), Use::Person)?;
        let setting = Setting { direct: true, ..setting() };
        let app = App::new(setting, home.state, self.context());
        let mut client = Client { app, files: home.files, chat: 0, unconfirmed: Vec::new() };
        self.handle(&mut client, Event::Started(Ok(())))?;
        self.call(&mut client)?;
        Ok(client)
    }

    /// A chat with luis is open; its predecessor is closed.
    fn call(&mut self, client: &mut Client) -> Done {
        let number = client.chat;
        client.chat += 1;
        client.unconfirmed.clear();
        self.handle(client, Event::Direct(DirectEvent::Closed { number, why: String::new() }))?;
        self.handle(client, Event::Direct(DirectEvent::Connected { number: client.chat, peer: user("luis") }))
    }

    /// One event, as the owner handles it: records, then effects and views.
    fn handle(&mut self, client: &mut Client, event: Event) -> Done {
        let context = self.context();
        let output = client.app.handle(event, context);
        client.files.commit(&output.records)?;
        for effect in output.effects {
            match effect {
                Effect::Direct(Action::Say { id, .. }) => client.unconfirmed.push(id),
                Effect::Direct(Action::Answer { line: DirectLine::Acknowledged(id), .. }) => {
                    self.theirs.remove(&id);
                    self.note_confirmed(id);
                }
                _ => {}
            }
        }
        for view in output.views {
            if let View::DirectTick { held: true, message } = view {
                self.note_confirmed(message.id.clone());
            }
        }
        Ok(())
    }

    /// A line is confirmed only when its record is durable: a cut at this very context would not lose it.
    fn note_confirmed(&mut self, id: MessageId) {
        if self.random.chance(10) {
            let cut = self.disk.after_power_cut(|| false);
            assert_eq!(
                counts(&cut).get(id.as_str()),
                Some(&1),
                "seed {}: {id} is confirmed and not durable",
                self.seed
            );
            self.checked += 1;
        }
        self.confirmed.push(id);
    }

    fn live(&mut self) -> Done {
        let mut client = self.start()?;
        for _ in 0..STEPS {
            self.step(&mut client)?;
        }
        Ok(())
    }

    fn step(&mut self, client: &mut Client) -> Done {
        let number = client.chat;
        match self.random.below(8) {
            0..=1 => {
                self.said += 1;
                let text = format!("{};{}", self.said, "y".repeat(self.random.below(900) as usize));
                self.handle(client, Event::Typed(Ok(text)))
            }
            2..=3 if !client.unconfirmed.is_empty() => {
                let id = client.unconfirmed.remove(0);
                self.handle(client, Event::Direct(DirectEvent::Confirmed { number, id }))
            }
            4 => self.call(client),
            _ => self.say_theirs(client),
        }
    }

    /// Luis says something new, or once more what was not confirmed.
    fn say_theirs(&mut self, client: &mut Client) -> Done {
        if self.theirs.is_empty() || self.random.chance(50) {
            self.said += 1;
            let id = MessageId::new(&format!("theirs-{}", self.said)).unwrap();
            self.theirs.insert(id, Text::new(&"x".repeat(self.random.below(900) as usize)).unwrap());
        }
        let said = self.theirs.iter().min_by_key(|(id, _)| id.as_str());
        let (id, text) = said.map(|(id, text)| (id.clone(), text.clone())).expect("a line");
        self.handle(client, Event::Direct(DirectEvent::Said { number: client.chat, id, text }))
    }

    fn check_history(&self) {
        let counts = counts(&self.disk);
        for id in &self.confirmed {
            assert_eq!(counts.get(id.as_str()), Some(&1), "seed {}: {id} was confirmed", self.seed);
        }
    }
}

/// Counts the lines of direct chats in the log, by id.
fn counts(disk: &SimulatedDisk) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for record in records_on(disk, Path::new(HOME)).into_iter().filter(|record| record[0] == "DIRECT") {
        *counts.entry(record[1].clone()).or_default() += 1;
    }
    counts
}

/// Lives that end with something that goes wrong. Returns how many confirmations were checked.
fn run(seed: u64) -> u64 {
    let mut run = Run::new(seed);
    for _ in 0..LIVES {
        let call = run.disk.calls() + 1 + run.random.below(60);
        run.disk
            .fail(call, [Fault::Stop, Fault::ShortWrite, Fault::Error(io::ErrorKind::StorageFull)][seed as usize % 3]);
        // It may fail or not: that depends on the call.
        let _ = run.live();
        if run.random.chance(50) {
            let random = &mut run.random;
            run.disk = run.disk.after_power_cut(|| random.chance(50));
        }
        run.disk.heal();
    }
    let mut client = run.start().unwrap();
    while !run.theirs.is_empty() {
        run.say_theirs(&mut client).unwrap();
    }
    drop(client);
    run.disk = run.disk.after_power_cut(|| false);
    run.check_history();
    run.checked
}

#[test]
fn what_a_direct_chat_has_confirmed_is_in_the_history_once_when_the_power_goes() {
    let lanes: Vec<_> = (0..2)
        .map(|lane| std::thread::spawn(move || (0..RUNS).filter(|n| n % 2 == lane).map(run).sum::<u64>()))
        .collect();
    let checked: u64 = lanes.into_iter().map(|lane| lane.join().expect("no confirmed line is lost")).sum();
    assert!(checked > RUNS / 2, "only {checked} confirmations: the lives are too quiet");
}
