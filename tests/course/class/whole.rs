//! A whole class on one machine.

use std::time::Instant;

use super::Class;
use crate::support::process::Process;
use crate::support::{wait_for, wait_until};

#[test]
fn a_class_of_60_works_on_one_machine() {
    let names: String = (1..=60).map(|number| format!("student{number}\n")).collect();
    let class = Class::new(&format!("name\n{names}"), 15);
    let begin = Instant::now();
    class.done(&class.start_arguments(15));
    let first = begin.elapsed();
    let students = class.students();
    let sizes: Vec<_> =
        (1..=15).map(|group| students.iter().filter(|student| student.group == group).count()).collect();
    assert_eq!(sizes, [4; 15]);
    let begin = Instant::now();
    let clients: Vec<_> = std::thread::scope(|scope| {
        let students = students.iter().map(|student| {
            scope.spawn(|| {
                let mut line = student.login();
                let session = student.session();
                assert!(line.request("SEND;m-1;#lobby;hola").starts_with("OK;m-1;"));
                (line, session)
            })
        });
        let students: Vec<_> = students.collect();
        students.into_iter().map(|thread| thread.join().expect("a student")).collect()
    });
    let logins = begin.elapsed();
    // The board reads the traces, which a server writes after its answers.
    let (board, shown) = wait_for("all messages on the board", || {
        let begin = Instant::now();
        let board = class.done(&["board", "--once"]);
        let messages = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
        let all = board.lines().skip(1).all(|line| messages(line).as_deref() == Some("4"));
        all.then(|| (board, begin.elapsed()))
    });
    assert_eq!(board.matches(" up ").count(), 15, "{board}");
    for line in board.lines().skip(1) {
        let cells: Vec<_> = line.split_whitespace().collect();
        assert_eq!((cells[2], cells[3], cells[7]), ("4/4", "4", "8"), "{board}");
    }
    let servers: Vec<_> = (1..=15).map(|group| Process::of(class.pid(group).expect("a server"))).collect();
    let memory: u64 = servers.iter().map(Process::resident).sum();
    let shared: u64 = (1..=15).map(|group| proportional(class.pid(group).expect("a server"))).sum();
    let threads: u64 = servers.iter().map(|server| server.holds().threads).sum();
    assert!(memory < 1_500_000, "{memory} KiB of all servers");
    assert!(threads < 15 * 40, "{threads} threads");
    assert_eq!(class.done(&["export"]).lines().count(), 61);
    drop(clients);
    wait_until("the students to leave", || class.board(15)["connections"] == "0");
    let begin = Instant::now();
    assert_eq!(class.done(&["stop"]), "15 servers stopped\n");
    let stop = begin.elapsed();
    let begin = Instant::now();
    class.done(&["start"]);
    let again = begin.elapsed();
    class.done(&["stop"]);
    eprintln!(
        "60 students, 15 servers: first start {first:.1?}, 60 logins and messages {logins:.1?}, board {shown:.1?}, \
         stop {stop:.1?}, second start {again:.1?}; {memory} KiB resident ({shared} KiB with shared pages counted once), {threads} threads with 120 connections"
    );
}

/// Returns the memory of a process in KiB; of pages that several processes share, its part.
fn proportional(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("its memory");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
