//! A server that leads goes, or only seems to: what clients see.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::servers::Servers;
use crate::support::world::{choose_ports, serve};
use crate::support::{Connection, NO_SETTINGS, PASSWORD, WACHAT, run_to_end, send_signal, wait_for};

/// Longer than a lease, and than the pauses before another server takes over.
const LONG: Duration = Duration::from_secs(6);

/// Connections to a server that is stopped; each sends a retry.
const RETRIES: usize = 6;

/// Clients that log in without a pause, and hand-overs meanwhile.
const LOGINS: usize = 6;

/// Time for which a server that has nothing to do is watched.
const IDLE: Duration = Duration::from_secs(3);
const TURNS: usize = 4;

#[test]
fn an_acknowledged_message_survives_the_leader_and_its_retry_gets_the_same_answer() {
    let Some(mut servers) = Servers::start(3) else { return };
    let leader = servers.leader();
    let stored = servers.ask("ana", "SEND;m-1;luis;hola");
    assert!(stored.starts_with("OK;m-1;"), "{stored}");
    servers.kill(leader);
    assert_eq!(servers.ask("ana", "SEND;m-1;luis;hola"), stored);
    assert_eq!(servers.login("luis").list("HISTORY;ana").len(), 1);
    servers.restart(leader);
    servers.assert_same();
}

#[test]
fn a_server_that_stands_by_names_the_leader_and_closes() {
    let Some(mut servers) = Servers::start(2) else { return };
    let leader = servers.leader();
    let [send, recv] = servers.addresses(leader).map(|address| address.port());
    for address in servers.addresses(1 - leader) {
        let said = wait_for("the leader's address", || {
            let mut connection = Connection::open(address);
            let said = connection.request(&format!("LOGIN:ana:{PASSWORD}"));
            assert!(said.starts_with("KO;SHUTDOWN;"), "{said}");
            connection.assert_closed();
            (said.split(';').count() > 3).then_some(said)
        });
        assert!(said.ends_with(&format!(";{send};{recv}")), "{said}");
    }
}

/// It is told to stop while it waits for etcd: that is no failure, for what runs it. What it has decided gets no answer.
#[test]
fn a_leader_that_is_told_to_stop_while_etcd_is_away_stops_without_an_error() {
    let Some(mut servers) = Servers::start(1) else { return };
    let leader = servers.leader();
    let mut ana = servers.try_login(leader, "ana").expect("a login");
    for member in 0..3 {
        servers.etcd.stop(member);
    }
    ana.send("SEND;m-1;luis;hola\n");
    let ended = servers.end(leader);
    let log = servers.log(leader);
    assert!(ended.success() && log.contains("term as the leader ended while it stopped"), "{ended}: {log}");
    assert_eq!(ana.try_read_line(), None, "an answer, although no member has the message");
    for member in 0..3 {
        servers.etcd.resume(member);
    }
    servers.restart(leader);
    let stored = servers.ask("ana", "SEND;m-1;luis;hola");
    assert!(stored.starts_with("OK;m-1;"), "{stored}");
    assert_eq!(servers.login("luis").list("HISTORY;ana").len(), 1);
}

/// A leader that was stopped for longer than its lease decides from a state that is no longer the newest. What a
/// client has sent meanwhile gets no answer at all: a KO would say that a message is not stored, and another server
/// has stored it.
#[test]
fn a_leader_that_was_stopped_for_longer_than_its_lease_answers_nothing() {
    let Some(mut servers) = Servers::start(2) else { return };
    let old = servers.leader();
    let mut early: Vec<_> = (0..RETRIES).map(|_| servers.try_login(old, "ana").expect("a login")).collect();
    servers.stop(old);
    assert_eq!(servers.ask("ana", "ROOM;#new;open"), "OK");
    for (index, connection) in early.iter_mut().enumerate() {
        let request = format!("SEND;m-{index};#new;hola");
        let stored = servers.ask("ana", &request);
        assert!(stored.starts_with(&format!("OK;m-{index};")), "{stored}");
        connection.send(format!("{request}\n"));
    }
    servers.resume(old);
    for connection in &mut early {
        assert_eq!(connection.try_read_line(), None, "a leader of the past has answered");
    }
    let new = servers.leader();
    assert_ne!(new, old);
    wait_for("the old leader to stand by", || {
        let said = try_line(servers.addresses(old)[0], &format!("LOGIN:ana:{PASSWORD}\n"))?;
        said.starts_with("KO;SHUTDOWN;").then_some(())
    });
    servers.assert_same();
}

