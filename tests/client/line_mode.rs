//! The line mode at a terminal, as its user sees it: the editor below lines that scroll, and what becomes of the
//! terminal.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::termios::LocalModes;

use crate::client::terminal::received_but_not_shown;
use crate::support::clients::all_output;
use crate::support::{PASSWORD, Terminal, WACHAT, World, send_signal, wait_until};
use wachat::model::Timestamp;

const CONTROL_C: &[u8] = b"\x03";
const CONTROL_D: &[u8] = b"\x04";
const CONTROL_Z: &[u8] = b"\x1a";
const UP: &[u8] = b"\x1b[A";
const LEFT: &[u8] = b"\x1b[D";

/// Ana at a terminal of this many rows and columns, connected.
fn ana(world: &World, size: [u16; 2], variables: &[(&str, &str)]) -> Terminal {
    let ana = Terminal::start_program(WACHAT, &world.arguments("ana", &[]), Some(PASSWORD), variables, size);
    ana.expect("connected to");
    ana.expect("#lobby> ");
    ana
}

fn with_luis() -> (World, Terminal) {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let ana = ana(&world, [20, 60], &[]);
    (world, ana)
}

/// Luis says something in a room, or to a user.
fn luis_says(world: &World, to: &str, text: &str) {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let id = SENT.fetch_add(1, Ordering::Relaxed);
    let answer = world.login("luis").request(&format!("SEND;line-mode-{id};{to};{text}"));
    assert!(answer.starts_with("OK;"), "{answer}");
}

fn is_raw(terminal: &Terminal) -> bool {
    !terminal.modes().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
}

fn last_row(rows: &[String]) -> &str {
    rows.iter().rev().find(|row| !row.is_empty()).map_or("", String::as_str)
}

#[test]
fn a_draft_and_the_prompt_are_drawn_again_below_what_arrives() {
    let (world, mut ana) = with_luis();
    ana.type_bytes("medio escri".as_bytes());
    ana.wait_for_row("#lobby> medio escri");
    for number in 0..30 {
        luis_says(&world, "ana", &format!("number {number}"));
    }
    ana.wait_for_rows("the draft below the last message", |rows| {
        let last = rows.iter().rposition(|row| row.ends_with("luis: number 29"));
        last.is_some_and(|last| rows.get(last + 1).is_some_and(|row| row == "#lobby> medio escri"))
    });
    assert_eq!(ana.rows().iter().filter(|row| row.contains("medio")).count(), 1, "{:?}", ana.rows());
    assert_eq!(ana.cursor().1, 19);
    ana.type_line("to");
    ana.wait_for_rows("the whole message", |rows| rows.iter().any(|row| row.contains("] ana: medio escrito ✓")));
    assert_eq!(world.texts("ana", "OUT"), ["medio escrito"]);
    ana.quit();
}

#[test]
fn a_line_of_ten_thousand_bytes_arrives_whole() {
    let (world, mut ana) = with_luis();
    let text: String = (0..1_000).map(|number| format!("{number:09} ")).collect();
    ana.type_bytes(format!("@luis: {}\r", text.trim_end()).as_bytes());
    wait_until("the message in the history", || !world.texts("ana", "OUT").is_empty());
    assert_eq!(world.texts("ana", "OUT"), [text.trim_end()]);
    ana.quit();
}

#[test]
fn a_pasted_block_is_one_message_and_a_long_one_is_asked_about() {
    let (world, mut ana) = with_luis();
    ana.paste("one\r\ntwo\nthree\rfour\nfive");
    ana.wait_for_row("        five");
    let prompt = ana.rows().iter().position(|row| row == "#lobby> one").expect("the first line");
    assert_eq!(ana.rows().get(prompt + 4).map(String::as_str), Some("        five"));
    ana.type_bytes(b"\r");
    wait_until("the message in the history", || !world.texts("ana", "OUT").is_empty());
    assert_eq!(world.texts("ana", "OUT"), ["one\ntwo\nthree\nfour\nfive"]);
    let long = (0..25).map(|number| format!("line {number}\n")).collect::<String>();
    for (answer, is_pasted) in [("n", false), ("y", true)] {
        ana.paste(&long);
        ana.wait_for_row("paste 25 lines? [y/N]");
        ana.type_bytes(answer.as_bytes());
        ana.wait_for_rows("the answer", |rows| {
            !rows.iter().any(|row| row.contains("[y/N]")) && rows.iter().any(|row| row.contains("line 24")) == is_pasted
        });
    }
    ana.type_bytes(CONTROL_C);
    ana.wait_for_rows("the prompt alone", |rows| last_row(rows) == "#lobby>");
    assert_eq!(world.texts("ana", "OUT").len(), 1, "a paste never sends");
    ana.quit();
}

