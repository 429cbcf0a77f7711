//! Answers of a server that the steps accept, and those that they refuse: each deviation is named at its step, with
//! what came in its place.

use std::thread;
use std::time::Duration;

use super::small_server::{AT, Answer, Asked, SmallServer};
use super::{LONG, SHORT, assert_passed, failure, play};

/// Steps, what is changed in the small server, and what the failure says; `None`: they pass.
struct Case {
    steps: &'static str,
    change: fn(&Asked, &mut Answer),
    says: Option<[&'static str; 3]>,
}

fn passes(steps: &'static str, change: fn(&Asked, &mut Answer)) -> Case {
    Case { steps, change, says: None }
}

fn fails(steps: &'static str, change: fn(&Asked, &mut Answer), says: [&'static str; 3]) -> Case {
    Case { steps, change, says: Some(says) }
}

/// Plays all cases side by side: most of their time is waiting.
fn check(cases: &[Case], patience: Duration) {
    thread::scope(|scope| cases.iter().for_each(|case| _ = scope.spawn(move || check_one(case, patience))));
}

fn check_one(case: &Case, patience: Duration) {
    let server = SmallServer::but(case.change);
    let outcome = play(&server.with_patience(patience), case.steps);
    let Some([step, expected, came]) = case.says else { return assert_passed(&outcome, case.steps) };
    let said = failure(&outcome);
    assert_eq!([&*said.step, &said.expected, &said.came], [step, expected, came], "{}", case.steps);
}

fn honest(_: &Asked, _: &mut Answer) {}

/// Changes the answer to requests with this verb.
fn to(verb: &str, asked: &Asked, answer: &mut Answer, change: impl Fn(&mut Answer)) {
    if asked.text.split([';', ':']).next() == Some(verb) {
        change(answer);
    }
}

#[test]
fn each_changed_field_of_a_reply_is_refused_at_its_step() {
    const STEPS: &str =
        "users ana\nA login SEND ana\nA > SEND;m-1;{ana};hola\nA < OK;m-1;RECEIVED;<time>;<n>\nA > PING\nA < OK";
    let fields = ["OK", "m-1", "RECEIVED", AT, "1"];
    let whole = |fields: &[&str]| fields.join(";");
    let mut lines = vec![String::new(), whole(&[fields.as_slice(), &["more"]].concat())];
    for place in 0..fields.len() {
        let mut others = vec![fields.to_vec(); 6];
        others[0].remove(place);
        others[1].insert(place, fields[place]);
        let changed = format!("{}~", fields[place]);
        let lower = fields[place].to_lowercase();
        (others[2][place], others[3][place]) = ("", &changed);
        if lower != fields[place] {
            others[4][place] = &lower;
        }
        others[5].swap(place, (place + 1) % fields.len());
        lines.extend(others.iter().filter(|other| **other != fields).map(|other| whole(other)));
    }
    assert!(lines.len() > 25);
    for line in lines {
        let reply = line.clone();
        let server = SmallServer::but(move |asked, answer| {
            if asked.text.starts_with("SEND") {
                answer.say(&reply);
            }
        });
        let said = failure(&play(&server.with_patience(LONG), STEPS));
        let pattern = "OK;m-1;RECEIVED;<time>;<n>";
        assert_eq!([&*said.step, &said.expected, &said.came], [&format!("A < {pattern}"), pattern, &line]);
        let last = format!("0.000  A < {line}");
        assert_eq!(said.moments.last(), Some(&last), "nothing is sent after it");
    }
    assert_passed(&play(&SmallServer::honest().with_patience(LONG), STEPS), "the honest reply");
}

