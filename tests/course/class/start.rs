//! The first start of a class, and the later ones.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use super::{Class, Student};
use crate::support::clients::{all_output, exit_code};
use crate::support::terminal::Terminal;
use crate::support::{Connection, WACHAT, send_signal, wait_until};

const ROSTER: &str = "name;password;email\nana;;ana@example.org\nluis;una palabra larga;\nMaría;;\neva;;\nzoe;;\n";

#[test]
fn each_group_has_a_server_of_its_own() {
    let class = Class::new(ROSTER, 2);
    let said = class.done(&class.start_arguments(2));
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[1].starts_with("1      started  3 ") && lines[2].starts_with("2      started  2 "), "{said}");
    assert!(
        lines[1].contains(&format!("--send-port {} --recv-port {}", class.base_port, class.base_port + 1)),
        "{said}"
    );
    let students = class.students();
    let groups: Vec<_> = students.iter().map(|Student { name, group, .. }| (name.as_str(), *group)).collect();
    assert_eq!(groups, [("ana", 1), ("María", 1), ("zoe", 1), ("luis", 2), ("eva", 2)], "dealt in turn");
    assert_eq!(class.student("luis").password, "una palabra larga");
    for student in &students {
        let other = students.iter().find(|other| other.group != student.group).expect("another group");
        let line = format!("LOGIN:{}:{}", student.name, student.password);
        assert!(
            Connection::open_with(other.send, &line).0.starts_with("KO;AUTH;"),
            "{student:?} is in one group alone"
        );
        assert!(student.login().request("SEND;m-1;#lobby;hola").starts_with("OK;m-1;"));
    }
    assert!(Connection::open_with(students[0].send, "REGISTER:nadie:palabra larga").0.starts_with("KO;CLOSED;"));
    for file in ["passwords.csv", "students.csv", "class.csv", "group-1/trace.csv", "group-1/log", "group-1/pid"] {
        let mode = fs::metadata(class.path("class").join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    // In a session of its own, so that the end of a terminal does not end it.
    for group in [1, 2] {
        let pid = class.pid(group).expect("a server");
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("its state");
        let session = stat.rsplit_once(") ").expect("a name").1.split(' ').nth(3).map(str::to_owned);
        assert_eq!(session, Some(pid.to_string()));
    }
    assert_eq!(class.done(&["stop"]), "2 servers stopped\n");
    assert_eq!((class.pid(1), class.pid(2)), (None, None));
    assert_eq!(class.done(&["stop"]), "0 servers stopped\n");
}

#[test]
fn a_second_start_starts_what_is_down_and_changes_nothing_else() {
    let class = Class::started(ROSTER, 3);
    let before = ["class.csv", "students.csv", "passwords.csv"].map(|file| class.read(&format!("class/{file}")));
    let pids = [1, 2, 3].map(|group| class.pid(group).expect("a server"));
    class.student("luis").login().request("SEND;m-1;#lobby;hola");
    send_signal(pids[1], "KILL");
    wait_until("the server to end", || class.pid(2).is_none());
    assert_eq!((class.board(2)["server"].as_str(), class.board(2)["crashes"].as_str()), ("crashed", "1"));
    let said = class.done(&class.start_arguments(3));
    let states: Vec<_> = said.lines().skip(1).take(3).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(states, ["runs", "started", "runs"], "{said}");
    assert_eq!((class.pid(1), class.pid(3)), (Some(pids[0]), Some(pids[2])));
    assert_eq!((class.board(2)["server"].as_str(), class.board(2)["crashes"].as_str()), ("up", "1"));
    assert_eq!(before, ["class.csv", "students.csv", "passwords.csv"].map(|file| class.read(&format!("class/{file}"))));
    assert_eq!(class.student("luis").login().list("HISTORY;#lobby").len(), 1, "its message is there");
    // A roster with one more adds nobody, and says so.
    fs::write(class.path("roster.csv"), format!("{ROSTER}leo;;\n")).expect("a roster");
    let said = class.done(&class.start_arguments(3));
    assert!(said.contains("leo is in the roster, and not in the class: wachat class add leo"), "{said}");
    // Settings change only while nothing runs.
    let said = class.refused(&["start", "--timeout", "20"]);
    assert!(said.contains("change only while the class is stopped"), "{said}");
    assert!(class.refused(&["start", "--groups", "4"]).contains("the class has 3 groups, not 4"));
    class.done(&["stop"]);
    let other = crate::support::world::choose_ports_in_a_row(6);
    class.done(&["start", "--timeout", "20", "--base-port", &other.to_string()]);
    assert_eq!(class.student("luis").send.port(), other + 2);
    class.student("luis").login();
    assert!(class.read("class/class.csv").starts_with("wachat-class;2;127.0.0.1;20;clear-text\n"));
}

#[test]
fn groups_of_the_roster_count_and_the_others_are_dealt_evenly() {
    let class = Class::started("name;group\na1;2\nb1;\nc1;2\nd1;\ne1; 3\nf1;\n", 3);
    let mut groups: Vec<_> = class.students().into_iter().map(|student| (student.name, student.group)).collect();
    groups.sort();
    let expected = [("a1", 2), ("b1", 1), ("c1", 2), ("d1", 1), ("e1", 3), ("f1", 3)];
    assert_eq!(groups, expected.map(|(name, group)| (name.to_owned(), group)));
}

#[test]
fn with_an_error_nothing_is_started() {
    let class = Class::new(ROSTER, 2);
    for (roster, what) in [
        ("name;group\nana;1\nluis;3\neva;red\n", "line 3: \"3\" is no group: they are 1 to 2"),
        ("name;group\nana;1\nluis;3\neva;red\n", "line 4: \"red\" is no group"),
        ("name\nana\nana\n", "line 3: ana is in line 2, too"),
        ("name\nluis\nana\n1uis\n", "line 4: 1uis looks like luis, in line 2"),
        ("name;colour\nana;red\n", "there is no column \"colour\""),
        ("", "line 1: the file is empty"),
    ] {
        fs::write(class.path("roster.csv"), roster).expect("a roster");
        let said = class.refused(&class.start_arguments(2));
        assert!(said.contains(what) && said.contains("nothing was started"), "{roster:?}: {said}");
    }
    fs::write(class.path("roster.csv"), ROSTER).expect("a roster");
    let taken = TcpListener::bind(("127.0.0.1", class.base_port + 2)).expect("a port");
    let said = class.refused(&class.start_arguments(2));
    assert!(
        said.contains(&format!("port {} of group 2: ", class.base_port + 2)) && said.contains("--base-port"),
        "{said}"
    );
    drop(taken);
    let said = class.refused(&["start", "--roster", "roster.csv", "--groups", "2", "--base-port", "65534"]);
    assert!(said.contains("there are no 4 ports from 65534 on"), "{said}");
    for arguments in [&["start"][..], &["board", "--once"], &["stop"], &["add", "ana"], &["reset", "1"], &["export"]] {
        let said = class.refused(arguments);
        assert!(said.contains("there is no class") && said.lines().count() == 1, "{arguments:?}: {said}");
    }
    fs::create_dir(class.path("class")).expect("a directory");
    fs::write(class.path("class/thesis.txt"), "mine").expect("a file");
    let said = class.refused(&class.start_arguments(2));
    assert!(said.contains("this is no class, and not empty"), "{said}");
    fs::remove_dir_all(class.path("class")).expect("to remove it");
    assert!(!class.path("class.new").exists());
    class.done(&class.start_arguments(2));
    fs::write(class.path("class/class.csv"), "wachat-class;3;127.0.0.1;10;tls\n").expect("a newer class");
    assert!(class.refused(&["start"]).contains("class.csv, line 1: this is no class that this version"));
}

#[test]
fn of_two_starts_at_a_time_one_makes_the_class() {
    for _ in 0..4 {
        let class = Class::new(ROSTER, 2);
        let start = || class.command(&class.start_arguments(2)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let children = [start().expect("it runs"), start().expect("it runs")];
        let outputs = children.map(|child| child.wait_with_output().expect("its end"));
        let codes: Vec<_> = outputs.iter().map(exit_code).collect();
        let said: String = outputs.iter().map(all_output).collect();
        // The second may come when the first is done: then it has nothing to do.
        assert!(codes.contains(&0), "{said}");
        if codes.contains(&1) {
            assert!(said.contains("another wachat class is at work") || said.contains("port "), "{said}");
        }
        assert!(class.pid(1).is_some() && class.pid(2).is_some() && !class.path("class.new").exists(), "{said}");
        class.students().iter().for_each(|student| drop(student.login()));
    }
}

#[test]
fn after_ctrl_c_or_a_kill_another_start_goes_on() {
    let names: String = (0..6).map(|number| format!("student{number}\n")).collect();
    for (signal, pause) in [("INT", 20), ("INT", 250), ("KILL", 60), ("KILL", 200)] {
        let class = Class::new(&format!("name\n{names}"), 3);
        let mut child = class.command(&class.start_arguments(3)).stdout(Stdio::null()).spawn().expect("it runs");
        // The test holds for any moment.
        std::thread::sleep(Duration::from_millis(pause));
        let _ = std::process::Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).output();
        child.wait().expect("its end");
        // A server whose start was killed ends by itself, or is found.
        wait_until("another start", || exit_code(&class.run(&class.start_arguments(3))) == 0);
        let pids: Vec<_> = (1..=3).map(|group| class.pid(group).expect("a server")).collect();
        class.students().iter().for_each(|student| drop(student.login()));
        assert_eq!(class.students().len(), 6);
        class.done(&["stop"]);
        // The lock goes a moment before the process.
        wait_until("the processes to end", || pids.iter().all(|pid| !is_alive(*pid)));
    }
}

/// Returns whether a process runs; one that nobody has waited for has ended.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_number_of_a_process_that_is_no_server_is_left_alone() {
    let class = Class::started(ROSTER, 2);
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().expect("a process");
    send_signal(class.pid(1).expect("a server"), "KILL");
    wait_until("the server to end", || class.pid(1).is_none());
    // As if the system had given its number to another program.
    fs::write(class.path("class/group-1/pid"), format!("{};here\n", other.id())).expect("to write");
    assert_eq!(class.board(1)["server"], "crashed");
    assert_eq!(class.done(&["stop"]), "1 server stopped\n");
    assert!(other.try_wait().expect("its state").is_none(), "the other program runs");
    other.kill().expect("to end it");
    other.wait().expect("its end");
    // A server on another machine, which has the directory by a network, is not stopped from here.
    let file = fs::File::options().write(true).open(class.path("class/group-2/pid")).expect("the file");
    file.lock().expect("its lock");
    fs::write(class.path("class/group-2/pid"), "4711;another-machine\n").expect("to write");
    let said = class.refused(&["stop"]);
    assert!(said.contains("the server of group 2 runs on the machine another-machine"), "{said}");
}

#[test]
fn the_servers_outlive_the_terminal_that_started_them() {
    let class = Class::new(ROSTER, 2);
    let path = |name: &str| class.path(name).display().to_string();
    let roster = path("roster.csv");
    let directory = path("class");
    let base = class.base_port.to_string();
    let arguments = ["class", "start", "--roster", &roster, "--groups", "2", "--base-port", &base, "--dir", &directory];
    let mut terminal = Terminal::start_program(WACHAT, &arguments.map(str::to_owned), None, &[], [24, 120]);
    assert_eq!(terminal.wait_for_exit(), Some(0), "{}", terminal.screen());
    drop(terminal);
    class.students().iter().for_each(|student| drop(student.login()));
}
