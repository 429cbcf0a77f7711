//! Places for those who have not logged in, beside a count of them: a quarter of all places, and of what is free of it
//! such a part for an address as is free of all.

use std::collections::VecDeque;
use std::time::Duration;

use crate::support::held_server::HeldServer;
use crate::support::random::Random;
use crate::support::{Connection, PASSWORD, wait_or};

const CAPACITY: usize = 96;

/// The connections of a server, by the address that they come from.
struct Places {
    server: HeldServer,
    strangers: VecDeque<(u8, Connection)>,
    inside: VecDeque<Connection>,
}

impl Places {
    fn new() -> Self {
        let server = HeldServer::start_with(|config| {
            config.connections = CAPACITY;
            // None of them is cut off because the machine is busy.
            config.timeout = Duration::from_secs(600);
        });
        (0..8).for_each(|user| drop(server.register(&format!("user{user}"))));
        let places = Self { server, strangers: VecDeque::new(), inside: VecDeque::new() };
        places.wait_for_counts();
        places
    }

    fn wait_for_counts(&self) {
        let count = |name: &str| {
            let of = |port| self.server.metric(&format!("wachat_{name}{{port=\"{port}\"}}"));
            (of("send") + of("recv")) as usize
        };
        let expected = (self.strangers.len() + self.inside.len(), self.inside.len());
        let counts = || (count("connections"), count("sessions"));
        let failure = || format!("connections and sessions are {:?}, expected: {expected:?}", counts());
        wait_or(|| (counts() == expected).then_some(()), failure);
    }

    /// Number of strangers that an address may have now (protocol, section 1).
    fn most(&self) -> usize {
        let all = CAPACITY / 4;
        let free = all - self.strangers.len();
        (free * free).div_ceil(all)
    }

    fn connect(&mut self, last: u8, is_recv: bool, what: &str) {
        let send = self.server.handle.send_address();
        let recv = self.server.handle.recv_address();
        let has_place = self.strangers.len() < CAPACITY / 4
            && self.strangers.len() + self.inside.len() < CAPACITY
            && self.strangers.iter().filter(|(other, _)| *other == last).count() < self.most();
        let mut line = Connection::open_from([127, 0, 6, last], if is_recv { recv } else { send });
        if has_place {
            self.strangers.push_back((last, line));
            return self.wait_for_counts();
        }
        let told = line.read_rest();
        assert!(told.len() == 1 && told[0].starts_with("KO;FULL;"), "{what}: {told:?}");
    }

    fn log_in(&mut self, user: u64, what: &str) {
        let Some((_, mut line)) = self.strangers.pop_front() else { return };
        let reply = line.request(&format!("LOGIN:user{user}:{PASSWORD}"));
        assert!(reply.starts_with("OK;"), "{what}: {reply}");
        self.inside.push_back(line);
        self.wait_for_counts();
    }
}

#[test]
fn each_stranger_has_the_place_that_the_page_promises_and_no_other() {
    let mut places = Places::new();
    let mut random = Random::new(4);
    for step in 0..260 {
        let what = format!("step {step}, {} strangers", places.strangers.len());
        match random.below(10) {
            // A few addresses with many, and many with few.
            0..7 => {
                let last = if random.chance(60) { 1 + random.below(3) } else { 10 + random.below(40) };
                places.connect(last as u8, false, &what);
            }
            7 if places.inside.len() < 40 => places.log_in(random.below(8), &what),
            8 => {
                let at = random.below(places.strangers.len().max(1) as u64) as usize;
                drop(places.strangers.remove(at));
                places.wait_for_counts();
            }
            _ => {
                drop(places.inside.pop_front());
                places.wait_for_counts();
            }
        }
    }
}

/// All places are taken: then there is none for anybody, and each that is given up is one again.
#[test]
fn a_server_whose_places_are_all_taken_has_none_until_one_is_given_up() {
    let mut places = Places::new();
    while places.inside.len() < CAPACITY {
        let last = (places.inside.len() % 200) as u8;
        places.connect(last, false, "a place");
        let user = places.inside.len() as u64 / 12;
        places.log_in(user, "a login");
    }
    for is_recv in [false, true] {
        places.connect(77, is_recv, "all are taken");
    }
    for round in 0..3 {
        assert_eq!(places.inside.pop_front().expect("a line").request("QUIT"), "OK");
        places.wait_for_counts();
        places.connect(78, round % 2 == 1, "one is free");
        assert_eq!(places.strangers.len(), 1, "{round}");
        places.connect(78, false, "none is free");
        places.strangers.clear();
        places.wait_for_counts();
        places.connect(79, false, "one is free");
        places.log_in(7, "a login");
    }
}
