//! The steps about the server that the judge plays: its mailbox, its connections, and the way in which it writes.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use super::puppet::{Puppet, ask, ask_list, play};
use super::{LONG, assert_passed, failure};
use crate::support::Connection;
use crate::support::connection::without_times;

/// Plays steps that have to pass; what the client does ends with its exit code 0.
fn passes(steps: &str, client: impl FnOnce(&mut Puppet) -> Option<()> + Send) {
    let outcome = play(&format!("{steps}\nexit 0"), LONG, |puppet| {
        let done = client(puppet);
        // The last run of the client.
        puppet.end_last(if done.is_some() { "0" } else { "1" });
        done
    });
    assert_passed(&outcome, steps);
}

fn list(connection: &mut Connection, line: &str) -> Option<Vec<String>> {
    Some(ask_list(connection, line)?.iter().map(|line| without_times(line)).collect())
}

#[test]
fn events_get_the_numbers_of_one_sequence_and_come_until_they_are_acknowledged() {
    let steps = "event <a>;MSG;m-1;luis;ana;<time>;hola
        event 0;ONLINE;luis;<time>
        event <b>;GAP;#sala;1;<b>
        run
        event <c>;STATE;luis;READ;<a>;<time>
        event <a>;MSG;m-1;{luis};ana;<time>;hola";
    passes(
        &steps.replace("\n        event <a>;MSG;m-1;{luis}", "\nwait 1\n        event <d>;MSG;m-4;{luis}"),
        |puppet| {
            let run = puppet.run()?;
            let mut recv = run.log_in("RECV")?;
            let all = [
                "0;ONLINE;luis;<at>",
                "1;MSG;m-1;luis;ana;<at>;hola",
                "2;GAP;#sala;1;2",
                "3;STATE;luis;READ;1;<at>",
                "4;MSG;m-4;luis;ana;<at>;hola",
            ];
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(list(&mut recv, "POLL;0;0;2")?, all[..2], "at most two, those without a number first");
            assert_eq!(list(&mut recv, "POLL;0")?, all[1..], "what is not acknowledged comes again, the others do not");
            assert_eq!(list(&mut recv, "POLL;2;0")?, all[3..]);
            assert_eq!(list(&mut recv, "POLL;0;0")?, all[3..], "what is acknowledged does not come again");
            assert!(ask(&mut recv, "POLL;5;0")?.starts_with("KO;SEQ;"), "above the last number");
            assert_eq!(list(&mut recv, "POLL;*;0")?, Vec::<String>::new());
            assert_eq!(ask(&mut run.connect("RECV")?, "LOGIN:ana:palabra larga")?, "OK;ana;wachat/1;5;judge");
            Some(())
        },
    );
}

#[test]
fn a_poll_waits_for_the_next_event_and_no_longer_than_it_says() {
    passes("run\nlogin RECV\nwait 400\nevent <a>;MSG;m-1;luis;ana;<time>;hola", |puppet| {
        let run = puppet.run()?;
        let mut recv = run.log_in("RECV")?;
        let begin = Instant::now();
        assert_eq!(list(&mut recv, "POLL;0;9")?, ["1;MSG;m-1;luis;ana;<at>;hola"]);
        assert!(begin.elapsed() < Duration::from_secs(8), "it comes at once");
        let begin = Instant::now();
        assert_eq!(ask(&mut recv, "POLL;1;1")?, "OK;0");
        assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
        Some(())
    });
}

#[test]
fn what_is_forgotten_comes_again_with_the_acknowledged_number_of_before() {
    passes(
        "event <a>;MSG;m-1;luis;ana;<time>;uno\nevent <b>;MSG;m-2;luis;ana;<time>;dos\nrun\nin go\nforget\nin go",
        |puppet| {
            let run = puppet.run()?;
            let mut recv = run.log_in("RECV")?;
            run.input.recv().ok()?;
            run.input.recv().ok()?;
            assert_eq!(list(&mut recv, "POLL;0;0")?.len(), 2);
            assert_eq!(list(&mut recv, "POLL;2;0")?.len(), 0);
            Some(())
        },
    );
    passes("event <a>;MSG;m-1;luis;ana;<time>;uno\nrun\nlogin RECV\nwait 300\nforget\nin go", |puppet| {
        let run = puppet.run()?;
        let mut recv = run.log_in("RECV")?;
        assert_eq!(list(&mut recv, "POLL;1;0")?.len(), 0);
        run.input.recv().ok()?;
        assert_eq!(ask(&mut run.connect("RECV")?, "LOGIN:ana:palabra larga")?, "OK;ana;wachat/1;0;judge");
        assert_eq!(list(&mut run.log_in("RECV")?, "POLL;0;0")?.len(), 1);
        Some(())
    });
}

