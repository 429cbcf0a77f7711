//! The audit log: a line for each event, in a form that programs can rely on, and bounded whatever clients do.

use std::net::IpAddr;

use crate::support::values::user;
use crate::support::{Connection, PASSWORD, World, wait_or, wait_until};
use regex_lite::Regex;
use serde_json::Value;
use wachat::limits;
use wachat::protocol::Code;
use wachat::protocol::Port;
use wachat::server::audit::{ConnectionRefusal, Event, KINDS, LoginFailure};

/// Returns the events of a server's log so far, without time, level and target.
fn events(world: &World) -> Vec<String> {
    let head = Regex::new(r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO  wachat::audit\] ").expect("an expression");
    let log = world.log();
    log.lines().filter(|line| head.is_match(line)).map(|line| head.replace(line, "").into_owned()).collect()
}

#[track_caller]
fn wait_for_event(world: &World, event: &str) {
    let look = || events(world).iter().any(|line| line == event).then_some(());
    wait_or(look, || format!("no {event} in\n{}", world.log()));
}

fn fails_to_log_in(world: &World, source: [u8; 4], line: &str) {
    let mut connection = Connection::open_from(source, world.send);
    assert!(connection.request(line).starts_with("KO;AUTH;"), "{line}");
}

#[test]
fn each_event_of_an_account_has_a_line_with_the_address_of_its_client() {
    let world = World::without_lobby();
    let mut luis = world.register("luis");
    wait_for_event(&world, "event=account_created from=127.0.0.1 port=SEND user=\"luis\"");
    fails_to_log_in(&world, [127, 0, 0, 7], "LOGIN:luis:wrong password");
    wait_for_event(&world, "event=login_failed from=127.0.0.7 port=SEND reason=password user=\"luis\"");
    // A text that is typed instead of the name can be the password.
    fails_to_log_in(&world, [127, 0, 0, 8], &format!("LOGIN:{PASSWORD}:luis"));
    fails_to_log_in(&world, [127, 0, 0, 8], "LOGIN:nobody:wrong password");
    wait_for_event(&world, "event=login_failed from=127.0.0.8 port=SEND reason=no_account");
    assert_eq!(luis.request(&format!("PASSWD;{PASSWORD};another password")), "OK");
    wait_for_event(&world, "event=password_changed from=127.0.0.1 port=SEND user=\"luis\"");
    assert!(luis.request(&format!("PASSWD;{PASSWORD};a third password")).starts_with("KO;AUTH;"));
    wait_for_event(&world, "event=login_failed from=127.0.0.1 port=SEND reason=old_password user=\"luis\"");
    assert_eq!(events(&world).len(), 6, "{}", world.log());
    for secret in [PASSWORD, "wrong password", "another password", "a third password", "nobody"] {
        assert!(!world.log().contains(secret), "{secret} is in\n{}", world.log());
    }
}

#[test]
fn a_log_of_objects_has_the_fields_as_keys() {
    let mut world = World::new(&["--no-lobby", "--log-format", "json", "--disk-floor", "4294967295"]);
    fails_to_log_in(&world, [127, 0, 0, 7], "LOGIN:luis:wrong password");
    wait_until("the line", || world.log().contains("login_failed"));
    world.stop();
    let objects: Vec<Value> =
        world.log().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect();
    let time = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$").expect("an expression");
    for object in &objects {
        assert!(object["time"].as_str().is_some_and(|text| time.is_match(text)), "{object}");
    }
    let warning = objects.iter().find(|object| object["level"] == "ERROR").expect("the disk is full");
    assert_eq!(warning["target"], "wachat::server::router::health");
    assert!(warning["message"].as_str().is_some_and(|text| text.contains("--disk-floor")), "{warning}");
    let failed = objects.iter().find(|object| object["event"] == "login_failed").expect("the failed login");
    assert_eq!(failed["message"], "event=login_failed from=127.0.0.7 port=SEND reason=no_account");
    let fields = ["level", "target", "from", "port", "reason"].map(|key| failed[key].as_str().expect(key));
    assert_eq!(fields, ["INFO", "wachat::audit", "127.0.0.7", "SEND", "no_account"]);
}

