//! The connections of some users beside a list of them: who logs in, out, elsewhere or anew, and who is told.

use std::time::Duration;

use crate::support::random::Random;
use crate::support::{Connection, World, wait_within};
use wachat::limits;

const USERS: [&str; 3] = ["ana", "eva", "luis"];
const PASSWORDS: [&str; 2] = ["una palabra", "otra palabra"];

struct Line {
    user: usize,
    is_recv: bool,
    source: [u8; 4],
    connection: Connection,
}

struct Users {
    world: World,
    /// In the order of their logins.
    lines: Vec<Line>,
    /// The current password of each user.
    passwords: [usize; USERS.len()],
}

impl Users {
    fn new() -> Self {
        let world = World::new(&["--no-lobby", "--no-limits"]);
        for user in USERS {
            let (reply, _) = Connection::open_with(world.send, &format!("REGISTER:{user}:{}", PASSWORDS[0]));
            assert!(reply.starts_with("OK;"), "{reply}");
        }
        Self { world, lines: Vec::new(), passwords: [0; USERS.len()] }
    }

    /// Those of a user, of which `is_meant` says more.
    fn find(&self, user: usize, is_meant: impl Fn(&Line) -> bool) -> Vec<usize> {
        (0..self.lines.len()).filter(|at| self.lines[*at].user == user && is_meant(&self.lines[*at])).collect()
    }

    fn log_in(&mut self, user: usize, random: &mut Random, what: &str) {
        let is_recv = random.chance(30);
        let source = [127, 0, 0, 1 + random.below(3) as u8];
        let address = if is_recv { self.world.recv } else { self.world.send };
        let mut connection = Connection::open_from(source, address);
        let right = PASSWORDS[self.passwords[user]];
        let wrong = PASSWORDS[1 - self.passwords[user]];
        if random.chance(3) {
            // The password of before is none.
            let reply = connection.request(&format!("LOGIN:{}:{wrong}", USERS[user]));
            assert!(reply.starts_with("KO;AUTH;"), "{what}: {reply}");
            connection = Connection::open_from(source, address);
        }
        let reply = connection.request(&format!("LOGIN:{}:{right}", USERS[user]));
        let is_full = !is_recv && self.find(user, |line| !line.is_recv).len() >= limits::CONNECTIONS_PER_USER;
        assert!(reply.starts_with(if is_full { "KO;FULL;" } else { "OK;" }), "{what}: {reply}");
        if is_full {
            return;
        }
        if is_recv {
            let before = self.find(user, |line| line.is_recv);
            for at in before {
                self.expect_end(at, "KO;REPLACED;", what);
            }
        }
        self.lines.push(Line { user, is_recv, source, connection });
    }

    /// A line is told a last KO, and closed.
    fn expect_end(&mut self, at: usize, last: &str, what: &str) {
        let mut line = self.lines.remove(at);
        let told = line.connection.read_line();
        assert!(told.starts_with(last), "{what}: {told}");
        line.connection.assert_closed();
    }

    fn quit(&mut self, at: usize) {
        let mut line = self.lines.remove(at);
        assert_eq!(line.connection.request("QUIT"), "OK");
        line.connection.assert_closed();
    }

    /// The numbers of a user's connections, which are listed as they are; asked on this one.
    fn numbers(&mut self, at: usize, what: &str) -> Vec<u64> {
        let user = self.lines[at].user;
        let mine = self.find(user, |_| true).into_iter();
        let record = |other: usize| {
            let port = if self.lines[other].is_recv { "RECV" } else { "SEND" };
            let [a, b, c, d] = self.lines[other].source;
            format!("{port};{a}.{b}.{c}.{d};<at>;{};", if other == at { "this" } else { "other" })
        };
        let expected: Vec<_> = mine.map(record).collect();
        let line = &mut self.lines[at].connection;
        // A connection that was closed may be counted for a moment.
        let look = || {
            let told = line.list_without_times("SESSIONS");
            let records = told.iter().map(|record| record.split_once(';').expect("a record"));
            let (numbers, records): (Vec<_>, Vec<_>) = records.unzip();
            (records == expected).then(|| numbers.iter().map(|number| number.parse().expect("a number")).collect())
        };
        wait_within(Duration::from_secs(20), look, || format!("{what}: {} has {expected:?}", USERS[user]))
    }

    /// Closes one of the user's connections by its number, possibly the one that asks.
    fn log_out(&mut self, at: usize, random: &mut Random, what: &str) {
        let numbers = self.numbers(at, what);
        let mine = self.find(self.lines[at].user, |_| true);
        let chosen = random.below(mine.len() as u64) as usize;
        assert_eq!(self.lines[at].connection.request(&format!("LOGOUT;{}", numbers[chosen])), "OK", "{what}");
        self.expect_end(mine[chosen], "KO;AUTH;", what);
    }

    fn end_others(&mut self, at: usize, what: &str) {
        let others = self.find(self.lines[at].user, |_| true).into_iter().filter(|other| *other != at);
        for other in others.rev().collect::<Vec<_>>() {
            self.expect_end(other, "KO;AUTH;", what);
        }
    }

    fn change_password(&mut self, at: usize, what: &str) {
        let user = self.lines[at].user;
        let old = self.passwords[user];
        let new = 1 - self.passwords[user];
        let request = format!("PASSWD;{};{}", PASSWORDS[old], PASSWORDS[new]);
        assert_eq!(self.lines[at].connection.request(&request), "OK", "{what}");
        self.passwords[user] = new;
        self.end_others(at, what);
    }

    fn step(&mut self, random: &mut Random, what: &str) {
        let user = random.below(USERS.len() as u64) as usize;
        let all = self.find(user, |_| true);
        let send = self.find(user, |line| !line.is_recv);
        let any = |lines: &[usize], random: &mut Random| lines[random.below(lines.len() as u64) as usize];
        match random.below(100) {
            0..60 => self.log_in(user, random, what),
            60..75 if !all.is_empty() => self.quit(any(&all, random)),
            75..85 if !send.is_empty() => self.log_out(any(&send, random), random, what),
            85..88 if !send.is_empty() => {
                let at = any(&send, random);
                assert_eq!(self.lines[at].connection.request("LOGOUT;others"), "OK", "{what}");
                self.end_others(at, what);
            }
            88..90 if !send.is_empty() => self.change_password(any(&send, random), what),
            90..96 if !all.is_empty() => drop(self.lines.remove(any(&all, random))),
            _ => {}
        }
        // All that are open are, also those of others.
        for at in 0..self.lines.len() {
            assert_eq!(self.lines[at].connection.request("PING"), "OK", "{what}");
        }
    }
}

#[test]
fn each_user_has_the_connections_that_nobody_has_closed() {
    let mut users = Users::new();
    let mut random = Random::new(3);
    for step in 0..250 {
        let what = format!("step {step}");
        users.step(&mut random, &what);
        for user in 0..USERS.len() {
            if let Some(at) = users.find(user, |line| !line.is_recv).last() {
                users.numbers(*at, &what);
            }
        }
    }
}
