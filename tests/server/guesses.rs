//! Guesses of passwords, spoken through sockets: an answer tells nothing that a verification would not have told, and whoever
//! guesses takes neither the time nor the places of others.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use wachat::limits;

use crate::support::metrics::{Page, world_with_metrics};
use crate::support::{Connection, PASSWORD, World, wait_until};

fn try_from(source: [u8; 4], world: &World, line: &str) -> Connection {
    let mut connection = Connection::open_from(source, world.send);
    connection.send(format!("{line}\n"));
    connection
}

/// Sends this many guesses of a name at once; returns those that wait when the others have been answered.
fn fill_with_guesses(source: [u8; 4], world: &World, name: &str, count: usize) -> Vec<Connection> {
    let line = format!("LOGIN:{name}:otra palabra");
    let mut guesses: Vec<_> = (0..count).map(|_| try_from(source, world, &line)).collect();
    wait_until("the places of guesses that wait", || {
        guesses.retain_mut(|guess| !guess.has_input(Duration::from_millis(1)));
        guesses.len() <= limits::AUTH_ASIDE_PER_ADDRESS
    });
    guesses
}

fn unfinished(metrics: SocketAddr) -> f64 {
    Page::read(metrics).value("wachat_auth_queue")
}

#[test]
fn without_a_place_right_and_wrong_passwords_are_refused_alike() {
    let world = World::without_lobby();
    // The server has seen this password.
    world.register("ana");
    let guesser = [127, 0, 1, 1];
    let mut waiting = fill_with_guesses(guesser, &world, "ana", 60);
    for round in 0..10 {
        for password in [PASSWORD, "otra palabra"] {
            let mut probe = try_from(guesser, &world, &format!("LOGIN:ana:{password}"));
            // One of the guesses may just have had its turn: then the probe waits in its place.
            if probe.has_input(Duration::from_millis(100)) {
                let reply = probe.read_line();
                assert!(reply.starts_with("KO;FULL;\"too many passwords"), "round {round}, {password}: {reply}");
            } else {
                waiting.push(probe);
            }
        }
    }
    // Elsewhere it is known.
    assert_eq!(try_from([127, 0, 1, 2], &world, &format!("LOGIN:ana:{PASSWORD}")).read_line(), "OK;ana;wachat/1");
}

#[test]
fn guesses_of_eight_addresses_shut_nobody_out_and_go_with_their_connections() {
    let (world, metrics) = world_with_metrics(&["--no-lobby"]);
    world.register("ana");
    let ninth = [127, 0, 2, 1];
    let mut attackers = Vec::new();
    for last in 1..=8 {
        attackers.extend(fill_with_guesses([127, 0, 1, last], &world, "ana", 64));
    }
    for number in 0..10 {
        let wrong = try_from(ninth, &world, &format!("LOGIN:nobody{number}:otra palabra")).read_line();
        assert!(wrong.starts_with("KO;AUTH;"), "{wrong}");
    }
    assert_eq!(try_from(ninth, &world, &format!("LOGIN:ana:{PASSWORD}")).read_line(), "OK;ana;wachat/1");
    assert!(unfinished(metrics) > 8.0, "they still wait");
    // Their waits would take minutes.
    drop(attackers);
    wait_until("an empty queue", || unfinished(metrics) == 0.0);
}

#[test]
fn a_login_goes_with_a_connection_that_the_server_closes() {
    let (world, metrics) = world_with_metrics(&["--no-lobby"]);
    world.register("ana");
    let mut waiting = fill_with_guesses([127, 0, 1, 1], &world, "ana", 40);
    world.administer(&["ban", "127.0.1.0/24"]);
    wait_until("an empty queue", || unfinished(metrics) == 0.0);
    assert!(waiting.iter_mut().all(|guess| guess.read_line().starts_with("KO;")));
}

