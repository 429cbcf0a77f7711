//! What tests that speak the socket have in common: a real server process, and a line to it.
//!
//! Every wait is bounded, and says what was waited for.
#![allow(dead_code)]

pub mod checker;
pub mod client;
pub mod hooked;
pub mod kept;
pub mod playing;
pub mod process;
pub mod proxy;

pub mod random;
pub mod telegram;
pub mod traffic;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wachat::disk::{Disk, SimulatedDisk};

/// Longer than anything should take, even on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What every test user's password is, unless the test is about passwords.
pub const PASSWORD: &str = "palabra larga";

/// A server process with a data directory that goes with the test.
pub struct Server {
    child: Child,
    pub send: SocketAddr,
    pub recv: SocketAddr,
    home: Home,
    flags: Vec<String>,
}

/// A directory that goes with the test, and where in it (or elsewhere) the data are.
#[derive(Clone)]
struct Home {
    directory: std::sync::Arc<TempDir>,
    data: PathBuf,
}

impl Home {
    fn new(directory: TempDir) -> Self {
        Self { data: directory.path().join("data"), directory: std::sync::Arc::new(directory) }
    }
}

impl Server {
    /// A server without a lobby: whoever registers knows nobody yet.
    pub fn start() -> Self {
        Self::with_flags(&["--no-lobby"])
    }

    pub fn with_flags(flags: &[&str]) -> Self {
        let home = Home::new(TempDir::new().expect("a temporary directory"));
        Self::run(home, flags.iter().map(|f| (*f).to_owned()).collect(), ports())
    }

    /// A server whose data directory is there already.
    pub fn on(directory: TempDir, flags: &[&str]) -> Self {
        Self::run(Home::new(directory), flags.iter().map(|f| (*f).to_owned()).collect(), ports())
    }

    /// A server with its log in one directory and its data in another place.
    pub fn with_data(directory: TempDir, data: &Path) -> Self {
        let home = Home { data: data.to_path_buf(), ..Home::new(directory) };
        Self::run(home, Vec::new(), ports())
    }

