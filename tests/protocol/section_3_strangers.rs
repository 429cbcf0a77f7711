//! Limits of clients that have not logged in, or not with the right password: they delay no other client and take no
//! other client's place.

use std::time::{Duration, Instant};

use crate::support::{Connection, PASSWORD, TIMEOUT, World, run_to_end, wait_until};
use wachat::limits;

/// Says a login line from an address; returns the reply and the time that it took.
fn log_in_from(source: [u8; 4], world: &World, line: &str) -> (String, Duration) {
    let begun = Instant::now();
    let reply = Connection::open_from(source, world.send).request(line);
    (reply, begun.elapsed())
}

#[test]
fn a_login_line_has_at_most_4096_bytes() {
    let world = World::without_lobby();
    world.register("ana");
    for port in [world.send, world.recv] {
        let line = |bytes: usize| format!("LOGIN:ana:{}", "x".repeat(bytes - "LOGIN:ana:\n".len()));
        assert!(Connection::open_with(port, &line(limits::LOGIN_BYTES)).0.starts_with("KO;AUTH;"));
        let (reply, mut connection) = Connection::open_with(port, &line(limits::LOGIN_BYTES + 1));
        assert!(reply.starts_with("KO;TOO_LONG;"), "{reply}");
        connection.assert_closed();
        // It need not be whole.
        let mut connection = Connection::open(port);
        connection.send("x".repeat(limits::LOGIN_BYTES));
        assert!(connection.read_line().starts_with("KO;TOO_LONG;"));
    }
    // Later lines may be longer.
    let mut ana = world.login("ana");
    assert!(ana.request(&format!("SEND;1;ana;{}", "x".repeat(limits::LOGIN_BYTES))).starts_with("OK;1;RECEIVED;"));
}

#[test]
fn strangers_take_a_quarter_of_the_places_and_give_them_back() {
    let mut world = World::without_lobby();
    world.register("ana");
    world.stop();
    // 1,024 connections, since some of the files are not for them.
    world.files = Some((1_024 + limits::RESERVED_FILES) as u64);
    world.start();
    let mut before = world.login("ana");
    let quarter = 1_024 / 4;
    let open_from_each = || (0..quarter).map(|last| Connection::open_from([127, 0, 1, last as u8], world.send));
    let mut strangers: Vec<_> = open_from_each().collect();
    let refused = || Connection::open(world.send).read_line();
    assert!(refused().starts_with("KO;FULL;"), "there is a place for another stranger");
    assert_eq!(before.request("PING"), "OK", "who has logged in does not notice");
    // A place is free again when a stranger goes, and when one logs in.
    drop(strangers.pop());
    let mut after = None;
    wait_until("a free place", || {
        let mut connection = Connection::open(world.send);
        connection.send(format!("LOGIN:ana:{PASSWORD}\n"));
        let is_in = connection.try_read_line().is_some_and(|line| line.starts_with("OK;"));
        after = is_in.then_some(connection);
        is_in
    });
    let mut again = world.login("ana");
    assert_eq!(again.request("PING"), "OK");
    assert_eq!(after.expect("a connection").request("PING"), "OK");
    // All of them go: nothing is left over in the count.
    strangers.clear();
    wait_until("all places", || {
        let all: Vec<_> = open_from_each().collect();
        all.into_iter().all(|mut stranger| !stranger.has_input(Duration::from_millis(1)))
    });
}

#[test]
fn strangers_of_a_few_addresses_leave_places_for_others() {
    let mut world = World::without_lobby();
    world.register("ana");
    world.stop();
    world.files = Some((1_024 + limits::RESERVED_FILES) as u64);
    world.start();
    let quarter = 1_024 / 4;
    // Each tries to take more than it may.
    let mut strangers = Vec::new();
    for last in 1..=8 {
        strangers.extend((0..100).map(|_| Connection::open_from([127, 0, 1, last], world.send)));
    }
    wait_until("the refusals", || {
        strangers.retain_mut(|stranger| !stranger.has_input(Duration::from_millis(1)));
        strangers.len() < quarter
    });
    let (reply, _) = log_in_from([127, 0, 2, 1], &world, &format!("LOGIN:ana:{PASSWORD}"));
    assert_eq!(reply, "OK;ana;wachat/1");
    assert!(strangers.len() > quarter / 2, "{} places are taken", strangers.len());
}

