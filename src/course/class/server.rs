//! The server process of a group.
//!
//! The process itself locks the file `pid` in the group's directory, writes its number there, and keeps the lock until it
//! ends, however it ends. So a number in the file is used only while the lock is held: it cannot be that of another
//! process that got the number later.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, select};
use rustix::process::{Pid, Signal, kill_process, setsid};

use super::Group;
use crate::course::process::{PAUSE, Waited, this_program, wait_until_listening};
use crate::disk;
use crate::limits;
use crate::net::reachable;

/// Time in which a look at the lock by another process passes.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// A server of a group, be it running or not.
pub struct Server {
    pub directory: PathBuf,
    pub trace: PathBuf,
    pub group: Group,
    pub listen: IpAddr,
    pub timeout: u64,
    /// The directory of the certificate; `None`: it speaks clear text.
    pub certificate: Option<PathBuf>,
}

/// The process that serves a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    process: u32,
    machine: String,
}

/// A server that was started, and is not ready yet.
pub struct Starting {
    pub group: u16,
    child: Child,
    ready: Receiver<bool>,
    log: PathBuf,
}

/// The reason why a server is not ready.
pub enum Trouble {
    Failed(String),
    /// A signal came first.
    Interrupted,
}

/// Leaves the session of the terminal, locks a file, and writes the number of this process there. The file has to stay
/// open as long as the process serves.
pub fn detach(path: &Path) -> io::Result<File> {
    // A process that leads a group already, such as in a shell, stays where it is.
    let _ = setsid();
    let mut file = OpenOptions::new().create(true).read(true).write(true).truncate(false).mode(0o600).open(path)?;
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            // A look at the lock takes it for a moment.
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another server of this group runs")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    file.set_len(0)?;
    file.write_all(format!("{};{}\n", std::process::id(), machine()).as_bytes())?;
    Ok(file)
}

