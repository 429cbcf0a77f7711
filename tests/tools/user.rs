//! `wachat user`, the administrator's commands, through the real binary.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Connection, PASSWORD, World};
use tempfile::TempDir;

/// Runs `wachat user` with a password in its environment.
fn user(data: &Path, arguments: &[&str], password: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(crate::support::WACHAT);
    command.arg("user").args(arguments).arg("--data").arg(data).env("WACHAT_PASSWORD", password);
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// The answer to a login, up to its text.
fn login(world: &World, name: &str, password: &str) -> String {
    let answer = Connection::open(world.send).request(&format!("LOGIN:{name}:{password}"));
    answer.split(';').take(2).collect::<Vec<_>>().join(";")
}

#[test]
fn accounts_are_made_changed_listed_and_closed_while_no_server_runs() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    assert_eq!(user(&data, &["add", "Ana"], PASSWORD), (Some(0), String::new(), String::new()));
    assert_eq!(user(&data, &["add", "luis"], PASSWORD).0, Some(0));
    let (code, _, why) = user(&data, &["add", "1uis"], PASSWORD);
    assert!(code == Some(1) && why.contains("luis"), "a name that looks like another one: {code:?} {why}");
    let (code, _, why) = user(&data, &["add", "Admin"], PASSWORD);
    assert!(code == Some(1) && why.contains("no new account is called admin"), "a reserved name: {code:?} {why}");
    assert!(user(&data, &["add", "--help"], PASSWORD).1.contains("looks like the name of another account is refused"));
    assert_eq!(user(&data, &["passwd", "luis"], "otra palabra").0, Some(0));
    let log = fs::read_dir(data.join("wal")).expect("a log").map(|file| fs::read(file.expect("a file").path()));
    let log = String::from_utf8(log.collect::<Result<Vec<_>, _>>().expect("to read").concat()).expect("UTF-8");
    assert_eq!(log.matches("$argon2id$v=19$m=19456,t=2,p=1$").count(), 3, "{log}");

    let mut world = World::in_directory(directory, &["--registration", "closed"]);
    assert_eq!(login(&world, "ana", PASSWORD), "OK;Ana");
    assert_eq!(login(&world, "luis", "otra palabra"), "OK;luis");
    assert_eq!(login(&world, "luis", PASSWORD), "KO;AUTH");
    let mut ana = Connection::open(world.send);
    ana.request(&format!("LOGIN:ana:{PASSWORD}"));
    assert_eq!(ana.request("EMAIL;ana@example.org"), "OK");
    assert!(ana.request("SEND;1;luis;para luis").starts_with("OK;1;RECEIVED;"));

    world.kill();
    assert_eq!(user(&data, &["remove", "LUIS"], PASSWORD).0, Some(0));
    let (code, list, _) = user(&data, &["list"], PASSWORD);
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split(';').collect()).collect();
    assert_eq!((code, rows.len()), (Some(0), 3), "{list}");
    assert_eq!(rows[0], ["name", "email", "created_at", "last_seen", "removed_at"]);
    assert_eq!((rows[1][0], rows[1][1], rows[1][4]), ("Ana", "ana@example.org", ""));
    assert!(rows[2][0] == "luis" && rows[2][4].ends_with('Z'), "{list}");

    world.start();
    assert_eq!(login(&world, "luis", "otra palabra"), "KO;AUTH");
    let mut ana = Connection::open(world.send);
    ana.request(&format!("LOGIN:ana:{PASSWORD}"));
    assert!(ana.request("SEND;2;luis;hola").starts_with("KO;NO_USER;"));
    assert_eq!(ana.list("USERS").len(), 1);
    assert_eq!(ana.list("HISTORY;luis").len(), 1, "what was said stays");
}

#[test]
fn a_removed_name_stays_taken_and_its_mail_unread() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let mut world = World::in_directory(directory, &[]);
    let mut ana = world.register("ana");
    world.register("luis");
    assert!(ana.request("SEND;1;luis;secreto").starts_with("OK;1;RECEIVED;"));
    world.stop();
    assert_eq!(user(&data, &["remove", "luis"], PASSWORD).0, Some(0));

    let (code, _, said) = user(&data, &["add", "luis"], PASSWORD);
    assert_eq!(code, Some(1));
    assert!(said.contains("taken"), "{said}");
    for (command, name) in [("remove", "luis"), ("passwd", "luis"), ("passwd", "nadie"), ("remove", "nadie")] {
        let (code, _, said) = user(&data, &[command, name], PASSWORD);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{command} {name}: {said}");
    }
    world.start();
    let answer = Connection::open(world.send).request(&format!("REGISTER:luis:{PASSWORD}"));
    assert!(answer.starts_with("KO;EXISTS;"), "{answer}");
    // Also after a clean stop, from the checkpoint.
    world.stop();
    world.start();
    assert_eq!(login(&world, "luis", PASSWORD), "KO;AUTH");
}

#[test]
fn an_impossible_request_is_refused_in_one_line() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    for arguments in [&["list"][..], &["passwd", "ana"], &["remove", "ana"]] {
        let (code, _, said) = user(&data, arguments, PASSWORD);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{arguments:?}: {said}");
        assert!(said.contains("there is no store"), "{said}");
    }
    for (name, password) in [("a/b", PASSWORD), ("..", PASSWORD), ("ana", "corta"), ("ana-maria", "Ana-Maria")] {
        let (code, _, said) = user(&data, &["add", name], password);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{name}: {said}");
    }
}

/// The server remembers the passwords that it has verified; what the administrator changes holds all the same.
#[test]
fn a_password_that_was_verified_before_ends_with_its_account() {
    let world = World::without_lobby();
    for name in ["ana", "luis"] {
        world.register(name);
        assert_eq!(login(&world, name, PASSWORD), format!("OK;{name}"));
    }
    world.administer(&["user", "remove", "ana"]);
    assert_eq!(login(&world, "ana", PASSWORD), "KO;AUTH");
    assert_eq!(login(&world, "luis", PASSWORD), "OK;luis");
}
