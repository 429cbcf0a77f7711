//! Changes of a class that runs: a student more, an empty store.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use super::{Class, Student};
use crate::support::{Connection, NO_SETTINGS, WACHAT, send_signal, wait_until};

const ROSTER: &str = "name\nana\nluis\neva\n";

/// `wachat receive --follow` of a student.
fn follow(student: &Student) -> Command {
    let mut command = Command::new(WACHAT);
    command.args(["receive", "--follow", "--user", &student.name, "--server", "127.0.0.1"]);
    command.args(["--send-port", &student.send.port().to_string(), "--recv-port", &student.recv.port().to_string()]);
    command.env("WACHAT_PASSWORD", &student.password);
    command.env("WACHAT_CONFIG", NO_SETTINGS).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn a_student_is_added_while_the_others_go_on() {
    let class = Class::started(ROSTER, 2);
    let ana = class.student("ana");
    let pids = [1, 2].map(|group| class.pid(group).expect("a server"));
    let mut client = follow(&ana).spawn().expect("a client");
    let mut lines = BufReader::new(client.stdout.take().expect("its output")).lines();
    class.student("eva").login().request("SEND;m-1;ana;before");
    assert!(lines.next().expect("a line").expect("UTF-8").ends_with("eva: before"));
    let said = class.done(&["add", "zoe", "--group", "1"]);
    assert!(
        said.starts_with("zoe is in group 1; the password is in class/passwords.csv; its server was away for "),
        "{said}"
    );
    assert_eq!(class.pid(2), Some(pids[1]), "the other group noticed nothing");
    let zoe = class.student("zoe");
    assert!(zoe.login().request("SEND;m-1;ana;after").starts_with("OK;m-1;"));
    // The client has connected again by itself.
    assert!(lines.next().expect("a line").expect("UTF-8").ends_with("zoe: after"));
    client.kill().expect("to end it");
    client.wait().expect("its end");
    assert_eq!(ana.login().list("HISTORY;eva").len(), 1, "nothing is lost");
    assert_eq!(class.board(1)["crashes"], "0", "to be stopped is no crash");
    // Without --group: the one with the fewest.
    class.done(&["add", "leo"]);
    assert_eq!(class.student("leo").group, 2);
    for (arguments, why) in [
        (&["add", "Zoe"][..], "Zoe is in group 1 already"),
        (&["add", "a b"], "a b: "),
        (&["add", "max", "--group", "3"], "there is no group 3: the class has 2"),
        (&["reset", "9"], "there is no group 9"),
    ] {
        let said = class.refused(arguments);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    assert_eq!(class.students().len(), 5);
    assert!(class.read("class/students.csv").ends_with("zoe;1\nleo;2\n"));
}

#[test]
fn a_student_is_added_to_a_class_that_is_stopped_or_half_added() {
    let class = Class::started(ROSTER, 2);
    class.done(&["stop"]);
    let said = class.done(&["add", "zoe", "--group", "2"]);
    assert!(said.ends_with("; its server is down\n") && class.pid(2).is_none(), "{said}");
    // As if the command had been killed before it was done.
    let students = class.read("class/students.csv").replace("zoe;2\n", "");
    fs::write(class.path("class/students.csv"), students).expect("to write");
    let before = class.student("zoe").password;
    class.done(&["add", "zoe", "--group", "2"]);
    let zoe = class.student("zoe");
    assert_ne!(zoe.password, before);
    class.done(&["start"]);
    zoe.login();
    assert_eq!(class.students().len(), 4);
}

#[test]
fn an_empty_store_keeps_the_accounts_and_the_old_one() {
    let class = Class::started(ROSTER, 2);
    let ana = class.student("ana");
    let luis = class.student("luis");
    ana.login().request("SEND;m-1;#lobby;antes");
    luis.login().request("SEND;m-1;#lobby;hola");
    assert_eq!(class.board(1)["messages"], "1");
    send_signal(class.pid(1).expect("a server"), "KILL");
    wait_until("the server to end", || class.pid(1).is_none());
    class.done(&["start"]);
    let said = class.done(&["reset", "1"]);
    assert_eq!(ana.login().list("HISTORY;#lobby"), [""; 0]);
    assert_eq!(luis.login().list("HISTORY;#lobby").len(), 1, "the other group keeps its messages");
    assert_eq!((class.board(1)["messages"].as_str(), class.board(1)["crashes"].as_str()), ("0", "0"));
    let old = said.split("the old one is in ").nth(1).and_then(|rest| rest.split(';').next()).expect("a directory");
    let mut text = String::new();
    for entry in fs::read_dir(class.path(old).join("data/history")).expect("the old history").flatten() {
        fs::File::open(entry.path()).expect("a file").read_to_string(&mut text).expect("text");
    }
    assert!(text.contains(";antes;"), "{text}");
    assert!(fs::read_to_string(class.path(old).join("trace.csv")).expect("the old trace").contains("antes"));
    // As if the command had been killed when the old store was moved away.
    class.done(&["stop"]);
    let data = class.path("class/group-1/data");
    fs::rename(&data, class.path("class/group-1/data.new")).expect("to move it");
    class.done(&["start"]);
    ana.login();
    class.done(&["stop"]);
    fs::rename(&data, class.path("elsewhere")).expect("to move it");
    let said = class.refused(&["start"]);
    assert!(said.contains("data: the store of the group is missing"), "{said}");
    assert!(class.pid(2).is_some(), "the other group is served");
    assert!(Connection::try_open(ana.send).is_none(), "no empty store takes its place");
}

#[test]
fn ctrl_c_waits_until_the_server_is_back() {
    let class = Class::started(ROSTER, 2);
    for round in 0..4 {
        let mut child = class.command(&["add", &format!("student{round}"), "--group", "1"]).spawn().expect("it runs");
        // The test holds for any moment.
        std::thread::sleep(std::time::Duration::from_millis(40 + 40 * round));
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).output();
        child.wait().expect("its end");
        assert!(class.pid(1).is_some(), "{round}");
        class.students().iter().filter(|student| student.group == 1).for_each(|student| drop(student.login()));
    }
}

#[test]
fn a_class_is_moved_to_another_place() {
    let class = Class::started(ROSTER, 2);
    class.student("ana").login().request("SEND;m-1;eva;hola");
    class.done(&["stop"]);
    fs::rename(class.path("class"), class.path("elsewhere")).expect("to move it");
    class.done(&["start", "--dir", "elsewhere"]);
    fs::rename(class.path("elsewhere"), class.path("class")).expect("to move it");
    assert_eq!(class.student("ana").login().list("HISTORY;eva").len(), 1);
    assert_eq!(class.board(1)["messages"], "1");
}
