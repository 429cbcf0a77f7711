//! A proxy process, and a server that only shows what arrives.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use crate::support::{Connection, NO_SETTINGS, PASSWORD, TIMEOUT, WACHAT, send_signal, wait_for, wait_or};

/// A proxy that runs, and what it has said.
pub struct Chaos {
    process: Child,
    keyboard: Option<ChildStdin>,
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<thread::JoinHandle<()>>,
    pub addresses: [SocketAddr; 2],
}

/// Returns the command of a proxy.
pub fn command(options: &[&str]) -> Command {
    let mut command = Command::new(WACHAT);
    command.arg("chaos").args(options).env("WACHAT_CONFIG", NO_SETTINGS).env_remove("RUST_LOG");
    command
}

impl Chaos {
    pub fn start(server: [SocketAddr; 2], options: &[&str]) -> Self {
        let to = format!("{},{}", server[0], server[1]);
        let mut command = command(&[&["--listen", "0,0", "--to", &to], options].concat());
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a proxy");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut ready = String::new();
        output.read_line(&mut ready).expect("its ready line");
        let address = |name: &str| {
            let word = ready.split(' ').find_map(|word| word.strip_prefix(name));
            word.unwrap_or_else(|| panic!("it says {ready:?}")).trim_end().parse().expect("an address")
        };
        let addresses = [address("send="), address("recv=")];
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = said.clone();
        let reader =
            thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| lines.lock().push(line)));
        let keyboard = process.stdin.take();
        Self { process, keyboard, said, reader: Some(reader), addresses }
    }

    /// Starts a proxy with one rule.
    pub fn with_rule(server: [SocketAddr; 2], rule: &str) -> Self {
        Self::start(server, &["--rule", rule])
    }

    /// Opens a SEND connection of a user through the proxy.
    pub fn login(&self, user: &str) -> Connection {
        let (reply, connection) = Connection::open_with(self.addresses[0], &format!("LOGIN:{user}:{PASSWORD}"));
        assert_eq!(reply, format!("OK;{user};wachat/1"));
        connection
    }

    /// Opens a RECV session of a user through the proxy.
    pub fn session(&self, user: &str) -> Connection {
        let (reply, connection) = Connection::open_with(self.addresses[1], &format!("LOGIN:{user}:{PASSWORD}"));
        assert!(reply.starts_with(&format!("OK;{user};wachat/1;")), "{reply}");
        connection
    }

    pub fn press_enter(&mut self) {
        self.keyboard.as_mut().expect("a keyboard").write_all(b"\n").expect("a key");
    }

    /// Waits for a decision, a line of the output without its beginning.
    pub fn wait_for(&self, decision: &str) {
        let is_there = || self.said.lock().iter().any(|line| line.ends_with(decision)).then_some(());
        wait_or(is_there, || format!("no {decision:?} in {:#?}", self.said.lock()));
    }

    /// Stops the proxy as Ctrl-C does. Returns the lines of its output behind those of its start: the decisions, and the
    /// summary.
    pub fn stop(mut self) -> Vec<String> {
        send_signal(self.process.id(), "INT");
        let status = wait_for("the proxy to stop", || self.process.try_wait().expect("its state"));
        let mut errors = String::new();
        self.process.stderr.take().expect("its errors").read_to_string(&mut errors).expect("UTF-8");
        assert!(status.success() && errors.is_empty(), "{status}: {errors}");
        self.reader.take().expect("a reader").join().expect("its output");
        self.said.lock().split_off(2)
    }

    /// Stops a proxy whose trouble went to standard error. Returns that.
    pub fn stop_with_errors(mut self) -> String {
        send_signal(self.process.id(), "INT");
        wait_for("the proxy to stop", || self.process.try_wait().expect("its state"));
        let mut errors = String::new();
        self.process.stderr.take().expect("its errors").read_to_string(&mut errors).expect("UTF-8");
        errors
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server that shows the bytes of one connection, and answers what a test makes it answer. Its RECV port is the same.
pub struct RawServer(TcpListener);

impl RawServer {
    pub fn new() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).expect("a port"))
    }

    pub fn addresses(&self) -> [SocketAddr; 2] {
        [self.0.local_addr().expect("an address"); 2]
    }

    pub fn accept(&self) -> TcpStream {
        let (stream, _) = self.0.accept().expect("a connection");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
        stream
    }
}

/// Reads this many bytes.
pub fn read_exactly(mut stream: &TcpStream, bytes: &str) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).expect("as many bytes");
    assert_eq!(String::from_utf8_lossy(&read), bytes);
}

/// Reads to the end of a connection.
pub fn read_to_end(mut stream: &TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("UTF-8 and an end");
    text
}
