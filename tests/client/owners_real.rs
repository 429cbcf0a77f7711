//! Rooms with an owner at real terminals, beside a real server.

use crate::support::clients::{all_output, exit_code};
use crate::support::{PASSWORD, Terminal, WACHAT, World};

fn world() -> World {
    let world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis"]);
    world
}

fn client(world: &World, user: &str) -> Terminal {
    let terminal = world.terminal(user, &[]);
    terminal.expect("* connected");
    terminal.expect("#lobby> ");
    terminal.expect("online now");
    terminal
}

#[test]
fn a_room_by_invitation_from_its_beginning_to_the_next_owner() {
    let world = world();
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    ana.type_line("/room #equipo invite");
    ana.expect("* you are in #equipo");
    ana.expect("* #equipo is by invitation only now");
    ana.expect("#equipo> ");
    ana.type_line("/topic la entrega");
    ana.expect("* topic of #equipo: la entrega");
    luis.type_line("/join #equipo new");
    luis.expect("! #equipo needs an invitation; its owner sends one with /invite");
    luis.type_line("/room #equipo open");
    luis.expect("! #equipo is a room of others that you are not invited to; choose another name");
    ana.type_line("/invite luis");
    ana.expect("* luis is invited to #equipo");
    luis.expect("* ana invites you to #equipo; /join #equipo goes there");
    luis.type_line("/rooms");
    luis.expect("#equipo, members: 1; you are invited: /join #equipo; owner: ana; topic: la entrega");
    luis.type_line("/join #equipo");
    luis.expect("* you are in #equipo");
    luis.expect("* topic of #equipo: la entrega");
    ana.expect("* luis joined #equipo");
    luis.type_line("/topic");
    luis.expect("topic of #equipo: la entrega");
    luis.type_line("/topic otra");
    luis.expect("! #equipo is not yours, and only its owner can do that; /rooms names the owner");
    luis.type_line("hola");
    ana.expect("#equipo luis: hola");
    ana.type_line("/room open");
    ana.expect("! #equipo stays by invitation only");
    ana.type_line("/owner luis");
    ana.expect("* luis owns #equipo now");
    luis.expect("* you own #equipo now");
    luis.type_line("/kick ana");
    luis.expect("* ana is put out of #equipo; /invite #equipo ana allows to return");
    ana.expect("you have left #equipo on another device, or its owner has put you out");
    ana.type_line("/history #equipo");
    ana.expect_times("#equipo luis: hola", 2);
    ana.type_line("@#equipo: adiós");
    ana.expect("✗ #equipo: adiós — not sent: ");
    ana.type_line("/names #equipo");
    ana.expect("! there is no room #equipo");
    assert_eq!(ana.count("has been changed"), 0, "{}", ana.screen());
    ana.quit();
    luis.quit();
}

#[test]
fn a_script_makes_a_room_and_says_something_in_it() {
    let world = world();
    let lines = "/room #equipo invite\n/topic la entrega\n/invite luis\nhola\n/kick nobody\n";
    let output = world.pipe("ana", lines, &[]);
    assert_eq!(exit_code(&output), 1, "{}", all_output(&output));
    assert!(all_output(&output).contains("there is no user nobody"), "{}", all_output(&output));
    assert_eq!(world.history("ana", "OUT").len(), 1, "{}", all_output(&output));
    let rooms = world.login("luis").list("ROOMS");
    assert_eq!(rooms, ["#equipo;1;no;invite;ana;la entrega", "#lobby;2;yes;open;;"]);
    assert_eq!(world.login("ana").request("HISTORY;#equipo"), "OK;1");
}

#[test]
fn the_full_screen_shows_the_topic_of_the_room_that_is_open() {
    let world = world();
    let mut line = world.login("luis");
    line.run_transcript("> JOIN;#sala\n< OK\n> TOPIC;#sala;la entrega\n< OK");
    let mut arguments = world.arguments("ana", &["--no-p2p"]);
    arguments.retain(|argument| argument != "--plain");
    let screen = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), &[], [20, 70]);
    screen.wait_for_rows("the lobby", |rows| rows[0].contains("│#lobby"));
    screen.type_line("/join #sala");
    screen.wait_for_rows("the topic", |rows| rows[0].contains("│#sala · la entrega"));
    line.run_transcript("> TOPIC;#sala;mañana\n< OK");
    screen.wait_for_rows("another topic", |rows| rows[0].contains("│#sala · mañana"));
    screen.wait_for_row("* topic of #sala: mañana");
    line.run_transcript("> KICK;#sala;ana\n< OK");
    screen.wait_for_rows("that it is closed", |rows| rows[0].contains("│wachat"));
}
