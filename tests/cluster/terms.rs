//! The right to append, against a real etcd: what a leader of the past puts never takes effect, and the next one has
//! all.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use parking_lot::Mutex;
use wachat::cluster::{
    Access, ClusterUrl, Compare, EntryHash, Etcd, FORMAT, KeyValue, Keys, Link, Member, MemberConfig, Membership, News,
    Operation, Progress, Registration, Term, write_link,
};
use wachat::model::{ServerAddress, Timestamp};

use crate::support::cluster::network::{Network, Weather};
use crate::support::etcd::EtcdCluster;
use crate::support::{TIMEOUT, wait_until};

/// A cluster without servers: two are registered.
struct Log {
    etcd: Etcd,
    keys: Keys,
    url: ClusterUrl,
    first: Link,
    /// Between the server of the test and etcd.
    network: Network,
    _members: EtcdCluster,
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn put(key: String, value: impl Into<Vec<u8>>) -> Operation {
    Operation::Put { key, value: value.into(), lease: 0 }
}

/// Returns the position after one more entry.
fn next(link: Link) -> Link {
    let hash = EntryHash::random().expect("random bytes");
    Link { number: link.number + 1, hash, bytes: link.bytes + 10, time: link.time }
}

impl Log {
    fn begin() -> Option<Self> {
        let members = EtcdCluster::start(1)?;
        let network = Network::start(members.addresses());
        let url: ClusterUrl = members.url("class").parse().expect("an address");
        let etcd = Etcd::new(&url, Access::default()).expect("a client");
        let hash = EntryHash::random().expect("random bytes");
        let first = Link { number: 7, hash, bytes: 0, time: Timestamp::now() };
        let membership = Membership::new(&url, etcd.clone());
        membership.init("a", first).expect("a cluster");
        membership.join("b", first).expect("a second server");
        let keys = Keys::new(url.prefix());
        let url = format!("http://{}/class", network.addresses()[0]).parse().expect("an address");
        Some(Self { etcd, keys, url, first, network, _members: members })
    }

    fn change(&self, operations: &[Operation]) {
        assert!(self.etcd.transact(&[], operations, deadline()).expect("an answer").succeeded);
    }

    fn entry(&self, number: u64) -> Option<KeyValue> {
        self.etcd.range(&self.keys.entry(number), None, 1, deadline()).expect("an answer").values.pop()
    }

    /// Starts the thread of a server that has applied nothing. What it finds arrives by the channel.
    fn start(&self, name: &str) -> (Member, Arc<Progress>, Receiver<News>) {
        let config = MemberConfig {
            url: self.url.clone(),
            access: Access::default(),
            name: name.to_owned(),
            process: format!("process of {name}"),
            host: "localhost".to_owned(),
            quota_bytes: 1 << 30,
        };
        let address = ServerAddress { host: "localhost".to_owned(), send: 1, recv: 2, fingerprint: None };
        let progress = Arc::new(Progress { link: Mutex::new(self.first), covered: AtomicU64::new(self.first.number) });
        let (tell, news) = unbounded();
        let tell = move |found| _ = tell.send(found);
        let member = Member::start(&config, address, progress.clone(), tell).expect("a thread");
        (member, progress, news)
    }