#[test]
fn failed_logins_have_ten_lines_a_minute_and_the_rest_is_counted() {
    let mut world = World::without_lobby();
    for number in 0..15 {
        fails_to_log_in(&world, [127, 0, 0, 7], &format!("LOGIN:nobody{number}:wrong password"));
    }
    // Another address has lines of its own, and so has another reason.
    fails_to_log_in(&world, [127, 0, 0, 8], "LOGIN:nobody:wrong password");
    drop(world.register("luis"));
    fails_to_log_in(&world, [127, 0, 0, 7], "LOGIN:luis:wrong password");
    world.stop();
    let line = "event=login_failed from=127.0.0.7 port=SEND reason=no_account";
    let mut expected = vec![line.to_owned(); limits::AUDIT_FAILED_LOGINS as usize];
    expected.push("event=login_failed from=127.0.0.8 port=SEND reason=no_account".to_owned());
    expected.push("event=account_created from=127.0.0.1 port=SEND user=\"luis\"".to_owned());
    expected.push("event=login_failed from=127.0.0.7 port=SEND reason=password user=\"luis\"".to_owned());
    // The end of the server is the end of the minute.
    expected.push(format!("{line} count=5"));
    assert_eq!(events(&world), expected);
}

#[test]
fn refusals_by_quota_and_rate_have_a_line_for_each_user_and_code() {
    let mut world = World::new(&["--no-lobby", "--queue", "8", "--rate", "50"]);
    let mut luis = world.register("luis");
    let mut ana = world.register("ana");
    // A stranger fills a quarter of the mailbox.
    for number in 0..2 {
        assert!(ana.request(&format!("SEND;{number};luis;hola")).starts_with("OK;"));
    }
    for number in 2..5 {
        ana.expect_ko(&format!("SEND;{number};luis;hola"), "QUOTA");
    }
    wait_for_event(&world, "event=refused from=127.0.0.1 port=SEND code=QUOTA user=\"ana\"");
    let mut refused = 0;
    wait_until("luis to be above the rate", || {
        luis.send("HELP\n".repeat(100));
        refused += (0..100).filter(|_| read_help(&mut luis).starts_with("KO;RATE;")).count();
        refused > 1
    });
    world.stop();
    let rate = "event=refused from=127.0.0.1 port=SEND code=RATE user=\"luis\"";
    let counted = events(&world);
    let refusals: Vec<_> = counted.iter().filter(|line| line.starts_with("event=refused")).cloned().collect();
    assert_eq!(refusals.len(), 4, "{refusals:#?}");
    let late = match refused - 1 {
        1 => rate.to_owned(),
        count => rate.replace(" user", &format!(" count={count} user")),
    };
    let quota = "event=refused from=127.0.0.1 port=SEND code=QUOTA count=2 user=\"ana\"".to_owned();
    assert_eq!(refusals[1], rate);
    assert!(refusals[2..].contains(&late) && refusals[2..].contains(&quota), "{refusals:#?}\n{late}");
}

/// Reads the reply to a HELP, which is a list, or a KO.
fn read_help(connection: &mut Connection) -> String {
    let head = connection.read_line();
    let lines = head.strip_prefix("OK;").and_then(|count| count.parse().ok()).unwrap_or(0);
    (0..lines).for_each(|_| _ = connection.read_line());
    head
}

#[test]
fn refused_connections_are_bounded_however_many_addresses_there_are() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let mut world = World::in_directory(directory, &["--no-lobby", "--timeout", "300"]);
    world.stop();
    // It allows 128 connections, 32 of them strangers, of as many addresses.
    world.files = Some(2 * limits::RESERVED_FILES as u64);
    world.start();
    let strangers: Vec<_> = (0..32).map(|last| Connection::open_from([127, 2, 0, last], world.send)).collect();
    let addresses = limits::AUDIT_KEYS + 50;
    for number in 0..addresses {
        let source = [127, 1, (number / 250) as u8, (number % 250) as u8];
        for _ in 0..2 {
            let mut refused = Connection::open_from(source, world.send);
            assert!(refused.try_read_line().is_none_or(|line| line.starts_with("KO;FULL;")));
        }
    }
    world.stop();
    drop(strangers);
    let events = events(&world);
    let refused = |line: &&String| line.starts_with("event=connection_refused from=127.1.");
    let first = events.iter().filter(refused).filter(|line| line.ends_with(" reason=too_many"));
    // Each address has a line for its first connection, and one at the end for its second.
    assert_eq!(first.count(), 2 * limits::AUDIT_KEYS);
    let left_out: Vec<_> = events.iter().filter(|line| line.starts_with("event=left_out")).collect();
    assert_eq!(left_out, ["event=left_out kind=connection_refused", "event=left_out kind=connection_refused count=99"]);
}

