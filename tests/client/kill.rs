//! Two real clients at terminals and their server, each ended by SIGKILL at any context, under typing.
//! What was seen on the screens is compared with the histories of both, and with the server's.

use std::thread;
use std::time::Duration;

use crate::support::client_judge::{self, Person, Typed};
use crate::support::random::Random;
use crate::support::{PASSWORD, Terminal, WACHAT, World, wait_or};

#[test]
fn nothing_seen_is_lost_through_50_kills() {
    survive(50, 1);
}

#[test]
#[ignore = "takes some minutes"]
fn nothing_seen_is_lost_through_1000_kills() {
    survive(1_000, 2);
}

/// A user at a terminal whose client is started again and again.
struct Desk {
    person: Person,
    peer: &'static str,
    terminal: Terminal,
    /// The first line that was typed at this program.
    first: usize,
    /// The screens of the programs before this one.
    screens: String,
}

/// Starts a client at a terminal so high that no line scrolls off: the state of each stays to be seen.
fn start(world: &World, name: &str) -> Terminal {
    Terminal::start_program(WACHAT, &world.arguments(name, &[]), Some(PASSWORD), &[], [1_000, 200])
}

impl Desk {
    fn new(world: &World, name: &'static str, peer: &'static str) -> Self {
        let person = Person { name: name.to_owned(), typed: Vec::new() };
        Self { person, peer, terminal: start(world, name), first: 0, screens: String::new() }
    }

    fn type_lines(&mut self, count: u64) {
        for _ in 0..count {
            // With a point at its end none is the beginning of another.
            let text = format!("{} {}.", self.person.name, self.person.typed.len());
            self.terminal.type_line(&format!("@{}: {text}", self.peer));
            self.person.typed.push(Typed { text, queued: false });
        }
    }

    /// Waits for the tick of one of the lines, counted from the last one.
    fn expect(&self, tick: &str, back: usize) {
        let lines = &self.person.typed[self.first..];
        let line = &lines[lines.len().saturating_sub(back + 1)];
        self.terminal.expect_tick(tick, &format!("@{}: {}", self.peer, line.text));
    }

    /// The line of a message as it is written first.
    fn queued_line(&self, typed: &Typed) -> String {
        format!("-> {}: {} …", self.peer, typed.text)
    }

    fn kill(&mut self) {
        self.screens += &self.terminal.last_screen();
    }

    fn restart(&mut self, world: &World) {
        self.terminal = start(world, &self.person.name);
        self.first = self.person.typed.len();
    }

    /// Everything was typed: waits until the last line is queued, and notes which were seen so.
    fn look_back(&mut self) {
        self.expect("…", 0);
        let screens = self.screens.clone() + &self.terminal.screen();
        let seen: Vec<_> = self.person.typed.iter().map(|typed| screens.contains(&self.queued_line(typed))).collect();
        self.person.typed.iter_mut().zip(seen).for_each(|(typed, seen)| typed.queued = seen);
    }

    fn quit(&mut self) {
        self.terminal.quit();
        self.kill();
    }

    /// Asserts that every message of the history was shown. After a kill it may have been shown again.
    fn assert_shown(&self, world: &World) {
        for text in world.texts(&self.person.name, "IN") {
            let line = format!("] {}: {text}\r\n", self.peer);
            assert!(self.screens.contains(&line), "{} was never shown {text}", self.person.name);
        }
    }
}

fn survive(kills: u64, seed: u64) {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut desks = [Desk::new(&world, "ana", "luis"), Desk::new(&world, "luis", "ana")];
    let random = &mut Random::new(seed);
    for _ in 0..kills {
        desks.iter_mut().for_each(|desk| desk.type_lines(1 + random.below(6)));
        wait_for_the_moment(&desks[random.below(2) as usize], random);
        kill_one(&mut world, &mut desks, random);
    }
    desks.iter_mut().for_each(|desk| desk.type_lines(1));
    desks.iter_mut().for_each(Desk::look_back);
    finish(&world, &mut desks);
}

/// While a program starts, or when it has just done something: then it is doing the next thing, and the
/// other one what comes of it.
fn wait_for_the_moment(desk: &Desk, random: &mut Random) {
    match random.below(4) {
        0 => {}
        1 => desk.expect("…", random.below(3) as usize),
        _ => desk.expect("✓", random.below(6) as usize),
    }
    thread::sleep(Duration::from_micros(random.below(5_000)));
}

fn kill_one(world: &mut World, desks: &mut [Desk; 2], random: &mut Random) {
    match random.below(10) {
        0..2 => {
            world.kill();
            desks.iter_mut().for_each(|desk| desk.type_lines(random.below(3)));
            world.start();
        }
        2 => {
            desks.iter_mut().for_each(Desk::kill);
            desks.iter_mut().for_each(|desk| desk.restart(world));
        }
        // A line typed at a terminal whose program has died is lost; it was not reported as queued.
        other => {
            let desk = &mut desks[other as usize % 2];
            desk.kill();
            desk.restart(world);
        }
    }
}

fn finish(world: &World, desks: &mut [Desk; 2]) {
    let people = [desks[0].person.clone(), desks[1].person.clone()];
    let judge = || client_judge::judge(&people, &world.path("home"), world);
    wait_or(|| judge().ok(), || judge().err().unwrap_or_default());
    desks.iter_mut().for_each(Desk::quit);
    judge().unwrap_or_else(|broken| panic!("{broken}"));
    desks.iter().for_each(|desk| desk.assert_shown(world));
    let count =
        |seen: bool| people.iter().flat_map(|person| &person.typed).filter(|typed| typed.queued == seen).count();
    println!("{} lines were seen as queued, {} were not", count(true), count(false));
}
