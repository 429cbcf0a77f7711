//! The client of etcd, with real members: keys, transactions, leases, sizes, users, certificates.

use std::path::Path;
use std::time::{Duration, Instant};

use wachat::cluster::{ANSWER_BYTES, Access, Compare, Etcd, EtcdError, KeyValue, Operation, Transacted, check_version};
use wachat::net::Identity;

use crate::support::etcd::EtcdCluster;
use crate::support::world::choose_ports_in_a_row;
use crate::support::{TIMEOUT, wait_until};

pub fn client(url: &str) -> Etcd {
    Etcd::new(&url.parse().expect("an address"), Access::default()).expect("a client")
}

pub fn soon() -> Instant {
    Instant::now() + TIMEOUT
}

pub fn put(key: &str, value: &[u8]) -> Operation {
    Operation::Put { key: key.to_owned(), value: value.to_vec(), lease: 0 }
}

/// Puts a key, whatever it was.
#[track_caller]
fn set(etcd: &Etcd, key: &str, value: &[u8]) -> i64 {
    let done = etcd.transact(&[], &[put(key, value)], soon()).expect("it is put");
    assert!(done.succeeded);
    done.revision
}

#[track_caller]
fn get(etcd: &Etcd, key: &str) -> Option<KeyValue> {
    etcd.range(key, None, 1, soon()).expect("it is read").values.pop()
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, EtcdError>) -> String {
    match outcome {
        Err(EtcdError::Refused(why)) => why,
        other => panic!("expected a refusal: {other:?}"),
    }
}

#[track_caller]
pub fn unknown<T: std::fmt::Debug>(outcome: Result<T, EtcdError>) -> String {
    match outcome {
        Err(EtcdError::Unknown(why)) => why,
        other => panic!("expected an unknown outcome: {other:?}"),
    }
}

#[test]
fn a_range_has_the_keys_in_order_with_their_revisions() {
    let Some(cluster) = EtcdCluster::start(1) else { return };
    let etcd = client(&cluster.url("class"));
    let bytes: Vec<u8> = (0..=255).collect();
    let second = set(&etcd, "/class/log/2", &bytes);
    let first = set(&etcd, "/class/log/1", b"");
    set(&etcd, "/class/log0", b"outside");
    let last = set(&etcd, "/class/log/2", b"new");
    let read = etcd.range("/class/log/", Some("/class/log0"), 10, soon()).expect("a range");
    let value = |key: &str, value: &[u8], create_revision, mod_revision| {
        let key = key.to_owned();
        KeyValue { key, value: value.to_vec(), create_revision, mod_revision }
    };
    let expected = [value("/class/log/1", b"", first, first), value("/class/log/2", b"new", second, last)];
    assert_eq!((&read.values[..], read.more, read.revision), (&expected[..], false, last));
    let read = etcd.range("/class/log/", Some("/class/log0"), 1, soon()).expect("a range");
    assert_eq!((&read.values[..], read.more), (&expected[..1], true));
    let read = etcd.range("/class/no", Some("/class/nothing"), 1, soon()).expect("a range");
    assert_eq!((read.values.len(), read.more, read.revision), (0, false, last));
    set(&etcd, "/class/log/1", &bytes);
    assert_eq!(get(&etcd, "/class/log/1").expect("the key").value, bytes);
}

#[test]
fn a_transaction_changes_all_if_every_comparison_holds_and_nothing_otherwise() {
    let Some(cluster) = EtcdCluster::start(1) else { return };
    let etcd = client(&cluster.url("class"));
    let name = |key: &str| key.to_owned();
    let new = [Compare::CreateRevision(name("/class/a"), 0)];
    let then = [put("/class/a", b"1"), put("/class/b", b"2")];
    let made = etcd.transact(&new, &then, soon()).expect("an answer");
    assert!(made.succeeded);
    assert_eq!(get(&etcd, "/class/b").expect("the key").value, b"2");
    let again = etcd.transact(&new, &[put("/class/b", b"3")], soon()).expect("an answer");
    assert_eq!(again, Transacted { succeeded: false, revision: made.revision });
    let holds = [
        Compare::CreateRevision(name("/class/a"), made.revision),
        Compare::ModRevision(name("/class/b"), made.revision),
        Compare::Value(name("/class/a"), b"1".to_vec()),
    ];
    for wrong in [
        Compare::CreateRevision(name("/class/b"), made.revision + 1),
        Compare::ModRevision(name("/class/b"), made.revision - 1),
        Compare::Value(name("/class/a"), b"2".to_vec()),
        Compare::Value(name("/class/none"), b"2".to_vec()),
    ] {
        let all = [&holds[..], &[wrong]].concat();
        assert!(!etcd.transact(&all, &[put("/class/b", b"3")], soon()).expect("an answer").succeeded, "{all:?}");
    }
    assert_eq!(get(&etcd, "/class/b").expect("the key").value, b"2");
    let change = [
        Operation::Delete(name("/class/a")),
        Operation::DeleteRange { from: name("/class/b"), end: name("/class/c") },
        put("/class/c", b"c"),
    ];
    assert!(etcd.transact(&holds, &change, soon()).expect("an answer").succeeded);
    let left = etcd.range("/class/", Some("/class0"), 10, soon()).expect("a range");
    assert_eq!(left.values.iter().map(|value| value.key.as_str()).collect::<Vec<_>>(), ["/class/c"]);
    // The same key twice: etcd's definite answer.
    assert!(refusal(etcd.transact(&[], &[then[0].clone(), then[0].clone()], soon())).contains("duplicate key"));
}

