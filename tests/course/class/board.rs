//! The score board and the grades.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::Class;
use crate::course::judge::Killable;
use crate::support::examples::example;
use crate::support::terminal::Terminal;
use crate::support::{WACHAT, World, send_signal, wait_until};

const ROSTER: &str = "name;group\n=1+1;1\nana;1\nluis;2\neva;3\n<b>zoe&;3\n";

#[test]
fn the_servers_of_the_groups_are_judged_and_graded() {
    let class = Class::started(ROSTER, 3);
    let ours = World::new(&[]);
    let program = example("flawed").display().to_string();
    let flawed = Killable::start(|[send, recv]| {
        format!("{program} no-dedupe --send-port {send} --recv-port {recv} --file log.csv")
    });
    let said = class.refused(&["judge"]);
    assert!(said.contains("no group has a server: class server GROUP HOST:SEND,RECV registers one"), "{said}");
    assert_eq!(class.board(1)["own"], "-");
    for (group, ports) in [(1, [ours.send_port, ours.recv_port]), (2, flawed.ports), (3, [1, 2])] {
        class.done(&["server", &group.to_string(), &format!("127.0.0.1:{},{}", ports[0], ports[1])]);
    }
    assert!(class.refused(&["server", "1", "here"]).contains("has not the form HOST:SEND,RECV"));
    assert!(class.refused(&["server", "4", "127.0.0.1:1,2"]).contains("there is no group 4"));
    fs::write(class.path("points.toml"), "framing = 30\nidempotence = 6\n").expect("points");
    let only = ["judge", "--only", "framing-1,idempotence-1,idempotence-3,crash", "--points", "points.toml"];
    let said = class.refused(&only);
    assert!(said.contains("group 1: 3 of 3 tests passed, 4.5/4.5 points"), "{said}");
    assert!(said.contains("group 2: 2 of 3 tests passed (failed: idempotence-1), "), "{said}");
    assert!(said.contains("wachat: group 3: there is no server at 127.0.0.1:1, the SEND port: "), "{said}");
    let row = class.board(2);
    assert_eq!([&row["own"], &row["framing"], &row["idempotence"]], ["here", "1/1", "1/2"]);
    assert_eq!([&class.board(3)["own"], &class.board(3)["points"]], ["away", "-"]);
    assert!(class.read("class/group-2/judge.txt").contains("Every SEND is a new message, whatever its id."));
    // The newest result of a group of tests counts, and the others stay.
    assert!(class.done(&["judge", "2", "--only", "login-1"]).contains("group 2: 1 of 1 tests passed, "));
    let row = class.board(2);
    assert_eq!([&row["framing"], &row["login"], &row["idempotence"]], ["1/1", "1/1", "1/2"]);
    let sheet = class.done(&["export"]);
    let lines: Vec<Vec<_>> = sheet.lines().map(|line| line.split(';').collect()).collect();
    assert_eq!(lines[0][..4], ["student", "group", "framing", "login"]);
    assert_eq!(lines[1][..4], ["'=1+1", "1", "2.5", ""], "no formula for a spreadsheet");
    let total = lines[0].iter().position(|column| *column == "total").expect("a column");
    assert_eq!((lines[1][total], lines[1][total + 1]), ("4.5", "4.5"), "{sheet}");
    assert_eq!((lines[3][0], lines[3][3], lines[4][0], lines[4][total]), ("luis", "1", "eva", ""), "{sheet}");
    class.done(&["export", "grades.csv"]);
    assert_eq!(class.read("grades.csv"), sheet);
    assert!(class.refused(&["judge", "--only", "sockets"]).contains("there is no test and no group \"sockets\""));
    assert!(class.refused(&["judge", "7"]).contains("there is no group 7"));
}

