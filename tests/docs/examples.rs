//! The examples, run against a real server.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustls::pki_types::pem::PemObject as _;

use crate::support::examples::example;
use crate::support::{PASSWORD, TIMEOUT, WACHAT, World, run_to_end};
use tempfile::TempDir;

/// A program whose input and output are pipes. It is killed when the test ends.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let (tell, output) = channel();
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { input: child.stdin.take(), child, output }
    }

    fn types(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("its input"), "{line}").expect("to type");
    }

    /// Reads output until a line contains a text, and returns that line.
    #[track_caller]
    fn says(&self, what: &str) -> String {
        let mut heard = Vec::new();
        loop {
            match self.output.recv_timeout(TIMEOUT) {
                Ok(line) if line.contains(what) => return line,
                Ok(line) => heard.push(line),
                Err(_) => panic!("{what:?} was not said, but {heard:#?}"),
            }
        }
    }

    /// Closes the input, checks that the program succeeds, and returns the rest of its output.
    fn finish(mut self) -> Vec<String> {
        self.input = None;
        let status = crate::support::wait_for("the program to end", || self.child.try_wait().expect("its state"));
        assert!(status.success(), "{status}");
        self.output.iter().collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the command of `raw_client` for ana, with luis as the recipient.
fn raw_client(send: SocketAddr, recv: SocketAddr) -> Command {
    as_ana(Command::new(example("raw_client")), &["ana", PASSWORD, "luis"], send, recv)
}

fn client_py(send: SocketAddr, recv: SocketAddr, home: &Path) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/client.py");
    let mut command = as_ana(Command::new("python3"), &[script, "ana", "luis"], send, recv);
    command.env("WACHAT_PASSWORD", PASSWORD).current_dir(home);
    command
}

fn as_ana(mut command: Command, arguments: &[&str], send: SocketAddr, recv: SocketAddr) -> Command {
    command.args(arguments).env("WACHAT_SEND", send.to_string()).env("WACHAT_RECV", recv.to_string());
    command
}

#[test]
fn client_py_sends_its_password_to_the_right_certificate_alone() {
    if !there_is_python() {
        return;
    }
    let server = World::new(&["--no-lobby", "--tls"]);
    let home = TempDir::new().expect("a directory");
    let pem = std::fs::read_to_string(server.data().join("tls/certificate.pem")).expect("a certificate");
    let der = rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let right = wachat::model::Fingerprint::of(&der).to_string();
    let start = |fingerprint: &str| {
        Program::start(client_py(server.send, server.recv, home.path()).env("WACHAT_FINGERPRINT", fingerprint))
    };
    let mut ana = start(&right);
    ana.types("hola");
    ana.says("NO_USER");
    ana.finish();
    let mallory = start(&right.replace("0", "1").replace("A", "B"));
    mallory.says("the server has another certificate");
}

fn there_is_python() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: there is no python3 here");
    }
    there
}

#[test]
fn raw_client_sends_typed_lines_and_prints_events() {
    let server = World::without_lobby();
    server.register("luis");
    let mut ana = Program::start(&mut raw_client(server.send, server.recv));
    // It has registered ana.
    ana.types("hola; \"luis\" \\o/");
    ana.says(";RECEIVED;");
    let mut luis_session = server.session("luis");
    let events = luis_session.list_without_times("POLL;0");
    let message = events.iter().find(|event| event.contains(";MSG;")).expect("the message");
    assert!(message.ends_with(";\"hola; \"\"luis\"\" \\\\o/\""), "{message}");
    // A new connection: the example may have taken longer to be built than the server waits for the other.
    assert!(server.login("luis").request("SEND;m-1;ana;buenas\u{202e}").starts_with("OK;"));
    let shown = ana.says(";luis;ana;");
    assert!(shown.ends_with(";buenas\\u{202e}"), "{shown}");
    // The next poll acknowledges the events that it has printed.
    assert!(events_until(&mut luis_session, ";STATE;ana;DELIVERED;"), "DELIVERED is told");
    ana.types("palabra\u{1b}");
    ana.says("* KO;SYNTAX;");
    ana.finish();
}

/// Plays a server that crashes after it has received a message and before it has replied.
fn loses_a_reply(start: impl FnOnce(SocketAddr, SocketAddr) -> Command) {
    let send = TcpListener::bind("127.0.0.1:0").unwrap();
    let recv = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut ana = Program::start(&mut start(send.local_addr().unwrap(), recv.local_addr().unwrap()));
    // Accepts a connection, replies to its first line, and reads the next, if there is one.
    let accept = || {
        let mut lines = BufReader::new(send.accept().unwrap().0);
        let mut login = String::new();
        let mut request = String::new();
        lines.read_line(&mut login).unwrap();
        lines.get_mut().write_all(b"OK;ana;wachat/1\n").unwrap();
        lines.read_line(&mut request).unwrap();
        (login, request, lines)
    };
    ana.types("hola");
    assert_eq!(accept().0, format!("REGISTER:ana:{PASSWORD}\n"));
    let (login, lost, _) = accept();
    assert_eq!(login, format!("LOGIN:ana:{PASSWORD}\n"));
    let (_, again, mut lines) = accept();
    assert!(lost.starts_with("SEND;") && lost.ends_with(";luis;\"hola\"\n"), "{lost}");
    assert_eq!(again, lost, "the same message, so the same id");
    lines.get_mut().write_all(b"OK;id;RECEIVED;2026-11-20T23:55:00.123Z;1\n").unwrap();
    ana.says("RECEIVED");
    ana.types("hola");
    assert_ne!(accept().1, lost, "another message, so another id");
}

