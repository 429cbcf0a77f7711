//! The reports: text, table, JSON and JUnit of all kinds of results, whole.

use std::time::Duration;

use wachat::course::judge::EventKind;
use wachat::course::judge::outcome;
use wachat::course::judge::pattern;
use wachat::course::judge::points::Points;
use wachat::course::judge::script::{self, Side};
use wachat::course::judge::{Failure, LogEntry, Outcome, Verdict, export, report};

use super::test;

fn moments(count: usize) -> Vec<LogEntry> {
    let moment = |number: usize| LogEntry {
        at: Duration::from_millis(1500 + number as u64),
        connection: if number.is_multiple_of(2) { "A".to_owned() } else { String::new() },
        what: if number.is_multiple_of(2) {
            EventKind::Sent(format!("n {number}\n").into_bytes())
        } else {
            EventKind::Note("notes".to_owned())
        },
    };
    (0..count).map(moment).collect()
}

fn failed(step: &str, expected: &str, came: &str, count: usize) -> Verdict {
    let step = step.to_owned();
    let expected = expected.to_owned();
    let came = came.to_owned();
    Verdict::Failed(Box::new(Failure { step, expected, came, moments: moments(count) }))
}

fn outcome(side: Side, verdict: Verdict) -> Outcome {
    Outcome::new(test(side, "A < OK"), verdict, Duration::from_millis(1260))
}

#[test]
fn the_text_of_a_result_is_a_line_and_of_a_failure_all_that_is_known() {
    let text = |side, verdict| report::outcome(&outcome(side, verdict));
    assert_eq!(text(Side::Server, Verdict::Passed), "passed  framing-1       A title (1.3 s)\n");
    assert_eq!(text(Side::Client, Verdict::Passed), "passed  client-framing-1     A title (1.3 s)\n");
    assert_eq!(
        text(Side::Server, Verdict::Skipped("why not".to_owned())),
        "skipped framing-1       A title: why not\n"
    );
    assert_eq!(text(Side::Server, Verdict::Absent("why".to_owned())), "absent  framing-1       A title: why\n");
    assert_eq!(text(Side::Client, Verdict::Skipped("why".to_owned())), "skipped client-framing-1     A title: why\n");
    let head = "    protocol, section 5: \"a clause\"\n";
    let end = "    usually   What is usual.\n       1.500  A > n 0␊\n       1.501      notes\n";
    assert_eq!(
        text(Side::Server, failed("A < OK", "OK", "KO;X;y", 2)),
        format!("FAILED  framing-1       A title (1.3 s)\n{head}    expected  OK\n    came      KO;X;y\n{end}"),
        "the step says no more than what was expected"
    );
    assert_eq!(
        text(Side::Client, failed("in a", "a line", "nothing in time", 2)),
        format!(
            "FAILED  client-framing-1     A title (1.3 s)\n{head}    step      in a\n    expected  a line\n    came      nothing in time\n{end}"
        )
    );
    let long = "y".repeat(201);
    let shown = format!("{}… (201 bytes)", "y".repeat(200));
    assert_eq!(
        text(Side::Server, failed(&format!("{long} <"), &long, "x", 0)),
        format!(
            "FAILED  framing-1       A title (1.3 s)\n{head}    step      {}… (203 bytes)\n    expected  {shown}\n    came      x\n    usually   What is usual.\n",
            "y".repeat(200)
        )
    );
}

