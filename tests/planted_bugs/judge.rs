//! `wachat judge` finds the defects of the server that a client can see: each fails the tests that its header names, and no
//! others.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::bugs::{Bug, VARIABLE};

/// The groups that are played: all but the lines, the logins and the time-outs.
pub const GROUPS: &str = "send,poll,states,idempotence,rooms,crash,devices,calls,owners,erase,names";

/// Starts the server on ports of its own, and kills it at the end.
struct Server {
    directory: TempDir,
    program: PathBuf,
    ports: [u16; 2],
}

impl Server {
    fn start(program: &Path, bug: Option<&Bug>) -> Self {
        let free =
            || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let directory = TempDir::new().expect("a temporary directory");
        let ports = [free(), free()];
        let server = Self { directory, program: program.to_path_buf(), ports };
        fs::write(server.script(), server.restart(bug)).expect("a script");
        server.run("first");
        server
    }

    fn script(&self) -> PathBuf {
        self.directory.path().join("restart")
    }

    /// Writes the script that restarts the server twice: after `kill -9` recovery replays the log, and after a clean stop
    /// it reads the checkpoint.
    fn restart(&self, bug: Option<&Bug>) -> String {
        let [send, recv] = self.ports;
        let directory = self.directory.path().display();
        let program = self.program.display();
        let name = bug.map_or("none", |bug| bug.name);
        format!(
            "cd {directory} || exit 1
start() {{
    {VARIABLE}={name} {program} serve --send-port {send} --recv-port {recv} --data data </dev/null >output 2>>errors &
    echo $! >pid
    for i in $(seq 600); do grep -q listening output && return; sleep 0.05; done
}}
end() {{
    kill -$1 $(cat pid)
    for i in $(seq 600); do flock -n data/lock true && return; sleep 0.05; done
}}
if [ \"$1\" = end ]; then end KILL; exit; fi
if [ \"$1\" = first ]; then start; exit; fi
end KILL; start; end TERM; start
"
        )
    }

    fn run(&self, what: &str) {
        let done = Command::new("sh").arg(self.script()).arg(what).status().expect("sh");
        assert!(done.success(), "{what}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("end");
    }
}

/// Plays the judge's tests against a server with a defect; returns what is wrong with their outcome.
pub fn check(program: &Path, bug: Option<&Bug>) -> Result<(), String> {
    let name = bug.map_or("no bug", |bug| bug.name);
    let judged = bug.and_then(|bug| bug.judge.as_ref());
    let server = Server::start(program, bug);
    let [send, recv] = server.ports;
    let mut judge = Command::new(program);
    judge.args(["judge", "--server", &format!("127.0.0.1:{send},{recv}"), "--only", GROUPS]);
    judge.arg("--restart").arg(format!("sh {}", server.script().display())).env_remove(VARIABLE);
    let said = judge.output().expect("the judge").stdout;
    let said = String::from_utf8_lossy(&said);
    let failed = said.lines().filter_map(|line| line.strip_prefix("FAILED ")?.split_whitespace().next());
    let failed: BTreeSet<_> = failed.collect();
    println!("{name}: {}", failed.iter().copied().collect::<Vec<_>>().join(" "));
    let must: BTreeSet<_> = judged.map_or(&[][..], |judged| &judged.fail).iter().copied().collect();
    let may = |name: &str| judged.is_some_and(|judged| judged.others_may || judged.may.contains(&name));
    let fits = failed.is_superset(&must) && failed.difference(&must).all(|name| may(name));
    if fits && said.contains("passed ") {
        Ok(())
    } else {
        Err(format!("{name} fails {failed:?}, not {must:?}:\n{said}"))
    }
}