/// One event of each kind, in the order of the table.
fn one_of_each() -> Vec<Event> {
    let from = IpAddr::from([192, 0, 2, 7]);
    let port = Port::Recv;
    let reason = LoginFailure::Password;
    let luis = user("luis");
    vec![
        Event::LoginFailed { user: Some(luis.clone()), from, port, reason },
        Event::AccountCreated { user: luis.clone(), from, port },
        Event::PasswordChanged { user: luis.clone(), from, port },
        Event::Refused { user: Some(luis), from, port, code: Code::Quota },
        Event::ConnectionRefused { from, port: Some(port), reason: ConnectionRefusal::NoThread },
        Event::Ban { banned: "luis".to_owned(), seconds: Some(60), reason: "spam".to_owned() },
        Event::AdminCommand { command: "user list".to_owned(), is_done: true },
        Event::LeftOut { kind: "refused" },
    ]
}

#[test]
fn each_line_has_the_fields_of_the_table_in_their_order() {
    let field = Regex::new(r#"([a-z]+)=("(?:[^"\\]|\\.)*"|[^ "]+)( |$)"#).expect("an expression");
    for (event, (kind, fields, _)) in one_of_each().iter().zip(KINDS) {
        let line = event.line(1);
        let keys: Vec<_> = field.captures_iter(&line).map(|found| found[1].to_owned()).collect();
        assert_eq!(field.replace_all(&line, ""), "", "nothing but fields");
        assert_eq!(keys.join(" "), format!("event {}", fields.replace(['[', ']'], "")), "{line}");
        assert!(line.starts_with(&format!("event={kind}")), "{line}");
    }
}

#[test]
fn no_text_can_forge_a_field_or_a_line() {
    let banned = "x\" from=192.0.2.1\n[2026-11-23T07:23:31Z INFO  wachat::audit] event=login_failed \u{202e}\\";
    let event = Event::Ban { banned: banned.to_owned(), seconds: None, reason: "y".repeat(10_000) };
    let line = event.line(1);
    let expected = "event=ban banned=\"x\\\" from=192.0.2.1␊[2026-11-23T07:23:31Z INFO  wachat::audit] \
                    event=login_failed \\\\u{202e}\\\\\" reason=\"yyy";
    assert!(line.starts_with(expected), "{line}");
    assert!(line.len() < 600, "a long text is cut: {line}");
}

/// All short texts of the characters that matter to the form of a line.
fn all_texts(longest: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut begin = 0;
    for _ in 0..longest {
        let end = texts.len();
        for number in begin..end {
            let longer = ['"', '\\', ' ', '=', '\n', 'x'].map(|c| format!("{}{c}", texts[number]));
            texts.extend(longer);
        }
        begin = end;
    }
    texts
}

/// Reads a line as a program would that knows no more than the rule: a backslash goes before a quote or a backslash.
fn fields_of(line: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = line.chars().peekable();
    while rest.peek().is_some() {
        let key: String = rest.by_ref().take_while(|c| *c != '=').collect();
        let mut value = String::new();
        if rest.next_if_eq(&'"').is_none() {
            value.extend(rest.by_ref().take_while(|c| *c != ' '));
            fields.push((key, value));
            continue;
        }
        loop {
            match rest.next().unwrap_or_else(|| panic!("an open quote in {line}")) {
                '"' => break,
                '\\' => value.extend(rest.next()),
                c => value.push(c),
            }
        }
        fields.push((key, value));
        assert!(rest.next().is_none_or(|c| c == ' '), "more behind a quote in {line}");
    }
    fields
}

#[test]
fn every_text_is_read_back_as_it_was_and_is_one_field() {
    let field = |key: &str, text: &str| (key.to_owned(), text.replace('\n', "␊"));
    for text in all_texts(5) {
        let banned = text.clone();
        let reason = text.chars().rev().collect::<String>();
        let ban = Event::Ban { banned: banned.clone(), seconds: Some(60), reason: reason.clone() };
        let command = Event::AdminCommand { command: text.clone(), is_done: true };
        let event = field("event", "ban");
        let seconds = field("seconds", "60");
        let read = fields_of(&ban.line(1));
        assert!(read.contains(&event) && read.contains(&seconds), "{text:?}: {read:?}");
        assert!(read.contains(&field("banned", &banned)) && read.contains(&field("reason", &reason)), "{read:?}");
        assert_eq!(read.len(), 4, "{text:?}: {read:?}");
        let read = fields_of(&command.line(1));
        assert!(read.len() == 3 && read.contains(&field("command", &text)), "{text:?}: {read:?}");
    }
}

/// Returns the expressions of the filter, with `<HOST>` as fail2ban has it, but without a look-behind.
fn fail2ban_expressions() -> Vec<Regex> {
    const HOST: &str = r"(?:(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})|\[?(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}[0-9a-fA-F]{0,4})\]?)";
    let filter = include_str!("../../examples/deploy/fail2ban/filter.d/wachat.conf");
    let (_, rest) = filter.split_once("failregex = ").expect("expressions");
    let (expressions, _) = rest.split_once("ignoreregex").expect("their end");
    let lines = expressions.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| Regex::new(&line.replace("<HOST>", HOST)).expect(line)).collect()
}

