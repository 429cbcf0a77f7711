//! `wachat room`, the administrator's commands, through the real binary.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::World;
use crate::support::connection::without_times;

/// Runs `wachat room`.
fn room(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(crate::support::WACHAT);
    command.arg("room").args(arguments).arg("--data").arg(data);
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn rooms_are_listed_and_removed_while_no_server_runs() {
    let mut world = World::new(&["--rooms-per-creator", "1"]);
    let data = world.data();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    for line in [&mut ana, &mut luis] {
        assert_eq!(line.request("JOIN;#Sala"), "OK");
    }
    let mut session = world.session("ana");
    // A message that luis has yet to get, and one whose state ana has yet to get.
    assert!(luis.request("SEND;m-1;#sala;secreto").starts_with("OK;m-1;RECEIVED;"));
    assert!(ana.request("SEND;m-2;#sala;otro").starts_with("OK;m-2;RECEIVED;"));
    assert_eq!(session.list("POLL;0;0").iter().filter(|event| event.contains(";MSG;")).count(), 1);
    session.request("POLL;1;0");
    world.kill();

    let (code, list, _) = room(&data, &["list"]);
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split(';').collect()).collect();
    assert_eq!((code, rows.len()), (Some(0), 3), "{list}");
    assert_eq!(rows[0], ["name", "members", "bytes", "created_by"]);
    assert_eq!((rows[1][0], rows[1][1], rows[1][3]), ("#lobby", "2", ""), "the lobby is nobody's");
    assert_eq!((rows[2][0], rows[2][1], rows[2][3]), ("#Sala", "2", "ana"));
    assert!(rows[1][2] == "0" && rows[2][2].parse::<u64>().expect("bytes") > 12, "{list}");
    assert_eq!(room(&data, &["remove", "#SALA"]), (Some(0), String::new(), String::new()));
    assert!(!room(&data, &["list"]).1.contains("#Sala"));

    // Its members are members no more, and nothing of it is pending. Its name is free, and so is ana's quota.
    for restart in 0..2 {
        world.start();
        let mut ana = world.login("ana").list("CHATS");
        let mut luis = world.session("luis");
        ana.retain(|chat| !chat.starts_with("#lobby"));
        assert_eq!(ana, [""; 0], "{restart}");
        assert_eq!(luis.poll(0, 0), [""; 0], "{restart}");
        assert_eq!(world.session("ana").list("POLL;1;0"), [""; 0], "{restart}");
        world.login("luis").expect_ko("HISTORY;#sala", "NO_ROOM");
        let (status, _) = world.stop();
        assert!(status.success(), "{status}");
        world.assert_undamaged();
    }
    world.start();
    let mut ana = world.login("ana");
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    assert_eq!(ana.request("HISTORY;#sala"), "OK;0", "a new room, with a history of its own");
    assert!(ana.request("SEND;m-3;#sala;nuevo").starts_with("OK;m-3;"));
    // A retry of what was said in the old one is known all the same.
    assert!(ana.request("SEND;m-2;#sala;otro").starts_with("OK;m-2;"));
    world.stop();
    world.assert_undamaged();
    world.start();
    let history = world.login("ana").list("HISTORY;#sala");
    assert!(
        history.len() == 1 && without_times(&history[0]).ends_with(";m-3;ana;#sala;<at>;RECEIVED;nuevo"),
        "{history:?}"
    );
    // The messages of the old room are kept, for the administrator alone.
    let file = std::fs::read_to_string(data.join("history/room-1.csv")).expect("the file of the removed room");
    assert!(file.contains(";secreto;") && !file.contains(";nuevo;"), "{file}");
}

#[test]
fn an_impossible_request_is_refused_in_one_line() {
    let mut world = World::new(&[]);
    let data = world.data();
    world.stop();
    for name in ["#nowhere", "lobby", "#a b", ""] {
        let (code, _, said) = room(&data, &["remove", name]);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{name:?}: {said}");
    }
    for arguments in [&["list"][..], &["remove", "#sala"]] {
        let (code, _, said) = room(&world.path("nothing"), arguments);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{arguments:?}: {said}");
        assert!(said.contains("there is no store"), "{said}");
    }
}
