//! The floor of free disk space, on a real file system that fills up (needs root; otherwise skipped).

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::{Connection, NO_SETTINGS, PASSWORD, WACHAT, wait_until};

/// Mounts a small file system on the directory `$0`, for itself alone, and runs the other arguments.
const ON_SMALL_DISK: &str = r#"mount -t tmpfs -o size=64m none "$0" && exec "$@""#;

/// Less than is free at the start; with the filler, more than is free.
const FLOOR_MIB: &str = "32";
const FILLER_BYTES: usize = 40 << 20;

struct Server {
    process: Child,
    send: SocketAddr,
    /// Its data directory, as others see it.
    data: PathBuf,
}

impl Server {
    /// Starts a server on a disk of its own; `None`: no file system can be mounted here.
    fn start(directory: &TempDir) -> Option<Self> {
        let data = directory.path();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ON_SMALL_DISK]).arg(data).args([WACHAT, "serve", "--data"]).arg(data);
        command.args(["--send-port", "0", "--recv-port", "0", "--disk-floor", FLOOR_MIB]);
        command.env_remove("RUST_LOG").env("WACHAT_CONFIG", NO_SETTINGS).stdout(Stdio::piped());
        let mut process = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
        let ready = line.split(' ').find_map(|word| word.strip_prefix("send="));
        let Some(send) = ready else {
            process.wait().expect("its end");
            return None;
        };
        let root = PathBuf::from(format!("/proc/{}/root", process.id()));
        let data = root.join(data.strip_prefix("/").expect("an absolute path"));
        Some(Self { send: send.parse().expect("an address"), process, data })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn space_that_goes_and_comes_back_is_noticed_without_a_restart() {
    let directory = TempDir::new().expect("a temporary directory");
    let Some(server) = Server::start(&directory) else {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    };
    let mut ana = Connection::open(server.send);
    assert!(ana.request(&format!("REGISTER:ana:{PASSWORD}")).starts_with("OK;"));
    let mut number = 0;
    let mut send = || {
        number += 1;
        ana.request(&format!("SEND;{number};ana;hola"))
    };
    assert!(send().starts_with("OK;"));
    let filler = server.data.join("filler");
    for _ in 0..2 {
        std::fs::write(&filler, vec![0; FILLER_BYTES]).expect("room for the filler");
        wait_until("the server to notice that there is no space", || send().starts_with("KO;FULL;"));
        std::fs::remove_file(&filler).expect("the filler");
        wait_until("the server to notice the space", || send().starts_with("OK;"));
    }
}
