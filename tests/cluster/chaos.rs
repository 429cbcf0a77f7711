//! Three servers and three members of etcd while they are killed, stopped and cut off from each other, by a seed.
//! Clients send and read all the time; the checker judges what they see.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::network::Weather;
use crate::support::cluster::servers::{Servers, USERS};
use crate::support::cluster::stores::read_history;
use crate::support::random::Random;
use crate::support::traffic::Traffic;

/// Time in which harm is done, in each of many runs and in each of those of the suite.
const RUN: Duration = Duration::from_secs(12);
const SHORT_RUN: Duration = Duration::from_secs(6);

/// Longest time that something is harmed, in milliseconds: longer than a lease.
const HARM_MILLIS: u64 = 5_000;

/// Harms at the same time.
const HARMS: usize = 3;

/// Messages that are accepted before, and after all has healed.
const MESSAGES: u64 = 30;

/// A fault of a server, a member of etcd, or a network, until it is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    /// A server is killed.
    Kill(usize),
    /// A server stands still.
    Stop(usize),
    /// A server is ended, as an administrator does.
    End(usize),
    KillMember(usize),
    StopMember(usize),
    Network(usize, Weather),
}

impl Harm {
    /// Returns the server or the member that it is about; members come after servers.
    fn subject(self) -> usize {
        match self {
            Self::Kill(server) | Self::Stop(server) | Self::End(server) | Self::Network(server, _) => server,
            Self::KillMember(member) | Self::StopMember(member) => 3 + member,
        }
    }
}

struct Chaos {
    seed: u64,
    random: Random,
    /// Time in which harm is done.
    time: Duration,
    servers: Servers,
    harms: Vec<(Instant, Harm)>,
    begin: Instant,
    story: Vec<String>,
    /// A disk is still to be lost: in every second run.
    may_lose_disk: bool,
    /// Number of harms.
    harmed: u64,
}

impl Chaos {
    fn note(&mut self, what: String) {
        self.story.push(format!("{:6.2} s: {what}", self.begin.elapsed().as_secs_f64()));
    }

    fn run(&mut self) {
        while self.begin.elapsed() < self.time {
            self.heal(Instant::now());
            if self.may_lose_disk && self.begin.elapsed() > self.time / 2 {
                self.may_lose_disk = false;
                self.lose_disk();
            }
            if self.harms.len() < HARMS && self.random.below(3) == 0 {
                self.harm();
            }
            thread::sleep(Duration::from_millis(100));
        }
        self.heal(Instant::now() + Duration::from_millis(HARM_MILLIS));
    }

    /// Does harm to something that is well.
    fn harm(&mut self) {
        let leader = self.servers.find_leader();
        let chosen = self.random.below(3) as usize;
        // Mostly the one that leads: with another one less happens.
        let server = leader.filter(|_| self.random.below(3) > 0).unwrap_or(chosen);
        let weather = [Weather::Slow, Weather::Cut, Weather::Deaf][self.random.below(3) as usize];
        let harm = match self.random.below(11) {
            0..2 => Harm::Kill(server),
            2..5 => Harm::Stop(server),
            5 => Harm::End(server),
            6 => Harm::KillMember(chosen),
            7 => Harm::StopMember(chosen),
            _ => Harm::Network(server, weather),
        };
        if self.harms.iter().any(|(_, other)| other.subject() == harm.subject()) {
            return;
        }
        // Most are short, so that there are servers in between; a lease ends in the long ones.
        let longest = if self.random.chance(40) { HARM_MILLIS } else { HARM_MILLIS / 5 };
        let time = Duration::from_millis(200 + self.random.below(longest - 200));
        self.note(format!("{harm:?} for {time:?}; the leader is {leader:?}"));
        match harm {
            Harm::Kill(server) => self.servers.kill(server),
            Harm::Stop(server) => self.servers.stop(server),
            Harm::End(server) => assert!(self.servers.end(server).success()),
            Harm::KillMember(member) => self.servers.etcd.kill(member),
            Harm::StopMember(member) => self.servers.etcd.stop(member),
            Harm::Network(server, weather) => self.servers.network(server).set(weather),
        }
        self.harmed += 1;
        self.harms.push((Instant::now() + time, harm));
    }

