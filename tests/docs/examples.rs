//! The examples do what they say, with a real server.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use crate::support::cargo::cargo;
use crate::support::{PASSWORD, TIMEOUT, World};
use tempfile::TempDir;

/// A program in pipes. It ends with the test.
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

    /// Reads on until a line has this in it.
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

    /// Ends its input, and expects it to end well; returns what it had still to say.
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

/// An example as it is now: cargo has built it for `cargo test`, but not for `cargo test --test docs`.
fn example(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let directory = Path::new(crate::support::WACHAT).parent().expect("the directory of the binary");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let _one = ONE_AT_A_TIME.lock();
    let built = cargo().args(["build", "--quiet", "--profile", profile, "--example", name]).status();
    assert!(built.expect("cargo").success());
    directory.join("examples").join(name)
}

/// The two clients: each as ana, writing to luis.
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

fn there_is_python() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: there is no python3 here");
    }
    there
}

#[test]
fn raw_client_sends_what_is_typed_and_prints_what_comes() {
    let server = World::without_lobby();
    server.register("luis");
    let mut ana = Program::start(&mut raw_client(server.send, server.recv));
    // It registers by itself, the first time.
    ana.types("hola; \"luis\" \\o/");
    ana.says(";RECEIVED;");
    let mut luis_hears = server.session("luis");
    let events = luis_hears.list_without_times("POLL;0");
    let message = events.iter().find(|event| event.contains(";MSG;")).expect("the message");
    assert!(message.ends_with(";\"hola; \"\"luis\"\" \\\\o/\""), "{message}");
    // A new connection: the example may have taken longer to be built than the server waits for the other.
    assert!(server.login("luis").request("SEND;m-1;ana;buenas\u{202e}").starts_with("OK;"));
    let shown = ana.says(";luis;ana;");
    assert!(shown.ends_with(";buenas\\u{202e}"), "{shown}");
    // It acknowledges what it has printed: by the next poll.
    assert!(events_until(&mut luis_hears, ";STATE;ana;DELIVERED;"), "DELIVERED is told");
    ana.types("palabra\u{1b}");
    ana.says("* KO;SYNTAX;");
    ana.finish();
}

/// Plays a server that takes a message and dies before it answers.
fn loses_an_answer(start: impl FnOnce(SocketAddr, SocketAddr) -> Command) {
    let (send, recv) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let mut ana = Program::start(&mut start(send.local_addr().unwrap(), recv.local_addr().unwrap()));
    // A connection: its first line, which is answered, and then the next, if there is one.
    let accept = || {
        let mut lines = BufReader::new(send.accept().unwrap().0);
        let (mut login, mut request) = (String::new(), String::new());
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
fn raw_client_asks_again_with_the_same_id() {
    loses_an_answer(raw_client);
}

#[test]
fn client_py_asks_again_with_the_same_id() {
    if there_is_python() {
        let home = TempDir::new().expect("a temporary directory");
        loses_an_answer(|send, recv| client_py(send, recv, home.path()));
    }
}

/// Polls, acknowledging nothing, until an event has this in it.
fn events_until(session: &mut crate::support::Connection, what: &str) -> bool {
    crate::support::wait_for(what, || session.poll(0, 1).iter().any(|event| event.contains(what)).then_some(true))
}

#[test]
fn two_users_shows_a_message_on_its_way() {
    let said = Program::start(&mut Command::new(example("two_users"))).finish();
    let shown: Vec<_> = said.iter().map(|line| line.trim()).collect();
    assert_eq!(
        shown,
        [
            "ana writes to luis, who is away",
            "ana sees: message 1 is RECEIVED; it is on the server's disk",
            "luis comes",
            "luis sees: ana: hola, luis",
            "luis acknowledges what he was given",
            "ana sees: up to 1, all she wrote to luis is DELIVERED",
            "luis reads it",
            "ana sees: up to 1, all she wrote to luis is READ",
        ]
    );
}

#[test]
fn client_py_keeps_what_it_acknowledges_and_shows_it_once() {
    if !there_is_python() {
        return;
    }
    let (server, home) = (World::without_lobby(), TempDir::new().expect("a temporary directory"));
    let mut luis = server.register("luis");
    let mut ana = Program::start(&mut client_py(server.send, server.recv, home.path()));
    ana.types("hola; \"luis\" \\o/");
    ana.says("* 1 RECEIVED");
    assert!(luis.request("SEND;m-1;ana;\"buenas; ana\u{2028}\u{202e}\"").starts_with("OK;m-1;RECEIVED;"));
    let shown = ana.says("luis: ");
    assert!(shown.ends_with("luis: buenas; ana\\u2028\\u202e"), "{shown}");
    let mut luis_hears = server.session("luis");
    let events = luis_hears.list_without_times("POLL;0");
    assert!(events.iter().any(|event| event.ends_with(";\"hola; \"\"luis\"\" \\\\o/\"")), "{events:?}");
    // Kept, so acknowledged.
    assert!(events_until(&mut luis_hears, ";STATE;ana;DELIVERED;2;"), "DELIVERED is told");
    assert_eq!(messages_kept(home.path()), 1);
    ana.types("palabra\u{1b}");
    ana.says("* not sent: SYNTAX");
    ana.finish();

    // Acknowledged messages are in its file and are not shown again; later ones are shown. A record
    // that a crash has cut short, in the middle of a character, does not count.
    let file = std::fs::read_dir(home.path()).expect("its home").flatten().next().expect("its file").path();
    let mut file = std::fs::File::options().append(true).open(file).expect("its file");
    file.write_all(b"3;MSG;m-2;luis;ana;2026-11-20T23:55:00.123Z;\xc2").expect("to write");
    let accepted = luis.request("SEND;m-2;ana;y otra cosa");
    let number = accepted.rsplit(';').next().expect("its number");
    let ana = Program::start(&mut client_py(server.send, server.recv, home.path()));
    let first = ana.says("luis: ");
    assert!(first.ends_with("luis: y otra cosa"), "{first}");
    assert!(events_until(&mut luis_hears, &format!(";STATE;ana;DELIVERED;{number};")), "DELIVERED is told");
    ana.finish();
    assert_eq!(messages_kept(home.path()), 2);
}

/// The messages in the one file there.
fn messages_kept(home: &Path) -> usize {
    let files: Vec<_> = std::fs::read_dir(home).expect("its home").flatten().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let kept = std::fs::read_to_string(files[0].path()).expect("its file");
    kept.lines().filter(|record| record.split(';').count() >= 7 && record.contains(";MSG;")).count()
}
