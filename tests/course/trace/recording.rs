//! Recording: where it goes, what it costs when nobody reads it, and what it refuses.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::entries;
use crate::support::clients::{all_output, exit_code};
use crate::support::world::serve;
use crate::support::{Terminal, World, wait_for, wait_until};
use wachat::trace::{Entry, Event};

#[test]
fn a_trace_without_a_file_goes_to_standard_error_without_colours() {
    let world = World::new(&["--trace"]);
    let mut ana = world.register("ana");
    ana.request("SEND;m-1;ana;a \u{202e}b");
    wait_until("the message", || world.log().contains("SEND;m-1;ana;a \\u{202e}b"));
    ana.request("QUIT");
    wait_until("the close", || world.log().contains("CLOSE local: QUIT"));
    let log = world.log();
    for part in ["<- 1 REGISTER:ana:***", "ana -> 1 OK;ana;wachat/1", "SYNC 1 records are durable", "OPEN"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains('\u{1b}') && !log.contains('\u{202e}') && !log.contains("palabra"), "{log}");
}

#[test]
fn at_a_terminal_the_trace_has_colours() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data").display().to_string();
    let arguments = ["serve", "--send-port", "0", "--recv-port", "0", "--data", &data, "--trace"].map(str::to_owned);
    let server = Terminal::start(&arguments);
    server.expect("Ctrl-C stops");
    let screen = server.screen();
    let port = screen.split("send=127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    let address = ([127, 0, 0, 1], port.parse().expect("a number")).into();
    let (_, _ana) = crate::support::Connection::open_with(address, "REGISTER:ana:palabra larga");
    server.expect("\u{1b}[32m<- 1 REGISTER:ana:***\u{1b}[0m");
    server.expect("\u{1b}[36m-> 1 OK;ana;wachat/1\u{1b}[0m");
}

