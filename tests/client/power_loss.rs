//! The app and its log, through thousands of random lives on a disk that loses power: what was called queued is not
//! lost, what was called received is not acknowledged too early, nothing is sent before it is durable, and nothing is
//! doubled or reordered. No file, thread, socket or terminal takes part.
//!
//! A run is one seed: a random order of lines, answers, polls, screens and pauses, with a power cut, a failing call or
//! a short write at a random call of the disk, and a new start after it. A server in memory answers as the protocol
//! says. What a seed finds, it finds every time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::setting;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use wachat::client::app::App;
use wachat::client::app::event::{Context, Effect, Event as AppEvent};
use wachat::client::app::view::View;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::state::ClientState;
use wachat::client::state::error::LogError;
use wachat::client::state::files::Files;
use wachat::client::state::home::{Home, Use};
use wachat::client::state::outgoing::Outgoing;
use wachat::disk::Disk;
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use wachat::protocol::{Accepted, Chat, Code, Event, Ko, SessionOpened};

use crate::support::client_files::{put_together, records_on};
use crate::support::values::seq;

const RUNS: u64 = 3_000;
const STEPS: usize = 80;

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

/// As much of a server as ana's client can see.
#[derive(Default)]
struct Server {
    last: u64,
    acknowledged: u64,
    /// The messages that ana sent: by id, and in order for each recipient.
    accepted: HashMap<MessageId, u64>,
    logs: BTreeMap<String, Vec<MessageId>>,
    /// The events for ana.
    mailbox: Vec<Event>,
    received: Vec<u64>,
    /// Up to which number ana called each conversation read.
    read: BTreeMap<String, u64>,
}

impl Server {
    fn next(&mut self) -> Seq {
        self.last += 1;
        seq(self.last)
    }

    /// SEND: this server remembers no id. It would store a message twice.
    fn accept(&mut self, message: &Outgoing) -> Seq {
        assert!(!self.accepted.contains_key(&message.id), "{} is sent again, and not looked for", message.id);
        let number = self.next();
        self.accepted.insert(message.id.clone(), number.get());
        self.logs.entry(message.to.to_string()).or_default().push(message.id.clone());
        if message.to == Target::User(ana()) {
            let Outgoing { id, to, text, .. } = message.clone();
            self.deliver(Message { seq: number, id, from: ana(), to, at: Timestamp::from_millis(2), text });
        }
        number
    }

    /// Looks for a message as a retry does, above the number that the client knows.
    fn retry(&mut self, message: &Outgoing, above: Seq) -> Seq {
        match self.accepted.get(&message.id) {
            Some(number) if *number > above.get() => seq(*number),
            _ => self.accept(message),
        }
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
        self.deliver(message);
    }

    fn deliver(&mut self, message: Message) {
        self.mailbox.push(Event::Message(Arc::new(message)));
    }

    fn report_delivery(&mut self) {
        if let Some(last) = self.logs.get("luis").and_then(|log| log.last()).map(|id| self.accepted[id]) {
            let number = self.next();
            let target = user("luis");
            let at = Timestamp::default();
            let event = Event::State { seq: number, target, state: State::Delivered, upto: seq(last), at };
            self.mailbox.push(event);
        }
    }

    /// POLL: removes the acknowledged events, and returns the others again.
    fn poll(&mut self, after: Seq, most: usize) -> Vec<Event> {
        assert!(after.get() <= self.last, "the client acknowledged a number that was never given");
        self.acknowledged = self.acknowledged.max(after.get());
        let acknowledged = self.acknowledged;
        self.mailbox.retain(|event| event.seq().get() > acknowledged);
        self.mailbox.iter().take(most).cloned().collect()
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::Send(message, _) | Request::Retry(message, _) if message.to == user("nobody") => {
                Answer::Refused(Code::NoUser.into())
            }
            Request::Send(message, above) | Request::Retry(message, above) => {
                let is_retry = matches!(request, Request::Retry(..));
                let seq = if is_retry { self.retry(message, *above) } else { self.accept(message) };
                Answer::Accepted(Accepted { id: message.id.clone(), at: Timestamp::from_millis(2), seq })
            }
            Request::Read(target, number) => {
                let read = self.read.entry(target.to_string()).or_default();
                *read = number.get().max(*read);
                Answer::Done
            }
            Request::Compare | Request::Lobby => {
                let chat = |(name, read): (&String, &u64)| Chat {
                    target: user(name),
                    last: Seq::ZERO,
                    read: seq(*read),
                    count: 0,
                    erased: 0,
                };
                Answer::Chats(self.read.iter().map(chat).collect())
            }
            Request::Presence => Answer::Users(Vec::new()),
            other => panic!("nobody has asked for {other:?}"),
        }
    }
}

