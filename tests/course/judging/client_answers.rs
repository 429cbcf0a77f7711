//! The small honest server of the judge of clients: what it answers to each request, and what its time line has.

use std::time::Duration;

use super::puppet::{Puppet, ask, ask_list, play};
use super::{LONG, assert_passed, failure};
use crate::support::Connection;
use crate::support::connection::without_times;

/// Plays a client that is done when this returns.
fn speaks(events: &str, client: fn(&mut Connection, &mut Connection) -> Option<()>) {
    let outcome = play(&format!("{events}run\nexit 0"), LONG, |puppet: &mut Puppet| {
        let run = puppet.run()?;
        client(&mut run.log_in("SEND")?, &mut run.log_in("RECV")?)?;
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, "the client has had all of its replies");
}

#[test]
fn each_request_has_the_reply_of_the_protocol() {
    speaks("event <a>;MSG;l-1;luis;ana;<time>;hola\n", |send, recv| {
        let replies = [
            ("PING", "OK"),
            ("ping", "OK"),
            ("SEND;m-1;luis;hola", "OK;m-1;RECEIVED;<at>;2"),
            ("SEND;m-1;luis;hola", "OK;m-1;RECEIVED;<at>;2"),
            ("SEND;m-1;luis;otra", "KO;CONFLICT;"),
            ("SEND;m-1;eva;hola", "KO;CONFLICT;"),
            ("SEND;l-1;luis;hola", "OK;l-1;RECEIVED;<at>;3"),
            ("SEND;m-2;nadie;hola", "OK;m-2;RECEIVED;<at>;4"),
            ("SEND;m-3;#sala;hola", "OK;m-3;RECEIVED;<at>;5"),
            ("SEND;m-4;#otra;hola", "KO;NO_ROOM;"),
            ("SEND;m-4;a:b;hola", "KO;NO_USER;"),
            ("SEND;m-4;luis;hola", "OK;m-4;RECEIVED;<at>;6"),
            ("SEND;m-5;luis", "KO;SYNTAX;"),
            ("READ;luis;6", "OK"),
            ("READ;luis;7", "KO;SEQ;"),
            ("READ;luis;2", "OK"),
            ("READ;a:b;1", "KO;NO_USER;"),
            ("HISTORY;a:b", "KO;NO_USER;"),
            ("STATUS;luis;2", "KO;NO_MESSAGE;"),
            ("PEER;luis", "KO;NO_PEER;"),
            ("JOIN;#otra", "KO;NO_ROOM;"),
            ("LEAVE;#otra", "KO;NO_ROOM;"),
            ("MEMBERS;#otra", "KO;NO_ROOM;"),
            ("PASSWD;palabra larga;otra palabra", "KO;PASSWORD;"),
            ("LOGOUT;1", "KO;NO_SESSION;"),
            ("EMAIL;ana@example.org", "OK"),
            ("SESSIONS", "OK;0"),
            ("SERVERS", "KO;SYNTAX;"),
            ("POLL;0", "KO;SYNTAX;"),
            ("NOTHING", "KO;SYNTAX;"),
        ];
        for (line, expected) in replies {
            let reply = without_times(&ask(send, line)?);
            let fits = if expected.starts_with("KO") { reply.starts_with(expected) } else { reply == expected };
            assert!(fits, "{line} is answered {reply}");
        }
        for (line, expected) in [("PING", "OK"), ("PORT;0", "OK"), ("SEND;m-6;luis;hola", "KO;SYNTAX;"), ("QUIT", "OK")]
        {
            assert!(ask(recv, line)?.starts_with(expected), "{line}");
        }
        assert_eq!(recv.try_read_line(), None, "closed after QUIT");
        assert_eq!((ask(send, "QUIT")?, send.try_read_line()), ("OK".to_owned(), None));
        Some(())
    });
}

#[test]
fn lists_have_what_was_sent_and_received() {
    speaks("event <a>;MSG;l-1;luis;ana;<time>;hola\nevent <b>;MSG;e-1;eva;#sala;<time>;a todos\n", |send, _| {
        for line in ["SEND;m-1;luis;uno", "SEND;m-2;#sala;dos", "SEND;m-3;luis;tres", "READ;luis;3"] {
            ask(send, line)?;
        }
        let list = |send: &mut Connection, line: &str| -> Option<Vec<String>> {
            Some(ask_list(send, line)?.iter().map(|row| without_times(row)).collect())
        };
        let luis = [
            "1;l-1;luis;ana;<at>;RECEIVED;hola",
            "3;m-1;ana;luis;<at>;RECEIVED;uno",
            "5;m-3;ana;luis;<at>;RECEIVED;tres",
        ];
        assert_eq!(list(send, "HISTORY;luis")?, luis);
        assert_eq!(list(send, "HISTORY;luis;2")?, luis[1..]);
        assert_eq!(list(send, "HISTORY;luis;2;5")?, luis[..2]);
        assert_eq!(list(send, "HISTORY;luis;1;3")?, luis[..1]);
        assert_eq!(list(send, "HISTORY;luis;1;1")?, luis[..0]);
        let sala = ["2;e-1;eva;#sala;<at>;RECEIVED;a todos", "4;m-2;ana;#sala;<at>;RECEIVED;dos"];
        assert_eq!(list(send, "HISTORY;#sala")?, sala);
        assert_eq!(list(send, "HISTORY;eva")?, luis[..0]);
        assert_eq!(list(send, "CHATS")?, ["luis;5;3;3;0", "#sala;4;0;2;0"]);
        assert_eq!(list(send, "ROOMS")?, ["#sala;3;yes;open;;"]);
        assert_eq!(list(send, "USERS")?, ["ana;online;<at>", "eva;offline;<at>", "luis;offline;<at>"]);
        assert!(list(send, "HELP")?.iter().any(|row| row.starts_with("SEND ") || row.contains("SEND;")));
        Some(())
    });
}

#[test]
fn a_note_to_oneself_comes_as_an_event_and_a_message_to_others_does_not() {
    speaks("", |send, recv| {
        ask(send, "SEND;m-1;luis;hola")?;
        ask(send, "SEND;m-2;ana;\"para mí; hoy\"")?;
        ask(send, "SEND;m-3;#sala;hola")?;
        let events = ask_list(recv, "POLL;0;0")?;
        assert_eq!(
            events.iter().map(|row| without_times(row)).collect::<Vec<_>>(),
            ["2;MSG;m-2;ana;ana;<at>;\"para mí; hoy\""]
        );
        Some(())
    });
}

#[test]
fn a_login_is_of_ana_with_the_password_and_of_nobody_else() {
    speaks("password other: words\n", |_, _| Some(()));
    let outcome = play("run\nexit 0", LONG, |puppet| {
        let run = puppet.run()?;
        for (port, line, reply) in [
            ("SEND", "LOGIN:ana:palabra larga", "OK;ana;wachat/1"),
            ("RECV", "Login:ana:palabra larga", "OK;ana;wachat/1;0;judge"),
            ("SEND", "LOGIN:ana:palabra", "KO;AUTH;"),
            ("RECV", "LOGIN:luis:palabra larga", "KO;AUTH;"),
            ("SEND", "REGISTER:ana:palabra larga", "KO;EXISTS;"),
            ("RECV", "REGISTER:eva:palabra larga", "KO;EXISTS;"),
            ("RECV", "DEVICE:lab:ana:palabra larga", "KO;SYNTAX;"),
            ("RECV", "key:lab:ana:palabra larga", "KO;SYNTAX;"),
            ("SEND", "KEY:lab:ana:palabra larga", "KO;SYNTAX;"),
            ("SEND", "PING", "KO;SYNTAX;"),
            ("RECV", "", "KO;SYNTAX;"),
        ] {
            let mut connection = run.connect(port)?;
            let said = ask(&mut connection, line)?;
            assert!(if reply.starts_with("OK") { said == reply } else { said.starts_with(reply) }, "{line}: {said}");
            let next = ask(&mut connection, "PING");
            assert_eq!(next.as_deref(), reply.starts_with("OK").then_some("OK"), "{line}: closed after a KO");
        }
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, "one user and one password");
}

#[test]
fn a_later_session_takes_over_and_a_line_that_is_too_long_ends_the_connection() {
    let outcome = play("take SEND\nrun\nSEND < SEND;<id>;luis;hola\nSEND ok\nexit 0", LONG, |puppet| {
        let run = puppet.run()?;
        let mut first = run.log_in("RECV")?;
        let mut send = run.log_in("SEND")?;
        first.try_send("POLL;0;9\n").ok()?;
        let mut second = run.log_in("RECV")?;
        assert_eq!(first.try_read_line(), None);
        assert!(ask(&mut run.connect("RECV")?, "LOGIN:ana:wrong")?.starts_with("KO;AUTH;"));
        assert_eq!(ask(&mut second, "PING")?, "OK", "a login that fails takes nothing over");
        assert!(ask(&mut send, "SEND;m-1;luis;hola")?.starts_with("OK;m-1;"), "SEND connections stay");
        let reply = ask(&mut send, &"x".repeat(70_000))?;
        assert!(reply.starts_with("KO;TOO_LONG;"), "{reply}");
        assert_eq!(send.try_read_line(), None);
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, "one session");
}

#[test]
fn a_request_of_a_session_that_was_replaced_waits_for_no_step() {
    let outcome = play("take POLL\nrun\nout ready\nPOLL < POLL;1\nPOLL > OK;0\nexit 0", LONG, |puppet| {
        let mut run = puppet.run()?;
        let mut first = run.log_in("RECV")?;
        first.try_send("POLL;0\n").ok()?;
        std::thread::sleep(Duration::from_millis(100));
        let mut second = run.log_in("RECV")?;
        second.try_send("POLL;1\n").ok()?;
        std::thread::sleep(Duration::from_millis(100));
        run.say("ready");
        assert_eq!((second.try_read_line()?, first.try_read_line()), ("OK;0".to_owned(), None));
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, "that of the newest session");
}

#[test]
fn what_comes_behind_the_last_line_of_a_connection_has_no_effect() {
    let steps = "run\nlogin SEND\ncut KO;SHUTDOWN;bye\nout sent\nstored luis: new\nstored nothing\nexit 0";
    let outcome = play(steps, LONG, |puppet| {
        let mut run = puppet.run()?;
        let mut old = run.log_in("SEND")?;
        assert_eq!(old.try_read_line()?, "KO;SHUTDOWN;bye");
        let _ = old.try_send("SEND;m-1;luis;late\n");
        std::thread::sleep(Duration::from_millis(100));
        assert!(ask(&mut run.log_in("SEND")?, "SEND;m-2;luis;new")?.ends_with(";1"));
        run.say("sent");
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, "the new connection alone");
}

#[test]
fn the_time_line_of_a_client_has_its_lines_and_those_of_the_judge_in_order() {
    let steps = "event <a>;MSG;m-1;luis;ana;<time>;hola
        take SEND
        run
        login RECV
        in @luis: hola
        SEND < SEND;<id>;luis;hola
        SEND lose
        out again
        SEND < SEND;<id>;luis;hola
        SEND ignore
        out ignored
        cut KO;SHUTDOWN;bye
        out end
        away
        back
        closing
        kill
        end of input
        exit 0";
    let outcome = play(steps, LONG, |puppet| {
        let mut run = puppet.run()?;
        let mut recv = run.log_in("RECV")?;
        run.input.recv().ok()?;
        let mut send = run.log_in("SEND")?;
        assert_eq!(ask(&mut send, "SEND;m-9;luis;hola"), None);
        run.warn("lost");
        std::thread::sleep(Duration::from_millis(100));
        run.say("again");
        let mut send = run.log_in("SEND")?;
        assert_eq!(ask(&mut send, "SEND;m-9;luis;hola\nPING")?, "OK");
        run.say("ignored");
        assert_eq!(send.try_read_line()?, "KO;SHUTDOWN;bye");
        assert_eq!(recv.try_read_line()?, "KO;SHUTDOWN;bye");
        drop((send, recv));
        std::thread::sleep(Duration::from_millis(100));
        run.say("end");
        puppet.wait_for_the_end()
    });
    let said = failure(&outcome);
    assert_eq!([&*said.step, &said.came], ["exit 0", "the client is killed"]);
    let path = regex_lite::Regex::new("exec sh .*").unwrap();
    let moments = said.moments.iter().map(|moment| path.replace(&without_times(moment), "the client").into_owned());
    let moments: Vec<_> = moments.collect();
    let expected = [
        "0.000      the mailbox gets 1;MSG;m-1;luis;ana;<at>;hola",
        "0.000      starts the client",
        "0.000 RECV1   connects",
        "0.000 RECV1 < LOGIN:ana:palabra larga",
        "0.000 RECV1 > OK;ana;wachat/1;0;judge␊",
        "0.000 in > @luis: hola␊",
        "0.000 SEND1   connects",
        "0.000 SEND1 < LOGIN:ana:palabra larga",
        "0.000 SEND1 > OK;ana;wachat/1␊",
        "0.000 SEND1 < SEND;m-9;luis;hola",
        "0.000 SEND1   the judge closes the connection",
        "0.000 err < lost",
        "0.000 out < again",
        "0.000 SEND2   connects",
        "0.000 SEND2 < LOGIN:ana:palabra larga",
        "0.000 SEND2 > OK;ana;wachat/1␊",
        "0.000 SEND2 < SEND;m-9;luis;hola",
        "0.000 SEND2   the judge does not answer",
        "0.000 SEND2 < PING",
        "0.000 SEND2 > OK␊",
        "0.000 out < ignored",
        "0.000      the server closes all connections KO;SHUTDOWN;bye",
        "0.000 out < end",
        "0.000      the server goes away",
        "0.000      the server is back",
        "0.000      the server closes every connection",
        "0.000      the client is killed",
        "0.000 in   the end of its input",
    ];
    for place in ["     ", " RECV1 ", " in ", " SEND1 ", " SEND2 ", " out ", " err "] {
        // The ends of connections come when their threads notice them.
        let is_of = |moment: &&str| moment[5..].starts_with(place) && !moment.ends_with("the end of the connection");
        let came: Vec<_> = moments.iter().map(String::as_str).filter(is_of).collect();
        let expected: Vec<_> = expected.iter().copied().filter(is_of).collect();
        assert_eq!(came, expected, "{moments:#?}");
    }
}
