//! The traffic across restarts: an honest server passes, also one that refuses for a while or loses connections; each broken
//! promise is named.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use wachat::course::judge::{Outcome, Server};

use super::small_server::{Answer, Asked, SmallServer};
use super::{LONG, assert_passed, failure, play};

type Change = fn(&Asked, &mut Answer, usize);

/// Plays the traffic with a server that loses all connections at each restart, but no data. The change gets the number of
/// restarts so far.
fn crash(change: Change) -> Outcome {
    let restarts = Arc::<AtomicUsize>::default();
    let of_server = restarts.clone();
    let directory = TempDir::new().expect("a directory");
    let server = SmallServer::but(move |asked, answer| {
        // It answers a POLL at once, which is allowed, but need not be as fast as it can.
        if asked.text.starts_with("POLL") {
            answer.pause = Duration::from_millis(15);
        }
        change(asked, answer, of_server.load(Ordering::Relaxed));
    });
    let file = directory.path().join("restart");
    let over = AtomicBool::new(false);
    let command = format!("touch {0} && while [ -e {0} ]; do sleep 0.01; done", file.display());
    thread::scope(|scope| {
        scope.spawn(|| restart(&server, &file, &restarts, &over));
        let outcome = play(&Server { restart: Some(command), ..server.with_patience(LONG) }, "users ana luis\ncrashes");
        over.store(true, Ordering::Relaxed);
        outcome
    })
}

