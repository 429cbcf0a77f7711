//! Places for connections: who logs in, out or vanishes gives a place back, on both ports and to each address.

use std::collections::VecDeque;

use wachat::limits;

use crate::support::metrics::{Page, world_with_metrics};
use crate::support::random::Random;
use crate::support::{Connection, PASSWORD, World, wait_until};

const USERS: u64 = 6;
const SOURCES: [[u8; 4]; 2] = [[127, 0, 4, 1], [127, 0, 4, 2]];

/// Connections that a test has open, without and with a login; of the latter the user, on RECV.
#[derive(Default)]
struct Open {
    strangers: VecDeque<(Connection, bool)>,
    send: VecDeque<Connection>,
    recv: Vec<(u64, Connection)>,
}

impl Open {
    fn connect(&mut self, world: &World, random: &mut Random) {
        let is_recv = random.chance(40);
        let port = if is_recv { world.recv } else { world.send };
        self.strangers.push_back((Connection::open_from(SOURCES[random.below(2) as usize], port), is_recv));
    }

    fn log_in(&mut self, random: &mut Random, what: &str) {
        let Some((mut connection, is_recv)) = self.strangers.pop_front() else { return };
        let user = random.below(USERS);
        if random.chance(10) {
            // No login line: the connection is closed.
            assert!(connection.request("PING").starts_with("KO;SYNTAX;"), "{what}");
            return;
        }
        let reply = connection.request(&format!("LOGIN:user{user}:{PASSWORD}"));
        assert!(reply.starts_with("OK;"), "{what}: {reply}, beside {} strangers", self.strangers.len());
        if is_recv {
            // A session takes over from the one before.
            self.recv.retain(|(other, _)| *other != user);
            self.recv.push((user, connection));
        } else {
            self.send.push_back(connection);
        }
    }

    fn close(&mut self, random: &mut Random) {
        if random.chance(50) && self.recv.len() > 1 {
            self.recv.swap_remove(random.below(self.recv.len() as u64) as usize);
        } else if self.send.len() > 1 {
            let mut connection = self.send.pop_front().expect("a connection");
            if random.chance(50) {
                assert_eq!(connection.request("QUIT"), "OK");
            }
        }
    }
}

/// The server has few places. So few strangers at a time always find one, however many came before them.
#[test]
fn every_place_comes_back() {
    let (mut world, metrics) = world_with_metrics(&["--no-lobby", "--no-limits"]);
    (0..USERS).for_each(|user| drop(world.register(&format!("user{user}"))));
    world.stop();
    world.files = Some(2 * limits::RESERVED_FILES as u64);
    world.start();
    let mut random = Random::new(1);
    let mut open = Open::default();
    for step in 0..500 {
        match random.below(10) {
            0..4 if open.strangers.len() < 3 => open.connect(&world, &mut random),
            0..8 => open.log_in(&mut random, &format!("step {step}")),
            _ => open.close(&mut random),
        }
        if open.send.len() > 12 {
            open.send.pop_front();
        }
    }
    let counts = |open: &Open| {
        let of = |is_recv| open.strangers.iter().filter(|(_, recv)| *recv == is_recv).count();
        [(of(false), open.send.len()), (of(true), open.recv.len())]
    };
    let wait_for_counts = |expected: [(usize, usize); 2]| {
        wait_until("the counts of both ports", || {
            let page = Page::read(metrics);
            ["send", "recv"].iter().zip(expected).all(|(port, (strangers, inside))| {
                let value = |name: &str| page.value(&format!("wachat_{name}{{port=\"{port}\"}}")) as usize;
                (value("connections"), value("sessions")) == (strangers + inside, inside)
            })
        });
    };
    wait_for_counts(counts(&open));
    drop(open);
    wait_for_counts([(0, 0); 2]);
}