#[test]
fn a_server_with_too_few_files_says_so() {
    let mut world = World::without_lobby();
    world.stop();
    world.files = Some(100);
    let (code, error) = world.start_and_fail();
    assert_eq!(code, Some(1));
    assert!(error.contains("at least 256 open files, not 100: raise the limit (ulimit -n 256)"), "{error}");
}

#[test]
fn three_hundred_wrong_logins_from_five_addresses_delay_a_right_one_from_a_sixth_by_half_a_second_at_most() {
    let mut world = World::without_lobby();
    world.register("ana");
    // The password has to be verified anew.
    world.stop();
    world.start();
    let attackers: Vec<_> = (0..300)
        .map(|number| {
            let mut connection = Connection::open_from([127, 0, 1, number as u8 % 5], world.send);
            connection.send(format!("LOGIN:user{number}:otra palabra {number}\n"));
            connection
        })
        .collect();
    let alone = || {
        let other = World::without_lobby();
        other.register("luis");
        log_in_from([127, 0, 0, 1], &other, "LOGIN:luis:otra palabra larga").1
    };
    // Before and after: the load of the machine changes.
    let before = alone();
    let (reply, time) = log_in_from([127, 0, 2, 1], &world, &format!("LOGIN:ana:{PASSWORD}"));
    let alone = before.max(alone());
    assert_eq!(reply, "OK;ana;wachat/1");
    // Five others come first, on two threads; on a busy machine a verification takes longer.
    assert!(time < Duration::from_millis(500).max(8 * alone), "{time:?}, and {alone:?} on a server with nothing to do");
    drop(attackers);
}

#[test]
fn guesses_from_one_address_leave_room_for_others() {
    let world = World::without_lobby();
    world.register("ana");
    let more = limits::AUTH_QUEUE_PER_ADDRESS + 50;
    let mut guesses: Vec<_> = (0..more).map(|_| Connection::open_from([127, 0, 1, 1], world.send)).collect();
    guesses.iter_mut().for_each(|guess| guess.send("LOGIN:ana:otra palabra\n"));
    let mut answers = Vec::new();
    wait_until("as many answers as there is no room for guesses", || {
        guesses.retain_mut(|guess| {
            let answered = guess.has_input(Duration::from_millis(1));
            answers.extend(answered.then(|| guess.read_line()));
            !answered
        });
        answers.len() >= more - limits::AUTH_QUEUE_PER_ADDRESS
    });
    // A few were verified meanwhile; the others wait.
    let full = answers.iter().filter(|answer| answer.starts_with("KO;FULL;\"too many passwords are being verified"));
    assert!(full.count() >= more - limits::AUTH_QUEUE_PER_ADDRESS - 10, "{answers:?}");
    // A password that the server has not seen since it was started.
    assert!(log_in_from([127, 0, 1, 2], &world, "LOGIN:ana:otra palabra").0.starts_with("KO;AUTH;"));
}

