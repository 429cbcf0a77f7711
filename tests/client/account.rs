//! `/passwd`, `/email` and `/set` at real terminals.

use std::fs;
use std::path::Path;

use crate::support::{Connection, PASSWORD, Terminal, World};

pub const NEW: &str = "otra palabra larga";

/// Types the three passwords that `/passwd` asks for.
pub fn change(terminal: &Terminal, passwords: [&str; 3]) {
    terminal.type_line("/passwd");
    for (prompt, password) in ["current password: ", "new password: ", "and again: "].into_iter().zip(passwords) {
        wait_for_question(terminal, prompt);
        terminal.type_line(password);
    }
}

/// Waits until the last line asks this, and nothing is typed there.
fn wait_for_question(terminal: &Terminal, prompt: &str) {
    terminal.wait_for_rows(prompt, |rows| {
        rows.iter().rfind(|row| !row.is_empty()).is_some_and(|row| row == prompt.trim_end())
    });
}

/// Checks that no file below a directory has this text in it.
pub fn assert_nowhere(directory: &Path, text: &str) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            assert_nowhere(&entry.path(), text);
        } else {
            let content = fs::read(entry.path()).unwrap();
            assert!(!String::from_utf8_lossy(&content).contains(text), "{}", entry.path().display());
        }
    }
}

#[test]
fn a_changed_password_is_not_shown_and_the_client_goes_on_with_it() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = world.terminal("ana", &[]);
    let mut luis = world.terminal("luis", &[]);
    ana.expect("#lobby> ");
    luis.expect("#lobby> ");
    change(&ana, [PASSWORD, NEW, NEW]);
    ana.expect("* the password is changed, and your other sessions have ended");
    // Both connections are made anew with it.
    luis.type_line("@ana: hola");
    ana.expect("luis: hola");
    ana.type_line("@luis: y tú");
    ana.expect_tick("✓✓ read", "@luis: y tú");
    let (reply, _) = Connection::open_with(world.send, &format!("LOGIN:ana:{NEW}"));
    assert_eq!(reply, "OK;ana;wachat/1");
    change(&ana, [PASSWORD, "a third password", "a third password"]);
    ana.expect("! that is not your current password; it stays as it is");
    ana.type_line("/passwd");
    wait_for_question(&ana, "current password:");
    ana.type_line("");
    ana.expect("* the password stays as it is");
    ana.type_line("/users");
    ana.expect("luis online");
    ana.quit();
    luis.quit();
    for secret in [PASSWORD, NEW, "a third password"] {
        assert!(!ana.screen().contains(secret), "{secret}: {}", ana.screen());
    }
    assert_nowhere(&world.path("home"), NEW);
}

#[test]
fn a_new_password_is_checked_before_it_is_sent() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("#lobby> ");
    change(&ana, [PASSWORD, NEW, "otra palabra corta"]);
    ana.expect("! the two differ; nothing was changed");
    ana.expect_times("new password: ", 2);
    ana.wait_until_hidden();
    // The confirmation is typed ahead.
    ana.type_line("short\\\nshort\\");
    ana.expect_times("! a new password has at least 8 characters", 2);
    ana.type_line("");
    ana.expect("* the password stays as it is");
    ana.quit();
    assert!(!ana.screen().contains("short"), "{}", ana.screen());
    world.login("ana");
}

#[test]
fn the_address_is_set_and_removed() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("#lobby> ");
    ana.type_line("/email ana@example.org");
    ana.expect("* the server has your e-mail address: ana@example.org");
    ana.type_line("/email none");
    ana.expect("* the server has no e-mail address of yours any more");
    ana.quit();
}

#[test]
fn quiet_hides_who_comes_and_goes_and_is_kept() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("#lobby> ");
    ana.type_line("/set");
    ana.expect("quiet: off\r\n");
    ana.type_line("/set quiet on");
    ana.expect("quiet: on\r\n");
    ana.quit();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("#lobby> ");
    ana.type_line("/set");
    ana.expect("quiet: on\r\n");
    world.register_session("luis").request("PING");
    let mut luis = world.session("luis");
    assert_eq!(world.login("luis").request("SEND;m-1;ana;hola").split(';').next(), Some("OK"));
    ana.expect("luis: hola");
    luis.poll(0, 0);
    assert_eq!(ana.count("luis joined") + ana.count("luis is online"), 0, "{}", ana.screen());
    ana.quit();
}
