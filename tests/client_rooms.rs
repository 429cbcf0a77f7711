//! Rooms at real terminals: coming in, talking, leaving, and looking back on what one was not there for.

mod client_support;
mod support;

use client_support::{Terminal, World, code, said};

fn client(world: &World, user: &str) -> Terminal {
    let terminal = world.terminal(user, &["--register"]);
    terminal.expect("* connected");
    terminal
}

#[test]
fn two_who_start_their_clients_talk_at_once_in_the_lobby() {
    let world = World::new(&[]);
    let (mut ana, mut luis) = (client(&world, "ana"), client(&world, "luis"));
    for terminal in [&ana, &luis] {
        terminal.expect("#lobby> ");
    }
    ana.expect("* luis joined #lobby");
    ana.type_line("hola");
    luis.expect("] #lobby ana: hola\r\n");
    ana.expect("✓✓ read #lobby: hola");
    luis.type_line("¿qué tal?");
    ana.expect("] #lobby luis: ¿qué tal?\r\n");
    // Whoever wants none gets none.
    ana.type_line("/query");
    ana.type_line("lost");
    ana.expect("! there is no current chat");
    ana.quit();
    luis.quit();
}

#[test]
fn without_a_lobby_there_is_no_current_chat() {
    let world = World::new(&["--no-lobby"]);
    let mut ana = client(&world, "ana");
    ana.type_line("hola");
    ana.expect("! there is no current chat");
    ana.quit();
}

#[test]
fn a_client_that_starts_without_a_server_finds_the_lobby_later() {
    let mut world = World::new(&[]);
    world.register(&["ana"]);
    world.kill_server();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("the server is away");
    assert_eq!(ana.count("#lobby> "), 0, "{}", ana.screen());
    world.start_server();
    ana.expect("#lobby> ");
    ana.quit();
}

#[test]
fn coming_in_shows_what_was_said_and_the_line_behind_it_goes_there() {
    let world = World::new(&["--no-lobby"]);
    let mut ana = client(&world, "ana");
    // Typed at once, as somebody who pastes does.
    ana.type_line("/join #sala\nfirst\nsecond");
    ana.expect("* you are in #sala; what you write goes there");
    ana.expect("nothing there yet");
    ana.expect("#sala> ");
    ana.expect("✓ #sala: second");
    let mut luis = client(&world, "luis");
    luis.type_line("/join #sala");
    luis.expect("] #sala ana: first\r\n");
    luis.expect("] #sala ana: second\r\n");
    ana.expect("* luis joined #sala");
    luis.type_line("/rooms");
    luis.expect("#sala: 2 in it, you too");
    luis.type_line("/names");
    luis.expect("ana online");
    luis.type_line("/leave");
    luis.expect("* you are no longer in #sala");
    ana.expect("* luis left #sala");
    luis.type_line("/rooms");
    luis.expect("#sala: 1 in it\r\n");
    // What I hold of a room is mine to see; what I do not hold is its members'.
    luis.type_line("/history #sala");
    luis.expect("! you are not in that room");
    luis.type_line("/leave");
    luis.expect("! which room?");
    luis.type_line("/join luis");
    luis.expect("! the form is: /join <#room>");
    ana.quit();
    luis.quit();
}

#[test]
fn a_room_that_was_left_can_still_be_looked_back_on() {
    let world = World::new(&["--no-lobby"]);
    let (mut ana, mut luis) = (client(&world, "ana"), client(&world, "luis"));
    for terminal in [&ana, &luis] {
        terminal.type_line("/join #sala");
        terminal.expect("#sala> ");
    }
    ana.type_line("remember me");
    luis.expect("] #sala ana: remember me");
    luis.type_line("/leave #sala");
    luis.expect("no longer in #sala");
    luis.type_line("/history #sala");
    luis.expect_times("] #sala ana: remember me", 2);
    ana.quit();
    luis.quit();
}

#[test]
fn a_script_that_cannot_come_in_says_nothing_elsewhere() {
    let world = World::new(&[]);
    world.register(&["ana", "luis"]);
    let output = world.pipe("ana", "/query luis\n/join #a/b\n/join #sala\nin the room\n/rooms\n", &[]);
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert_eq!(world.history("ana", "OUT").len(), 1, "{}", said(&output));
    assert!(said(&output).contains("#sala: 1 in it, you too"), "{}", said(&output));
    assert_eq!(world.line("ana").ask("HISTORY;#sala"), "OK;1");
}

/// More waits for a member than the server keeps for one: it says so, and keeps all of it for whoever looks back.
#[test]
fn who_was_away_for_long_is_told_where_the_rest_is() {
    let world = World::new(&["--no-lobby"]);
    let mut luis = client(&world, "luis");
    luis.type_line("/join #sala");
    luis.expect("#sala> ");
    luis.quit();
    let mut line = world.line("ana");
    line.play("> JOIN;#sala\n< OK");
    let most = wachat::limits::ROOM_BACKLOG;
    for chunk in (0..=most).collect::<Vec<_>>().chunks(256) {
        line.send(chunk.iter().map(|number| format!("SEND;m-{number};#sala;text {number}\n")).collect::<String>());
        chunk.iter().for_each(|_| assert!(line.line().starts_with("OK;")));
    }
    let mut luis = world.terminal("luis", &[]);
    luis.expect("messages in #sala while you were away: /history #sala");
    luis.expect(&format!("] #sala ana: text {most}\r\n"));
    assert_eq!(luis.count("ana: text 0\r\n"), 0);
    luis.type_line("/history #sala 2");
    luis.expect_times(&format!("] #sala ana: text {most}\r\n"), 2);
    luis.quit();
    let gaps = world.history("luis", "GAP");
    assert_eq!(gaps.len(), 1, "{gaps:?}");
}