#[test]
fn after_five_wrong_passwords_an_address_waits_for_that_name_and_nobody_else_does() {
    let world = World::without_lobby();
    world.register("ana");
    world.register("luis");
    let guesser = [127, 0, 1, 1];
    let other = [127, 0, 1, 2];
    for _ in 0..limits::FAILURES_PER_NAME {
        assert!(log_in_from(guesser, &world, "LOGIN:ana:otra palabra").0.starts_with("KO;AUTH;"));
    }
    let (reply, time) = log_in_from(guesser, &world, "LOGIN:ana:otra palabra");
    assert!(reply.starts_with("KO;AUTH;"));
    assert!(time >= limits::FAILURE_WAIT, "{time:?}");
    // The wait is two seconds by now. It holds no thread, and concerns neither another name nor another address.
    let begun = Instant::now();
    let mut waiting = Connection::open_from(guesser, world.send);
    waiting.send("LOGIN:ana:otra palabra\n");
    assert!(log_in_from(guesser, &world, "LOGIN:luis:otra palabra").1 < limits::FAILURE_WAIT);
    assert!(log_in_from(other, &world, "LOGIN:ana:otra palabra").1 < limits::FAILURE_WAIT);
    assert!(begun.elapsed() >= limits::FAILURE_WAIT || !waiting.has_input(Duration::from_millis(1)));
    drop(waiting);
    // A right password waits, too, also one that this server has seen; and it ends the wait.
    let right = format!("LOGIN:ana:{PASSWORD}");
    let (reply, _) = log_in_from(guesser, &world, &right);
    assert_eq!(reply, "OK;ana;wachat/1");
    assert!(begun.elapsed() >= limits::FAILURE_WAIT, "{:?}", begun.elapsed());
    assert!(log_in_from(guesser, &world, &right).1 < limits::FAILURE_WAIT);
}

/// Returns a server that was just started, and the names of a class of 70 with their accounts.
fn class_after_a_restart() -> (World, Vec<String>) {
    let mut world = World::without_lobby();
    let names: Vec<_> = (0..70).map(|number| format!("alumno{number}")).collect();
    let rows: String = names.iter().map(|name| format!("{name},,{PASSWORD}\n")).collect();
    std::fs::write(world.path("roster.csv"), format!("name,email,password\n{rows}")).unwrap();
    world.stop();
    let mut import = std::process::Command::new(crate::support::WACHAT);
    import.args(["user", "import"]).arg(world.path("roster.csv")).arg("--data").arg(world.data());
    let (code, error) = run_to_end(&mut import);
    assert_eq!(code, Some(0), "{error}");
    world.start();
    (world, names)
}

/// Logs the class in on both ports at once; returns the replies.
fn log_class_in(world: &World, names: &[String], password: &str) -> Vec<String> {
    let mut connections = Vec::new();
    for name in names {
        for port in [world.send, world.recv] {
            let mut connection = Connection::open(port);
            connection.send(format!("LOGIN:{name}:{password}\n"));
            connections.push(connection);
        }
    }
    connections.iter_mut().map(Connection::read_line).collect()
}

#[test]
fn a_class_behind_one_address_logs_in_after_a_restart() {
    let (world, names) = class_after_a_restart();
    assert!(TIMEOUT > Duration::from_secs(10));
    let replies = log_class_in(&world, &names, PASSWORD);
    assert!(replies.iter().all(|reply| reply.starts_with("OK;alumno")), "{replies:?}");
}

/// Everybody has a client with an old password, types a wrong one, and then the right one.
#[test]
fn three_hundred_logins_right_and_wrong_of_a_class_behind_one_address_are_answered() {
    let (world, names) = class_after_a_restart();
    for name in &names[..20] {
        let (reply, _) = log_in_from([127, 0, 0, 1], &world, &format!("LOGIN:{name}:otra palabra"));
        assert!(reply.starts_with("KO;AUTH;"), "{reply}");
    }
    let begun = Instant::now();
    let replies = log_class_in(&world, &names, "otra palabra");
    assert!(replies.iter().all(|reply| reply.starts_with("KO;AUTH;")), "{replies:?}");
    let wrong = begun.elapsed();
    let replies = log_class_in(&world, &names, PASSWORD);
    assert!(replies.iter().all(|reply| reply.starts_with("OK;alumno")), "{replies:?}");
    // As many passwords take as long: nobody has waited after the failures, which would be a minute.
    let right = begun.elapsed() - wrong;
    assert!(right < (3 * wrong).max(Duration::from_secs(10)), "{right:?}, and the wrong ones {wrong:?}");
}