/// Returns the name of this machine: a directory in a network may be served by another one.
fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Server {
    /// Returns the process that serves the group now.
    fn holder(&self) -> Result<Option<Holder>, String> {
        let path = self.directory.join("pid");
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened.map_err(failed)?,
            };
            match file.try_lock_shared() {
                Ok(()) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(failed)?;
            match text.strip_suffix('\n').and_then(|line| line.split_once(';')) {
                Some((process, machine)) => {
                    let process = process.parse().map_err(|_| format!("{}: no process", path.display()))?;
                    return Ok(Some(Holder { process, machine: machine.to_owned() }));
                }
                // It has the lock, and is about to write.
                None if Instant::now() < deadline => thread::sleep(PAUSE),
                None => return Err(format!("{}: it is locked by no server of the class", path.display())),
            }
        }
    }

    pub fn is_up(&self) -> Result<bool, String> {
        self.holder().map(|holder| holder.is_some())
    }

    /// Waits until the server takes connections: another start may have begun it a moment ago. Returns false if it has ended.
    pub fn wait_until_listening(&self, deadline: Instant) -> Result<bool, String> {
        // The port that is opened last.
        let port = reachable(SocketAddr::new(self.listen, self.group.recv_port));
        match wait_until_listening(&[port], deadline, || self.is_up())? {
            Waited::Listening => Ok(true),
            Waited::Ended => Ok(false),
            Waited::TimedOut => {
                Err(format!("the server of group {} runs, and takes no connections", self.group.number))
            }
        }
    }

    /// Starts the server. What it writes goes to the file `log`.
    pub fn start(&self) -> Result<Starting, String> {
        let log = self.directory.join("log");
        let failed = |error: io::Error| format!("the server of group {} cannot start: {error}", self.group.number);
        let output = disk::open_to_append(&log).map_err(failed)?;
        let mut child = self.command().map_err(failed)?.stderr(output).spawn().map_err(failed)?;
        let (sender, ready) = bounded(1);
        let output = child.stdout.take();
        let read = move || {
            let mut line = String::new();
            let is_there = output.is_some_and(|output| BufReader::new(output).read_line(&mut line).is_ok());
            let _ = sender.send(is_there && line.starts_with("wachat: listening "));
        };
        thread::Builder::new().name("ready".to_owned()).spawn(read).map_err(failed)?;
        Ok(Starting { group: self.group.number, child, ready, log })
    }

    /// `wachat serve` of this same program, with the settings of the class alone.
    fn command(&self) -> io::Result<Command> {
        let directory = std::path::absolute(&self.directory)?;
        let mut command = this_program()?;
        command.arg("serve").args(["--registration", "closed"]).args(limits::CLASS_SERVE);
        for (flag, value) in [
            ("--listen", self.listen.to_string()),
            ("--send-port", self.group.send_port.to_string()),
            ("--recv-port", self.group.recv_port.to_string()),
            ("--timeout", self.timeout.to_string()),
        ] {
            command.args([flag, &value]);
        }
        for (flag, name) in [("--data", "data"), ("--trace", "trace.csv"), ("--detached", "pid")] {
            command.arg(flag).arg(directory.join(name));
        }
        if let Some(certificate) = &self.certificate {
            let certificate = std::path::absolute(certificate)?;
            for (flag, name) in ["--cert", "--key"].into_iter().zip(super::CERTIFICATE_FILES) {
                command.arg(flag).arg(certificate.join(name));
            }
        }
        // A shell that ends, or a disk that is taken out, is not held up by the server.
        command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(command)
    }

    /// Asks the server to end. Returns its process id; `None`: no process serves the group.
    pub fn terminate(&self) -> Result<Option<u32>, String> {
        let Some(Holder { process, machine: its }) = self.holder()? else { return Ok(None) };
        if its != machine() {
            return Err(format!("the server of group {} runs on the machine {its}: stop it there", self.group.number));
        }
        let pid = i32::try_from(process).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("{}: no process", self.directory.join("pid").display()))?;
        match kill_process(pid, Signal::TERM) {
            Ok(()) => Ok(Some(process)),
            // It has just ended.
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(format!("the server of group {}, process {process}: {error}", self.group.number)),
        }
    }

    /// Waits until the process that was asked to end serves the group no longer. The error says that it still does at the
    /// deadline, which is [`limits::CLASS_STOP`] after it was asked.
    pub fn wait_for_end(&self, process: u32, deadline: Instant) -> Result<(), String> {
        while self.is_up()? {
            if Instant::now() > deadline {
                let group = self.group.number;
                let seconds = limits::CLASS_STOP.as_secs();
                return Err(format!(
                    "the server of group {group}, process {process}, has not ended within {seconds} seconds"
                ));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Stops the server, and waits for its end. Returns whether it was running.
    pub fn stop(&self) -> Result<bool, String> {
        let Some(process) = self.terminate()? else { return Ok(false) };
        self.wait_for_end(process, Instant::now() + limits::CLASS_STOP).map(|()| true)
    }
}

impl Starting {
    /// Waits until the server is ready. One that is not is asked to end: it holds nothing yet.
    pub fn wait(mut self, deadline: Instant, interrupted: &Receiver<()>) -> Result<(), Trouble> {
        let trouble = select! {
            recv(self.ready) -> ready => match ready {
                Ok(true) => return Ok(()),
                _ => Trouble::Failed(format!("the server of group {} cannot start: {}", self.group, self.last_words())),
            },
            recv(interrupted) -> _ => Trouble::Interrupted,
            recv(after(deadline.saturating_duration_since(Instant::now()))) -> _ => {
                Trouble::Failed(format!("the server of group {} is not ready; see {}", self.group, self.log.display()))
            }
        };
        self.end();
        Err(trouble)
    }

    /// Asks a server to end that its start waits for no more, and waits a bounded time.
    pub fn end(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // This process has not waited for its child yet, so the number is the child's.
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + limits::CLASS_STOP;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
    }

    /// Returns the last line of the server's log.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().last().unwrap_or("it says nothing").trim_start_matches("wachat: ").to_owned()
    }
}
