//! A client whose program is a thread of the test: a script of the shell connects its input and outputs with named pipes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use tempfile::TempDir;
use wachat::course::judge::client::{self, Client};
use wachat::course::judge::script::Side;
use wachat::course::judge::{Outcome, Test};

use super::{LONG, test};
use crate::support::Connection;

/// Each run has a folder of its own with its pipes; `count` has their number.
const SCRIPT: &str = r#"cd "${0%/*}" || exit 9
n=$(($(cat count) + 1))
mkdir run$n && mkfifo run$n/in run$n/out run$n/err run$n/code || exit 9
env >run$n/env
exec 3<&0 4<>run$n/code
echo $n >new && mv new count
cat <&3 >run$n/in &
cat run$n/out &
out=$!
cat run$n/err >&2 &
err=$!
read -r code <&4
wait $out $err
[ "$code" = killed ] && kill -9 $$
exit $code
"#;

pub struct Puppet {
    directory: PathBuf,
    runs: usize,
    over: Receiver<()>,
    /// Takes the exit code of the last run.
    code: Option<File>,
}

/// A run of the client: from `run` to its end.
pub struct Run {
    pub environment: HashMap<String, String>,
    /// The lines of its input; it ends with the input.
    pub input: Receiver<String>,
    out: File,
    err: File,
    code: File,
}

/// Plays steps against a client: this function is it.
pub fn play(steps: &str, patience: Duration, client: impl FnOnce(&mut Puppet) -> Option<()> + Send) -> Outcome {
    play_all(&[test(Side::Client, steps)], patience, client).remove(0)
}

pub fn play_all(
    tests: &[&'static Test],
    patience: Duration,
    client: impl FnOnce(&mut Puppet) -> Option<()> + Send,
) -> Vec<Outcome> {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("client"), SCRIPT).expect("to write");
    fs::write(directory.path().join("count"), "0\n").expect("to write");
    let command = format!("exec sh {}/client", directory.path().display());
    let (end, over) = channel();
    let mut puppet = Puppet { directory: directory.path().to_owned(), runs: 0, over, code: None };
    thread::scope(|scope| {
        scope.spawn(move || client(&mut puppet));
        let outcomes = client::run(&Client { command, patience, players: 1, once: false }, tests, |_| {});
        let _ = end.send(());
        outcomes
    })
}

impl Puppet {
    /// Waits until the judge starts the client once more; `None`: the test is over.
    pub fn run(&mut self) -> Option<Run> {
        self.runs += 1;
        let count = self.directory.join("count");
        let is_there =
            || fs::read_to_string(&count).is_ok_and(|text| text.trim().parse::<usize>().unwrap_or(0) >= self.runs);
        while !is_there() {
            if self.over.recv_timeout(Duration::from_millis(5)).is_ok() {
                return None;
            }
        }
        let run = Run::open(&self.directory.join(format!("run{}", self.runs)))?;
        self.code = run.code.try_clone().ok();
        Some(run)
    }

    /// Ends the last run with this exit code, when its pipes are closed.
    pub fn end_last(&mut self, code: &str) {
        let _ = self.code.take().map(|mut pipe| pipe.write_all(format!("{code}\n").as_bytes()));
    }

    /// Waits until the test is over.
    pub fn wait_for_the_end(&self) -> Option<()> {
        self.over.recv().ok()
    }
}

impl Run {
    fn open(folder: &Path) -> Option<Self> {
        let environment = fs::read_to_string(folder.join("env")).expect("the environment");
        let environment = environment.lines().filter_map(|line| line.split_once('='));
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (lines, input) = channel();
        let path = folder.join("in");
        thread::spawn(move || {
            let file = BufReader::new(File::open(path).expect("a pipe"));
            file.lines().map_while(Result::ok).for_each(|line| _ = lines.send(line));
        });
        let pipe = |name| open_to_write(&folder.join(name));
        Some(Self { environment, input, out: pipe("out")?, err: pipe("err")?, code: pipe("code")? })
    }

    pub fn port(&self, port: &str) -> SocketAddr {
        let port = self.environment[&format!("WACHAT_{port}_PORT")].parse().expect("a port");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    pub fn connect(&self, port: &str) -> Option<Connection> {
        Connection::try_open(self.port(port))
    }

    pub fn log_in(&self, port: &str) -> Option<Connection> {
        let mut connection = self.connect(port)?;
        let reply = ask(&mut connection, &format!("LOGIN:ana:{}", self.environment["WACHAT_PASSWORD"]))?;
        reply.starts_with("OK").then_some(connection)
    }

    /// Writes a line of output; the judge may have ended the test before.
    pub fn say(&mut self, line: &str) {
        let _ = self.out.write_all(format!("{line}\n").as_bytes());
    }

    /// Writes a line on the standard error.
    pub fn warn(&mut self, line: &str) {
        let _ = self.err.write_all(format!("{line}\n").as_bytes());
    }

    /// Ends the program with this exit code, or `killed`.
    pub fn end(mut self, code: &str) {
        let _ = self.code.write_all(format!("{code}\n").as_bytes());
    }
}

/// Opens a pipe as soon as the script reads from it: what was written before would be lost. `None`: it was killed before.
fn open_to_write(path: &Path) -> Option<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("a flag");
    let deadline = Instant::now() + LONG;
    while Instant::now() < deadline {
        if let Ok(_reader) = File::options().write(true).custom_flags(flags).open(path) {
            return File::options().write(true).open(path).ok();
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Sends a line, and returns its reply; `None` at the end of the connection.
pub fn ask(connection: &mut Connection, line: &str) -> Option<String> {
    connection.try_send(format!("{line}\n")).ok()?;
    connection.try_read_line()
}

/// Sends a line, and returns its reply of several lines.
pub fn ask_list(connection: &mut Connection, line: &str) -> Option<Vec<String>> {
    let head = ask(connection, line)?;
    let count: usize = head.strip_prefix("OK;")?.parse().ok()?;
    (0..count).map(|_| connection.try_read_line()).collect()
}