#[test]
fn what_comes_in_the_place_of_a_line_is_named() {
    const STEPS: &str = "users ana\nA login SEND ana\nA > PING\nA < OK";
    let says = |came| ["A < OK", "OK", came];
    check(
        &[
            passes(STEPS, |asked, answer| to("PING", asked, answer, |answer| answer.bytes = b"OK\r\n".to_vec())),
            fails(
                STEPS,
                |asked, answer| to("PING", asked, answer, |answer| answer.say("KO;INTERNAL;no")),
                says("KO;INTERNAL;no"),
            ),
            fails(
                STEPS,
                |asked, answer| to("PING", asked, answer, |answer| answer.end()),
                says("the end of the connection"),
            ),
            fails(
                STEPS,
                |asked, answer| {
                    to("PING", asked, answer, |answer| (answer.bytes, answer.ends) = (b"OK".to_vec(), true))
                },
                says("the end of the connection"),
            ),
            fails(
                STEPS,
                |asked, answer| to("PING", asked, answer, |answer| answer.bytes = b"O\xffK\n".to_vec()),
                says("a line that is no UTF-8"),
            ),
            fails(
                STEPS,
                |asked, answer| to("PING", asked, answer, |answer| answer.bytes = vec![b'x'; 70_000]),
                says("a line of more than 65,536 bytes"),
            ),
            fails(STEPS, |asked, answer| to("PING", asked, answer, |answer| answer.say("")), says("")),
        ],
        LONG,
    );
    check(
        &[
            fails(
                STEPS,
                |asked, answer| to("PING", asked, answer, |answer| answer.bytes.clear()),
                says("nothing in time"),
            ),
            fails(
                STEPS,
                |asked, answer| to("PING", asked, answer, |answer| answer.bytes = b"OK".to_vec()),
                says("nothing in time"),
            ),
        ],
        SHORT,
    );
}

#[test]
fn an_account_is_one_when_its_reply_says_so() {
    const STEPS: &str = "users ana\nA login SEND ana\nA > PING\nA < OK";
    let says = |came| ["users ana", "OK;ana;wachat/1", came];
    check(
        &[
            fails(
                STEPS,
                |asked, answer| to("REGISTER", asked, answer, |answer| answer.edit("ana", "luis")),
                says("OK;luis;wachat/1"),
            ),
            fails(
                STEPS,
                |asked, answer| to("REGISTER", asked, answer, |answer| answer.edit("/1", "/2")),
                says("OK;ana;wachat/2"),
            ),
            fails(
                STEPS,
                |asked, answer| to("REGISTER", asked, answer, |answer| answer.edit("/1", "/1;0;s")),
                says("OK;ana;wachat/1;0;s"),
            ),
            fails(STEPS, |asked, answer| to("REGISTER", asked, answer, |answer| answer.say("OK")), says("OK")),
            fails(
                STEPS,
                |asked, answer| to("REGISTER", asked, answer, |answer| answer.say("KO;CLOSED;no")),
                says("KO;CLOSED;no"),
            ),
            fails(
                STEPS,
                |asked, answer| to("REGISTER", asked, answer, |answer| answer.end()),
                says("the end of the connection"),
            ),
            passes(STEPS, |asked, answer| to("LEAVE", asked, answer, |answer| answer.say("OK"))),
            passes(STEPS, |asked, answer| to("LEAVE", asked, answer, |answer| answer.say("KO;SYNTAX;no rooms here"))),
            passes(STEPS, |asked, answer| to("LEAVE", asked, answer, |answer| answer.end())),
        ],
        LONG,
    );
}

