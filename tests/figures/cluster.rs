//! Figures of several servers as one: what they do beside a server alone, and how long clients get no answer when the
//! leader goes.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::memory::{name, register_all};
use crate::pairs::{Measured, PAIRS, run, wachat};
use crate::support::cluster::servers::Servers;
use crate::support::{Connection, PASSWORD, World, wait_for};
use crate::{median, milliseconds, quantile, size};

/// Messages that each sender has in flight.
const WINDOWS: [usize; 2] = [1, 16];

const CLIENTS: usize = 100;

/// Pause of a client after each OK.
const SEND_PAUSE: Duration = Duration::from_millis(50);

/// Pause of a client before it tries the next server: shorter than the protocol says, so that the servers' time is seen and
/// not that of the clients.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Time after which a client leaves a server that does not answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Targets: the time from a kill, and from a clean stop, until a client has its next OK.
const AFTER_KILL: Duration = Duration::from_secs(5);
const AFTER_STOP: Duration = Duration::from_secs(1);

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn cluster_throughput() {
    let Some(mut one) = Servers::start_directly(1) else { return };
    let Some(mut three) = Servers::start_directly(3) else { return };
    let alone = World::new(&["--no-limits"]);
    let rounds = size("WACHAT_CLUSTER_ROUNDS", 3);
    for [send, _] in [alone.addresses(), leader(&mut one), leader(&mut three)] {
        wachat::register(send);
    }
    for window in WINDOWS {
        let mut measured: [Vec<Measured>; 3] = Default::default();
        for round in 0..rounds {
            // They take turns, so that all see the same machine.
            let places = [alone.addresses(), leader(&mut one), leader(&mut three)];
            for (addresses, measured) in places.into_iter().zip(&mut measured) {
                // Written now, what the one before has left delays no sync of this one.
                rustix::fs::sync();
                measured.push(run(wachat::pairs(addresses, &format!("{window}-{round}"), window)));
            }
        }
        let [alone, one, three] = measured.map(Summary::of);
        println!("{PAIRS} pairs, {window} in flight each, a server alone: {alone}");
        println!("  one member of etcd: {one}; {}", one.beside(&alone));
        println!("  three members and three servers: {three}; {}", three.beside(&alone));
    }
}

fn leader(servers: &mut Servers) -> [SocketAddr; 2] {
    let leader = servers.leader();
    servers.addresses(leader)
}

/// Result of all rounds: messages a second, and times to an OK in milliseconds.
struct Summary {
    rate: f64,
    median: f64,
    late: f64,
}

impl Summary {
    fn of(rounds: Vec<Measured>) -> Self {
        let rate = median(&mut rounds.iter().map(|round| round.rate).collect::<Vec<_>>());
        let mut times: Vec<_> = rounds.into_iter().flat_map(|round| round.times).collect();
        Self { rate, median: milliseconds(median(&mut times)), late: milliseconds(quantile(&mut times, 0.99)) }
    }

    /// Says what they are beside those of a server alone.
    fn beside(&self, alone: &Self) -> String {
        let [rate, median, late] = [self.rate / alone.rate, self.median / alone.median, self.late / alone.late];
        format!("{rate:.2} times the messages, {median:.2} times the median, {late:.2} times the 99th percentile")
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { rate, median, late } = self;
        write!(f, "{rate:.0} messages a second, an OK after {median:.2} ms (median), {late:.2} ms (99%)")
    }
}

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn cluster_failover() {
    let Some(mut servers) = Servers::start_directly(3) else { return };
    let clients = Clients::start(&mut servers);
    let count = size("WACHAT_CLUSTER_KILLS", 50);
    let kills: Vec<_> = (0..count).map(|_| clients.lose_leader(&mut servers, Servers::kill)).collect();
    let worst_kill = print("kills", &kills);
    let stop = |servers: &mut Servers, leader| assert!(servers.end(leader).success());
    let count = size("WACHAT_CLUSTER_STOPS", 20);
    let stops: Vec<_> = (0..count).map(|_| clients.lose_leader(&mut servers, stop)).collect();
    let worst_stop = print("clean stops", &stops);
    clients.finish();
    assert!(worst_kill < AFTER_KILL, "{worst_kill:?} after a kill");
    assert!(worst_stop < AFTER_STOP, "{worst_stop:?} after a clean stop");
}

/// Prints what the losses of the leader have shown; returns the longest time until a client has had an OK.
fn print(what: &str, losses: &[Loss]) -> Duration {
    let times = |time: fn(&Loss) -> Duration| {
        let mut times: Vec<_> = losses.iter().map(time).collect();
        [median(&mut times), quantile(&mut times, 1.0)]
    };
    let [middle, worst] = times(|loss| loss.first);
    let [all_middle, all_worst] = times(|loss| loss.all);
    println!(
        "{} {what} of the leader, {CLIENTS} clients: the next OK after {:.0} ms (median), {:.0} ms (worst); \
         every client has one after {:.0} ms (median), {:.0} ms (worst)",
        losses.len(),
        milliseconds(middle),
        milliseconds(worst),
        milliseconds(all_middle),
        milliseconds(all_worst)
    );
    worst
}

