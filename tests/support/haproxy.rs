//! The proxy before the page of a cluster, with the configuration of the deployment's files, where haproxy is installed.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use wachat::net::Identity;

use super::wait_or;
use super::web::{Web, request};
use super::world::choose_ports_in_a_row;

/// A running haproxy. It ends with the test.
pub struct Haproxy {
    /// Address of the page, under TLS.
    pub address: SocketAddr,
    process: Child,
    _directory: TempDir,
}

/// Returns whether haproxy is installed, or says that the test is skipped.
pub fn is_installed() -> bool {
    let is_there = Command::new("haproxy").arg("-v").stdout(Stdio::null()).status().is_ok();
    if !is_there {
        // Not by a macro: what those print is shown of failed tests alone.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no haproxy here");
    }
    is_there
}

impl Haproxy {
    /// Starts haproxy, and waits until it listens. `servers`: web port and metrics port of each.
    pub fn start(servers: [[u16; 2]; 3]) -> Self {
        let directory = TempDir::new().expect("a directory");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, choose_ports_in_a_row(1)));
        let file = configure(directory.path(), address, servers);
        let checked = Command::new("haproxy").arg("-c").arg("-f").arg(&file).output().expect("haproxy");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let log = directory.path().join("log");
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-db").arg("-f").arg(&file).stdout(Stdio::null()).stderr(fs::File::create(&log).expect("a log"));
        let process = haproxy.spawn().expect("haproxy");
        let haproxy = Self { address, process, _directory: directory };
        wait_or(|| TcpStream::connect(address).ok(), || fs::read_to_string(&log).expect("its log"));
        haproxy
    }

    /// Returns the HTTP status of the page under a name.
    pub fn status(&self, name: &str) -> u16 {
        let page = request("GET /", &[("Host", name), ("Connection", "close")]);
        Web::connect_tls(self.address).exchange(&page).status
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes the configuration with addresses of this machine.
fn configure(directory: &Path, address: SocketAddr, servers: [[u16; 2]; 3]) -> PathBuf {
    let (certificate, key) = Identity::make().expect("a certificate").pem();
    let pem = directory.join("class.pem");
    fs::write(&pem, certificate + &key).expect("to write");
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deploy/haproxy.cfg");
    let mut text = fs::read_to_string(configuration).expect("the configuration");
    let mut replace = |from: &str, to: &str| {
        assert!(text.contains(from), "there is no {from}");
        text = text.replace(from, to);
    };
    replace("bind :443 ", &format!("bind {address} "));
    replace("/etc/haproxy/class.pem", pem.to_str().expect("UTF-8"));
    for (index, [web, metrics]) in servers.iter().enumerate() {
        replace(&format!("10.0.0.{}:8080", index + 1), &format!("127.0.0.1:{web} port {metrics}"));
    }
    let file = directory.join("haproxy.cfg");
    fs::write(&file, text).expect("to write");
    file
}