    fn run(home: Home, flags: Vec<String>, ports: [u16; 2]) -> Self {
        let path = home.directory.path().join("log");
        let log = File::options().create(true).append(true).open(path).expect("a log file");
        let mut child = serve_at(ports, &home.data)
            .args(&flags)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its standard output"));
        out.read_line(&mut line).expect("its first line");
        let address = |key: &str| {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix(key));
            word.unwrap_or_else(|| panic!("no {key} in {line:?}")).parse().expect("an address")
        };
        Self { send: address("send="), recv: address("recv="), child, home, flags }
    }

    pub fn data(&self) -> PathBuf {
        self.home.data.clone()
    }

    /// Of the SEND port and the RECV port.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        [self.send, self.recv]
    }

    /// Of something that goes with the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.directory.path().join(name)
    }

    /// What the server has said on its standard error, in all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).expect("the log")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as `kill -9` does. The data directory stays.
    pub fn kill(mut self) -> Stopped {
        self.crash();
        self.stopped()
    }

    /// [`Server::kill`], for [`Server::restart`] on the same ports: clients look for it there.
    pub fn crash(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    pub fn restart(&mut self) {
        *self = Self::run(self.home.clone(), self.flags.clone(), self.ports());
    }

    fn ports(&self) -> [u16; 2] {
        [self.send.port(), self.recv.port()]
    }

    /// Ends the process as `kill` does; fails if it does not end in time.
    pub fn stop(self) -> (Stopped, ExitStatus, Duration) {
        self.stop_by("TERM")
    }

    /// Ends the process by a signal: `INT` is Ctrl-C.
    pub fn stop_by(mut self, name: &str) -> (Stopped, ExitStatus, Duration) {
        let start = Instant::now();
        signal(self.pid(), name);
        let status = wait_for("the server to stop", || self.child.try_wait().expect("its state"));
        (self.stopped(), status, start.elapsed())
    }

    fn stopped(&self) -> Stopped {
        Stopped { home: self.home.clone(), ports: self.ports(), flags: self.flags.clone() }
    }

    /// A SEND connection of somebody who has an account already.
    pub fn login(&self, user: &str) -> Line {
        let mut line = Line::open(self.send);
        assert_eq!(line.ask(&format!("LOGIN:{user}:{PASSWORD}")), format!("OK;{user};wachat/1"));
        line
    }

    /// A SEND connection of somebody new.
    pub fn register(&self, user: &str) -> Line {
        let mut line = Line::open(self.send);
        assert_eq!(line.ask(&format!("REGISTER:{user}:{PASSWORD}")), format!("OK;{user};wachat/1"));
        line
    }

    /// Connects, says the login line and returns its whole answer: the connection is over if it is a KO.
    pub fn try_login(&self, port: SocketAddr, line: &str) -> (String, Line) {
        let mut connection = Line::open(port);
        (connection.ask(line), connection)
    }

    /// A RECV session of somebody who has an account already.
    pub fn session(&self, user: &str) -> Line {
        let mut line = Line::open(self.recv);
        let reply = line.ask(&format!("LOGIN:{user}:{PASSWORD}"));
        assert!(reply.starts_with(&format!("OK;{user};wachat/1;")), "{reply}");
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that is not running, and can be started again.
pub struct Stopped {
    home: Home,
    ports: [u16; 2],
    flags: Vec<String>,
}

impl Stopped {
    pub fn data(&self) -> PathBuf {
        self.home.data.clone()
    }

    pub fn start(self) -> Server {
        Server::run(self.home, self.flags, self.ports)
    }

    pub fn start_with(self, flags: &[&str]) -> Server {
        Server::run(self.home, flags.iter().map(|flag| (*flag).to_owned()).collect(), self.ports)
    }

    /// Starts a server and ends it as `kill -9` does after this time, in the middle of its recovery or
    /// just behind it, when something else has happened.
    pub fn start_and_kill(&self, after: Duration, first: impl FnOnce()) {
        let mut child = serve(&self.data()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server");
        std::thread::sleep(after);
        first();
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");
    }

    /// Starts a server that is expected not to serve: its exit code and what it says.
    pub fn start_in_vain(&self) -> (Option<i32>, String) {
        in_vain(serve(&self.data()).args(&self.flags))
    }

    /// Asserts that `wachat check` finds no damage.
    pub fn assert_whole(&self) {
        let mut check = Command::new(env!("CARGO_BIN_EXE_wachat"));
        let (code, said) = in_vain(check.arg("check").arg("--data").arg(self.data()));
        assert_eq!(code, Some(0), "wachat check: {said}");
    }
}

/// Runs a command that is expected to end by itself: its exit code and its standard error.
pub fn in_vain(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut pipe = child.stderr.take().expect("its standard error");
    let text = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = pipe.read_to_string(&mut text);
        text
    });
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().expect("its state") {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                let _ = child.kill();
                panic!("it was expected to end, and runs");
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    (status.code(), text.join().expect("what it said"))
}

/// `wachat serve` on free ports of the loopback interface.
pub fn serve(data: &Path) -> Command {
    serve_at([0, 0], data)
}

/// A settings file with nothing in it: whoever runs the tests may have one of their own.
pub const NO_SETTINGS: &str = "/dev/null";

/// Ports for a server: the SEND port and the RECV port.
///
/// The system would give a port that a killed server has left to the next program that asks, another test's
/// server among them, and clients of the first would talk to the second. These ports lie below those that
/// systems choose from, and are given once.
pub fn ports() -> [u16; 2] {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut free = std::iter::repeat_with(|| {
        // Test processes that run at the same time begin at distant ports.
        let begin = std::process::id().wrapping_mul(7_919);
        let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        (FIRST + number % COUNT) as u16
    })
    .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    [(); 2].map(|()| free.next().expect("a port"))
}

fn serve_at([send, recv]: [u16; 2], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wachat"));
    command.arg("serve").args(["--send-port", &send.to_string(), "--recv-port", &recv.to_string()]);
    command.arg("--data").arg(data).env_remove("RUST_LOG").env("WACHAT_CONFIG", NO_SETTINGS);
    command
}

pub fn signal(pid: u32, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill");
    assert!(done.success(), "kill -{name} {pid}");
}

/// Asks again and again until there is a result; fails after [`PATIENCE`].
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_or(look, || format!("waited in vain for {what}"))
}

/// [`wait_for`], with more to say of the failure.
pub fn wait_or<T>(mut look: impl FnMut() -> Option<T>, failure: impl FnOnce() -> String) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() > deadline {
            panic!("{}", failure());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A connection, line by line.
pub struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("a connection")
    }

    /// A connection to a server that may not be there.
    pub fn try_open(address: SocketAddr) -> Option<Self> {
        Self::of(TcpStream::connect_timeout(&address, PATIENCE).ok()?).ok()
    }

    /// A connection that is open already.
    pub fn of(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("to send");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// The next line, without its LF.
    pub fn line(&mut self) -> String {
        self.try_line().expect("a line, not the end")
    }

    /// The next line; `None` if the connection ended, in whatever way.
    pub fn try_line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let read = self.stream.read_until(b'\n', &mut bytes);
        assert!(!matches!(&read, Err(e) if e.kind() == std::io::ErrorKind::WouldBlock), "waited in vain for a line");
        read.ok().filter(|n| *n > 0)?;
        bytes.strip_suffix(b"\n").map(|line| String::from_utf8(line.to_vec()).expect("UTF-8"))
    }

    /// Sends one request and returns the first line of its reply.
    pub fn ask(&mut self, request: &str) -> String {
        self.send(format!("{request}\n"));
        self.line()
    }

    /// Sends one request whose reply is a list, and returns its records.
    pub fn list(&mut self, request: &str) -> Vec<String> {
        self.send(format!("{request}\n"));
        self.read_list(request)
    }

    /// The records of a list, whose request was sent before.
    pub fn read_list(&mut self, request: &str) -> Vec<String> {
        let head = self.line();
        let count = head.strip_prefix("OK;").and_then(|n| n.split(';').next()?.parse::<usize>().ok());
        let count = count.unwrap_or_else(|| panic!("{request} was answered {head}"));
        (0..count).map(|_| self.line()).collect()
    }

    /// Plays a transcript: `> ` is what this side says, `< ` what the server has to answer. In an
    /// answer `<at>` stands for a time, and `...` at its end for what is there for people to read.
    #[track_caller]
    pub fn play(&mut self, script: &str) {
        for step in script.lines().map(str::trim).filter(|step| !step.is_empty()) {
            match (step.strip_prefix("> "), step.strip_prefix("< ")) {
                (Some(request), _) => self.send(format!("{request}\n")),
                (_, Some(expected)) => {
                    let said = self.try_line().unwrap_or_else(|| "the end of the connection".to_owned());
                    assert!(is_like(&said, expected), "expected {expected}\n but got {said}\n in{script}");
                }
                _ => panic!("a step of a transcript begins with > or <: {step}"),
            }
        }
    }

    /// Sends one request and expects a KO with this code.
    #[track_caller]
    pub fn refused(&mut self, request: &str, code: &str) {
        let reply = self.ask(request);
        let start: String = request.chars().take(60).collect();
        assert!(reply.starts_with(&format!("KO;{code};")), "{start:?} was answered {reply:?}, not with {code}");
    }

    /// The events that a poll brings.
    pub fn poll(&mut self, after: u64, wait: u64) -> Vec<String> {
        self.list(&format!("POLL;{after};{wait}"))
    }

    /// Waits until somebody's RECV session has begun.
    pub fn wait_until_online(&mut self, user: &str) {
        let entry = format!("{user};online;");
        wait_for("somebody to be online", || self.list("USERS").iter().any(|u| u.starts_with(&entry)).then_some(()));
    }

    /// Whether something can be read, or the end, within this time.
    pub fn has_input(&mut self, within: Duration) -> bool {
        self.stream.get_ref().set_read_timeout(Some(within)).expect("a time-out");
        let input = self.stream.fill_buf().is_ok();
        self.stream.get_ref().set_read_timeout(Some(PATIENCE)).expect("a time-out");
        input
    }

    /// [`Line::list`] with `<at>` in place of the times, for comparing.
    pub fn timeless(&mut self, request: &str) -> Vec<String> {
        self.list(request).iter().map(|record| without_times(record)).collect()
    }

    /// Ends the output of this side; what the other says can still be read.
    pub fn half_close(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.try_line()).collect()
    }

    /// Asserts that the server has closed.
    pub fn assert_closed(&mut self) {
        assert_eq!(self.try_line(), None, "the connection should be closed");
    }
}