/// The same for what is answered because a time has come: a poll that has waited long enough.
#[test]
fn a_poll_that_a_stopped_leader_has_kept_waiting_gets_no_answer() {
    let Some(mut servers) = Servers::start(2) else { return };
    let (old, [mut polls, _sends]) = wait_for("a leader that goes on", || begin_poll(&mut servers));
    servers.stop(old);
    assert!(servers.ask("ana", "SEND;m-2;luis;hola").starts_with("OK;m-2;"));
    servers.resume(old);
    assert_eq!(polls.try_read_line(), None, "a leader of the past has answered");
}

/// Has luis wait for events at the server that leads, and ana send there; their connections stay open, since an end would be
/// something to decide. `None`: the term has ended meanwhile, as on a busy machine.
fn begin_poll(servers: &mut Servers) -> Option<(usize, [Connection; 2])> {
    let leader = servers.leader();
    let mut polls = Connection::try_open(servers.addresses(leader)[1])?;
    polls.try_send(format!("LOGIN:luis:{PASSWORD}\n")).ok()?;
    polls.try_read_line().filter(|said| said.starts_with("OK;luis;"))?;
    polls.try_send("POLL;0;3\n").ok()?;
    // The last answers to others say nothing of later ones.
    let mut sends = servers.try_login(leader, "ana")?;
    sends.try_send("SEND;m-1;eva;hola\n").ok()?;
    sends.try_read_line().filter(|said| said.starts_with("OK;m-1;"))?;
    Some((leader, [polls, sends]))
}

/// The same for a login, which reads accounts: here one that has changed its password.
#[test]
fn a_leader_that_was_stopped_refuses_no_login() {
    let Some(mut servers) = Servers::start(2) else { return };
    let old = servers.leader();
    servers.stop(old);
    let password = "otra palabra larga";
    assert_eq!(servers.ask("ana", &format!("PASSWD;{PASSWORD};{password}")), "OK");
    let mut early = Connection::open(servers.addresses(old)[0]);
    early.send(format!("LOGIN:ana:{password}\n"));
    servers.resume(old);
    let said = early.try_read_line().unwrap_or_default();
    assert!(said.is_empty() || said.starts_with("KO;SHUTDOWN;"), "{said}");
}

/// A server that stands by waits, and looks at the log a few times a second.
#[test]
fn a_server_that_stands_by_takes_little_of_the_processor() {
    let Some(mut servers) = Servers::start(2) else { return };
    let follower = 1 - servers.leader();
    servers.wait_until_level();
    let pid = servers.pid(follower);
    let before = processor_time(pid);
    thread::sleep(IDLE);
    let used = processor_time(pid) - before;
    assert!(used < IDLE / 2, "{used:?} in {IDLE:?}");
}

