//! The steps about a client's requests: what they accept and refuse, and how they answer.

use std::time::{Duration, Instant};

use super::puppet::{Puppet, Run, ask, play};
use super::{LONG, START, assert_passed, failure, side_by_side};
use crate::support::Connection;

/// Logs in on SEND, and sends lines without waiting for replies; then waits.
fn sends(puppet: &mut Puppet, lines: &[&str]) -> Option<()> {
    let run = puppet.run()?;
    let mut connection = run.log_in("SEND")?;
    lines.iter().try_for_each(|line| connection.try_send(format!("{line}\n")).ok())?;
    puppet.wait_for_the_end()
}

#[test]
fn each_request_of_a_verb_is_compared_with_the_next_step() {
    const PATTERN: &str = "SEND;<id>;luis;\"uno; dos\"";
    let steps = format!("take SEND\nrun\nSEND < {PATTERN}\nSEND ok\nSEND < READ;luis;0");
    let first = &*format!("SEND < {PATTERN}");
    let second = "SEND < READ;luis;0";
    let whole = "SEND;m-1;luis;\"uno; dos\"";
    let long = format!("SEND;m-1;luis;{}", "x".repeat(300));
    let cut = format!("{}… (314 bytes)", &long[..200]);
    let nothing = "nothing in time";
    let cases: [(&[&str], &str, &str); 14] = [
        (&["SEND;m-1;eva;\"uno; dos\""], first, "SEND;m-1;eva;\"uno; dos\""),
        (&["SEND;m-1;luis;uno"], first, "SEND;m-1;luis;uno"),
        (&["SEND;m 1;luis;\"uno; dos\""], first, "SEND;m 1;luis;\"uno; dos\""),
        (&["SEND;m-1;luis"], first, "SEND;m-1;luis"),
        (&["SEND;m-1;luis;uno; dos"], first, "SEND;m-1;luis;uno; dos"),
        (&["SEND;m-1;luis;\"uno"], first, "SEND;m-1;luis;\"uno"),
        (&[&long], first, &cut),
        // Another verb is answered by the small server.
        (&["PING"], first, nothing),
        (&["READ;luis;0", whole], second, nothing),
        (&[whole, "SEND;m-2;luis;x"], second, "SEND;m-2;luis;x"),
        (&["SEND;m-2;luis;x", whole], first, "SEND;m-2;luis;x"),
        // Quotes and capitals are as the client likes.
        (&["send;m-1;luis;\"uno; dos\""], second, nothing),
        (&["\"SEND\";\"m-1\";luis;\"uno; dos\""], second, nothing),
        (&["SEND;m-1;\"luis\";\"uno; dos\""], second, nothing),
    ];
    side_by_side(&cases, |&(lines, step, came)| {
        let said = failure(&play(&steps, START, |puppet| sends(puppet, lines)));
        assert_eq!([&*said.step, &said.expected, &said.came], [step, &step[7..], came], "{lines:?}");
    });
}

#[test]
fn a_poll_is_compared_by_its_number_alone_and_a_login_as_it_is() {
    let steps = "take POLL\ntake LOGIN\nrun\nLOGIN < LOGIN:ana:{password}\nLOGIN ok\nPOLL < POLL;0\nPOLL > OK;0\nPOLL < POLL;*\nPOLL ok";
    let outcome = play(steps, LONG, |puppet| {
        let run = puppet.run()?;
        let mut recv = run.connect("RECV")?;
        assert_eq!(ask(&mut recv, "LOGIN:ana:palabra larga")?, "OK;ana;wachat/1;0;judge");
        assert_eq!(ask(&mut recv, "POLL;0;9;100")?, "OK;0");
        assert_eq!(ask(&mut recv, "poll;*;0")?, "OK;0");
        Some(())
    });
    assert_passed(&outcome, "the number alone");
    let said = failure(&play("take LOGIN\nrun\nLOGIN < LOGIN:ana:{password}", LONG, |puppet| {
        let run = puppet.run()?;
        run.connect("SEND")?.try_send("REGISTER:ana:palabra larga\n").ok()?;
        puppet.wait_for_the_end()
    }));
    assert_eq!([&*said.expected, &said.came], ["LOGIN:ana:palabra larga", "REGISTER:ana:palabra larga"]);
}

