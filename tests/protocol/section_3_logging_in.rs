//! Logging in, registering, names, passwords, and the one session a user has.

use crate::support::{Connection, PASSWORD, World, wait_for};

/// Says a login line on a port; expects this code, and the end of the connection.
#[track_caller]
fn turned_away(world: &World, line: &str, code: &str) {
    for port in [world.send, world.recv] {
        let (reply, mut connection) = Connection::open_with(port, line);
        assert!(reply.starts_with(&format!("KO;{code};")), "{line:?} was answered {reply:?}, not with {code}");
        connection.assert_closed();
    }
}

#[track_caller]
fn let_in(world: &World, line: &str, shown: &str) {
    let (reply, _) = Connection::open_with(world.send, line);
    assert_eq!(reply, format!("OK;{shown};wachat/1"), "{line}");
}

#[test]
fn login_on_recv_tells_what_was_acknowledged_and_the_store() {
    let world = World::without_lobby();
    world.register("ana").run_transcript(
        "> SEND;m-1;ana;uno
         < OK;m-1;RECEIVED;<at>;1",
    );
    let hello = |acknowledged: u64| {
        let (reply, mut session) = Connection::open_with(world.recv, &format!("LOGIN:ana:{PASSWORD}"));
        let fields: Vec<_> = reply.split(';').collect();
        assert_eq!(fields[..4], ["OK", "ana", "wachat/1", &acknowledged.to_string()]);
        assert_eq!(session.request("POLL;1;0"), if acknowledged == 0 { "OK;1" } else { "OK;0" });
        fields[4].to_owned()
    };
    let store = hello(0);
    assert!(!store.is_empty());
    // The answer to that poll was a STATE, which was not acknowledged; the message was.
    let (reply, _) = Connection::open_with(world.recv, &format!("LOGIN:ana:{PASSWORD}"));
    assert_eq!(reply, format!("OK;ana;wachat/1;1;{store}"), "the store keeps its name");
}

