//! Commands of the client, through the real one: aliases, finding, hiding, texts of several lines.

use crate::support::clients::{all_output, exit_code};
use crate::support::{Terminal, World, wait_until};

fn client(world: &World, user: &str, more: &[&str]) -> Terminal {
    let terminal = world.terminal(user, &[&["--register"], more].concat());
    terminal.expect("* connected");
    terminal
}

#[test]
fn other_names_do_the_same() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana", &[]);
    let mut luis = client(&world, "luis", &[]);
    ana.type_line("/w luis one");
    ana.type_line("/whisper luis two");
    luis.expect("] ana: one");
    luis.expect("] ana: two");
    ana.type_line("@lista");
    ana.expect("luis online");
    ana.type_line("/list");
    ana.expect("there are no rooms yet");
    ana.type_line("/join sala");
    ana.expect("you are in #sala");
    ana.type_line("/part");
    ana.expect("you are no longer in #sala");
    ana.type_line("/ayuda msg");
    ana.expect("/msg <user or #room> <text>\r\n    send a message; @<user>: <text> does the same (/whisper /w)\r\n");
    ana.type_line("/histroy luis");
    ana.expect("did you mean /history?");
    ana.type_line("/to luis");
    ana.expect("there is no command /to; /help lists those there are");
    for (terminal, way) in [(&mut ana, "/sair"), (&mut luis, "@salir")] {
        terminal.type_line(way);
        assert_eq!(terminal.wait_for_exit(), Some(0), "{}", terminal.screen());
    }
    for way in ["/exit", "/q"] {
        let mut ana = client(&world, "ana", &[]);
        ana.type_line(way);
        assert_eq!(ana.wait_for_exit(), Some(0), "{}", ana.screen());
    }
}

#[test]
fn commands_of_irc_that_are_absent_have_a_hint_in_each_language() {
    let world = World::without_lobby();
    for (language, nick) in [
        ("en", "cannot be changed; wachat connect --user NAME connects"),
        ("es", "no cambia; wachat connect --user NOMBRE conecta"),
        ("pt", "não muda; wachat connect --user NOME conecta"),
    ] {
        let mut ana = world.terminal("ana", &["--register", "--lang", language]);
        ana.expect("* con");
        for (line, times) in [("/NICK eva", 1), ("/help nick", 2)] {
            ana.type_line(line);
            ana.expect_times(nick, times);
        }
        ana.type_line("/mode luis");
        ana.expect("/mode; /help ");
        ana.quit();
    }
}

#[test]
fn actions_slashes_and_texts_of_several_lines() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana", &[]);
    let mut luis = client(&world, "luis", &[]);
    ana.type_line("/query luis");
    ana.type_line("/me waves");
    luis.expect("] * ana waves\r\n");
    ana.type_line("//quit is a command");
    luis.expect("] ana: /quit is a command\r\n");
    // Alt-Enter and Ctrl-J begin a line.
    ana.type_bytes(b"one\x1b\r/two\nthree\r");
    luis.expect("] ana: one\r\n        /two\r\n        three\r\n");
    ana.type_line("two backslashes stay: \\\\");
    luis.expect("] ana: two backslashes stay: \\\\\r\n");
    ana.type_line("/clear");
    ana.expect("\u{1b}[2J");
    ana.quit();
    luis.quit();
    let output = world.pipe("ana", "@luis: first\\\nsecond\n@luis: last\\", &[]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    assert!(world.texts("ana", "OUT").ends_with(&["first\nsecond".to_owned(), "last".to_owned()]));
}

