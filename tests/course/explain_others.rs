//! The story of one message is the same, whatever else is said at that time, also under the same id.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{NO_SETTINGS, WACHAT, World, wait_until};

/// ana sends a message twice, luis gets it on a second connection, acknowledges and reads it; with others, eva and luis send
/// messages of their own under its id, and read and acknowledge those.
fn hold_conversation(world: &World, trace: &Path, with_others: bool) {
    ["ana", "luis", "eva"].iter().for_each(|user| drop(world.register(user)));
    let mut ana = world.login("ana");
    let mut luis = world.login("luis");
    let mut eva = world.login("eva");
    let mut others = |lines: &[(&str, &str)]| {
        for (user, line) in lines.iter().filter(|_| with_others) {
            let connection = if *user == "eva" { &mut eva } else { &mut luis };
            let reply = connection.request(line);
            assert!(reply.starts_with("OK"), "{line}: {reply}");
        }
    };
    assert!(ana.request("SEND;m-1;luis;hola").ends_with(";1"));
    others(&[
        ("eva", "SEND;m-1;luis;hola"),
        ("luis", "SEND;m-1;eva;hola"),
        ("eva", "SEND;m-2;ana;hola"),
        ("eva", "READ;luis;3"),
    ]);
    assert!(ana.request("SEND;m-1;luis;hola").ends_with(";1"));
    others(&[("eva", "SEND;m-1;luis;hola"), ("eva", "SEND;m-3;eva;m-1"), ("luis", "READ;eva;2")]);
    assert!(world.session("luis").poll(0, 0).iter().any(|event| event.starts_with("1;MSG;m-1;ana;luis;")));
    let closes = || std::fs::read_to_string(trace).expect("a trace").matches(";CLOSE;RECV;").count();
    wait_until("the server to notice the end", || closes() == 1);
    if with_others {
        let mut session = world.session("eva");
        let last = session.poll(0, 5).last().and_then(|event| event.split(';').next()?.parse().ok()).expect("a number");
        session.poll(last, 0);
        drop(session);
        wait_until("the end of the other session", || closes() == 2);
    }
    let mut session = world.session("luis");
    session.poll(0, 0);
    session.poll(1, 0);
    let told = |state: &str| format!(";STATE;luis;{state};1;");
    let mut receipts = world.session("ana");
    wait_until("the first receipt", || receipts.poll(0, 5).iter().any(|event| event.contains(&told("DELIVERED"))));
    assert_eq!(world.login("luis").request("READ;ana;1"), "OK");
    wait_until("the second receipt", || receipts.poll(0, 5).iter().any(|event| event.contains(&told("READ"))));
    others(&[("eva", "SEND;m-4;luis;hola"), ("luis", "SEND;m-1;eva;hola"), ("luis", "READ;eva;2")]);
    wait_until("the trace to be written", || std::fs::read_to_string(trace).expect("a trace").contains(&told("READ")));
}

/// Returns the story of ana's message, without its times.
fn story(with_others: bool) -> String {
    let directory = TempDir::new().expect("a directory");
    let trace = directory.path().join("server.csv");
    let file = trace.to_str().expect("a path").to_owned();
    let world = World::in_directory(directory, &["--no-lobby", "--trace", &file]);
    hold_conversation(&world, &trace, with_others);
    let mut command = Command::new(WACHAT);
    command.args(["explain", "m-1", "--from", "ana", "--trace", &file, "--data"]).arg(world.data());
    let output = command.env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C").output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let times = regex_lite::Regex::new(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d\.\d{3}").expect("a pattern");
    times.replace_all(&String::from_utf8(output.stdout).expect("UTF-8"), "TIME").into_owned()
}

#[test]
fn what_others_say_under_the_same_id_is_no_part_of_a_story() {
    let alone = story(false);
    assert!(alone.contains("sends it again") && alone.trim_end().ends_with("luis READ"), "{alone}");
    assert_eq!(story(true), alone);
}
