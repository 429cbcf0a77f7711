//! The servers of the labs, graded by the judge: a skeleton lacks what its exercises are about, and each exercise that is
//! done brings the groups of its lab.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::holes::start;
use super::tools::{is_there, make_server};
use super::{SERVERS, path};
use crate::course::flawed::normal;
use crate::course::judge::{judge, text};
use crate::support::world::choose_ports;
use crate::support::{send_signal, wait_until};

/// A server that `restart.sh` of the labs has started, in a directory of its own.
struct Running {
    directory: TempDir,
    ports: [u16; 2],
    restart: String,
}

impl Running {
    /// Starts a solution; `None`: there is no tool chain.
    fn solution(file: &str) -> Option<Self> {
        Self::start(tempfile::tempdir().unwrap(), &path("solutions").join(file))
    }

    /// Starts a server with these exercises done.
    fn with_done(file: &str, exercises: &[usize]) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let source = start(file, exercises, directory.path());
        Self::start(directory, &source)
    }

    /// Starts a server in a directory, from its source.
    fn start(directory: TempDir, source: &Path) -> Option<Self> {
        let place = directory.path().display();
        let [send, recv] = choose_ports();
        let server = make_server(source, directory.path())?;
        let script = path("restart.sh").display().to_string();
        let restart = format!("cd {place} && SERVER='{server}' PORTS='{send} {recv}' sh {script}");
        assert!(Command::new("sh").args(["-c", &restart]).status().unwrap().success());
        wait_until("the server", || [send, recv].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()));
        Some(Self { ports: [send, recv], restart, directory })
    }

    /// Returns the exit code of the judge, and what it says.
    fn judge(&self, only: &str, more: &[&str]) -> (Option<i32>, String) {
        let arguments = ["--only", only, "--jobs", "16", "--patience", "10", "--restart", &self.restart];
        let output = judge(self.ports[0], self.ports[1], &[&arguments[..], more].concat());
        (output.status.code(), text(&output))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).unwrap();
        send_signal(pid.trim().parse().unwrap(), "KILL");
    }
}

const ALL: &str = "framing,login,send,poll,states,idempotence,time-outs,crash,rooms";

fn assert_passes(file: &str) {
    let Some(server) = Running::solution(file) else { return };
    let (code, said) = server.judge(ALL, &[]);
    assert!(code == Some(0) && said.contains("passed  crash-4 "), "{file}:\n{said}");
}

#[test]
fn the_solution_in_python_passes_all_groups() {
    assert_passes(SERVERS[0]);
}

#[test]
fn the_solution_in_rust_passes_all_groups() {
    assert_passes(SERVERS[1]);
}

#[test]
fn a_skeleton_starts_and_has_no_points() {
    let fails = |file: &str| {
        let Some(server) = Running::with_done(file, &[]) else { return };
        let (code, said) = server.judge(ALL, &["--once", "--points", &path("points.toml").display().to_string()]);
        assert!(code == Some(1) && said.ends_with("  0.0/43.0\n"), "{file}:\n{said}");
        assert!(said.starts_with("Fix this first: framing-"), "{file}:\n{said}");
        for name in ["framing-8", "login-3", "send-5", "poll-6", "states-2", "idempotence-1", "rooms-1", "crash-2"] {
            assert!(said.contains(&format!("FAILED  {name} ")), "{file}: {name}\n{said}");
        }
    };
    std::thread::scope(|scope| {
        for file in SERVERS {
            scope.spawn(|| fails(file));
        }
    });
}

/// One thread a port serves each connection to its end before the next one.
#[test]
fn a_server_of_one_connection_at_a_time_fails_the_tests_about_several_alone() {
    let solution = std::fs::read_to_string(path("solutions").join(SERVERS[0])).unwrap();
    let thread = "threading.Thread(target=Session(server, connection, port).serve, daemon=True).start()";
    assert_eq!(solution.matches(thread).count(), 1);
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("server.py");
    std::fs::write(&source, solution.replace(thread, "Session(server, connection, port).serve()")).unwrap();
    let Some(server) = Running::start(directory, &source) else { return };
    let [send, recv] = server.ports;
    let said = text(&judge(send, recv, &["--only", "framing,login,send,poll,states,idempotence"]));
    let failed: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("FAILED  ")?.split(' ').next()).collect();
    assert_eq!(failed, ["login-8", "send-9", "poll-7", "idempotence-6"], "{said}");
}

#[test]
fn each_lab_brings_its_groups() {
    let steps: [(&[usize], &str); 3] = [
        (&[1, 2], "framing"),
        (&[1, 2, 3, 4, 5, 6], "framing,login,send,poll,states"),
        (&[1, 2, 3, 4, 5, 6, 7], "idempotence"),
    ];
    for (exercises, groups) in steps {
        let Some(server) = Running::with_done(SERVERS[0], exercises) else { return };
        let (code, said) = server.judge(groups, &[]);
        assert_eq!(code, Some(0), "with {exercises:?}:\n{said}");
    }
}

#[test]
fn the_second_lab_shows_what_the_judge_says_of_the_skeleton() {
    if !is_there("python3", "--version") {
        return;
    }
    let server = Running::with_done(SERVERS[0], &[]).unwrap();
    let output = judge(server.ports[0], server.ports[1], &["--only", "framing-2"]);
    let page = super::read("en/2-framing.md");
    let shown = page.split("--only framing-2\n").nth(1).and_then(|rest| rest.split("   ```").next()).unwrap();
    let shown: String = shown.lines().map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect();
    assert_eq!(normal(&text(&output)), normal(&shown));
}
