//! The merged order: it follows from the lines, and not from the clocks.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::conversation::conversation;
use super::{shown, table, trace};
use crate::support::{Connection, PASSWORD, World};

/// Sets every time of a trace to another hour.
fn shift(file: &Path, to: &Path) {
    let text = fs::read_to_string(file).expect("a trace");
    let hour = |line: &str| {
        let hour: u32 = line[11..13].parse().expect("an hour");
        format!("{}{:02}{}\n", &line[..11], (hour + 23) % 24, &line[13..])
    };
    fs::write(to, text.lines().map(hour).collect::<String>()).expect("to write");
}

/// Asserts that each line that both ends have recorded is sent before it is received. Returns the number of lines.
#[track_caller]
fn assert_sent_before_received(rows: &[[String; 7]]) -> usize {
    let mut sent: HashMap<Vec<String>, usize> = HashMap::new();
    let mut count = 0;
    let traced = |name: &str| name == "server" || name.starts_with("client:");
    for [process, port, user, arrow, other, number, text] in rows {
        if !(traced(process) && traced(other)) {
            continue;
        }
        let ends = if arrow == "->" { [process, other] } else { [other, process] };
        // A mark stands after the line.
        let text = text.split("  (").next().unwrap_or_default().to_owned();
        let line: Vec<String> = [ends[0], ends[1], port, user, number, &text].into_iter().cloned().collect();
        match arrow.as_str() {
            "->" => *sent.entry(line).or_default() += 1,
            "<-" => {
                let known = sent.get_mut(&line).filter(|known| **known > 0);
                *known.unwrap_or_else(|| panic!("received before it was sent: {line:?}")) -= 1;
                count += 1;
            }
            _ => {}
        }
    }
    count
}

#[test]
fn every_line_is_sent_before_it_is_received_also_when_a_clock_is_wrong() {
    let talk = conversation();
    let directory = TempDir::new().expect("a directory");
    let shifted = directory.path().join("luis.csv");
    shift(&talk.luis, &shifted);
    let right = table(&talk.files(), &[]);
    let wrong = table(&[&talk.server, &talk.ana, &shifted], &[]);
    assert!(assert_sent_before_received(&right) > 20);
    assert_sent_before_received(&wrong);
    assert!(right == wrong, "the order does not depend on the clocks");
    // The times themselves are shown as they are.
    assert_ne!(
        shown(&talk.files(), &["--as", "table"]).0,
        shown(&[&talk.server, &talk.ana, &shifted], &["--as", "table"]).0
    );
}

#[test]
fn the_order_of_each_process_is_kept() {
    let talk = conversation();
    let rows = table(&talk.files(), &[]);
    for (file, name) in talk.files().into_iter().zip(["server", "client:ana", "client:luis"]) {
        let arrow = |event| match event {
            wachat::trace::Event::In => "<-",
            wachat::trace::Event::Out => "->",
            _ => "",
        };
        let own: Vec<_> = super::entries(file).iter().map(|entry| arrow(entry.event)).collect();
        let merged: Vec<_> = rows.iter().filter(|row| row[0] == name && !row[6].starts_with("killed")).collect();
        assert_eq!(merged.iter().map(|row| row[3].as_str()).collect::<Vec<_>>(), own, "{name}");
    }
}

#[test]
fn one_file_with_all_traces_is_as_good_as_three() {
    let talk = conversation();
    let directory = TempDir::new().expect("a directory");
    let all = directory.path().join("all.csv");
    let text: String = talk.files().iter().map(|file| fs::read_to_string(file).expect("a trace")).collect();
    fs::write(&all, text).expect("to write");
    assert!(table(&[&all], &[]) == table(&talk.files(), &[]));
}

#[test]
fn the_trace_of_one_end_is_enough_for_a_diagram() {
    let talk = conversation();
    let (server, _) = shown(&[&talk.server], &["--columns", "160"]);
    assert!(server.lines().next().is_some_and(|head| head.contains(" ana ") && head.contains(" luis")), "{server}");
    assert!(server.contains("LOGIN:ana:*** ─"), "{server}");
    let (ana, _) = shown(&[&talk.ana], &["--columns", "160"]);
    assert!(ana.lines().next().is_some_and(|head| head.contains("server")), "{ana}");
}

#[test]
fn a_user_with_the_name_of_a_process_is_not_the_process() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("server.csv");
    let mut world = World::in_directory(directory, &["--trace", file.to_str().expect("a path")]);
    // A new account cannot have that name; its line has it all the same.
    let refused = Connection::open(world.send).request(&format!("REGISTER:server:{PASSWORD}"));
    assert!(refused.starts_with("KO;NAME;"), "{refused}");
    world.stop();
    let rows = table(&[&file], &[]);
    assert!(rows.iter().any(|row| row[3] == "<-" && row[4] == "server-untraced"), "{rows:?}");
    let (text, _) = shown(&[&file], &[]);
    assert!(text.contains("REGISTER:server:***"), "{text}");
}

#[test]
fn traces_that_contradict_each_other_or_are_cut_are_reported() {
    let talk = conversation();
    let directory = TempDir::new().expect("a directory");
    let edited = directory.path().join("server.csv");
    let text = fs::read_to_string(&talk.server).expect("a trace");
    fs::write(&edited, text.replace("OK;ana;wachat/1\"", "OK;eva;wachat/1\"")).expect("to write");
    let (_, notes) = shown(&[&edited, &talk.ana], &[]);
    assert!(notes.contains("contradict each other") && notes.contains("OK;eva"), "{notes}");
    let half: Vec<_> = text.lines().take(text.lines().count() / 2).collect();
    fs::write(&edited, half.join("\n")).expect("to write");
    let (_, notes) = shown(&[&edited, &talk.ana, &talk.luis], &[]);
    assert!(notes.contains("are not in the trace of server: it was cut"), "{notes}");
    // The order of a process that was turned around cannot be: lines are received before they are sent.
    let back: Vec<_> = text.lines().rev().collect();
    fs::write(&edited, format!("{}\n{}\n", text.lines().next().expect("a START"), back.join("\n"))).expect("to write");
    let output = trace(&[&edited, &talk.ana], &["--as", "table"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("contradict each other"));
}
