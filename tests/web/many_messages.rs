//! A conversation of 10,000 messages: the page holds 300 rows of it at most, and goes through all of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::web::world_with_web;
use crate::support::{Connection, TIMEOUT};

const MESSAGES: usize = 10_000;
const MOST_ROWS: u64 = 300;
/// Milliseconds that a frame should take. The test prints how many take longer: on a busy machine that says little.
const FRAME: f64 = 50.0;

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

fn send_all(luis: &mut Connection) {
    for chunk in (1..=MESSAGES).collect::<Vec<_>>().chunks(500) {
        let lines: String = chunk.iter().map(|number| format!("SEND;m-{number};ana;message {number}\n")).collect();
        luis.send(lines);
        for _ in chunk {
            assert!(luis.read_line().starts_with("OK;"));
        }
    }
}

#[test]
#[ignore = "takes a minute; the frames that it prints are of use on a quiet machine alone"]
fn ten_thousand_messages_go_by_and_the_page_stays_small() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--no-limits"]);
    let profile = profile();
    drop(world.register("ana"));
    send_all(&mut world.register("luis"));
    let browser = Browser::start(&program, profile.path());
    let ana = Messenger::log_in(&browser, web, "ana");
    ana.wait_for_text(".chat .last", &format!("message {MESSAGES}"));
    ana.choose_chat("luis");
    ana.wait_for_element(".row");
    ana.resize(1000, 2000);
    for step in [-1500, 1500] {
        ana.begin(&format!("delete globalThis.way; ({SCROLL})({step}).then((way) => globalThis.way = way)"));
        let way = ana.wait_for_within(10 * TIMEOUT, "globalThis.way");
        let numbers: BTreeSet<usize> = way["seen"].as_array().into_iter().flatten().map(number_of).collect();
        // The way up begins where the unread ones do; the way down goes from the first to the last.
        let last = if step < 0 { numbers.len() } else { MESSAGES };
        assert!(numbers.iter().copied().eq(1..=last) && last > MESSAGES / 2, "{} messages came by", numbers.len());
        assert!(way["mostRows"].as_u64() <= Some(MOST_ROWS), "{} rows", way["mostRows"]);
        let mut frames: Vec<f64> = way["frames"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        frames.sort_by(f64::total_cmp);
        let slow = frames.iter().filter(|time| **time > FRAME).count();
        println!(
            "{} frames, {slow} over {FRAME} ms, the longest {:.0} ms",
            frames.len(),
            frames.last().unwrap_or(&0.0)
        );
    }
    // All were on the screen, so all are read.
    ana.wait_for("document.title === 'wachat'");
    assert_eq!(ana.errors(), Vec::<String>::new());
}

fn number_of(text: &Value) -> usize {
    text.as_str().and_then(|text| text.strip_prefix("message ")?.parse().ok()).expect("a message")
}
