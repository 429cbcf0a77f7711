//! `wachat judge` itself: what it prints and writes, and its exit code.

use std::process::Command;
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;
use wachat::course::judge::script;

use super::plain;
use super::small_server::SmallServer;
use crate::course::judge::{judge, text};
use crate::support::WACHAT;

fn honest() -> SmallServer {
    SmallServer::honest()
}

/// A server that answers a PING with a line that could drive a terminal.
fn wrong() -> SmallServer {
    SmallServer::but(|asked, answer| {
        if asked.text == "PING" {
            answer.say("KO;X;\u{1b}[31m");
        }
    })
}

/// Returns the exit code, and what was said without what differs from run to run.
fn judged(server: &SmallServer, more: &[&str]) -> (Option<i32>, String) {
    let [send, recv] = server.addresses.map(|address| address.port());
    let output = judge(send, recv, more);
    (output.status.code(), plain(&text(&output)))
}

#[test]
fn the_exit_code_is_1_when_a_test_has_failed_and_0_when_none_has() {
    let ends = |server: &SmallServer, only: &str| judged(server, &["--only", only, "--jobs", "1"]).0;
    assert_eq!(ends(&honest(), "framing-2,framing-4"), Some(0));
    assert_eq!(ends(&honest(), "crash"), Some(0), "what is skipped has not failed");
    assert_eq!(ends(&wrong(), "framing-4"), Some(0));
    assert_eq!(ends(&wrong(), "framing-2"), Some(1));
    assert_eq!(ends(&wrong(), "framing-2,framing-4,crash-1"), Some(1), "one of them");
}

