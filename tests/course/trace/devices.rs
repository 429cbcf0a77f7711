//! A trace of two users with two devices each: what concerns one device says nothing about another.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{shown, table};
use crate::support::{Connection, PASSWORD, World, wait_until};

/// Connections of the server: the port, and the client's.
const ANA: (&str, u16) = ("SEND", 5001);
const ANA_LAB: (&str, u16) = ("RECV", 5002);
const LUIS_LAB: (&str, u16) = ("RECV", 5003);
const LUIS_PHONE: (&str, u16) = ("RECV", 5004);

/// Lines of the server's trace: connection, direction and line. ana's message reaches both of luis's devices, and ana's own.
const LINES: &[((&str, u16), &str, &str)] = &[
    (ANA, "IN", "LOGIN:ana:***"),
    (ANA, "OUT", "OK;ana;wachat/1"),
    (ANA_LAB, "IN", "DEVICE:lab:ana:***"),
    (ANA_LAB, "OUT", "OK;ana;wachat/1;0;store;new"),
    (LUIS_LAB, "IN", "DEVICE:lab:luis:***"),
    (LUIS_LAB, "OUT", "OK;luis;wachat/1;0;store;new"),
    (LUIS_PHONE, "IN", "KEY:phone:luis:***"),
    (LUIS_PHONE, "OUT", "OK;luis;wachat/1;0;store;known"),
    (ANA, "IN", "SEND;m-1;luis;hola"),
    (ANA, "OUT", "OK;m-1;RECEIVED;2026-11-25T23:00:00.000Z;1"),
    (ANA_LAB, "IN", "POLL;0"),
    (ANA_LAB, "OUT", "OK;1"),
    (ANA_LAB, "OUT", "1;MSG;m-1;ana;luis;2026-11-25T23:00:00.000Z;hola"),
    (LUIS_LAB, "IN", "POLL;0"),
    (LUIS_LAB, "OUT", "OK;1"),
    (LUIS_LAB, "OUT", "1;MSG;m-1;ana;luis;2026-11-25T23:00:00.000Z;hola"),
    (LUIS_LAB, "IN", "POLL;1"),
    (ANA_LAB, "IN", "POLL;1"),
    (ANA_LAB, "OUT", "OK;1"),
    (ANA_LAB, "OUT", "2;STATE;luis;DELIVERED;1;2026-11-25T23:00:00.000Z"),
    (LUIS_PHONE, "IN", "POLL;0"),
    (LUIS_PHONE, "OUT", "OK;1"),
    (LUIS_PHONE, "OUT", "1;MSG;m-1;ana;luis;2026-11-25T23:00:00.000Z;hola"),
    (LUIS_PHONE, "IN", "POLL;0"),
    (LUIS_PHONE, "OUT", "OK;2"),
    (LUIS_PHONE, "OUT", "0;READ;ana;1"),
    (LUIS_PHONE, "OUT", "1;MSG;m-1;ana;luis;2026-11-25T23:00:00.000Z;hola"),
    (LUIS_PHONE, "IN", "POLL;1"),
];

/// Writes the trace. The user stands in each entry after the first reply, as the server writes it.
pub fn write(directory: &TempDir) -> PathBuf {
    let at = "2026-11-25T23:00:00.000Z";
    let mut text = format!("{at};server;START;;;;;1;wachat-trace/1\n");
    for (port, peer) in [ANA, ANA_LAB, LUIS_LAB, LUIS_PHONE] {
        let local = if port == "SEND" { 1666 } else { 1999 };
        text += &format!("{at};server;OPEN;{port};127.0.0.1:{local};127.0.0.1:{peer};;0;peer\n");
    }
    let mut counts = std::collections::HashMap::new();
    for (connection @ (port, peer), direction, line) in LINES {
        let count: &mut usize = counts.entry((connection, direction)).or_default();
        *count += 1;
        let local = if *port == "SEND" { 1666 } else { 1999 };
        let user = match (*count, *connection == ANA || *connection == ANA_LAB) {
            (1, _) => "",
            (_, true) => "ana",
            (_, false) => "luis",
        };
        text +=
            &format!("{at};server;{direction};{port};127.0.0.1:{local};127.0.0.1:{peer};{user};{count};\"{line}\"\n");
    }
    let file = directory.path().join("devices.csv");
    std::fs::write(&file, text).expect("a trace");
    file
}