/// Result of a SEND for its client: a reply, or the end; and for the PING after it.
fn answers(steps: &str, client: fn(&mut Connection, Option<String>) -> Option<()>) {
    let steps = format!("take SEND\nrun\nSEND < SEND;<id>;luis;hola\n{steps}");
    let outcome = play(&steps, LONG, |puppet| {
        let run = puppet.run()?;
        let mut connection = run.log_in("SEND")?;
        let reply = ask(&mut connection, "SEND;m-1;luis;hola");
        client(&mut connection, reply)?;
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, &steps);
}

#[test]
fn a_request_is_answered_as_its_step_says() {
    answers("SEND ok\nstored luis: hola\nexit 0", |connection, reply| {
        let reply = reply?;
        assert!(reply.starts_with("OK;m-1;RECEIVED;20") && reply.ends_with("Z;1"), "{reply}");
        assert_eq!(ask(connection, "PING")?, "OK");
        Some(())
    });
    answers("SEND > KO;FULL;<id> of {luis}\nexit 0\nstored nothing", |connection, reply| {
        assert_eq!((reply?, ask(connection, "PING")?), ("KO;FULL;m-1 of luis".to_owned(), "OK".to_owned()));
        Some(())
    });
    answers("SEND > OK;<id>;RECEIVED;<time>;7\nexit 0", |_, reply| {
        let reply = reply?;
        assert!(reply.starts_with("OK;m-1;RECEIVED;20") && reply.ends_with("Z;7"), "{reply}");
        Some(())
    });
    answers(r"SEND last> KO;SHUTDOWN;\x41\nhalf of <id>", |connection, reply| {
        assert_eq!(reply?, "KO;SHUTDOWN;A");
        assert_eq!(connection.try_read_line(), None, "no LF, and the end");
        Some(())
    });
    for (steps, stored) in
        [("SEND drop\nexit 0\nstored nothing", false), ("SEND lose\nstored luis: hola\nexit 0", true)]
    {
        answers(
            steps,
            if stored { |_, reply| reply.is_none().then_some(()) } else { |_, reply| reply.is_none().then_some(()) },
        );
    }
}

#[test]
fn a_request_that_is_ignored_stays_without_a_reply_on_a_connection_that_is_open() {
    let steps = "take SEND\nrun\nSEND < SEND;<id>;luis;hola\nSEND ignore\nwait 300\nstored nothing\nSEND < SEND;<id2>;luis;otra\nSEND ok\nexit 0\nstored luis: otra";
    let outcome = play(steps, LONG, |puppet| {
        let run = puppet.run()?;
        let mut connection = run.log_in("SEND")?;
        connection.try_send("SEND;m-1;luis;hola\nSEND;m-2;luis;otra\n").ok()?;
        assert!(connection.try_read_line()?.starts_with("OK;m-2;"), "the other one is answered");
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, "a reply that never comes");
}

#[test]
fn the_small_server_answers_again_what_is_released() {
    let steps =
        "take SEND\nrun\nSEND < SEND;<id>;luis;uno\nwait 200\nrelease SEND\nstored luis: uno\nstored luis: dos\nexit 0";
    let outcome = play(steps, LONG, |puppet| {
        let run = puppet.run()?;
        let mut one = run.log_in("SEND")?;
        let mut other = run.log_in("SEND")?;
        one.try_send("SEND;m-1;luis;uno\n").ok()?;
        std::thread::sleep(Duration::from_millis(50));
        other.try_send("SEND;m-2;luis;dos\n").ok()?;
        assert!(other.try_read_line()?.ends_with("Z;1"), "the one that still waits");
        drop(one);
        run.end("0");
        Some(())
    });
    // The step has taken the first one out of the queue: it waits for its answer.
    let said = failure(&outcome);
    assert_eq!([&*said.step, &said.expected, &said.came], ["stored luis: uno", "a SEND of luis: uno", "luis: dos"]);
}

#[test]
fn a_request_within_a_time_is_neither_late_nor_early_and_silence_is_none_of_the_verb() {
    fn after(puppet: &mut Puppet, pause: u64, line: &str) -> Option<()> {
        let run = puppet.run()?;
        let mut connection = run.log_in("SEND")?;
        ask(&mut connection, "PING")?;
        std::thread::sleep(Duration::from_millis(pause));
        connection.try_send(format!("{line}\n")).ok()?;
        puppet.wait_for_the_end()
    }
    let within = "take SEND\nrun\nlogin SEND\nSEND within 400 20000 < SEND;<id>;luis;hola";
    let at_once = "take SEND\nrun\nlogin SEND\nSEND within 0 400 < SEND;<id>;luis;hola";
    let silent = "take SEND\ntake READ\nrun\nlogin SEND\nSEND silent 800";
    let right = "SEND;m-1;luis;hola";
    let other = "SEND;m-1;eva;hola";
    let read = "READ;luis;0";
    let pattern = "SEND;<id>;luis;hola";
    let cases = [
        (within, 1000, right, None),
        (within, 0, right, Some(["SEND;<id>;luis;hola not before 400ms", "it after a while"])),
        (within, 1000, other, Some([pattern, other])),
        (at_once, 1500, right, Some([pattern, "nothing in time"])),
        (silent, 0, read, None),
        (silent, 1500, right, None),
        (silent, 0, right, Some(["no SEND for 800ms", right])),
    ];
    side_by_side(&cases, |&(steps, pause, line, says)| {
        let outcome = play(steps, LONG, |puppet| after(puppet, pause, line));
        let Some(says) = says else { return assert_passed(&outcome, line) };
        let said = failure(&outcome);
        let place = |step: &str| step.split(" <").next().map(str::to_owned);
        assert_eq!(place(&said.step), steps.lines().last().and_then(place));
        assert_eq!([&*said.expected, &said.came], says, "{steps}");
    });
}

#[test]
fn a_request_whose_connection_has_ended_waits_for_no_step() {
    let steps = "take SEND\nrun\nin go\nwait 300\nSEND < SEND;<id>;luis;dos\nSEND ok\nexit 0";
    let outcome = play(steps, LONG, |puppet| {
        let run = puppet.run()?;
        let mut recv = run.log_in("RECV")?;
        let mut first = run.log_in("SEND")?;
        first.try_send("SEND;m-1;luis;uno\n").ok()?;
        // The judge ends it with the others.
        assert_eq!(recv.try_read_line(), None);
        assert_eq!(first.try_read_line(), None);
        run.input.iter().next();
        ask(&mut run.log_in("SEND")?, "SEND;m-2;luis;dos")?;
        run.end("0");
        Some(())
    });
    let said = failure(&outcome);
    assert_eq!(said.came, "SEND;m-1;luis;uno", "as long as it is open");
    let outcome = play(&steps.replace("in go", "login RECV\nlogin SEND\nwait 300\ncut\nin go"), LONG, |puppet| {
        let run = puppet.run()?;
        let _recv = run.log_in("RECV")?;
        ask(&mut run.log_in("SEND")?, "SEND;m-1;luis;uno");
        ask(&mut run.log_in("SEND")?, "SEND;m-2;luis;dos")?;
        run.end("0");
        Some(())
    });
    assert_passed(&outcome, "the next connection");
}

#[test]
fn a_client_that_tries_its_device_first_logs_in_by_login_and_no_step_sees_the_difference() {
    let steps = "take LOGIN\nlogins KO;AUTH;no\nrun\nLOGIN < LOGIN:ana:{password}\nLOGIN > OK;ana;wachat/1;0;judge\nLOGIN silent 100";
    let outcome = play(steps, LONG, |puppet| {
        let run = puppet.run()?;
        assert!(ask(&mut run.connect("RECV")?, "DEVICE:lab:ana:palabra larga")?.starts_with("KO;SYNTAX;"));
        let mut recv = run.connect("RECV")?;
        assert_eq!(ask(&mut recv, "LOGIN:ana:palabra larga")?, "OK;ana;wachat/1;0;judge");
        assert!(ask(&mut recv, "KEY")?.starts_with("KO;SYNTAX;"), "there are no keys without devices");
        assert!(ask(&mut run.connect("SEND")?, "KEY:lab:ana:palabra larga")?.starts_with("KO;SYNTAX;"));
        std::thread::sleep(std::time::Duration::from_millis(200));
        Some(())
    });
    assert_passed(&outcome, "DEVICE is no login for the steps");
}

#[test]
fn logins_count_by_port_and_those_that_failed_do_not() {
    fn client(puppet: &mut Puppet, ports: &[&str], line: Option<&str>) -> Option<()> {
        let run = puppet.run()?;
        let mut open: Vec<_> = ports.iter().filter_map(|port| run.log_in(port)).collect();
        if let Some(line) = line {
            open.extend(run.connect("SEND").and_then(|mut connection| ask(&mut connection, line).map(|_| connection)));
        }
        puppet.wait_for_the_end()
    }
    let passes =
        |steps: &str, ports: &[&str]| assert_passed(&play(steps, LONG, |puppet| client(puppet, ports, None)), steps);
    passes("run\nlogin RECV\nlogin SEND\nlogin SEND", &["SEND", "SEND", "RECV"]);
    passes("run\nlogin SEND\nlogin RECV\nlogin RECV", &["RECV", "SEND", "RECV"]);
    side_by_side(
        &[
            ("run\nlogin RECV\nlogin SEND\nlogin SEND", &["RECV", "SEND"][..], None),
            ("run\nlogin SEND\nlogin RECV", &["SEND", "SEND"], None),
            ("run\nlogin RECV\nlogin SEND", &["RECV"], Some("LOGIN:ana:wrong")),
            ("run\nlogin RECV\nlogin SEND", &["RECV"], Some("LOGIN:luis:palabra larga")),
            ("run\nlogin RECV\nlogin SEND", &["RECV"], Some("REGISTER:ana:palabra larga")),
            ("run\nlogin RECV\nlogin SEND", &["RECV"], Some("PING")),
        ],
        |&(steps, ports, line)| {
            let said = failure(&play(steps, START, |puppet| client(puppet, ports, line)));
            let step = steps.lines().last().unwrap();
            let expected = format!("a login on the {} port", &step[6..]);
            assert_eq!(
                [&*said.step, &said.expected, &said.came],
                [step, &expected, "nothing in time"],
                "{ports:?} {line:?}"
            );
        },
    );
}

/// Counts how long a run lasts.
#[test]
fn connections_are_counted_in_a_time_from_the_step_on() {
    fn connects(puppet: &mut Puppet, before: usize, within: usize) -> Option<()> {
        let run = puppet.run()?;
        let open: Vec<_> = (0..before).filter_map(|_| run.log_in("SEND")).collect();
        run.input.recv().ok()?;
        std::thread::sleep(Duration::from_millis(150));
        let more: Vec<_> = (0..within)
            .filter_map(|number| Run::connect(&run, if number % 2 == 0 { "SEND" } else { "RECV" }))
            .collect();
        puppet.wait_for_the_end()?;
        (open.len() + more.len() > 0).then_some(())
    }
    let steps = |rest: &str| format!("run\nlogin SEND\nlogin SEND\nin go\nconnections {rest}");
    side_by_side(
        &[("0 0 in 500", 0), ("3 3 in 900", 3), ("1 5 in 900", 3), ("3 9 in 900", 3), ("1 3 in 900", 3)],
        |&(rest, within)| {
            let begin = Instant::now();
            assert_passed(&play(&steps(rest), LONG, |puppet| connects(puppet, 2, within)), rest);
            assert!(begin.elapsed() >= Duration::from_millis(500));
        },
    );
    side_by_side(
        &[("1 2 in 900", 0, "0"), ("4 9 in 900", 3, "3"), ("0 0 in 5000", 1, "1"), ("1 2 in 60000", 3, "3")],
        |&(rest, within, came)| {
            let said = failure(&play(&steps(rest), LONG, |puppet| connects(puppet, 2, within)));
            assert_eq!(said.came, format!("{came}, and perhaps more"), "{rest}");
            let (range, time) = rest.split_once(" in ").unwrap();
            assert_eq!(said.expected, format!("{} connections in {time} ms", range.replace(' ', " to ")));
        },
    );
}
