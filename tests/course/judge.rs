//! The judge of servers: our own passes, and its results say what a student needs.

use std::collections::HashSet;
use std::net::TcpStream;
use std::process::{Command, Output};

use wachat::course::judge::script;

use crate::support::world::choose_ports;
use crate::support::{WACHAT, World, send_signal, wait_until};

pub fn judge(send: u16, recv: u16, more: &[&str]) -> Output {
    let server = format!("--server=127.0.0.1:{send},{recv}");
    Command::new(WACHAT).args(["judge", &server]).args(more).output().unwrap()
}

pub fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn each_test_quotes_the_protocol_and_says_what_is_usually_wrong() {
    let mut titles = HashSet::new();
    for test in script::all() {
        assert!(!test.section.is_empty(), "{}: the protocol does not say {:?}", test.name, test.clause);
        assert!(!test.usual.is_empty(), "{}", test.name);
        assert!(titles.insert(test.title), "{} is there twice", test.title);
    }
    assert!(titles.len() > 100, "{}", titles.len());
}

#[test]
fn results_are_text_json_junit_and_points() {
    let world = World::new(&[]);
    let [points, junit] = ["points.toml", "junit.xml"].map(|name| world.path(name));
    std::fs::write(&points, "framing = 30\nlogin = 4.5\n").unwrap();
    let [points, file] = [&points, &junit].map(|path| path.display().to_string());
    let only = ["--only", "framing,login-2,crash", "--points", &points, "--junit", &file];
    let output = judge(world.send_port, world.recv_port, &only);
    let said = text(&output);
    assert!(output.status.success() && said.contains("passed  framing-1 "), "{said}");
    assert!(
        said.contains("skipped crash-4 ") && said.contains("framing           12      0       0 30.0/30.0"),
        "{said}"
    );
    assert!(said.contains("login              1      0       0  0.5/ 0.5"), "{said}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"18\" failures=\"0\"") && xml.matches("<skipped ").count() == 5, "{xml}");
    let output = judge(world.send_port, world.recv_port, &["--only", "framing-1,login", "--json"]);
    let lines: Vec<serde_json::Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 10);
    assert!(lines.iter().all(|line| line["result"] == "passed" && line["section"] != ""), "{lines:?}");
}

#[test]
fn wrong_arguments_are_named() {
    let world = World::new(&[]);
    let points = world.path("points.toml");
    let path = points.display().to_string();
    for (content, more, why) in [
        ("", &["--only", "sockets"][..], "there is no test and no group \"sockets\"; the groups are framing,"),
        ("sockets = 3", &["--points", &path], "\"sockets\" is no group of tests"),
        ("login = \"x\"", &["--points", &path], "login has no number of points, 0 or more"),
        ("login = ", &["--points", &path], "points.toml: "),
    ] {
        std::fs::write(&points, content).unwrap();
        let output = judge(world.send_port, world.recv_port, more);
        assert!(!output.status.success() && text(&output).contains(why), "{content} {more:?}: {}", text(&output));
    }
    let away = text(&judge(1, 1, &["--only", "login-1"]));
    assert!(away.contains("there is no server at 127.0.0.1:1, the SEND port: ") && away.lines().count() == 1, "{away}");
    let output = Command::new(WACHAT).args(["judge", "--server", "localhost"]).output().unwrap();
    assert!(text(&output).contains("has not the form HOST:SEND,RECV"), "{}", text(&output));
}

/// A server in the background, and a script that kills it and starts it again.
pub struct Killable {
    directory: tempfile::TempDir,
    pub ports: [u16; 2],
    pub script: String,
}

impl Killable {
    /// Starts a server. `command`: the command line for these ports; it runs in a directory of its own.
    pub fn start(command: impl FnOnce([u16; 2]) -> String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ports = choose_ports();
        let path = directory.path().join("restart");
        let script = format!(
            // Until no thread of the old process holds its ports: on a busy machine that takes a while. Of a process that has
            // ended, and that nobody has waited for, the two lists have four lines.
            "cd {} || exit 1\n[ -f pid ] && kill -9 $(cat pid) && p=/proc/$(cat pid) && \
             while [ \"$(ls $p/fd $p/task 2>/dev/null | wc -l)\" -gt 4 ]; do sleep 0.05; done\n{} </dev/null >output 2>&1 &\necho $! >pid\n",
            directory.path().display(),
            command(ports)
        );
        std::fs::write(&path, script).unwrap();
        let script = format!("sh {}", path.display());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
        let is_there = || ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok());
        wait_until("the server", is_there);
        Self { directory, ports, script }
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).unwrap();
        if std::thread::panicking() {
            let output = std::fs::read_to_string(self.directory.path().join("output")).unwrap_or_default();
            eprintln!("the last server, process {}, said: {output}", pid.trim());
        }
        send_signal(pid.trim().parse().unwrap(), "KILL");
    }
}

#[test]
fn our_server_survives_the_crashes() {
    let serve = |[send, recv]: [u16; 2]| format!("{WACHAT} serve --send-port {send} --recv-port {recv} --data data");
    let server = Killable::start(serve);
    let [send, recv] = server.ports;
    let output = judge(send, recv, &["--only", "crash", "--restart", &server.script]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("passed  crash-4 "), "{}", text(&output));
}
