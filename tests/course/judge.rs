//! The judge of servers: our own passes, and its results say what a student needs.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Output};

use wachat::course::judge::script;

use crate::support::{WACHAT, World, wait_until};

pub fn judge(send: u16, recv: u16, more: &[&str]) -> Output {
    let server = format!("--server=127.0.0.1:{send},{recv}");
    Command::new(WACHAT).args(["judge", &server]).args(more).output().unwrap()
}

pub fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn each_test_quotes_the_protocol_and_says_what_is_usually_wrong() {
    let mut titles = HashSet::new();
    for test in script::all() {
        assert!(!test.section.is_empty(), "{}: the protocol does not say {:?}", test.name, test.clause);
        assert!(!test.usual.is_empty() && test.steps.len() > 1, "{}", test.name);
        assert!(titles.insert(test.title), "{} is there twice", test.title);
    }
    assert!(titles.len() > 40, "{}", titles.len());
}

#[test]
fn our_server_passes_everything_but_the_crashes() {
    let world = World::new(&[]);
    let groups = "framing,login,send,poll,states,idempotence,rooms,time-outs";
    let output = judge(world.send_port, world.recv_port, &["--only", groups]);
    assert!(output.status.success(), "{}", text(&output));
    let said = text(&output);
    assert!(!said.contains("\nskipped ") && said.contains("passed  framing-1 "), "{said}");
}

/// Writes a script that starts a server in the background, after it has killed the one before.
fn restart_script(directory: &Path, [send, recv]: [u16; 2]) -> String {
    let (path, data) = (directory.join("restart"), directory.join("data"));
    let script = format!(
        "cd {} || exit 1\n[ -f pid ] && kill -9 $(cat pid) && sleep 0.2\n\
         {WACHAT} serve --send-port {send} --recv-port {recv} --data {} </dev/null >log 2>&1 &\necho $! >pid\n",
        directory.display(),
        data.display()
    );
    std::fs::write(&path, script).unwrap();
    format!("sh {}", path.display())
}

#[test]
fn our_server_survives_the_crashes() {
    let directory = tempfile::tempdir().unwrap();
    let [send, recv] = crate::support::world::choose_ports();
    let restart = restart_script(directory.path(), [send, recv]);
    assert!(Command::new("sh").args(["-c", &restart]).status().unwrap().success());
    wait_until("the server", || std::net::TcpStream::connect(("127.0.0.1", recv)).is_ok());
    let output = judge(send, recv, &["--only", "crash", "--restart", &restart]);
    let pid = std::fs::read_to_string(directory.path().join("pid")).unwrap();
    crate::support::send_signal(pid.trim().parse().unwrap(), "KILL");
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("passed  crash-4 "), "{}", text(&output));
}
