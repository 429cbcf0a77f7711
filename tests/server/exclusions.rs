//! A ban, a removed account, a new password, LOGOUT: once it is durable, nothing takes effect for a connection that it
//! excludes, whatever that connection had in a queue.

use std::time::Duration;

use wachat::model::{Banned, Network, Password, ShortText, UserName};
use wachat::protocol::control::{ControlRequest, SessionChoice};
use wachat::server::hash_one;

use crate::support::held_server::HeldServer;
use crate::support::narrow::{connect_narrowly, narrow_output_to};
use crate::support::{Connection, PASSWORD, wait_until};

fn name(user: &str) -> UserName {
    UserName::new(user).expect("a name")
}

fn ban(banned: Banned) -> ControlRequest {
    ControlRequest::Ban { banned, seconds: None, reason: ShortText::default() }
}

fn ban_network(last: u8) -> ControlRequest {
    ban(Banned::Network(Network::parse(&format!("127.0.0.{last}")).expect("a network")))
}

/// Each way of keeping a user out who is at 127.0.0.<last>, and the code of the last line.
fn exclusions(user: &str, last: u8) -> [(ControlRequest, &'static str); 4] {
    let hash = hash_one(&Password::new(&name(user), "another password").expect("a password")).expect("a hash");
    [
        (ban_network(last), "KO;BANNED;"),
        (ban(Banned::User(name(user))), "KO;BANNED;"),
        (ControlRequest::Remove { user: name(user) }, "KO;AUTH;"),
        (ControlRequest::Passwd { user: name(user), password_hash: hash }, "KO;AUTH;"),
    ]
}

fn assert_excluded(line: &mut Connection, last: &str, case: &str) {
    let told = line.read_rest();
    assert!(told.len() == 1 && told[0].starts_with(last), "{case}: {told:?}, not {last}");
}

/// The logins were begun before the exclusion, which is durable before the router gets to them.
#[test]
fn a_login_that_waits_while_its_user_is_excluded_does_not_get_in() {
    for case in 0..4 {
        let server = HeldServer::start();
        let user = "ana";
        let last = 7;
        drop(server.register(user));
        let (exclusion, code) = exclusions(user, last)[case].clone();
        let what = exclusion.summary();
        server.hold();
        let excluded = server.begin(&exclusion);
        server.wait_until_held();
        let [send, recv] = [server.handle.send_address(), server.handle.recv_address()];
        let mut lines = [send, recv, send, recv].map(|port| {
            let mut line = Connection::open_from([127, 0, 0, last], port);
            line.send(format!("LOGIN:{user}:{PASSWORD}\n"));
            line
        });
        let mut registering = Connection::open_from([127, 0, 0, last], send);
        registering.send(format!("REGISTER:nora:{PASSWORD}\n"));
        // That it was accepted, and its login, of each of the five.
        server.wait_for_inputs(10);
        server.release();
        assert_eq!(excluded.join().expect("a reply"), "OK\n", "{what}");
        lines.iter_mut().for_each(|line| assert_excluded(line, code, &what));
        if case == 0 {
            assert_excluded(&mut registering, code, &what);
            assert!(server.try_login(send, "nora", PASSWORD).0.starts_with("KO;AUTH;"), "no account was created");
            server.login(recv, user);
        } else {
            assert_eq!(registering.read_line(), "OK;nora;wachat/1", "{what}");
        }
        server.handle.stop().expect("a clean stop");
    }
}

/// The other order: the logins are in the same batch, before the exclusion. A session elsewhere is not taken over by one that
/// is closed before it was opened.
#[test]
fn a_login_in_the_batch_of_an_exclusion_does_not_get_in() {
    for case in 0..4 {
        let server = HeldServer::start();
        let user = "ana";
        let last = 7;
        let [send, recv] = [server.handle.send_address(), server.handle.recv_address()];
        let mut eva = server.register("eva");
        server.register(user);
        let mut elsewhere = server.login(recv, user);
        let (exclusion, code) = exclusions(user, last)[case].clone();
        let what = exclusion.summary();
        server.stand_still(&mut eva);
        let mut lines = [send, recv].map(|port| {
            let mut line = Connection::open_from([127, 0, 0, last], port);
            line.send(format!("LOGIN:{user}:{PASSWORD}\n"));
            line
        });
        server.wait_for_inputs(4);
        let excluded = server.begin(&exclusion);
        server.wait_for_inputs(5);
        server.release();
        assert_eq!(excluded.join().expect("a reply"), "OK\n", "{what}");
        for line in &mut lines {
            let told = line.read_rest();
            assert!(told.last().is_some_and(|told| told.starts_with(code)), "{what}: {told:?}");
        }
        if case == 0 {
            assert_eq!(elsewhere.request("PING"), "OK", "{what}");
        } else {
            assert_excluded(&mut elsewhere, code, &what);
        }
        server.handle.stop().expect("a clean stop");
    }
}

/// The passwords of the logins were compared with the old hash, and are right by it, before the new one is durable.
#[test]
fn a_login_with_the_old_password_while_a_new_one_is_set_does_not_get_in() {
    let server = HeldServer::start();
    let [send, recv] = [server.handle.send_address(), server.handle.recv_address()];
    let mut ana = server.register("ana");
    server.hold();
    ana.send(format!("PASSWD;{PASSWORD};otra palabra\n"));
    server.wait_until_held();
    let mut lines = [send, recv, send].map(|port| {
        let mut line = Connection::open_from([127, 0, 0, 7], port);
        line.send(format!("LOGIN:ana:{PASSWORD}\n"));
        line
    });
    server.wait_for_inputs(6);
    server.release();
    assert_eq!(ana.read_line(), "OK");
    lines.iter_mut().for_each(|line| assert_excluded(line, "KO;AUTH;", "the old password"));
    assert!(server.try_login(recv, "ana", "otra palabra").0.starts_with("OK;ana;"));
    assert_eq!(ana.request("PING"), "OK");
    server.handle.stop().expect("a clean stop");
}

/// Two programs change the password at once. Whichever is told OK has set it; the other one has not.
#[test]
fn of_two_new_passwords_at_once_the_one_that_was_answered_ok_holds() {
    let server = HeldServer::start();
    let [send, recv] = [server.handle.send_address(), server.handle.recv_address()];
    let mut eva = server.register("eva");
    for round in 0..3 {
        let user = format!("ana{round}");
        let mut lines = [server.register(&user), server.login(send, &user)];
        let new = ["one new password", "other new password"];
        for (line, new) in lines.iter_mut().zip(new) {
            line.send(format!("PASSWD;{PASSWORD};{new}\n"));
        }
        // Both passwords are being compared by then: their results reach the router in one batch.
        std::thread::sleep(Duration::from_millis(5));
        server.stand_still(&mut eva);
        server.wait_for_inputs(2);
        server.release();
        let replies = lines.map(|mut line| line.read_line());
        let accepted: Vec<&str> =
            new.into_iter().zip(&replies).filter(|(_, reply)| *reply == "OK").map(|(new, _)| new).collect();
        assert!(accepted.len() == 1 && replies.iter().any(|reply| reply.starts_with("KO;AUTH;")), "{replies:?}");
        for password in [PASSWORD, new[0], new[1]] {
            let (reply, _) = server.try_login(recv, &user, password);
            assert_eq!(reply.starts_with("OK;"), password == accepted[0], "{password}: {reply}");
        }
        assert!(eva.read_line().starts_with("OK;"));
    }
    server.handle.stop().expect("a clean stop");
}

#[test]
fn a_refused_new_password_has_no_effect_then_or_later() {
    let server = HeldServer::start();
    let [send, recv] = [server.handle.send_address(), server.handle.recv_address()];
    let mut ana = server.register("ana");
    let mut other = server.login(recv, "ana");
    server.set_full(true);
    wait_until("a full disk", || ana.request("EMAIL;ana@example.org").starts_with("KO;FULL;"));
    ana.expect_ko(&format!("PASSWD;{PASSWORD};otra palabra"), "FULL");
    server.set_full(false);
    wait_until("space on the disk", || ana.request("EMAIL;ana@example.org") == "OK");
    assert_eq!(other.request("PING"), "OK", "nothing has ended the other connection");
    assert!(server.try_login(send, "ana", "otra palabra").0.starts_with("KO;AUTH;"));
    server.login(send, "ana");
    server.handle.stop().expect("a clean stop");
}

/// Has a user who reads nothing change the password, so that the replies before fill the connection while the password is
/// compared.
fn change_password_unread(server: &HeldServer, eva: &mut Connection, user: &str, new: &str) -> Connection {
    let stream = connect_narrowly(server.handle.send_address());
    let address = stream.local_addr().expect("its address");
    let mut line = Connection::from_stream(stream).expect("a connection");
    assert!(line.request(&format!("LOGIN:{user}:{PASSWORD}")).starts_with("OK;"));
    narrow_output_to(address);
    server.stand_still(eva);
    let sends: String = (0..300).map(|number| format!("SEND;{number:064};eva;hola\n")).collect();
    line.send(format!("{sends}PASSWD;{PASSWORD};{new}\n"));
    server.wait_for_inputs(301);
    server.release();
    wait_until("a full connection", || server.metric("wachat_stragglers") == 1.0);
    line
}

/// Its output is full, so that the last line waits, and with it the connection.
#[test]
fn a_request_of_a_connection_that_was_closed_has_no_effect_later() {
    let server = HeldServer::start();
    let send = server.handle.send_address();
    let mut eva = server.register("eva");
    for (user, exclude) in
        [("ana", ban(Banned::User(name("ana")))), ("iker", ControlRequest::Close(SessionChoice::Of(name("iker"))))]
    {
        drop(server.register(user));
        let mut line = change_password_unread(&server, &mut eva, user, "otra palabra");
        server.administer(&exclude);
        wait_until("the password to be compared", || server.metric("wachat_auth_queue") == 0.0);
        let told = line.read_rest();
        assert_eq!(told.len(), 301, "each SEND was answered, and there is one last line");
        assert!(told.last().is_some_and(|last| last.starts_with("KO;")), "{:?}", told.last());
        if let ControlRequest::Ban { banned, .. } = exclude {
            server.administer(&ControlRequest::Unban { banned });
        }
        assert!(server.try_login(send, user, PASSWORD).0.starts_with("OK;"), "the password has changed");
        assert!(eva.read_line().starts_with("OK;"));
    }
    server.handle.stop().expect("a clean stop");
}

/// One connection, one last line: whatever else would close it later.
#[test]
fn a_connection_that_was_closed_gets_no_second_last_line_and_is_counted_once() {
    let server = HeldServer::start();
    let mut eva = server.register("eva");
    drop(server.register("ana"));
    let mut line = change_password_unread(&server, &mut eva, "ana", "otra palabra");
    server.administer(&ControlRequest::Close(SessionChoice::Of(name("ana"))));
    server.administer(&ban(Banned::User(name("ana"))));
    server.administer(&ban_network(1));
    let refusals =
        ["AUTH", "BANNED", "SHUTDOWN"].map(|code| server.metric(&format!("wachat_refusals_total{{code=\"{code}\"}}")));
    // eva is at that address, too.
    assert_eq!(refusals, [1.0, 1.0, 0.0]);
    let reading = std::thread::spawn(move || line.read_rest());
    server.handle.stop().expect("a clean stop");
    let told = reading.join().expect("its lines");
    let last: Vec<_> = told.iter().filter(|line| line.starts_with("KO;")).collect();
    assert!(told.len() == 301 && last == [&told[300]] && last[0].starts_with("KO;AUTH;"), "{last:?}");
}