/// The promises to the user, checked after every crash.
#[derive(Default)]
struct Promises {
    /// Typed, in order: the target and the text, and whether a tick said that it is queued.
    typed: Vec<(String, String, bool)>,
    shown: Vec<u64>,
    crashes: u64,
}

/// A client that runs: the app, its log, and what it has given to its threads and its screen.
struct Client {
    app: App,
    files: Files,
    sending: Option<Request>,
    receiving: Option<Receive>,
    /// Messages on the screen that the app was not told of.
    on_screen: usize,
}

struct Run {
    seed: u64,
    random: Random,
    disk: SimulatedDisk,
    server: Server,
    promises: Promises,
    clock: Instant,
}

type Done = Result<(), LogError>;

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            disk: SimulatedDisk::default(),
            server: Server::default(),
            promises: Promises::default(),
            clock: Instant::now(),
        }
    }

    /// The next context, up to a second later.
    fn context(&mut self) -> Context {
        self.clock += Duration::from_millis(self.random.below(1_000));
        let random = (u128::from(self.seed) << 96) | (u128::from(self.random.below(u64::MAX)) << 16);
        Context { now: self.clock, at: Timestamp::from_millis(1), random }
    }

    fn open(&self) -> Result<Home, LogError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        Home::open(&disk, Path::new(HOME), &ana(), Use::Person)
    }

    fn start(&mut self) -> Result<Client, LogError> {
        let home = self.open()?;
        self.check_what_is_safe(&home.state);
        let setting = setting();
        let context = self.context();
        let app = App::new(setting, home.state, context);
        let mut files = home.files;
        files.checkpoint_bytes = 1 << (10 + self.random.below(8));
        let mut client = Client { app, files, sending: None, receiving: None, on_screen: 0 };
        let first = if self.random.one_in(4) { Err("away".to_owned()) } else { Ok(()) };
        self.handle(&mut client, AppEvent::Started(first))?;
        Ok(client)
    }

    /// One event, as the owner handles it: records, then effects and views.
    fn handle(&mut self, client: &mut Client, event: AppEvent) -> Done {
        let context = self.context();
        let output = client.app.handle(event, context);
        client.files.commit(&output.records)?;
        client.files.make_checkpoint_when_due(client.app.state_to_maintain())?;
        for effect in output.effects {
            match effect {
                Effect::Send(request) => {
                    self.check_sending(&request);
                    assert!(client.sending.replace(request).is_none(), "seed {}: two requests at once", self.seed);
                }
                Effect::Receive(request) => {
                    assert!(client.receiving.replace(request).is_none(), "seed {}: two polls at once", self.seed);
                }
                Effect::Direct(action) => panic!("{action:?}"),
                Effect::LookUp(lookup) => panic!("{lookup:?}"),
            }
        }
        for view in &output.views {
            match view {
                View::Incoming(message) => {
                    client.on_screen += 1;
                    self.promises.shown.push(message.seq.get());
                }
                View::Hidden(_) => client.on_screen += 1,
                View::Tick { message, .. } => self.note_queued(&message.to.to_string(), message.text.as_str()),
                _ => {}
            }
        }
        Ok(())
    }

    fn note_queued(&mut self, to: &str, text: &str) {
        let typed = self.promises.typed.iter_mut().find(|(target, typed, _)| target == to && typed == text);
        typed.unwrap_or_else(|| panic!("a tick of what nobody typed: {text}")).2 = true;
    }

    /// A message is sent only when its record is durable: a cut at this very context would not lose it.
    fn check_sending(&mut self, request: &Request) {
        if let (Request::Send(message, _), true) = (request, self.random.one_in(20)) {
            let cut = self.disk.after_power_cut(|| false);
            let queued = records_on(&cut, Path::new(HOME));
            for kind in ["QUEUED", "TRIED"] {
                let durable = queued.iter().any(|record| record[0] == kind && record[1] == message.id.as_str());
                assert!(durable, "seed {}: {} is sent and not durably {kind}", self.seed, message.id);
            }
        }
    }

    /// Lets something go wrong within the next calls.
    fn arm(&mut self) {
        let call = self.disk.calls() + 1 + self.random.below(120);
        let fault = match self.random.below(4) {
            0 => Fault::Error(io::ErrorKind::StorageFull),
            1 => Fault::ShortWrite,
            _ => Fault::Stop,
        };
        self.disk.fail(call, fault);
    }

    /// One life of the client: from its start to the call that fails it, or to the end of the steps.
    fn live(&mut self) -> Done {
        let mut client = self.start()?;
        for _ in 0..STEPS {
            self.step(&mut client)?;
        }
        Ok(())
    }

    fn step(&mut self, client: &mut Client) -> Done {
        match self.random.below(12) {
            0..=2 => self.type_something(client),
            3..=5 => self.answer_sender(client),
            6..=8 => self.answer_receiver(client),
            9 => {
                let text = "x".repeat(usize::try_from(self.random.below(1_500)).unwrap());
                self.server.write_to_ana(&text);
                Ok(())
            }
            10 => {
                self.server.report_delivery();
                self.handle(client, AppEvent::Tick)
            }
            _ => {
                let count = std::mem::take(&mut client.on_screen);
                self.handle(client, AppEvent::Shown(count))
            }
        }
    }

    fn type_something(&mut self, client: &mut Client) -> Done {
        if !client.app.wants_line() {
            return Ok(());
        }
        let number = self.promises.typed.len();
        let to = ["luis", "eva", "nobody", "ana"][usize::try_from(self.random.below(4)).unwrap()];
        let long = usize::try_from(self.random.below(1_200)).unwrap();
        let text = format!("{number};\"{}", "y".repeat(long));
        // Noted before: a failed call may have reached the disk or not.
        self.promises.typed.push((to.to_owned(), text.clone(), false));
        self.handle(client, AppEvent::Typed(Ok(format!("@{to}: {text}"))))
    }

    fn answer_sender(&mut self, client: &mut Client) -> Done {
        let Some(request) = client.sending.take() else { return Ok(()) };
        let held = matches!(&request, Request::Send(message, _) if message.to == user("luis")) && self.random.one_in(5);
        let lost = || Err(LinkError::Away("lost".to_owned()));
        let answer = match self.random.below(12) {
            _ if held => Ok(Answer::Refused(Ko::from(Code::Quota))),
            0 => lost(),
            1 => {
                // It has happened, and the answer was lost: it is asked again.
                self.server.answer(&request);
                lost()
            }
            _ => Ok(self.server.answer(&request)),
        };
        self.handle(client, AppEvent::Link(LinkEvent::Answered(request, answer)))
    }

    fn answer_receiver(&mut self, client: &mut Client) -> Done {
        let Some(request) = client.receiving.take() else { return Ok(()) };
        let event = match request {
            _ if self.random.one_in(12) => LinkEvent::ReceiverFailed(LinkError::Away("lost".to_owned())),
            Receive::LogIn => {
                let acknowledged = seq(self.server.acknowledged);
                LinkEvent::LoggedIn(SessionOpened { user: ana(), acknowledged, store: "store-1".into(), device: None })
            }
            Receive::UsePassword(_) => panic!("nobody has changed the password"),
            Receive::Poll { after, .. } => {
                let most = 1 + usize::try_from(self.random.below(5)).unwrap();
                let events = self.server.poll(after, most);
                match self.random.one_in(8) {
                    true => LinkEvent::ReceiverFailed(LinkError::Away("lost".to_owned())),
                    false => LinkEvent::Polled(Ok(events)),
                }
            }
        };
        self.handle(client, AppEvent::Link(event))
    }

    /// Checks the durable state at a start, before the client does anything.
    fn check_what_is_safe(&self, state: &ClientState) {
        let seed = self.seed;
        let position = state.position().get();
        let acknowledged = self.server.acknowledged;
        assert!(position >= acknowledged, "seed {seed}: acknowledged {acknowledged} and holds {position}");
        let waiting: Vec<String> = state.outbox().iter().map(|message| message.text.to_string()).collect();
        let rows = self.rows();
        for (_, text, queued) in &self.promises.typed {
            let count =
                [&waiting, &rows.sent, &rows.failed].iter().flat_map(|all| all.iter()).filter(|t| *t == text).count();
            assert!(count == 1 || count == 0 && !queued, "seed {seed}: {text} is {count} times in outbox and history");
        }
    }

    /// The log, read by this test alone.
    fn rows(&self) -> Rows {
        let records = records_on(&self.disk, Path::new(HOME));
        let mut rows = Rows::default();
        for record in put_together(&records, "nobody received this") {
            match record[0].as_str() {
                "OUT" => {
                    rows.sent_ids.push(record[2].clone());
                    rows.sent.push(record[6].clone());
                }
                "FAILED" => rows.failed.push(record.get(4).expect("FAILED names a message that was queued").clone()),
                "IN" if record[3] == "luis" => rows.received.push(record[1].parse().unwrap()),
                _ => {}
            }
        }
        rows
    }

    /// Completes all deliveries after the last life, and compares everything.
    fn finish(&mut self) {
        let mut client = self.start().unwrap();
        let mut rounds = 0;
        while !client.app.state().outbox().is_empty()
            || !self.server.mailbox.is_empty()
            || client.app.state().unshown().count() > 0
        {
            rounds += 1;
            assert!(rounds < 20_000, "seed {}: it does not come to an end", self.seed);
            self.clock += Duration::from_secs(1);
            let count = std::mem::take(&mut client.on_screen);
            self.handle(&mut client, AppEvent::Shown(count)).unwrap();
            self.answer_sender(&mut client).unwrap();
            self.answer_receiver(&mut client).unwrap();
        }
        drop(client);
        self.check_what_is_safe(&self.open().unwrap().state);
        self.check_sent();
        self.check_received();
    }

    fn check_sent(&self) {
        let seed = self.seed;
        let rows = self.rows();
        for (to, text, queued) in &self.promises.typed {
            let count = rows.sent.iter().chain(&rows.failed).filter(|sent| *sent == text).count();
            assert!(count == 1 || !queued && count == 0, "seed {seed}: for {to}, {text} is there {count} times");
        }
        for (target, log) in &self.server.logs {
            let typed = self.promises.typed.iter().filter(|(to, text, _)| to == target && rows.sent.contains(text));
            let typed: Vec<_> = typed.map(|(_, text, _)| text).collect();
            let ids: Vec<_> = log.iter().map(MessageId::as_str).collect();
            let at = |id: &&str| rows.sent_ids.iter().position(|sent| sent == id).unwrap();
            let got: Vec<_> = ids.iter().map(|id| &rows.sent[at(id)]).collect();
            assert_eq!(got, typed, "seed {seed}: {target} got them in another order than typed");
        }
    }

    fn check_received(&self) {
        let seed = self.seed;
        let received = self.rows().received;
        assert_eq!(received, self.server.received, "seed {seed}: the history is not what was sent to ana");
        let shown: HashSet<_> = self.promises.shown.iter().collect();
        assert!(received.iter().all(|number| shown.contains(number)), "seed {seed}: something was never shown");
        let again = self.promises.shown.len() - shown.len();
        assert!(again == 0 || self.promises.crashes > 0, "seed {seed}: shown twice without a crash");
    }
}

