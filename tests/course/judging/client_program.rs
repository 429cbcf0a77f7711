//! The steps about the client's program: its input, output, environment and end.

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::puppet::{Puppet, Run, play};
use super::{LONG, START, Said, assert_passed, failure, side_by_side};

type Client = fn(&mut Puppet) -> Option<()>;

fn says(steps: &str, patience: Duration, client: Client) -> Said {
    failure(&play(steps, patience, client))
}

#[test]
fn the_client_finds_its_settings_in_the_environment_and_the_same_home_at_each_run() {
    fn check(run: &Run, password: &str) -> String {
        for (name, value) in [("WACHAT_SERVER", "127.0.0.1"), ("WACHAT_USER", "ana"), ("WACHAT_PASSWORD", password)] {
            assert_eq!(run.environment[name], value, "{name}");
        }
        assert_ne!(run.port("SEND"), run.port("RECV"));
        run.log_in("SEND").and(run.log_in("RECV")).expect("both ports are open");
        run.environment["WACHAT_HOME"].clone()
    }
    let outcome = play("run\nexit 0\nrun\nexit 0\npassword other: words\nrun\nexit 0", LONG, |puppet| {
        let run = puppet.run()?;
        let home = check(&run, "palabra larga");
        assert_eq!(std::fs::read_dir(&home).expect("a home").count(), 0);
        std::fs::write(Path::new(&home).join("file"), "x").expect("to write");
        run.end("0");
        let run = puppet.run()?;
        assert_eq!(check(&run, "palabra larga"), home);
        assert!(Path::new(&home).join("file").exists());
        run.end("0");
        let run = puppet.run()?;
        assert_eq!(check(&run, "other: words"), home);
        run.end("0");
        puppet.wait_for_the_end()?;
        assert!(!Path::new(&home).exists(), "the judge leaves nothing behind");
        Some(())
    });
    assert_passed(&outcome, "a client with its settings");
}

#[test]
fn the_clients_input_is_what_the_steps_write_and_ends_where_they_say() {
    let outcome = play(
        "run\nin @luis: hola\nrepeat 3 in @{eva}: number {i}; \\n \"x\"\nin {long text}\nend of input\nexit 0",
        LONG,
        |puppet| {
            let run = puppet.run()?;
            let lines: Vec<_> = run.input.iter().collect();
            let eva = (1..=3).map(|number| format!("@eva: number {number}; \\n \"x\""));
            let mut expected = vec!["@luis: hola".to_owned()];
            expected.extend(eva);
            expected.push("x".repeat(50_000));
            run.end(if lines == expected { "0" } else { "1" });
            Some(())
        },
    );
    assert_passed(&outcome, "all lines, as they are");
}

/// Writes these lines, those with a `!` on the standard error, and ends with the input.
fn writes(puppet: &mut Puppet, lines: &[&str]) -> Option<()> {
    let mut run = puppet.run()?;
    for line in lines {
        match line.strip_prefix('!') {
            Some(line) => run.warn(line),
            None => run.say(line),
        }
        // The two outputs arrive in the order in which they were written.
        thread::sleep(Duration::from_millis(60));
    }
    run.input.iter().for_each(drop);
    run.end("0");
    Some(())
}

#[test]
fn each_line_of_output_is_seen_once_in_order_and_by_its_end() {
    let end = "\nend of input\nexit 0";
    side_by_side(
        &[
            ("run\nout luis: hola\nout eva: hola", &["12:30 luis: hola", "something else", "eva: hola"][..]),
            ("run\nout luis: hola\nout luis: hola", &["luis: hola", "luis: hola"]),
            ("run\nout a\nonce a\nout b\nonce b", &["a", "b"]),
            ("run\nout luis: hola", &["luis: hola   "]),
        ],
        |&(steps, lines)| {
            assert_passed(&play(&format!("{steps}{end}"), LONG, |puppet| writes(puppet, lines)), steps);
        },
    );
    let line = |text: &str| format!("a line of output that ends with {text}");
    let one = |text: &str| format!("one line of output that ends with {text}");
    let nothing = "nothing in time";
    let long = "x".repeat(300);
    side_by_side(
        &[
            ("run\nout luis: hola", &["luis: hol", "luis: hola!"][..], "out luis: hola", line("luis: hola"), nothing),
            ("run\nout a\nout a", &["a"], "out a", line("a"), nothing),
            ("run\nout b\nout a", &["a", "b"], "out a", line("a"), nothing),
            ("run\nout a", &["!a"], "out a", line("a"), nothing),
            ("run\nout b\nonce a", &["a", "a", "b"], "once a", one("a"), "2 such lines"),
            ("run\nout b\nonce a", &["!a", "b"], "once a", one("a"), "0 such lines"),
            (
                &format!("run\nout {long}"),
                &["a"],
                &format!("out {long}"),
                line(&format!("{}… (300 bytes)", &long[..200])),
                nothing,
            ),
        ],
        |(steps, lines, step, expected, came)| {
            let said = failure(&play(steps, START, |puppet| writes(puppet, lines)));
            assert_eq!([&*said.step, &said.expected, &said.came], [*step, expected.as_str(), *came]);
        },
    );
}

