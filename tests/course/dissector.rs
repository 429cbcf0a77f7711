//! The dissector for Wireshark: it knows what the parser knows, and tshark shows a capture with it.

use std::path::Path;
use std::process::{Command, Output};

use wachat::protocol::Code;
use wachat::protocol::event::EVENTS;
use wachat::protocol::request::{RECV_COMMANDS, SEND_COMMANDS};

use crate::support::{NO_SETTINGS, WACHAT};

const CLIENT: u16 = 40_000;

fn dissector() -> String {
    let output = Command::new(WACHAT).arg("dissector").env("WACHAT_CONFIG", NO_SETTINGS).output().expect("it runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn it_has_a_row_for_each_request_event_and_code() {
    let program = dissector();
    let rows = |name: &str| {
        let table = program.split(&format!("local {name} = {{\n")).nth(1).and_then(|rest| rest.split("\n}").next());
        let rows = table.expect("a table").lines();
        rows.map(|row| row.trim_start().split(' ').next().expect("a word").to_owned()).collect::<Vec<_>>()
    };
    for verb in SEND_COMMANDS.iter().map(|c| c.verb()).chain(RECV_COMMANDS.iter().map(|c| c.verb())) {
        assert_eq!(rows("requests").iter().filter(|row| *row == verb).count(), 1, "{verb}");
    }
    assert_eq!(rows("events"), EVENTS.iter().map(|event| event.word()).collect::<Vec<_>>());
    assert_eq!(rows("codes"), Code::all().map(|code| code.to_string()).collect::<Vec<_>>());
    assert!(program.contains("  READ = { \"user or #room\", \"seq\" },\n") && !program.contains('@'), "{program}");
}

#[test]
fn tshark_shows_a_capture_with_it() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let capture = directory.path().join("capture.pcap");
    let plugin = directory.path().join("wachat.lua");
    std::fs::write(&plugin, dissector()).expect("a plugin");
    let mut file = Capture::new();
    file.send(CLIENT, 1666, "LOGIN:ana:pala:bra larga\r\nSEND;m-1;luis;\"hola; ¿qué");
    // The line goes on in another segment.
    file.send(CLIENT, 1666, " tal?\"\nREAD;luis\nPASSWD;old one;\"new; one\"\n");
    file.send(1666, CLIENT, "OK;ana;wachat/1\nOK;m-1;RECEIVED;2026-11-20T23:55:00.123Z;1\nKO;SYNTAX;why\n");
    file.send(1999, CLIENT, "OK;2\n1;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;a\\nb\n0;ONLINE;eva;2026\n\"broken\n");
    std::fs::write(&capture, file.0).expect("a capture");
    let columns = ["kind", "word", "user", "id", "seq", "text", "code", "field"].map(|name| format!("wachat.{name}"));
    let columns = columns.iter().flat_map(|column| ["-e", column]);
    let options: Vec<_> = ["-Y", "wachat.kind", "-T", "fields"].into_iter().chain(columns).collect();
    let Some(output) = tshark(&capture, &plugin, &options) else {
        eprintln!("skipped: there is no tshark here (Debian's package tshark has it)");
        return;
    };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split('\t').collect()).collect();
    let wanted = [
        ["login", "LOGIN", "ana", "", "", "", "", ""],
        ["request,request,request", "SEND,READ,PASSWD", "", "m-1", "", "hola; ¿qué tal?", "", "luis,luis,***,***"],
        [
            "reply,reply,reply",
            "OK,OK,KO",
            "",
            "",
            "",
            "",
            "SYNTAX",
            "ana,wachat/1,m-1,RECEIVED,2026-11-20T23:55:00.123Z,1,why",
        ],
        [
            "reply,event,event",
            "OK,MSG,ONLINE",
            "eva",
            "m-1",
            "1,0",
            "a\\nb",
            "",
            "2,ana,luis,2026-11-20T23:55:00.123Z,2026",
        ],
    ];
    assert_eq!(rows, wanted, "{}", String::from_utf8_lossy(&output.stderr));
    let text = |options: &[&str]| {
        let output = tshark(&capture, &plugin, options).expect("tshark");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let lines = text(&["-Y", "wachat.kind"]);
    let text = text(&["-O", "wachat"]);
    assert!(text.contains("wachat SEND C: LOGIN:ana:***") && text.contains("Not a record"), "{text}");
    assert!(!text.contains("old one"), "{text}");
    // The page shows the first lines of this capture.
    let page = include_str!("../../src/course/wireshark.md");
    let shown = page.split("-Y wachat.kind\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a session");
    assert!(lines.starts_with(shown), "{lines}");
}

