//! Several servers as one, each a process of its own, with members of etcd of their own.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::network::Network;
use super::status::Status;
use super::stores::{assert_equal, read_history, read_state};
use super::turns::Turn;
use crate::support::etcd::EtcdCluster;
use crate::support::process::Process;
use crate::support::world::{choose_ports, serve};
use crate::support::{Connection, NO_SETTINGS, PASSWORD, WACHAT, send_signal, wait_for, wait_until, wait_within};

/// Users with accounts in every cluster.
pub const USERS: &[&str] = &["ana", "luis", "eva"];

/// Time in which a server that leads answers a login.
const LOGIN_TIME: Duration = Duration::from_millis(700);

/// Name of the clusters: the prefix of their keys.
const CLUSTER: &str = "class";

/// Servers of one cluster. They end with the test.
pub struct Servers {
    pub etcd: EtcdCluster,
    servers: Vec<Server>,
    backups: usize,
    options: Vec<String>,
    /// Makes the network of a server before these members of etcd.
    connect: fn(Vec<SocketAddr>) -> Network,
    directory: TempDir,
    _turn: Turn,
}

struct Server {
    name: String,
    data: PathBuf,
    log: PathBuf,
    /// The SEND port and the RECV port.
    ports: [u16; 2],
    /// For the page and for metrics, where the options want them.
    web_ports: [u16; 2],
    /// Between this server and etcd.
    network: Network,
    /// `None` while it is killed or ended.
    process: Option<Child>,
    /// It was stopped by SIGSTOP.
    is_stopped: bool,
}

impl Servers {
    /// Starts three members of etcd and this many servers; `None`: etcd is not installed here.
    pub fn start(count: usize) -> Option<Self> {
        Self::start_with(count, &[], &[])
    }

    /// The same, with more options of etcd and of `wachat serve`; `{web}` and `{metrics}` stand for ports of each server.
    pub fn start_with(count: usize, of_etcd: &[&str], of_serve: &[&str]) -> Option<Self> {
        let turn = Turn::take();
        Some(Self::start_on(EtcdCluster::start_with(3, of_etcd)?, turn, Network::start, count, of_serve))
    }

    /// Starts this many members of etcd, and as many servers, which reach them without a proxy that costs time.
    pub fn start_directly(count: usize) -> Option<Self> {
        let turn = Turn::take();
        Some(Self::start_on(EtcdCluster::start_on_disk(count)?, turn, Network::direct, count, &[]))
    }

    fn start_on(
        etcd: EtcdCluster,
        turn: Turn,
        connect: fn(Vec<SocketAddr>) -> Network,
        count: usize,
        options: &[&str],
    ) -> Self {
        let directory = tempfile::Builder::new().prefix("wachat-cluster-").tempdir().expect("a directory");
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut servers = Self { etcd, servers: Vec::new(), backups: 0, options, connect, directory, _turn: turn };
        (0..count).for_each(|index| servers.add(&format!("s{index}")));
        servers.begin();
        (0..count).for_each(|index| servers.restart(index));
        servers.leader();
        servers
    }

    /// Adds a server that has no store yet.
    pub fn add(&mut self, name: &str) {
        let network = (self.connect)(self.etcd.addresses());
        self.servers.push(Server {
            data: self.path(name),
            log: self.path(&format!("{name}.log")),
            name: name.to_owned(),
            ports: choose_ports(),
            web_ports: choose_ports(),
            network,
            process: None,
            is_stopped: false,
        });
    }

    /// Connects the servers, none of which runs, with other members of etcd.
    pub fn renew_networks(&mut self) {
        let members = self.etcd.addresses();
        self.servers.iter_mut().for_each(|server| server.network = (self.connect)(members.clone()));
    }

    /// Makes the stores: the first one's with the users, and the others of backups of it.
    fn begin(&mut self) {
        for user in USERS {
            self.administer(0, &["user", "add", user]);
        }
        self.init(0);
        (1..self.servers.len()).for_each(|index| self.join(index, 0));
    }

    /// Makes the store of a server the first state of the cluster.
    pub fn init(&self, index: usize) {
        self.administer(index, &["cluster", "init", "--cluster", &self.url()]);
    }

    /// Makes the store of a server of a backup of another one, and registers it.
    pub fn join(&mut self, index: usize, from: usize) {
        let backup = self.backup(from);
        let (code, _, said) = self.try_join(index, &backup);
        assert_eq!(code, Some(0), "{said}");
    }

    pub fn try_join(&self, index: usize, backup: &Path) -> (Option<i32>, String, String) {
        let backup = backup.to_str().expect("UTF-8");
        self.run(&["cluster", "join", "--cluster", &self.url(), "--from", backup], index)
    }