#[test]
fn a_run_prints_each_result_and_the_table() {
    let (code, said) = judged(&wrong(), &["--only", "framing-2,framing-4,crash-1", "--jobs", "1"]);
    let test = script::all().find(|test| test.name == "framing-2").expect("a test");
    let failed = format!(
        "Fix this first: framing-2, Two lines may come in one piece, and half of a third
    protocol, section 2: \"{}\"
    expected  OK
    came      KO;X;␛[31m
    usually   {}
0.000      registers ana
0.000  A   connects to the SEND port
0.000  A > LOGIN:ana:palabra larga␊
0.000  A < OK;ana;wachat/1
0.000  A > PING␊SEND;m-1;ana;uno␊PI
0.000  A < KO;X;␛[31m

FAILED  framing-2       Two lines may come in one piece, and half of a third (0.0 s): see above
passed  framing-4       Requests may be sent before the replies are read (0.0 s)
skipped crash-1         A message that was answered OK survives a kill: it needs --restart COMMAND

group         passed failed skipped    points
framing            1      1       0  1.0/ 2.0
crash              0      0       1  0.0/ 1.0
all                                  1.0/ 3.0
",
        test.clause, test.usual
    );
    assert_eq!((code, said), (Some(1), failed));
}

/// A server that answers this many PINGs with a refusal.
fn wrong_at_first(count: usize) -> SmallServer {
    let left = Mutex::new(count);
    SmallServer::but(move |asked, answer| {
        let mut left = left.lock();
        if asked.text == "PING" && *left > 0 {
            *left -= 1;
            answer.say("KO;X;not yet");
        }
    })
}

#[test]
fn a_test_that_fails_beside_others_is_played_again_alone_and_the_result_says_so() {
    let only = ["--only", "framing-2,framing-4"];
    let failed = "FAILED  framing-2       Two lines may come in one piece, and half of a third (0.0 s): see above\n";
    let passed = "passed  framing-2       Two lines may come in one piece, and half of a third (0.0 s)";
    let remark = "alone; beside other tests it failed: expected OK, came KO;X;not yet";
    for (wrong, more, code, line) in [
        (0, &[][..], 0, format!("{passed}\n")),
        (1, &[], 0, format!("{passed}: {remark}\n")),
        (2, &[], 1, failed.to_owned()),
        (1, &["--once"], 1, failed.to_owned()),
        // Without others at its side, it has failed alone.
        (1, &["--jobs", "1"], 1, failed.to_owned()),
    ] {
        let (came, said) = judged(&wrong_at_first(wrong), &[&only, more].concat());
        assert!(came == Some(code) && said.contains(&line), "{wrong} {more:?}: {said}");
        assert_eq!(said.contains("Fix this first: framing-2, "), code == 1, "{said}");
    }
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("junit.xml").display().to_string();
    let (code, said) = judged(&wrong_at_first(1), &[&only[..], &["--json", "--junit", &file]].concat());
    let line: serde_json::Value = serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    assert_eq!((code, &line["result"], &line["remark"]), (Some(0), &"passed".into(), &remark.into()));
    let xml = std::fs::read_to_string(&file).expect("a file");
    assert!(xml.contains("failures=\"0\"") && xml.contains(&format!("<system-out>{remark}</system-out>")), "{xml}");
}

#[test]
fn results_stand_in_the_order_of_the_tests_after_what_to_fix_first() {
    // framing-2 takes longest.
    let server = SmallServer::but(|asked, answer| {
        if asked.text == "PING" {
            answer.pause = Duration::from_millis(700);
        }
        if asked.text.starts_with("POLL") {
            answer.say("KO;SYNTAX;there is no POLL yet");
        }
    });
    let (code, said) = judged(&server, &["--only", "poll,framing-1,framing-2,framing-4,send-3"]);
    let results = said.lines().filter(|line| ["passed  ", "FAILED  "].iter().any(|word| line.starts_with(word)));
    let names: Vec<_> = results.filter_map(|line| line.split_whitespace().nth(1)).collect();
    let polls = (1..=9).map(|number| format!("poll-{number}"));
    let first = ["framing-1", "framing-2", "framing-4", "send-3"].map(str::to_owned);
    let order: Vec<_> = first.into_iter().chain(polls).collect();
    assert_eq!((code, names), (Some(1), order.iter().map(String::as_str).collect()), "{said}");
    assert!(
        said.starts_with("Fix this first: framing-1, A line may come byte by byte\n    protocol, section 2: "),
        "{said}"
    );
    assert_eq!(said.matches("there is no POLL yet").count(), 2, "once what was expected, once the time line: {said}");
    assert!(said.contains("more tests fail in the same way: send-3, poll-1, poll-2, "), "{said}");
    assert!(said.contains("FAILED  poll-1 ") && said.contains(" (0.0 s): as framing-1\n"), "{said}");
}

#[test]
fn json_is_a_line_a_test_and_nothing_else_and_junit_is_written_beside() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("junit.xml").display().to_string();
    std::fs::write(&file, "an older and longer file ".repeat(200)).expect("to write");
    let arguments = ["--only", "framing-2,framing-4,crash-1", "--jobs", "1", "--json", "--junit", &file];
    let (code, said) = judged(&wrong(), &arguments);
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let results: Vec<_> = lines.iter().map(|line| format!("{} {}", line["test"], line["result"])).collect();
    let expected = ["\"framing-2\" \"failed\"", "\"framing-4\" \"passed\"", "\"crash-1\" \"skipped\""];
    assert_eq!((code, results.as_slice()), (Some(1), &expected.map(str::to_owned)[..]));
    assert_eq!([&lines[0]["expected"], &lines[0]["came"], &lines[0]["step"]], ["OK", "KO;X;\u{1b}[31m", "A < OK"]);
    let xml = std::fs::read_to_string(&file).expect("a file");
    assert!(xml.starts_with("<?xml") && xml.ends_with("</testsuite>\n"), "{xml}");
    assert!(xml.contains("tests=\"3\" failures=\"1\"") && !xml.contains('\u{1b}'), "{xml}");
    let nowhere = directory.path().join("no/junit.xml").display().to_string();
    let (code, said) = judged(&honest(), &["--only", "framing-4", "--junit", &nowhere]);
    assert!(code == Some(1) && said.contains(&format!("{nowhere}: ")), "{said}");
}

#[test]
fn the_list_has_all_tests_of_the_side_that_is_asked_for() {
    let list = |arguments: &[&str]| {
        let output = Command::new(WACHAT).args(["judge", "--list"]).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    let lines = |is_asked: fn(&str) -> bool| -> String {
        let tests = script::all().filter(|test| is_asked(&test.name));
        tests.map(|test| format!("{:20} {} (section {})\n", test.name, test.title, test.section)).collect()
    };
    assert_eq!(list(&[]), lines(|_| true));
    assert_eq!(
        list(&["--server", "localhost:1,2"]),
        lines(|name| !name.starts_with("client-")),
        "nothing is asked there"
    );
    assert_eq!(list(&["--client", "exit 1"]), lines(|name| name.starts_with("client-")));
    assert_eq!(list(&["--only", "login-2,client-login-2"]), lines(|name| name.ends_with("login-2")));
}

#[test]
fn the_patience_is_the_longest_wait_for_a_line() {
    let slow = || {
        SmallServer::but(|asked, answer| {
            if asked.text == "PING" {
                answer.pause = Duration::from_millis(4500);
            }
        })
    };
    std::thread::scope(|scope| {
        for (more, code) in [(&["--patience", "2"][..], Some(1)), (&[], Some(1)), (&["--patience", "30"], Some(0))] {
            scope.spawn(move || {
                let (came, said) = judged(&slow(), &[&["--only", "framing-2"], more].concat());
                assert_eq!(came, code, "{more:?}: {said}");
                assert!(code == Some(0) || said.contains("came      nothing in time"), "{said}");
            });
        }
    });
    for wrong in [["--patience", "0"], ["--patience", "61"], ["--jobs", "0"], ["--jobs", "17"]] {
        let (code, said) = judged(&honest(), &wrong);
        assert!(code == Some(2) && said.contains("is not in"), "{wrong:?}: {said}");
    }
}

#[test]
fn an_address_has_a_host_and_two_ports() {
    let server = honest();
    let [send, recv] = server.addresses.map(|address| address.port());
    let run = |address: String| {
        Command::new(WACHAT).args(["judge", "--only", "framing-4", "--server", &address]).output().expect("it runs")
    };
    for host in ["127.0.0.1", "localhost", "[127.0.0.1]"] {
        let output = run(format!("{host}:{send},{recv}"));
        assert!(output.status.success(), "{host}: {}", text(&output));
    }
    for address in
        ["127.0.0.1", "127.0.0.1:1", "127.0.0.1:1,", "127.0.0.1:1,2,3", "127.0.0.1:1,70000", "127.0.0.1:x,1", ":"]
    {
        let output = run(address.to_owned());
        let why = format!("--server: {address:?} has not the form HOST:SEND,RECV, such as localhost:1666,1999");
        assert!(!output.status.success() && text(&output).contains(&why), "{address}: {}", text(&output));
    }
}
