//! Servers come and go: what of the log is kept for them, and what becomes of their stores.

use std::path::Path;
use std::time::Duration;

use crate::support::cluster::servers::Servers;
use crate::support::etcd::EtcdCluster;
use crate::support::store_files::read_checkpoint;
use crate::support::{wait_until, wait_within};

/// Entries that a test makes, at least.
const ENTRIES: u64 = 20;

/// Time after which a server that was killed is known to be gone.
const GONE: Duration = Duration::from_secs(60);

fn make_entries(servers: &mut Servers, from: u64) {
    let mut sends = servers.login("ana");
    for number in from..from + ENTRIES {
        let reply = sends.request(&format!("SEND;m-{number};luis;hola"));
        assert!(reply.starts_with("OK;"), "{reply}");
    }
}

/// Stops servers cleanly, which makes a checkpoint, and starts them again.
fn restart(servers: &mut Servers, indices: &[usize]) {
    for index in indices {
        assert!(servers.end(*index).success());
        servers.restart(*index);
    }
    servers.leader();
}

fn store_name(data: &Path) -> String {
    let table = read_checkpoint(data, "store");
    table.lines().nth(2).and_then(|row| row.split(';').next()).expect("a row").to_owned()
}

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().expect("cp");
    assert!(done.success(), "cp -r");
}

#[test]
fn entries_go_when_all_servers_have_them_in_a_checkpoint() {
    let Some(mut servers) = Servers::start(3) else { return };
    make_entries(&mut servers, 1);
    servers.wait_until_level();
    let last = servers.status().last;
    assert!(servers.status().kept >= ENTRIES);
    restart(&mut servers, &[0, 1]);
    // The third holds the others back: the log is looked through every two seconds.
    wait_until("two checkpoints", || {
        let covered = servers.status().covered;
        ["s0", "s1"].iter().all(|name| covered[*name] >= last)
    });
    std::thread::sleep(Duration::from_secs(5));
    let status = servers.status();
    assert!(status.kept >= ENTRIES, "{status:?}");
    restart(&mut servers, &[2]);
    wait_until("entries to go", || servers.status().kept < ENTRIES);
    make_entries(&mut servers, 100);
    servers.assert_same();
}

#[test]
fn a_server_that_has_fallen_behind_stops_and_says_what_to_do() {
    let Some(mut servers) = Servers::start(2) else { return };
    let backup = servers.backup(1);
    assert!(servers.end(1).success());
    let old = servers.path("old");
    copy(servers.data(1), &old);
    let last = servers.status().last;
    servers.restart(1);
    make_entries(&mut servers, 1);
    servers.wait_until_level();
    restart(&mut servers, &[0, 1]);
    wait_until("entries to go", || servers.status().last - servers.status().kept > last + 1);
    assert!(servers.end(1).success());
    std::fs::remove_dir_all(servers.data(1)).expect("its directory");
    // A backup that the log does not follow any more is refused.
    let (code, _, said) = servers.try_join(1, &backup);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("make a new backup"), "{said}");
    let _ = std::fs::remove_dir_all(servers.data(1));
    copy(&old, servers.data(1));
    servers.restart(1);
    assert_eq!(servers.wait_for_end(1).code(), Some(1));
    let said = servers.log(1);
    assert!(said.contains("wachat cluster join") || said.contains("join again with a new directory"), "{said}");
    std::fs::remove_dir_all(servers.data(1)).expect("its directory");
    servers.join(1, 0);
    servers.restart(1);
    servers.assert_same();
}

