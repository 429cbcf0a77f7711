//! The client under test: a program with its input and outputs, which can be killed and started again.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::mailbox::USER;
use super::stage::Stage;
use crate::limits;

/// Settings of the person who runs the judge that would change what a client does.
const REMOVED: [&str; 3] = ["WACHAT_PASSWORD_FILE", "WACHAT_LANG", "RUST_LOG"];

#[derive(Clone, Debug)]
pub struct Client {
    /// The command that starts it: `sh -c COMMAND`.
    pub command: String,
    /// Longest wait for something that has to come.
    pub patience: Duration,
    /// Number of tests that are played side by side, each with a client of its own.
    pub players: usize,
    /// A test that has failed beside others counts so, and is not played again alone.
    pub once: bool,
}

pub struct Program {
    input: Option<ChildStdin>,
    group: Option<Pid>,
}

impl Program {
    /// Starts the client in a process group of its own, and threads that read its outputs and wait for its end.
    pub fn start(stage: &Arc<Stage>, command: &str, home: &Path, password: &str) -> io::Result<Self> {
        let [send, recv] = stage.ports.map(|port| port.to_string());
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell.env("WACHAT_SERVER", "127.0.0.1").env("WACHAT_SEND_PORT", send).env("WACHAT_RECV_PORT", recv);
        shell.env("WACHAT_USER", USER).env("WACHAT_PASSWORD", password).env("WACHAT_HOME", home);
        REMOVED.iter().for_each(|name| _ = shell.env_remove(name));
        let mut child = shell.spawn()?;
        let input = child.stdin.take();
        let group = Some(Pid::from_child(&child));
        stage.begin_run();
        if let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) {
            read(stage, output, false)?;
            read(stage, errors, true)?;
        }
        wait(stage, child, group)?;
        Ok(Self { input, group })
    }

    /// Writes a line to the client's input. A client that reads none is noticed by what it does not do.
    pub fn write(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(format!("{line}\n").as_bytes()).and_then(|()| input.flush());
        }
    }

    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Kills the whole process group. `has_ended`: the number may belong to other processes by now.
    pub fn kill(&mut self, has_ended: bool) {
        if let Some(group) = self.group.take().filter(|_| !has_ended) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads the lines of an output on a thread of its own.
fn read(stage: &Arc<Stage>, output: impl Read + Send + 'static, is_error: bool) -> io::Result<()> {
    let stage = stage.clone();
    let mut output = BufReader::new(output);
    let read = move || {
        let mut line = Vec::new();
        loop {
            if !is_error {
                stage.wait_until_read();
            }
            line.clear();
            match output.by_ref().take(limits::JUDGE_LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(1..) => stage.add_output(String::from_utf8_lossy(&line).trim_end(), is_error),
                _ => return stage.end_output(),
            }
        }
    };
    thread::Builder::new().spawn(read).map(drop)
}

fn wait(stage: &Arc<Stage>, mut child: Child, group: Option<Pid>) -> io::Result<()> {
    let stage = stage.clone();
    let wait = move || {
        let status = child.wait();
        // Processes that a shell has left behind end, too.
        group.map(|group| kill_process_group(group, Signal::KILL));
        stage.end_run(status.ok());
    };
    thread::Builder::new().spawn(wait).map(drop)
}
