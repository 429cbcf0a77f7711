//! A world for one test: a server process, and a directory that is removed with the test.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::clock::Clock;
use super::tls;
use super::{Connection, NO_SETTINGS, PASSWORD, WACHAT, run_to_end, send_signal, wait_for};

/// A server process, its data directory, and the homes of its clients.
///
/// The server can be killed or stopped, and started again, on the same data and the same ports.
pub struct World {
    /// Addresses of the SEND port and the RECV port.
    pub send: SocketAddr,
    pub recv: SocketAddr,
    /// Ports that the clients of this world connect to: a test may put a proxy, or a server of its own, there.
    pub send_port: u16,
    pub recv_port: u16,
    /// `None` while it is killed or stopped.
    process: Option<Child>,
    directory: TempDir,
    program: PathBuf,
    data: PathBuf,
    options: Vec<String>,
    /// Limit of the open files of the server; `None`: the system's.
    pub files: Option<u64>,
    /// The server runs as a user of its own, whose threads can be limited (Linux).
    pub is_apart: bool,
    /// The server's clock; `None`: that of the system.
    pub clock: Option<Clock>,
}

impl World {
    /// Starts a server with these options of `wachat serve`.
    pub fn new(options: &[&str]) -> Self {
        Self::in_directory(TempDir::new().expect("a temporary directory"), options)
    }

    /// Starts a server whose users are in no room when they register.
    pub fn without_lobby() -> Self {
        Self::new(&["--no-lobby"])
    }

    /// Starts a server on `data` in this directory, which may exist already.
    pub fn in_directory(directory: TempDir, options: &[&str]) -> Self {
        let data = directory.path().join("data");
        Self::with_data(directory, &data, options)
    }

    /// Starts a server whose clock the test sets. `None`: there is no such clock here.
    pub fn with_clock(options: &[&str]) -> Option<Self> {
        let clock = Clock::new()?;
        let mut world = Self::new(options);
        world.kill();
        world.clock = Some(clock);
        world.start();
        Some(world)
    }

    /// Sets the clock of [`World::with_clock`] so far ahead of the real one.
    pub fn set_clock(&self, ahead: Duration) {
        self.clock.as_ref().expect("a clock").set(ahead);
    }

    /// Starts a server with its log in this directory and its data elsewhere.
    pub fn with_data(directory: TempDir, data: &Path, options: &[&str]) -> Self {
        Self::of_program(WACHAT.as_ref(), directory, data, options)
    }

    /// Starts the server of a program, such as that of another release.
    pub fn of_program(program: &Path, directory: TempDir, data: &Path, options: &[&str]) -> Self {
        let [send_port, recv_port] = choose_ports();
        let [send, recv] = [send_port, recv_port].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let program = program.to_path_buf();
        let data = data.to_path_buf();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let process = None;
        let files = None;
        let is_apart = false;
        let clock = None;
        let mut world = Self {
            send,
            recv,
            send_port,
            recv_port,
            process,
            directory,
            program,
            data,
            options,
            files,
            is_apart,
            clock,
        };
        world.start();
        world
    }

