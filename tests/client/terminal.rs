//! `wachat connect --plain` at a terminal, with people on both sides.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::support::clients::{all_output, exit_code};
use crate::support::{PASSWORD, Terminal, World, wait_until};
use wachat::client::state::home::{self, Home, Use};
use wachat::disk::{Disk, RealDisk};
use wachat::model::{Message, MessageId, Seq, Target, Text, Timestamp, UserName};
use wachat::protocol::Event;

/// Ana and Luis, each at a terminal.
fn two(world: &World) -> (Terminal, Terminal) {
    world.register_clients(&["ana", "luis"]);
    let ana = world.terminal("ana", &[]);
    let luis = world.terminal("luis", &[]);
    ana.expect("connected to");
    luis.expect("connected to");
    (ana, luis)
}

#[test]
fn a_message_appears_and_its_ticks_come_back() {
    let world = World::new(&[]);
    let (mut ana, mut luis) = two(&world);
    ana.type_line("/query luis");
    ana.expect("luis> ");
    ana.type_line("hola");
    luis.expect(" ana: hola\r\n");
    let line = luis.rows().into_iter().find(|row| row.ends_with("ana: hola")).unwrap();
    let form = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).expect(&line);
    let digits: Vec<_> = form.0.split(':').map(|part| part.len() == 2 && part.parse::<u8>().is_ok()).collect();
    assert!(digits == [true, true] && form.1 == "ana: hola", "{line}");
    // The message has one line, whose mark changes in its place.
    ana.wait_for_row("] ana: hola ✓✓ read");
    let told: Vec<_> = ana.rows().into_iter().filter(|row| row.contains("hola")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(ana.screen().contains("] ana: hola …\r\n"), "queued first: {}", ana.screen());
    luis.type_line("@ana: y tú");
    ana.expect("] luis: y tú");
    ana.type_line("/history luis");
    ana.expect("ana: hola ✓✓ read");
    ana.quit();
    luis.quit();
}

#[test]
fn an_unknown_user_may_register_or_not() {
    let world = World::new(&[]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("New here? Create the account ana [y/N]");
    ana.type_line("");
    assert_eq!(ana.wait_for_exit(), Some(3), "{}", ana.screen());
    let mut ana = world.terminal("ana", &[]);
    ana.expect("New here? Create the account ana [y/N]");
    ana.type_line("y");
    ana.expect("connected to");
    ana.quit();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    ana.quit();
}

#[test]
fn the_password_is_asked_for_and_not_shown() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut ana = Terminal::start_with_password(&world.arguments("ana", &[]), None);
    ana.expect("password of ana: ");
    ana.wait_until_hidden();
    ana.type_line(PASSWORD);
    ana.expect("connected to");
    assert!(!ana.screen().contains(PASSWORD), "{}", ana.screen());
    ana.quit();
}

#[test]
fn a_server_that_goes_and_comes_is_said_once_and_what_was_typed_arrives_once() {
    let mut world = World::new(&[]);
    let (mut ana, mut luis) = two(&world);
    world.kill();
    ana.expect("the server is away");
    luis.expect("the server is away");
    for number in 1..=3 {
        ana.type_line(&format!("@luis: away {number}"));
        ana.expect_tick("…", &format!("@luis: away {number}"));
    }
    world.start();
    luis.expect("ana: away 3");
    ana.expect_tick("✓✓ read", "@luis: away 3");
    assert_eq!(world.texts("luis", "IN"), ["away 1", "away 2", "away 3"]);
    for screen in [ana.screen(), luis.screen()] {
        assert_eq!(screen.matches("the server is away").count(), 1, "{screen}");
        let back = format!("* connected to 127.0.0.1:{}\r\n", world.send_port);
        assert_eq!(screen.matches(&back).count(), 1, "{screen}");
    }
    ana.quit();
    luis.quit();
}

#[test]
fn it_starts_without_a_server_and_connects_when_there_is_one() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    world.kill();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("the server is away");
    ana.type_line("@luis: patience");
    ana.expect_tick("…", "@luis: patience");
    ana.type_line("/status");
    ana.expect("1 in the outbox");
    ana.type_line("/users");
    ana.expect("not asked");
    ana.kill();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("1 in the outbox from last time");
    world.start();
    ana.expect_tick("✓", "@luis: patience");
    ana.quit();
    assert_eq!(world.texts("ana", "OUT"), ["patience"]);
}