#[test]
fn traffic_is_counted() {
    let class = Class::started(ROSTER, 3);
    let ana = class.student("ana");
    let session = class.student("ana").session();
    let mut line = ana.login();
    let reply = line.request("SEND;m-1;#lobby;hola");
    assert_eq!(line.request("SEND;m-1;#lobby;hola"), reply, "a retry is no other message");
    line.request("SEND;m-2;#lobby;\"OK;x;RECEIVED;2026-11-23T04:22:32.029Z;99\"");
    let row = class.board(1);
    assert_eq!([&row["online"], &row["messages"], &row["connections"], &row["server"]], ["1/2", "2", "2", "up"]);
    drop((line, session));
    wait_until("the connections to close", || class.board(1)["connections"] == "0");
    assert_eq!([&class.board(1)["online"], &class.board(2)["messages"]], ["0/2", "0"]);
    // An earlier run counts, too.
    class.done(&["stop"]);
    assert_eq!([&class.board(1)["messages"], &class.board(1)["server"]], ["2", "stopped"]);
    class.done(&["start"]);
    ana.login().request("SEND;m-3;#lobby;hola");
    assert_eq!(class.board(1)["messages"], "3");
}

#[test]
fn the_page_is_one_file_and_names_are_only_text() {
    let class = Class::started(ROSTER, 3);
    class.done(&["board", "--once", "--html", "board.html"]);
    let page = class.read("board.html");
    assert!(page.contains("&lt;b&gt;zoe&amp;") && !page.contains("<b>"), "{page}");
    assert!(page.contains("http-equiv=\"refresh\"") && page.contains("default-src 'none'"), "{page}");
    for word in ["<script", "src=", "href=", "http:", "https:"] {
        assert!(!page.contains(word), "{word} in {page}");
    }
    assert_eq!(page.matches("<tr>").count(), 4);
}

#[test]
fn without_a_terminal_the_board_is_printed_when_it_changes() {
    let class = Class::started(ROSTER, 3);
    let mut board = class.command(&["board", "--html", "board.html"]).stdout(Stdio::piped()).spawn().expect("a board");
    let mut lines = BufReader::new(board.stdout.take().expect("its output")).lines().map(|line| line.expect("UTF-8"));
    assert!(lines.by_ref().take(4).all(|line| !line.contains('\u{1b}')));
    class.student("luis").login().request("SEND;m-1;luis;hola");
    let changed = lines.find(|line| line.starts_with("2 ") && line.split_whitespace().nth(3) == Some("1"));
    assert!(changed.is_some() && class.read("board.html").contains("<td class=\"1\">1</td>"));
    send_signal(board.id(), "INT");
    assert!(board.wait().expect("its end").success());
}

#[test]
fn shown_once_the_board_leaves_the_terminal_alone() {
    let class = Class::started(ROSTER, 3);
    let directory = class.path("class").display().to_string();
    let arguments = ["class", "board", "--once", "--dir", &directory].map(str::to_owned);
    // Fewer rows than groups: what is printed may scroll.
    let mut terminal = Terminal::start_program(WACHAT, &arguments, None, &[], [3, 60]);
    assert_eq!(terminal.wait_for_exit(), Some(0));
    let said = terminal.last_screen();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let lines: Vec<_> = said.lines().map(str::trim_end).collect();
    assert!(lines.len() == 4 && lines[0].starts_with("group  server") && lines[3].starts_with("3      up"), "{said:?}");
}

#[test]
fn on_a_narrow_terminal_the_board_leaves_columns_and_rows_out() {
    let class = Class::started(ROSTER, 3);
    let directory = class.path("class").display().to_string();
    let arguments = ["class", "board", "--dir", &directory].map(str::to_owned);
    let mut terminal = Terminal::start_program(WACHAT, &arguments, None, &[], [6, 30]);
    terminal.wait_for_rows("a board", |rows| rows[0] == "group  server  online  …" && rows[3] == "3      up      0/2");
    terminal.resize(3, 60);
    terminal.wait_for_rows("a smaller board", |rows| rows[1] == "… 3 groups more");
    terminal.resize(10, 60);
    let pid = class.pid(2).expect("a server");
    send_signal(pid, "KILL");
    terminal.wait_for_rows("the crash", |rows| rows[2].starts_with("2      crashed  0/1 "));
    send_signal(terminal.child.id(), "INT");
    assert_eq!(terminal.wait_for_exit(), Some(0));
}
