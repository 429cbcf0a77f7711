//! Files that are no traces, or more than a trace should be.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::conversation::conversation;
use super::{shown, trace};
use crate::support::clients::{all_output, exit_code};
use crate::support::{NO_SETTINGS, WACHAT};

#[test]
fn files_that_are_no_traces_are_refused() {
    let directory = TempDir::new().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(path("noise"), noise).expect("to write");
    fs::write(path("empty"), "").expect("to write");
    fs::write(path("csv"), "name;email\nana;ana@example.org\n").expect("to write");
    fs::write(path("newer"), "2026-11-23T01:53:20.116Z;server;START;;;;;1;wachat-trace/2\n").expect("to write");
    for (name, why) in [
        ("noise", "no entry of a trace"),
        ("empty", "no entry of a trace"),
        ("csv", "no entry of a trace"),
        ("newer", "wachat-trace/2 is not known here"),
        (".", "directory"),
        ("missing", "No such file"),
        ("/dev/zero", "a line of more than 64 MiB"),
    ] {
        let output = trace(&[&path(name)], &[]);
        let said = all_output(&output);
        assert_eq!((exit_code(&output), said.lines().count()), (1, 1), "{name}: {said}");
        assert!(said.contains(why) && said.contains(path(name).to_str().expect("a path")), "{name}: {said}");
    }
}

#[test]
fn half_a_line_and_garbage_are_left_out_with_a_note() {
    let talk = conversation();
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("server.csv");
    let text = fs::read_to_string(&talk.server).expect("a trace");
    let (start, rest) = text.split_once('\n').expect("lines");
    fs::write(&file, format!("{start}\n\u{1b}[2J;garbage\nIN;no entry\n{rest}2026-11-23T01:53:20.116Z;serv"))
        .expect("to write");
    let (shown_text, notes) = shown(&[&file], &[]);
    assert!(notes.contains("3 lines are no entries of a trace, and left out; the first is line 2"), "{notes}");
    assert_eq!(shown_text, shown(&[&talk.server], &[]).0);
}

/// A process may be killed at any byte of a line: up to its line feed the line is no entry.
#[test]
fn a_trace_that_ends_at_any_byte_of_its_last_line_is_that_without_it() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("cut.csv");
    let at = "2026-11-23T01:53:20.116Z;server";
    let whole = format!("{at};START;;;;;1;wachat-trace/1\n{at};IN;SEND;127.0.0.1:1666;127.0.0.1:50000;ana;11;PING\n");
    let last = format!("{at};IN;SEND;127.0.0.1:1666;127.0.0.1:50000;ana;12;\"SEND;m-1;luis;hola\"\n");
    fs::write(&file, &whole).expect("to write");
    let (without, none) = shown(&[&file], &[]);
    assert_eq!(none, "");
    for end in 1..=last.len() {
        fs::write(&file, format!("{whole}{}", &last[..end])).expect("to write");
        let (text, notes) = shown(&[&file], &[]);
        if end == last.len() {
            assert!(notes.is_empty() && text != without, "{notes}{text}");
        } else {
            assert_eq!(text, without, "a line of which {end} bytes are there is taken for whole");
            assert!(
                notes.contains("1 line is no entry of a trace, and left out; the first is line 3"),
                "{end}: {notes}"
            );
        }
    }
}

#[test]
fn a_trace_of_100_mb_takes_a_bounded_memory() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("large.csv");
    let mut text = "2026-11-23T01:53:20.116Z;server;START;;;;;1;wachat-trace/1\n".to_owned();
    let filling = "x".repeat(900);
    for number in 1..=105_000 {
        let line = format!("SEND;m-{number};luis;{filling}");
        let head = "2026-11-23T01:53:20.116Z;server;IN;SEND;127.0.0.1:1666;127.0.0.1:50000;ana";
        writeln!(text, "{head};{number};\"{line}\"").expect("to write");
    }
    assert!(text.len() > 100 << 20, "{}", text.len());
    fs::write(&file, text).expect("to write");
    for form in ["table", "diagram", "shiviz"] {
        let mut command = Command::new("sh");
        command.arg("-c").arg("ulimit -v 800000 && exec \"$0\" trace \"$1\" --as \"$2\" --out \"$1.$2\"");
        command.arg(WACHAT).arg(&file).arg(form).env("WACHAT_CONFIG", NO_SETTINGS);
        let output = command.output().expect("a shell");
        let said = all_output(&output);
        assert_eq!(exit_code(&output), 0, "{form}: {said}");
        assert!(said.contains("the rest is not read: at most 100000 entries or 64 MiB"), "{said}");
        assert_eq!(said.contains("only the first 5000 of"), form == "diagram", "{said}");
    }
}

