//! Lines that are probably not meant as they stand, and answers: at real terminals.

use crate::support::{Terminal, World};

fn client(world: &World, user: &str) -> Terminal {
    let terminal = world.terminal(user, &["--register"]);
    terminal.expect("* connected");
    terminal
}

#[test]
fn a_lone_exit_or_help_is_asked_about_and_sent_when_it_is_typed_again() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    ana.expect("#lobby> ");
    for (word, command) in [("exit", "/quit"), ("Ayuda", "/help")] {
        ana.type_line(word);
        ana.expect(&format!("! not sent: did you mean {command}? Type {} once more", word.to_lowercase()));
        ana.type_line("something else");
        ana.type_line(word);
        ana.expect_times(&format!("did you mean {command}?"), 2);
        ana.type_line(word);
        ana.expect_tick("✓", &format!("#lobby: {word}"));
    }
    ana.type_line("   ");
    ana.expect("! an empty message is not sent");
    ana.quit();
    let texts = world.texts("ana", "OUT");
    assert_eq!(texts, ["something else", "exit", "something else", "Ayuda"]);
}

#[test]
fn a_room_of_nearly_the_same_name_is_asked_about() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    luis.type_line("/join sala");
    luis.expect("* you are in #sala");
    // The pasted rest goes nowhere.
    ana.type_line("/query luis\n/join sela\nfor the room");
    ana.expect(
        "! there is no room #sela yet; did you mean #sala? /join #sala goes there, /join #sela new makes a new one",
    );
    ana.expect("! not sent, since it was typed for a chat that did not come about: for the room");
    ana.type_line("/join sela new");
    ana.expect("* you are in #sela");
    for room in ["group1", "group2", "sala"] {
        ana.type_line(&format!("/join {room}"));
        ana.expect(&format!("* you are in #{room}"));
    }
    ana.quit();
    luis.quit();
    assert!(world.texts("ana", "OUT").is_empty());
}

#[test]
fn a_reply_goes_to_the_last_who_wrote_to_one_alone() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    ana.type_line("/reply hola");
    ana.expect("! nobody has written to you alone yet");
    luis.type_line("@ana: first");
    ana.expect("luis: first");
    luis.type_line("to all");
    ana.expect("#lobby luis: to all");
    ana.type_line("/r second");
    luis.expect("] ana: second");
    ana.quit();
    // Also after a restart.
    let mut ana = world.terminal("ana", &[]);
    ana.expect("#lobby> ");
    ana.type_line("/reply");
    ana.expect("luis> ");
    ana.quit();
    luis.quit();
}

#[test]
fn who_writes_to_a_user_who_is_away_is_answered_once() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    for client in [&ana, &luis] {
        client.expect("#lobby> ");
        client.type_line("/away back at five");
        client.expect("* who writes to you alone is answered once from now on");
        client.expect("(away) #lobby> ");
    }
    // Both are away: an automatic answer is not answered.
    ana.type_line("@luis: one");
    ana.expect("] * luis (away) back at five");
    ana.type_line("@luis: two");
    ana.expect_tick("✓✓ read", "@luis: two");
    ana.type_line("all");
    ana.expect_tick("✓✓ read", "#lobby: all");
    luis.type_line("/away");
    luis.expect("* nobody is answered automatically any more");
    ana.quit();
    luis.quit();
    assert_eq!(world.texts("luis", "OUT"), ["/me (away) back at five"]);
    assert_eq!(world.texts("ana", "OUT"), ["one", "two", "all"]);
}
