//! As many users at once as the descriptors of a process allow, and their return after `kill -9`.
//!
//! Their accounts are in the store before the server starts. All have the same password, and so the same hash: it is computed
//! once. With 16,000 users it is one of the least cost, since each of them logs in with it once: as a device, which then asks
//! for a key, as `connect --remember` and the page do. After the kill all come back with their keys, which take no hash.
//!
//! Clients that keep no key log in with the password again. The login cache has ended with the process, so each login costs
//! a hash of the usual kind, two at a time: a smaller number of users shows how long that takes.

use std::time::{Duration, Instant};

use wachat::model::Password;
use wachat::server::hash_one;

use crate::support::crowd::{Crowd, User, cheap_hash, world_with};
use crate::support::process::Process;
use crate::support::{Connection, PASSWORD, World, tls, values};
use crate::{median, milliseconds, quantile, size, timed};

/// Descriptors that the client and the server need beside those of the users.
const OTHER_FILES: u64 = 400;

/// Users that are sent messages, and every second of whom stores only some of them before the kill.
const SAMPLE: usize = 200;
const MESSAGES: usize = 4;
const STORED: usize = 2;

/// Time in which all have to be back.
const BY_PASSWORD: Duration = Duration::from_secs(1_800);
const BY_KEY: Duration = Duration::from_secs(180);

/// The most that a user may cost, in KiB.
const MOST: f64 = 14.0;
const MOST_UNDER_TLS: f64 = 23.0;

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn a_crowd_comes_back_after_a_kill() {
    let names: Vec<String> = (0..users()).map(|number| format!("user{number}")).collect();
    let accounts = [&names[..], &["ana".to_owned()]].concat();
    let mut world = world_with(&accounts, &cheap_hash(), &["--timeout", "300", "--no-limits"]);
    drop(world.login("ana"));
    let process = Process::of(world.pid());
    let before = process.resident();
    let mut crowd = Crowd::new(&world, &names);
    let start = Instant::now();
    crowd.settle(BY_PASSWORD);
    print_return("all log in at once, with a hash of the least cost", &crowd, start);
    std::thread::sleep(Duration::from_secs(1));
    let after = process.resident();
    let each = after.saturating_sub(before) as f64 / names.len() as f64;
    println!("  memory of each: {each:.1} KiB ({before} KiB before, {after} KiB after)");

    let sample = names.len().min(SAMPLE);
    send(&world, &names[..sample], 0..MESSAGES);
    expect_events(&mut crowd, &names[..sample], MESSAGES, Some(STORED));
    std::thread::sleep(Duration::from_secs(1));
    crowd.users_mut().for_each(User::expect_return);
    world.kill();
    let start = Instant::now();
    let ready = std::thread::scope(|scope| {
        let storm = scope.spawn(|| crowd.settle(BY_KEY));
        let ((), ready) = timed(|| _ = world.start());
        storm.join().expect("all users");
        ready
    });
    println!("the server is ready {:.1} s after kill -9", ready.as_secs_f64());
    print_return("all come back, with keys", &crowd, start);
    send(&world, &names[..sample], MESSAGES..MESSAGES + 1);
    expect_events(&mut crowd, &names[..sample], MESSAGES + 1, None);
    crowd.users().for_each(check);
    println!("  nothing lost, nothing twice: {sample} users with {} messages each", MESSAGES + 1);
    let most = if tls::is_everywhere() { MOST_UNDER_TLS } else { MOST };
    assert!(each <= most, "{each} KiB");
}

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn a_crowd_logs_in_with_passwords() {
    let names: Vec<String> = (0..size("WACHAT_CROWD_PASSWORDS", 2_000)).map(|number| format!("user{number}")).collect();
    let password = Password::new(&values::user("ana"), PASSWORD).expect("a password");
    let others = ["ana", "eva", "bea", "ines"].map(str::to_owned);
    let hash = hash_one(&password).expect("a hash");
    let world = world_with(&[&names[..], &others].concat(), &hash, &["--timeout", "300", "--no-limits"]);
    print_cost_of_a_login(&world, &others);
    let mut crowd = Crowd::new(&world, &names);
    let start = Instant::now();
    crowd.settle(BY_PASSWORD);
    print_return("all log in at once, with passwords", &crowd, start);
    println!("  {:.0} logins a second", names.len() as f64 / start.elapsed().as_secs_f64());
}

/// Returns the number of users: each takes a descriptor of this process and of the server.
fn users() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(files.saturating_sub(OTHER_FILES)).expect("a number");
    let wanted = size("WACHAT_CROWD", 16_000);
    if wanted > most {
        println!("{most} users: this process may have {files} files open");
    }
    wanted.min(most)
}

/// Prints the time of a login that nothing else waits for, and that of one that the login cache knows.
fn print_cost_of_a_login(world: &World, names: &[String]) {
    let log_in = |name: &String| timed(|| drop(world.login(name))).1;
    let mut first: Vec<_> = names.iter().map(log_in).collect();
    let mut again: Vec<_> = names.iter().map(log_in).collect();
    println!(
        "a login takes {:.1} ms, once the password is in the login cache {:.1} ms; two are hashed at a time",
        milliseconds(median(&mut first)),
        milliseconds(median(&mut again))
    );
}

fn print_return(what: &str, crowd: &Crowd, start: Instant) {
    let back = |user: &User| user.back.expect("all are back").saturating_duration_since(start).as_secs_f64();
    let mut times: Vec<f64> = crowd.users().map(back).collect();
    let [first, half, most, last] = [0.0, 0.5, 0.99, 1.0].map(|share| quantile(&mut times, share));
    println!(
        "{what}: {} users, the first after {first:.1} s, half after {half:.1} s, 99% after {most:.1} s, all after {last:.1} s",
        times.len()
    );
    println!("  connections that ended: {:?}", crowd.ends());
}

/// Sends these messages to each of the users, and waits until all are accepted.
fn send(world: &World, names: &[String], messages: std::ops::Range<usize>) {
    let mut ana = world.login("ana");
    for message in messages {
        ana.send(names.iter().map(|name| format!("SEND;{name}-{message};{name};{message}\n")).collect::<String>());
        names.iter().for_each(|_| expect_ok(&mut ana));
    }
}

fn expect_ok(ana: &mut Connection) {
    let reply = ana.read_line();
    assert!(reply.starts_with("OK;"), "{reply}");
}

/// Waits until these users have their messages. Every second user stores and acknowledges only `stored` of them.
fn expect_events(crowd: &mut Crowd, names: &[String], messages: usize, stored: Option<usize>) {
    for (number, user) in crowd.users_mut().filter(|user| names.contains(&user.name)).enumerate() {
        user.stores = stored.filter(|_| number % 2 == 1);
        user.wanted = user.stores.unwrap_or(messages);
    }
    crowd.settle(BY_KEY);
}

/// Checks that a user has each message once, in order, and was given no more than what it had not acknowledged.
fn check(user: &User) {
    let ids: Vec<_> = user.events.iter().filter_map(|event| event.split(';').nth(2)).collect();
    let sent: Vec<_> = (0..user.wanted).map(|message| format!("{}-{message}", user.name)).collect();
    assert_eq!(ids, sent, "{:?}", user.events);
}
