//! The lessons: each promise is kept by our server, its flaw is seen on the other one, and nothing is left behind.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::course::assert_in_order;
use crate::support::{Terminal, WACHAT, send_signal, wait_until};

#[test]
fn without_a_lesson_the_lessons_are_listed_a_line_each() {
    let page = include_str!("../../src/course/demo.md");
    let shown = page.split("$ wachat demo\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a list");
    for arguments in [&["demo"][..], &["demo", "--list"]] {
        let output = Command::new(WACHAT).args(arguments).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), shown);
    }
    let names: Vec<_> = shown.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["durability", "order", "retry", "backpressure"]);
    let output = Command::new(WACHAT).args(["demo", "retry", "--list"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "one or the other");
}

/// A command whose temporary files are in this directory.
fn command(lesson: &str, directory: &Path) -> Command {
    let mut command = Command::new(WACHAT);
    command.args(["demo", lesson]).env("TMPDIR", directory).stdin(Stdio::null());
    // Settings of a person do not reach the servers of a lesson.
    command.env("WACHAT_CONFIG", "/dev/null").env("WACHAT_REGISTRATION", "closed");
    command
}

fn play(lesson: &str) -> String {
    let directory = TempDir::new().expect("a directory");
    let output: Output = command(lesson, directory.path()).args(["--pace", "0"]).output().expect("it runs");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert_nothing_is_left(directory.path());
    shown
}

fn assert_nothing_is_left(directory: &Path) {
    let left: Vec<_> = directory.read_dir().expect("a directory").collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(processes(directory).is_empty(), "{:?}", processes(directory));
}

/// Returns the processes whose command line names this directory.
fn processes(directory: &Path) -> Vec<String> {
    let entries = Path::new("/proc").read_dir().expect("Linux has it").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&directory.display().to_string())).collect()
}

#[test]
fn durability_without_it_loses_a_message_that_was_answered() {
    let shown = play("durability");
    let texts = [
        "● the server syncs",
        "✗ kill -9",
        "luis < 1 MSG m-1",
        "✓ luis has",
        "✗ kill -9",
        "luis < OK 0",
        "✗ the message is lost",
    ];
    assert_in_order(&shown, &texts);
    assert_eq!(shown.matches("the server syncs its log").count(), 1, "{shown}");
}

#[test]
fn order_without_it_tells_two_stories() {
    assert_in_order(
        &play("order"),
        &["luis < 1 MSG m-1", "luis < 3 MSG m-3", "✓ both", "luis < 3 MSG m-3", "luis < 1 MSG m-1", "✗ ana and luis"],
    );
}

/// ana's connection is idle for longer than servers wait by themselves.
#[test]
fn a_lesson_that_is_played_slowly_keeps_its_connections() {
    let directory = TempDir::new().expect("a directory");
    let mut command = command("order", directory.path());
    let mut child = command.args(["--pace", "0.8"]).stdout(Stdio::piped()).spawn().expect("it runs");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let verdict = lines.into_iter().find(|line| line.starts_with(['✓', '✗']));
    send_signal(child.id(), "INT");
    child.wait().expect("its end");
    assert!(verdict.as_ref().is_some_and(|line| line.starts_with("✓ both")), "{verdict:?}");
}

#[test]
fn retry_without_it_stores_a_message_twice() {
    let shown = play("retry");
    let page = include_str!("../../src/course/demo.md");
    let session =
        page.split("$ wachat demo retry\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a session");
    assert!(shown.trim_start().starts_with(session), "{shown}");
    assert_in_order(
        &shown,
        &["✗ the network loses", "OK m-1 RECEIVED 1", "✓ one message", "OK m-1 RECEIVED 2", "✗ luis has it 2 times"],
    );
}

#[test]
fn backpressure_without_it_lets_one_client_stop_the_others() {
    assert_in_order(
        &play("backpressure"),
        &["reads no reply", "ana  < OK ana", "✓ ana has her answer", "ana waits", "✗ ana has no answer"],
    );
}

#[test]
fn an_interrupted_lesson_leaves_nothing_behind() {
    let directory = TempDir::new().expect("a directory");
    let mut child =
        command("order", directory.path()).args(["--pace", "0.5"]).stdout(Stdio::null()).spawn().expect("it runs");
    wait_until("a server to be started", || !processes(directory.path()).is_empty());
    let begin = Instant::now();
    send_signal(child.id(), "INT");
    assert!(!child.wait().expect("its end").success());
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_nothing_is_left(directory.path());
}

#[test]
fn ctrl_c_ends_a_lesson_that_waits_for_enter() {
    let directory = TempDir::new().expect("a directory");
    let place = directory.path().display().to_string();
    let arguments = ["demo", "retry", "--step"].map(str::to_owned);
    let variables = [("TMPDIR", place.as_str()), ("WACHAT_CONFIG", "/dev/null")];
    let mut terminal = Terminal::start_in(&arguments, None, &variables);
    terminal.expect("the network loses the OK");
    terminal.type_bytes(b"\r");
    terminal.expect("So the client");
    terminal.type_bytes(&[3]);
    assert_eq!(terminal.wait_for_exit(), Some(1));
    assert_nothing_is_left(directory.path());
}