#[test]
fn a_server_is_forgotten_when_it_does_not_run() {
    let Some(mut servers) = Servers::start(3) else { return };
    servers.wait_until_level();
    let (code, _, said) = servers.cluster(&["forget", "s2"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("stop it first"), "{said}");
    servers.kill(2);
    make_entries(&mut servers, 1);
    wait_within(
        GONE,
        || (servers.cluster(&["forget", "s2"]).0 == Some(0)).then_some(()),
        || "a server that was killed cannot be forgotten".to_owned(),
    );
    assert!(!servers.status().applied.contains_key("s2"));
    restart(&mut servers, &[0, 1]);
    wait_until("entries to go", || servers.status().kept < ENTRIES);
    servers.restart(2);
    assert_eq!(servers.wait_for_end(2).code(), Some(1));
    let said = servers.log(2);
    assert!(said.contains("wachat cluster join"), "{said}");
    std::fs::remove_dir_all(servers.data(2)).expect("its directory");
    servers.join(2, 1);
    servers.restart(2);
    servers.assert_same();
}

#[test]
fn a_server_that_leaves_gets_a_name_of_its_own_unless_it_is_the_last() {
    let Some(mut servers) = Servers::start(2) else { return };
    make_entries(&mut servers, 1);
    servers.assert_same();
    let name = store_name(servers.data(0));
    let leave = ["cluster", "leave", "--cluster", &servers.url()].map(str::to_owned);
    let leave: Vec<_> = leave.iter().map(String::as_str).collect();
    servers.administer(1, &leave);
    assert_ne!(store_name(servers.data(1)), name);
    servers.administer(0, &leave);
    assert_eq!(store_name(servers.data(0)), name);
    for index in 0..2 {
        servers.administer(index, &["check"]);
        let rows = servers.administer(index, &["user", "list"]);
        assert!(rows.contains("ana"), "{rows}");
        // It is alone: commands work on its files again.
        servers.administer(index, &["user", "add", "rosa"]);
    }
}

#[test]
fn a_running_server_does_not_leave() {
    let Some(servers) = Servers::start(1) else { return };
    let (code, _, said) = servers.run(&["cluster", "leave", "--cluster", &servers.url()], 0);
    assert_eq!(code, Some(1), "{said}");
}

/// etcd is lost, with all that it had. The servers' stores have everything that was answered.
#[test]
fn a_cluster_begins_again_after_etcd_was_lost() {
    let Some(mut servers) = Servers::start(2) else { return };
    make_entries(&mut servers, 1);
    servers.wait_until_level();
    (0..2).for_each(|index| servers.kill(index));
    let Some(etcd) = EtcdCluster::start(3) else { return };
    servers.etcd = etcd;
    servers.renew_networks();
    servers.init(0);
    // The other one ends at the same entry: it needs no copy, but a registration.
    std::fs::remove_dir_all(servers.data(1)).expect("its directory");
    servers.join(1, 0);
    (0..2).for_each(|index| servers.restart(index));
    assert_eq!(servers.login("luis").list("HISTORY;ana").len(), ENTRIES as usize);
    make_entries(&mut servers, 100);
    servers.assert_same();
}

#[test]
fn an_import_that_fits_into_no_entry_is_refused_with_a_word() {
    let Some(mut servers) = Servers::start(2) else { return };
    let leader = servers.leader();
    let email = "x".repeat(230);
    let rows: String = (0..1_500).map(|number| format!("user{number};{email}@example.org\n")).collect();
    let roster = servers.path("roster.csv");
    std::fs::write(&roster, format!("name;email\n{rows}")).expect("a roster");
    let roster = roster.to_str().expect("UTF-8").to_owned();
    let (code, _, said) = servers.run(&["user", "import", &roster], leader);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("too many accounts at once"), "{said}");
    let small: String = (0..5).map(|number| format!("user{number}\n")).collect();
    std::fs::write(servers.path("small.csv"), format!("name\n{small}")).expect("a roster");
    let small = servers.path("small.csv").to_str().expect("UTF-8").to_owned();
    let passwords = servers.path("few.csv").to_str().expect("UTF-8").to_owned();
    servers.administer(leader, &["user", "import", &small, "--passwords", &passwords]);
    servers.assert_same();
}

/// Writes the registration of a server that does not run as a newer version would: it reads entries of this format.
fn register_format(servers: &Servers, name: &str, format: &str) {
    let key = format!("/class/server/{name}");
    let row = servers.etcd.etcdctl(&["get", "--print-value-only", &key]);
    let mut fields: Vec<_> = row.trim_end().split(';').collect();
    fields[1] = format;
    servers.etcd.etcdctl(&["put", &key, &fields.join(";")]);
}

#[test]
fn the_format_of_entries_is_raised_when_all_servers_read_the_newer_one() {
    let Some(mut servers) = Servers::start(2) else { return };
    make_entries(&mut servers, 1);
    let raise = |servers: &Servers| {
        let (code, out, said) = servers.cluster(&["format"]);
        assert_eq!(code, Some(0), "{said}");
        (out, servers.status().format)
    };
    let (said, format) = raise(&servers);
    assert!(said.contains("format 1 "), "{said}");
    assert_eq!(format, 1);
    (0..2).for_each(|index| assert!(servers.end(index).success()));
    register_format(&servers, "s0", "2");
    assert_eq!(raise(&servers).1, 1);
    register_format(&servers, "s1", "3");
    let (said, format) = raise(&servers);
    assert!(said.contains("format 2 "), "{said}");
    assert_eq!(format, 2);
    // There is no way back: this version does not read it.
    servers.restart(0);
    assert_eq!(servers.wait_for_end(0).code(), Some(1));
    let said = servers.log(0);
    assert!(said.contains("start a newer wachat"), "{said}");
    let backup = servers.backup(1);
    let (code, _, said) = servers.try_join(0, &backup);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("start a newer wachat"), "{said}");
}
