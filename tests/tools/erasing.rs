//! `wachat user erase` and `user remove`: what is to be gone, of accounts that exist and of removed ones, beside a server and
//! without one.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::connection::without_times;
use crate::support::{Connection, WACHAT, World};

/// Runs `wachat user erase`, and answers its question.
fn erase(world: &World, name: &str, answer: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(WACHAT);
    command.args(["user", "erase", name, "--data"]).arg(world.data());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command");
    child.stdin.take().expect("its input").write_all(answer.as_bytes()).expect("to answer");
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

fn is_on_disk(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).expect("a directory").flatten().any(|entry| match entry.path() {
        path if path.is_dir() => is_on_disk(&path, text),
        path => std::fs::read(&path).is_ok_and(|content| String::from_utf8_lossy(&content).contains(text)),
    })
}

fn send(from: &mut Connection, id: &str, to: &str, text: &str) {
    let reply = from.request(&format!("SEND;{id};{to};{text}"));
    assert!(reply.starts_with(&format!("OK;{id};")), "{reply}");
}

/// Ana, who has written to luis, to herself and to a room, in a history file and in the log; so has luis.
fn world() -> World {
    let mut world = World::without_lobby();
    let [mut ana, mut luis] = ["ana", "luis"].map(|name| world.register(name));
    for user in [&mut ana, &mut luis] {
        assert_eq!(user.request("JOIN;#aula"), "OK");
    }
    assert_eq!(ana.request("EMAIL;ana@example.org"), "OK");
    send(&mut ana, "m-1", "luis", "secreto 1");
    send(&mut luis, "m-2", "ana", "queda 2");
    send(&mut ana, "m-3", "#aula", "secreto 3");
    send(&mut luis, "m-4", "#aula", "queda 4");
    world.stop();
    world.start();
    let mut ana = world.login("ana");
    send(&mut ana, "m-5", "luis", "secreto 5");
    send(&mut ana, "m-6", "ana", "secreto 6");
    world
}

const DIRECT: [&str; 3] = [
    "1;m-1;ana;luis;<at>;RECEIVED;;erased",
    "2;m-2;luis;ana;<at>;RECEIVED;queda 2",
    "5;m-5;ana;luis;<at>;RECEIVED;;erased",
];
const IN_ROOM: [&str; 2] = ["3;m-3;ana;#aula;<at>;RECEIVED;;erased", "4;m-4;luis;#aula;<at>;RECEIVED;queda 4"];

fn assert_erased(world: &World) {
    let mut luis = world.login("luis");
    assert_eq!(luis.list_without_times("HISTORY;ana"), DIRECT);
    assert_eq!(luis.list_without_times("HISTORY;#aula"), IN_ROOM);
    let mut chats = luis.list("CHATS");
    chats.sort();
    assert_eq!(chats, ["#aula;4;0;2;1", "ana;5;0;3;2"]);
}

#[test]
fn all_that_a_user_has_written_is_taken_back_after_a_yes() {
    for (is_running, is_removed) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut world = world();
        if is_removed {
            world.administer(&["user", "remove", "ana"]);
        }
        if !is_running {
            world.kill();
        }
        let (code, asked, said) = erase(&world, "ana", "no\n");
        assert_eq!((code, said.contains("nothing was changed")), (Some(1), true), "{said}");
        assert!(asked.contains("This removes 4 texts of ana in 3 conversations, for ever."), "{asked}");
        let (code, _, said) = erase(&world, "ana", "y\n");
        assert_eq!((code, said.as_str()), (Some(0), ""));
        let (code, said, _) = erase(&world, "ana", "");
        assert_eq!((code, said.as_str()), (Some(0), "ana has no texts here\n"));
        if !is_running {
            world.start();
        }
        assert_erased(&world);
        let events: Vec<_> = world.session("luis").poll(0, 0).iter().map(|event| without_times(event)).collect();
        let told: Vec<_> = events.iter().filter(|event| event.contains(";ERASED;")).collect();
        assert_eq!(told.len(), 2, "one a conversation: {events:?}");
        assert!(told.iter().any(|event| event.ends_with(";ERASED;ana;1;5;ana")), "{told:?}");
        assert!(told.iter().any(|event| event.ends_with(";ERASED;#aula;3;3;ana")), "{told:?}");
        world.kill();
        world.assert_undamaged();
        world.start();
        assert_erased(&world);
        world.stop();
        assert!(!is_on_disk(&world.data(), "secreto"));
        assert!(is_on_disk(&world.data(), "queda 2"));
        world.assert_undamaged();
    }
}

#[test]
fn who_is_not_there_has_nothing_to_take_back() {
    let world = World::without_lobby();
    let (code, _, said) = erase(&world, "nadie", "y\n");
    assert!(code == Some(1) && said.contains("nadie: there is no such user"), "{said}");
    let (code, _, said) = erase(&world, "#aula", "y\n");
    assert!(code == Some(1) && said.contains("#aula"), "{said}");
}

/// Of a removed account the name stays, and what was said; hash, address and last login are in no file after the stop.
#[test]
fn a_removed_account_leaves_its_name_alone() {
    for is_running in [true, false] {
        let mut world = world();
        drop(world.session("ana"));
        if !is_running {
            world.kill();
        }
        world.administer(&["user", "remove", "ana"]);
        if !is_running {
            world.start();
        }
        let list = world.administer(&["user", "list"]);
        let row: Vec<_> = list.lines().find(|row| row.starts_with("ana;")).expect("ana").split(';').collect();
        assert_eq!((row[1], row[3]), ("", ""), "neither address nor last login: {list}");
        world.stop();
        let users = crate::support::store_files::read_checkpoint(&world.data(), "users");
        let row = users.lines().find(|row| row.starts_with("ana;")).expect("ana");
        assert!(row.starts_with("ana;;;2"), "no hash and no address: {row}");
        assert!(!is_on_disk(&world.data(), "ana@example.org"));
        assert!(is_on_disk(&world.data(), "secreto 1"), "what was said stays");
        world.assert_undamaged();
        world.start();
        assert!(Connection::open(world.send).request("LOGIN:ana:x").starts_with("KO;AUTH"));
        assert!(Connection::open(world.send).request("REGISTER:ana:palabra larga").starts_with("KO;EXISTS"));
    }
}
