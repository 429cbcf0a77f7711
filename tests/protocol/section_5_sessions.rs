//! SESSIONS and LOGOUT: what a user has open, and how it is closed from elsewhere.

use crate::support::{Connection, World};

/// Returns the records of SESSIONS without numbers and times, and the numbers.
fn sessions(line: &mut Connection) -> (Vec<String>, Vec<u64>) {
    let records = line.list_without_times("SESSIONS");
    records
        .iter()
        .map(|record| {
            let (number, rest) = record.split_once(';').expect("a record");
            (rest.to_owned(), number.parse::<u64>().expect("a number"))
        })
        .unzip()
}

#[track_caller]
fn assert_logged_out(line: &mut Connection) {
    let last = line.read_line();
    assert!(last.starts_with("KO;AUTH;this connection was closed"), "{last}");
    line.assert_closed();
}

#[test]
fn sessions_lists_the_connections_of_the_user_on_both_ports() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let recv = world.session("ana");
    let mut other = Connection::open_from([127, 0, 0, 2], world.send);
    assert!(other.request(&format!("LOGIN:ANA:{}", crate::support::PASSWORD)).starts_with("OK;ana;"));
    let (mine, numbers) = sessions(&mut ana);
    let expected = ["SEND;127.0.0.1;<at>;this;", "RECV;127.0.0.1;<at>;other;", "SEND;127.0.0.2;<at>;other;"];
    assert_eq!(mine, expected);
    let (_, again) = sessions(&mut other);
    assert_eq!(again, numbers, "the same numbers for each");
    assert_eq!(sessions(&mut luis).0, ["SEND;127.0.0.1;<at>;this;"], "nobody else's");
    drop(recv);
    crate::support::wait_until("the session to be closed", || sessions(&mut ana).0.len() == 2);
}

#[test]
fn logout_closes_the_connection_with_a_number() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let mut recv = world.session("ana");
    let mut other = world.login("ana");
    recv.send("POLL;0\n");
    let (_, numbers) = sessions(&mut ana);
    luis.expect_ko(&format!("LOGOUT;{}", numbers[0]), "NO_SESSION");
    ana.expect_ko("LOGOUT;9007199254740991", "NO_SESSION");
    for (line, number) in [(&mut recv, numbers[1]), (&mut other, numbers[2])] {
        assert_eq!(ana.request(&format!("LOGOUT;{number}")), "OK");
        assert_logged_out(line);
        ana.expect_ko(&format!("LOGOUT;{number}"), "NO_SESSION");
    }
    assert_eq!(sessions(&mut ana).0.len(), 1);
    assert_eq!(ana.list("USERS;1;a").len(), 1);
    // Its own number: the reply comes first, and that of the request before it.
    ana.send(format!("SEND;m-1;luis;hola\nLOGOUT;{}\nPING\n", numbers[0]));
    assert!(ana.read_line().starts_with("OK;m-1;"));
    assert_eq!(ana.read_line(), "OK");
    assert_logged_out(&mut ana);
    assert_eq!(luis.request("PING"), "OK");
}

/// Whatever the connection has asked before: that is answered, and what stands behind does not happen.
#[test]
fn nothing_behind_the_logout_of_the_own_connection_takes_effect() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    assert!(ana.request("SEND;m-0;luis;hola").starts_with("OK;m-0;"));
    let lists = ["USERS", "CHATS", "ROOMS", "SESSIONS", "HISTORY;luis;10", "STATUS;luis;1"];
    let others = ["PING", "SEND;m-1;luis;uno", "EMAIL;a@example.org", "READ;luis;1"];
    for before in lists.iter().chain(&others) {
        for count in [1, 5] {
            let mut line = world.login("ana");
            let (open, numbers) = sessions(&mut line);
            let own = numbers[open.iter().position(|session| session.ends_with(";this;")).expect("this one")];
            let asked = format!("{before}\n").repeat(count);
            line.send(format!("{asked}LOGOUT;{own}\nSEND;late;luis;tarde\nJOIN;#tarde\nEMAIL;late@example.org\n"));
            let lines = line.read_rest();
            let [.., answer, last] = &lines[..] else { panic!("{before}, {count} times: {lines:?}") };
            assert!(last.starts_with("KO;AUTH;"), "{before}: {lines:?}");
            assert_eq!(answer, "OK", "{before}: {lines:?}");
            assert!(lines.iter().all(|line| !line.contains("late") && !line.contains("tarde")), "{before}: {lines:?}");
        }
    }
    let filed = luis.list("HISTORY;ana;100");
    assert!(filed.len() == 2 && filed.iter().all(|line| !line.contains("tarde")), "{filed:?}");
    assert_eq!(luis.list("ROOMS"), [""; 0]);
}

#[test]
fn logout_others_leaves_the_one_that_asks() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let mut others = [world.login("ana"), world.session("ana"), world.login("ana")];
    assert_eq!(ana.request("LOGOUT;others"), "OK");
    others.iter_mut().for_each(assert_logged_out);
    assert_eq!(sessions(&mut ana).0, ["SEND;127.0.0.1;<at>;this;"]);
    assert_eq!(ana.request("LOGOUT;others"), "OK", "without others, too");
    assert_eq!(luis.request("PING"), "OK");
    // The password is as it was.
    world.session("ana");
}
