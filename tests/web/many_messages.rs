//! A conversation of 10,000 messages: the page holds 300 rows of it at most, and goes through all of them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::web::{PATIENT, world_with_web};
use crate::support::{Connection, TIMEOUT, World, wait_until};

const MOST_ROWS: u64 = 300;
/// Milliseconds of processor time that a frame may take: unlike the time of a clock, it is hardly more on a busy machine.
const FRAME: f64 = 50.0;
/// At most one frame in this number may take longer.
const FRAMES: usize = 20;

/// Scrolls to an end, some rows a frame, and notes the messages that were on the screen, the most rows, and each frame's time.
const SCROLL: &str = "(step) => new Promise((resolve) => {
    const scroller = document.querySelector('#rows');
    const seen = new Map();
    const frames = [];
    let [mostRows, still, last] = [0, 0, performance.now()];
    const next = (now) => {
        frames.push(now - last);
        last = now;
        mostRows = Math.max(mostRows, document.querySelectorAll('.row').length);
        const { top, bottom } = scroller.getBoundingClientRect();
        for (const row of document.querySelectorAll('.row')) {
            const box = row.getBoundingClientRect();
            if (box.bottom > top && box.top < bottom) seen.set(row.querySelector('.text').textContent, true);
        }
        const before = scroller.scrollTop;
        scroller.scrollTop += step;
        still = scroller.scrollTop === before ? still + 1 : 0;
        if (still > 100) resolve({ seen: [...seen.keys()], frames, mostRows });
        else requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
})";

/// The page has drawn what it was told before.
const TWO_FRAMES: &str = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))";

fn send_all(luis: &mut Connection, messages: RangeInclusive<usize>) {
    for chunk in messages.collect::<Vec<_>>().chunks(500) {
        let lines: String = chunk.iter().map(|number| format!("SEND;m-{number};ana;message {number}\n")).collect();
        luis.send(lines);
        for _ in chunk {
            assert!(luis.read_line().starts_with("OK;"));
        }
    }
}

#[test]
fn a_thousand_messages_go_by_and_the_page_stays_small() {
    go_through(1000, false);
}

#[test]
#[ignore = "takes a minute, and a machine that does nothing else: a busy one makes frames long"]
fn ten_thousand_messages_go_by_and_the_page_stays_small() {
    go_through(10_000, true);
}

/// The page keeps 1,000 to 2,000 rows of a chat in memory, and those that are read in any case.
#[test]
fn rows_that_are_read_stay_while_new_ones_come() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[&PATIENT[..], &["--no-limits"]].concat());
    let profile = profile();
    drop(world.register("ana"));
    let mut luis = world.register("luis");
    send_all(&mut luis, 1..=2_100);
    let browser = Browser::start(&program, profile.path());
    let ana = Messenger::log_in(&browser, web, "ana");
    ana.resize(1000, 2000);
    ana.wait_for_text(".chat .last", "message 2100");
    ana.choose_chat("luis");
    let first = "document.querySelector('.row .text').textContent";
    let to_first = format!("document.querySelector('#rows').scrollTop = 0, {first} === 'message 1'");
    ana.wait_for_within(3 * TIMEOUT, &to_first);
    send_all(&mut luis, 2_101..=2_120);
    ana.wait_for_text(".chat .last", "message 2120");
    ana.evaluate(TWO_FRAMES);
    assert_eq!(ana.evaluate(first), "message 1");
    // None is missing between those and the newest.
    let scroll = format!("({SCROLL})(1500).then((way) => globalThis.way = way)");
    ana.begin(&scroll);
    let way = ana.wait_for_within(3 * TIMEOUT, "globalThis.way");
    let seen: BTreeSet<usize> = way["seen"].as_array().into_iter().flatten().map(number_of).collect();
    assert!(seen.iter().copied().eq(1..=2_120), "{} messages came by", seen.len());
}

/// Has so many messages go by on the screen, from the last to the first and back. `is_timed`: the frames have to be short.
fn go_through(messages: usize, is_timed: bool) {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--no-limits"]);
    let profile = profile();
    drop(world.register("ana"));
    send_all(&mut world.register("luis"), 1..=messages);
    let browser = Browser::start(&program, profile.path());
    let ana = Messenger::log_in(&browser, web, "ana");
    ana.resize(1000, 2000);
    ana.wait_for_text(".chat .last", &format!("message {messages}"));
    ana.choose_chat("luis");
    // Of more the first unread ones are in the database alone.
    if messages <= 1_000 {
        assert_only_the_screen_is_read(&world);
    }
    ana.click("#newest");
    ana.wait_for_message(&format!("message {messages}"), None);
    for step in [-1500, 1500] {
        let scroll = format!("delete globalThis.way; ({SCROLL})({step}).then((way) => globalThis.way = way)");
        let (way, events) = browser.trace(|| {
            ana.begin(&scroll);
            ana.wait_for_within(10 * TIMEOUT, "globalThis.way")
        });
        let seen: BTreeSet<usize> = way["seen"].as_array().expect("a list").iter().map(number_of).collect();
        assert!(seen.iter().copied().eq(1..=messages), "{} messages came by", seen.len());
        assert!(way["mostRows"].as_u64() <= Some(MOST_ROWS), "{} rows", way["mostRows"]);
        let [long, all] = count_long_frames(&way, &times_of_tasks(&events));
        assert!(!is_timed || long * FRAMES <= all, "{long} of {all} frames are long");
    }
    // All were on the screen, so all are read.
    ana.wait_for("document.title === 'wachat'");
    assert_eq!(ana.errors(), Vec::<String>::new());
}

/// The page has drawn more rows than there are on the screen: those below it were not read.
fn assert_only_the_screen_is_read(world: &World) {
    let is_read = |seq: u64| world.login("luis").list(&format!("STATUS;ana;{seq}"))[0].contains("READ");
    wait_until("the first message to be read", || is_read(1));
    assert!(!is_read(60), "what is below the screen was read");
}

/// Returns how many frames took long, and how many there were. `tasks`: their processor time; a frame is one of them.
fn count_long_frames(way: &Value, tasks: &[f64]) -> [usize; 2] {
    let frames: Vec<_> = way["frames"].as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
    let count = |times: &[f64]| times.iter().filter(|time| **time > FRAME).count();
    let most = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    println!(
        "{} frames: {} over {FRAME} ms of processor time, the longest {:.0} ms; {} over {FRAME} ms by the clock, the longest {:.0} ms",
        frames.len(),
        count(tasks),
        most(tasks),
        count(&frames),
        most(&frames)
    );
    assert!(!tasks.is_empty(), "no frame was traced");
    [count(tasks), frames.len()]
}

/// Returns how many milliseconds of processor time each task took of the threads that draw frames.
fn times_of_tasks(events: &[Value]) -> Vec<f64> {
    let thread = |event: &Value| (event["pid"].as_u64(), event["tid"].as_u64());
    let drawing: BTreeSet<_> =
        events.iter().filter(|event| event["name"] == "FireAnimationFrame").map(thread).collect();
    let tasks = events.iter().filter(|event| event["name"] == "RunTask" && drawing.contains(&thread(event)));
    tasks.filter_map(|task| Some(task["tdur"].as_f64()? / 1000.0)).collect()
}

fn number_of(text: &Value) -> usize {
    text.as_str().and_then(|text| text.strip_prefix("message ")?.parse().ok()).expect("a message")
}
