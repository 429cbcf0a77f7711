//! Rooms at real terminals: coming in, talking, leaving, and looking back on what one was not there for.

use std::thread;

use crate::support::clients::{all_output, exit_code};
use crate::support::{Connection, Terminal, World};
use wachat::limits;

fn client(world: &World, user: &str) -> Terminal {
    let terminal = world.terminal(user, &["--register"]);
    terminal.expect("* connected");
    terminal
}

#[test]
fn two_who_start_their_clients_talk_at_once_in_the_lobby() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    for terminal in [&ana, &luis] {
        terminal.expect("#lobby> ");
    }
    ana.expect("* luis joined #lobby");
    ana.type_line("hola");
    luis.expect("] #lobby ana: hola\r\n");
    ana.expect_tick("✓✓ read", "#lobby: hola");
    luis.type_line("¿qué tal?");
    ana.expect("] #lobby luis: ¿qué tal?\r\n");
    // A client that asks for none gets none.
    ana.type_line("/query");
    ana.type_line("lost");
    ana.expect("! there is no current chat");
    ana.quit();
    luis.quit();
}

#[test]
fn without_a_lobby_there_is_no_current_chat() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana");
    ana.type_line("hola");
    ana.expect("! there is no current chat");
    ana.quit();
}

#[test]
fn a_client_that_starts_without_a_server_finds_the_lobby_later() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana"]);
    world.kill();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("the server is away");
    assert_eq!(ana.count("#lobby> "), 0, "{}", ana.screen());
    world.start();
    ana.expect("#lobby> ");
    ana.quit();
}

#[test]
fn coming_in_shows_what_was_said_and_the_line_behind_it_goes_there() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana");
    // Typed at once, as by a paste.
    ana.type_line("/join #sala\nfirst\nsecond");
    ana.expect("* you are in #sala; what you write goes there");
    ana.expect("nothing there yet");
    ana.expect("#sala> ");
    ana.expect_tick("✓", "#sala: second");
    let mut luis = client(&world, "luis");
    luis.type_line("/join #sala");
    luis.expect("] #sala ana: first\r\n");
    luis.expect("] #sala ana: second\r\n");
    ana.expect("* luis joined #sala");
    luis.type_line("/rooms");
    luis.expect("#sala, members: 2; you are one; owner: ana\r\n");
    luis.type_line("/names");
    luis.expect("ana online");
    luis.type_line("/leave");
    luis.expect("* you are no longer in #sala");
    ana.expect("* luis left #sala");
    luis.type_line("/rooms");
    luis.expect("#sala, members: 1; owner: ana\r\n");
    // A user sees the messages of a room that are in the user's own history; others are for members only.
    luis.type_line("/history #sala");
    luis.expect_times("] #sala ana: second\r\n", 2);
    ana.type_line("/join #otra");
    ana.expect("* you are in #otra");
    luis.type_line("/history #otra");
    luis.expect("! you are not in that room");
    luis.type_line("/leave");
    luis.expect("! which room?");
    luis.type_line("/join");
    luis.expect("! the form is: /join <#room> [new]");
    ana.quit();
    luis.quit();
}

#[test]
fn a_room_that_was_left_can_still_be_looked_back_on() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
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
    world.register_clients(&["ana", "luis"]);
    let output = world.pipe("ana", "/query luis\n/join #a/b\n/join #sala\nin the room\n/rooms\n", &[]);
    assert_eq!(exit_code(&output), 1, "{}", all_output(&output));
    assert_eq!(world.history("ana", "OUT").len(), 1, "{}", all_output(&output));
    assert!(all_output(&output).contains("#sala, members: 1; you are one; it is yours"), "{}", all_output(&output));
    assert_eq!(world.login_or_register("ana").request("HISTORY;#sala"), "OK;1");
}

/// Sends texts to #sala, many at a time.
fn flood(line: &mut Connection, texts: impl Iterator<Item = String>) {
    let texts: Vec<_> = texts.enumerate().collect();
    for chunk in texts.chunks(128) {
        let requests = chunk.iter().map(|(number, text)| format!("SEND;{}-{number};#sala;{text}\n", texts.len()));
        line.send(requests.collect::<String>());
        chunk.iter().for_each(|_| assert!(line.read_line().starts_with("OK;")));
    }
}

/// The numbers of all records of a kind, as they stand in the file.
fn numbers(world: &World, user: &str, word: &str) -> Vec<u64> {
    world.history(user, word).iter().map(|record| record[1].parse().unwrap()).collect()
}