    /// Puts right what has lasted until now.
    fn heal(&mut self, now: Instant) {
        while let Some(index) = self.harms.iter().position(|(until, _)| *until <= now) {
            let (_, harm) = self.harms.swap_remove(index);
            match harm {
                Harm::Kill(server) | Harm::End(server) => self.servers.restart(server),
                Harm::Stop(server) => self.servers.resume(server),
                Harm::KillMember(member) => self.servers.etcd.restart(member),
                Harm::StopMember(member) => self.servers.etcd.resume(member),
                Harm::Network(server, _) => self.servers.network(server).set(Weather::Fine),
            }
            self.note(format!("{harm:?} is over"));
        }
    }

    /// A server loses its whole disk, while all others are well: with two lost disks at a time there may be no copy.
    fn lose_disk(&mut self) {
        self.heal(Instant::now() + Duration::from_millis(HARM_MILLIS));
        let server = self.random.below(3) as usize;
        self.harmed += 1;
        self.note(format!("server {server} loses its disk"));
        self.servers.kill(server);
        self.servers.lose_disk(server, (server + 1) % 3);
        self.note(format!("server {server} has a disk"));
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the run of seed {}:\n{}", self.seed, self.story.join("\n"));
        }
    }
}

fn run(seed: u64, time: Duration) {
    let Some(servers) = Servers::start(3) else { return };
    let random = Random::new(seed);
    let traffic = Traffic::start_at(USERS, servers.all_addresses());
    let begin = Instant::now();
    let mut chaos = Chaos {
        seed,
        random,
        time,
        servers,
        harms: Vec::new(),
        begin,
        story: Vec::new(),
        may_lose_disk: seed.is_multiple_of(2),
        harmed: 0,
    };
    traffic.wait_for_messages(MESSAGES);
    chaos.begin = Instant::now();
    chaos.run();
    // All goes on by itself.
    traffic.wait_for_messages(MESSAGES);
    chaos.note("all is well".to_owned());
    let outcome = traffic.finish();
    chaos.note(format!("{} messages are accepted", outcome.accepted));
    eprintln!("seed {seed}: {} harms, {} messages", chaos.harmed, outcome.accepted);
    chaos.servers.assert_same();
    for server in 0..3 {
        let rows: usize = read_history(chaos.servers.data(server)).values().map(Vec::len).sum();
        assert_eq!(rows as u64, outcome.accepted, "the rows of server {server}");
        outcome.assert_gone(chaos.servers.data(server));
    }
}

/// Runs seeds, as many at a time as there are turns.
fn run_all(seeds: impl Iterator<Item = u64> + Send, time: Duration) {
    let seeds = parking_lot::Mutex::new(seeds);
    let work = || {
        loop {
            let seed = seeds.lock().next();
            let Some(seed) = seed else { return };
            run(seed, time);
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        let ends: Vec<_> = others.into_iter().map(|other| other.join().is_ok()).collect();
        assert!(ends.iter().all(|is_ok| *is_ok), "a run has failed: its seed and its story are above");
    });
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn servers_are_one_while_they_are_killed_stopped_and_cut_off() {
    run_all(1..=12, SHORT_RUN);
}

/// `WACHAT_CLUSTER_RUNS` says how many, `WACHAT_CLUSTER_SEED` with which seed they begin.
#[test]
#[ignore = "takes hours"]
fn many_seeded_runs() {
    let first = from_environment("WACHAT_CLUSTER_SEED", 1_000);
    run_all(first..first + from_environment("WACHAT_CLUSTER_RUNS", 200), RUN);
}
