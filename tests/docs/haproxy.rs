//! The proxy before the page of a cluster, where haproxy is installed: browsers reach the server whose health is good.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use wachat::net::Identity;

use crate::docs::page::read;
use crate::support::web::{Web, request, world_with_web};
use crate::support::world::choose_ports_in_a_row;
use crate::support::{wait_or, wait_until};

/// A running haproxy. It ends with the test.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes the configuration with addresses of this machine. `servers`: web and metrics port of each.
fn configure(directory: &Path, port: u16, servers: &[(u16, u16)]) -> std::path::PathBuf {
    let (certificate, key) = Identity::make().expect("a certificate").pem();
    let pem = directory.join("class.pem");
    fs::write(&pem, certificate + &key).expect("to write");
    let mut text = read("examples/deploy/haproxy.cfg");
    let mut replace = |from: &str, to: &str| {
        assert!(text.contains(from), "there is no {from}");
        text = text.replace(from, to);
    };
    replace("bind :443 ", &format!("bind 127.0.0.1:{port} "));
    replace("/etc/haproxy/class.pem", pem.to_str().expect("UTF-8"));
    for (index, (web, metrics)) in servers.iter().enumerate() {
        replace(&format!("10.0.0.{}:8080", index + 1), &format!("127.0.0.1:{web} port {metrics}"));
    }
    let file = directory.join("haproxy.cfg");
    fs::write(&file, text).expect("to write");
    file
}

/// Returns the HTTP status of the page under a name.
fn status(proxy: SocketAddr, name: &str) -> u16 {
    let page = request("GET /", &[("Host", name), ("Connection", "close")]);
    Web::connect_tls(proxy).exchange(&page).status
}

#[test]
fn the_proxy_sends_browsers_to_the_server_whose_health_is_good() {
    if Command::new("haproxy").arg("-v").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no haproxy here");
        return;
    }
    let free = choose_ports_in_a_row(5);
    let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, free)).to_string();
    // Nothing asks this one for its health, as if it were bad; it answers under another name.
    let (_other, other) = world_with_web(&["--web-name", "other.example"]);
    let options = ["--web-name", "class.example", "--web-proxy", "127.0.0.1", "--metrics", &metrics];
    let (mut world, web) = world_with_web(&options);
    let directory = TempDir::new().expect("a directory");
    let proxy = SocketAddr::from((Ipv4Addr::LOCALHOST, free + 1));
    let servers = [(other.port(), free + 2), (web.port(), free), (free + 3, free + 4)];
    let file = configure(directory.path(), proxy.port(), &servers);
    let checked = Command::new("haproxy").arg("-c").arg("-f").arg(&file).output().expect("haproxy");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let log = directory.path().join("log");
    let mut haproxy = Command::new("haproxy");
    haproxy.arg("-db").arg("-f").arg(&file).stdout(Stdio::null()).stderr(fs::File::create(&log).expect("a log"));
    let _haproxy = Proxy(haproxy.spawn().expect("haproxy"));
    wait_or(|| TcpStream::connect(proxy).ok(), || fs::read_to_string(&log).expect("its log"));
    // With three servers in turn, six good answers in a row are of one.
    let is_good = || (0..6).all(|_| status(proxy, "class.example") == 200);
    wait_until("the page of the good server alone", is_good);
    world.kill();
    wait_until("no good server", || status(proxy, "class.example") == 503);
    world.start();
    wait_until("the page of the good server again", is_good);
}
