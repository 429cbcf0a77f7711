//! The full screen as a program: what it says when it is left.

use crate::support::{PASSWORD, Terminal, WACHAT, World};

/// Leaving the alternate screen.
const LEAVE: &str = "\u{1b}[?1049l";

fn start(world: &World, more: &[&str]) -> Terminal {
    let mut arguments = world.arguments("ana", more);
    arguments.retain(|argument| argument != "--plain");
    arguments.push("--no-p2p".to_owned());
    let ana = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), &[], [20, 70]);
    ana.wait_for_rows("the lobby", |rows| rows[19].contains("│ana at 127.0.0.1") && rows[0].contains("│#lobby"));
    ana
}

fn world() -> World {
    let world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis"]);
    world
}

/// Text below the screen that was there before.
fn last_words(ana: &mut Terminal) -> String {
    let written = ana.last_screen();
    written[written.rfind(LEAVE).unwrap()..].to_owned()
}

#[test]
fn the_reason_why_it_ends_is_read_below_the_screen_that_was_there_before() {
    let world = world();
    let elsewhere = world.path("elsewhere");
    let mut first = start(&world, &["--device", "laptop"]);
    let mut second = start(&world, &["--device", "laptop", "--home", elsewhere.to_str().unwrap()]);
    assert_eq!(first.wait_for_exit(), Some(1));
    assert!(last_words(&mut first).contains("! ") && last_words(&mut first).contains("took over"));
    second.quit();
    assert!(!last_words(&mut second).contains("! "), "nothing was wrong");
}

#[test]
fn messages_that_wait_are_named_when_it_is_left() {
    let mut world = world();
    let mut ana = start(&world, &[]);
    world.kill();
    ana.wait_for_rows("the end of the connection", |rows| rows[19].contains("reconnecting"));
    ana.type_line("one");
    ana.type_line("two");
    ana.wait_for_rows("both", |rows| rows[19].contains("2 queued"));
    ana.type_line("/quit");
    assert_eq!(ana.wait_for_exit(), Some(0));
    let words = last_words(&mut ana);
    assert!(words.contains('2'), "{words:?}");
}
