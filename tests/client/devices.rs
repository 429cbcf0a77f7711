//! The devices of one user, each with a home of its own, beside a real server: they show the same conversations, one is
//! remembered without its password, and one that is forgotten elsewhere says so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::clients::{all_output, exit_code};
use crate::support::{NO_SETTINGS, PASSWORD, Terminal, WACHAT, World, wait_until};

/// A world with a device `laptop` of ana's, and luis.
fn world() -> World {
    let world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis"]);
    world
}

/// The arguments of a device of ana's, in the home of its name.
fn arguments(world: &World, device: &str, more: &[&str]) -> Vec<String> {
    let home = world.path(device).display().to_string();
    world.arguments("ana", &[&["--device", device, "--home", &home, "--no-p2p"], more].concat())
}

fn line_mode(world: &World, device: &str) -> Terminal {
    let terminal = Terminal::start(&arguments(world, device, &[]));
    terminal.expect("connected to");
    terminal.expect("#lobby> ");
    terminal
}

/// The full screen of a device of ana's.
fn full_screen(world: &World, device: &str) -> Terminal {
    let mut arguments = arguments(world, device, &[]);
    arguments.retain(|argument| argument != "--plain");
    let terminal = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), &[], [20, 70]);
    terminal.wait_for_rows("the lobby", |rows| rows[19].contains("│ana at 127.0.0.1") && rows[0].contains("│#lobby"));
    terminal
}

/// The file of a device of ana's.
fn device_file(world: &World, device: &str) -> PathBuf {
    let mut homes = fs::read_dir(world.path(device)).unwrap().map(|entry| entry.unwrap().path());
    homes.find(|path| path.is_dir()).unwrap().join("device.csv")
}

#[test]
fn what_one_device_sends_the_other_shows_once_and_both_have_its_ticks() {
    let world = world();
    let mut laptop = line_mode(&world, "laptop");
    let mut lab = line_mode(&world, "lab");
    let luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    laptop.type_line("@luis: una");
    laptop.expect_tick("✓✓", "@luis: una");
    lab.expect("@luis [");
    lab.expect("ana: una ✓");
    lab.type_line("@luis: otra");
    lab.expect_tick("✓✓", "@luis: otra");
    laptop.expect("ana: otra ✓");
    // A message to oneself is one row of each.
    laptop.type_line("@ana: nota");
    lab.expect("ana: nota ✓");
    laptop.expect_tick("✓", "@ana: nota");
    laptop.quit();
    lab.quit();
    assert_eq!(lab.count("ana: una"), 1, "{}", lab.screen());
    for device in ["laptop", "lab"] {
        let history = Terminal::start(&arguments(&world, device, &[]));
        history.expect("connected to");
        history.type_line("/search a");
        for text in ["ana: una", "ana: otra", "ana: nota"] {
            history.expect(text);
        }
        assert_eq!(history.count("] ana: nota"), 1, "{}", history.screen());
    }
}

#[test]
fn unread_counts_and_reads_agree_on_all_devices() {
    let world = world();
    let laptop = full_screen(&world, "laptop");
    let lab = full_screen(&world, "lab");
    let mut luis = world.login("luis");
    assert!(luis.request("SEND;m-1;ana;hola").starts_with("OK;m-1;"));
    assert!(luis.request("SEND;m-2;ana;¿estás?").starts_with("OK;m-2;"));
    let has_two = |rows: &[String]| rows.iter().any(|row| row.contains("luis") && row.contains('2'));
    laptop.wait_for_rows("two messages that were not read", has_two);
    lab.wait_for_rows("two messages that were not read", has_two);
    laptop.type_line("/query luis");
    laptop.wait_for_row("luis: ¿estás?");
    let has_none = |rows: &[String]| {
        rows.iter().any(|row| row.contains("luis")) && !rows.iter().any(|row| row.contains("luis") && row.contains('2'))
    };
    lab.wait_for_rows("that they were read", has_none);
}

#[test]
fn a_room_that_one_device_joins_and_leaves_is_one_of_the_others() {
    let world = world();
    let laptop = line_mode(&world, "laptop");
    let lab = line_mode(&world, "lab");
    laptop.type_line("/join #sala");
    laptop.expect("you are in #sala");
    lab.expect("you have joined #sala on another device");
    lab.type_line("/msg #sala hola");
    lab.expect_tick("✓", "hola");
    laptop.expect("ana: hola ✓");
    laptop.type_line("/leave");
    laptop.expect("you are no longer in #sala");
    lab.expect("you have left #sala on another device");
    laptop.type_line("/devices");
    laptop.expect("lab: online, logs in with a password");
    laptop.expect("laptop: online, logs in with a password; this one");
    assert_eq!(laptop.count("on another device"), 0, "{}", laptop.screen());
    laptop.type_line("/sessions");
    laptop.expect("; lab");
}