    /// Makes a backup of a server's store; returns its directory.
    pub fn backup(&mut self, index: usize) -> PathBuf {
        self.try_backup(index).unwrap_or_else(|said| panic!("{said}"))
    }

    fn try_backup(&mut self, index: usize) -> Result<PathBuf, String> {
        self.backups += 1;
        let path = self.directory.path().join(format!("backup-{}", self.backups));
        match self.run(&["backup", path.to_str().expect("UTF-8")], index) {
            (Some(0), ..) => Ok(path),
            (_, _, said) => Err(said),
        }
    }

    /// Returns the address of the cluster, as the commands of the administrator have it.
    pub fn url(&self) -> String {
        self.etcd.url(CLUSTER)
    }

    pub fn len(&self) -> usize {
        self.servers.len()
    }

    pub fn name(&self, index: usize) -> &str {
        &self.servers[index].name
    }

    pub fn data(&self, index: usize) -> &Path {
        &self.servers[index].data
    }

    /// Returns the path of a file that is removed with the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn network(&self, index: usize) -> &Network {
        &self.servers[index].network
    }

    /// Returns what a server has logged.
    pub fn log(&self, index: usize) -> String {
        std::fs::read_to_string(&self.servers[index].log).unwrap_or_default()
    }

    /// Returns the addresses of the SEND port and the RECV port.
    pub fn addresses(&self, index: usize) -> [SocketAddr; 2] {
        self.servers[index].ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Returns the port of the page and that of metrics.
    pub fn web_ports(&self, index: usize) -> [u16; 2] {
        self.servers[index].web_ports
    }

    pub fn all_addresses(&self) -> Vec<[SocketAddr; 2]> {
        (0..self.len()).map(|index| self.addresses(index)).collect()
    }

    /// Runs a command with the directory of a server: its exit code, standard output and standard error.
    pub fn run(&self, words: &[&str], index: usize) -> (Option<i32>, String, String) {
        let Server { name, data, .. } = &self.servers[index];
        let mut command = Command::new(WACHAT);
        command.args(words).arg("--data").arg(data).env("WACHAT_PASSWORD", PASSWORD);
        if words[0] == "cluster" {
            command.args(["--cluster-name", name]);
        }
        finish(&mut command)
    }

    #[track_caller]
    pub fn administer(&self, index: usize, words: &[&str]) -> String {
        let (code, out, said) = self.run(words, index);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        out
    }

    /// Runs a command of the cluster that is about no server's directory.
    pub fn cluster(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(WACHAT);
        finish(command.arg("cluster").args(words).args(["--cluster", &self.url()]))
    }

    pub fn status(&self) -> Status {
        let (code, out, said) = self.cluster(&["status"]);
        assert_eq!(code, Some(0), "{said}");
        Status::parse(&out)
    }

    /// Returns the command that starts a server under a name.
    pub fn serve(&self, index: usize, name: &str) -> Command {
        let Server { data, ports, web_ports, network, .. } = &self.servers[index];
        let mut command = serve(data, *ports);
        let members: Vec<_> = network.addresses().iter().map(|address| format!("http://{address}")).collect();
        command.args(["--cluster", &format!("{}/{CLUSTER}", members.join(",")), "--cluster-name", name]);
        let [web, metrics] = web_ports.map(|port| port.to_string());
        let fill = |option: &String| option.replace("{web}", &web).replace("{metrics}", &metrics);
        command.args(["--timeout", "30", "--no-limits"]).args(self.options.iter().map(fill));
        command
    }

    /// Starts a server, and waits until it listens.
    pub fn restart(&mut self, index: usize) {
        let mut command = self.serve(index, &self.servers[index].name);
        let server = &mut self.servers[index];
        assert!(server.process.is_none(), "{} runs", server.name);
        let log = File::options().create(true).append(true).open(&server.log).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("a server");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        server.process = Some(child);
        assert!(line.contains("listening"), "{}: {line:?}; {}", self.name(index), self.log(index));
    }

    /// Kills a server as `kill -9` does.
    pub fn kill(&mut self, index: usize) {
        let server = &mut self.servers[index];
        let mut process = server.process.take().expect("a running server");
        process.kill().expect("SIGKILL");
        process.wait().expect("its end");
        server.is_stopped = false;
    }

    /// Ends a server as `kill` does.
    pub fn end(&mut self, index: usize) -> ExitStatus {
        send_signal(self.pid(index), "TERM");
        self.wait_for_end(index)
    }

    /// Waits until a server has ended by itself.
    pub fn wait_for_end(&mut self, index: usize) -> ExitStatus {
        let mut process = self.servers[index].process.take().expect("a running server");
        wait_for("the end of a server", || process.try_wait().expect("its state"))
    }

    pub fn pid(&self, index: usize) -> u32 {
        self.servers[index].process.as_ref().expect("a running server").id()
    }

    /// Stops a server by SIGSTOP: its connections stay, and it answers nothing.
    pub fn stop(&mut self, index: usize) {
        let process = self.pid(index);
        send_signal(process, "STOP");
        wait_until("a stopped server", || Process::of(process).is_stopped());
        self.servers[index].is_stopped = true;
    }

    /// Continues a server that was stopped.
    pub fn resume(&mut self, index: usize) {
        send_signal(self.pid(index), "CONT");
        self.servers[index].is_stopped = false;
    }

    /// Returns whether a server has a process that goes on. One that has ended by itself is an error.
    pub fn runs(&mut self, index: usize) -> bool {
        let log = self.log(index);
        let server = &mut self.servers[index];
        let ended = server.process.as_mut().and_then(|process| process.try_wait().expect("its state"));
        assert_eq!(ended, None, "{} has ended: {log}", server.name);
        server.process.is_some() && !server.is_stopped
    }

    /// A server that does not run loses its disk, and starts with a backup of another one.
    pub fn lose_disk(&mut self, index: usize, other: usize) {
        let name = self.name(index).to_owned();
        let forget = || (self.cluster(&["forget", &name]).0 == Some(0)).then_some(());
        wait_for("a server to be forgotten", forget);
        let backup = wait_for("a backup", || self.try_backup(other).ok());
        // The log may have moved on since the backup was made, or the others meanwhile.
        wait_for("a server to join", || {
            let _ = std::fs::remove_dir_all(self.data(index));
            (self.try_join(index, &backup).0 == Some(0)).then_some(())
        });
        self.restart(index);
    }

    /// Returns the server that answers a login; waits for one.
    pub fn leader(&mut self) -> usize {
        wait_for("a leader", || self.find_leader())
    }

    pub fn find_leader(&mut self) -> Option<usize> {
        let running: Vec<_> = (0..self.len()).filter(|index| self.runs(*index)).collect();
        running.into_iter().find(|index| self.try_login(*index, USERS[0]).is_some())
    }

    /// Opens a SEND connection, if the server leads.
    pub fn try_login(&self, index: usize, user: &str) -> Option<Connection> {
        let mut connection = Connection::try_open(self.addresses(index)[0])?;
        connection.try_send(format!("LOGIN:{user}:{PASSWORD}\n")).ok()?;
        let reply = connection.try_read_line_within(LOGIN_TIME)?;
        reply.starts_with("OK;").then_some(connection)
    }

    /// Opens a SEND connection at the server that leads, whichever it is.
    pub fn login(&mut self, user: &str) -> Connection {
        wait_for("a login", || {
            let leader = self.find_leader()?;
            self.try_login(leader, user)
        })
    }

    /// Sends a request until it is answered, each time to the server that leads.
    pub fn ask(&mut self, user: &str, request: &str) -> String {
        wait_for("an answer", || {
            let mut connection = self.login(user);
            connection.try_send(format!("{request}\n")).ok()?;
            let reply = connection.try_read_line_within(Duration::from_secs(5))?;
            (!reply.starts_with("KO;SHUTDOWN;")).then_some(reply)
        })
    }

    /// Waits until all servers have applied the whole log, which has come to its end.
    pub fn wait_until_level(&mut self) {
        let mut before = None;
        wait_within(
            Duration::from_secs(60),
            || {
                let status = self.status();
                let is_level = status.applied.values().all(|applied| *applied == status.last);
                let rests = before.replace(status.last) == Some(status.last);
                std::thread::sleep(Duration::from_millis(300));
                (is_level && rests).then_some(())
            },
            || self.cluster(&["status"]).1,
        );
    }

    /// Ends all servers, the leader last, and asserts that their stores are the same, and undamaged.
    pub fn assert_same(&mut self) {
        let leader = self.leader();
        self.wait_until_level();
        let others = (0..self.len()).filter(|index| *index != leader);
        for index in others.chain([leader]).collect::<Vec<_>>() {
            let status = self.end(index);
            assert!(status.success(), "{}: {status}; {}", self.name(index), self.log(index));
        }
        for index in 0..self.len() {
            self.administer(index, &["check"]);
        }
        for index in 1..self.len() {
            assert_equal(&read_state(self.data(0)), &read_state(self.data(index)), self.name(index));
            assert_equal(&read_history(self.data(0)), &read_history(self.data(index)), self.name(index));
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (0..self.len()).for_each(|index| eprintln!("log of {}:\n{}", self.name(index), self.log(index)));
        }
        for process in self.servers.iter_mut().filter_map(|server| server.process.as_mut()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn finish(command: &mut Command) -> (Option<i32>, String, String) {
    command.env("WACHAT_CONFIG", NO_SETTINGS).env_remove("RUST_LOG").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}
