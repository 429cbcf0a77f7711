//! Logging in, registering, names, passwords, and the one session a user has.

use crate::support::{Line, PASSWORD, Server, wait_for};

/// Says a login line on a port; expects this code, and the end of the connection.
#[track_caller]
fn turned_away(server: &Server, line: &str, code: &str) {
    for port in [server.send, server.recv] {
        let (reply, mut connection) = server.try_login(port, line);
        assert!(reply.starts_with(&format!("KO;{code};")), "{line:?} was answered {reply:?}, not with {code}");
        connection.assert_closed();
    }
}

#[track_caller]
fn let_in(server: &Server, line: &str, shown: &str) {
    let (reply, _) = server.try_login(server.send, line);
    assert_eq!(reply, format!("OK;{shown};wachat/1"), "{line}");
}

#[test]
fn login_on_recv_tells_what_was_acknowledged_and_the_store() {
    let server = Server::start();
    server.register("ana").play(
        "> SEND;m-1;ana;uno
         < OK;m-1;RECEIVED;<at>;1",
    );
    let hello = |acknowledged: u64| {
        let (reply, mut session) = server.try_login(server.recv, &format!("LOGIN:ana:{PASSWORD}"));
        let fields: Vec<_> = reply.split(';').collect();
        assert_eq!(fields[..4], ["OK", "ana", "wachat/1", &acknowledged.to_string()]);
        assert_eq!(session.ask("POLL;1;0"), if acknowledged == 0 { "OK;1" } else { "OK;0" });
        fields[4].to_owned()
    };
    let store = hello(0);
    assert!(!store.is_empty());
    // The answer to that poll was a STATE, which was not acknowledged; the message was.
    let (reply, _) = server.try_login(server.recv, &format!("LOGIN:ana:{PASSWORD}"));
    assert_eq!(reply, format!("OK;ana;wachat/1;1;{store}"), "the store keeps its name");
}