#[test]
fn a_time_line_is_shown_from_its_end() {
    let lines = |count| {
        let text = report::outcome(&outcome(Side::Server, failed("A < OK", "OK", "KO", count)));
        text.lines().skip_while(|line| !line.contains("usually")).skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    for (count, hidden) in [(0, 0), (1, 0), (30, 0), (31, 1), (100, 70)] {
        let mut all = Vec::new();
        if hidden > 0 {
            all.push(format!("              … {hidden} earlier entries"));
        }
        all.extend(moments(count).iter().skip(hidden).map(|moment| format!("    {moment}")));
        assert_eq!(lines(count), all);
    }
}

#[test]
fn a_result_as_json_has_what_its_kind_has_and_nothing_else() {
    let json = |verdict| export::json(&[outcome(Side::Server, verdict)]);
    let head = r#"{"test":"framing-1","group":"framing","title":"A title","section":"5","clause":"a clause","result":"#;
    assert_eq!(json(Verdict::Passed), format!("{head}\"passed\",\"seconds\":1.26}}\n"));
    assert_eq!(json(Verdict::Skipped("why".to_owned())), format!("{head}\"skipped\",\"seconds\":1.26}}\n"));
    assert_eq!(json(Verdict::Absent("why".to_owned())), format!("{head}\"absent\",\"seconds\":1.26}}\n"));
    assert_eq!(
        json(failed("A < OK", "OK", "\"KO\"", 2)),
        format!(
            r#"{head}"failed","seconds":1.26,"step":"A < OK","expected":"OK","came":"\"KO\"","usual":"What is usual.","moments":["   1.500  A > n 0␊","   1.501      notes"],"fix_first":true}}"#
        ) + "\n"
    );
}

#[test]
fn results_as_junit_are_xml_whatever_came() {
    let outcomes = [
        outcome(Side::Server, Verdict::Passed),
        outcome(Side::Client, Verdict::Skipped("a < b & \"c\"".to_owned())),
        outcome(Side::Server, failed("A < OK", "<n> & \"q\"", "a\u{7}\u{1b}<b>\tc", 1)),
    ];
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuite name=\"wachat judge\" tests=\"3\" failures=\"1\">
  <testcase classname=\"framing\" name=\"framing-1 A title\" time=\"1.260\"/>
  <testcase classname=\"client-framing\" name=\"client-framing-1 A title\" time=\"1.260\"><skipped message=\"a &lt; b &amp; &quot;c&quot;\"/></testcase>
  <testcase classname=\"framing\" name=\"framing-1 A title\" time=\"1.260\"><failure message=\"a\u{fffd}\u{fffd}&lt;b&gt;\u{fffd}c\">FAILED  framing-1       A title (1.3 s)
    protocol, section 5: &quot;a clause&quot;
    step      A &lt; OK
    expected  &lt;n&gt; &amp; &quot;q&quot;
    came      a\u{fffd}\u{fffd}&lt;b&gt;\u{fffd}c
    usually   What is usual.
       1.500  A &gt; n 0␊
</failure></testcase>
</testsuite>
";
    assert_eq!(export::junit(&outcomes), expected);
    assert_eq!(
        export::junit(&[]),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"wachat judge\" tests=\"0\" failures=\"0\">\n</testsuite>\n"
    );
}

/// Returns results of tests by their names.
fn results(names: &[(&str, Verdict)]) -> Vec<Outcome> {
    let result = |(name, verdict): &(&str, Verdict)| {
        let test = script::all().find(|test| test.name == *name).expect("a test");
        Outcome::new(test, verdict.clone(), Duration::ZERO)
    };
    names.iter().map(result).collect()
}

fn wrong() -> Verdict {
    failed("A < OK", "OK", "KO", 0)
}

fn skipped() -> Verdict {
    Verdict::Skipped("why".to_owned())
}

#[test]
fn the_table_counts_each_group_that_was_played_and_adds_the_points() {
    let outcomes = results(&[
        ("framing-1", Verdict::Passed),
        ("framing-2", Verdict::Passed),
        ("framing-3", wrong()),
        ("login-8", wrong()),
        ("send-1", Verdict::Passed),
        ("crash-1", skipped()),
        ("crash-2", skipped()),
        ("crash-3", Verdict::Passed),
    ]);
    let points = Points::parse("framing = 30\nsend = 4.5\nlogin = 18\npoll = 7\n").expect("points");
    // Framing has 12 tests, login 9, send 9.
    let expected = "
group         passed failed skipped    points
framing            2      1       0  5.0/ 7.5
login              0      1       0  0.0/ 2.0
send               1      0       0  0.5/ 0.5
crash              1      0       2  1.0/ 3.0
all                                  6.5/13.0
";
    assert_eq!(report::summary(&outcomes, &points), expected);
    let clients =
        results(&[("client-send-1", wrong()), ("client-framing-1", Verdict::Passed), ("client-crash-1", skipped())]);
    let expected = "
group              passed failed skipped    points
client-framing          1      0       0  1.0/ 1.0
client-send             0      1       0  0.0/ 1.0
client-crash            0      0       1  0.0/ 1.0
all                                       1.0/ 3.0
";
    assert_eq!(report::summary(&clients, &Points::default()), expected);
}

#[test]
fn what_to_fix_first_stands_first_and_what_tests_share_is_told_once() {
    let came = |came: &str| failed("A < OK", "OK", came, 1);
    let outcomes = results(&[
        ("framing-1", Verdict::Passed),
        ("framing-2", came("nothing in time")),
        ("framing-3", came("KO;SYNTAX;one text")),
        ("send-1", came("KO;SYNTAX;another")),
        ("poll-1", came("nothing in time")),
        ("poll-2", came("nothing in time")),
        ("poll-3", came("KO;RATE;one text")),
        ("crash-1", skipped()),
        ("rooms-1", failed("A < 1", "1", "nothing in time", 1)),
    ]);
    let said = report::results(&outcomes);
    let heads: Vec<_> = said.lines().filter(|line| !line.starts_with(' ') || line.contains("likewise")).collect();
    let title = |name: &str| script::all().find(|test| test.name == name).expect("a test").title;
    let line = |word: &str, name: &str, end: &str| format!("{word} {name:15} {}{end}", title(name));
    let expected = [
        format!("Fix this first: framing-2, {}", title("framing-2")),
        "    likewise  2 more tests fail in the same way: poll-1, poll-2".to_owned(),
        String::new(),
        line("passed ", "framing-1", " (0.0 s)"),
        line("FAILED ", "framing-2", " (0.0 s): see above"),
        line("FAILED ", "framing-3", " (0.0 s)"),
        "    likewise  send-1 fails in the same way".to_owned(),
        line("FAILED ", "send-1", " (0.0 s): as framing-3"),
        line("FAILED ", "poll-1", " (0.0 s): as framing-2"),
        line("FAILED ", "poll-2", " (0.0 s): as framing-2"),
        line("FAILED ", "poll-3", " (0.0 s)"),
        line("skipped", "crash-1", ": why"),
        line("FAILED ", "rooms-1", " (0.0 s)"),
    ];
    assert_eq!(heads, expected);
    assert_eq!(said.matches("    usually   ").count(), 4, "four causes: {said}");
    let lines = export::json(&outcomes);
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let first: Vec<_> = lines.iter().filter(|line| line["fix_first"] == true).map(|line| &line["test"]).collect();
    assert_eq!(first, ["framing-2"]);
    let same: Vec<_> = lines.iter().filter_map(|line| line["as"].as_str()).collect();
    assert_eq!(same, ["framing-3", "framing-2", "framing-2"]);
    let passed = report::results(&outcomes[..1]);
    assert_eq!(passed, line("passed ", "framing-1", " (0.0 s)\n"), "nothing is to be fixed");
}

#[test]
fn that_the_server_has_gone_is_not_what_to_fix_first() {
    let gone = || failed("A open SEND", "a connection to 127.0.0.1:1, the SEND port", "Connection refused", 1);
    let outcomes = results(&[("framing-1", gone()), ("framing-2", gone()), ("poll-1", wrong()), ("rooms-1", gone())]);
    let said = report::results(&outcomes);
    assert!(said.starts_with("Fix this first: poll-1, "), "{said}");
    assert!(said.contains("likewise  2 more tests fail in the same way: framing-2, rooms-1\n"), "{said}");
    // What a test has shown before the server went says more than that it has gone.
    let [outcome] = results(&[("poll-1", gone())]).try_into().expect("one");
    let failure = outcome.after(wrong());
    assert_eq!(failure.failure().map(|failure| &*failure.came), Some("KO"));
}

#[test]
fn failures_look_the_same_whatever_their_names_numbers_and_times_are() {
    let look = |one: [&str; 3], other: [&str; 3]| {
        let outcomes = ["send-1", "poll-1"].iter().zip([one, other]).map(|(name, [sent, expected, came])| {
            let test = script::all().find(|test| test.name == *name).expect("a test");
            let Verdict::Failed(mut failure) = failed("A < x", expected, came, 0) else { panic!("no failure") };
            let at = Duration::ZERO;
            let sent = EventKind::Sent(sent.as_bytes().to_vec());
            failure.moments.push(LogEntry { at, connection: "A".to_owned(), what: sent });
            Outcome::new(test, Verdict::Failed(failure), Duration::ZERO)
        });
        report::results(&outcomes.collect::<Vec<_>>()).contains("poll-1 fails in the same way")
    };
    let unique = pattern::unique;
    let [ana, luis] = ["ana", "luis"].map(unique);
    let ok = |user: &str| format!("OK;{user};wachat/1");
    let accepted = |id: &str, at: &str| format!("OK;{id};RECEIVED;{at};17");
    let [at, later] = ["2026-11-20T23:55:00.123Z", "2026-11-20T23:56:00.123Z"];
    for (one, other, same) in [
        (["LOGIN:a:b\n", &ok(&ana), &ok("x")], ["LOGIN:c:d\n", &ok(&luis), &ok("x")], true),
        (["SEND;1;2;3\n", "OK", &accepted(&ana, at)], ["SEND;4;5;6\n", "OK", &accepted(&luis, later)], true),
        (["PING\n", "OK", "KO;SYNTAX;a"], ["PING\n", "OK", "KO;SYNTAX;b"], true),
        (["POLL;0;0\n", "OK", "KO;SYNTAX;a"], ["POLL;9;0\n", "KO;SEQ;...", "KO;SYNTAX;a"], true),
        (["SEND;1;2;3\n", "OK", "KO;RATE;a"], ["SEND;1;2;3\n", "KO;CONFLICT;...", "KO;RATE;a"], false),
        (["PING\n", "OK", "KO;SYNTAX;a"], ["QUIT\n", "OK", "KO;SYNTAX;a"], false),
        (["PING\n", "OK", "KO;SYNTAX;a"], ["PING\n", "OK", "KO;RATE;a"], false),
        (["PING\nSEND;1;2;3\nPI", "OK", "nothing in time"], ["PING\n", "OK", "nothing in time"], false),
        (["POLL;0;0\n", "OK;1", "OK;0"], ["POLL;7;0\n", "OK;1", "OK;0"], true),
        (["POLL;0;0\n", "OK;1", "OK;0"], ["POLL;7;0\n", "OK;1", "OK;2"], false),
        (["POLL;0;0\n", "1;MSG;x;a;b;<time>;uno", "2"], ["POLL;7;0\n", "3;MSG;x;a;b;<time>;dos", "2"], true),
        (["POLL;0;0\n", "1;MSG;uno", "2;MSG;tres"], ["POLL;7;0\n", "3;MSG;dos", "4;MSG;tres"], false),
    ] {
        assert_eq!(look(one, other), same, "{one:?} {other:?}");
    }
}

#[test]
fn points_count_once_the_test_that_is_needed_passes() {
    let needy = script::all().find(|test| test.name == "login-1").expect("a test");
    assert_eq!(needy.needs, Some("login-3"));
    let held = |results: &[(&str, Verdict)]| {
        let mut outcomes = self::results(results);
        outcome::hold_points_back(&mut outcomes);
        (Points::default().of("login", &outcomes), report::results(&outcomes))
    };
    let passed = || ("login-1", Verdict::Passed);
    let (points, said) = held(&[passed(), ("login-3", wrong())]);
    assert_eq!(points, (0.0, 2.0));
    assert!(said.contains("LOGIN finds it (0.0 s): without points until login-3 passes\n"), "{said}");
    for others in [&[("login-3", Verdict::Passed)][..], &[("login-3", skipped())], &[]] {
        let (points, said) = held(&[&[passed()], others].concat());
        assert!(points.0 >= 1.0 && !said.contains("without points"), "{said}");
    }
}

#[test]
fn the_points_of_a_group_are_shared_by_all_of_its_tests() {
    let points = Points::parse("framing = 24\nlogin = 0\nclient-framing = 14").expect("points");
    let outcomes = results(&[
        ("framing-1", Verdict::Passed),
        ("framing-2", wrong()),
        ("framing-3", skipped()),
        ("login-1", Verdict::Passed),
        ("send-1", Verdict::Passed),
        ("client-framing-1", Verdict::Passed),
    ]);
    for (group, expected) in [
        ("framing", (2.0, 6.0)),
        ("login", (0.0, 0.0)),
        ("send", (1.0, 1.0)),
        ("client-framing", (2.0, 2.0)),
        ("poll", (0.0, 0.0)),
    ] {
        assert_eq!(points.of(group, &outcomes), expected, "{group}");
    }
}

#[test]
fn points_are_numbers_of_groups() {
    for (text, error) in [
        ("", None),
        ("framing = 0", None),
        ("framing = 10\nlogin = 0.5\nclient-send = 3\n# a comment\n", None),
        ("framing = 1e3", None),
        ("framing = -1", Some("framing has no number of points, 0 or more")),
        ("framing = -0.5", Some("framing has no number of points, 0 or more")),
        ("framing = inf", Some("framing has no number of points, 0 or more")),
        ("framing = nan", Some("framing has no number of points, 0 or more")),
        ("framing = true", Some("framing has no number of points, 0 or more")),
        ("framing = [1]", Some("framing has no number of points, 0 or more")),
        ("framing-1 = 3", Some("\"framing-1\" is no group of tests")),
        ("login = 3\n\"\" = 3", Some("\"\" is no group of tests")),
    ] {
        assert_eq!(Points::parse(text).err().as_deref(), error, "{text}");
    }
}
