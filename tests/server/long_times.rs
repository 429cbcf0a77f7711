//! Actions of a server after a minute and after a day, on a clock that the test sets forward.

use std::net::SocketAddr;
use std::time::Duration;

use wachat::disk::RealDisk;
use wachat::limits;
use wachat::model::Timestamp;

use crate::support::metrics::Page;
use crate::support::store_files::{newest_checkpoint, read_files};
use crate::support::world::choose_ports;
use crate::support::{Connection, World, wait_or};

/// Logs in with a wrong password this number of times, each time with another name.
fn fail(world: &World, last: u8, times: usize) {
    for number in 0..times {
        let mut line = Connection::open_from([127, 0, 0, last], world.send);
        assert!(line.request(&format!("LOGIN:nobody{number}:wrong password")).starts_with("KO;AUTH;"));
    }
}

/// The lines about failed logins from an address: of how many each tells.
fn told(world: &World, last: u8) -> Vec<u64> {
    let start = format!("event=login_failed from=127.0.0.{last} port=SEND reason=no_account");
    let log = world.log();
    let lines = log.lines().filter_map(|line| line.split_once(&start).map(|(_, rest)| rest));
    lines.map(|rest| if rest.is_empty() { 1 } else { rest.strip_prefix(" count=").unwrap().parse().unwrap() }).collect()
}

#[track_caller]
fn wait_for_lines(world: &World, last: u8, expected: &[&[u64]]) {
    let expected = expected.concat();
    wait_or(
        || (told(world, last) == expected).then_some(()),
        || format!("{:?}, not {expected:?} in {}", told(world, last), world.log()),
    );
}

/// The rest is told when the minute ends, by a line that is one of the next minute.
#[test]
fn no_address_has_more_than_ten_lines_a_minute_and_no_failed_login_is_lost() {
    let Some(world) = World::with_clock(&["--no-lobby"]) else { return };
    let minute = limits::AUDIT_PERIOD + Duration::from_secs(1);
    let lines = [1; 10];
    let most = limits::AUDIT_FAILED_LOGINS as usize;
    assert_eq!(most, lines.len());
    fail(&world, 7, most + 5);
    wait_for_lines(&world, 7, &[&lines]);
    world.set_clock(minute);
    wait_for_lines(&world, 7, &[&lines, &[5]]);
    fail(&world, 8, 3);
    fail(&world, 7, most + 2);
    wait_for_lines(&world, 7, &[&lines, &[5], &lines[1..]]);
    world.set_clock(2 * minute);
    wait_for_lines(&world, 7, &[&lines, &[5], &lines[1..], &[3]]);
    // A minute without a failure is told by no line, and the next one begins anew.
    world.set_clock(3 * minute);
    fail(&world, 7, most + 1);
    wait_for_lines(&world, 7, &[&lines, &[5], &lines[1..], &[3], &lines]);
    wait_for_lines(&world, 8, &[&[1; 3]]);
}

/// Returns the texts that ana has written to herself and that are there yet. The question wakes a server that sleeps
/// until the time that it knew.
fn texts(ana: &mut Connection) -> Vec<String> {
    ana.list("HISTORY;ana").iter().map(|row| row.rsplit(';').next().expect("a text").to_owned()).collect()
}

/// Has ana write to herself, and take it: what waits for a recipient stays.
fn send_and_take(world: &World, ana: &mut Connection, text: &str) {
    assert!(ana.request(&format!("SEND;m-{text};ana;{text}")).starts_with("OK;"));
    let mut session = world.session("ana");
    let last = session.poll(0, 0).last().and_then(|event| event.split(';').next()?.parse().ok()).expect("an event");
    session.poll(last, 0);
}

/// Returns when the last clean-up was, as the newest checkpoint has it.
fn cleaned_at(world: &World) -> String {
    let table = std::fs::read_to_string(newest_checkpoint(&world.data()).join("store.csv")).unwrap_or_default();
    table.lines().nth(2).and_then(|row| row.split(';').nth(4)).unwrap_or_default().to_owned()
}

/// The first clean-up is at the start, and then there is one a day: what is due goes within a day, and nothing before
/// it is.
#[test]
fn messages_go_in_the_days_after_they_are_due_on_a_server_that_runs() {
    let Some(mut world) = World::with_clock(&["--no-lobby"]) else { return };
    world.kill();
    let metrics = SocketAddr::from(([127, 0, 0, 1], choose_ports()[0]));
    let mut begun = Timestamp::now().to_string();
    world.start_with(&["--keep", "2d", "--timeout", "300", "--no-limits", "--metrics", &metrics.to_string()]);
    let made = || Page::read(metrics).value("wachat_checkpoints_total{outcome=\"made\"}");
    let mut ana = world.register("ana");
    let mut sent = Vec::new();
    let mut before = 0.0;
    for day in 0..5 {
        // Those of three days ago have been due for a day; those of yesterday are not.
        let is_done = || {
            let left = texts(&mut ana);
            assert!(sent.ends_with(&left) && left.len() >= sent.len().min(1), "day {day}: {left:?}");
            (left.len() <= 2 && cleaned_at(&world) >= begun && made() > before).then_some(())
        };
        wait_or(is_done, || format!("day {day}: the last clean-up was at {}\n{}", cleaned_at(&world), world.log()));
        sent.push(format!("day{day}"));
        send_and_take(&world, &mut ana, &sent[day as usize]);
        before = made();
        let ahead = Duration::from_secs((day + 1) * 25 * 3_600);
        begun = Timestamp::now().later(ahead).to_string();
        world.set_clock(ahead);
    }
    assert!(before < 30.0, "{before} checkpoints in 5 days: a clean-up a day has few");
}

fn is_on_disk(world: &World, text: &str) -> bool {
    let files = read_files(&RealDisk, world.data().to_str().expect("a path"));
    files.values().any(|content| String::from_utf8_lossy(content).contains(text))
}

/// A server that runs for days rewrites the files half a day after a message was taken back.
#[test]
fn a_text_that_was_taken_back_leaves_the_files_of_a_server_that_runs_within_a_day() {
    let Some(mut world) = World::with_clock(&["--no-lobby", "--timeout", "300", "--no-limits"]) else { return };
    let mut ana = world.register("ana");
    for (id, text) in [("m-1", "secreto"), ("m-2", "otro")] {
        assert!(ana.request(&format!("SEND;{id};ana;{text}")).starts_with("OK;"));
    }
    // They get into the history file.
    world.stop();
    world.start();
    let mut ana = world.login("ana");
    assert_eq!(ana.request("ERASE;ana;1"), "OK");
    // The router notes the time after it has sent the OK, and before it answers the next request.
    assert_eq!(ana.request("PING"), "OK");
    world.set_clock(limits::ERASE_DELAY - Duration::from_secs(3_600));
    // Each request wakes a server that sleeps until the time that it knew.
    (0..5).for_each(|_| assert_eq!(ana.request("PING"), "OK"));
    assert!(is_on_disk(&world, "secreto"), "it is not time yet");
    world.set_clock(limits::ERASE_DELAY + Duration::from_secs(60));
    let is_gone = || (ana.request("PING") == "OK" && !is_on_disk(&world, "secreto")).then_some(());
    wait_or(is_gone, || format!("the text is there yet\n{}", world.log()));
    assert!(is_on_disk(&world, "otro"));
    let rows = ana.list("HISTORY;ana");
    assert!(rows[0].ends_with(";;erased") && rows[1].ends_with(";otro"), "{rows:?}");
}
