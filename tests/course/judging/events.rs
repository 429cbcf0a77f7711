//! The steps that poll: `events` wants these and no others, in order; `last` waits for the last one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wachat::course::judge::Outcome;

use super::small_server::{Answer, SmallServer};
use super::{LONG, SHORT, assert_passed, failure, play};

/// Two messages for luis: numbers 1 and 2.
const SENDS: &str = "users ana luis\nA login SEND ana\nrepeat 2 A > SEND;m-{i};{luis};number {i}\nrepeat 2 A < OK;m-{i};RECEIVED;<time>;<n{i}>\nB login RECV luis\n";

/// Plays steps after the two messages; `changes` are of the reply to POLL.
fn poll(steps: &str, patience: Duration, change: impl Fn(&mut Answer) + Send + Sync + 'static) -> Outcome {
    let server = SmallServer::but(move |asked, answer| {
        if asked.text.starts_with("POLL") {
            change(answer);
        }
    });
    play(&server.with_patience(patience), &format!("{SENDS}{steps}"))
}

const EVENTS: &str = "B events 0\nB * <n1>;MSG;m-1;{ana};{luis};<time>;number 1\nB * <n2>;MSG;m-2;{ana};{luis};<time>;number 2\nA > PING\nA < OK";

/// A change of an answer.
type Deviation = fn(&mut Answer);

#[test]
fn events_come_all_and_in_order_and_no_others() {
    let first = "1;MSG;m-1;ana;luis;<time>;number 1";
    let second = "2;MSG;m-2;ana;luis;<time>;number 2";
    let head = "OK;<count>, the head of a list";
    let cases: [(Deviation, Option<[&str; 2]>); 20] = [
        (|_| {}, None),
        (|answer| answer.edit("OK;2", "OK;3\n0;ONLINE;x;y"), None),
        (|answer| *answer = noisy(answer), None),
        (|answer| answer.edit("OK;2", "OK"), Some([head, "OK"])),
        (|answer| answer.edit("OK;2", "OK;"), Some([head, "OK;"])),
        (|answer| answer.edit("OK;2", "OK;two"), Some([head, "OK;two"])),
        (|answer| answer.edit("OK;2", "OK;-2"), Some([head, "OK;-2"])),
        (|answer| answer.edit("OK;2", "OK;2;3"), Some([head, "OK;2;3"])),
        (|answer| answer.edit("OK;2", "OK;1001"), Some([head, "OK;1001"])),
        (|answer| answer.edit("OK;2", "KO;SEQ;no"), Some([head, "KO;SEQ;no"])),
        (|answer| answer.end(), Some([head, "the end of the connection"])),
        (|answer| (answer.edit("OK;2", "OK;3"), answer.ends = true).0, Some(["3 events", "the end of the connection"])),
        (|answer| answer.edit("OK;2", "OK;3\n3;MSG;m-3;x;y;z;w"), Some([first, "3;MSG;m-3;x;y;z;w"])),
        (|answer| answer.edit("1;MSG", "2;MSG"), Some([first, "2;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;number 1"])),
        (
            |answer| answer.edit(";number 2", ";number 1"),
            Some([second, "2;MSG;m-2;ana;luis;2026-11-20T23:55:00.123Z;number 1"]),
        ),
        (|answer| answer.edit("m-2", "m-1"), Some([second, "2;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;number 2"])),
        (|answer| swap(answer, 1, 2), Some([first, "2;MSG;m-2;ana;luis;2026-11-20T23:55:00.123Z;number 2"])),
        (|answer| double(answer, 1), Some([second, "1;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;number 1"])),
        (
            |answer| double(answer, 2),
            Some([
                "events in ascending order",
                "1;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;number 1; 2;MSG;m-2;ana;luis;2026-11-20T23:55:00.123Z;number 2; 2;MSG;m-2;ana;luis;2026-11-20T23:55:00.123Z;number 2",
            ]),
        ),
        (
            |answer| (answer.edit("OK;2", "OK;3"), answer.bytes.extend(b"9;STATE;x;READ;1;y\n")).1,
            Some(["no further event", "9;STATE;x;READ;1;y"]),
        ),
    ];
    for (change, says) in cases {
        let outcome = poll(EVENTS, LONG, change);
        let Some([expected, came]) = says else {
            assert_passed(&outcome, "two events");
            continue;
        };
        let said = failure(&outcome);
        assert_eq!([&*said.step, &said.expected, &said.came], ["B events 0", expected, came]);
    }
}