#[test]
fn a_device_that_is_remembered_needs_no_password_until_it_is_forgotten() {
    let world = world();
    let mut lab = line_mode(&world, "lab");
    let mut laptop = Terminal::start(&arguments(&world, "laptop", &["--remember"]));
    laptop.expect("connected to");
    let file = device_file(&world, "laptop");
    wait_until("the key is kept", || fs::read_to_string(&file).unwrap().contains("KEY;"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(device_file(&world, "lab")).unwrap().contains("KEY;"));
    laptop.quit();
    let asked_nothing = || Terminal::start_with_password(&arguments(&world, "laptop", &[]), None);
    let mut laptop = asked_nothing();
    laptop.expect("connected to");
    laptop.type_line("@luis: con la clave");
    laptop.expect_tick("✓", "@luis: con la clave");
    lab.expect("ana: con la clave");
    // The session on the RECV port is open.
    laptop.expect("online now");
    lab.type_line("/devices");
    lab.expect("laptop: online, logs in with a key");
    lab.type_line("/forget lab");
    lab.expect("lab is this device");
    lab.type_line("/forget laptop");
    lab.expect("laptop is forgotten, and its connections are closed");
    laptop.expect("closed by another one of yours");
    assert_eq!(laptop.wait_for_exit(), Some(1));
    // The next start says why it asks.
    let mut laptop = asked_nothing();
    laptop.expect("this device was forgotten, or its key has ended");
    laptop.expect("password of ana: ");
    assert!(!fs::read_to_string(&file).unwrap().contains("KEY;"));
    laptop.wait_until_hidden();
    laptop.type_line(PASSWORD);
    laptop.expect(BEGIN_ANEW);
    laptop.type_line("y");
    laptop.expect("the server had forgotten this device");
    laptop.quit();
    lab.quit();
}

/// The question of a device that was forgotten.
const BEGIN_ANEW: &str = "the server has forgotten this device, laptop; it would be one of your devices again, \
                          and fetch what it lacks. Go on? [y/N] ";

#[test]
fn a_device_that_was_forgotten_asks_before_it_begins_anew_and_a_no_leaves_it_forgotten() {
    let world = world();
    let mut lab = line_mode(&world, "lab");
    let mut first = line_mode(&world, "laptop");
    // It has logged in on both ports, and noted which device it is.
    first.expect("nobody else is online now");
    first.quit();
    lab.type_line("/forget laptop");
    lab.expect("laptop is forgotten, and its connections are closed");
    let laptop = || Terminal::start_program(WACHAT, &arguments(&world, "laptop", &[]), Some(PASSWORD), &[], [24, 150]);
    for answer in ["n", ""] {
        let mut refused = laptop();
        refused.expect(BEGIN_ANEW);
        refused.type_line(answer);
        refused
            .expect("laptop stays forgotten; its drafts and its outbox stay here, and --device names another device");
        assert_eq!(refused.wait_for_exit(), Some(1));
        assert_eq!(refused.count("connected to"), 0, "{}", refused.last_screen());
    }
    lab.type_line("/devices");
    lab.expect("lab: online, logs in with a password; this one");
    assert_eq!(lab.count("laptop: "), 0, "{}", lab.screen());
    // A script is asked nothing.
    let home = world.path("laptop").display().to_string();
    let output = world.pipe("ana", "@luis: de un guion\n", &["--home", &home]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    lab.expect("ana: de un guion");
    let mut again = laptop();
    again.expect(BEGIN_ANEW);
    again.type_line("y");
    again.expect("the server had forgotten this device");
    lab.type_line("/devices");
    lab.expect("laptop: online, logs in with a password");
    again.quit();
    // It is one of the devices again.
    let mut again = laptop();
    again.expect("connected to");
    assert_eq!(again.count("has forgotten"), 0, "{}", again.screen());
    again.quit();
    lab.quit();
}

/// A password that the administrator sets.
const OTHER_PASSWORD: &str = "otra palabra larga";

/// The administrator sets another password of ana's while the server is down: with it every key ends.
fn set_password(world: &World) {
    let mut command = std::process::Command::new(WACHAT);
    command.args(["user", "passwd", "ana", "--data"]).arg(world.data());
    command.env("WACHAT_PASSWORD", OTHER_PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", all_output(&output));
}

/// A device of ana's that has logged in with its key.
fn remembered(world: &World, arguments: &[String], size: [u16; 2]) -> Terminal {
    let mut laptop = Terminal::start(&self::arguments(world, "laptop", &["--remember"]));
    laptop.expect("connected to");
    let file = device_file(world, "laptop");
    wait_until("the key is kept", || fs::read_to_string(&file).unwrap().contains("KEY;"));
    laptop.quit();
    Terminal::start_program(WACHAT, arguments, None, &[], size)
}

#[test]
fn a_client_whose_key_has_ended_asks_for_the_password_and_goes_on_with_its_outbox_and_what_is_typed() {
    let mut world = world();
    let mut laptop = remembered(&world, &arguments(&world, "laptop", &[]), [24, 150]);
    laptop.expect("connected to");
    laptop.type_line("@luis: antes");
    laptop.expect_tick("✓", "@luis: antes");
    world.stop();
    laptop.expect("the server is away");
    laptop.type_line("@luis: mientras tanto");
    laptop.expect("mientras tanto …");
    laptop.type_bytes("@luis: a medias".as_bytes());
    laptop.expect("@luis: a medias");
    set_password(&world);
    world.start();
    laptop.expect("! this device was forgotten, or its key has ended");
    laptop.expect("password of ana: ");
    laptop.wait_until_hidden();
    laptop.type_line(PASSWORD);
    laptop.expect("that is not the password of ana");
    laptop.expect_times("password of ana: ", 2);
    laptop.wait_until_hidden();
    laptop.type_line(OTHER_PASSWORD);
    laptop.expect_times("* connected to", 2);
    laptop.type_line(", y entera");
    laptop.expect_tick("✓", "@luis: a medias, y entera");
    laptop.quit();
    let mut luis = world.terminal("luis", &["--no-p2p"]);
    for text in ["ana: antes", "ana: mientras tanto", "ana: a medias, y entera"] {
        luis.expect(text);
        assert_eq!(luis.count(text), 1, "{}", luis.screen());
    }
    luis.quit();
}

#[test]
fn the_full_screen_asks_for_the_password_too_and_comes_back_with_its_draft() {
    let mut world = world();
    let mut arguments = arguments(&world, "laptop", &[]);
    arguments.retain(|argument| argument != "--plain");
    let laptop = remembered(&world, &arguments, [20, 70]);
    laptop.wait_for_rows("the lobby", |rows| rows[19].contains("│ana at 127.0.0.1") && rows[0].contains("│#lobby"));
    laptop.type_bytes(b"un borrador");
    laptop.wait_for_rows("the draft", |rows| rows.iter().any(|row| row.contains("un borrador")));
    world.stop();
    set_password(&world);
    world.start();
    laptop.expect("password of ana: ");
    laptop.wait_until_hidden();
    laptop.type_line(OTHER_PASSWORD);
    laptop.wait_for_rows("the lobby", |rows| rows[19].contains("│ana at 127.0.0.1") && rows[0].contains("│#lobby"));
    laptop.wait_for_rows("the draft", |rows| rows.iter().any(|row| row.contains("un borrador")));
    laptop.type_line(" entero");
    laptop.wait_for_rows("the message", |rows| rows.iter().any(|row| row.contains("ana: un borrador entero ✓")));
}

#[test]
fn a_pipe_of_a_device_logs_in_with_its_key_and_a_change_of_the_password_keeps_the_key() {
    let world = world();
    let home = world.path("laptop").display().to_string();
    let mut laptop = Terminal::start(&arguments(&world, "laptop", &["--remember"]));
    laptop.expect("connected to");
    let file = device_file(&world, "laptop");
    wait_until("the key is kept", || fs::read_to_string(&file).unwrap().contains("KEY;"));
    laptop.type_line("/passwd");
    laptop.expect("current password: ");
    laptop.type_line(PASSWORD);
    laptop.type_line("otra palabra larga");
    laptop.type_line("otra palabra larga");
    laptop.expect("the password is changed");
    laptop.type_line("@luis: con la misma clave");
    laptop.expect_tick("✓", "@luis: con la misma clave");
    // The pipe has the old password in its environment, and does not need it.
    let output = world.pipe("ana", "@luis: por la tubería\n", &["--home", &home]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    laptop.expect("ana: por la tubería");
    laptop.quit();
}