#[test]
fn raw_client_retries_with_the_same_id() {
    loses_a_reply(raw_client);
}

#[test]
fn client_py_retries_with_the_same_id() {
    if there_is_python() {
        let home = TempDir::new().expect("a temporary directory");
        loses_a_reply(|send, recv| client_py(send, recv, home.path()));
    }
}

/// Polls without an acknowledgement until an event contains a text.
fn events_until(session: &mut crate::support::Connection, what: &str) -> bool {
    crate::support::wait_for(what, || session.poll(0, 1).iter().any(|event| event.contains(what)).then_some(true))
}

#[test]
fn two_users_shows_the_states_of_a_message() {
    let said = Program::start(&mut Command::new(example("two_users"))).finish();
    let shown: Vec<_> = said.iter().map(|line| line.trim()).collect();
    assert_eq!(
        shown,
        [
            "ana writes to luis, who is offline",
            "ana sees: message 1 is RECEIVED; it is on the server's disk",
            "luis logs in",
            "luis sees: ana: hola, luis",
            "luis acknowledges the message",
            "ana sees: everything to luis up to message 1 is DELIVERED",
            "luis reads it",
            "ana sees: everything to luis up to message 1 is READ",
        ]
    );
}

#[test]
fn client_py_stores_what_it_acknowledges_and_shows_it_once() {
    if !there_is_python() {
        return;
    }
    let server = World::without_lobby();
    let home = TempDir::new().expect("a temporary directory");
    let mut luis = server.register("luis");
    let mut ana = Program::start(&mut client_py(server.send, server.recv, home.path()));
    ana.types("hola; \"luis\" \\o/");
    ana.says("* 1 RECEIVED");
    assert!(luis.request("SEND;m-1;ana;\"buenas; ana\u{2028}\u{202e}\"").starts_with("OK;m-1;RECEIVED;"));
    let shown = ana.says("luis: ");
    assert!(shown.ends_with("luis: buenas; ana\\u2028\\u202e"), "{shown}");
    let mut luis_session = server.session("luis");
    let events = luis_session.list_without_times("POLL;0");
    assert!(events.iter().any(|event| event.ends_with(";\"hola; \"\"luis\"\" \\\\o/\"")), "{events:?}");
    // It acknowledges what it has stored.
    assert!(events_until(&mut luis_session, ";STATE;ana;DELIVERED;2;"), "DELIVERED is told");
    assert_eq!(stored_messages(home.path()), 1);
    ana.types("palabra\u{1b}");
    ana.says("* not sent: SYNTAX");
    ana.finish();

    // An acknowledged event is in the file and is not shown again; a newer one is. A record that a crash left
    // incomplete, in the middle of a character, is cut off.
    let file = std::fs::read_dir(home.path()).expect("its home").flatten().next().expect("its file").path();
    let mut file = std::fs::File::options().append(true).open(file).expect("its file");
    file.write_all(b"3;MSG;m-2;luis;ana;2026-11-20T23:55:00.123Z;\xc2").expect("to write");
    let accepted = luis.request("SEND;m-2;ana;y otra cosa");
    let number = accepted.rsplit(';').next().expect("its number");
    let ana = Program::start(&mut client_py(server.send, server.recv, home.path()));
    let first = ana.says("luis: ");
    assert!(first.ends_with("luis: y otra cosa"), "{first}");
    assert!(events_until(&mut luis_session, &format!(";STATE;ana;DELIVERED;{number};")), "DELIVERED is told");
    ana.finish();
    assert_eq!(stored_messages(home.path()), 2);
}

/// Counts the messages in the only file of a directory.
fn stored_messages(home: &Path) -> usize {
    let files: Vec<_> = std::fs::read_dir(home).expect("its home").flatten().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let stored = std::fs::read_to_string(files[0].path()).expect("its file");
    stored.lines().filter(|record| record.split(';').count() >= 7 && record.contains(";MSG;")).count()
}

#[test]
fn large_store_makes_a_whole_store_that_a_server_serves() {
    let directory = TempDir::new().expect("a temporary directory");
    let data = directory.path().join("data");
    let numbers = ["--accounts", "200", "--messages", "2000", "--conversations", "20", "--rooms", "2"];
    let mut command = Command::new(example("large_store"));
    command.args(numbers).args(["--uncovered", "1", "--password", PASSWORD]).arg("--data").arg(&data);
    Program::start(&mut command).finish();
    let (code, said) = run_to_end(Command::new(WACHAT).arg("check").arg("--data").arg(&data));
    assert_eq!(code, Some(0), "wachat check: {said}");
    let server = World::with_data(directory, &data, &["--no-lobby"]);
    let mut user0 = server.login("user0");
    assert_eq!(user0.list("USERS").len(), 200);
    assert_eq!(user0.list("HISTORY;#room0;1000").len(), 90);
    let history = user0.list("HISTORY;user1;1000");
    let states: Vec<_> = history.iter().filter_map(|record| record.split(';').nth(5)).collect();
    // Those of the log that no checkpoint covers come after the 91 of the conversation.
    assert!(states.len() > 91 && states[..44].iter().all(|state| *state == "READ"), "{states:?}");
    assert!(states[88..].iter().all(|state| *state == "RECEIVED"), "{states:?}");
    let waiting = server.session("user1").list_without_times("POLL;0");
    assert!(waiting.iter().any(|event| event.contains(";MSG;")), "{waiting:?}");
}