/// More waits for a member than the server keeps for one: the client looks the rest up, as far as is reasonable.
#[test]
fn a_long_absence_is_caught_up_or_the_gap_is_reported() {
    let world = World::without_lobby();
    let mut line = world.login_or_register("ana");
    line.run_transcript("> JOIN;#sala\n< OK");
    let come_and_go = |user: &str| {
        let mut terminal = client(&world, user);
        terminal.type_line("/join #sala");
        terminal.expect("#sala> ");
        terminal.quit();
    };
    // Luis misses more messages than a client fetches; eva does not.
    let long = "x".repeat(58_000);
    let most = limits::ROOM_BACKLOG;
    let too_many = limits::COMPLETION_BYTES / long.len() + 10;
    come_and_go("luis");
    flood(&mut line, (0..too_many).map(|number| format!("{long} {number}")));
    come_and_go("eva");
    flood(&mut line, (0..most + 5).map(|number| format!("text {number}")));
    let mut eva = world.terminal("eva", &[]);
    eva.expect("* fetched from the server, #sala: 5; /history #sala shows them");
    eva.expect(&format!("] #sala ana: text {}\r\n", most + 4));
    assert_eq!((eva.count("with the server only"), eva.count("ana: text 4\r\n")), (0, 0));
    eva.type_line("/history #sala 2");
    eva.expect_times(&format!("] #sala ana: text {}\r\n", most + 4), 2);
    eva.quit();
    let mut luis = world.terminal("luis", &[]);
    luis.expect("messages in #sala while you were away are with the server only");
    luis.expect("* fetched from the server, #sala");
    luis.expect(&format!("] #sala ana: text {}\r\n", most + 4));
    luis.quit();
    // Nothing is missing, nothing exists twice, and all of it is in order.
    let mut past = numbers(&world, "luis", "MISSED");
    let came = numbers(&world, "luis", "IN");
    // Page by page, the newest first.
    past.sort_unstable();
    let gaps = world.history("luis", "GAP");
    let missing = gaps[0][3].parse::<u64>().unwrap() + 1 - gaps[0][2].parse::<u64>().unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!((5..=12).contains(&missing), "{missing}");
    assert_eq!(past.len() + came.len() + missing as usize, too_many + most + 5);
    assert!(past.iter().chain(&came).is_sorted_by(|a, b| a < b));
    assert_eq!(past[0], gaps[0][3].parse::<u64>().unwrap() + 1);
    let texts: Vec<_> = world.texts("eva", "MISSED").into_iter().filter(|text| text.starts_with("text")).collect();
    assert_eq!(texts, ["text 0", "text 1", "text 2", "text 3", "text 4"]);
    assert!(world.history("eva", "GAP").is_empty());
}

#[test]
fn messages_shown_on_joining_are_shown_once_and_kept() {
    let world = World::without_lobby();
    let mut line = world.login_or_register("ana");
    line.run_transcript("> JOIN;#sala\n< OK");
    flood(&mut line, (0..60).map(|number| format!("early {number}")));
    let mut luis = client(&world, "luis");
    luis.type_line("/join #sala");
    luis.expect("] #sala ana: early 59\r\n");
    assert_eq!((luis.count("ana: early 9\r\n"), luis.count("ana: early 10\r\n")), (0, 1), "the last 50");
    luis.type_line("/join #sala");
    luis.type_line("/unread");
    luis.expect("you have read everything");
    assert_eq!(luis.count("ana: early 59\r\n"), 1, "{}", luis.screen());
    luis.type_line("/search 59");
    luis.expect_times("ana: early 59\r\n", 2);
    luis.quit();
    assert_eq!(world.texts("luis", "PAST").len(), 50);
}

#[test]
fn while_others_talk_joining_shows_each_line_once_and_in_order() {
    let world = World::without_lobby();
    let mut line = world.login_or_register("ana");
    line.run_transcript("> JOIN;#sala\n< OK");
    let mut luis = client(&world, "luis");
    let talk = thread::spawn(move || flood(&mut line, (0..1_500).map(|number| format!("said {number}."))));
    luis.type_line("/join #sala");
    talk.join().unwrap();
    luis.expect("said 1499.");
    let screen = luis.screen();
    let said = screen.split("ana: said ").skip(1).filter_map(|rest| rest.split_once('.')?.0.parse::<u32>().ok());
    let said: Vec<_> = said.collect();
    let first = said[0];
    assert_eq!(said, (first..1_500).collect::<Vec<_>>());
    luis.quit();
}

#[test]
fn a_user_in_no_room_is_told_how_to_join() {
    let world = World::without_lobby();
    let mut line = world.login_or_register("ana");
    line.run_transcript("> JOIN;#sala\n< OK");
    let mut luis = client(&world, "luis");
    luis.type_line("@#sala: hola");
    luis.expect("✗ #sala: hola — not sent: you are not in #sala; /join #sala first");
    luis.type_line("@#none: hola");
    luis.expect("✗ #none: hola — not sent: there is no room #none; /join #none makes it");
    luis.quit();
    assert_eq!(world.history("luis", "FAILED").len(), 2);
}

#[test]
fn a_join_is_reported_once() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    ana.expect("* luis joined #lobby");
    luis.type_line("hola");
    ana.expect("#lobby luis: hola");
    assert_eq!(ana.count("luis is online"), 0, "{}", ana.screen());
    luis.quit();
    ana.expect("* luis is offline");
    let mut luis = client(&world, "luis");
    ana.expect("* luis is online");
    luis.quit();
    ana.quit();
}