    /// Starts the server again, after [`World::kill`] or [`World::stop`].
    pub fn start(&mut self) -> &mut Self {
        assert!(self.process.is_none(), "the server is running");
        let log = File::options().create(true).append(true).open(self.path("log")).expect("a log file");
        let mut child = self.serve().stdout(Stdio::piped()).stderr(log).spawn().expect("a server");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("its standard output"));
        output.read_line(&mut line).expect("its first line");
        self.process = Some(child);
        assert!(line.contains(&format!("send={} recv={} ", self.send, self.recv)), "it says {line:?}; {}", self.log());
        self
    }

    /// Starts the server again with other options.
    pub fn start_with(&mut self, options: &[&str]) -> &mut Self {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
        self.start()
    }

    /// Starts a server that is expected to end by itself; returns its exit code and its standard error.
    pub fn start_and_fail(&self) -> (Option<i32>, String) {
        run_to_end(&mut self.serve())
    }

    /// Starts a server and kills it after this time, during its recovery or soon after it. Calls `before_kill`
    /// at that moment.
    pub fn start_and_kill(&self, after: Duration, before_kill: impl FnOnce()) {
        let mut child = self.serve().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server");
        std::thread::sleep(after);
        before_kill();
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");
    }

    /// Kills the server as `kill -9` does.
    pub fn kill(&mut self) -> &mut Self {
        let mut process = self.process.take().expect("a running server");
        process.kill().expect("SIGKILL");
        process.wait().expect("its end");
        self
    }

    /// Stops the server as `kill` does. Fails if it does not end in time.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        self.stop_by("TERM")
    }

    /// Stops the server by a signal: `INT` is Ctrl-C.
    pub fn stop_by(&mut self, signal: &str) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        let mut process = self.process.take().expect("a running server");
        send_signal(process.id(), signal);
        let status = wait_for("the server to stop", || process.try_wait().expect("its state"));
        (status, begin.elapsed())
    }

    /// Asserts that `wachat check` finds no damage in the data of the stopped server.
    pub fn assert_undamaged(&self) {
        let (code, said) = run_to_end(Command::new(WACHAT).arg("check").arg("--data").arg(self.data()));
        assert_eq!(code, Some(0), "wachat check: {said}");
    }

    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// Returns the path of a file that is removed with the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the standard error of the server, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).expect("the log")
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running server").id()
    }

    pub fn addresses(&self) -> [SocketAddr; 2] {
        [self.send, self.recv]
    }

    /// Runs a command of the administrator on the data of this world: its exit code, standard output and standard error.
    pub fn admin(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(WACHAT);
        command.args(words).arg("--data").arg(&self.data).env("WACHAT_PASSWORD", PASSWORD);
        let Output { status, stdout, stderr } =
            command.env("WACHAT_CONFIG", NO_SETTINGS).env_remove("RUST_LOG").output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (status.code(), text(stdout), text(stderr))
    }

    /// Runs a command of the administrator that has to succeed; returns its standard output.
    #[track_caller]
    pub fn administer(&self, words: &[&str]) -> String {
        let (code, out, said) = self.admin(words);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{words:?}");
        out
    }

    /// Opens a SEND connection of a user who has an account.
    pub fn login(&self, user: &str) -> Connection {
        self.try_login(user).unwrap_or_else(|reply| panic!("{user}: {reply}"))
    }

    /// Opens a SEND connection of a new user.
    pub fn register(&self, user: &str) -> Connection {
        let (reply, connection) = Connection::open_with(self.send, &format!("REGISTER:{user}:{PASSWORD}"));
        assert_eq!(reply, format!("OK;{user};wachat/1"));
        connection
    }

    /// Opens a SEND connection of a user, who has an account from then on.
    pub fn login_or_register(&self, user: &str) -> Connection {
        self.try_login(user).unwrap_or_else(|_| self.register(user))
    }

    /// Lets a user be called by another one; both have accounts from then on.
    pub fn permit(&self, user: &str, caller: &str) {
        drop(self.login_or_register(caller));
        assert_eq!(self.login_or_register(user).request(&format!("PERMIT;{caller};yes")), "OK");
    }

    fn try_login(&self, user: &str) -> Result<Connection, String> {
        let (reply, connection) = Connection::open_with(self.send, &format!("LOGIN:{user}:{PASSWORD}"));
        if reply == format!("OK;{user};wachat/1") { Ok(connection) } else { Err(reply) }
    }

    /// Opens a RECV session of a user who has an account.
    pub fn session(&self, user: &str) -> Connection {
        let (reply, connection) = Connection::open_with(self.recv, &format!("LOGIN:{user}:{PASSWORD}"));
        assert!(reply.starts_with(&format!("OK;{user};wachat/1;")), "{reply}");
        connection
    }

    /// Opens a RECV session of a new user.
    pub fn register_session(&self, user: &str) -> Connection {
        self.register(user);
        self.session(user)
    }

    fn serve(&self) -> Command {
        let mut command = serve_by(&self.program, &self.data, [self.send.port(), self.recv.port()]);
        command.args(&self.options);
        // A connection of a test may be idle for longer than the default on a busy machine.
        if !self.options.iter().any(|option| option == "--timeout") {
            command.args(["--timeout", "30"]);
        }
        if tls::is_everywhere() && !self.options.iter().any(|option| ["--tls", "--cert"].contains(&option.as_str())) {
            command.arg("--tls");
        }
        if let Some(clock) = &self.clock {
            clock.give_to(&mut command);
        }
        if self.is_apart {
            return self.apart(&command);
        }
        let Some(files) = self.files else { return command };
        let mut limited = Command::new("sh");
        limited.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\"")).arg(WACHAT).args(command.get_args());
        limited.env_remove("RUST_LOG").env("WACHAT_CONFIG", NO_SETTINGS);
        limited
    }
}