#[test]
fn what_is_stored_is_told_in_its_order_and_what_is_read_by_conversation() {
    let steps = "event <a>;MSG;m-1;luis;ana;<time>;hola\nrun\nin go\nstored luis: uno\nstored eva: dos\nstored #sala: tres\nstored ana: cuatro\nout done\nin go";
    fn client(puppet: &mut Puppet) -> Option<()> {
        let mut run = puppet.run()?;
        run.input.recv().ok()?;
        let mut send = run.log_in("SEND")?;
        for line in [
            "SEND;a;luis;uno",
            "SEND;a;luis;uno",
            "SEND;b;eva;dos",
            "SEND;a;luis;otra",
            "SEND;c;#sala;tres",
            "SEND;d;ana;cuatro",
        ] {
            ask(&mut send, line)?;
        }
        assert_eq!(ask(&mut send, "READ;luis;1")?, "OK");
        assert_eq!(ask(&mut send, "READ;luis;0")?, "OK");
        run.say("done");
        run.input.recv().ok()?;
        Some(())
    }
    passes(&format!("{steps}\nstored nothing\nunread luis 2\nunread eva <a>"), client);
    for (step, expected, came) in [
        ("unread luis <a>", "no READ;luis 1", "READ;luis;1"),
        ("unread luis 1", "no READ;luis 1", "READ;luis;1"),
        ("stored luis: cinco", "a SEND of luis: cinco", "the client ends with exit code 0"),
    ] {
        let outcome = play(&format!("{steps}\n{step}"), LONG, |puppet| {
            let done = client(puppet);
            puppet.end_last("0");
            done
        });
        let said = failure(&outcome);
        assert_eq!([&*said.expected, &said.came], [expected, came], "{step}");
    }
    let early = steps.replace("\nstored ana: cuatro", "").replace("stored eva: dos", "stored luis: dos");
    let said = failure(&play(&early, LONG, client));
    assert_eq!([&*said.expected, &said.came], ["a SEND of luis: dos", "eva: dos"]);
    let rest = steps.replace("stored ana: cuatro\nout done\nin go", "out done\nstored nothing");
    let said = failure(&play(&rest, LONG, client));
    assert_eq!([&*said.step, &said.expected, &said.came], ["stored nothing", "no further message", "ana: cuatro"]);
}

#[test]
fn replies_are_written_in_the_way_of_the_last_step() {
    let ways = [("whole", "OK"), ("crlf", "OK\r"), ("more", "OK;of a later version"), ("whole", "OK"), ("bytes", "OK")];
    let steps: String = ways.iter().map(|(way, _)| format!("write {way}\nin go\nout done\n")).collect();
    passes(&format!("run\n{}", steps.trim_end()), |puppet| {
        let mut run = puppet.run()?;
        for (way, reply) in ways {
            run.input.recv().ok()?;
            assert_eq!(ask(&mut run.log_in("SEND")?, "PING")?, reply, "{way}");
            run.say("done");
        }
        Some(())
    });
}

#[test]
fn events_are_written_in_each_way_to_their_last_byte() {
    for (way, login, head, events) in [
        ("whole", "OK;ana;wachat/1;0;judge", "OK;1", "1;MSG;m-1;luis;ana;<at>;ñandú"),
        ("bytes", "OK;ana;wachat/1;0;judge", "OK;1", "1;MSG;m-1;luis;ana;<at>;ñandú"),
        ("halves", "OK;ana;wachat/1;0;judge", "OK;1", "1;MSG;m-1;luis;ana;<at>;ñandú"),
        ("crlf", "OK;ana;wachat/1;0;judge\r", "OK;1\r", "1;MSG;m-1;luis;ana;<at>;ñandú\r"),
        (
            "more",
            "OK;ana;wachat/1;0;judge;of a later version",
            "OK;1;of a later version",
            "1;MSG;m-1;luis;ana;<at>;ñandú;of a later version",
        ),
    ] {
        passes(&format!("write {way}\nevent <a>;MSG;m-1;luis;ana;<time>;ñandú\nrun"), |puppet| {
            let run = puppet.run()?;
            let mut recv = run.connect("RECV")?;
            assert_eq!(ask(&mut recv, "LOGIN:ana:palabra larga")?, login);
            let begin = Instant::now();
            assert_eq!(ask(&mut recv, "POLL;0;0")?, head);
            assert_eq!(without_times(&recv.try_read_line()?), events);
            // 50 bytes by themselves, with a pause in each character of two; or one pause in the middle.
            let least = match way {
                "bytes" => 160,
                "halves" => 55,
                _ => 0,
            };
            assert!(begin.elapsed() >= Duration::from_millis(least), "{way}: {:?}", begin.elapsed());
            Some(())
        });
    }
}