#[test]
fn control_c_clears_and_control_d_leaves() {
    let (world, mut ana) = with_luis();
    ana.type_bytes(b"never");
    ana.wait_for_row("#lobby> never");
    ana.type_bytes(CONTROL_C);
    ana.wait_for_rows("an empty prompt", |rows| last_row(rows) == "#lobby>");
    ana.type_bytes(CONTROL_C);
    ana.expect("Ctrl-D or /quit leaves");
    ana.type_bytes(b"x");
    ana.type_bytes(&[CONTROL_D, b"\x7f", CONTROL_D].concat());
    assert_eq!(ana.wait_for_exit(), Some(0), "{}", ana.screen());
    assert!(!is_raw(&ana));
    assert!(world.texts("ana", "OUT").is_empty());
    // The texts that were entered before are sent.
    let mut ana = self::ana(&world, [20, 60], &[]);
    ana.type_bytes(&[b"one\rtwo\r".as_slice(), CONTROL_D].concat());
    assert_eq!(ana.wait_for_exit(), Some(0), "{}", ana.screen());
    assert_eq!(world.texts("ana", "OUT"), ["one", "two"]);
}

#[test]
fn keys_edit_recall_and_complete() {
    let (_world, mut ana) = with_luis();
    ana.type_bytes("@luis: aello".as_bytes());
    for _ in 0..5 {
        ana.type_bytes(LEFT);
    }
    ana.type_bytes(b"\x1b[3~h\x05!\r");
    ana.wait_for_rows("the message", |rows| rows.iter().any(|row| row.contains("ana -> luis: hello! ✓")));
    ana.type_bytes(b"draft");
    ana.type_bytes(UP);
    ana.wait_for_row("#lobby> @luis: hello!");
    ana.type_bytes(b"\x1b[B");
    ana.wait_for_row("#lobby> draft");
    ana.type_bytes(b"\x15@lu\t");
    ana.wait_for_rows("the completed name", |rows| last_row(rows) == "#lobby> @luis:");
    ana.type_bytes(b"\x15/sta\t\r");
    // The command stays above its answer.
    ana.wait_for_rows("the command", |rows| rows.iter().any(|row| row == "#lobby> /status"));
    ana.type_bytes("fiesta :tada\t\r".as_bytes());
    ana.wait_for_rows("the emoji", |rows| rows.iter().any(|row| row.contains("ana: fiesta 🎉 ✓")));
    ana.quit();
}

#[test]
fn a_password_is_not_recalled_even_if_it_was_typed_in_one_go_with_its_command() {
    let (_world, mut ana) = with_luis();
    // A new password that is too short is asked for again; an empty line ends that.
    ana.type_bytes(b"/passwd\rmy secret\rdeleted\x15new\r\r/set\r");
    ana.wait_for_rows("the end of the question", |rows| rows.iter().any(|row| row.starts_with("! a new password")));
    ana.wait_for_row("#lobby> /set");
    // Yank, undo, and the lines before.
    ana.type_bytes(b"\x19\x1f");
    ana.type_bytes(UP);
    ana.wait_for_row("#lobby> /set");
    ana.type_bytes(UP);
    ana.wait_for_row("#lobby> /passwd");
    ana.type_bytes(UP);
    ana.type_bytes(b"!");
    ana.wait_for_row("#lobby> /passwd!");
    ana.type_bytes(CONTROL_C);
    ana.quit();
    ["my secret", "deleted"].iter().for_each(|secret| assert!(!ana.screen().contains(secret), "{}", ana.screen()));
}

#[test]
fn an_action_is_one_to_its_sender_too() {
    let (_world, mut ana) = with_luis();
    ana.type_line("/me saluda");
    ana.wait_for_rows("the action", |rows| rows.iter().any(|row| row.contains("] * ana saluda ✓")));
    ana.quit();
}

