//! A bad network between clients and a server, on both ports. It delays, cuts, resets, half-closes,
//! falls silent, passes single bytes, keeps answers to itself, and lets requests come twice.
//!
//! All of it follows from a seed ([`plan`]). The server is a real one and so are the clients: nothing
//! here knows what they are to do about it. Of the protocol it knows where lines and answers end.

pub mod plan;
mod wire;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parking_lot::Mutex;

use plan::{Plan, Port};

/// The network as one end sees it: two addresses in the server's place.
pub struct Proxy {
    network: Arc<Network>,
    addresses: [SocketAddr; 2],
}

/// State that all connections share.
struct Network {
    seed: u64,
    server: [SocketAddr; 2],
    /// Number of connections of each user at each port that are harmed; later ones are not.
    harmed: u64,
    healed: AtomicBool,
    closed: AtomicBool,
    /// Number of connections so far of each user at each port.
    counts: Mutex<HashMap<(String, Port), u64>>,
    seen: Mutex<Seen>,
}

/// Requests and replies that passed.
#[derive(Default)]
struct Seen {
    /// The requests of each user that were answered OK, as they came, and their answers.
    answers: HashMap<(String, String), Answered>,
    /// The same in the order of their first answers.
    order: Vec<(String, String)>,
    /// The harmed connections: user, port, number and plan.
    story: Vec<(String, Port, u64, Plan)>,
    wrong: Option<String>,
    duplicates: u64,
}

struct Answered {
    request: Vec<u8>,
    answer: String,
}

impl Proxy {
    /// Starts a run in which the first connections of each user at each port, this many, are harmed.
    pub fn start(seed: u64, server: [SocketAddr; 2], harmed: u64) -> Self {
        let network = Arc::new(Network {
            seed,
            server,
            harmed,
            healed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            counts: Mutex::default(),
            seen: Mutex::default(),
        });
        let addresses = [Port::Send, Port::Recv].map(|port| listen(&network, port));
        Self { network, addresses }
    }

    /// Of what stands for the SEND port and the RECV port.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.addresses
    }

    /// From now on new connections are not harmed.
    pub fn heal(&self) {
        self.network.healed.store(true, Ordering::Relaxed);
    }

    /// Asserts that no duplicate was answered otherwise than the first; says how many there were.
    pub fn assert_same_answers(&self) -> u64 {
        let seen = self.network.seen.lock();
        assert_eq!(seen.wrong, None);
        seen.duplicates
    }

    /// Returns how many connections were harmed.
    pub fn harm_done(&self) -> u64 {
        self.network.seen.lock().story.len() as u64
    }

    /// Describes the harm, in the order of the connections' numbers.
    pub fn story(&self) -> String {
        let mut story = self.network.seen.lock().story.clone();
        story.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
        let line = |(user, port, number, plan): &(String, Port, u64, Plan)| {
            format!("  {user}, {port:?}, connection {number}: {plan:?}\n")
        };
        story.iter().map(line).collect()
    }
}

impl Drop for Proxy {
    /// Frees the ports. What is connected ends with its client.
    fn drop(&mut self) {
        self.network.closed.store(true, Ordering::Relaxed);
        self.addresses.iter().for_each(|address| drop(TcpStream::connect(address)));
    }
}

fn listen(network: &Arc<Network>, port: Port) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let (address, network) = (listener.local_addr().expect("its address"), network.clone());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if network.closed.load(Ordering::Relaxed) {
                return;
            }
            let network = network.clone();
            thread::spawn(move || wire::carry(network, port, client));
        }
    });
    address
}

impl Network {
    fn address(&self, port: Port) -> SocketAddr {
        self.server[port as usize]
    }

    /// Returns the plan of a new connection.
    fn plan(&self, user: &str, port: Port) -> Plan {
        let mut counts = self.counts.lock();
        let count = counts.entry((user.to_owned(), port)).or_default();
        *count += 1;
        if *count > self.harmed || self.healed.load(Ordering::Relaxed) {
            return Plan::default();
        }
        let plan = Plan::draw(self.seed, user, port, *count);
        if !plan.is_nothing() {
            self.seen.lock().story.push((user.to_owned(), port, *count, plan.clone()));
        }
        plan
    }

    /// A request that may be repeated was answered. All its answers are the same.
    fn answered(&self, user: &str, id: &str, request: &[u8], answer: &str) {
        let mut seen = self.seen.lock();
        let key = (user.to_owned(), id.to_owned());
        let before = seen.answers.get(&key).map(|before| before.answer.clone());
        match before {
            None if answer.starts_with("OK;") => {
                seen.order.push(key.clone());
                seen.answers.insert(key, Answered { request: request.to_vec(), answer: answer.to_owned() });
            }
            None => {}
            Some(before) => {
                seen.duplicates += 1;
                if before != answer {
                    let words = format!("{id} of {user} is answered {answer:?}, and was {before:?} before");
                    seen.wrong.get_or_insert(words);
                }
            }
        }
    }

    /// Some requests of this user that were answered: every so many, oldest first.
    fn some_answered(&self, user: &str, every: usize) -> Vec<(String, Vec<u8>)> {
        let seen = self.seen.lock();
        let mine = seen.order.iter().filter(|(who, _)| who == user);
        mine.step_by(every).map(|key| (key.1.clone(), seen.answers[key].request.clone())).collect()
    }
}
