//! Check, backup and restore only read their source: from a file system that is mounted read-only, too. An error of a
//! call is not called damage.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{WACHAT, World, run_to_end};
use wachat::store::{Problem, Store, StoreError};

/// Mounts the directory `$0` read-only, for itself alone, and runs the other arguments.
const ON_READ_ONLY: &str = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;

fn on_read_only(directory: &Path, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", ON_READ_ONLY]).arg(directory).arg(program).args(arguments);
    run_to_end(&mut command)
}

#[test]
fn a_store_and_a_backup_on_a_read_only_file_system_are_checked_copied_and_restored() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    assert!(ana.request("SEND;1;ana;in the history").starts_with("OK;"));
    world.stop();
    world.start();
    assert!(world.login("ana").request("SEND;2;ana;in the log").starts_with("OK;"));
    world.kill();
    let [data, backup, restored] = [world.data(), world.path("backup"), world.path("restored")];
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    let file = path(&data.join("file"));
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success())
        || on_read_only(&data, "true", &[]).0 != Some(0)
    {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    }
    assert_ne!(on_read_only(&data, "touch", &[&file]).0, Some(0), "it can be written to");

    let check = |directory: &Path| on_read_only(directory, WACHAT, &["check", "--data", &path(directory)]);
    assert_eq!(check(&data), (Some(0), String::new()));
    let made = on_read_only(&data, WACHAT, &["backup", &path(&backup), "--data", &path(&data)]);
    assert_eq!(made, (Some(0), String::new()));
    assert_eq!(check(&backup), (Some(0), String::new()));
    let made = on_read_only(&backup, WACHAT, &["restore", &path(&backup), "--data", &path(&restored)]);
    assert_eq!(made.0, Some(0), "{}", made.1);
    let history = std::fs::read_to_string(restored.join("history/direct-0-0.csv")).expect("its history");
    assert!(history.contains(";in the history;") && history.contains(";in the log;"), "{history}");
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_damaged() {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"));
    server.register("ana");
    server.send("ana", "ana", "hola");
    server.checkpoint();
    server.send("ana", "ana", "hola");
    drop(server);
    let files = crate::support::store_files::read_files(&disk, "/data");
    let names = files.keys().filter(|path| !path.ends_with("lock"));
    let mut count = 0;
    for (path, call) in names.flat_map(|path| [(path, "open"), (path, "read")]) {
        let unreadable = path.clone();
        let hook: Hook = Arc::new(move |what, path| match what {
            _ if what == call && path == unreadable => Err(io::Error::other("a sector cannot be read")),
            _ => Ok(()),
        });
        let store = Store::new(Arc::new(InterceptedDisk { disk: disk.clone(), hook }), Path::new("/data"));
        let error = store.check().err().unwrap_or_else(|| panic!("{call} {}: nothing is said", path.display()));
        assert!(matches!(error.problem, Problem::Io(_)) && error.path == *path, "{call} {}: {error}", path.display());
        count += 1;
    }
    assert!(count > 20, "{count} calls");
}

#[test]
fn a_history_file_that_becomes_shorter_while_it_is_read_is_not_called_damaged() {
    let history = Path::new("/data/history/direct-0-0.csv");
    let check = |store: &Store| store.check().map(drop);
    let back_up = |store: &Store| store.backup(Path::new("/backup")).map(drop);
    for act in [&check as &dyn Fn(&Store) -> Result<(), StoreError>, &back_up] {
        let disk = SimulatedDisk::default();
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"));
        server.register("ana");
        server.send("ana", "ana", "hola");
        server.checkpoint();
        drop(server);
        let cut = disk.clone();
        let hook: Hook = Arc::new(move |what, path| {
            if what == "read" && path == history {
                cut.tamper(history, |content| content.truncate(60));
            }
            Ok(())
        });
        let error =
            act(&Store::new(Arc::new(InterceptedDisk { disk, hook }), Path::new("/data"))).expect_err("shorter");
        assert!(matches!(error.problem, Problem::Io(_)) && error.path == history, "{error}");
    }
}
