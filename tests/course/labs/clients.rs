//! The clients of the labs: each talks through a proxy that loses an OK, and is graded by the judge.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use super::holes::start;
use super::tools::make_client;
use super::{CLIENTS, path};
use crate::course::chaos::process::Chaos;
use crate::course::judge::text;
use crate::support::{PASSWORD, WACHAT, World, wait_for};

/// A client that runs, for ana.
struct Client {
    child: Child,
    reader: Option<thread::JoinHandle<Vec<String>>>,
}

impl Client {
    fn start(command: &str, [send, recv]: [u16; 2], home: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {command}")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        shell.env("WACHAT_USER", "ana").env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_HOME", home);
        shell.env("WACHAT_SERVER", "127.0.0.1").env("WACHAT_SEND_PORT", send.to_string());
        let mut child = shell.env("WACHAT_RECV_PORT", recv.to_string()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, reader: Some(thread::spawn(move || output.lines().map_while(Result::ok).collect())) }
    }

    fn types(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ends its input, and waits for its end. Returns its exit code and what it has said.
    fn finish(mut self) -> (Option<i32>, Vec<String>) {
        self.child.stdin = None;
        let code = wait_for("the client to end", || self.child.try_wait().unwrap()).code();
        (code, self.reader.take().unwrap().join().unwrap())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first OK is lost: the client sends the message again, and it is stored once.
fn converse(file: &str) {
    let home = tempfile::tempdir().unwrap();
    let world = World::without_lobby();
    let Some(command) = make_client(&path("solutions").join(file), home.path()) else { return };
    world.register("ana");
    let mut luis = world.register("luis");
    assert!(luis.request("SEND;r-1;ana;\"¿qué tal?; \\\\o/\"").starts_with("OK;"));
    let chaos = Chaos::with_rule(world.addresses(), "drop the 1st OK reply to SEND");
    let mut client = Client::start(&command, chaos.addresses.map(|address| address.port()), home.path());
    client.types("@luis: uno; dos");
    client.types("@luis: \"tres\" \\n");
    let (code, said) = client.finish();
    assert_eq!(code, Some(0), "{file}: {said:#?}");
    assert_eq!(said.iter().filter(|line| line.ends_with(" luis: ¿qué tal?; \\o/")).count(), 1, "{file}: {said:#?}");
    let history = world.login("ana").list("HISTORY;luis");
    let texts: Vec<_> = history.iter().map(|row| row.splitn(7, ';').last().unwrap()).collect();
    assert_eq!(texts, ["\"¿qué tal?; \\\\o/\"", "\"uno; dos\"", "\"\"\"tres\"\" \\\\n\""], "{file}");
    assert!(history[0].contains(";READ;"), "{file}: {history:?}");
    assert!(chaos.stop().iter().any(|line| line.contains("SENDs answered again: 1, each as before")), "{file}");
}

#[test]
fn each_solution_talks_through_a_network_that_loses_an_ok() {
    thread::scope(|scope| CLIENTS.map(|file| scope.spawn(move || converse(file))).map(|one| one.join().unwrap()));
}

fn judge(command: &str, groups: &str) -> (Option<i32>, String) {
    let arguments = ["judge", "--client", command, "--only", groups, "--jobs", "4", "--patience", "20"];
    let output = Command::new(WACHAT).args(arguments).output().unwrap();
    (output.status.code(), text(&output))
}

#[test]
fn a_starter_has_no_points() {
    let to = tempfile::tempdir().unwrap();
    // The holes are the same in each language.
    let Some(command) = make_client(&start(CLIENTS[0], &[], to.path()), to.path()) else { return };
    let points = path("points.toml").display().to_string();
    let arguments = ["judge", "--client", &command, "--once", "--jobs", "16", "--patience", "5", "--points", &points];
    let output = Command::new(WACHAT).args(arguments).output().unwrap();
    let said = text(&output);
    assert!(output.status.code() == Some(1) && said.ends_with("  0.0/37.0\n"), "{said}");
}

fn assert_passes(file: &str) {
    let to = tempfile::tempdir().unwrap();
    let Some(command) = make_client(&path("solutions").join(file), to.path()) else { return };
    // The time-outs take half a minute, and are the same code in each language. The retries wait for seconds: once is enough.
    let mut groups = "client-framing,client-login,client-send,client-states,client-rooms,client-crash".to_owned();
    if file == CLIENTS[0] {
        groups += ",client-poll,client-idempotence";
    }
    let (code, said) = judge(&command, &groups);
    assert_eq!(code, Some(0), "{file}:\n{said}");
}

#[test]
fn each_solution_passes_the_judge() {
    thread::scope(|scope| CLIENTS.map(|file| scope.spawn(move || assert_passes(file))).map(|one| one.join().unwrap()));
}