/// Returns the lines to and from a device of luis with their marks, in order.
fn lines_of(file: &Path, other_end: &str, more: &[&str]) -> Vec<String> {
    table(&[file], more).into_iter().filter(|row| row[4] == other_end).map(|row| row[6].clone()).collect()
}

#[test]
fn each_device_has_a_line_of_its_own_where_a_user_has_several() {
    let directory = TempDir::new().expect("a directory");
    let (diagram, notes) = shown(&[&write(&directory)], &["--columns", "200"]);
    let head = diagram.lines().next().expect("names").split_whitespace().collect::<Vec<_>>();
    assert_eq!(head, ["ana", "luis:lab", "server", "luis:phone"], "{diagram}");
    assert!(notes.is_empty(), "{notes}");
    for line in ["DEVICE:lab:ana:***", "KEY:phone:luis:***", "(own message)", "(read on another device)"] {
        assert!(diagram.contains(line), "{line}: {diagram}");
    }
}

#[test]
fn what_one_device_has_and_acknowledges_is_new_on_another() {
    let directory = TempDir::new().expect("a directory");
    let file = write(&directory);
    let message = "1;MSG;m-1;ana;luis;2026-11-25T23:00:00.000Z;hola";
    let again = format!("{message}  (again)");
    let lab = lines_of(&file, "luis:lab", &[]);
    assert_eq!(lab[5..], [message, "POLL;1  (acknowledges 1)"], "{lab:#?}");
    let phone = lines_of(&file, "luis:phone", &[]);
    let events: Vec<_> = phone.iter().filter(|line| line.contains(";MSG;") || line.contains("POLL;1")).collect();
    assert_eq!(events, [message, &again, "POLL;1  (acknowledges 1)"], "{phone:#?}");
    assert!(phone.contains(&"0;READ;ana;1  (read on another device)".to_owned()), "{phone:#?}");
    let ana = lines_of(&file, "ana", &[]);
    assert!(ana.contains(&format!("{message}  (own message)")), "{ana:#?}");
}

#[test]
fn the_way_of_a_message_goes_to_every_device() {
    let directory = TempDir::new().expect("a directory");
    let file = write(&directory);
    for (device, count) in [("luis:lab", 2), ("luis:phone", 3)] {
        let lines = lines_of(&file, device, &["--message", "m-1"]);
        let about: Vec<_> = lines.iter().filter(|line| line.contains("MSG") || line.contains("POLL;1")).collect();
        assert_eq!(about.len(), count, "{device}: {lines:#?}");
    }
    // The sender's device acknowledges the sender's own message: that is no delivery.
    let ana = lines_of(&file, "ana", &["--message", "m-1"]);
    assert!(!ana.iter().any(|line| line.starts_with("POLL")), "{ana:#?}");
    assert!(ana.iter().any(|line| line.contains("(own message)")), "{ana:#?}");
}

#[test]
fn a_key_is_in_no_trace() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("server.csv");
    let world = World::in_directory(directory, &["--no-lobby", "--trace", file.to_str().expect("a path")]);
    world.register("ana");
    let (_, mut lab) = Connection::open_with(world.recv, &format!("DEVICE:lab:ana:{PASSWORD}"));
    let reply = lab.request("KEY");
    let key = reply.strip_prefix("OK;").expect("a key");
    let (reply, mut send) = Connection::open_with(world.send, &format!("KEY:lab:ana:{key}"));
    assert_eq!(reply, "OK;ana;wachat/1");
    // Mistyped, and as a request.
    send.expect_ko(&format!("KEY:lab:ana:{key}"), "SYNTAX");
    send.expect_ko(&format!("KEY;{key}"), "SYNTAX");
    Connection::open_with(world.send, &format!("KY:lab:ana:{key}"));
    assert!(send.request("SEND;m-1;ana;al final").starts_with("OK;m-1;"));
    let text = || std::fs::read_to_string(&file).expect("a trace");
    wait_until("the trace to be written", || text().contains("OK;m-1;RECEIVED"));
    let (drawn, _) = shown(&[&file], &["--as", "table"]);
    for text in [text(), drawn] {
        assert!(!text.contains(key) && !text.contains(PASSWORD), "{text}");
        for line in ["DEVICE:lab:ana:***", "KEY:lab:ana:***", "OK;***"] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