impl World {
    /// Returns the user that a server apart runs as; `None`: that of this process.
    pub fn user(&self) -> Option<u32> {
        (self.is_apart && rustix::process::getuid().is_root()).then(|| 50_000 + std::process::id() % 10_000)
    }

    /// The command, run by a user of its own; the limit of threads does not bind root. Who is not root gets a namespace in
    /// which they are counted apart.
    fn apart(&self, command: &Command) -> Command {
        let mut apart = if let Some(user) = self.user() {
            let program = self.path("wachat");
            // The one that was built may be in a directory that others cannot read.
            // By another process: a descriptor for writing that a thread of this one hands to a child in the moment of its start
            // would keep the program from being executed.
            let copied = Command::new("cp").arg(WACHAT).arg(&program).status().expect("cp");
            assert!(copied.success(), "a copy of the program");
            let owner = format!("{user}:{user}");
            let done = Command::new("chown").args(["-R", &owner]).arg(self.directory.path()).status().expect("chown");
            assert!(done.success(), "chown -R {owner}");
            let mut apart = Command::new(program);
            apart.uid(user).gid(user);
            apart
        } else {
            let mut apart = Command::new("unshare");
            apart.arg("--user").arg(WACHAT);
            apart
        };
        apart.args(command.get_args()).env_remove("RUST_LOG").env("WACHAT_CONFIG", NO_SETTINGS);
        apart
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// `wachat serve` with these ports, without the environment and the settings of the person who runs the tests.
pub fn serve(data: &Path, ports: [u16; 2]) -> Command {
    serve_by(WACHAT.as_ref(), data, ports)
}

/// The same, of another program.
fn serve_by(program: &Path, data: &Path, [send, recv]: [u16; 2]) -> Command {
    let mut command = Command::new(program);
    command.arg("serve").args(["--send-port", &send.to_string(), "--recv-port", &recv.to_string()]);
    command.arg("--data").arg(data).env_remove("RUST_LOG").env("WACHAT_CONFIG", NO_SETTINGS);
    command
}

/// Chooses free ports for a server that keeps them while it is killed and started again.
pub fn choose_ports() -> [u16; 2] {
    let first = choose_ports_in_a_row(2);
    [first, first + 1]
}

/// Chooses this many free ports in a row, and returns the first.
///
/// The system would give the port of a killed server to the next program that asks for any, such as the server
/// of another test. These ports are below those that the system chooses from, and below those of the judge of clients.
pub fn choose_ports_in_a_row(count: u16) -> u16 {
    static RANGE: LazyLock<(u16, TcpListener)> = LazyLock::new(take_range);
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // The same divisor whatever the count: after the last port rows that are chosen at the same time do not overlap.
    let next = || RANGE.0 + 1 + NEXT.fetch_add(count, Ordering::Relaxed) % (PORTS_OF_A_PROGRAM - PORTS_IN_A_ROW);
    let mut candidates = std::iter::repeat_with(next).take(PORTS_OF_A_PROGRAM.into());
    candidates.find(|first| (*first..first + count).all(is_free)).expect("free ports")
}

/// The ports of all test programs that run at the same time, and of one of them.
const PORTS: Range<u16> = 10_000..19_900;
const PORTS_OF_A_PROGRAM: u16 = 3_300;

/// Most ports that are chosen in a row.
const PORTS_IN_A_ROW: u16 = 32;

/// Takes a range of ports that no other test program has: the listener on its first port reserves it until this process ends.
fn take_range() -> (u16, TcpListener) {
    let mut firsts = PORTS.step_by(PORTS_OF_A_PROGRAM.into());
    firsts.find_map(|port| Some((port, TcpListener::bind(("127.0.0.1", port)).ok()?))).expect("a free range of ports")
}

/// Returns whether nobody listens on a port. A listener would do, but a process that another thread is starting has a copy of it
/// until it runs its program, and the server could not bind meanwhile: a socket that only is bound is in nobody's way.
fn is_free(port: u16) -> bool {
    use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt::set_socket_reuseaddr};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    set_socket_reuseaddr(&socket, true).expect("a socket");
    bind(&socket, &SocketAddr::from(([127, 0, 0, 1], port))).is_ok()
}