#[derive(Default)]
struct Rows {
    sent: Vec<String>,
    sent_ids: Vec<String>,
    failed: Vec<String>,
    received: Vec<u64>,
}

/// Many lives, each ended by something that goes wrong.
fn run(seed: u64) {
    let mut run = Run::new(seed);
    for _ in 0..4 {
        run.arm();
        run.promises.crashes += 1;
        // It may fail or not: that depends on the call.
        let _ = run.live();
        // A killed program leaves what the system holds in memory, a power cut any part of it.
        if run.random.one_in(2) {
            let random = &mut run.random;
            run.disk = run.disk.after_power_cut(|| random.one_in(2));
        }
        run.disk.heal();
    }
    run.finish();
}

/// One life with this fault at this call, a crash, and another life. `None`: killed; else a power cut that
/// keeps about this many parts in a hundred of what was not synced.
fn run_with(call: u64, fault: Fault, cut: Option<u64>) {
    let mut run = Run::new(EVERY_CALL_SEED);
    run.disk.fail(call, fault);
    run.promises.crashes += 1;
    for _ in 0..2 {
        // It may fail in this life, in the next, or not at all: that depends on the call.
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
        let other = Fault::Error(io::ErrorKind::Other);
        let full = Fault::Error(io::ErrorKind::StorageFull);
        for fault in [other, full, Fault::ShortWrite, Fault::Stop] {
            for cut in [None, Some(0), Some(50), Some(100)] {
                run_with(call, fault, cut);
            }
        }
    }
    println!("{calls} calls, 4 faults, 4 ends each");
}

#[test]
fn a_life_without_faults_shows_each_message_once() {
    for seed in 0..50 {
        let mut run = Run::new(seed);
        let mut client = run.start().unwrap();
        for _ in 0..4 * STEPS {
            run.step(&mut client).unwrap();
        }
        let count = std::mem::take(&mut client.on_screen);
        run.handle(&mut client, AppEvent::Shown(count)).unwrap();
        drop(client);
        run.finish();
    }
}

#[test]
fn nothing_queued_is_lost_and_nothing_is_doubled_or_reordered_when_the_power_goes() {
    let lanes: Vec<_> =
        (0..2).map(|lane| std::thread::spawn(move || (0..RUNS).filter(|n| n % 2 == lane).for_each(run))).collect();
    for lane in lanes {
        lane.join().unwrap();
    }
}