/// Returns the address that the filter finds in a line, with the time taken out as fail2ban does, and with it, as a journal
/// has the line.
fn fail2ban_finds(line: &str) -> Option<String> {
    let time = Regex::new(r#"^(\[|\{"time":")?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"#).expect("an expression");
    let without = time.replace(line, "$1").into_owned();
    assert_ne!(without, line, "a time is found");
    let expressions = fail2ban_expressions();
    let find = |text: &str| {
        expressions.iter().find_map(|expression| {
            let found = expression.captures(text)?;
            found.name("ip4").or(found.name("ip6")).map(|host| host.as_str().to_owned())
        })
    };
    let cut = find(&without);
    let journal = find(&format!("host1 wachat[123]: {line}"));
    assert_eq!(cut, journal, "{line}");
    cut
}

#[test]
fn the_filter_for_fail2ban_finds_the_address_of_each_wrong_password_and_of_nothing_else() {
    for format in ["text", "json"] {
        let world = World::new(&["--no-lobby", "--log-format", format, "--trace"]);
        drop(world.register("luis"));
        fails_to_log_in(&world, [127, 0, 0, 7], "LOGIN:luis:wrong password");
        fails_to_log_in(&world, [127, 0, 0, 8], "LOGIN:nobody:wrong password");
        // The lines of a client are in the trace.
        let forged =
            "[2026-11-23T07:23:31Z INFO  wachat::audit] event=login_failed from=192.0.2.1 port=SEND reason=password";
        let mut ana = world.register("ana");
        assert!(ana.request(&format!("SEND;m-1;ana;{forged}")).starts_with("OK;"));
        wait_until("the trace", || world.log().contains(forged));
        wait_until("both lines", || world.log().matches("event=login_failed from=127").count() >= 2);
        let log = world.log();
        let stamped = log.lines().filter(|line| line.starts_with("[20") || line.starts_with("{\"time"));
        let found: Vec<_> = stamped.filter_map(fail2ban_finds).collect();
        assert_eq!(found, ["127.0.0.7"], "a new user's first login is no attack: {log}");
        let others = log.lines().filter(|line| !line.contains("wachat::audit] event") || line.contains("SEND;m-1"));
        let expressions = fail2ban_expressions();
        for line in others.filter(|line| line.contains("192.0.2.1")) {
            assert!(!expressions.iter().any(|expression| expression.is_match(line)), "{line}");
        }
    }
    let v6 = Event::LoginFailed {
        user: None,
        from: "2001:db8::7".parse().expect("an address"),
        port: Port::Send,
        reason: LoginFailure::OldPassword,
    };
    let line = format!("[2026-11-23T07:23:31Z INFO  wachat::audit] {}", v6.line(3));
    assert_eq!(fail2ban_finds(&line).as_deref(), Some("2001:db8::7"));
}

#[test]
fn the_jail_bans_before_lines_are_left_out() {
    let jail = include_str!("../../examples/deploy/fail2ban/jail.d/wachat.conf");
    let number = jail.lines().find_map(|line| line.strip_prefix("maxretry = ")?.parse::<u32>().ok());
    assert!(number.is_some_and(|number| number <= limits::AUDIT_FAILED_LOGINS), "{number:?}");
}
