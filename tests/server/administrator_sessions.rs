//! The administrator's list of connections: those that have logged in, on both ports, in pages by their numbers; and which of
//! them a number or a name closes.

use wachat::model::UserName;
use wachat::protocol::control::{ControlRequest, SessionChoice};

use crate::support::held_server::HeldServer;
use crate::support::{Connection, PASSWORD, wait_until};

/// Returns number, user and port of each row.
fn listed(server: &HeldServer, after: u64) -> Vec<(u64, String, String)> {
    let reply = server.begin(&ControlRequest::Sessions { after }).join().expect("a reply");
    let (head, rows) = reply.split_once('\n').expect("a list");
    let rows: Vec<_> = rows.lines().map(|row| row.split(';').collect::<Vec<_>>()).collect();
    assert_eq!(head, format!("OK;{}", rows.len()));
    let row = |row: &Vec<&str>| (row[0].parse().expect("a number"), row[1].to_owned(), row[2].to_owned());
    rows.iter().map(row).collect()
}

fn close(server: &HeldServer, choice: SessionChoice) -> String {
    server.begin(&ControlRequest::Close(choice)).join().expect("a reply")
}

fn of(user: &str) -> SessionChoice {
    SessionChoice::Of(UserName::new(user).expect("a name"))
}

/// Connections of two users, with others between that have not logged in, or whose login was refused.
struct Crowd {
    server: HeldServer,
    strangers: Vec<Connection>,
    lines: Vec<(&'static str, &'static str, Connection)>,
}

impl Crowd {
    fn new() -> Self {
        let server = HeldServer::start();
        let send = server.handle.send_address();
        let recv = server.handle.recv_address();
        ["ana", "luis"].iter().for_each(|user| drop(server.register(user)));
        wait_until("both to be gone", || server.metric("wachat_connections{port=\"send\"}") == 0.0);
        let mut strangers = vec![Connection::open(send), Connection::open(recv)];
        let mut lines = Vec::new();
        for (user, port) in [("luis", "SEND"), ("ana", "SEND"), ("ana", "RECV"), ("ana", "SEND"), ("luis", "RECV")] {
            let address = if port == "SEND" { send } else { recv };
            lines.push((user, port, server.login(address, user)));
            strangers.push(Connection::open(address));
            assert!(server.try_login(address, user, "otra palabra").0.starts_with("KO;AUTH;"));
        }
        Self { server, strangers, lines }
    }

    fn expected(&self) -> Vec<(String, String)> {
        self.lines.iter().map(|(user, port, _)| ((*user).to_owned(), (*port).to_owned())).collect()
    }

    /// All that are open answer, and are listed in the order in which they came; returns their numbers.
    fn check(&mut self) -> Vec<u64> {
        for (user, port, line) in &mut self.lines {
            assert_eq!(line.request("PING"), "OK", "{user} on {port}");
        }
        for stranger in &mut self.strangers {
            assert!(!stranger.has_input(std::time::Duration::from_millis(1)), "{:?}", stranger.try_read_line());
        }
        let rows = listed(&self.server, 0);
        let (numbers, rows): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|(number, user, port)| (number, (user, port))).unzip();
        assert!(numbers.is_sorted() && numbers.iter().all(|number| *number > 0), "{numbers:?}");
        assert_eq!(rows, self.expected());
        for number in numbers.iter().copied() {
            let later: Vec<_> = listed(&self.server, number).into_iter().map(|row| row.0).collect();
            assert_eq!(
                later,
                numbers.iter().copied().filter(|other| *other > number).collect::<Vec<_>>(),
                "after {number}"
            );
        }
        numbers
    }

    #[track_caller]
    fn expect_closed(&mut self, at: usize) {
        let (user, port, mut line) = self.lines.remove(at);
        let last = line.read_rest();
        assert_eq!(last, ["KO;AUTH;this connection was closed by the administrator"], "{user} on {port}");
    }
}

#[test]
fn those_that_have_logged_in_are_listed_and_closed_by_their_numbers() {
    let mut crowd = Crowd::new();
    let numbers = crowd.check();
    let taken = numbers.iter().max().expect("numbers") + crowd.strangers.len() as u64 + 5;
    for number in (0..=taken).filter(|number| !numbers.contains(number)) {
        let reply = close(&crowd.server, SessionChoice::Number(number));
        assert!(reply.starts_with("KO;NO_SESSION;"), "{number}: {reply}");
    }
    assert_eq!(crowd.check(), numbers, "that was none of theirs");
    for at in [2, 3, 0] {
        let numbers = crowd.check();
        assert_eq!(close(&crowd.server, SessionChoice::Number(numbers[at])), "OK\n");
        crowd.expect_closed(at);
        let reply = close(&crowd.server, SessionChoice::Number(numbers[at]));
        assert!(reply.starts_with("KO;NO_SESSION;"), "it is closed: {reply}");
        let left = crowd.check();
        assert_eq!(left, numbers.into_iter().filter(|number| left.contains(number)).collect::<Vec<_>>());
    }
}

#[test]
fn a_name_closes_all_connections_of_that_user_and_no_others() {
    let mut crowd = Crowd::new();
    assert_eq!(close(&crowd.server, of("ANA")), "OK\n");
    for at in [3, 2, 1] {
        crowd.expect_closed(at);
    }
    crowd.check();
    for gone in ["ana", "nadie"] {
        assert!(close(&crowd.server, of(gone)).starts_with("KO;NO_SESSION;"));
    }
    let again = crowd.server.login(crowd.server.handle.send_address(), "ana");
    crowd.lines.push(("ana", "SEND", again));
    crowd.check();
    // It is none of the login: the password is right, as before.
    assert!(crowd.server.try_login(crowd.server.handle.recv_address(), "ana", PASSWORD).0.starts_with("OK;"));
}