/// Puts events without a number around and between the others.
fn noisy(answer: &Answer) -> Answer {
    let text = answer.text();
    let lines: Vec<_> = text.lines().collect();
    let text = format!("OK;5\n0;ONLINE;x;y\n{}\n0;JOIN;#a;x;y\n{}\n0;OFFLINE;x;y\n", lines[1], lines[2]);
    Answer { bytes: text.into_bytes(), ..answer.clone() }
}

fn swap(answer: &mut Answer, one: usize, other: usize) {
    let text = answer.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.swap(one, other);
    answer.say(&lines.join("\n"));
}

fn double(answer: &mut Answer, place: usize) {
    let text = answer.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.insert(place, lines[place]);
    lines[0] = "OK;3";
    answer.say(&lines.join("\n"));
}

/// Patterns whose numbers nothing has named before.
#[test]
fn events_ascend_also_where_the_numbers_are_not_known() {
    const STEPS: &str = "B events 0\nB * <x>;MSG;<any>;{ana};{luis};<time>;<any>\nB * <y>;MSG;<any>;{ana};{luis};<time>;<any>\nB > PING\nB < OK";
    assert_passed(&poll(STEPS, LONG, |_| {}), "in order");
    assert_passed(&poll(STEPS, LONG, |answer| answer.edit("2;MSG", "77;MSG")), "in order, with a gap");
    for (change, numbers) in [
        ((|answer| swap(answer, 1, 2)) as fn(&mut Answer), [2, 1]),
        (|answer| answer.edit("\n2;MSG", "\n1;MSG"), [1, 1]),
    ] {
        let said = failure(&poll(STEPS, LONG, change));
        assert_eq!((&*said.step, &*said.expected), ("B events 0", "events in ascending order"));
        let came: Vec<_> = said.came.split("; ").map(|event| event.split(';').next().unwrap()).collect();
        assert_eq!(came, numbers.map(|number| number.to_string()));
    }
}

#[test]
fn the_judge_polls_until_all_events_have_come_or_its_patience_ends() {
    static POLLS: AtomicUsize = AtomicUsize::new(0);
    let slowly = |answer: &mut Answer| match POLLS.fetch_add(1, Ordering::Relaxed) {
        0 => answer.say("OK;0"),
        1 => answer.edit("OK;2", "OK;1"),
        _ => {}
    };
    let one_by_one = move |answer: &mut Answer| {
        slowly(answer);
        if answer.bytes.starts_with(b"OK;1") {
            let text = answer.text();
            answer.say(&text.lines().take(2).collect::<Vec<_>>().join("\n"));
        }
    };
    assert_passed(&poll(EVENTS, LONG, one_by_one), "at the third poll");
    assert_eq!(POLLS.load(Ordering::Relaxed), 3);
    let said = failure(&poll(EVENTS, SHORT, |answer| {
        answer.edit("OK;2", "OK;1");
        let text = answer.text();
        answer.say(&text.lines().take(2).collect::<Vec<_>>().join("\n"));
    }));
    assert_eq!([&*said.expected, &said.came], ["2;MSG;m-2;ana;luis;<time>;number 2", "nothing in time"]);
    let polls = said.moments.iter().filter(|moment| moment.ends_with("B > POLL;0;1␊")).count();
    assert!((2..20).contains(&polls), "{polls} polls, with a pause behind each");
}

#[test]
fn a_reply_to_a_poll_has_at_most_a_thousand_events() {
    let full = |answer: &mut Answer| answer.edit("OK;2\n", &format!("OK;1000\n{}", "0;ONLINE;x;y\n".repeat(998)));
    assert_passed(&poll(EVENTS, LONG, full), "as many as there can be");
}