#[test]
fn a_login_has_the_reply_of_its_port() {
    const SEND: &str = "users ana\nA login SEND ana\nA > PING\nA < OK";
    const RECV: &str = "users ana\nA login RECV ana\nA > PING\nA < OK";
    let on_send = |came| ["A login SEND ana", "OK;ana;wachat/1", came];
    let on_recv = |came| ["A login RECV ana", "OK;ana;wachat/1;<any>;<any>", came];
    check(
        &[
            passes(SEND, honest),
            passes(RECV, honest),
            passes(RECV, |asked, answer| to("LOGIN", asked, answer, |answer| answer.edit(";0;", ";17;"))),
            fails(
                SEND,
                |asked, answer| to("LOGIN", asked, answer, |answer| answer.edit("/1", "/1;0;s")),
                on_send("OK;ana;wachat/1;0;s"),
            ),
            fails(
                SEND,
                |asked, answer| to("LOGIN", asked, answer, |answer| answer.edit("ana", "Ana")),
                on_send("OK;Ana;wachat/1"),
            ),
            fails(
                SEND,
                |asked, answer| to("LOGIN", asked, answer, |answer| answer.say("KO;AUTH;no")),
                on_send("KO;AUTH;no"),
            ),
            fails(
                RECV,
                |asked, answer| to("LOGIN", asked, answer, |answer| answer.edit(";0;store1", "")),
                on_recv("OK;ana;wachat/1"),
            ),
            fails(
                RECV,
                |asked, answer| to("LOGIN", asked, answer, |answer| answer.edit(";store1", "")),
                on_recv("OK;ana;wachat/1;0"),
            ),
            fails(
                RECV,
                |asked, answer| to("LOGIN", asked, answer, |answer| answer.edit("wachat/1", "wachat")),
                on_recv("OK;ana;wachat;0;store1"),
            ),
            fails(
                RECV,
                |asked, answer| to("LOGIN", asked, answer, |answer| answer.edit("store1", "a;b")),
                on_recv("OK;ana;wachat/1;0;a;b"),
            ),
        ],
        LONG,
    );
}

#[test]
fn a_line_within_a_time_is_neither_late_nor_early() {
    const STEPS: &str = "users ana\nA login SEND ana\nA > PING\nA within 400 20000 < OK";
    const AT_ONCE: &str = "users ana\nA login SEND ana\nA > PING\nA within 0 700 < OK";
    let late = |asked: &Asked, answer: &mut Answer| {
        to("PING", asked, answer, |answer| answer.pause = Duration::from_millis(1500))
    };
    check(
        &[
            passes(STEPS, late),
            fails(STEPS, honest, ["A within 400 20000 < OK", "OK not before 400ms", "it after a while"]),
            fails(
                STEPS,
                |asked, answer| {
                    to("PING", asked, answer, |answer| {
                        (answer.pause, answer.bytes) = (Duration::from_millis(600), b"KO;X;y\n".to_vec())
                    })
                },
                ["A within 400 20000 < OK", "OK", "KO;X;y"],
            ),
            fails(
                STEPS,
                |asked, answer| to("PING", asked, answer, |answer| answer.end()),
                ["A within 400 20000 < OK", "OK", "the end of the connection"],
            ),
            fails(AT_ONCE, late, ["A within 0 700 < OK", "OK", "nothing in time"]),
        ],
        LONG,
    );
}

#[test]
fn an_end_is_an_end_and_silence_is_silence() {
    const CLOSED: &str = "users ana\nA login SEND ana\nA > QUIT\nA < OK\nA closed\nB login SEND ana\nB > PING\nB < OK";
    const SILENT: &str = "users ana\nA login SEND ana\nA > PING\nA silent 900\nA < OK";
    fn to_quit(asked: &Asked, answer: &mut Answer, bytes: &str, ends: bool) {
        if asked.text == "QUIT" {
            (answer.bytes, answer.ends) = (bytes.as_bytes().to_vec(), ends);
        }
    }
    let end = "the end of the connection";
    check(
        &[
            passes(CLOSED, honest),
            fails(CLOSED, |asked, answer| to_quit(asked, answer, "OK\nOK\n", true), ["A closed", end, "OK"]),
            fails(CLOSED, |asked, answer| to_quit(asked, answer, "OK\nKO;X;y\n", false), ["A closed", end, "KO;X;y"]),
            fails(CLOSED, |asked, answer| to_quit(asked, answer, "", true), ["A < OK", "OK", end]),
            fails(CLOSED, |asked, answer| to_quit(asked, answer, "OK\n", false), ["A closed", end, "nothing in time"]),
            passes(SILENT, |asked, answer| {
                to("PING", asked, answer, |answer| answer.pause = Duration::from_millis(1600))
            }),
            fails(SILENT, honest, ["A silent 900", "nothing for 900ms", "OK"]),
            fails(
                SILENT,
                |asked, answer| to("PING", asked, answer, |answer| answer.end()),
                ["A silent 900", "nothing for 900ms", end],
            ),
        ],
        Duration::from_secs(2),
    );
}
