//! `wachat send --wait` in rooms: the state is that of the slowest member, whatever the others have done; `receive --max`
//! divides what waits into parts that are the whole.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::clients::exit_code;
use crate::support::{Connection, NO_SETTINGS, PASSWORD, WACHAT, World, wait_until};
use wachat::limits;

fn tool(world: &World, name: &str, user: &str, more: &[&str]) -> Command {
    let mut command = Command::new(WACHAT);
    command.args([name, "--user", user]).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS);
    command.args(["--send-port", &world.send_port.to_string(), "--recv-port", &world.recv_port.to_string()]);
    if name == "send" {
        // Each has an outbox of its own: none waits for another.
        command.arg("--home").arg(world.path(&format!("home-{}", more.join("-"))));
    }
    command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The acts of a member: nothing, acknowledges them, or reads them, too.
const ACTS: [&str; 3] = ["nothing", "acknowledges", "reads"];
const STATES: [&str; 3] = ["RECEIVED", "DELIVERED", "READ"];

/// A send that waits for the members of a room.
struct Waiting {
    child: Child,
    members: &'static [usize],
    wanted: usize,
    reached: usize,
}

impl Waiting {
    fn about(&self) -> String {
        let acts: Vec<_> = self.members.iter().map(|act| ACTS[*act]).collect();
        format!("members: {acts:?}; wanted {}", STATES[self.wanted])
    }
}

/// The members of the rooms: every pair, one of each, and three of which one is slow.
const ROOMS: [&[usize]; 9] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2], &[2, 2, 0], &[2, 2, 1]];

fn member(act: usize, copy: usize) -> String {
    format!("{}{copy}", ["none", "acks", "reads"][act])
}

/// Returns the names of a room's members: two who do the same are two.
fn members(acts: &[usize]) -> Vec<String> {
    let copy = |place: usize| acts[..place].iter().filter(|act| **act == acts[place]).count();
    (0..acts.len()).map(|place| member(acts[place], copy(place))).collect()
}

#[test]
fn a_send_to_a_room_waits_for_the_slowest_member() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut everybody = BTreeMap::new();
    for name in ROOMS.iter().flat_map(|acts| members(acts)) {
        everybody.entry(name.clone()).or_insert_with(|| world.register(&name));
    }
    // A user has a limited number of connections at once: each room has a sender of its own.
    let mut senders: Vec<_> = (0..ROOMS.len()).map(|number| world.register(&format!("ana{number}"))).collect();
    let mut waiting = Vec::new();
    for ((number, acts), ana) in ROOMS.iter().enumerate().zip(&mut senders) {
        let room = format!("#sala{number}");
        assert!(ana.request(&format!("JOIN;{room}")).starts_with("OK"));
        for name in members(acts) {
            assert!(everybody.get_mut(&name).unwrap().request(&format!("JOIN;{room}")).starts_with("OK"));
        }
        let reached = acts.iter().min().copied().unwrap_or(2);
        for wanted in [1, 2] {
            let text = format!("until {}", STATES[wanted]);
            let state = STATES[wanted].to_lowercase();
            let words = [room.as_str(), &text, "--wait", &state, "--timeout", "300", "--json"];
            let child = tool(&world, "send", &format!("ana{number}"), &words).spawn().expect("it runs");
            waiting.push(Waiting { child, members: acts, wanted, reached });
        }
    }
    let is_there = |number: usize, ana: &mut Connection| ana.list(&format!("HISTORY;#sala{number};10")).len() == 2;
    for (number, ana) in senders.iter_mut().enumerate() {
        wait_until("both messages", || is_there(number, ana));
    }
    for (name, connection) in &mut everybody {
        if name.starts_with("none") {
            continue;
        }
        let mut session = world.session(name);
        let events = session.poll(0, 0);
        let number_of = |event: &String| event.split(';').next().expect("a number").to_owned();
        session.poll(number_of(events.last().expect("events")).parse().expect("a number"), 0);
        if name.starts_with("reads") {
            for (number, _) in ROOMS.iter().enumerate().filter(|(_, acts)| members(acts).contains(name)) {
                let room = format!("#sala{number}");
                let here = events.iter().rfind(|event| event.split(';').nth(4) == Some(room.as_str()));
                let last = number_of(here.expect("a message"));
                assert_eq!(connection.request(&format!("READ;{room};{last}")), "OK", "{name}");
            }
        }
    }
    let (done, slow): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| one.wanted <= one.reached);
    for one in done {
        let about = one.about();
        let output = one.child.wait_with_output().expect("its end");
        assert_eq!(exit_code(&output), 0, "{about}: {output:?}");
        let line: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {about}"));
        let states: Vec<_> = (one.wanted..=one.reached).map(|state| STATES[state]).collect();
        assert!(states.iter().any(|state| line["state"] == *state), "{about}: {line}, and not one of {states:?}");
    }
    assert_all_wait(slow);
}

/// Asserts that none of these ends while they ask for the state some times more.
fn assert_all_wait(mut slow: Vec<Waiting>) {
    let deadline = Instant::now() + 3 * limits::MIN_STATUS_DELAY + Duration::from_secs(2);
    while Instant::now() < deadline {
        for one in &mut slow {
            let end = one.child.try_wait().expect("its state");
            assert!(end.is_none(), "{}: {end:?}", one.about());
        }
        thread::sleep(Duration::from_millis(50));
    }
    for one in &mut slow {
        one.child.kill().expect("SIGKILL");
        one.child.wait().expect("its end");
    }
}

#[test]
fn receiving_in_parts_loses_and_doubles_nothing() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    for name in ["ana", "luis", "eva"] {
        world.register(name);
    }
    let mut ana = world.login("ana");
    let mut luis = world.login("luis");
    let mut eva = world.session("eva");
    let mut expected = Vec::new();
    for number in 1..=12 {
        // States between the messages: events that are no messages.
        if number % 3 == 0 {
            assert!(luis.request(&format!("SEND;l-{number};eva;x")).starts_with("OK;"));
            let last = eva.poll(0, 0).last().and_then(|event| event.split(';').next()?.parse().ok()).expect("an event");
            eva.poll(last, 0);
        }
        let text = format!("text {number}");
        assert!(ana.request(&format!("SEND;a-{number};luis;{text}")).starts_with("OK;"));
        expected.push(text);
    }
    let mut received = Vec::new();
    for max in [1, 2, 1, 3, 4, 5, 1] {
        let output = tool(&world, "receive", "luis", &["--max", &max.to_string(), "--json"]).output().expect("it runs");
        assert_eq!(exit_code(&output), 0, "{output:?}");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let texts: Vec<_> = events.iter().filter_map(|event| event["text"].as_str()).map(str::to_owned).collect();
        let left = expected.len() - received.len();
        assert_eq!(texts.len(), left.min(max), "--max {max}: {lines}");
        received.extend(texts);
    }
    assert_eq!(received, expected);
}
