//! Resources of the system that hostile clients have used up: open files, places, threads. Whoever is connected goes on;
//! files of the store, checkpoints, the administrator and the monitor have what they need; and it ends with its cause.

use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use wachat::limits;

use super::scene::{Scene, login, mallory};
use crate::support::connection::connect_from;
use crate::support::metrics::get;
use crate::support::{Connection, World, tls, wait_for, wait_until};

/// Open files of the server with few: the least that it starts with.
const FILES: u64 = 2 * limits::RESERVED_FILES as u64;

/// Limits what a running server may use: `nofile`, `nproc`.
fn limit(world: &World, resource: &str, most: u64) {
    let mut command = Command::new("prlimit");
    // The lower of the two limits, which its own user may raise again.
    command.args(["--pid", &world.pid().to_string(), &format!("--{resource}={most}:")]);
    world.user().iter().for_each(|user| _ = command.uid(*user).gid(*user));
    let output = command.output().expect("prlimit, of util-linux");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn all_places_of_a_server_with_few_files_are_taken() {
    if tls::is_everywhere() {
        return;
    }
    let places = FILES as usize - limits::RESERVED_FILES;
    let users = (places * 3 / 4).div_ceil(limits::CONNECTIONS_PER_USER);
    let mut scene = Scene::new(&["--no-lobby", "--no-limits"], users);
    scene.world.stop();
    scene.world.files = Some(FILES);
    scene.world.start();
    scene.warm_up();
    let mut ana = scene.enter(&login("ana"));
    let user = |number: usize| login(&mallory(number / limits::CONNECTIONS_PER_USER));
    let inside: Vec<_> = (0..places * 3 / 4 - 1).map(|number| scene.enter(&user(number))).collect();
    // Each of an address of its own: one address gets a part of the places for those who have not logged in.
    let outside: Vec<_> =
        (0..places / 4).map(|number| connect_from([127, 2, 0, number as u8], scene.world.send)).collect();
    wait_until("all places to be taken", || scene.page().value("wachat_connections{port=\"send\"}") == places as f64);
    for port in scene.world.addresses() {
        assert!(Connection::open(port).read_line().starts_with("KO;FULL;"));
    }
    assert_eq!(get(scene.metrics, "/healthz").status, 200);
    let status = scene.world.administer(&["status"]);
    assert!(status.contains(&format!("connections            {places}\n")), "{status}");
    send_until_checkpoint(&scene, &mut ana);
    assert!(ana.list("HISTORY;ana;5").len() >= 4, "history files can be read");
    drop((ana, inside, outside));
    scene.finish();
}

/// Sends messages until the log that they fill has led to a checkpoint.
fn send_until_checkpoint(scene: &Scene, ana: &mut Connection) {
    let text = "x".repeat(limits::TEXT_BYTES);
    for number in 0..400 {
        assert!(ana.request(&format!("SEND;long-{number};ana;{text}")).starts_with("OK;"));
    }
    wait_until("a checkpoint", || {
        assert_eq!(ana.request("PING"), "OK");
        scene.page().value("wachat_checkpoints_total{outcome=\"made\"}") > 0.0
    });
}

/// The limit falls under what is open already: accept() fails, and so does every other call that opens a file.
#[test]
fn no_file_can_be_opened() {
    let mut scene = Scene::new(&["--no-lobby", "--no-limits"], 0);
    let mut ana = scene.enter(&login("ana"));
    let files = scene.process().holds().files;
    limit(&scene.world, "nofile", files as u64);
    let mut waiting = TcpStream::connect(scene.world.send).map(|stream| stream.peer_addr()).into_iter().count();
    waiting += (0..50).filter_map(|_| TcpStream::connect(scene.world.recv).ok()).count();
    assert_eq!(waiting, 51, "the system takes connections before the server does");
    wait_until("the log to say so", || scene.world.log().contains("cannot accept connections"));
    for number in 0..100 {
        assert!(ana.request(&format!("SEND;{number};luis;hola")).starts_with("OK;"));
    }
    // More than the segments that were made ahead: what has no segment waits, or is refused.
    let text = "x".repeat(limits::TEXT_BYTES);
    for number in 0..300 {
        ana.send(format!("SEND;long-{number};luis;{text}\n"));
        if !ana.has_input(Duration::from_secs(3)) {
            break;
        }
        let reply = ana.read_line();
        assert!(reply.starts_with("OK;") || reply.starts_with("KO;"), "{reply}");
    }
    let said = scene.world.log();
    assert!(said.lines().count() < 30, "the log is flooded:\n{said}");
    let warnings = said.matches("cannot accept connections").count();
    assert!(warnings <= 2, "one for each port, also where a file is closed in between:\n{said}");
    limit(&scene.world, "nofile", 1_024);
    drop(ana);
    let mut number = 0;
    wait_until("the server to have segments again", || {
        number += 1;
        scene.enter(&login("ana")).request(&format!("SEND;again-{number};luis;hola")).starts_with("OK;")
    });
    scene.assert_undisturbed("after a time without files");
    scene.finish();
}

/// The limit counts the threads of a user: the server has one of its own.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_can_be_started() {
    if tls::is_everywhere() {
        return;
    }
    let mut scene = Scene::new(&["--no-lobby"], 0);
    scene.world.stop();
    scene.world.is_apart = true;
    scene.world.start();
    scene.warm_up();
    let mut ana = scene.enter(&login("ana"));
    let threads = scene.process().holds().threads;
    limit(&scene.world, "nproc", threads + 10);
    // As many as there are threads for are accepted, and wait to log in; the next ones are refused.
    let mut inside = Vec::new();
    let refused = wait_for("the last thread", || {
        let mut next = Connection::open(scene.world.send);
        let reply = next.has_input(Duration::from_millis(200)).then(|| next.read_line());
        inside.push(next);
        reply
    });
    assert_eq!(refused, "KO;FULL;\"the server has no thread left; try later\"");
    assert!((8..=12).contains(&inside.len()), "{} are inside", inside.len());
    assert!(ana.request("SEND;1;luis;hola").starts_with("OK;"), "who is connected goes on");
    assert_eq!(get(scene.metrics, "/healthz").status, 200, "the monitor needs no thread");
    assert!(scene.world.administer(&["status"]).contains("connections"), "nor does the administrator");
    flood_in_vain(&scene);
    limit(&scene.world, "nproc", 10_000);
    drop((ana, inside));
    scene.assert_undisturbed("after a time without threads");
    scene.finish();
}

/// Refused connections leave a line in the audit log now and then, and no more.
fn flood_in_vain(scene: &Scene) {
    for _ in 0..200 {
        assert!(Connection::open(scene.world.send).read_line().starts_with("KO;FULL;"));
    }
    let lines = scene.world.log().lines().filter(|line| line.contains("thread")).count();
    assert!((1..10).contains(&lines), "{lines} lines in\n{}", scene.world.log());
}