#[test]
fn a_full_screen_client_traces_into_its_own_directory_and_not_onto_the_screen() {
    let world = World::new(&[]);
    world.register("ana");
    let arguments: Vec<_> = world.arguments("ana", &["--trace"]).into_iter().filter(|word| word != "--plain").collect();
    let mut ana = Terminal::start(&arguments);
    ana.wait_for_rows("the full screen", |rows| rows.iter().any(|row| row.contains("#lobby")));
    let find = || {
        let home = fs::read_dir(world.path("home")).ok()?.flatten().next()?.path().join("trace.csv");
        fs::read_to_string(&home).ok().filter(|text| text.contains("POLL;")).map(|_| home)
    };
    let file = wait_for("a trace", find);
    ana.type_keys("\x04");
    assert_eq!(ana.wait_for_exit(), Some(0));
    let screen = ana.last_screen();
    assert!(!screen.contains("LOGIN:") && !screen.contains("POLL;"), "{screen}");
    assert!(screen.contains("trace.csv; wachat trace shows it"), "{screen}");
    let read = entries(&file);
    assert_eq!(read.last().map(|entry| entry.event), Some(Event::Stop));
    assert!(read.iter().all(|entry| entry.process == "client:ana"), "{read:?}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_of_another_process_or_another_kind_is_left_as_it_is() {
    let directory = TempDir::new().expect("a directory");
    let [file, other] = ["trace.csv", "notes.txt"].map(|name| directory.path().join(name));
    fs::write(&other, "my notes\n").expect("to write");
    let [file, other] = [file, other].map(|path| path.display().to_string());
    let world = World::in_directory(directory, &["--trace", &file]);
    world.register("ana");
    for (path, why) in [(&file, "another process writes its trace there"), (&other, "it is not a trace")] {
        let output = world.pipe("ana", "", &["--trace", path]);
        assert!(exit_code(&output) == 1 && all_output(&output).contains(why), "{}", all_output(&output));
    }
    assert_eq!(fs::read_to_string(other).expect("a file"), "my notes\n");
}

#[test]
fn a_client_that_finds_no_server_says_so_in_its_trace() {
    let mut world = World::new(&[]);
    world.register("ana");
    world.kill();
    let file = world.path("ana.csv");
    assert_eq!(exit_code(&world.pipe("ana", "", &["--trace", file.to_str().expect("a path")])), 4);
    assert!(entries(&file).iter().any(|entry| entry.event == Event::Failed && entry.text.contains("refused")));
}

/// A named pipe whose reader reads nothing is as slow as a file can be.
#[test]
fn a_trace_that_nobody_reads_stops_nothing_and_its_entries_are_counted() {
    let directory = TempDir::new().expect("a directory");
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::File::open(pipe).expect("the pipe")
    });
    let mut command = serve(&directory.path().join("data"), [0, 0]);
    command.args(["--no-limits", "--trace"]).arg(&pipe).stdout(Stdio::piped());
    let mut server = command.spawn().expect("a server");
    let mut file = reader.join().expect("the pipe is open");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let port = line.split("send=127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    let address = ([127, 0, 0, 1], port.parse().expect("a number")).into();
    let (_, mut ana) = crate::support::Connection::open_with(address, "REGISTER:ana:palabra larga");
    let text = "x".repeat(7_000);
    for number in 1..=1_000 {
        let reply = ana.request(&format!("SEND;m-{number};ana;{text}"));
        assert!(reply.starts_with("OK;"), "{reply}");
    }
    // Once the pipe is read, what comes is recorded again, after the number of what was lost.
    let read = std::thread::spawn(move || {
        let mut text = String::new();
        file.read_to_string(&mut text).expect("UTF-8");
        text
    });
    let mut number = 1_000;
    wait_until("the last entry", || {
        number += 1;
        ana.request(&format!("SEND;m-{number};ana;last")).starts_with("OK;") && number > 1_020
    });
    crate::support::send_signal(server.id(), "TERM");
    wait_until("the end", || server.try_wait().expect("its state").is_some());
    let text = read.join().expect("what was written");
    let read: Vec<_> = text.lines().map(|line| Entry::parse(line.as_bytes()).expect("an entry")).collect();
    let dropped: u64 = read.iter().filter(|entry| entry.event == Event::Dropped).map(|entry| entry.number).sum();
    let lines = |event| read.iter().filter(|entry| entry.event == event).count() as u64;
    let lost = 2 * number + 2 - lines(Event::In) - lines(Event::Out);
    assert!(lost > 300, "{lost} lines were lost");
    // Syncs are lost as well.
    assert!((lost..=2 * lost).contains(&dropped), "{lost} lines of {dropped} entries");
    assert!(text.contains(&format!(
        "{} entries dropped",
        read.iter().find(|e| e.event == Event::Dropped).expect("one").number
    )));
    assert_eq!(read.last().map(|entry| entry.event), Some(Event::Stop));
}

#[test]
fn a_trace_file_grows_up_to_a_limit() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("full.csv");
    let first = "2026-11-23T01:53:20.116Z;server;START;;;;;1;wachat-trace/1\n";
    fs::write(&file, first).expect("to write");
    // Sparse: the rest of it takes no space.
    let limit = wachat::limits::TRACE_FILE_BYTES;
    fs::File::options().write(true).open(&file).and_then(|file| file.set_len(limit - 600)).expect("a long file");
    let world = World::new(&["--trace", &file.display().to_string()]);
    let mut ana = world.register("ana");
    for number in 0..20 {
        assert!(
            ana.request(&format!("SEND;m-{number};ana;{}", "x".repeat(50))).starts_with("OK;"),
            "the server goes on"
        );
    }
    wait_until("a warning", || world.log().contains("the trace cannot be written: the file has 1024 MiB"));
    let length = fs::metadata(&file).expect("the file").len();
    assert!((limit - 600..=limit).contains(&length), "{length}");
}