#[test]
fn keys_go_with_their_lease_when_it_is_revoked_or_not_kept() {
    let Some(cluster) = EtcdCluster::start(1) else { return };
    let etcd = client(&cluster.url("class"));
    let leased = |key: &str, lease| {
        let put = Operation::Put { key: key.to_owned(), value: b"x".to_vec(), lease };
        etcd.transact(&[], &[put], soon())
    };
    let kept = etcd.grant_lease(3, soon()).expect("a lease");
    let left_alone = etcd.grant_lease(3, soon()).expect("a lease");
    let granted = Instant::now();
    leased("/class/kept", kept).expect("an answer");
    leased("/class/left", left_alone).expect("an answer");
    wait_until("a key that went with its lease", || {
        assert!(etcd.keep_lease(kept, soon()).expect("an answer"), "it is kept");
        get(&etcd, "/class/left").is_none()
    });
    assert!(granted.elapsed() >= Duration::from_secs(2), "after {:?}", granted.elapsed());
    assert!(!etcd.keep_lease(left_alone, soon()).expect("an answer"), "it has ended");
    assert!(get(&etcd, "/class/kept").is_some());
    etcd.revoke_lease(kept, soon()).expect("an answer");
    assert!(get(&etcd, "/class/kept").is_none());
    assert!(!etcd.keep_lease(kept, soon()).expect("an answer"));
    etcd.revoke_lease(kept, soon()).expect("a lease that has ended is no error");
    assert!(refusal(leased("/class/late", kept)).contains("lease not found"));
}

#[test]
fn values_of_512_kib_are_put_and_read_up_to_the_longest_answer() {
    let Some(cluster) = EtcdCluster::start(1) else { return };
    let etcd = client(&cluster.url("class"));
    let large: Vec<u8> = (0..512 << 10).map(|i| u8::try_from(i % 251).expect("a byte")).collect();
    let fits = usize::try_from(ANSWER_BYTES).expect("a size") / (large.len() * 4 / 3 + 1_000);
    let keys: Vec<_> = (10..=10 + fits).map(|i| format!("/class/log/{i}")).collect();
    for key in &keys {
        set(&etcd, key, &large);
    }
    let read = |limit: usize| etcd.range("/class/log/", Some("/class/log0"), limit as u64, soon());
    let values = read(fits).expect("a range").values;
    assert!(values.len() == fits && fits > 10 && values.iter().all(|value| value.value == large));
    let longer = read(fits + 1).map(|range| range.values.len());
    assert!(unknown(longer).contains("larger than"), "it is not read to its end");
    assert_eq!(read(1).expect("a range").values[0].value, large);
    // Longer than etcd allows: a definite answer.
    assert!(refusal(etcd.transact(&[], &[put("/class/x", &vec![1; 1_600_000])], soon())).contains("too large"));
}

#[test]
fn a_full_etcd_leaves_the_outcome_unknown() {
    let Some(cluster) = EtcdCluster::start_with(1, &["--quota-backend-bytes", "4000000"]) else { return };
    let etcd = client(&cluster.url("class"));
    let large = vec![7; 512 << 10];
    let failure = (0..100).find_map(|i| etcd.transact(&[], &[put(&format!("/class/{i}"), &large)], soon()).err());
    assert!(unknown::<()>(Err(failure.expect("it is full"))).contains("space exceeded"));
    assert!(get(&etcd, "/class/0").is_some(), "it can be read");
}

#[test]
fn a_compacted_revision_is_a_definite_answer() {
    let Some(cluster) = EtcdCluster::start(1) else { return };
    let etcd = client(&cluster.url("class"));
    set(&etcd, "/class/a", b"1");
    let revision = set(&etcd, "/class/a", b"2");
    etcd.compact(revision, soon()).expect("an answer");
    assert!(refusal(etcd.compact(revision - 1, soon())).contains("compacted"));
    assert!(refusal(etcd.compact(revision + 1, soon())).contains("future"));
    assert_eq!(get(&etcd, "/class/a").expect("the key").value, b"2");
}

