//! The judge finds the flaws of a small server: each fails the tests that name it, and no others.

use std::collections::BTreeSet;

use wachat::course::judge::script;

use crate::course::judge::{Killable, judge, text};
use crate::support::examples::example;

/// The groups that the small server has, without crashes.
const GROUPS: &str = "framing,login,send,poll,states,idempotence";

/// A flaw, the tests that fail with it, and those that may: whether lines arrive in one piece is up to the network.
const FLAWS: &[(&str, &[&str], &[&str])] = &[
    ("none", &[], &[]),
    (
        "one-read-is-one-line",
        &["framing-1", "framing-2", "framing-3"],
        &["framing-4", "framing-5", "framing-12", "idempotence-5", "idempotence-6", "poll-1", "send-8", "send-9"],
    ),
    ("half-a-line-is-lost", &["framing-2"], &["framing-3", "framing-4", "idempotence-5", "idempotence-6", "send-9"]),
    ("no-dedupe", &["idempotence-1", "idempotence-2", "idempotence-5", "idempotence-6"], &[]),
    ("shared-ids", &["idempotence-3"], &[]),
    ("one-client-at-a-time", &["poll-5", "poll-7", "send-9"], &[]),
    ("unordered", &["framing-7", "idempotence-3", "poll-1", "states-7"], &[]),
    ("no-quotes", &["framing-7", "framing-8", "framing-9", "framing-10"], &[]),
];

/// The same for the flaws that a crash shows.
const CRASHES: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("ok-before-the-disk", &["crash-1", "crash-2", "crash-3", "crash-4", "crash-5"]),
    ("forgets-on-restart", &["crash-1", "crash-2", "crash-3", "crash-4", "crash-5"]),
];

/// Starts a server with a flaw; returns the tests that fail, and everything that was said.
fn failures(flaw: &str, groups: &str) -> (BTreeSet<String>, String) {
    let program = example("flawed");
    let serve = |[send, recv]: [u16; 2]| {
        format!("{} {flaw} --send-port {send} --recv-port {recv} --file log.csv", program.display())
    };
    let server = Killable::start(serve);
    let [send, recv] = server.ports;
    // Where one client waits for another, tests wait for tests at their side, and pass alone.
    let jobs = if flaw == "one-client-at-a-time" { "4" } else { "1" };
    let said = text(&judge(send, recv, &["--only", groups, "--jobs", jobs, "--restart", &server.script]));
    let failed = said.lines().filter(|line| line.starts_with("FAILED "));
    (failed.map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect(), said)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_flaw_fails_the_tests_that_name_it() {
    std::thread::scope(|scope| {
        for (flaw, must, may) in FLAWS {
            scope.spawn(move || {
                let (failed, said) = failures(flaw, GROUPS);
                let must = set(must);
                assert!(failed.is_superset(&must), "{flaw} fails {failed:?}:\n{said}");
                let others: Vec<_> = failed.difference(&must).filter(|name| !may.contains(&name.as_str())).collect();
                assert!(others.is_empty(), "{flaw} fails {others:?}, too:\n{said}");
            });
        }
    });
}

#[test]
fn a_server_without_devices_permits_owners_erase_and_reserved_names_loses_no_points() {
    let (failed, said) = failures("none", "login,devices,calls,owners,erase,names");
    assert!(failed.is_empty(), "{said}");
    let absent: Vec<_> = said.lines().filter(|line| line.starts_with("absent  devices-")).collect();
    let all = script::all().filter(|test| test.is_of_devices()).count();
    assert_eq!(absent.len(), all, "{said}");
    assert!(absent[0].ends_with(": the server has no devices: it answers DEVICE with SYNTAX"), "{said}");
    let calls: Vec<_> = said.lines().filter(|line| line.starts_with("absent  calls-")).collect();
    assert_eq!(calls.len(), script::all().filter(|test| test.is_of_calls()).count(), "{said}");
    assert!(calls[0].ends_with(": the server has no permits: it answers PERMIT with SYNTAX"), "{said}");
    let owners: Vec<_> = said.lines().filter(|line| line.starts_with("absent  owners-")).collect();
    assert_eq!(owners.len(), script::all().filter(|test| test.is_of_owners()).count(), "{said}");
    assert!(owners[0].ends_with(": the server has no rooms with owners: it answers TOPIC with SYNTAX"), "{said}");
    let erase: Vec<_> = said.lines().filter(|line| line.starts_with("absent  erase-")).collect();
    assert_eq!(erase.len(), script::all().filter(|test| test.is_of_erasing()).count(), "{said}");
    assert!(erase[0].ends_with(": the server takes no messages back: it answers ERASE with SYNTAX"), "{said}");
    let names: Vec<_> = said.lines().filter(|line| line.starts_with("absent  names-")).collect();
    assert_eq!(names.len(), script::all().filter(|test| test.is_of_names()).count(), "{said}");
    let why = ": the server reserves no names: it answers a REGISTER of wachat with PASSWORD";
    assert!(names[0].ends_with(why), "{said}");
    assert!(said.ends_with("  9.0/ 9.0\n") && !said.contains("\ndevices "), "{said}");
}

#[test]
fn a_server_that_forgets_fails_the_crashes() {
    std::thread::scope(|scope| {
        for (flaw, must) in CRASHES {
            scope.spawn(move || {
                let (failed, said) = failures(flaw, "crash");
                assert_eq!(failed, set(must), "{flaw}:\n{said}");
            });
        }
    });
}

/// Returns lines of the judge without what differs from run to run: times, and the ends of names.
pub fn normal(lines: &str) -> Vec<String> {
    let changes = [
        (r"\(\d+\.\d s\)", "(0.0 s)"),
        (r"^ +\d+\.\d{3} ", "0.000 "),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\b(ana|luis|m)-[0-9a-f]+-\d+", "$1"),
    ];
    let change = |line: &str| {
        changes.iter().fold(line.to_owned(), |line, (old, new)| {
            regex_lite::Regex::new(old).unwrap().replace_all(&line, *new).into_owned()
        })
    };
    lines.trim().lines().map(change).collect()
}

#[test]
fn the_page_shows_what_the_judge_says() {
    let page = include_str!("../../src/course/judge.md");
    let shown = page.split("--only idempotence-1\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (_, said) = failures("no-dedupe", "idempotence-1");
    assert_eq!(normal(&said), normal(shown));
}
