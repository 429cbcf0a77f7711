//! Members of etcd on this machine, where it is installed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wachat::disk::{Disk as _, RealDisk};

use super::process::Process;
use super::world::choose_ports_in_a_row;
use super::{TIMEOUT, send_signal, wait_for, wait_until};

/// Tries to start a cluster: a port may be taken between its choice and the start.
const TRIES: usize = 5;

/// Room that the members of all tests which run at the same time need: each has log files of 128 MB.
const ROOM_BYTES: u64 = 4 << 30;

/// Returns whether etcd is installed here; says so where it is not.
pub fn is_installed() -> bool {
    let is_installed = Command::new("etcd").arg("--version").output().is_ok();
    if !is_installed {
        // Not by a macro: what those print is shown of failed tests alone.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no etcd here");
    }
    is_installed
}

/// Returns where members have their files: in memory, if there is room. A sync on a disk that other tests keep busy takes
/// longer than a lease at times; no test takes the power from a member.
fn members_directory() -> PathBuf {
    let has_room = |path: &PathBuf| RealDisk.free_bytes(path).is_ok_and(|bytes| bytes >= ROOM_BYTES);
    Some(PathBuf::from("/dev/shm")).filter(has_room).unwrap_or_else(std::env::temp_dir)
}

/// Members of one cluster. They end with the test.
pub struct EtcdCluster {
    directory: TempDir,
    members: Vec<Member>,
}

struct Member {
    arguments: Vec<String>,
    /// Address for clients.
    address: SocketAddr,
    process: Child,
}

impl EtcdCluster {
    /// Starts members; `None`: etcd is not installed here.
    pub fn start(members: usize) -> Option<Self> {
        Self::start_with(members, &[])
    }

    /// The same, with more options of etcd; `{client}` in one stands for the member's endpoint.
    pub fn start_with(members: usize, options: &[&str]) -> Option<Self> {
        Self::start_in(&members_directory(), members, options)
    }

    /// Starts members whose files are on the disk: where time is measured.
    pub fn start_on_disk(members: usize) -> Option<Self> {
        Self::start_in(&std::env::temp_dir(), members, &[])
    }

    fn start_in(parent: &Path, members: usize, options: &[&str]) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let cluster = (0..TRIES).find_map(|_| Self::try_to_start(parent, members, options));
        Some(cluster.expect("etcd does not start"))
    }

    fn try_to_start(parent: &Path, members: usize, options: &[&str]) -> Option<Self> {
        let directory = tempfile::Builder::new().prefix("wachat-etcd-").tempdir_in(parent).expect("a directory");
        // Those for clients, then those for the other members.
        let ports = choose_ports_in_a_row(2 * u16::try_from(members).expect("few members"));
        let port = |index| ports + u16::try_from(index).expect("few members");
        let peers: Vec<_> = (0..members).map(|i| format!("m{i}=http://127.0.0.1:{}", port(members + i))).collect();
        let start = |index: usize| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port(index)));
            let mut arguments = arguments(directory.path(), index, address, &peers);
            arguments.extend(options.iter().map(|option| option.replace("{client}", &format!("http://{address}"))));
            Member { process: spawn(&arguments, directory.path(), index), arguments, address }
        };
        let members = (0..members).map(start).collect();
        let mut cluster = Self { directory, members };
        cluster.is_ready().then_some(cluster)
    }

    /// Waits until every member is healthy; false: one has ended.
    fn is_ready(&mut self) -> bool {
        let deadline = Instant::now() + TIMEOUT;
        self.members.iter_mut().all(|member| {
            while !is_healthy(member.address) {
                assert!(Instant::now() < deadline, "etcd is not ready");
                if member.process.try_wait().expect("its state").is_some() {
                    return false;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            true
        })
    }

    /// Returns the addresses of the members for clients.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| member.address).collect()
    }

    /// Returns the endpoints of the members.
    pub fn urls(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("http://{}", member.address)).collect()
    }

    /// Returns the address of a cluster whose keys have this prefix.
    pub fn url(&self, prefix: &str) -> String {
        format!("{}/{prefix}", self.urls().join(","))
    }

    /// Returns the directory with the members' data and logs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stops a member by SIGSTOP: its connections stay, and it answers nothing.
    pub fn stop(&self, index: usize) {
        let process = self.members[index].process.id();
        send_signal(process, "STOP");
        wait_until("a stopped member", || Process::of(process).is_stopped());
    }

    /// Continues a member that was stopped.
    pub fn resume(&self, index: usize) {
        send_signal(self.members[index].process.id(), "CONT");
    }

    /// Kills a member; its data stay.
    pub fn kill(&mut self, index: usize) {
        let process = &mut self.members[index].process;
        process.kill().expect("it can be killed");
        process.wait().expect("its end");
    }

    /// Starts a member that was killed, and waits until it listens. It serves when a majority runs.
    pub fn restart(&mut self, index: usize) {
        let directory = self.directory.path().to_owned();
        let member = &mut self.members[index];
        member.process = spawn(&member.arguments, &directory, index);
        wait_for("a member that listens", || {
            if member.process.try_wait().expect("its state").is_some() {
                member.process = spawn(&member.arguments, &directory, index);
            }
            TcpStream::connect(member.address).ok()
        });
    }

    /// Runs etcdctl with the first member; returns its standard output.
    pub fn etcdctl(&self, words: &[&str]) -> String {
        let mut etcdctl = Command::new("etcdctl");
        etcdctl.env("ETCDCTL_API", "3").arg("--endpoints").arg(&self.urls()[0]).args(words);
        let done = etcdctl.output().expect("etcdctl");
        assert!(done.status.success(), "etcdctl {words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("UTF-8")
    }
}

impl Drop for EtcdCluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.process.kill();
            let _ = member.process.wait();
        }
    }
}

fn arguments(directory: &Path, index: usize, address: SocketAddr, peers: &[String]) -> Vec<String> {
    let client = format!("http://{address}");
    let peer = peers[index].split_once('=').expect("a peer").1;
    // Members of another test that get a port of this one do not belong to this cluster.
    let token = directory.file_name().expect("a name").to_str().expect("UTF-8");
    [
        ("--name", &*format!("m{index}")),
        ("--data-dir", directory.join(format!("m{index}")).to_str().expect("UTF-8")),
        ("--listen-client-urls", &client),
        ("--advertise-client-urls", &client),
        ("--listen-peer-urls", peer),
        ("--initial-advertise-peer-urls", peer),
        ("--initial-cluster", &peers.join(",")),
        ("--initial-cluster-token", token),
        ("--heartbeat-interval", "100"),
        ("--election-timeout", "1000"),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value.to_owned()])
    .collect()
}

/// Starts a member, whose log is a file beside its data.
fn spawn(arguments: &[String], directory: &Path, index: usize) -> Child {
    let path = directory.join(format!("m{index}.log"));
    let log = File::options().create(true).append(true).open(path).expect("a log");
    let mut etcd = Command::new("etcd");
    etcd.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
    etcd.spawn().expect("etcd")
}

/// Asks a member for its health: it reads a key linearizably.
fn is_healthy(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer.contains(r#""health":"true""#))
}
