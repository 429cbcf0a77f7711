//! The client of etcd while members are gone, stopped, or too few.

use std::time::{Duration, Instant};

use crate::cluster::etcd::{client, put, soon, unknown};
use crate::support::etcd::EtcdCluster;
use crate::support::wait_until;
use crate::support::world::choose_ports_in_a_row;

/// Time that a call is given here, and what it may take longer on a busy machine.
const GIVEN: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(1);

/// Runs a call with its deadline, and checks that it returns by it.
#[track_caller]
fn in_time<T>(call: impl FnOnce(Instant) -> T) -> T {
    let begin = Instant::now();
    let outcome = call(begin + GIVEN);
    assert!(begin.elapsed() < GIVEN + SLACK, "after {:?}", begin.elapsed());
    outcome
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_passed_over() {
    let Some(cluster) = EtcdCluster::start(1) else { return };
    let nobody = choose_ports_in_a_row(1);
    let etcd = client(&format!("http://127.0.0.1:{nobody},http://no-such-host.invalid:1,{}", cluster.url("class")));
    for key in ["/class/a", "/class/b"] {
        assert!(etcd.transact(&[], &[put(key, b"1")], soon()).expect("an answer").succeeded);
    }
    let none = client(&format!("http://127.0.0.1:{nobody}/class"));
    assert!(unknown(none.range("/class/a", None, 1, soon())).contains("refused"));
    // Its deadline is over: nothing is sent.
    assert!(unknown(etcd.transact(&[], &[put("/class/late", b"1")], Instant::now())).contains("timeout"));
    assert_eq!(etcd.range("/class/late", None, 1, soon()).expect("a range").values, []);
}

#[test]
fn a_stopped_member_leaves_the_outcome_unknown_and_the_next_call_asks_another() {
    let Some(cluster) = EtcdCluster::start(3) else { return };
    let etcd = client(&cluster.url("class"));
    etcd.transact(&[], &[put("/class/a", b"1")], soon()).expect("an answer");
    cluster.stop(0);
    // More than the buffers of a connection hold.
    let large = vec![9; 512 << 10];
    assert!(unknown(in_time(|deadline| etcd.transact(&[], &[put("/class/a", &large)], deadline))).contains("timeout"));
    wait_until("an answer of the others", || etcd.range("/class/a", None, 1, soon()).is_ok());
    let status = in_time(|deadline| etcd.status(deadline));
    assert!(status[0].1.is_err() && status[1].1.is_ok() && status[2].1.is_ok(), "{status:?}");
    cluster.resume(0);
    wait_until("the member's status", || etcd.status(soon())[0].1.is_ok());
}

#[test]
fn without_a_majority_every_outcome_is_unknown_by_the_deadline() {
    let Some(mut cluster) = EtcdCluster::start(3) else { return };
    let etcd = client(&cluster.url("class"));
    let lease = etcd.grant_lease(60, soon()).expect("a lease");
    cluster.kill(1);
    cluster.kill(2);
    wait_until("a lost majority", || in_time(|deadline| etcd.range("/class/a", None, 1, deadline)).is_err());
    for _ in 0..3 {
        unknown(in_time(|deadline| etcd.transact(&[], &[put("/class/a", b"1")], deadline)));
        unknown(in_time(|deadline| etcd.grant_lease(3, deadline)));
        unknown(in_time(|deadline| etcd.keep_lease(lease, deadline)));
    }
    cluster.restart(1);
    wait_until("a majority", || etcd.transact(&[], &[put("/class/a", b"2")], soon()).is_ok());
    assert!(etcd.keep_lease(lease, soon()).expect("an answer"), "it lasts");
    assert_eq!(etcd.range("/class/a", None, 1, soon()).expect("a range").values[0].value, b"2");
}
