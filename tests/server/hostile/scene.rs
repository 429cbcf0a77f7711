//! The server of a test, and the calm pair whose messages are measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use wachat::limits;

use crate::support::metrics::{Page, world_with_metrics};
use crate::support::process::Process;
use crate::support::{Connection, PASSWORD, World, wait_for, wait_or, wait_until, wait_within};

/// Messages of the pair in one measurement.
const MESSAGES: usize = 100;

/// Measurements of the pair alone. The median of them is its own 99th percentile.
const ALONE: usize = 3;

/// The pair's 99th percentile beside hostile clients is under this many times its own,
const FACTOR: u32 = 3;
/// and this much: where its own is a millisecond, three of them are less than one turn of another thread on the same core.
/// A server that waits for a client does so for seconds.
const FLOOR: Duration = Duration::from_millis(20);

/// Time in which one measurement has to keep this limit. Other programs on the machine disturb some of them; a server that
/// its clients disturb fails in each, since they go on all the time.
const PATIENCE: Duration = Duration::from_secs(40);

/// KiB that the server may have more than before: what the allocator keeps of a thousand threads' heaps and stacks; and the
/// memory of the second thread for passwords, which is 19 MiB, where it was not needed before. Both at once took 26 MiB.
const MEMORY: u64 = 32 << 10;

/// The threads of a server, and its open files without those of the store: it makes segments ahead whenever it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holds {
    threads: u64,
    files: usize,
}

impl Holds {
    fn of(world: &World) -> Self {
        let process = Process::of(world.pid());
        let data = world.data().display().to_string();
        let files = process.open_files().iter().filter(|file| !file.starts_with(&data)).count();
        Self { threads: process.holds().threads, files }
    }
}

/// The hostile tests take turns.
static TURN: Mutex<()> = Mutex::new(());

pub struct Scene {
    pub world: World,
    pub metrics: SocketAddr,
    is_tls: bool,
    acknowledged: u64,
    sent: u64,
    own: Duration,
    before: (Holds, u64),
    _turn: MutexGuard<'static, ()>,
}

impl Scene {
    /// Starts a server with a metrics port, creates the accounts, and measures the pair alone.
    pub fn new(options: &[&str], hostile_users: usize) -> Self {
        let turn = TURN.lock();
        let is_tls = options.contains(&"--tls") || crate::support::tls::is_everywhere();
        let (world, metrics) = world_with_metrics(options);
        let before = (Holds { threads: 0, files: 0 }, 0);
        let mut scene =
            Self { world, metrics, is_tls, acknowledged: 0, sent: 0, own: Duration::ZERO, before, _turn: turn };
        let names = (0..hostile_users).map(mallory).chain(["ana".to_owned(), "luis".to_owned()]);
        names.for_each(|name| drop(scene.enter(&format!("REGISTER:{name}:{PASSWORD}"))));
        let mut own: Vec<_> = (0..ALONE).map(|_| scene.percentile()).collect();
        own.sort();
        scene.own = own[ALONE / 2];
        scene.note_resources();
        scene
    }

    pub fn process(&self) -> Process {
        Process::of(self.world.pid())
    }

    pub fn page(&self) -> Page {
        Page::read(self.metrics)
    }

    /// Opens a SEND connection with this login line.
    pub fn enter(&self, login: &str) -> Connection {
        self.open(self.world.send, login)
    }

    /// Notes the resources of a server that was started again: its threads for passwords have their memory after a login.
    pub fn warm_up(&mut self) {
        ["ana", "luis"].iter().cycle().take(4).for_each(|user| drop(self.enter(&login(user))));
        self.note_resources();
    }

    /// Notes the resources of the server, which has no connection now.
    fn note_resources(&mut self) {
        let is_empty = || self.page().text.lines().filter(|line| line.starts_with("wachat_connections{")).all(is_none);
        wait_until("a server without connections", is_empty);
        // A connection that was closed, also one of the monitor, may linger.
        let rest = || {
            let now = Holds::of(&self.world);
            std::thread::sleep(2 * limits::LINGER);
            (Holds::of(&self.world) == now).then_some(now)
        };
        self.before = (wait_for("a server at rest", rest), self.process().resident());
    }

