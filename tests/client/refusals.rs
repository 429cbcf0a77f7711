//! The exit codes of a pipe: whatever is refused, in whichever way it was written, says so; what is not refused is sent and
//! says nothing. One refusal among good lines is enough, and hinders none of them.

use crate::support::World;
use crate::support::clients::{all_output, exit_code};
use wachat::limits;

/// The ways to write a text to a target: as one line, with a command, and to the current chat.
fn ways(to: &str, text: &str) -> [String; 4] {
    let at = format!("@{to}: {text}\n");
    let slash = format!("/msg {to} {text}\n");
    let whisper = format!("/w {to} {text}\n");
    [at, slash, whisper, format!("/query {to}\n{text}\n")]
}

fn world() -> World {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut luis = world.login("luis");
    assert!(luis.request("JOIN;#ajena").starts_with("OK"));
    let mut ana = world.login("ana");
    assert!(ana.request("JOIN;#aula").starts_with("OK"));
    world
}

#[test]
fn every_refusal_is_in_the_exit_code_whichever_way_it_was_written() {
    let world = world();
    let long = "x".repeat(limits::TEXT_BYTES + 1);
    let mut count = 0;
    for (to, text, what) in [
        ("nobody", "hola", "an unknown user"),
        ("#nosuch", "hola", "an unknown room"),
        ("#ajena", "hola", "a room that the user is not in"),
        ("luis", long.as_str(), "too long a text"),
        ("#aula", long.as_str(), "too long a text to a room"),
        ("a b/c", "hola", "no name"),
        ("#", "hola", "no room name"),
    ] {
        for way in ways(to, text) {
            count += 1;
            let good = format!("good {count}");
            let start: String = way.chars().take(60).collect();
            let output = world.pipe("ana", &format!("{way}@luis: {good}\n"), &[]);
            assert_eq!(exit_code(&output), 1, "{what}: {start:?}: {}", all_output(&output));
            assert!(!output.stderr.is_empty() || !output.stdout.is_empty(), "{what}: {start:?} is not explained");
            assert!(world.texts("ana", "OUT").contains(&good), "{what}: {start:?} hinders the next line");
        }
    }
}

#[test]
fn what_is_sent_ends_with_0_whichever_way_it_was_written() {
    let world = world();
    let longest = "x".repeat(limits::TEXT_BYTES);
    let mut expected = Vec::new();
    for (number, to) in ["luis", "#aula", "#lobby", "ana", "LUIS"].into_iter().enumerate() {
        for (way, line) in ways(to, &format!("text {number}")).into_iter().enumerate() {
            let output = world.pipe("ana", &line, &[]);
            assert_eq!((exit_code(&output), all_output(&output)), (0, String::new()), "{to}, way {way}: {line:?}");
            expected.push(format!("text {number}"));
        }
    }
    let [line, ..] = ways("#aula", &longest);
    assert_eq!(exit_code(&world.pipe("ana", &line, &[])), 0);
    expected.push(longest);
    assert_eq!(world.texts("ana", "OUT"), expected);
}

#[test]
fn a_command_that_fails_is_in_the_exit_code() {
    let world = world();
    let mut wrong = Vec::new();
    for line in [
        "/leave #nosuch",
        "/names #nosuch",
        "/history #ajena",
        "/join #",
        "/mgs luis hola",
        "/msg",
        "/reply hola",
        "/status nobody nobody",
        "/set loud on",
        "/p2p luis",
    ] {
        let output = world.pipe("ana", &format!("{line}\n"), &[]);
        if exit_code(&output) != 1 {
            wrong.push((line, all_output(&output)));
        }
    }
    for line in ["/users", "/rooms", "/names #aula", "/history luis", "/unread", "/read", "/status", "/help"] {
        let output = world.pipe("ana", &format!("{line}\n"), &[]);
        if exit_code(&output) != 0 {
            wrong.push((line, all_output(&output)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A pipe beside a running client has an outbox of its own, which the next client takes over.
#[test]
fn what_was_refused_beside_a_client_is_not_sent_by_the_next_one() {
    let world = world();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    let mut refused = 0;
    for to in ["nadie", "#ajena", "#nosuch"] {
        for way in ways(to, "refused") {
            refused += 1;
            let output = world.pipe("ana", &format!("{way}@luis: good {refused}\n"), &[]);
            assert_eq!(exit_code(&output), 1, "{way:?}: {}", all_output(&output));
        }
    }
    // Wait until the client has the messages that the pipes have sent beside it.
    ana.expect(&format!("ana: good {refused}"));
    ana.quit();
    // Now each of them would be accepted.
    let mut nadie = world.register("nadie");
    let mut line = world.login("ana");
    for room in ["#ajena", "#nosuch"] {
        assert!(line.request(&format!("JOIN;{room}")).starts_with("OK"));
    }
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    ana.type_line("@luis: the last");
    ana.expect_tick("✓", "@luis: the last");
    ana.quit();
    assert_eq!(exit_code(&world.pipe("ana", "@luis: from a pipe\n", &[])), 0, "nothing is left in the outbox");
    assert!(nadie.list("HISTORY;ana").is_empty(), "nadie was sent what had been refused");
    for room in ["#ajena", "#nosuch"] {
        assert!(line.list(&format!("HISTORY;{room}")).is_empty(), "{room} was sent what had been refused");
    }
    let good: Vec<_> = (1..=refused).map(|number| format!("good {number}")).collect();
    assert_eq!(world.texts("ana", "MISSED"), good);
    assert_eq!(world.texts("ana", "OUT"), ["the last", "from a pipe"]);
}