#[test]
fn receipts_can_be_kept_back_and_given_by_hand() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = world.terminal("ana", &[]);
    let mut luis = world.terminal("luis", &["--no-receipts"]);
    ana.expect("connected to");
    luis.expect("connected to");
    ana.type_line("@luis: hola");
    luis.expect("ana: hola");
    ana.expect_tick("✓✓", "@luis: hola");
    luis.type_line("/users");
    luis.expect("ana online");
    assert_eq!(ana.count("✓✓ read"), 0, "{}", ana.screen());
    luis.type_line("/read ana");
    ana.expect_tick("✓✓ read", "@luis: hola");
    ana.quit();
    luis.quit();
}

#[test]
fn messages_shown_while_the_server_is_away_are_reported_as_read_later() {
    let mut world = World::new(&[]);
    let (mut ana, mut luis) = two(&world);
    luis.quit();
    ana.type_line("@luis: hola");
    ana.expect_tick("✓", "@luis: hola");
    received_but_not_shown(&world, "luis", "from a life before", Timestamp::now());
    world.kill();
    let mut luis = world.terminal("luis", &[]);
    luis.expect("ana: from a life before");
    // The line of a queued message comes after the sync that also says what was shown.
    luis.type_line("@ana: later");
    luis.expect_tick("…", "@ana: later");
    luis.kill();
    world.start();
    let mut luis = world.terminal("luis", &[]);
    luis.expect("ana: hola");
    ana.expect_tick("✓✓ read", "@luis: hola");
    assert_eq!(luis.count("from a life before"), 0, "shown once: {}", luis.screen());
    ana.quit();
    luis.quit();
}

/// Puts a message into a client's history as a client does that dies before it shows it.
pub fn received_but_not_shown(world: &World, name: &str, text: &str, at: Timestamp) {
    let user = UserName::new(name).unwrap();
    let server = format!("127.0.0.1:{}", world.send_port);
    let directory = home::directory(&world.path("home"), &user, &server);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut home = Home::open(&disk, &directory, &user, Use::Person).unwrap();
    let seq = Seq::new(home.state.position().get() + 1).unwrap();
    let message = Message {
        seq,
        id: MessageId::new("unshown").unwrap(),
        from: UserName::new("ana").unwrap(),
        to: Target::User(user),
        at,
        text: Text::new(text).unwrap(),
    };
    home.state.take_in(vec![Event::Message(Arc::new(message))]);
    // The number is not the server's: it is given back, so that nothing of the server's is skipped.
    home.state.note_position("a store", Seq::ZERO);
    home.commit().unwrap();
}

#[test]
fn a_replaced_client_ends_and_does_not_reconnect() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut first = world.terminal("ana", &["--device", "laptop"]);
    first.expect("connected to");
    first.expect("#lobby> ");
    let elsewhere = world.path("elsewhere");
    let mut second = world.terminal("ana", &["--device", "laptop", "--home", elsewhere.to_str().unwrap()]);
    second.expect("connected to");
    first.expect("took over");
    assert_eq!(first.wait_for_exit(), Some(1));
    second.quit();
}

#[test]
fn one_directory_has_one_client() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut first = world.terminal("ana", &[]);
    first.expect("connected to");
    let mut second = world.terminal("ana", &[]);
    second.expect("another wachat of this user is running here");
    assert_eq!(second.wait_for_exit(), Some(1));
    first.quit();
}

#[test]
fn control_characters_are_shown_visibly_and_the_history_is_exact() {
    let world = World::new(&[]);
    let (mut ana, mut luis) = two(&world);
    let text = "a\u{202e}b\tc\u{2028}d";
    assert_eq!(exit_code(&world.pipe("luis", &format!("@ana: {text}\n"), &[])), 0);
    ana.expect("luis: a\\u{202e}b");
    ana.expect("c\\u{2028}d");
    assert!(!ana.screen().contains('\u{202e}'));
    assert_eq!(world.texts("ana", "IN"), [text]);
    ana.quit();
    luis.quit();
}