    fn lead(&self, name: &str) -> (Member, Term) {
        let (member, _, news) = self.start(name);
        loop {
            if let News::Lead(term) = news.recv_timeout(TIMEOUT).expect("news") {
                return (member, term);
            }
        }
    }
}

#[test]
fn an_entry_of_a_leader_whose_key_is_gone_is_not_appended() {
    let Some(log) = Log::begin() else { return };
    let (_member, mut term) = log.lead("a");
    let after = next(term.head());
    term.append(b"an entry\n", after).expect("the leader appends");
    term.confirm().expect("it leads");
    log.change(&[Operation::Delete(log.keys.leader())]);
    assert!(term.append(b"too late\n", next(after)).is_err(), "nobody leads");
    log.change(&[put(log.keys.leader(), "b")]);
    assert!(term.append(b"too late\n", next(after)).is_err(), "another one leads");
    assert!(term.confirm().is_err(), "another one leads");
    assert_eq!(log.entry(after.number + 1), None);
}

#[test]
fn an_entry_is_not_appended_after_one_that_the_leader_does_not_know() {
    let Some(log) = Log::begin() else { return };
    let (_member, mut term) = log.lead("a");
    let other = next(term.head());
    log.change(&[put(log.keys.entry(other.number), "other\n"), put(log.keys.head(), write_link(&other))]);
    assert!(term.append(b"mine\n", next(term.head())).is_err());
    assert_eq!(log.entry(other.number).map(|entry| entry.value), Some(b"other\n".to_vec()));
    // Its own number is free again, as after a removal.
    log.change(&[Operation::Delete(log.keys.entry(other.number))]);
    assert!(term.append(b"mine\n", next(term.head())).is_err());
    assert_eq!(log.entry(other.number), None);
}

/// The answer to a put was lost, and the put is repeated.
#[test]
fn an_entry_that_is_there_with_the_same_bytes_is_appended() {
    let Some(log) = Log::begin() else { return };
    let (_member, mut term) = log.lead("a");
    let after = next(term.head());
    log.change(&[put(log.keys.entry(after.number), "mine\n"), put(log.keys.head(), write_link(&after))]);
    term.append(b"mine\n", after).expect("it is there");
    assert_eq!(term.head(), after);
    term.append(b"the next\n", next(after)).expect("the leader goes on");
}

/// A time-out says nothing: the same bytes are put again, and found.
#[test]
fn an_append_whose_answers_are_lost_for_a_while_succeeds() {
    let Some(log) = Log::begin() else { return };
    let (_member, mut term) = log.lead("a");
    let after = next(term.head());
    log.network.set(Weather::Deaf);
    thread::scope(|scope| {
        let appended = scope.spawn(|| term.append(b"mine\n", after));
        wait_until("an entry whose answer is lost", || log.entry(after.number).is_some());
        // Longer than a try.
        thread::sleep(Duration::from_millis(1_200));
        log.network.set(Weather::Fine);
        appended.join().expect("no panic").expect("it is there");
    });
    term.append(b"the next\n", next(after)).expect("the leader goes on");
}

/// A server was killed, and etcd carries out its last put late. The next process of this name takes that for no sign
/// of life.
#[test]
fn a_name_is_free_although_a_put_of_a_process_that_is_gone_comes_late() {
    let Some(log) = Log::begin() else { return };
    let key = log.keys.server("a");
    let gone = Registration {
        name: "a".to_owned(),
        process: "gone".to_owned(),
        address: None,
        format: FORMAT,
        applied: log.first.number,
        covered: log.first.number,
        time: Timestamp::now(),
    };
    log.change(&[put(key.clone(), gone.write())]);
    let (_member, _, news) = log.start("a");
    // It has seen the name by now; if not, there is nothing to be taken wrong.
    thread::sleep(Duration::from_millis(1_500));
    log.change(&[put(key, gone.write())]);
    loop {
        match news.recv_timeout(TIMEOUT).expect("news") {
            News::Lead(_) => return,
            News::Failed(why) | News::Over(why) => panic!("{why}"),
            News::Entries(..) | News::Servers(..) => {}
        }
    }
}

/// The last entry of a leader comes while another server applies the ones before, and thinks that it has all.
#[test]
fn the_next_leader_reads_the_log_to_its_end_after_it_has_the_key() {
    let Some(log) = Log::begin() else { return };
    log.change(&[put(log.keys.leader(), "a")]);
    let one = next(log.first);
    let two = next(one);
    log.change(&[put(log.keys.entry(one.number), "one\n"), put(log.keys.head(), write_link(&one))]);
    let (_member, progress, news) = log.start("b");
    let mut applied = Vec::new();
    let term = loop {
        match news.recv_timeout(TIMEOUT).expect("news") {
            News::Entries(entries, done) => {
                if applied.is_empty() {
                    let entry = put(log.keys.entry(two.number), "two\n");
                    let operations =
                        [entry, put(log.keys.head(), write_link(&two)), Operation::Delete(log.keys.leader())];
                    let leads = [Compare::Value(log.keys.leader(), b"a".to_vec())];
                    assert!(log.etcd.transact(&leads, &operations, deadline()).expect("an answer").succeeded);
                }
                applied.extend(entries);
                *progress.link.lock() = if applied.len() == 1 { one } else { two };
                drop(done);
            }
            News::Lead(term) => break term,
            News::Failed(why) | News::Over(why) => panic!("{why}"),
            News::Servers(..) => {}
        }
    };
    assert_eq!(applied, [b"one\n", b"two\n"].map(|entry| entry.to_vec()), "the new leader lacks an entry");
    assert_eq!(term.head(), two);
}