    /// Asserts that the pair is not disturbed now, by hostile clients that go on meanwhile.
    pub fn assert_undisturbed(&mut self, beside: &str) {
        let most = self.own * FACTOR + FLOOR;
        let mut measured = Vec::new();
        let begin = Instant::now();
        let mut is_undisturbed = false;
        while !is_undisturbed && (measured.is_empty() || begin.elapsed() < PATIENCE) {
            let percentile = self.percentile();
            is_undisturbed = percentile < most;
            measured.push(percentile);
        }
        println!("{beside}: 99% of the messages within {measured:?}, alone {:?}", self.own);
        assert!(is_undisturbed, "{beside}: 99% of the messages take {measured:?}, alone {:?}", self.own);
    }

    /// Asserts that the server has given back what the hostile clients took, and serves.
    pub fn finish(mut self) {
        let process = self.process();
        let (holds, resident) = self.before;
        let as_before = || (Holds::of(&self.world) == holds).then_some(());
        wait_or(as_before, || {
            format!("before: {holds:?}, now: {:?}, which are {:#?}", Holds::of(&self.world), process.open_files())
        });
        let most = resident + MEMORY;
        let is_small = || (process.resident() <= most).then_some(());
        wait_within(Duration::from_secs(20), is_small, || format!("{resident} KiB, then {} KiB", process.resident()));
        println!("threads and files: {holds:?}; memory: {resident} KiB before, {} KiB after", process.resident());
        let mut eva = self.enter(&format!("REGISTER:eva:{PASSWORD}"));
        assert!(eva.request("SEND;1;eva;hola").starts_with("OK;1;RECEIVED;"));
        self.world.stop();
        self.world.assert_undamaged();
    }

    /// Returns the 99th percentile of the time from a SEND to its arrival, one message at a time.
    fn percentile(&mut self) -> Duration {
        let mut ana = self.enter(&login("ana"));
        let mut luis = self.open(self.world.recv, &login("luis"));
        let mut times: Vec<_> = (0..MESSAGES)
            .map(|_| {
                let begin = Instant::now();
                self.sent += 1;
                let reply = ana.request(&format!("SEND;calm-{};luis;hola", self.sent));
                assert!(reply.starts_with("OK;"), "{reply}");
                self.receive(&mut luis);
                begin.elapsed()
            })
            .collect();
        times.sort();
        times[(MESSAGES - 1) * 99 / 100]
    }

    /// Polls until the last message exists.
    fn receive(&mut self, luis: &mut Connection) {
        let id = format!(";MSG;calm-{};", self.sent);
        loop {
            let events = luis.poll(self.acknowledged, 5);
            let last = events.last().and_then(|event| event.split(';').next()?.parse().ok());
            self.acknowledged = last.unwrap_or(0).max(self.acknowledged);
            if events.iter().any(|event| event.contains(&id)) {
                return;
            }
        }
    }

    fn open(&self, address: SocketAddr, login: &str) -> Connection {
        let mut connection = if self.is_tls { Connection::open_tls(address) } else { Connection::open(address) };
        let reply = connection.request(login);
        assert!(reply.starts_with("OK;"), "{reply}");
        connection
    }
}

/// Returns whether a sample of the metrics is 0.
fn is_none(sample: &str) -> bool {
    sample.ends_with(" 0")
}

/// The name of a hostile user.
pub fn mallory(number: usize) -> String {
    format!("mallory{number}")
}

pub fn login(user: &str) -> String {
    format!("LOGIN:{user}:{PASSWORD}")
}

/// Threads of lowest priority that repeat something hostile until this is dropped.
pub struct Attack {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Attack {
    /// `act` gets the number of its thread; each thread makes its own.
    pub fn start<Act: FnMut() + 'static>(threads: usize, make: impl Fn(usize) -> Act + Clone + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let run = |number| {
            let is_over = is_over.clone();
            let make = make.clone();
            move || {
                // It lowers the calling thread alone, on Linux.
                let _ = rustix::process::setpriority_process(None, 19);
                let mut act = make(number);
                while !is_over.load(Ordering::Relaxed) {
                    act();
                }
            }
        };
        let threads = (0..threads).map(|number| spawn(run(number))).collect();
        Self { is_over, threads }
    }

    /// Ends the attack; fails if one of its threads has failed.
    pub fn stop(mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("the attack goes on to its end"));
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| _ = thread.join());
    }
}