#[test]
fn a_reply_in_halves_comes_in_two_pieces() {
    passes("write halves\nrun", |puppet| {
        let run = puppet.run()?;
        let mut stream = std::net::TcpStream::connect(run.port("SEND")).ok()?;
        stream.set_read_timeout(Some(LONG)).ok()?;
        // A busy reader may find both at once.
        let mut pieces = |line: &str, length: usize| {
            stream.write_all(line.as_bytes()).ok()?;
            let mut read = 0;
            let mut pieces = 0;
            let mut buffer = [0; 100];
            while read < length {
                read += stream.read(&mut buffer).ok()?;
                pieces += 1;
            }
            Some(pieces)
        };
        pieces("LOGIN:ana:palabra larga\n", "OK;ana;wachat/1\n".len())?;
        (0..20).find(|_| pieces("PING\n", 3) == Some(2)).map(drop)
    });
}

#[test]
fn a_cut_ends_all_connections_with_its_line_and_later_ones_are_served() {
    for (step, last) in [("cut", None), ("cut KO;AUTH;closed by a LOGOUT", Some("KO;AUTH;closed by a LOGOUT"))] {
        passes(&format!("run\nlogin SEND\nlogin RECV\nwait 100\n{step}"), |puppet| {
            let run = puppet.run()?;
            let mut silent = run.connect("SEND")?;
            let mut send = run.log_in("SEND")?;
            let mut recv = run.log_in("RECV")?;
            recv.try_send("POLL;0;9\n").ok()?;
            for connection in [&mut send, &mut recv, &mut silent] {
                assert_eq!(connection.try_read_line().as_deref(), last);
                assert_eq!(connection.try_read_line(), None);
            }
            assert_eq!(ask(&mut run.log_in("SEND")?, "PING")?, "OK");
            Some(())
        });
    }
}

#[test]
fn nobody_listens_where_the_server_is_away_and_it_is_back_on_the_same_ports() {
    passes("run\nlogin SEND\nlogin RECV\naway\nin away\nout nobody\nback\nin back", |puppet| {
        let mut run = puppet.run()?;
        let mut send = run.log_in("SEND")?;
        let mut recv = run.log_in("RECV")?;
        assert_eq!((send.try_read_line(), recv.try_read_line()), (None, None));
        assert_eq!(run.input.recv().ok()?, "away");
        assert!(run.connect("SEND").is_none() && run.connect("RECV").is_none());
        run.say("nobody");
        assert_eq!(run.input.recv().ok()?, "back");
        assert!(run.log_in("SEND").is_some() && run.log_in("RECV").is_some());
        Some(())
    });
}

#[test]
fn a_server_that_closes_ends_each_connection_and_counts_it() {
    let steps = "run\nlogin SEND\nclosing\nin closing\nconnections 3 3 in 1500\nback\nin back\nlogin RECV";
    passes(steps, |puppet| {
        let run = puppet.run()?;
        assert_eq!(run.log_in("SEND")?.try_read_line(), None);
        assert_eq!(run.input.recv().ok()?, "closing");
        std::thread::sleep(Duration::from_millis(200));
        for port in ["SEND", "RECV", "SEND"] {
            let mut connection = run.connect(port)?;
            assert_eq!(ask(&mut connection, "LOGIN:ana:palabra larga"), None);
        }
        assert_eq!(run.input.recv().ok()?, "back");
        run.log_in("RECV").map(drop)
    });
}

#[test]
fn every_login_is_refused_with_the_line_of_the_step() {
    passes("logins KO;AUTH;no such user\nrun", |puppet| {
        let run = puppet.run()?;
        for port in ["SEND", "RECV"] {
            let mut connection = run.connect(port)?;
            assert_eq!(ask(&mut connection, "LOGIN:ana:palabra larga")?, "KO;AUTH;no such user");
            assert_eq!(connection.try_read_line(), None);
        }
        Some(())
    });
}

#[test]
fn ids_differ_or_do_not() {
    fn client(puppet: &mut Puppet, other: &str) -> Option<()> {
        let mut send = puppet.run()?.log_in("SEND")?;
        send.try_send(format!("SEND;m-1;luis;hola\nSEND;{other};luis;hola\n")).ok()?;
        puppet.wait_for_the_end()
    }
    let steps = "take SEND\nrun\nSEND < SEND;<id>;luis;hola\nSEND ok\nSEND < SEND;<id2>;luis;hola\ndiffer <id> <id2>";
    assert_passed(&play(steps, LONG, |puppet| client(puppet, "m-2")), "two ids");
    let said = failure(&play(steps, LONG, |puppet| client(puppet, "m-1")));
    assert_eq!([&*said.step, &said.expected, &said.came], ["differ m-1 m-1", "two ids that differ", "m-1 m-1"]);
}
