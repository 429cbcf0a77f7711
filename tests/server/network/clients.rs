//! Real clients at terminals, who try again after a second and more: judged by what they leave behind.

use std::time::Duration;

use super::runs::{self, Run};
use crate::support::client_judge::{self, Person, Typed};
use crate::support::{PASSWORD, Terminal, World, wait_within};

const RUNS: u64 = 40;

/// Number of harmed connections of each client at each port; the client waits after each of them.
const HARMED: u64 = 3;

/// Longest wait for everything to arrive: each harmed connection may cost a client its time-out of 15 s and a back-off.
const LONGEST: Duration = Duration::from_secs(120);

/// Each batch is typed when the server has the one before it.
const BATCHES: u64 = 3;
const BATCH: u64 = 5;

#[test]
fn clients_keep_the_promises_through_40_bad_networks() {
    // Seeds of their own: what harms the programs is another's.
    runs::play(1_000..1_000 + RUNS, 20, |seed, world| {
        let people = ["ana", "luis"].map(|name| Person { name: format!("{name}{seed}"), typed: Vec::new() });
        people.iter().for_each(|person| drop(world.register(&person.name)));
        let run = Run::start(seed, world, HARMED);
        write_to_each_other(people, &run, world);
        run.finish()
    });
}

fn write_to_each_other(mut people: [Person; 2], run: &Run, world: &World) {
    let home = world.path("home");
    let start = |person: &Person| {
        let mut arguments = crate::support::clients::arguments(&person.name, run.proxy.addresses().map(|at| at.port()));
        arguments.extend(["--home".to_owned(), home.display().to_string(), "--states".to_owned()]);
        // Each state has a line, which stays, however much is said about others.
        Terminal::start_in(&arguments, Some(PASSWORD), &[("TERM", "dumb")])
    };
    let mut terminals = [start(&people[0]), start(&people[1])];
    for batch in 0..BATCHES {
        for who in [0, 1] {
            let name = people[who].name.clone();
            let peer = people[1 - who].name.clone();
            for number in 0..BATCH {
                let text = format!("{name} {batch}-{number}");
                terminals[who].type_line(&format!("@{peer}: {text}"));
                people[who].typed.push(Typed { text, queued: true });
            }
        }
        for who in [0, 1] {
            let last = &people[who].typed.last().expect("a line").text;
            terminals[who].expect_tick_within(LONGEST, "✓", &format!("@{}: {last}", people[1 - who].name));
        }
    }
    let judge = || client_judge::judge(&people, &home, world);
    let screens = || terminals.iter().map(Terminal::screen).collect::<Vec<_>>().join("\n\n");
    wait_within(LONGEST, || whole(judge), || format!("{}\n\n{}", judge().expect_err("a verdict"), screens()));
    terminals.iter_mut().for_each(Terminal::quit);
    judge().unwrap_or_else(|broken| panic!("{broken}"));
}

fn whole(judge: impl Fn() -> Result<(), String>) -> Option<()> {
    let verdict = judge();
    if verdict.is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    verdict.ok()
}
