//! The examples do what they say, with a real server.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use support::{PASSWORD, PATIENCE, Server};
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
            match self.output.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(what) => return line,
                Ok(line) => heard.push(line),
                Err(_) => panic!("{what:?} was not said, but {heard:#?}"),
            }
        }
    }

    /// Ends its input, and expects it to end well; returns what it had still to say.
    fn finish(mut self) -> Vec<String> {
        self.input = None;
        let status = support::wait_for("the program to end", || self.child.try_wait().expect("its state"));
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

/// An example as it is now: cargo has built it for `cargo test`, but not for `cargo test --test examples`.
fn example(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let directory = Path::new(env!("CARGO_BIN_EXE_wachat")).parent().expect("the directory of the binary");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let _one = ONE_AT_A_TIME.lock();
    let built =
        Command::new(env!("CARGO")).args(["build", "--quiet", "--profile", profile, "--example", name]).status();
    assert!(built.expect("cargo").success());
    directory.join("examples").join(name)
}

#[test]
fn raw_client_sends_what_is_typed_and_prints_what_comes() {
    let server = Server::start();
    let mut luis = server.register("luis");
    let mut ana = Program::start(
        Command::new(example("raw_client"))
            .args(["ana", PASSWORD, "luis"])
            .env("WACHAT_SEND", server.send.to_string())
            .env("WACHAT_RECV", server.recv.to_string()),
    );
    // It registers by itself, the first time.
    ana.types("hola; \"luis\" \\o/");
    ana.says(";RECEIVED;");
    let mut luis_hears = server.session("luis");
    let events = luis_hears.timeless("POLL;0");
    let message = events.iter().find(|event| event.contains(";MSG;")).expect("the message");
    assert!(message.ends_with(";\"hola; \"\"luis\"\" \\\\o/\""), "{message}");
    assert!(luis.ask("SEND;m-1;ana;buenas").starts_with("OK;"));
    ana.says(";luis;ana;");
    // It acknowledges what it has printed: by the next poll.
    assert!(events_until(&mut luis_hears, ";STATE;ana;DELIVERED;"), "DELIVERED is told");
    ana.finish();
}

/// Polls, acknowledging nothing, until an event has this in it.
fn events_until(session: &mut support::Line, what: &str) -> bool {
    support::wait_for(what, || session.poll(0, 1).iter().any(|event| event.contains(what)).then_some(true))
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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/client.py");
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3 here");
        return;
    }
    let (server, home) = (Server::start(), TempDir::new().expect("a temporary directory"));
    let mut luis = server.register("luis");
    let start = |server: &Server| {
        let mut command = Command::new("python3");
        command.arg(&script).args(["ana", "luis", "--home"]).arg(home.path()).env("WACHAT_PASSWORD", PASSWORD);
        for (flag, port) in [("--send-port", server.send), ("--recv-port", server.recv)] {
            command.arg(flag).arg(port.port().to_string());
        }
        Program::start(&mut command)
    };
    let mut ana = start(&server);
    ana.types("hola; \"luis\" \\o/");
    ana.says("* 1 RECEIVED");
    assert!(luis.ask("SEND;m-1;ana;\"buenas; ana\u{2028}\"").starts_with("OK;m-1;RECEIVED;"));
    ana.says("luis: buenas; ana");
    // Kept, so acknowledged; shown, so read.
    let mut luis_hears = server.session("luis");
    assert!(events_until(&mut luis_hears, ";STATE;ana;READ;2;"), "READ is told");
    ana.types("/history");
    ana.says(";\"hola; ");
    ana.types("/to nadie");
    ana.types("hola?");
    ana.says("* not sent: NO_USER");
    ana.types("/quit");
    ana.finish();

    // What was acknowledged is in its file and is not shown again, what came meanwhile is.
    assert!(luis.ask("SEND;m-2;ana;y otra cosa").starts_with("OK;"));
    let ana = start(&server);
    let first = ana.says("luis: ");
    assert!(first.ends_with("luis: y otra cosa"), "{first}");
    ana.finish();
    let files: Vec<_> = std::fs::read_dir(home.path()).expect("its home").flatten().collect();
    let kept = std::fs::read_to_string(files.first().expect("its file").path()).expect("its file");
    assert_eq!(kept.matches(";MSG;").count(), 2, "{kept}");
}