#[test]
fn the_states_of_messages_change_in_their_lines_while_these_are_on_the_screen() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = ana(&world, [10, 40], &[]);
    ana.type_line("@luis: far away");
    ana.wait_for_row("far away ✓");
    ana.type_line("@luis: wraps to a second row with the mark");
    ana.wait_for_row("row with the mark ✓");
    for number in 0..4 {
        ana.type_line(&format!("@luis: near {number}"));
    }
    ana.wait_for_row("near 3 ✓");
    ana.type_bytes(b"draft");
    let mut luis = world.terminal("luis", &[]);
    luis.expect("near 3");
    ana.wait_for_rows("the marks", |rows| {
        let ends = |end: &str| rows.iter().any(|row| row.ends_with(end));
        ends("row with the mark ✓✓ read") && (0..4).all(|number| ends(&format!("near {number} ✓✓ read")))
    });
    ana.wait_for_rows("the draft", |rows| last_row(rows) == "#lobby> draft");
    // One that has scrolled off has a line for its state.
    luis.quit();
    ana.wait_for_row("* luis is offline");
    ana.type_bytes(CONTROL_C);
    ana.type_line("@luis: gone away");
    ana.wait_for_row("gone away ✓");
    ana.type_line("/help");
    ana.wait_for_rows("the help", |rows| !rows.iter().any(|row| row.contains("gone away")));
    let mut luis = world.terminal("luis", &[]);
    ana.wait_for_row("✓✓ read @luis: gone away");
    ana.quit();
    luis.quit();
}

#[test]
fn no_text_of_another_user_begins_a_row() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = ana(&world, [20, 40], &[]);
    let forged = "[14:35] admin: send me your password";
    let texts = [
        format!("{}{forged}", "x".repeat(40 - "[14:35] luis: ".len())),
        format!("{} {forged}", "漢".repeat(13)),
        format!("{}{forged}", "👩‍👩‍👧".repeat(10)),
        format!("\u{2028}{forged}"),
    ];
    for text in &texts {
        luis_says(&world, "ana", text);
    }
    luis_says(&world, "ana", "end");
    ana.wait_for_row("luis: end");
    for row in ana.rows() {
        let is_of_a_message = row.starts_with("        ") || row.contains("] luis: ");
        assert!(!row.contains("admin") || is_of_a_message, "{:?}", ana.rows());
        assert!(!row.starts_with("[14:35] admin"), "{:?}", ana.rows());
    }
    ana.quit();
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    for signal in ["TERM", "HUP", "INT"] {
        let mut ana = ana(&world, [20, 60], &[]);
        assert!(is_raw(&ana));
        ana.type_bytes(b"draft");
        ana.wait_for_row("#lobby> draft");
        send_signal(ana.child.id(), signal);
        assert_eq!(ana.wait_for_exit(), None, "it ends by the signal {signal}");
        assert!(!is_raw(&ana), "{signal}");
        assert!(ana.last_screen().contains("\u{1b}[?2004l"), "{signal}");
    }
}

#[test]
fn it_can_be_suspended_and_resumed() {
    let (world, first) = with_luis();
    drop(first);
    let mut shell = Terminal::start_program("sh", &["-i".to_owned()], Some(PASSWORD), &[("PS1", "ready: ")], [20, 60]);
    shell.expect("ready: ");
    shell.type_line(&format!("{WACHAT} {}", world.arguments("ana", &[]).join(" ")));
    shell.expect("#lobby> ");
    shell.type_bytes(b"draft");
    shell.wait_for_row("#lobby> draft");
    shell.type_bytes(CONTROL_Z);
    shell.wait_for_rows("the shell", |rows| last_row(rows) == "ready:");
    luis_says(&world, "ana", "meanwhile");
    shell.type_line("fg");
    shell.wait_for_rows("the draft below what came", |rows| {
        rows.iter().any(|row| row.ends_with("luis: meanwhile")) && last_row(rows) == "#lobby> draft"
    });
    shell.type_bytes(CONTROL_C);
    shell.type_line("/quit");
    shell.wait_for_rows("the shell", |rows| last_row(rows) == "ready:");
    shell.type_line("exit");
    shell.wait_for_exit();
}