/// The promise for a client that closes its side: it has an answer.
#[test]
fn a_login_whose_client_closes_its_side_is_answered() {
    let world = World::without_lobby();
    world.register("ana");
    let mut line = try_from([127, 0, 1, 2], &world, &format!("LOGIN:ana:{PASSWORD}\nPING"));
    line.half_close();
    assert_eq!(line.read_rest(), ["OK;ana;wachat/1", "OK"]);
    let mut waiting = fill_with_guesses([127, 0, 1, 1], &world, "ana", 40);
    let mut last = waiting.pop().expect("a guess that waits");
    last.half_close();
    let told = last.read_rest();
    assert!(told.len() == 1 && (told[0].starts_with("KO;FULL;") || told[0].starts_with("KO;AUTH;")), "{told:?}");
}

#[test]
fn registrations_without_end_of_a_trusted_address_starve_nobody() {
    const REGISTERING: usize = 60;
    let world = World::without_lobby();
    let trusted = [127, 0, 1, 1];
    drop(world.register("luis"));
    let reply = format!("LOGIN:luis:{PASSWORD}");
    let done = AtomicUsize::new(0);
    let ended = AtomicBool::new(false);
    assert_eq!(try_from(trusted, &world, &reply).read_line(), "OK;luis;wachat/1");
    scope(|threads| {
        for thread in 0..REGISTERING {
            let world = &world;
            let done = &done;
            let ended = &ended;
            threads.spawn(move || {
                for number in 0.. {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    // The next one is on its way before the reply to the last is read.
                    let _ = try_from(trusted, world, &format!("REGISTER:u{thread}-{number}:{PASSWORD}")).read_line();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_until("registrations", || done.load(Ordering::Relaxed) > 0);
        // From an address that is new each time. A verification takes as long as a registration.
        for last in 1..=5 {
            let before = done.load(Ordering::Relaxed);
            let reply = try_from([127, 0, 2, last], &world, "LOGIN:luis:otra palabra").read_line();
            let beside = done.load(Ordering::Relaxed) - before;
            ended.fetch_or(!reply.starts_with("KO;AUTH;") || beside > 20, Ordering::Relaxed);
            assert!(reply.starts_with("KO;AUTH;"), "{reply}");
            assert!(beside <= 20, "{beside} registrations came before it");
        }
        ended.store(true, Ordering::Relaxed);
    });
}

/// Says a wrong password of a user, in a login or as the old one of a PASSWD on a connection that was open before.
fn guess(world: &World, source: [u8; 4], user: &str, way: char, open: &mut Vec<Connection>) {
    let reply = match way {
        'P' => open.pop().expect("an open connection").request("PASSWD;otra palabra;y otra palabra"),
        _ => try_from(source, world, &format!("LOGIN:{user}:otra palabra")).read_line(),
    };
    assert!(reply.starts_with("KO;AUTH;"), "{way}: {reply}");
}

/// Five are free, and then come waits of 1, 2 and 4 seconds, in whatever way the passwords are said.
#[test]
fn a_wrong_old_password_counts_as_a_login_with_a_wrong_one() {
    let world = World::without_lobby();
    let ways = ["PPPPPPPP", "LLLLLPPP", "PPPPPLLL", "PLPLPLPL"];
    scope(|threads| {
        for (user, ways) in ["ana", "luis", "eva", "nora"].into_iter().zip(ways) {
            let world = &world;
            threads.spawn(move || {
                let source = [127, 0, 3, ways.len() as u8 + user.len() as u8 * 10 + user.as_bytes()[0] % 10];
                drop(world.register(user));
                let log_in = || {
                    let mut line = try_from(source, world, &format!("LOGIN:{user}:{PASSWORD}"));
                    assert!(line.read_line().starts_with("OK;"), "{user}");
                    line
                };
                let mut open: Vec<_> = ways.matches('P').map(|_| log_in()).collect();
                let begun = Instant::now();
                ways.chars().for_each(|way| guess(world, source, user, way, &mut open));
                let waits = 7 * limits::FAILURE_WAIT;
                assert!(begun.elapsed() >= waits, "{ways}: all eight of {user} in {:?}", begun.elapsed());
            });
        }
    });
}
