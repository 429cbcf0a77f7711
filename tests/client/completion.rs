//! The history of a person's client is whole: what other programs of the user have received or sent is fetched.

use crate::support::{World, wait_until};

/// Lets another program of luis receive everything that waits, as `wachat receive` does.
fn receive_elsewhere(world: &World) {
    let mut session = world.session("luis");
    while !session.poll(0, 0).is_empty() {
        session.send("POLL;*;0\n");
        session.read_list("POLL");
    }
}

fn send(world: &World, from: &str, to: &str, texts: impl Iterator<Item = String>) {
    let (mut line, mut count) = (world.login(from), 0);
    for text in texts {
        count += 1;
        line.send(format!("SEND;{from}-{to}-{text};{to};{text}\n"));
    }
    (0..count).for_each(|_| assert!(line.read_line().starts_with("OK;")));
}

#[test]
fn what_another_program_received_is_fetched_shown_found_and_unread() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut luis = world.terminal("luis", &["--no-receipts"]);
    luis.expect("connected to");
    send(&world, "ana", "luis", (1..=2).map(|number| format!("early-{number}")));
    luis.expect("ana: early-2");
    luis.type_line("/read ana");
    wait_until("the read mark", || world.login("luis").list("CHATS")[0] == "ana;2;2;2");
    luis.quit();
    send(&world, "ana", "luis", (1..=3).map(|number| format!("taken-{number}")));
    receive_elsewhere(&world);
    send(&world, "ana", "luis", (1..=2).map(|number| format!("late-{number}")));
    let mut luis = world.terminal("luis", &["--no-receipts"]);
    luis.expect("* fetched from the server, ana: 3; /history ana shows them");
    luis.expect("ana: late-2");
    luis.type_line("/search taken");
    luis.expect("ana: taken-3");
    luis.type_line("/unread");
    luis.expect("5");
    luis.quit();
    // It is in the history once, also without the server, and no later start fetches it again.
    let mut luis = world.terminal("luis", &["--no-receipts"]);
    luis.expect("connected to");
    send(&world, "ana", "luis", std::iter::once("last".to_owned()));
    luis.expect("ana: last");
    assert_eq!(luis.count("more messages"), 0, "{}", luis.screen());
    luis.quit();
    assert_eq!(world.texts("luis", "MISSED"), ["taken-1", "taken-2", "taken-3"]);
}

#[test]
fn what_another_machine_sent_is_in_the_history_with_its_state() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    let elsewhere = world.path("elsewhere");
    world.pipe("ana", "@luis: from the other machine\n", &["--home", elsewhere.to_str().unwrap()]);
    luis.expect("ana: from the other machine");
    wait_until("ana's message to be read", || world.login("ana").list("STATUS;luis;1") == ["luis;READ"]);
    luis.quit();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("* fetched from the server, luis: 1;");
    ana.type_line("/search machine");
    ana.expect("ana: from the other machine ✓✓ read");
    ana.quit();
}

#[test]
fn a_new_machine_has_the_past() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    send(&world, "ana", "luis", (1..=700).map(|number| format!("old-{number}")));
    receive_elsewhere(&world);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("* fetched from the server, ana: 700;");
    world.kill();
    luis.expect("the server is away");
    luis.type_line("/history ana 700");
    luis.expect("ana: old-1\r\n");
    luis.expect("ana: old-700\r\n");
    luis.quit();
}

#[test]
fn states_that_another_program_was_told_are_not_lost() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    luis.type_line("@ana: hola");
    luis.expect_tick("✓", "@ana: hola");
    luis.quit();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("luis: hola");
    wait_until("the message to be read", || world.login("luis").list("STATUS;ana;1") == ["ana;READ"]);
    receive_elsewhere(&world);
    let mut luis = world.terminal("luis", &[]);
    luis.expect_tick("✓✓ read", "@ana: hola");
    assert!(!world.history("luis", "REACHED").is_empty());
    luis.type_line("/search hola");
    luis.expect("luis: hola ✓✓ read");
    luis.quit();
    ana.quit();
}

#[test]
fn direct_and_refused_lines_stand_between_those_of_the_server() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    ana.type_line("@luis: first");
    ana.expect_tick("✓", "@luis: first");
    let mut luis = world.terminal("luis", &[]);
    luis.expect("ana: first");
    ana.type_line("/p2p luis");
    ana.expect("(direct");
    ana.type_line("between");
    luis.expect("between");
    ana.type_line("/close");
    ana.type_line("@luis: last");
    ana.expect_tick("✓", "@luis: last");
    let before = ana.screen().len();
    ana.type_line("/history luis");
    wait_until("the history", || ana.screen()[before..].contains("ana: last"));
    let screen = ana.screen();
    let place = |text: &str| screen[before..].find(text).unwrap_or_else(|| panic!("{text}: {}", &screen[before..]));
    assert!(place("ana: first") < place("between") && place("between") < place("ana: last"), "{}", &screen[before..]);
    ana.quit();
    luis.quit();
}