fn is_like(said: &str, expected: &str) -> bool {
    let said = without_times(said);
    match expected.strip_suffix("...") {
        Some(start) => said.starts_with(start) && said.len() > start.len(),
        None => said == expected,
    }
}

/// A record with `<at>` wherever a whole field is a time as section 2 has it.
pub fn without_times(record: &str) -> String {
    record.split(';').map(|field| if is_time(field) { "<at>" } else { field }).collect::<Vec<_>>().join(";")
}

fn is_time(field: &str) -> bool {
    let form = "2026-11-20T23:55:00.123Z";
    let same = |(a, b): (u8, u8)| a == b || a.is_ascii_digit() && b.is_ascii_digit();
    field.len() == form.len() && field.bytes().zip(form.bytes()).all(same)
}

/// A table of the newest checkpoint, as text.
pub fn read_checkpoint(data: &Path, table: &str) -> String {
    let file = newest_checkpoint(data).join(format!("{table}.csv"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The directory of the newest checkpoint.
pub fn newest_checkpoint(data: &Path) -> PathBuf {
    let entries = std::fs::read_dir(data).expect("the data directory").flatten().map(|entry| entry.path());
    let number =
        |path: &PathBuf| -> Option<u64> { path.file_name()?.to_str()?.strip_prefix("checkpoint-")?.parse().ok() };
    entries.filter(|path| number(path).is_some()).max_by_key(number).expect("a checkpoint")
}

/// The files under a directory of a disk, and what is in them; none if it is not there.
pub fn files(disk: &SimulatedDisk, directory: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut directories) = (BTreeMap::new(), vec![PathBuf::from(directory)]);
    while let Some(directory) = directories.pop() {
        for path in disk.list(&directory).unwrap_or_default().into_iter().map(|name| directory.join(name)) {
            match wachat::disk::read(disk, &path) {
                Ok(content) => _ = found.insert(path, content),
                Err(_) => directories.push(path),
            }
        }
    }
    found
}