#[test]
fn finding_what_was_said_and_who_somebody_is() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana", &[]);
    let mut luis = client(&world, "luis", &[]);
    ana.type_line("@luis: the Red house");
    luis.expect("ana: the Red house");
    ana.type_line("a red car");
    luis.expect("#lobby ana: a red car");
    luis.type_line("@ana: blue");
    ana.expect("luis: blue");
    luis.type_line("/search RED the");
    luis.expect("@ana [");
    luis.expect_times("ana: the Red house", 2);
    assert_eq!(luis.count("a red car"), 1, "{}", luis.screen());
    luis.type_line("/search red");
    luis.expect_times("ana: a red car", 2);
    let screen = luis.screen();
    assert!(screen.rfind("the Red house") < screen.rfind("a red car"), "newest last: {screen}");
    luis.type_line("/search green");
    luis.expect("nothing found");
    let mut asked = 0;
    wait_until("the receipt of the last message", || {
        asked += 1;
        luis.type_line("/whois ANA");
        luis.expect_times("with you in #lobby", asked);
        luis.screen().contains("] luis: blue ✓✓ read\r\n")
    });
    luis.expect_times("ana online", asked);
    luis.type_line("/whois nobody");
    luis.expect("! there is no user nobody");
    ana.quit();
    luis.expect("* ana is offline");
    luis.type_line("/whois ana");
    luis.expect("ana offline since ");
    // A time of today, and at midnight one of yesterday.
    let screen = luis.screen();
    let since = screen.rsplit("ana offline since ").next().and_then(|rest| rest.split('\r').next()).expect("a time");
    assert!(since.split(' ').next_back().is_some_and(|time| time.len() == 5 && time.as_bytes()[2] == b':'), "{since}");
    luis.quit();
}

#[test]
fn unread_messages_are_counted_by_conversation() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana", &[]);
    let mut luis = client(&world, "luis", &["--no-receipts"]);
    ana.type_line("@luis: one");
    ana.type_line("@luis: two");
    luis.expect("ana: two");
    luis.type_line("/unread");
    luis.expect("ana: 2 not read, the last one from ana: two");
    luis.type_line("/read");
    luis.type_line("/unread");
    luis.expect("you have read everything");
    ana.quit();
    luis.quit();
}

#[test]
fn ignored_users_are_not_shown_and_their_messages_are_kept() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana", &[]);
    let mut luis = client(&world, "luis", &[]);
    let mut eva = client(&world, "eva", &[]);
    luis.expect("* eva joined #lobby");
    luis.type_line("/ignore ana");
    luis.expect("* what ana says is hidden now");
    ana.type_line("@luis: secret");
    ana.type_line("noise");
    eva.expect("#lobby ana: noise");
    // It is delivered, and in the history; the other's message comes after it.
    ana.expect_tick("✓✓", "@luis: secret");
    eva.type_line("heard");
    luis.expect("#lobby eva: heard");
    ana.quit();
    eva.expect("* ana is offline");
    eva.type_line("heard again");
    luis.expect("#lobby eva: heard again");
    for hidden in ["secret", "noise", "ana is offline"] {
        assert_eq!(luis.count(hidden), 0, "{hidden}: {}", luis.screen());
    }
    luis.quit();
    assert_eq!(world.texts("luis", "IN"), ["secret", "noise", "heard", "heard again"]);
    let mut luis = client(&world, "luis", &[]);
    luis.type_line("/ignore");
    luis.expect("ana\r\n");
    luis.type_line("/users");
    luis.expect("eva online");
    luis.type_line("/unread");
    luis.expect("you have read everything");
    // Not shown, so not called read, also after a restart.
    let status = world.login("ana").request("CHATS");
    assert_eq!(status, "OK;2");
    let mut ana = client(&world, "ana", &[]);
    ana.type_line("/status luis");
    ana.expect("luis: delivered");
    luis.type_line("/ignore ANA");
    luis.expect("what ANA says is shown again");
    ana.type_line("@luis: visible");
    luis.expect("] ana: visible");
    // A hidden message is not shown later; only /history shows it.
    assert_eq!(luis.count("secret"), 0, "{}", luis.screen());
    luis.type_line("/history ana");
    luis.expect("ana: secret");
    wait_until("one record each time", || world.history("luis", "IGNORE").len() == 2);
    for terminal in [&mut ana, &mut luis, &mut eva] {
        terminal.quit();
    }
}