#[test]
fn a_poll_has_the_second_that_it_waits_beside_the_patience() {
    let slow = |answer: &mut Answer| answer.pause = Duration::from_millis(2400);
    assert_passed(&poll("B events 0\nB * <n1>;...\nB * <n2>;...", Duration::from_secs(2), slow), "in time");
}

#[test]
fn no_events_are_none_and_the_number_of_a_poll_is_that_of_the_step() {
    assert_passed(
        &poll("B events <n2>\nB events 0\nB events <n1>\nB > PING\nB < OK", LONG, |_| {}),
        "all acknowledged",
    );
    let said = failure(&poll("B events <n1>", LONG, |_| {}));
    let second = "2;MSG;m-2;ana;luis;2026-11-20T23:55:00.123Z;number 2";
    assert_eq!([&*said.step, &said.expected, &said.came], ["B events 1", "no further event", second]);
    assert_eq!(
        said.moments[said.moments.len() - 3..],
        ["0.000  B > POLL;1;1␊", "0.000  B < OK;1", &format!("0.000  B < {second}")]
    );
    let later = "B events <n1>\nB * <n2>;MSG;m-2;{ana};{luis};<time>;number 2";
    assert_passed(&poll(later, LONG, |_| {}), "what is above the number");
}

#[test]
fn the_last_event_is_waited_for() {
    const LAST: &str = "B last 0 < <n2>;MSG;m-2;{ana};{luis};<time>;number 2\nB > PING\nB < OK";
    assert_passed(&poll(LAST, LONG, |_| {}), "the last of two");
    assert_passed(&poll("B last <n1> < <n2>;MSG;<any>;<any>;<any>;<time>;...", LONG, |_| {}), "the only one");
    let said = failure(&poll(LAST, SHORT, |answer| swap(answer, 1, 2)));
    let pattern = "2;MSG;m-2;ana;luis;<time>;number 2";
    assert_eq!(
        [&*said.step, &said.expected, &said.came],
        [&format!("B last 0 < {pattern}"), pattern, "1;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;number 1"]
    );
    assert!(said.moments.iter().filter(|moment| moment.ends_with("B > POLL;0;1␊")).count() > 1, "it polls again");
    let said = failure(&poll(LAST, SHORT, |answer| answer.say("OK;0")));
    assert_eq!([&*said.expected, &said.came], [pattern, "nothing in time"]);
    let said = failure(&poll(LAST, LONG, |answer| answer.say("KO;SEQ;no")));
    assert_eq!([&*said.expected, &said.came], ["OK;<count>, the head of a list", "KO;SEQ;no"]);
    let server = SmallServer::but(|asked, answer| {
        // The first polls bring one event, as those of a busy server may.
        if asked.text.starts_with("POLL") && asked.line < 5 {
            let text = answer.text().replace("OK;2", "OK;1");
            answer.say(&text.lines().take(2).collect::<Vec<_>>().join("\n"));
        }
    });
    assert_passed(&play(&server.with_patience(LONG), &format!("{SENDS}{LAST}")), "at the fourth poll");
}

/// Each poll is answered in time, the second one after the patience and the second that a poll may wait.
#[test]
fn an_event_that_comes_after_the_patience_is_late() {
    fn second_is_late(steps: &str) {
        static POLLS: AtomicUsize = AtomicUsize::new(0);
        POLLS.store(0, Ordering::Relaxed);
        let slow = |answer: &mut Answer| {
            answer.pause = Duration::from_millis(1700);
            if POLLS.fetch_add(1, Ordering::Relaxed) == 0 {
                answer.say("OK;0");
            }
        };
        let said = failure(&poll(steps, Duration::from_secs(2), slow));
        assert_eq!([&*said.expected, &said.came], ["OK;<count>, the head of a list", "nothing in time"], "{steps}");
    }
    second_is_late("B events 0\nB * <n1>;...\nB * <n2>;...");
    second_is_late("B last 0 < <n2>;...");
}