#[test]
fn a_trace_of_many_processes_is_read_in_time_that_grows_with_it() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("many.csv");
    let mut text = String::new();
    for number in 0..99_000 {
        writeln!(text, "2026-11-23T01:53:20.116Z;client:u{number};START;;;;;{number};wachat-trace/1")
            .expect("to write");
    }
    fs::write(&file, text).expect("to write");
    for form in ["table", "shiviz"] {
        let mut command = Command::new("sh");
        // Bounded processor time, in seconds: to look for each name among all would take longer by far.
        command.arg("-c").arg("ulimit -t 10 && exec \"$0\" trace \"$1\" --as \"$2\" --out \"$1.$2\"");
        command.arg(WACHAT).arg(&file).arg(form).env("WACHAT_CONFIG", NO_SETTINGS);
        let output = command.output().expect("a shell");
        assert_eq!(exit_code(&output), 0, "{form}: {}", all_output(&output));
    }
}

/// Each vector clock has a number for each process before it: many processes that talk to a server have very long ones.
#[test]
fn the_vector_clocks_of_many_processes_take_a_bounded_memory() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("talk.csv");
    let at = "2026-11-23T01:53:20.116Z";
    let mut text = format!("{at};server;START;;;;;1;wachat-trace/1\n");
    for number in 0..16_000 {
        let client = format!("client:u{number}");
        let port = 20_000 + number;
        let there = format!("SEND;127.0.0.1:{port};127.0.0.1:1666;u{number};1");
        let back = format!("SEND;127.0.0.1:1666;127.0.0.1:{port};u{number};1");
        writeln!(text, "{at};{client};START;;;;;1;wachat-trace/1").expect("to write");
        writeln!(text, "{at};{client};OUT;{there};PING\n{at};server;IN;{back};PING").expect("to write");
        writeln!(text, "{at};server;OUT;{back};OK\n{at};{client};IN;{there};OK").expect("to write");
    }
    fs::write(&file, text).expect("to write");
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -v 800000 && exec \"$0\" trace \"$1\" --as shiviz --out \"$1.shiviz\"");
    let output = command.arg(WACHAT).arg(&file).env("WACHAT_CONFIG", NO_SETTINGS).output().expect("a shell");
    let said = all_output(&output);
    assert!(exit_code(&output) == 0 && said.contains("steps are in the log: --user or --message"), "{said}");
}

#[test]
fn names_and_texts_are_escaped_in_a_shiviz_log() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("names.csv");
    let names = ["client:<img src=x onerror=alert(1)>", "client:a b", "client:a_b", "client:\u{2028}{", "client:'"];
    let mut text = String::new();
    for (number, name) in names.iter().enumerate() {
        let at = "2026-11-23T01:53:20.116Z";
        writeln!(text, "{at};{name};START;;;;;{number};wachat-trace/1").expect("to write");
        let link = format!("SEND;127.0.0.1:{};127.0.0.1:1666", 50_000 + number);
        writeln!(text, "{at};{name};OUT;{link};ana;1;PING<script>x</script>\u{2028}{{\"a\":1}}").expect("to write");
    }
    fs::write(&file, text).expect("to write");
    let (shown, _) = shown(&[&file], &["--as", "shiviz"]);
    assert!(!shown.split_once("\n\n").expect("the expression").1.contains(['<', '>', '\'', '\u{2028}']), "{shown}");
    let expression = regex_lite::Regex::new(shown.lines().next().expect("a line")).expect("an expression");
    let hosts: std::collections::HashSet<_> =
        expression.captures_iter(&shown).map(|found| found["host"].to_owned()).collect();
    assert!(hosts.len() >= names.len(), "each process has a name of its own: {hosts:?}");
}