#[test]
fn register_works_on_both_ports_and_the_account_exists() {
    let server = Server::start();
    let_in(&server, &format!("REGISTER:ana:{PASSWORD}"), "ana");
    let (reply, mut session) = server.try_login(server.recv, &format!("REGISTER:luis:{PASSWORD}"));
    assert!(reply.starts_with("OK;luis;wachat/1;0;"), "{reply}");
    assert_eq!(session.ask("PING"), "OK");
    let_in(&server, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    let_in(&server, &format!("LOGIN:luis:{PASSWORD}"), "luis");
}

#[test]
fn auth_is_one_text_for_a_wrong_password_an_unknown_user_and_an_impossible_name() {
    let server = Server::start();
    server.register("ana");
    let answers: Vec<_> = ["LOGIN:ana:otra palabra", "LOGIN:nadie:otra palabra", "LOGIN:../ana:x", "LOGIN::x"]
        .iter()
        .map(|line| server.try_login(server.send, line).0)
        .collect();
    assert!(answers[0].starts_with("KO;AUTH;"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "nobody learns which names there are: {answers:?}");
    turned_away(&server, "LOGIN:ana:otra palabra", "AUTH");
}

#[test]
fn what_is_no_login_line_is_syntax_and_closes() {
    let server = Server::start();
    for line in
        ["", "LOGIN", "LOGIN:ana", "LOGIN:ana:", "REGISTER:ana:", "PING", "SEND;m-1;ana;a", "LOGIN;ana;x", "HELO:a:b"]
    {
        turned_away(&server, line, "SYNTAX");
    }
}

#[test]
fn register_checks_closed_then_name_then_exists_then_password() {
    let server = Server::start();
    server.register("ana");
    // Each line is wrong in all that comes after, too.
    turned_away(&server, "REGISTER:a/b:corta", "NAME");
    turned_away(&server, "REGISTER:ana:corta", "EXISTS");
    turned_away(&server, "REGISTER:ANA:corta", "EXISTS");
    turned_away(&server, "REGISTER:luis:corta", "PASSWORD");
    let closed = Server::with_flags(&["--registration", "closed"]);
    turned_away(&closed, "REGISTER:a/b:corta", "CLOSED");
    turned_away(&closed, &format!("REGISTER:luis:{PASSWORD}"), "CLOSED");
    turned_away(&closed, &format!("LOGIN:luis:{PASSWORD}"), "AUTH");
}

#[test]
fn registration_auto_makes_an_account_of_a_login() {
    let server = Server::with_flags(&["--registration", "auto"]);
    let_in(&server, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    let_in(&server, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    let_in(&server, &format!("REGISTER:luis:{PASSWORD}"), "luis");
    turned_away(&server, "LOGIN:ana:otra palabra", "AUTH");
    turned_away(&server, "LOGIN:eva:corta", "PASSWORD");
    turned_away(&server, "LOGIN:a/b:otra palabra", "AUTH");
}

#[test]
fn registration_closed_lets_in_who_has_an_account() {
    let server = Server::start();
    server.register("ana");
    let (stopped, ..) = server.stop();
    let server = stopped.start_with(&["--registration", "closed"]);
    let_in(&server, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    turned_away(&server, &format!("REGISTER:luis:{PASSWORD}"), "CLOSED");
}

#[test]
fn a_password_may_hold_colons_and_semicolons_and_backslashes() {
    let server = Server::start();
    // The login line is no record: nothing in it is unescaped or unquoted.
    for (user, password) in [("ana", "con:dos:puntos:"), ("luis", "a;b\\n\"c\";"), ("eva", "   ñandú   ")] {
        let_in(&server, &format!("REGISTER:{user}:{password}"), user);
        let_in(&server, &format!("LOGIN:{user}:{password}"), user);
        turned_away(&server, &format!("LOGIN:{user}:{}", password.trim_end_matches([':', ';', ' '])), "AUTH");
    }
}

#[test]
fn a_password_has_8_characters_and_is_not_the_name_and_has_no_line_break() {
    let server = Server::start();
    turned_away(&server, "REGISTER:ana:ñañaña7", "PASSWORD");
    let_in(&server, "REGISTER:ana:ñañañañ8", "ana");
    turned_away(&server, "REGISTER:mariajose:mariajose", "PASSWORD");
    turned_away(&server, "REGISTER:mariajose:MariaJose", "PASSWORD");
    turned_away(&server, "REGISTER:mariajose:una\rpalabra", "PASSWORD");
}

#[test]
fn a_name_is_one_user_in_any_case_and_is_shown_as_registered() {
    let server = Server::start();
    server.register("María").play(
        "> SEND;m-1;maría;hola
         < OK;m-1;RECEIVED;<at>;1
         > HISTORY;MARÍA
         < OK;1
         < 1;m-1;María;María;<at>;RECEIVED;hola
         > CHATS
         < OK;1
         < María;1;0",
    );
    for same in ["maría", "MARÍA", "Mari\u{301}a"] {
        let_in(&server, &format!("LOGIN:{same}:{PASSWORD}"), "María");
        turned_away(&server, &format!("REGISTER:{same}:{PASSWORD}"), "EXISTS");
    }
    // Without the accent it is somebody else.
    let mut maria = server.register("maria");
    assert_eq!(maria.list("USERS").len(), 2);
}

#[test]
fn what_is_no_name_cannot_register() {
    let server = Server::start();
    let long = "x".repeat(33);
    let wrong = [
        "",
        " ",
        "a b",
        ".",
        "..",
        ".ana",
        "-ana",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a;b",
        "#ana",
        "a@b",
        "a\"b",
        "a\tb",
        "a\u{0}b",
        "a\u{1b}[2J",
        "\u{202e}ana",
        "аna",
        &long,
    ];
    for name in wrong {
        turned_away(&server, &format!("REGISTER:{name}:{PASSWORD}"), "NAME");
    }
    for name in ["x".repeat(32), "ñ".repeat(32), "a.b-c_d'e".to_owned(), "Ольга".to_owned(), "7".to_owned()] {
        let_in(&server, &format!("REGISTER:{name}:{PASSWORD}"), &name);
    }
}

#[test]
fn a_new_session_takes_over_from_the_old_one() {
    let server = Server::start();
    server.register("luis");
    let mut ana = server.register("ana");
    ana.play(
        "> SEND;m-1;luis;hola
         < OK;m-1;RECEIVED;<at>;1",
    );
    let mut old = server.session("luis");
    old.send("POLL;1\n");
    wait_for("the poll to acknowledge, and to wait", || {
        (ana.list("STATUS;luis;1") == ["luis;DELIVERED"]).then_some(())
    });
    let mut new = server.session("luis");
    let last = old.rest();
    assert!(
        matches!(&last[..], [last] if last.starts_with("KO;REPLACED;")),
        "that KO answers no request, and the poll has no answer: {last:?}"
    );
    assert_eq!(new.ask("POLL;1;0"), "OK;0");
    // SEND connections are as many as one likes.
    assert_eq!(server.login("luis").ask("PING"), "OK");
}

#[test]
fn login_lines_may_come_in_pieces_and_glued_to_what_follows() {
    let server = Server::start();
    let mut line = Line::open(server.recv);
    line.send("REGI");
    line.send(format!("STER:ana:{PASSWORD}\r\nPING\nPI"));
    line.send("NG\n");
    assert!(line.line().starts_with("OK;ana;wachat/1;0;"));
    line.play(
        "< OK
         < OK",
    );
}

#[test]
fn registration_auto_lets_both_ports_in_at_once() {
    let server = Server::with_flags(&["--registration", "auto"]);
    for round in 0..8 {
        let login = format!("LOGIN:new{round}:{PASSWORD}\n");
        let mut both = [Line::open(server.send), Line::open(server.recv)];
        both.iter_mut().for_each(|line| line.send(&login));
        for line in &mut both {
            let reply = line.line();
            assert!(reply.starts_with(&format!("OK;new{round};")), "a client logs in on both ports: {reply}");
        }
    }
}