/// Returns the processor time that a process has used: fields 14 and 15 of its line, in hundredths of a second.
fn processor_time(pid: u32) -> Duration {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let (_, fields) = line.rsplit_once(") ").expect("the fields after the name");
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("a number"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

#[test]
fn a_clean_stop_hands_over_at_once() {
    let Some(mut servers) = Servers::start(3) else { return };
    let leader = servers.leader();
    servers.ask("ana", "SEND;m-1;luis;hola");
    // Both that stand by have written their names, and look for a leader.
    servers.wait_until_level();
    send_signal(servers.pid(leader), "TERM");
    let others: Vec<_> = (0..servers.len()).filter(|index| *index != leader).collect();
    let begin = Instant::now();
    wait_for("another leader", || others.iter().find_map(|other| servers.try_login(*other, "ana")));
    let time = begin.elapsed();
    assert!(time < Duration::from_secs(2), "the hand-over took {time:?}");
    assert!(servers.wait_for_end(leader).success());
}

/// Logins come in at every moment of a hand-over, also while a server takes over the accounts that the log has brought.
#[test]
fn no_login_is_refused_while_servers_take_turns() {
    let Some(mut servers) = Servers::start(2) else { return };
    let addresses = servers.all_addresses();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let log_in = || {
            while !is_over.load(Ordering::Relaxed) {
                for [send, _] in &addresses {
                    let said = try_line(*send, &format!("LOGIN:ana:{PASSWORD}\n")).unwrap_or_default();
                    assert!(said.is_empty() || said.starts_with("OK;") || said.starts_with("KO;SHUTDOWN;"), "{said}");
                }
            }
        };
        let logins: Vec<_> = (0..LOGINS).map(|_| scope.spawn(log_in)).collect();
        for _ in 0..TURNS {
            let leader = servers.leader();
            assert!(servers.end(leader).success());
            servers.restart(leader);
        }
        is_over.store(true, Ordering::Relaxed);
        let ends: Vec<_> = logins.into_iter().map(|login| login.join().is_ok()).collect();
        assert!(ends.iter().all(|is_ok| *is_ok), "a login was refused");
    });
}

/// Sends a line to a server that may not be there; returns its answer.
fn try_line(address: SocketAddr, line: &str) -> Option<String> {
    let mut connection = Connection::try_open(address)?;
    connection.try_send(line).ok()?;
    connection.try_read_line()
}

#[test]
fn without_a_majority_nothing_is_answered_and_all_goes_on_by_itself() {
    let Some(mut servers) = Servers::start(2) else { return };
    let leader = servers.leader();
    let mut sends = servers.try_login(leader, "ana").expect("a login");
    servers.etcd.stop(1);
    servers.etcd.stop(2);
    sends.send("SEND;m-1;luis;hola\n");
    assert_eq!(sends.try_read_line(), None, "an answer without a majority");
    thread::sleep(LONG);
    assert_eq!(servers.find_leader(), None);
    servers.etcd.resume(1);
    servers.etcd.resume(2);
    let stored = servers.ask("ana", "SEND;m-1;luis;hola");
    assert!(stored.starts_with("OK;m-1;"), "{stored}");
    assert_eq!(servers.login("luis").list("HISTORY;ana").len(), 1);
    servers.assert_same();
}

#[test]
fn the_second_server_of_a_name_ends() {
    let Some(mut servers) = Servers::start(2) else { return };
    servers.wait_until_level();
    servers.add("s2");
    servers.join(2, 0);
    let name = servers.name(1).to_owned();
    let (code, said) = run_to_end(&mut servers.serve(2, &name));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another process serves as \"s1\""), "{said}");
    servers.leader();
}

#[test]
fn a_store_of_a_cluster_is_refused_elsewhere() {
    let Some(mut servers) = Servers::start(1) else { return };
    assert!(servers.end(0).success());
    let (code, said) = run_to_end(&mut serve(servers.data(0), choose_ports()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cluster"), "{said}");
    let (code, _, said) = servers.run(&["user", "add", "rosa"], 0);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cluster"), "{said}");
    let backup = servers.backup(0);
    let mut restore = Command::new(WACHAT);
    restore.env("WACHAT_CONFIG", NO_SETTINGS).arg("restore").arg(&backup).arg("--data").arg(servers.path("restored"));
    let (code, said) = run_to_end(&mut restore);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cluster"), "{said}");
}