/// The times from the loss of a leader until a client, and until all have had an OK of the next.
struct Loss {
    first: Duration,
    all: Duration,
}

/// Clients that send all the time, and go on at another server.
struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// The SEND ports.
    servers: Vec<SocketAddr>,
    watch: Mutex<Watch>,
    is_over: AtomicBool,
}

/// Looks for the first OK of each client.
struct Watch {
    /// A server whose answers do not count.
    except: Option<usize>,
    /// Time of each client's first OK, and the server that gave it.
    answers: Vec<Option<(Instant, usize)>>,
}

impl Watch {
    fn begin(except: Option<usize>) -> Self {
        Self { except, answers: vec![None; CLIENTS] }
    }
}

impl Clients {
    /// Makes their accounts, and a room for each: what nobody reads fills a mailbox, and a room without others does not.
    fn start(servers: &mut Servers) -> Self {
        let [send, _] = leader(servers);
        register_all(send, &(0..CLIENTS).map(name).collect::<Vec<_>>());
        for client in 0..CLIENTS {
            let (_, mut line) = Connection::open_with(send, &format!("LOGIN:{}:{PASSWORD}", name(client)));
            assert_eq!(line.request(&format!("ROOM;#{};open", name(client))), "OK");
        }
        let servers = servers.all_addresses().into_iter().map(|[send, _]| send).collect();
        let watch = Mutex::new(Watch::begin(None));
        let shared = Arc::new(Shared { servers, watch, is_over: AtomicBool::new(false) });
        let start = |client| {
            let shared = shared.clone();
            thread::spawn(move || shared.talk(client))
        };
        let threads = (0..CLIENTS).map(start).collect();
        Self { shared, threads }
    }

    /// Has the leader go by `act`, and starts it again when all clients have had an OK of another one.
    fn lose_leader(&self, servers: &mut Servers, act: impl Fn(&mut Servers, usize)) -> Loss {
        *self.shared.watch.lock() = Watch::begin(None);
        let (_, leader) = self.wait_for_answers()[0];
        *self.shared.watch.lock() = Watch::begin(Some(leader));
        let begin = Instant::now();
        act(servers, leader);
        let times = self.wait_for_answers().into_iter().map(|(at, _)| at - begin);
        let loss = Loss { first: times.clone().min().expect("clients"), all: times.max().expect("clients") };
        servers.restart(leader);
        // The next leader goes when this one could take its place.
        let last = servers.status().last;
        wait_for("a server that follows", || (servers.status().applied[servers.name(leader)] >= last).then_some(()));
        loss
    }

    /// Waits until every client has had an answer that counts.
    fn wait_for_answers(&self) -> Vec<(Instant, usize)> {
        wait_for("an OK for every client", || self.shared.watch.lock().answers.iter().copied().collect())
    }

    fn finish(self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for client in self.threads {
            client.join().expect("a client");
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Sends, to one server after the other.
    fn talk(&self, client: usize) {
        let mut sent = 0;
        for server in (0..self.servers.len()).cycle() {
            if let Some(mut line) = self.log_in(client, server) {
                while self.send(client, server, sent, &mut line).is_some() && !self.is_over() {
                    sent += 1;
                    thread::sleep(SEND_PAUSE);
                }
            }
            if self.is_over() {
                return;
            }
            thread::sleep(RETRY_PAUSE);
        }
    }

    fn log_in(&self, client: usize, server: usize) -> Option<Connection> {
        let mut line = Connection::try_open(self.servers[server])?;
        ask(&mut line, &format!("LOGIN:{}:{PASSWORD}", name(client)))?;
        Some(line)
    }

    /// Sends a message, or sends it again. `None`: there is no OK.
    fn send(&self, client: usize, server: usize, number: usize, line: &mut Connection) -> Option<()> {
        ask(line, &format!("SEND;m-{number};#{};hola", name(client)))?;
        let mut watch = self.watch.lock();
        if watch.except != Some(server) {
            watch.answers[client].get_or_insert((Instant::now(), server));
        }
        Some(())
    }
}

/// Asks a server that may go. `None`: there is no OK.
fn ask(line: &mut Connection, request: &str) -> Option<()> {
    line.try_send(format!("{request}\n")).ok()?;
    let answer = line.try_read_line_within(ANSWER_TIME)?;
    assert!(answer.starts_with("OK;") || answer.starts_with("KO;SHUTDOWN;"), "{request}: {answer}");
    answer.starts_with("OK;").then_some(())
}
