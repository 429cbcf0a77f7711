//! etcd has no room, or is about to have none.

use std::time::Duration;

use super::etcd::{client, put, soon};
use crate::support::cluster::servers::Servers;
use crate::support::{wait_for, wait_until};

/// Quota of etcd's database in bytes, here.
const QUOTA: &str = "6000000";

/// Long texts, in bytes, and how many of them are sent at most.
const TEXT_BYTES: usize = 60_000;
const TEXTS: u64 = 200;

/// At half of what etcd's database may have nothing more is stored, and that is said before anything is put.
#[test]
fn a_leader_refuses_messages_before_etcd_is_full() {
    let Some(mut servers) = Servers::start_with(2, &[], &["--cluster-quota", "2"]) else { return };
    let text = "x".repeat(TEXT_BYTES);
    let mut sends = servers.login("ana");
    let mut number = 0;
    let refused = wait_for("a refusal", || {
        number += 1;
        assert!(number < TEXTS, "{TEXTS} long messages are stored");
        std::thread::sleep(Duration::from_millis(50));
        let reply = sends.request(&format!("SEND;m-{number};luis;{text}"));
        (!reply.starts_with("OK;")).then_some(reply)
    });
    assert!(refused.starts_with("KO;FULL;"), "{refused}");
    // Reading goes on.
    assert_eq!(sends.list("HISTORY;luis;1").len(), 1);
    assert!(servers.etcd.etcdctl(&["alarm", "list"]).trim().is_empty(), "etcd is full");
    servers.assert_same();
}

/// A full etcd may have a write that it has refused. So nothing is answered until it has room again.
#[test]
fn while_etcd_is_full_nothing_is_answered_and_all_goes_on_when_it_has_room() {
    let Some(mut servers) = Servers::start_with(2, &["--quota-backend-bytes", QUOTA], &[]) else { return };
    let mut sends = servers.login("ana");
    let etcd = client(&servers.url());
    let large = vec![7; 500 << 10];
    wait_until("a full etcd", || etcd.transact(&[], &[put("junk", &large)], soon()).is_err());
    sends.send("SEND;m-1;luis;hola\n");
    assert_eq!(sends.try_read_line(), None, "an answer without room");
    // As the administrator does.
    servers.etcd.etcdctl(&["del", "junk"]);
    let revision = etcd.range("junk", None, 1, soon()).expect("an answer").revision;
    etcd.compact(revision, soon()).expect("a compaction");
    servers.etcd.etcdctl(&["defrag", "--cluster"]);
    servers.etcd.etcdctl(&["alarm", "disarm"]);
    let stored = servers.ask("ana", "SEND;m-1;luis;hola");
    assert!(stored.starts_with("OK;m-1;"), "{stored}");
    assert_eq!(servers.login("luis").list("HISTORY;ana").len(), 1);
    servers.assert_same();
}
