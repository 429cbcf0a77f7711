//! The protocol, spoken line by line: what is sent, what comes, and the sentence that each reply follows.

use std::io::Write as _;
use std::process::{Command, Stdio};

use wachat::course::talk::clause;
use wachat::protocol::Code;
use wachat::protocol::exchange::Verb;

use crate::support::{PASSWORD, WACHAT, World};

/// Runs the program with these lines as its input; returns what it prints.
fn talk(world: &World, more: &[&str], lines: &str) -> String {
    let ports = [format!("--send-port={}", world.send_port), format!("--recv-port={}", world.recv_port)];
    let mut command = Command::new(WACHAT);
    command.arg("talk").args(ports).args(more).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", "/dev/null");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn the_page_shows_what_is_said() {
    let page = include_str!("../../src/course/talk.md");
    let shown = page.split("$ wachat talk\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let typed: String =
        shown.lines().filter_map(|line| line.strip_prefix("> ")).map(|line| format!("{line}\n")).collect();
    let said = talk(&World::without_lobby(), &[], &typed);
    let time = regex_lite::Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    let normal = |text: &str| time.replace_all(text, "TIME").into_owned();
    let expected: String =
        shown.lines().filter(|line| !line.starts_with("> ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(normal(&said), normal(&expected));
}

#[test]
fn the_password_is_not_shown_and_records_of_a_list_need_no_sentence() {
    let world = World::without_lobby();
    world.register("ana").request("SEND;m-1;ana;hola");
    let said = talk(&world, &["recv", "--user", "ana"], "POLL;0;0\nPOLL;1;0\nNOTHING\n");
    assert!(said.starts_with("C: LOGIN:ana:***\nS: OK;ana;wachat/1;0;") && !said.contains(PASSWORD), "{said}");
    assert_eq!(said.matches("section 6: POLL acknowledges all events").count(), 2, "{said}");
    assert!(said.contains("S: 1;MSG;m-1;ana;ana;") && said.contains("SYNTAX: not a request of this port"), "{said}");
}

#[test]
fn a_key_is_not_shown() {
    let world = World::without_lobby();
    world.register("ana");
    let said = talk(&world, &["recv"], &format!("DEVICE:lab:ana:{PASSWORD}\nKEY\nDEVICES\n"));
    assert!(said.contains("S: OK;***\n   section 6: KEY asks for a key of the session's device"), "{said}");
    let refused = talk(&world, &["recv"], &format!("KEY:lab:ana:{}\n", "x".repeat(43)));
    assert!(refused.contains("section 3: AUTH: no such user, no such device, or a wrong key"), "{refused}");
}

#[test]
fn every_request_and_every_code_has_its_sentence() {
    for verb in
        ["SEND", "READ", "STATUS", "HISTORY", "CHATS", "USERS", "JOIN", "LEAVE", "ROOMS", "MEMBERS", "PEER", "PERMIT"]
    {
        assert!(
            clause(Verb::of(verb.as_bytes()), "OK").is_some_and(|clause| clause.starts_with("section 5: ")),
            "{verb}"
        );
    }
    for verb in [
        "PASSWD", "SESSIONS", "LOGOUT", "EMAIL", "PING", "HELP", "QUIT", "POLL", "PORT", "LOGIN", "REGISTER",
        "DEVICES", "SERVERS", "KEY", "KEY:",
    ] {
        assert!(clause(Verb::of(verb.as_bytes()), "OK").is_some(), "{verb}");
    }
    for code in Code::all() {
        let meaning = [&b"SEND"[..], b"LOGIN"].iter().find_map(|verb| clause(Verb::of(verb), &format!("KO;{code};x")));
        assert!(meaning.is_some(), "{code}");
    }
}

#[test]
fn it_ends_when_the_server_closes_and_waits_for_no_other_line() {
    let world = World::without_lobby();
    let ports = [format!("--send-port={}", world.send_port), format!("--recv-port={}", world.recv_port)];
    let mut command = Command::new(WACHAT);
    command.arg("talk").args(ports).env("WACHAT_CONFIG", "/dev/null");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"QUIT\n").unwrap();
    // Its input stays open.
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("the server has closed the connection"), "{said}");
    drop(input);
}