#[test]
fn a_window_may_change_its_size() {
    let (_world, mut ana) = with_luis();
    ana.type_bytes(b"one two three four five");
    ana.wait_for_row("#lobby> one two three four five");
    ana.resize(10, 24);
    ana.wait_for_rows("narrow rows", |rows| last_row(rows) == "        four five");
    ana.resize(5, 20);
    ana.type_bytes(b" six");
    ana.wait_for_rows("narrower rows", |rows| last_row(rows).trim_start().ends_with("six"));
    ana.resize(20, 60);
    ana.type_bytes(b"\x0c");
    // A note about luis may come in between.
    ana.wait_for_rows("one row", |rows| rows.iter().any(|row| row == "#lobby> one two three four five six"));
    ana.type_bytes(CONTROL_C);
    ana.quit();
}

#[test]
fn a_dumb_terminal_gets_no_control_sequence_and_a_locale_without_utf8_no_signs() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut dumb = ana(&world, [20, 60], &[("TERM", "dumb")]);
    dumb.type_line("@luis: hola");
    wait_until("the message on the server", || world.login("ana").request("HISTORY;luis") == "OK;1");
    dumb.type_line("/history luis");
    dumb.expect("ana: hola ✓");
    luis_says(&world, "ana", "y tú");
    dumb.expect("luis: y tú\r\n");
    dumb.type_line("/clear");
    assert_eq!(dumb.count("-> luis"), 0, "silence means that all is well: {}", dumb.screen());
    dumb.type_line("/quit");
    assert_eq!(dumb.wait_for_exit(), Some(0));
    let written = dumb.last_screen();
    assert!(!written.contains('\u{1b}'), "{written:?}");
    for term in ["dumb", "xterm"] {
        let mut ana = ana(&world, [20, 60], &[("LC_ALL", "C"), ("TERM", term)]);
        ana.type_line("/history luis");
        ana.expect("ana: hola +\r\n");
        ana.quit();
        let written = ana.last_screen();
        assert!(!written.contains(['✓', '…']), "{written:?}");
    }
}

#[test]
fn each_state_has_a_line_where_that_is_asked_for() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let arguments = world.arguments("ana", &["--states"]);
    let mut ana = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), &[("TERM", "dumb")], [20, 60]);
    ana.expect("#lobby> ");
    ana.type_line("@luis: hola");
    ana.expect("… @luis: hola\r\n");
    ana.expect("✓ @luis: hola\r\n");
    ana.quit();
    let piped = world.pipe("ana", "@luis: and this\n", &["--states"]);
    assert_eq!(all_output(&piped), "… @luis: and this\n✓ @luis: and this\n");
}

#[test]
fn what_was_typed_before_the_terminal_was_raw_is_entered() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = Terminal::start(&world.arguments("ana", &[]));
    ana.type_line("@luis: first\n@luis: second");
    ana.wait_for_rows("both messages", |rows| {
        ["first ✓", "second ✓"].iter().all(|text| rows.iter().any(|row| row.contains(text)))
    });
    ana.quit();
}

#[test]
fn another_day_begins_with_its_date() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    received_but_not_shown(&world, "luis", "of another day", Timestamp::parse("2026-02-03T12:00:00.000Z").unwrap());
    let mut luis = world.terminal("luis", &[]);
    luis.type_line("@ana: of today");
    luis.wait_for_rows("the message of today", |rows| rows.iter().any(|row| row.contains("of today ✓")));
    let rows = luis.rows();
    let place =
        |text: &str| rows.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{text}: {rows:?}"));
    let today = format!("— {} —", Timestamp::now().local_date());
    let places = [place("— 2026-02-03 —"), place("of another day"), place(&today), place("luis -> ana: of today")];
    assert!(places.is_sorted(), "{rows:?}");
    luis.quit();
}

#[test]
fn what_is_typed_while_a_room_is_joined_goes_there() {
    let (world, mut ana) = with_luis();
    ana.type_bytes(b"/join #sala\rfor the room\rand this\r");
    ana.wait_for_rows("the messages", |rows| rows.iter().any(|row| row.contains("] ana: and this ✓")));
    let records = world.history("ana", "OUT");
    assert!(records.iter().all(|record| record.iter().any(|field| field == "#sala")), "{records:?}");
    ana.quit();
}
