//! The judge of clients: our own passes, and each flaw of a small client fails the tests that name it, and no others.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use crate::course::flawed::normal;
use crate::course::judge::text;
use crate::support::examples::example;
use crate::support::{NO_SETTINGS, WACHAT};

fn judge(client: &str, more: &[&str]) -> Output {
    let arguments = ["judge", "--client", client];
    Command::new(WACHAT).args(arguments).args(more).env("WACHAT_CONFIG", NO_SETTINGS).output().unwrap()
}

/// Returns the tests that a client fails, and everything that was said.
fn failures(client: &str, more: &[&str]) -> (BTreeSet<String>, String) {
    let said = text(&judge(client, more));
    let failed = said.lines().filter(|line| line.starts_with("FAILED "));
    (failed.map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect(), said)
}

#[test]
fn our_client_passes_all() {
    let output = judge(&format!("{WACHAT} connect --receive"), &["--patience", "30"]);
    let said = text(&output);
    assert!(output.status.success() && said.contains("passed  client-crash-4 "), "{said}");
    assert!(!said.contains("skipped client"), "{said}");
}

/// Each flaw, and the tests that fail with it (`client-` stands before each).
const FLAWS: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("one-read-is-one-line", &["framing-1", "framing-2", "framing-3", "idempotence-3"]),
    ("one-read-is-one-reply", &["framing-1", "framing-3", "idempotence-3"]),
    (
        "new-id-at-a-retry",
        &["idempotence-1", "idempotence-2", "idempotence-3", "idempotence-4", "idempotence-5", "idempotence-9"],
    ),
    ("acknowledges-before-it-shows", &["poll-9"]),
    ("shows-duplicates-twice", &["poll-4", "poll-5", "crash-2"]),
    ("no-quotes", &["framing-4", "send-2"]),
    ("hot-loop", &["idempotence-6", "idempotence-7", "time-outs-5"]),
    (
        "gives-up",
        &[
            "poll-4",
            "poll-5",
            "idempotence-1",
            "idempotence-2",
            "idempotence-3",
            "idempotence-4",
            "idempotence-5",
            "idempotence-9",
            "time-outs-3",
            "time-outs-4",
            "time-outs-5",
        ],
    ),
    ("forgets-at-a-restart", &["crash-2", "crash-3", "crash-5"]),
];

/// Tests that may fail, too: all, since lines of any may arrive in one piece; or where it is up to the network whether a long
/// reply arrives in one piece, and to chance whether an OK or an acknowledgement arrives before the server, or the client, goes.
const MAY: &[(&str, &[&str])] = &[
    ("one-read-is-one-line", &[""]),
    ("one-read-is-one-reply", &["framing-7", "poll-2", "poll-9", "rooms-4", "rooms-5", "states-2"]),
    ("new-id-at-a-retry", &["time-outs-4"]),
    ("acknowledges-before-it-shows", &["crash"]),
    ("shows-duplicates-twice", &["time-outs-4"]),
];

/// All tests but those that wait for a time-out of 10 seconds, which `none` passes below.
fn quick_tests() -> String {
    let all = wachat::course::judge::script::all().map(|test| test.name.as_str());
    let slow = ["client-time-outs-1", "client-time-outs-2"];
    all.filter(|name| name.starts_with("client-") && !slow.contains(name)).collect::<Vec<_>>().join(",")
}

#[test]
fn each_flaw_fails_the_tests_that_name_it() {
    let program = example("flawed_client");
    // They wait for time-outs nearly all of the time, and not for the processor.
    std::thread::scope(|scope| {
        for (flaw, must) in FLAWS {
            let client = format!("{} {flaw}", program.display());
            scope.spawn(move || check(flaw, must, &client));
        }
    });
}

fn check(flaw: &str, must: &[&str], client: &str) {
    let quick = quick_tests();
    // One that has no flaw may take its time; one that has is not waited for.
    let more: &[&str] = if flaw == "none" { &["--patience", "30"] } else { &["--only", &quick, "--patience", "10"] };
    // Most tests fail with the first flaw, and each waits until the patience ends.
    let jobs: &[&str] = if flaw == "one-read-is-one-line" { &["--jobs", "16", "--once"] } else { &["--jobs", "4"] };
    let (mut failed, said) = failures(client, &[more, jobs].concat());
    if flaw == "hot-loop" {
        // Judge it again: on a busy processor its steps without a pause may take as long as the pause that is missing.
        let again = || failures(client, &["--only", "client-idempotence-6,client-idempotence-7", "--patience", "10"]).0;
        (0..3).for_each(|_| failed.extend(again()));
    }
    let name = |name: &&str| format!("client-{name}");
    let must: BTreeSet<_> = must.iter().map(name).collect();
    let may: Vec<_> = MAY.iter().filter(|(of, _)| *of == flaw).flat_map(|(_, may)| may.iter().map(name)).collect();
    let others: Vec<_> = failed.difference(&must).filter(|name| !may.iter().any(|may| name.starts_with(may))).collect();
    assert!(failed.is_superset(&must) && others.is_empty(), "{flaw} fails {failed:?}:\n{said}");
}

#[test]
fn wrong_arguments_are_named() {
    let output = judge("true", &["--only", "framing-1"]);
    assert!(text(&output).contains("no group \"framing-1\"; the groups are client-framing,"), "{}", text(&output));
    let output = judge("true", &["--server", "localhost:1666,1999"]);
    assert!(text(&output).contains("cannot be used with"), "{}", text(&output));
    let output = Command::new(WACHAT).arg("judge").output().unwrap();
    assert!(text(&output).contains("--server") && text(&output).contains("--client"), "{}", text(&output));
}

#[test]
fn a_client_that_cannot_start_fails_at_once() {
    let (failed, said) =
        failures("/nowhere/client", &["--only", "client-login-1,client-framing-1", "--patience", "60"]);
    assert_eq!(failed.len(), 2, "{said}");
    assert!(said.contains("came      the client ends with exit code 127") && said.contains("not found"), "{said}");
}

/// Returns the lines about SENDs without what differs from run to run: the other port, and ids.
fn sends(lines: &str) -> Vec<String> {
    let lines = lines.lines().filter(|line| !line.contains(" RECV") && !line.contains(" starts ")).collect::<Vec<_>>();
    let id = regex_lite::Regex::new("[0-9a-f]{24}").unwrap();
    normal(&id.replace_all(&lines.join("\n"), "ID"))
}

#[test]
fn the_page_shows_what_the_judge_says() {
    let page = include_str!("../../src/course/judge.md");
    let shown = page.split("--only client-idempotence-1\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let client = format!("{} new-id-at-a-retry", example("flawed_client").display());
    let (_, said) = failures(&client, &["--only", "client-idempotence-1"]);
    assert_eq!(sends(&said), sends(shown));
}
