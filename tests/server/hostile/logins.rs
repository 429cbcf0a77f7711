//! A flood of logins with wrong passwords from many addresses, and banned addresses that go on trying.

use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::scene::{Attack, Scene, mallory};
use crate::support::connection::connect_from;
use crate::support::{Connection, tls, wait_until};
use wachat::limits;

/// Threads that send logins, and connections that each of them has open at once.
const THREADS: usize = 4;
const OPEN: usize = 25;

/// Hostile users: half of the logins are for names that exist.
const USERS: usize = 4;

#[test]
fn a_flood_of_logins() {
    let mut scene = Scene::new(&["--no-lobby"], USERS);
    let failed = |scene: &Scene| scene.page().value("wachat_logins_total{outcome=\"failed\"}");
    let address = scene.world.send;
    let attack = Attack::start(THREADS, move |thread| {
        let mut open = VecDeque::new();
        let mut number = thread;
        move || {
            number += THREADS;
            // Another address each time: one that has failed often has to wait.
            let source = [127, 1, (number / 250 % 250) as u8, (number % 250) as u8 + 1];
            open.push_back(try_to_log_in(connect_from(source, address), number));
            // It waits for an answer: no more passwords wait at the end than are verified in some seconds.
            if let Some(Some(oldest)) = if open.len() > OPEN { open.pop_front() } else { None } {
                let _ = oldest.tcp().set_read_timeout(Some(Duration::from_secs(5)));
                let _ = oldest.read(&mut [0; 512]);
            }
        }
    });
    wait_until("passwords that wait", || scene.page().value("wachat_auth_queue") > 50.0);
    scene.assert_undisturbed("beside a flood of logins");
    wait_until("wrong passwords", || failed(&scene) >= 50.0);
    attack.stop();
    wait_until("an empty queue", || scene.page().value("wachat_auth_queue") == 0.0);
    scene.finish();
}

/// Says a login line with a wrong password. The server may have no place.
fn try_to_log_in(stream: TcpStream, number: usize) -> Option<wachat::net::Socket> {
    let socket = if tls::is_everywhere() { tls::secure(stream).ok()? } else { stream.into() };
    let line = format!("LOGIN:{}:otra palabra {number}\n", mallory(number % (2 * USERS)));
    socket.write_all(line.as_bytes()).ok()?;
    Some(socket)
}

/// Each has a thread and a handshake at most until it is told so: there are only a few at a time.
#[test]
fn a_banned_address_has_few_connections() {
    let mut scene = Scene::new(&["--no-lobby"], 0);
    scene.world.administer(&["ban", "127.0.9.0/24"]);
    let banned = [127, 0, 9, 1];
    let address = scene.world.send;
    let silent: Vec<TcpStream> = (0..10 * limits::BANNED_PER_ADDRESS).map(|_| connect_from(banned, address)).collect();
    let open = || scene.page().value("wachat_connections{port=\"send\"}");
    let refused = || scene.page().value("wachat_connections_refused_total{port=\"send\"}");
    let all = silent.len() as f64;
    wait_until("all of them to be accepted or refused", || {
        scene.page().value("wachat_connections_accepted_total{port=\"send\"}") + refused() >= all
    });
    assert!(open() <= limits::BANNED_PER_ADDRESS as f64, "{} are open", open());
    assert!(refused() >= all - 2.0 * limits::BANNED_PER_ADDRESS as f64, "{} were refused", refused());
    // Another one is told of the ban when they are gone.
    drop(silent);
    wait_until("a place", || open() == 0.0);
    let mut told = Connection::open_from(banned, address);
    assert!(told.request("LOGIN:ana:otra palabra").starts_with("KO;BANNED;"));
    drop(told);
    let attack =
        Attack::start(2, move |_| move || _ = connect_from(banned, address).write_all(b"LOGIN:ana:otra palabra\n"));
    scene.assert_undisturbed("beside a banned address that tries again and again");
    attack.stop();
    scene.finish();
}