#[test]
fn anything_for_the_user_since_the_last_answer_counts_on_either_output() {
    const STEPS: &str = "take SEND\nrun\nSEND < SEND;<id>;luis;hola\nSEND > KO;NO_USER;there is no such user\nsaid\nend of input\nexit 0";
    fn client(puppet: &mut Puppet, before: bool, behind: Option<bool>) -> Option<()> {
        let mut run = puppet.run()?;
        if before {
            run.say("a line before");
            thread::sleep(Duration::from_millis(200));
        }
        super::puppet::ask(&mut run.log_in("SEND")?, "SEND;m-1;luis;hola")?;
        match behind {
            Some(true) => run.warn("no such user"),
            Some(false) => run.say("no such user"),
            None => {}
        }
        run.input.iter().for_each(drop);
        run.end("0");
        Some(())
    }
    assert_passed(&play(STEPS, LONG, |puppet| client(puppet, true, Some(true))), "on the standard error");
    assert_passed(&play(STEPS, LONG, |puppet| client(puppet, false, Some(false))), "on the standard output");
    let said = says(STEPS, START, |puppet| client(puppet, true, None));
    let expected = "a line for the user, on standard output or standard error";
    assert_eq!([&*said.step, &said.expected, &said.came], ["said", expected, "nothing in time"]);
}

fn ends(puppet: &mut Puppet, code: &str) -> Option<()> {
    puppet.run()?.end(code);
    Some(())
}

#[test]
fn an_exit_code_is_zero_or_not_and_a_killed_client_has_none() {
    side_by_side(&[("run\nexit 0", "0"), ("run\nexit not 0", "1"), ("run\nexit not 0", "101")], |&(steps, code)| {
        assert_passed(&play(steps, LONG, |puppet| ends(puppet, code)), steps);
    });
    side_by_side(
        &[
            ("run\nexit 0", "3", "the client ends with exit code 3"),
            ("run\nexit not 0", "0", "the client ends with exit code 0"),
            ("run\nexit 0", "killed", "the client is killed"),
            ("run\nexit not 0", "killed", "the client is killed"),
        ],
        |&(steps, code, came)| {
            let step = &steps[4..];
            let said = failure(&play(steps, LONG, |puppet| ends(puppet, code)));
            let expected = format!("the end of the client, with exit code {}", &step[5..]);
            assert_eq!([&*said.step, &said.expected, &said.came], [step, &expected, came]);
        },
    );
    let said = says("run\nexit 0", START, |puppet| puppet.run().and_then(|_run| puppet.wait_for_the_end()));
    assert_eq!([&*said.step, &said.came], ["exit 0", "nothing in time"]);
}

#[test]
fn a_step_does_not_wait_for_a_client_that_has_ended() {
    side_by_side(
        &[
            ("out luis: hola", "a line of output that ends with luis: hola"),
            ("said", "a line for the user, on standard output or standard error"),
            ("login RECV", "a login on the RECV port"),
            ("SEND < SEND;<id>;luis;hola", "SEND;<id>;luis;hola"),
            ("stored luis: hola", "a SEND of luis: hola"),
            ("connections 1 2 in 60000", "further attempts to connect"),
        ],
        |&(step, expected)| {
            let said = failure(&play(&format!("run\n{step}"), Duration::from_secs(60), |puppet| ends(puppet, "4")));
            assert_eq!([&*said.step, &said.expected], [step, expected]);
            assert_eq!(said.came, "the client ends with exit code 4");
            assert!(
                said.moments.contains(&"0.000      the client ends with exit code 4".to_owned()),
                "{:?}",
                said.moments
            );
        },
    );
}

#[test]
fn a_killed_client_ends_with_all_that_it_has_started_and_can_be_started_again() {
    let outcome = play("run\nout ready\nkill\nrun\nout again\nkill\nkill\nrun\nexit 0\nkill", LONG, |puppet| {
        let mut run = puppet.run()?;
        let mut connection = run.log_in("RECV")?;
        run.say("ready");
        assert_eq!(connection.try_read_line(), None, "its connections are closed");
        // The pipe ends when no process of the client is left.
        run.input.iter().for_each(drop);
        let mut again = puppet.run()?;
        again.say("again");
        ends(puppet, "0")
    });
    assert_passed(&outcome, "a client that was killed twice");
}

#[test]
fn blocked_output_is_not_read_until_the_client_is_killed() {
    let outcome = play(
        "run\nout first\nkill\nblocked\nrun\nin go\nwait 2500\nkill\nrun\nout third\nend of input\nexit 0",
        LONG,
        |puppet| {
            puppet.run()?.say("first");
            let mut blocked = puppet.run()?;
            blocked.input.iter().next()?;
            // Two pipes, and what cat holds: some hundred KiB fit.
            let (done, is_done) = std::sync::mpsc::channel();
            thread::spawn(move || {
                (0..40).for_each(|_| blocked.say(&"x".repeat(30_000)));
                let _ = done.send(());
            });
            assert!(is_done.recv_timeout(Duration::from_millis(300)).is_err(), "the pipe is full");
            writes(puppet, &["third"])
        },
    );
    assert_passed(&outcome, "read again after the kill");
}
