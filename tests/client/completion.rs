//! The history of a person's client is whole: what other programs of the user have received or sent is fetched.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::process::Command;

use crate::support::clients::{all_output, exit_code};
use crate::support::{Terminal, WACHAT, World, wait_until};

/// Lets another program of luis receive everything that waits, as `wachat receive` does, and the server forget his devices.
fn receive_elsewhere(world: &World) {
    let mut line = world.login("luis");
    for device in line.list("DEVICES") {
        let (name, _) = device.split_once(';').expect("a device");
        assert_eq!(line.request(&format!("LOGOUT;{name}")), "OK");
    }
    let mut session = world.session("luis");
    while !session.poll(0, 0).is_empty() {
        session.send("POLL;*;0\n");
        session.read_list("POLL");
    }
}

/// Starts the client of luis after that: it is asked whether it is to be one of the devices again.
fn begin_anew(world: &World, more: &[&str]) -> Terminal {
    let luis = world.terminal("luis", more);
    luis.expect("Go on? [y/N] ");
    luis.type_line("y");
    luis
}

fn send(world: &World, from: &str, to: &str, texts: impl Iterator<Item = String>) {
    let mut line = world.login(from);
    let mut count = 0;
    for text in texts {
        count += 1;
        let id = BuildHasherDefault::<DefaultHasher>::default().hash_one((to, &text));
        line.send(format!("SEND;{from}-{id};{to};{text}\n"));
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
    wait_until("the read mark", || world.login("luis").list("CHATS")[0] == "ana;2;2;2;0");
    luis.quit();
    send(&world, "ana", "luis", (1..=3).map(|number| format!("taken-{number}")));
    receive_elsewhere(&world);
    send(&world, "ana", "luis", (1..=2).map(|number| format!("late-{number}")));
    let mut luis = begin_anew(&world, &["--no-receipts"]);
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
    let mut luis = begin_anew(&world, &[]);
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
    world.permit("luis", "ana");
    ana.type_line("/p2p luis");
    ana.expect("(direct");
    luis.expect("* ana wants to chat directly");
    luis.type_line("/accept ana");
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

fn wachat(words: &[&str], path: &Path) {
    let done = Command::new(WACHAT).args(words).arg(path).output().expect("it runs");
    assert_eq!(exit_code(&done), 0, "{}", all_output(&done));
}

/// Makes a backup, does something that the backup lacks, and puts the backup back.
fn restored(world: &mut World, lost: impl FnOnce(&World)) {
    let data = world.data();
    let backup = world.path("backup");
    wachat(&["backup", "--data", data.to_str().unwrap()], &backup);
    lost(world);
    world.kill();
    std::fs::rename(&data, world.path("lost")).unwrap();
    wachat(&["restore", backup.to_str().unwrap(), "--data"], &data);
    world.start();
}

#[test]
fn after_a_restore_the_conversations_of_before_are_completed_too() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    send(&world, "ana", "luis", (1..=3).map(|number| format!("old-{number}")));
    send(&world, "ana", "#lobby", (1..=3).map(|number| format!("room-{number}")));
    luis.expect("ana: old-3");
    luis.expect("ana: room-3");
    luis.quit();
    restored(&mut world, |world| {
        send(world, "ana", "luis", (1..=2).map(|number| format!("lost-{number}")));
    });
    for (to, kind) in [("luis", "direct"), ("#lobby", "in-room")] {
        send(&world, "ana", to, (1..=4).map(|number| format!("{kind}-taken-{number}")));
        receive_elsewhere(&world);
        send(&world, "ana", to, std::iter::once(format!("{kind}-last")));
    }
    receive_elsewhere(&world);
    // Twice: what a first start has noted as complete, a second one does not look for.
    for is_first in [true, false] {
        let mut luis = if is_first { begin_anew(&world, &[]) } else { world.terminal("luis", &[]) };
        luis.expect("connected to");
        wait_until("what was taken", || {
            let texts = [world.texts("luis", "IN"), world.texts("luis", "MISSED")].concat();
            texts.iter().filter(|text| text.starts_with("direct-") || text.starts_with("in-room-")).count() == 10
        });
        luis.quit();
    }
    let mut texts = [world.texts("luis", "IN"), world.texts("luis", "MISSED")].concat();
    assert_eq!(texts.len(), 6 + 10, "nothing is there twice: {texts:?}");
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 6 + 10, "nothing is there twice: {texts:?}");
    assert!(world.history("luis", "GAP").is_empty());
}

#[test]
fn a_room_that_has_the_name_of_a_removed_one_is_completed() {
    let world = World::without_lobby();
    world.register_clients(&["ana", "luis"]);
    let join = |user: &str| assert_eq!(world.login(user).request("JOIN;#sala"), "OK");
    for user in ["ana", "luis"] {
        join(user);
    }
    send(&world, "ana", "#sala", (1..=9).map(|number| format!("removed-{number}")));
    let mut luis = world.terminal("luis", &[]);
    luis.expect("ana: removed-9");
    wait_until("the comparison", || !world.history("luis", "COMPLETE").is_empty());
    luis.quit();
    world.administer(&["room", "remove", "#sala"]);
    for user in ["ana", "luis"] {
        join(user);
    }
    // With the last one as many are in the new room as in the old one, and one.
    send(&world, "ana", "#sala", (1..=9).map(|number| format!("taken-{number}")));
    receive_elsewhere(&world);
    send(&world, "ana", "#sala", std::iter::once("last".to_owned()));
    let mut luis = begin_anew(&world, &[]);
    luis.expect("* fetched from the server, #sala: 9;");
    luis.quit();
    let taken: Vec<_> = (1..=9).map(|number| format!("taken-{number}")).collect();
    assert_eq!(world.texts("luis", "MISSED"), taken);
}

#[test]
fn a_room_that_is_left_and_joined_again_is_in_the_history_once() {
    let world = World::without_lobby();
    world.register_clients(&["ana", "luis"]);
    assert_eq!(world.login("ana").request("JOIN;#sala"), "OK");
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    luis.type_line("/join #sala");
    luis.expect("#sala> ");
    send(&world, "ana", "#sala", (1..=5).map(|number| format!("room-{number}")));
    luis.expect("ana: room-5");
    wait_until("the comparison", || !world.history("luis", "COMPLETE").is_empty());
    // Longer than that a start has no row of the room in memory.
    let long = "x".repeat(50_000);
    send(&world, "ana", "luis", (1..=30).map(|number| format!("{long}-{number}")));
    luis.expect("x-30");
    luis.quit();
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    luis.type_line("/leave #sala");
    luis.expect("you are no longer in #sala");
    luis.type_line("/join #sala");
    luis.expect("#sala> ");
    luis.quit();
    let mut texts = [world.texts("luis", "IN"), world.texts("luis", "PAST"), world.texts("luis", "MISSED")].concat();
    texts.retain(|text| text.starts_with("room-"));
    texts.sort_unstable();
    assert_eq!(texts, (1..=5).map(|number| format!("room-{number}")).collect::<Vec<_>>());
}