#[test]
fn every_member_tells_its_version_and_size() {
    let Some(mut cluster) = EtcdCluster::start(3) else { return };
    let etcd = client(&cluster.url("class"));
    cluster.kill(1);
    let status = etcd.status(soon());
    assert_eq!(status.iter().map(|(endpoint, _)| endpoint.clone()).collect::<Vec<_>>(), cluster.urls());
    for (index, (_, status)) in status.into_iter().enumerate() {
        if index == 1 {
            assert!(unknown(status).contains("refused"));
        } else {
            let status = status.expect("its status");
            assert_eq!(check_version(&status.version), Ok(()));
            assert!(status.db_bytes > 4_096, "{status:?}");
        }
    }
}

#[test]
fn etcd_with_users_wants_one_and_a_token_that_is_refused_is_renewed() {
    let Some(mut cluster) = EtcdCluster::start(1) else { return };
    let url = cluster.url("class");
    let with = |name: &str, password: &str| {
        let user = Some((name.to_owned(), password.to_owned()));
        Etcd::new(&url.parse().expect("an address"), Access { user, ca: None }).expect("a client")
    };
    let user = with("wachat", "a word");
    assert!(refusal(user.range("/class/a", None, 1, soon())).contains("not enabled"));
    for words in [
        "user add root:secret",
        "user grant-role root root",
        "role add class",
        "role grant-permission --prefix=true class readwrite /class/",
        "auth enable",
    ] {
        cluster.etcdctl(&words.split(' ').collect::<Vec<_>>());
    }
    let root = |words: &[&str]| drop(cluster.etcdctl(&[&["--user", "root:secret"], words].concat()));
    root(&["user", "add", "wachat:a word"]);
    root(&["user", "grant-role", "wachat", "class"]);
    set(&user, "/class/a", b"1");
    let lease = user.grant_lease(60, soon()).expect("a lease");
    assert!(user.keep_lease(lease, soon()).expect("an answer"));
    assert!(user.status(soon())[0].1.is_ok());
    assert!(refusal(user.range("/other", None, 1, soon())).contains("permission denied"));
    assert!(refusal(client(&url).range("/class/a", None, 1, soon())).contains("user name is empty"));
    assert!(refusal(with("wachat", "wrong").range("/class/a", None, 1, soon())).contains("authentication failed"));
    // A change of the users makes every token old.
    root(&["user", "add", "other:word"]);
    set(&user, "/class/a", b"2");
    // Tokens are in a member's memory alone.
    cluster.kill(0);
    cluster.restart(0);
    wait_until("the member's answer", || match user.range("/class/a", None, 1, soon()) {
        Ok(read) => read.values[0].value == b"2",
        Err(EtcdError::Unknown(_)) => false,
        Err(EtcdError::Refused(why)) => panic!("{why}"),
    });
}

#[test]
fn https_is_spoken_with_a_member_whose_authority_is_known() {
    let files = tempfile::tempdir().expect("a directory");
    let (certificate, key) = Identity::make().expect("a certificate").pem();
    let [certificate_file, key_file] = ["certificate", "key"].map(|name| files.path().join(name));
    std::fs::write(&certificate_file, certificate).expect("to write");
    std::fs::write(&key_file, key).expect("to write");
    let port = choose_ports_in_a_row(1);
    let urls = format!("{{client}},https://127.0.0.1:{port}");
    let [certificate, key] = [&certificate_file, &key_file].map(|path| path.to_str().expect("UTF-8"));
    let options = ["--listen-client-urls", &urls, "--cert-file", certificate, "--key-file", key];
    let Some(_cluster) = EtcdCluster::start_with(1, &options) else { return };
    let url = format!("https://localhost:{port}/class").parse().expect("an address");
    let with = |ca: Option<&Path>| Etcd::new(&url, Access { user: None, ca: ca.map(Path::to_owned) });
    let etcd = with(Some(&certificate_file)).expect("a client");
    set(&etcd, "/class/a", b"1");
    assert_eq!(get(&etcd, "/class/a").expect("the key").value, b"1");
    let stranger = with(None).expect("a client");
    assert!(unknown(stranger.range("/class/a", None, 1, soon())).contains("UnknownIssuer"));
    assert!(refusal(with(Some(&key_file)).map(drop)).contains("no certificate in it"));
    assert!(refusal(with(Some(&files.path().join("none"))).map(drop)).contains("none"));
}