#[test]
fn a_store_made_anew_is_noticed_and_nothing_is_skipped() {
    let mut world = World::new(&[]);
    let (mut ana, mut luis) = two(&world);
    for number in 0..5 {
        luis.type_line(&format!("@ana: old {number}"));
    }
    ana.expect("luis: old 4");
    luis.expect_tick("✓✓ read", "@ana: old 4");
    ana.quit();
    luis.quit();
    world.kill();
    fs::remove_dir_all(world.path("data")).unwrap();
    world.start();
    world.register_clients(&["ana", "luis"]);
    assert_eq!(exit_code(&world.pipe("luis", "@ana: new\n", &[])), 0);
    let mut ana = world.terminal("ana", &[]);
    // That store knows no device of hers.
    ana.expect("[y/N]");
    ana.type_line("y");
    ana.expect("the server's store is another than last time");
    ana.expect("luis: new");
    ana.quit();
    assert_eq!(world.texts("ana", "IN"), ["old 0", "old 1", "old 2", "old 3", "old 4", "new"]);
}

#[test]
fn a_message_to_oneself_is_in_the_history_once() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    for number in 0..5 {
        ana.type_line(&format!("@ana: note {number}"));
    }
    ana.expect_tick("✓✓ read", "@ana: note 4");
    ana.quit();
    let all: Vec<_> = [world.texts("ana", "OUT"), world.texts("ana", "IN")].concat();
    assert_eq!(all.len(), 5, "{all:?}");
}

/// Both clients and the server are killed again and again under traffic.
#[test]
fn under_traffic_everybody_dies_and_nothing_is_lost_doubled_or_reordered() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    let mut queued = Vec::new();
    for round in 0..8 {
        for number in 0..25 {
            ana.type_line(&format!("@luis: m{round}-{number}"));
        }
        let last = format!("m{round}-24");
        ana.expect_tick("…", &format!("@luis: {last}"));
        queued.extend((0..25).map(|number| format!("m{round}-{number}")));
        match round % 4 {
            0 => luis.kill(),
            1 => _ = world.kill(),
            2 => ana.kill(),
            _ => wait_until("something to arrive", || !world.texts("luis", "IN").is_empty()),
        }
        match round % 4 {
            0 => luis = world.terminal("luis", &[]),
            1 => _ = world.start(),
            2 => ana = world.terminal("ana", &[]),
            _ => {}
        }
    }
    wait_until("all of it at luis's", || world.texts("luis", "IN").len() >= queued.len());
    assert_eq!(world.texts("luis", "IN"), queued);
    luis.expect("ana: m7-24");
    ana.expect_tick("✓✓ read", "@luis: m7-24");
    ana.quit();
    luis.quit();
    assert_eq!(world.texts("ana", "OUT"), queued);
}

#[test]
fn quitting_leaves_whole_files() {
    let world = World::new(&[]);
    let (mut ana, mut luis) = two(&world);
    for number in 0..20 {
        ana.type_line(&format!("@luis: {number}"));
        luis.type_line(&format!("@ana: {number}"));
    }
    ana.type_line("/quit");
    luis.type_line("/quit");
    assert_eq!((ana.wait_for_exit(), luis.wait_for_exit()), (Some(0), Some(0)));
    let broken = find(&world.path("home"), "broken");
    assert!(broken.is_empty(), "{broken:?}");
    let users = world.pipe("ana", "/users\n", &[]);
    assert!(all_output(&users).contains("luis offline since "), "{}", all_output(&users));
}

fn find(directory: &Path, suffix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(find(&entry.path(), suffix));
        } else if entry.file_name().to_string_lossy().ends_with(suffix) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_wrong_password_in_the_middle_ends_it_and_keeps_the_outbox() {
    let mut world = World::new(&[]);
    let (mut ana, mut luis) = two(&world);
    luis.quit();
    world.kill();
    ana.expect("the server is away");
    ana.type_line("@luis: kept");
    ana.expect_tick("…", "@luis: kept");
    fs::remove_dir_all(world.path("data")).unwrap();
    world.start();
    ana.expect("refused the login");
    assert_eq!(ana.wait_for_exit(), Some(3), "{}", ana.screen());
    world.register_clients(&["luis", "ana"]);
    assert_eq!(world.texts("ana", "OUT"), ["kept"], "the next start has sent it");
}
