//! Coming in: the first password, a wrong one, a name that is free, a server that is away.

use std::process::{Command, Stdio};

use crate::support::clients::{all_output, exit_code};
use crate::support::{NO_SETTINGS, PASSWORD, Terminal, WACHAT, World};

/// A client of ana that is given no password.
fn asked(world: &World) -> Terminal {
    Terminal::start_with_password(&world.arguments("ana", &[]), None)
}

/// Answers a prompt that has come this many times, once what is typed is not shown.
fn answer(terminal: &Terminal, prompt: &str, times: usize, line: &str) {
    terminal.expect_times(prompt, times);
    terminal.wait_until_hidden();
    terminal.type_line(line);
}

#[test]
fn a_new_user_reads_the_rules_and_types_the_password_twice() {
    let world = World::new(&[]);
    let mut ana = asked(&world);
    ana.expect("has no user ana. A user name cannot be changed later; a password has at least 8 characters");
    ana.expect("New here? Create the account ana [y/N] ");
    ana.type_line("y");
    answer(&ana, "new password of ana: ", 1, "short");
    ana.expect("a new password has at least 8 characters");
    answer(&ana, "new password of ana: ", 2, PASSWORD);
    answer(&ana, "and again: ", 1, "another than that");
    ana.expect("the two differ");
    answer(&ana, "new password of ana: ", 3, PASSWORD);
    answer(&ana, "and again: ", 2, PASSWORD);
    ana.expect("connected to");
    assert!(!ana.screen().contains(PASSWORD), "{}", ana.screen());
    ana.quit();
    // The next time it is known here.
    let mut ana = asked(&world);
    answer(&ana, "password of ana: ", 1, PASSWORD);
    ana.expect("connected to");
    ana.quit();
}

#[test]
fn a_user_who_does_not_want_an_account_gets_none() {
    let world = World::new(&[]);
    let mut ana = asked(&world);
    ana.expect("[y/N] ");
    ana.type_line("");
    assert_eq!(ana.wait_for_exit(), Some(3));
    ana.expect("no account was created");
    // A name whose account was asked about is still free.
    world.register("ana");
}

#[test]
fn a_wrong_password_is_asked_for_again_and_a_taken_name_is_not_offered() {
    let world = World::new(&[]);
    world.register("ana");
    let mut ana = asked(&world);
    answer(&ana, "password of ana: ", 1, "not the password");
    ana.expect("that is not the password of ana");
    answer(&ana, "password of ana: ", 2, PASSWORD);
    ana.expect("connected to");
    ana.quit();
    let mut ana = asked(&world);
    for times in 1..=3 {
        answer(&ana, "password of ana: ", times, "not the password");
    }
    assert_eq!(ana.wait_for_exit(), Some(3));
    let screen = ana.last_screen();
    assert_eq!((screen.matches("that is not the password").count(), screen.matches("[y/N]").count()), (3, 0));
}

#[test]
fn where_registration_is_closed_it_is_said_and_no_name_is_told() {
    let world = World::new(&["--registration", "closed"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("there is no user ana, or not with this password; the administrator of the server creates the accounts");
    assert_eq!(ana.wait_for_exit(), Some(3));
}

#[test]
fn without_user_it_is_the_one_of_the_system() {
    let world = World::new(&[]);
    let connect = |user: Option<&str>| {
        let arguments = world.arguments("removed", &["--register"]);
        let arguments = arguments.iter().filter(|argument| !["--user", "removed"].contains(&argument.as_str()));
        let mut command = Command::new(WACHAT);
        command.args(arguments).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C");
        match user {
            Some(user) => command.env("USER", user),
            None => command.env_remove("USER"),
        };
        command.stdin(Stdio::null()).output().unwrap()
    };
    assert_eq!(exit_code(&connect(Some("ana"))), 0);
    world.login("ana");
    for (user, why) in [
        (Some("a/b"), "USER is a/b, which is no user name here: give --user NAME; a name is 1 to 32"),
        (None, "no user name: give --user NAME"),
    ] {
        let output = connect(user);
        assert!(exit_code(&output) == 2 && all_output(&output).contains(why), "{}", all_output(&output));
    }
    let output = world.pipe("a/b", "", &[]);
    assert!(all_output(&output).contains("--user a/b is no user name: a name is 1 to 32"), "{}", all_output(&output));
}

#[test]
fn help_has_examples_and_a_server_that_is_away_a_hint() {
    let output = Command::new(WACHAT).args(["connect", "--help"]).env("WACHAT_CONFIG", NO_SETTINGS).output().unwrap();
    assert!(all_output(&output).contains("\n    wachat connect --user ana\n"), "{}", all_output(&output));
    let mut world = World::new(&[]);
    world.kill();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("the server is away");
    ana.expect(
        "is the server running? wachat serve starts one here; --server, --send-port and --recv-port name another",
    );
    ana.quit();
}

#[test]
fn the_current_chat_of_a_pipe_is_the_lobby() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let output = world.pipe("ana", "to all\n  \n\nexit\n", &[]);
    assert_eq!((exit_code(&output), all_output(&output)), (0, String::new()));
    assert_eq!(world.login("ana").list("HISTORY;#lobby").len(), 2, "a script is asked nothing");
}