/// Whoever looks at another port, by "Decode As" or a setting that was forgotten, or mistypes a verb, sees no password.
#[test]
fn a_password_is_not_shown_whatever_the_port_and_however_it_is_typed() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let capture = directory.path().join("capture.pcap");
    let plugin = directory.path().join("wachat.lua");
    std::fs::write(&plugin, dissector()).expect("a plugin");
    let secret = "palabralarga";
    let lines = [
        format!("LOGIN:ana:{secret}"),
        format!("login:ana:{secret}"),
        format!("REGISTER:ana:{secret}"),
        format!("LOGIN:{secret}"),
        format!("DEVICE:lab:ana:{secret}"),
        format!("device:lab:ana:con:{secret}"),
        format!("DEVICE:lab:{secret}"),
        format!("KEY:lab:ana:{secret}"),
        format!("KEY;lab;ana;{secret}"),
        format!("PASSWD;{secret};otra {secret}"),
        format!("PASSWD;{secret};otra;{secret}"),
        format!("passwd;{secret};otra {secret}"),
        format!("\"passwd\";{secret}"),
        format!(" PASSWD;{secret}"),
        format!("/passwd {secret}"),
        format!("PASWD;{secret};x"),
        format!("\u{feff}LOGIN:ana:{secret}"),
        secret.to_owned(),
    ];
    let mut file = Capture::new();
    for (client, server) in [(CLIENT, 1666), (CLIENT, 4_000)] {
        lines.iter().for_each(|line| file.send(client, server, &format!("{line}\n")));
        file.send(client, server, "SEND;m-1;luis;visible\n");
        // The reply to KEY.
        file.send(server, client, &format!("OK;{secret}-{}\n", "x".repeat(42 - secret.len())));
    }
    std::fs::write(&capture, file.0).expect("a capture");
    for form in [&["-O", "wachat", "-V"][..], &["-Y", "wachat.kind"], &["-T", "fields", "-e", "wachat.field"]] {
        let options: Vec<_> = ["-d", "tcp.port==4000,wachat"].iter().chain(form).copied().collect();
        let Some(output) = tshark(&capture, &plugin, &options) else {
            eprintln!("skipped: there is no tshark here (Debian's package tshark has it)");
            return;
        };
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        // Other lines are the bytes of TCP, which tshark shows where nothing else claims them.
        assert!(!shown.contains(secret), "{form:?}: {shown}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(form[0] == "-T" || shown.matches("visible").count() >= 2, "{form:?}: {shown}");
    }
}

/// Runs tshark with the dissector and these options; `None`: there is none, or one without Lua.
fn tshark(capture: &Path, plugin: &Path, options: &[&str]) -> Option<Output> {
    let version = Command::new("tshark").arg("--version").output().ok()?;
    if !String::from_utf8_lossy(&version.stdout).contains("with Lua") {
        return None;
    }
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).arg("-X").arg(format!("lua_script:{}", plugin.display()));
    // Its own directory of plugins may hold another version of this one.
    command.env("HOME", capture.parent().expect("a directory")).env_remove("XDG_CONFIG_HOME");
    command.args(options).output().ok()
}

/// A capture file: a classic pcap with segments of TCP over IPv4, without link layer.
struct Capture(Vec<u8>, std::collections::HashMap<(u16, u16), u32>);

impl Capture {
    fn new() -> Self {
        const RAW_IP: u32 = 101;
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, RAW_IP] {
            bytes.extend(word.to_le_bytes());
        }
        Self(bytes, Default::default())
    }

    fn send(&mut self, from: u16, to: u16, text: &str) {
        let length = u32::try_from(text.len()).expect("a short text");
        let sequence = self.1.entry((from, to)).or_insert(1);
        let mut packet = vec![0x45, 0];
        packet.extend((40 + u16::try_from(length).expect("a short text")).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        packet.extend(from.to_be_bytes());
        packet.extend(to.to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        packet.extend(1_u32.to_be_bytes());
        packet.extend([0x50, 0x18, 0x10, 0, 0, 0, 0, 0]);
        packet.extend(text.as_bytes());
        *sequence += length;
        for word in [0, 0, 40 + length, 40 + length] {
            self.0.extend(word.to_le_bytes());
        }
        self.0.extend(packet);
    }
}
