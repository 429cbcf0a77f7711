//! The lessons: each promise is kept by our server, its flaw is seen on the other one, and nothing is left behind.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::course::assert_in_order;
use crate::support::cluster::turns::Turn;
use crate::support::{Terminal, WACHAT, etcd, send_signal, wait_until};

/// Returns what the page shows of a lesson; without one: the list.
fn session(lesson: &str) -> &'static str {
    let page = include_str!("../../src/course/demo.md");
    let command = format!("$ wachat demo {lesson}");
    let after = page.split_once(&format!("{}\n", command.trim_end())).expect("a session").1;
    after.split("```").next().expect("its output")
}

#[test]
fn without_a_lesson_the_lessons_are_listed_a_line_each() {
    let shown = session("");
    for arguments in [&["demo"][..], &["demo", "--list"]] {
        let output = Command::new(WACHAT).args(arguments).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), shown);
    }
    let names: Vec<_> = shown.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["durability", "order", "retry", "backpressure", "cluster"]);
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
    assert!(shown.trim_start().starts_with(session("retry")), "{shown}");
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
fn cluster_loses_nothing_with_its_leader_and_one_server_alone_answers_nobody() {
    if !etcd::is_installed() {
        return;
    }
    let _turn = Turn::take();
    let shown = play("cluster");
    let texts = [
        "│ s1 leads ● | s2 stands by ○ | s3 stands by ○",
        "ana  < OK m-1 RECEIVED",
        "luis → s1: OK",
        "MSG m-1 ana luis",
        "ana  < OK m-2 RECEIVED",
        "✗ kill -9 s1",
        "│ s1 away ✗ | s2 ",
        "ana  > SEND m-3",
        "ana  ✗ no answer",
        "ana  → s1: ✗ no connection",
        "ana  → s2: KO SHUTDOWN",
        ": OK",
        "ana  > SEND m-3",
        "ana  < OK m-3 RECEIVED",
        "● the next OK, ",
        "│ s1 away ✗ | s",
        " leads ●",
        "ana  > SEND m-2",
        "luis < OK 2",
        "MSG m-2 ana luis",
        "MSG m-3 ana luis",
        "✓ s",
        "✗ kill -9",
        "ana  → no connection",
        "ana  < OK m-3 RECEIVED",
        "luis < OK 3",
        "✗ nothing is lost, but",
    ];
    assert_in_order(&shown, &texts);
    let session = session("cluster");
    let (until_the_kill, _) = session.split_once("ana writes on").expect("what comes after the kill");
    assert!(shown.trim_start().starts_with(until_the_kill), "{shown}");
    let (ours, _) = shown.split_once("✓ s").expect("a verdict");
    let replies: Vec<_> = ours.split('\n').filter_map(|row| row.split_once("│ ana  < OK m-2 ")).collect();
    assert!(replies.len() == 2 && replies[0].1 == replies[1].1, "the retry has the same answer: {shown}");
}

#[test]
fn without_etcd_the_lesson_about_a_cluster_says_what_is_missing() {
    let directory = TempDir::new().expect("a directory");
    let run =
        |words: &[&str]| Command::new(WACHAT).args(words).env("PATH", directory.path()).output().expect("it runs");
    let output = run(&["demo", "cluster", "--pace", "0"]);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!((output.status.code(), output.stdout, said.lines().count()), (Some(1), Vec::new(), 1), "{said}");
    assert!(said.contains("etcd") && said.contains("apt install etcd-server"), "{said}");
    let list = String::from_utf8(run(&["demo"]).stdout).expect("UTF-8");
    assert!(list.lines().any(|line| line.starts_with("cluster ")), "{list}");
}

#[test]
fn an_interrupted_lesson_about_a_cluster_leaves_nothing_behind() {
    if !etcd::is_installed() {
        return;
    }
    let _turn = Turn::take();
    // In the start of etcd; while all three members and all three servers run.
    for started in [1, 6] {
        let directory = TempDir::new().expect("a directory");
        let mut command = command("cluster", directory.path());
        let mut child = command.args(["--pace", "0.5"]).stdout(Stdio::null()).spawn().expect("it runs");
        wait_until("processes to be started", || processes(directory.path()).len() >= started);
        send_signal(child.id(), "INT");
        assert_eq!(child.wait().expect("its end").code(), Some(1));
        assert_nothing_is_left(directory.path());
    }
}

/// The terminal sends SIGINT to etcd, too.
#[test]
fn ctrl_c_in_a_lesson_about_a_cluster_is_no_failure_of_etcd() {
    if !etcd::is_installed() {
        return;
    }
    let _turn = Turn::take();
    let directory = TempDir::new().expect("a directory");
    let place = directory.path().display().to_string();
    let arguments = ["demo", "cluster", "--pace", "0"].map(str::to_owned);
    let mut terminal =
        Terminal::start_in(&arguments, None, &[("TMPDIR", place.as_str()), ("WACHAT_CONFIG", "/dev/null")]);
    wait_until("etcd to be started", || !processes(directory.path()).is_empty());
    terminal.type_bytes(&[3]);
    terminal.expect("wachat: interrupted");
    assert_eq!(terminal.wait_for_exit(), Some(1));
    assert_nothing_is_left(directory.path());
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
