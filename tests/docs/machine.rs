//! The machine on which the sessions of the pages are played, one after the other: one directory, which is also the home,
//! and at most one server.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tempfile::TempDir;

use crate::docs::page::path;
use crate::support::{NO_SETTINGS, WACHAT, send_signal, wait_for};

/// The command of the README until `wachat` is installed.
const CARGO_RUN: &str = "cargo run --release --";

pub struct Machine {
    directory: TempDir,
    server: Option<Server>,
}

/// A server that runs, its ports, and the rest of its output.
struct Server {
    process: Child,
    ports: [String; 2],
    output: Lines<BufReader<ChildStdout>>,
}

impl Machine {
    /// The directory has what a clone of the project has in `data`.
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        fs::create_dir(directory.path().join("data")).expect("a directory");
        for file in ["data/README.md", "data/roster.csv"] {
            fs::copy(path(file), directory.path().join(file)).expect("a copy");
        }
        Self { directory, server: None }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the directory where a client keeps its files, if the session names no other.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// Returns SEND and RECV port of the server.
    pub fn ports(&self) -> &[String; 2] {
        &self.server.as_ref().expect("a server").ports
    }

    /// Returns a shell for a command of a page.
    pub fn shell(&self, command: &str) -> Command {
        let programs = Path::new(WACHAT).parent().expect("a directory").to_path_buf();
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&paths)));
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command.replace(CARGO_RUN, "wachat")).current_dir(self.path());
        shell.env("PATH", paths.expect("a path")).env("HOME", self.path()).env("WACHAT_CONFIG", NO_SETTINGS);
        shell.env("WACHAT_HOME", self.home()).env("LC_ALL", "C.UTF-8").env_remove("RUST_LOG");
        shell
    }

    /// Runs a command until it ends. Returns what it said.
    pub fn run(&self, command: &str) -> String {
        let mut shell = self.shell(command);
        if let Some(server) = &self.server {
            shell.env("WACHAT_SEND_PORT", &server.ports[0]).env("WACHAT_RECV_PORT", &server.ports[1]);
        }
        let Output { stdout, stderr, .. } = shell.output().expect("a shell");
        format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
    }

    /// Starts a server, on free ports. Returns as many lines of its output as the page shows.
    pub fn serve(&mut self, command: &str, count: usize) -> Vec<String> {
        assert!(self.server.is_none(), "{command}: the server before it was stopped");
        let command = format!("exec {command} --send-port 0 --recv-port 0");
        let mut process = self.shell(&command).stdout(Stdio::piped()).spawn().expect("a server");
        let mut output = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut said: Vec<_> = output.by_ref().take(count.max(1)).map(|line| line.expect("UTF-8")).collect();
        let port = |name: &str| {
            let address = said[0].split(' ').find_map(|word| word.strip_prefix(name)).expect("an address");
            address.rsplit(':').next().expect("a port").to_owned()
        };
        let ports = [port("send="), port("recv=")];
        // The usual ports need no flags.
        let flags = format!(" --send-port {} --recv-port {}", ports[0], ports[1]);
        said.iter_mut().for_each(|line| *line = line.replace(&flags, ""));
        said.truncate(count);
        self.server = Some(Server { process, ports, output });
        said
    }

    /// Stops the server with Ctrl-C. Returns the rest of its output.
    pub fn stop_server(&mut self) -> Vec<String> {
        let Server { mut process, output, .. } = self.server.take().expect("a server");
        send_signal(process.id(), "INT");
        let status = wait_for("the server to stop", || process.try_wait().expect("its state"));
        assert!(status.success(), "{status}");
        output.map_while(Result::ok).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.process.kill();
            let _ = server.process.wait();
        }
    }
}

/// Replaces everything that differs from run to run by a placeholder.
pub fn normal(line: &str) -> String {
    let mut words = Vec::new();
    for word in line.split_inclusive([';', ' ', '"']) {
        let bare = word.trim_end_matches([';', ' ', '"']);
        let clock = bare.trim_start_matches('[').trim_end_matches(']').as_bytes();
        let time_of_day = matches!(clock, [b'0'..=b'2', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']);
        let time = bare.len() == 24 && bare.ends_with('Z') && bare.contains('T');
        // The name of a store, or a message id; or the beginning of one.
        let is_hex = |text: &str, lengths: &[usize]| {
            lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let fingerprint = bare.trim_end_matches(',').split(':').filter(|pair| is_hex(pair, &[2])).count() == 32;
        let random =
            fingerprint || is_hex(bare, &[16, 32]) || bare.strip_suffix('…').is_some_and(|start| is_hex(start, &[6]));
        let address = bare.contains("127.0.0.1:");
        words.push(match (time_of_day, time, random, address) {
            (true, ..) => word.replace(bare, "[TIME]"),
            (_, true, ..) => word.replace(bare, "TIME"),
            (_, _, true, _) => word.replace(bare, "RANDOM"),
            (_, _, _, true) => word.replace(bare, "ADDRESS"),
            _ => word.to_owned(),
        });
    }
    let text = words.concat().trim_end().to_owned();
    match text.split_once(" expires in ") {
        Some((before, days)) => {
            format!("{before} expires in {}", days.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => text,
    }
}
