//! Three members of etcd, each a process of its own. Their data are removed with the directory of the lesson.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::stage::Stage;
use crate::cluster::{self, Access, ClusterUrl};
use crate::course::process::{KeptPort, PAUSE, Running};

/// Number of members: one of them may die.
const MEMBERS: usize = 3;

/// Longest time until a majority of the members serves, and of one look at it.
const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(1);

/// Name of the cluster: the prefix of its keys.
const CLUSTER: &str = "lesson";

const MISSING: &str = "this lesson needs etcd, and there is no program etcd in PATH; to install it: \
                       apt install etcd-server (Debian, Ubuntu), or see https://etcd.io";

pub struct Etcd {
    members: Vec<Member>,
}

struct Member {
    name: String,
    /// The address for clients.
    url: String,
    /// The address for the other members.
    peer_url: String,
    process: Option<Running>,
    _ports: [KeptPort; 2],
}

/// Checks that etcd is installed. The error says how to get it.
pub fn check_installed() -> Result<(), String> {
    match command().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(MISSING.to_owned()),
        Err(error) => Err(format!("cannot start etcd: {error}")),
    }
}

impl Etcd {
    /// Starts the members, and waits until they serve. Their files are in this directory.
    pub fn start(directory: &Path, stage: &Stage) -> Result<Self, String> {
        let members = (1..=MEMBERS).map(Member::new).collect::<Result<Vec<_>, _>>()?;
        let all: Vec<_> = members.iter().map(|member| format!("{}={}", member.name, member.peer_url)).collect();
        let mut etcd = Self { members };
        for member in &mut etcd.members {
            member.start(directory, &all.join(","))?;
        }
        etcd.wait_until_it_serves(directory, stage)?;
        Ok(etcd)
    }

    /// Returns the address of the cluster, as `wachat serve --cluster` takes it.
    pub fn url(&self) -> String {
        let urls: Vec<_> = self.members.iter().map(|member| member.url.as_str()).collect();
        format!("{}/{CLUSTER}", urls.join(","))
    }

    /// Waits until a key can be read, for which a majority of the members is needed.
    fn wait_until_it_serves(&mut self, directory: &Path, stage: &Stage) -> Result<(), String> {
        let url: ClusterUrl = self.url().parse()?;
        let client = cluster::Etcd::new(&url, Access::default()).map_err(|error| error.to_string())?;
        let deadline = Instant::now() + START;
        while let Err(error) = client.range(CLUSTER, None, 1, Instant::now() + LOOK) {
            if let Some(ended) = self.members.iter_mut().position(|member| !member.is_up()) {
                return Err(format!("etcd did not start: {}", self.members[ended].last_words(directory)));
            }
            if Instant::now() > deadline {
                return Err(format!("etcd does not serve after {} s: {error}", START.as_secs()));
            }
            stage.wait(PAUSE)?;
        }
        Ok(())
    }
}

impl Member {
    fn new(number: usize) -> Result<Self, String> {
        let ports = KeptPort::keep_two().map_err(|error| format!("there is no free port: {error}"))?;
        let [url, peer_url] = ports.each_ref().map(|port| format!("http://{}", port.address));
        Ok(Self { name: format!("etcd{number}"), url, peer_url, process: None, _ports: ports })
    }

    fn start(&mut self, directory: &Path, all: &str) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot start etcd: {error}");
        let log = File::create(self.log(directory)).map_err(failed)?;
        let mut command = command();
        command.arg("--data-dir").arg(directory.join(&self.name)).args(["--name", &self.name]);
        command.args(["--listen-client-urls", &self.url, "--advertise-client-urls", &self.url]);
        command.args(["--listen-peer-urls", &self.peer_url, "--initial-advertise-peer-urls", &self.peer_url]);
        command.args(["--initial-cluster", all]);
        command.stdout(log.try_clone().map_err(failed)?).stderr(log);
        self.process = Some(Running::start(&mut command).map_err(failed)?);
        Ok(())
    }

    fn is_up(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.is_up().unwrap_or(false))
    }

    /// Returns the last line that it has logged.
    fn last_words(&self, directory: &Path) -> String {
        let log = std::fs::read(self.log(directory)).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().last().unwrap_or_default().to_owned()
    }

    fn log(&self, directory: &Path) -> PathBuf {
        directory.join(format!("{}.log", self.name))
    }
}

/// Returns the command that starts etcd, without the settings of another etcd on this machine. One of its variables says that
/// the person accepts a processor for which etcd is not tested.
fn command() -> Command {
    let mut command = Command::new("etcd");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("ETCD_") && name != "ETCD_UNSUPPORTED_ARCH") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}
