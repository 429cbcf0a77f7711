//! Decisions in a log, their replay, and the promises of real clients behind random faults.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::process::Chaos;
use crate::support::client_judge::{self, Person, Typed};
use crate::support::clients;
use crate::support::{Connection, PASSWORD, TIMEOUT, Terminal, World};

/// Number of connections that a program makes one after the other.
const CONNECTIONS: usize = 30;

/// Sends on one connection after the other, and ignores what happens to each.
fn talk(address: SocketAddr) {
    for number in 0..CONNECTIONS {
        let Some(mut line) = Connection::try_open(address) else { continue };
        let mut said = line.try_send(format!("LOGIN:ana:{PASSWORD}\n")).ok().and_then(|()| line.try_read_line());
        for request in 0..8 {
            if said.take().is_none() {
                break;
            }
            let sent = line.try_send(format!("SEND;m-{number}-{request};luis;hola {request}\n"));
            said = sent.ok().and_then(|()| line.try_read_line());
        }
    }
}

/// Returns the decisions of a log without their times.
fn decisions(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("a log");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("wachat-chaos;1"));
    let mut decisions: Vec<_> = lines.map(|line| line.split_once(';').expect("a time").1.to_owned()).collect();
    // The two directions of a connection are decided by two threads.
    decisions.sort();
    decisions
}

/// Runs the program through a proxy with these options on a new server. Returns the decisions.
fn run(options: &[&str], log: &str) -> Vec<String> {
    // A direction that is silent ends with the server's time-out.
    let world = World::new(&["--timeout", "5", "--no-limits"]);
    ["ana", "luis"].iter().for_each(|user| drop(world.register(user)));
    let chaos = Chaos::start(world.addresses(), &[options, &["--log", log]].concat());
    talk(chaos.addresses[0]);
    chaos.stop();
    decisions(Path::new(log))
}

#[test]
fn a_replay_takes_the_same_decisions_for_the_same_records() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let rules: &[&str] = &["--rule", "reset 20% of the OK replies to SEND", "--rule", "duplicate every 3rd SEND, 50%"];
    for (name, source) in [("rules", rules), ("random", &["--seed", "12"])] {
        let [first, again] = ["first", "again"].map(|run| path(&format!("{name}-{run}")));
        let taken = run(source, &first);
        assert!(taken.len() > 10, "{taken:#?}");
        assert_eq!(run(&["--replay", &first], &again), taken);
    }
}

#[test]
fn a_log_shows_place_record_and_fault() {
    let world = World::new(&[]);
    let log = world.path("log");
    world.register("maría");
    let rules = ["--rule", "hold PING until Enter", "--rule", "cut the first OK after byte 3 late"];
    let chaos = Chaos::start(world.addresses(), &[&rules[..], &["--log", &log.display().to_string()]].concat());
    let mut line = Connection::open(chaos.addresses[0]);
    line.send(format!("LOGIN:MARÍA:{PASSWORD}\n"));
    line.read_rest();
    drop(chaos);
    assert_eq!(decisions(&log), ["MARÍA;SEND;1;to the client;1;OK LOGIN reply;cut after byte 3 late"]);
}

#[test]
fn clients_behind_random_faults_deliver_everything_once() {
    let world = World::new(&["--timeout", "5"]);
    let mut people = ["ana", "luis"].map(|name| Person { name: name.to_owned(), typed: Vec::new() });
    people.iter().for_each(|person| drop(world.register(&person.name)));
    let chaos = Chaos::start(world.addresses(), &["--seed", "3"]);
    let home = world.path("home");
    let terminals = people.each_ref().map(|person| {
        let mut arguments = clients::arguments(&person.name, chaos.addresses.map(|at| at.port()));
        arguments.extend(["--home".to_owned(), home.display().to_string()]);
        Terminal::start_in(&arguments, Some(PASSWORD), &[("TERM", "dumb")])
    });
    for number in 0..8 {
        for who in [0, 1] {
            let text = format!("{} {number}", people[who].name);
            let peer = people[1 - who].name.clone();
            terminals[who].type_line(&format!("@{peer}: {text}"));
            people[who].typed.push(Typed { text, queued: true });
        }
    }
    let verdict = || client_judge::judge(&people, &home, &world);
    let screens = || terminals.each_ref().map(Terminal::screen).join("\n\n");
    // The clients wait longer and longer between their tries.
    let deadline = Instant::now() + 6 * TIMEOUT;
    while verdict().is_err() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    verdict().unwrap_or_else(|broken| panic!("{broken}\n{}", screens()));
    drop(terminals);
    let said = chaos.stop();
    assert!(said.iter().any(|line| line.ends_with(", each as before")), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("disturbed: 0")), "{said:#?}");
}