fn restart(server: &SmallServer, file: &Path, restarts: &AtomicUsize, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        if file.exists() {
            // First: who connects again is with the server that was started again.
            restarts.fetch_add(1, Ordering::Relaxed);
            server.close_all();
            std::fs::remove_file(file).expect("to remove");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn is_login_of(asked: &Asked, user: &str, port: &str) -> bool {
    asked.text.starts_with("LOGIN:") && asked.user.starts_with(user) && asked.connection.starts_with(port)
}

fn is_send(asked: &Asked, number: u32) -> bool {
    let id = asked.text.strip_prefix("SEND;").and_then(|rest| rest.split(';').next());
    id.is_some_and(|id| id.ends_with(&format!("-{number}")) && id.split('-').count() == 4)
}

fn is_poll_of(asked: &Asked, user: &str) -> bool {
    asked.text.starts_with("POLL") && asked.user.starts_with(user)
}

#[test]
fn a_server_that_keeps_its_promises_passes() {
    let changes: [Change; 6] = [
        |_, _, _| {},
        // Of the second connection after each restart no reply arrives.
        |asked, answer, _| {
            if is_send(asked, 7) || is_send(asked, 11) {
                static LOST: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];
                if !LOST[usize::from(is_send(asked, 7))].swap(true, Ordering::Relaxed) {
                    answer.end();
                }
            }
        },
        |asked, answer, restarts| {
            // Full until the first restart, but for what is stored already.
            if asked.text.starts_with("SEND") && restarts == 0 && !is_send(asked, 1) {
                answer.say("KO;SHUTDOWN;the server is stopping");
                answer.ends = true;
            }
        },
        |asked, answer, _| {
            if is_poll_of(asked, "luis") {
                answer.edit(
                    "OK;0",
                    "OK;2\n0;ONLINE;ana;2026-11-20T23:55:02.511Z\n0;NOTICE;2026-11-20T23:55:04.001Z;hola",
                );
            }
        },
        |asked, answer, _| {
            if is_login_of(asked, "luis", "RECV") {
                answer.edit("store1", "store1;of a later version");
            }
        },
        |asked, answer, _| {
            if asked.text.starts_with("SEND") {
                answer.edit("\n", ";of a later version\n");
            }
        },
    ];
    thread::scope(|scope| {
        for change in changes {
            scope.spawn(move || assert_passed(&crash(change), "a server that keeps its promises"));
        }
    });
}

/// Each deviation, and how what came begins.
const BROKEN: &[(Change, &str)] = &[
    (
        |asked, answer, _| {
            if is_send(asked, 3) {
                answer.edit("OK;", "OK;x-");
            }
        },
        "SEND;ana-3;... was answered \"OK;x-ana-3;RECEIVED;",
    ),
    (
        |asked, answer, _| {
            if is_send(asked, 3) {
                answer.say("KO;NO_USER;there is no such user");
            }
        },
        "SEND;ana-3;... was answered \"KO;NO_USER;there is no such user\"",
    ),
    (
        |asked, answer, _| {
            if is_send(asked, 2) {
                answer.edit(";RECEIVED", "");
            }
        },
        "SEND;ana-2;... was answered \"OK;ana-2;2026",
    ),
    (
        |asked, answer, _| {
            if is_send(asked, 2) {
                answer.say("KO;FULL;no space");
            }
        },
        "promise 5 is broken: what was refused has happened",
    ),
    (
        |asked, answer, restarts| {
            if is_login_of(asked, "luis", "RECV") && restarts == 1 {
                answer.edit("store1", "store2");
            }
        },
        "promise 1 is broken: it is another store",
    ),
    (
        |asked, answer, _| {
            if is_login_of(asked, "luis", "RECV") {
                answer.edit(";0;", ";1;");
            }
        },
        "promise 6 is broken: more than was acknowledged",
    ),
    (
        |asked, answer, restarts| {
            if is_login_of(asked, "luis", "RECV") && restarts == 2 {
                answer.say(&format!("OK;{};wachat/1;0;store1", asked.user));
            }
        },
        "promise 4 is broken: an acknowledgement was forgotten",
    ),
    (
        |asked, answer, _| {
            if is_login_of(asked, "ana", "RECV") {
                answer.edit(";0;store1", "");
            }
        },
        "the login on RECV was answered \"OK;ana;wachat/1\"",
    ),
    (
        |asked, answer, _| {
            if is_login_of(asked, "ana", "RECV") {
                answer.edit(";0;", ";none;");
            }
        },
        "the login on RECV was answered \"OK;ana;wachat/1;none;store1\"",
    ),
    (
        |asked, answer, restarts| {
            if is_login_of(asked, "ana", "SEND") && restarts == 1 {
                answer.say("KO;AUTH;no such user, or not this password");
            }
        },
        "promise 1 is broken: an account was answered OK and is gone",
    ),
    (
        |asked, answer, restarts| {
            if is_login_of(asked, "luis", "RECV") && restarts == 3 {
                answer.say("KO;AUTH;no such user, or not this password");
            }
        },
        "promise 1 is broken: an account was answered OK and is gone",
    ),
    (
        |asked, answer, _| {
            if is_poll_of(asked, "luis") {
                answer.edit(";number 1\n", ";number one\n");
            }
        },
        "promise 1 is broken: it was sent otherwise",
    ),
    (
        |asked, answer, _| {
            if is_poll_of(asked, "luis") {
                answer.edit("OK;0", "OK;1\nno event");
            }
        },
        "a POLL brought \"no event\", which is no event",
    ),
    (
        |asked, answer, _| {
            if is_poll_of(asked, "luis") && !asked.text.starts_with("POLL;0") {
                answer.say("KO;SEQ;that number is past the last there is");
            }
        },
        "promise 6 is broken: a number that somebody was given is denied",
    ),
    (
        |asked, answer, _| {
            if is_poll_of(asked, "ana") {
                answer.edit("DELIVERED", "READ");
            }
        },
        "promise 6 is broken: luis has not said so",
    ),
    (
        |asked, answer, restarts| {
            if is_poll_of(asked, "luis") && restarts == 3 {
                answer.edit("OK;0", "OK;1\n9000;MSG;x-1;eva;luis;2026-11-20T23:55:00.123Z;hola");
            }
        },
        "promise 2 is broken: nobody sent it",
    ),
    (
        |asked, answer, _| match asked.text.split(';').next() {
            Some("SEND") => answer.say("KO;FULL;there is no room"),
            Some("POLL") => answer.say("OK;0"),
            _ => {}
        },
        "no message was answered OK",
    ),
];

#[test]
fn each_broken_promise_is_named() {
    thread::scope(|scope| {
        for (change, begin) in BROKEN {
            scope.spawn(move || {
                let said = failure(&crash(*change));
                assert_eq!([&*said.step, &said.expected], ["crashes", "what was answered OK, once and in order"]);
                assert!(said.came.starts_with(begin), "{begin}: {}", said.came);
                let note = said.moments.last().expect("a moment");
                assert!(note.ends_with(" messages were answered OK, amid 3 restarts"), "{note}");
            });
        }
    });
}
