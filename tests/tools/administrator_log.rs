//! Lines of the server's log about the administrator's commands, and the figures of `wachat status` beside what was
//! done.

use crate::support::{Connection, PASSWORD, World, wait_until};

/// Returns the audit lines of a server's log, without time and target.
fn events(world: &World) -> Vec<String> {
    let log = world.log();
    let lines = log.lines().filter_map(|line| line.split_once(" wachat::audit] ").map(|(_, event)| event.to_owned()));
    lines.filter(|event| !event.starts_with("event=account_created")).collect()
}

fn command(outcome: &str, what: &str) -> String {
    format!("event=admin_command outcome={outcome} command=\"{what}\"")
}

/// Runs a command, and expects these lines of the log and no others.
#[track_caller]
fn expect_events(world: &World, words: &[&str], expected: &[String]) {
    let before = events(world).len();
    let (code, _, said) = world.admin(words);
    let is_done = !expected.iter().any(|line| line.contains("outcome=refused"));
    assert_eq!(code == Some(0), is_done, "{words:?}: {said}");
    assert_eq!(events(world)[before..], *expected, "{words:?}");
}

#[test]
fn every_command_that_changes_something_has_one_line_and_a_question_has_none() {
    let world = World::new(&["--no-lobby"]);
    let mut ana = world.register("ana");
    let _luis = world.register("luis");
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    assert!(ana.request("SEND;m-1;#sala;hola").starts_with("OK;"));
    for words in
        [&["user", "list"][..], &["user", "export"], &["room", "list"], &["session", "list"], &["bans"], &["status"]]
    {
        expect_events(&world, words, &[]);
    }
    for (words, what) in [
        (&["user", "add", "nora"][..], "ADD;nora"),
        (&["room", "remove", "#sala"], "ROOM_REMOVE;#sala"),
        (&["session", "close", "ana"], "CLOSE;@ana"),
        (&["user", "remove", "nora"], "REMOVE;nora"),
    ] {
        expect_events(&world, words, &[command("done", what)]);
        // A second time there is nothing to do.
        expect_events(&world, words, &[command("refused", what)]);
    }
    expect_events(&world, &["user", "passwd", "ana"], &[command("done", "PASSWD;ana")]);
    expect_events(&world, &["user", "passwd", "nadie"], &[command("refused", "PASSWD;nadie")]);
    expect_events(&world, &["session", "close", "987"], &[command("refused", "CLOSE;987")]);
    expect_events(&world, &["announce", "a secret plan"], &[command("done", "ANNOUNCE")]);
    let ban = "event=ban seconds=3600 banned=\"@luis\" reason=\"a; \\\"b\\\"\"".to_owned();
    let words = ["ban", "luis", "--for", "1h", "--reason", "a; \"b\""];
    expect_events(&world, &words, &[command("done", "BAN;@luis"), ban]);
    let ban = "event=ban banned=\"192.0.2.0/24\" reason=\"\"".to_owned();
    expect_events(&world, &["ban", "192.0.2.7/24"], &[command("done", "BAN;192.0.2.0/24"), ban]);
    expect_events(&world, &["ban", "nadie"], &[command("refused", "BAN;@nadie")]);
    for (whom, what) in [("luis", "UNBAN;@luis"), ("192.0.2.0/24", "UNBAN;192.0.2.0/24")] {
        expect_events(&world, &["unban", whom], &[command("done", what)]);
        expect_events(&world, &["unban", whom], &[command("refused", what)]);
    }
    expect_events(&world, &["log-level", "warn"], &[command("done", "LOG_LEVEL;WARN")]);
    for secret in [PASSWORD, "argon2", "secret plan"] {
        assert!(!world.log().contains(secret), "{secret} is in\n{}", world.log());
    }
}

fn status(world: &World) -> serde_json::Value {
    serde_json::from_str(&world.administer(&["status", "--json"])).expect("JSON")
}

#[track_caller]
fn expect_figures(world: &World, expected: &[(&str, u64)]) {
    let status = status(world);
    for (name, value) in expected {
        assert_eq!(status[name].as_u64(), Some(*value), "{name} in {status}");
    }
}

#[test]
fn the_figures_of_the_status_are_those_of_what_was_done() {
    let world = World::new(&["--no-lobby"]);
    expect_figures(
        &world,
        &[("accounts", 0), ("accounts_removed", 0), ("rooms", 0), ("last_number", 0), ("connections", 0)],
    );
    let mut ana = world.register("ana");
    let luis = world.register("luis");
    for user in ["eva", "nora", "iker"] {
        world.administer(&["user", "add", user]);
    }
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    let _recv = world.session("luis");
    let _stranger = Connection::open(world.recv);
    wait_until("the stranger to be there", || status(&world)["connections"].as_u64() == Some(4));
    expect_figures(&world, &[("sessions_send", 2), ("sessions_recv", 1), ("accounts", 5), ("rooms", 1), ("bans", 0)]);
    let before = status(&world);
    for number in 1..=7 {
        assert!(ana.request(&format!("SEND;m-{number};luis;hola")).starts_with("OK;"));
    }
    let count = |name: &str| before[name].as_u64().expect(name);
    expect_figures(
        &world,
        &[
            ("last_number", 7),
            ("batches", count("batches") + 7),
            ("records", count("records") + 7),
            ("queue_router", 0),
        ],
    );
    // A request that changes nothing is no batch.
    assert!(ana.request("SEND;m-7;luis;hola").starts_with("OK;m-7;"));
    assert_eq!(ana.list("HISTORY;luis").len(), 7);
    expect_figures(&world, &[("batches", count("batches") + 7), ("last_number", 7)]);
    for user in ["eva", "nora"] {
        world.administer(&["user", "remove", user]);
    }
    world.administer(&["ban", "192.0.2.7"]);
    world.administer(&["ban", "iker", "--for", "1h"]);
    drop(luis);
    wait_until("luis to be gone", || status(&world)["sessions_send"].as_u64() == Some(1));
    expect_figures(
        &world,
        &[("accounts", 3), ("accounts_removed", 2), ("bans", 2), ("connections", 3), ("sessions_recv", 1)],
    );
    let status = status(&world);
    let reply = Connection::open_with(world.recv, &format!("LOGIN:ana:{PASSWORD}")).0;
    assert_eq!(status["store"].as_str(), reply.rsplit(';').next(), "{reply}");
    assert!(status["records_largest_batch"].as_u64() >= Some(1), "{status}");
}