#[test]
fn register_works_on_both_ports_and_the_account_exists() {
    let world = World::without_lobby();
    let_in(&world, &format!("REGISTER:ana:{PASSWORD}"), "ana");
    let (reply, mut session) = Connection::open_with(world.recv, &format!("REGISTER:luis:{PASSWORD}"));
    assert!(reply.starts_with("OK;luis;wachat/1;0;"), "{reply}");
    assert_eq!(session.request("PING"), "OK");
    let_in(&world, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    let_in(&world, &format!("LOGIN:luis:{PASSWORD}"), "luis");
}

#[test]
fn auth_is_one_text_for_a_wrong_password_an_unknown_user_and_an_impossible_name() {
    let world = World::without_lobby();
    world.register("ana");
    let answers: Vec<_> = ["LOGIN:ana:otra palabra", "LOGIN:nadie:otra palabra", "LOGIN:../ana:x", "LOGIN::x"]
        .iter()
        .map(|line| Connection::open_with(world.send, line).0)
        .collect();
    assert!(answers[0].starts_with("KO;AUTH;"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "nobody learns which names there are: {answers:?}");
    turned_away(&world, "LOGIN:ana:otra palabra", "AUTH");
}

#[test]
fn an_invalid_login_line_is_syntax_and_closes() {
    let world = World::without_lobby();
    for line in
        ["", "LOGIN", "LOGIN:ana", "LOGIN:ana:", "REGISTER:ana:", "PING", "SEND;m-1;ana;a", "LOGIN;ana;x", "HELO:a:b"]
    {
        turned_away(&world, line, "SYNTAX");
    }
}

#[test]
fn register_checks_closed_then_name_then_exists_then_password() {
    let world = World::without_lobby();
    world.register("ana");
    // Each line is wrong in all that comes after, too.
    turned_away(&world, "REGISTER:a/b:corta", "NAME");
    turned_away(&world, "REGISTER:ana:corta", "EXISTS");
    turned_away(&world, "REGISTER:ANA:corta", "EXISTS");
    turned_away(&world, "REGISTER:luis:corta", "PASSWORD");
    let closed = World::new(&["--registration", "closed"]);
    turned_away(&closed, "REGISTER:a/b:corta", "CLOSED");
    turned_away(&closed, &format!("REGISTER:luis:{PASSWORD}"), "CLOSED");
    turned_away(&closed, &format!("LOGIN:luis:{PASSWORD}"), "AUTH");
}

#[test]
fn registration_auto_makes_an_account_of_a_login() {
    let world = World::new(&["--registration", "auto"]);
    let_in(&world, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    let_in(&world, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    let_in(&world, &format!("REGISTER:luis:{PASSWORD}"), "luis");
    turned_away(&world, "LOGIN:ana:otra palabra", "AUTH");
    turned_away(&world, "LOGIN:eva:corta", "PASSWORD");
    turned_away(&world, "LOGIN:a/b:otra palabra", "AUTH");
}

#[test]
fn registration_closed_lets_in_who_has_an_account() {
    let mut world = World::without_lobby();
    world.register("ana");
    world.stop();
    world.start_with(&["--registration", "closed"]);
    let_in(&world, &format!("LOGIN:ana:{PASSWORD}"), "ana");
    turned_away(&world, &format!("REGISTER:luis:{PASSWORD}"), "CLOSED");
}

#[test]
fn a_password_may_hold_colons_and_semicolons_and_backslashes() {
    let world = World::without_lobby();
    // The login line is no record: nothing in it is unescaped or unquoted.
    for (user, password) in [("ana", "con:dos:puntos:"), ("luis", "a;b\\n\"c\";"), ("eva", "   ñandú   ")] {
        let_in(&world, &format!("REGISTER:{user}:{password}"), user);
        let_in(&world, &format!("LOGIN:{user}:{password}"), user);
        turned_away(&world, &format!("LOGIN:{user}:{}", password.trim_end_matches([':', ';', ' '])), "AUTH");
    }
}

#[test]
fn a_password_has_8_characters_and_is_not_the_name_and_has_no_line_break() {
    let world = World::without_lobby();
    turned_away(&world, "REGISTER:ana:ñañaña7", "PASSWORD");
    let_in(&world, "REGISTER:ana:ñañañañ8", "ana");
    turned_away(&world, "REGISTER:mariajose:mariajose", "PASSWORD");
    turned_away(&world, "REGISTER:mariajose:MariaJose", "PASSWORD");
    turned_away(&world, "REGISTER:mariajose:una\rpalabra", "PASSWORD");
}

#[test]
fn a_name_is_one_user_in_any_case_and_is_shown_as_registered() {
    let world = World::without_lobby();
    world.register("María").run_transcript(
        "> SEND;m-1;maría;hola
         < OK;m-1;RECEIVED;<at>;1
         > HISTORY;MARÍA
         < OK;1
         < 1;m-1;María;María;<at>;RECEIVED;hola
         > CHATS
         < OK;1
         < María;1;0;1;0",
    );
    for same in ["maría", "MARÍA", "Mari\u{301}a"] {
        let_in(&world, &format!("LOGIN:{same}:{PASSWORD}"), "María");
        turned_away(&world, &format!("REGISTER:{same}:{PASSWORD}"), "EXISTS");
    }
    // Without the accent it is another name.
    let mut maria = world.register("maria");
    assert_eq!(maria.list("USERS").len(), 2);
}

#[test]
fn an_invalid_name_cannot_register() {
    let world = World::without_lobby();
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
        turned_away(&world, &format!("REGISTER:{name}:{PASSWORD}"), "NAME");
    }
    for name in ["x".repeat(32), "ñ".repeat(32), "a.b-c_d'e".to_owned(), "Ольга".to_owned(), "7".to_owned()] {
        let_in(&world, &format!("REGISTER:{name}:{PASSWORD}"), &name);
    }
}

#[test]
fn a_new_session_takes_over_from_the_old_one() {
    let world = World::without_lobby();
    world.register("luis");
    let mut ana = world.register("ana");
    ana.run_transcript(
        "> SEND;m-1;luis;hola
         < OK;m-1;RECEIVED;<at>;1",
    );
    let mut old = world.session("luis");
    old.send("POLL;1\n");
    wait_for("the poll to acknowledge, and to wait", || {
        (ana.list("STATUS;luis;1") == ["luis;DELIVERED"]).then_some(())
    });
    let mut new = world.session("luis");
    let last = old.read_rest();
    assert!(
        matches!(&last[..], [last] if last.starts_with("KO;REPLACED;")),
        "that KO answers no request, and the poll has no answer: {last:?}"
    );
    assert_eq!(new.request("POLL;1;0"), "OK;0");
    // SEND connections are as many as one likes.
    assert_eq!(world.login("luis").request("PING"), "OK");
}

/// Says all lines at once, each on a connection of its own, on the two ports by turns; returns whether they were let in.
#[track_caller]
fn all_at_once(world: &World, user: &str, lines: &[String]) -> Vec<bool> {
    let ports = [world.send, world.recv];
    let mut all: Vec<_> = lines.iter().zip(ports.iter().cycle()).map(|(_, port)| Connection::open(*port)).collect();
    all.iter_mut().zip(lines).for_each(|(connection, line)| connection.send(format!("{line}\n")));
    let replies = all.iter_mut().map(Connection::read_line).zip(lines);
    let is_in = |(reply, line): (String, &String)| {
        let is_in = reply.starts_with(&format!("OK;{user};wachat/1"));
        let code = if line.starts_with("REGISTER") { "KO;EXISTS;" } else { "KO;AUTH;" };
        assert!(is_in || reply.starts_with(code), "{line}: {reply}");
        is_in
    };
    replies.map(is_in).collect()
}

/// However many ask at once: REGISTER creates the account, or is refused, and lets nobody else in.
#[test]
fn of_registrations_at_once_one_creates_the_account() {
    for registration in ["open", "auto"] {
        let world = World::new(&["--no-lobby", "--registration", registration]);
        for round in 0..6 {
            let user = format!("new{round}");
            // The same password, and others.
            let password =
                |number: usize| if round % 2 == 0 { PASSWORD.to_owned() } else { format!("palabra{number}") };
            let lines: Vec<_> = (0..4).map(|number| format!("REGISTER:{user}:{}", password(number))).collect();
            let is_in = all_at_once(&world, &user, &lines);
            assert_eq!(is_in.iter().filter(|is_in| **is_in).count(), 1, "{registration}, round {round}: {is_in:?}");
            // The one that was let in has set the password.
            let mut logins: Vec<_> = lines.iter().map(|line| line.replace("REGISTER", "LOGIN")).collect();
            logins.truncate(if round % 2 == 0 { 1 } else { 4 });
            let right: Vec<_> =
                logins.iter().map(|line| Connection::open_with(world.send, line).0.starts_with("OK;")).collect();
            assert_eq!(right, if round % 2 == 0 { vec![true] } else { is_in });
        }
    }
}

#[test]
fn registration_auto_lets_both_ports_in_at_once() {
    let world = World::new(&["--registration", "auto"]);
    for round in 0..8 {
        let login = format!("LOGIN:new{round}:{PASSWORD}\n");
        let mut both = [Connection::open(world.send), Connection::open(world.recv)];
        both.iter_mut().for_each(|line| line.send(&login));
        for line in &mut both {
            let reply = line.read_line();
            assert!(reply.starts_with(&format!("OK;new{round};")), "a client logs in on both ports: {reply}");
        }
    }
}
