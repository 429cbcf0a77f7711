//! The commands for scripts, through the real binary: what they write, and how they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::Receiver;

use crate::support::clients::{all_output, exit_code};
use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World, send_signal, wait_for, wait_until};
use serde_json::Value;
use wachat::model::LocalTime;
use wachat::texts::Language;
use wachat::texts::ascii::is_ascii_only;
use wachat::texts::when::when_in;

/// Runs one of the commands for scripts.
trait Scripts {
    fn tool(&self, name: &str, user: &str, more: &[&str]) -> Command;

    fn run(&self, name: &str, user: &str, more: &[&str]) -> Output {
        self.tool(name, user, more).output().expect("it runs")
    }

    /// A run that has to end with this code: its standard output.
    #[track_caller]
    fn ends(&self, expected: i32, name: &str, user: &str, more: &[&str]) -> String {
        let output = self.run(name, user, more);
        assert_eq!(exit_code(&output), expected, "{name} {more:?}: {}", all_output(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The JSON objects that a run writes.
    #[track_caller]
    fn json(&self, name: &str, user: &str, more: &[&str]) -> Vec<Value> {
        let text = self.ends(0, name, user, &[more, &["--json"]].concat());
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Scripts for World {
    fn tool(&self, name: &str, user: &str, more: &[&str]) -> Command {
        let mut command = Command::new(WACHAT);
        command.args([name, "--user", user]).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS);
        command.args(["--send-port", &self.send_port.to_string(), "--recv-port", &self.recv_port.to_string()]);
        if name == "send" {
            command.arg("--home").arg(self.path("home"));
        }
        command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A server with ana and luis, who have said nothing yet.
fn world() -> World {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    world
}

/// The values of one field.
fn all<'a>(objects: &'a [Value], field: &str) -> Vec<&'a Value> {
    objects.iter().map(|object| object.get(field).unwrap_or_else(|| panic!("{field} in {object}"))).collect()
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| crate::support::connection::without_times(text) == "<at>")
}

/// The next line of a child's output.
fn next_line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    line
}

/// Waits for the end of a child: its code, and what it has said on standard error.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let status = wait_for("its end", || child.try_wait().expect("its state"));
    let mut said = String::new();
    child.stderr.take().expect("its standard error").read_to_string(&mut said).expect("UTF-8");
    (status.code(), said)
}

#[test]
fn a_message_is_sent_received_once_and_looked_back_on() {
    let world = world();
    assert_eq!(world.ends(0, "send", "ana", &["luis", "hola; \"\u{202e}tú\""]), "", "silence: all is well");
    let sent = world.json("send", "ana", &["@luis", "-1"]);
    assert_eq!((&sent[0]["to"], &sent[0]["state"]), (&"luis".into(), &"RECEIVED".into()), "{sent:?}");
    assert!(sent[0]["seq"].is_u64() && is_time(&sent[0]["at"]) && sent[0]["id"].is_string(), "{sent:?}");

    let mut command = world.tool("send", "ana", &["luis", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("its input").write_all("two\nlines\n".as_bytes()).expect("to write");
    assert_eq!(ended(child), (Some(0), String::new()));

    let got = world.json("receive", "luis", &[]);
    assert_eq!(all(&got, "text"), ["hola; \"\u{202e}tú\"", "-1", "two\nlines"]);
    assert_eq!(all(&got, "type"), ["message"; 3]);
    assert_eq!(all(&got, "from"), ["ana"; 3]);
    assert_eq!(all(&got, "to"), ["luis"; 3]);
    assert!(got.iter().all(|one| is_time(&one["at"]) && one["store"] == got[0]["store"]), "{got:?}");
    assert_eq!((&got[1]["seq"], &got[1]["id"]), (&sent[0]["seq"], &sent[0]["id"]));
    assert!(world.json("receive", "luis", &[]).is_empty(), "it was acknowledged");

    let states = world.json("receive", "ana", &[]);
    assert_eq!(states.len(), 1, "{states:?}");
    assert_eq!((&states[0]["type"], &states[0]["state"]), (&"state".into(), &"DELIVERED".into()));
    assert_eq!((&states[0]["place"], &states[0]["upto"]), (&"luis".into(), &got[2]["seq"]));

    let back = world.json("history", "luis", &["ana"]);
    assert_eq!(all(&back, "text"), all(&got, "text"));
    assert_eq!(all(&back, "state"), ["DELIVERED"; 3]);
    let plain = world.ends(0, "history", "luis", &["ana", "--limit", "2"]);
    let lines: Vec<_> = plain.lines().map(|line| line.split(' ').skip(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[0], "delivered ana: -1");
    assert!(plain.ends_with("delivered ana: two\n        lines\n"), "{plain}");
    let number = got[1]["seq"].to_string();
    assert_eq!(world.login("ana").request(&format!("ERASE;luis;{number}")), "OK");
    let back = world.json("history", "luis", &["ana", "--limit", "2"]);
    assert_eq!((&back[0]["erased"], &back[0]["text"], &back[1]["erased"]), (&true.into(), &"".into(), &().into()));
    let plain = world.ends(0, "history", "luis", &["ana", "--limit", "2"]);
    assert!(plain.lines().next().unwrap().ends_with("delivered erased ana: "), "{plain}");
    let plain = world.ends(0, "history", "ana", &["luis", "--before", &sent[0]["seq"].to_string()]);
    assert!(plain.ends_with("ana: hola; \"\\u{202e}tú\"\n") && plain.lines().count() == 1, "{plain}");
}

#[test]
fn users_and_rooms() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let _session = {
        let mut line = crate::support::Connection::open(([127, 0, 0, 1], world.recv_port).into());
        assert!(line.request(&format!("LOGIN:luis:{PASSWORD}")).starts_with("OK;luis;"));
        line
    };
    let users = world.json("users", "ana", &[]);
    let luis = users.iter().find(|user| user["name"] == "luis").expect("luis");
    let ana = users.iter().find(|user| user["name"] == "ana").expect("ana");
    assert!(luis["online"] == true && is_time(&luis["last_seen"]), "{luis}");
    assert!(ana["online"] == false && ana["last_seen"].is_null(), "{ana}");
    assert!(world.ends(0, "users", "ana", &[]).contains("ana offline never\n"));
    let rooms = world.json("rooms", "ana", &[]);
    let lobby = serde_json::json!({
        "name": "#lobby", "members": 2, "member": true, "kind": "open", "owner": null, "topic": "",
    });
    assert_eq!(rooms, [lobby]);
    assert_eq!(world.ends(0, "rooms", "ana", &[]), "#lobby 2 member\n");
}

#[test]
fn rooms_have_a_kind_an_owner_and_a_topic() {
    let world = World::without_lobby();
    world.register_clients(&["luis"]);
    let mut ana = world.register("ana");
    ana.run_transcript("> ROOM;#equipo;invite\n< OK\n> TOPIC;#equipo;a \u{202e}b\n< OK\n> INVITE;#equipo;luis\n< OK");
    ana.run_transcript("> JOIN;#sala\n< OK");
    let shown = "a \\u{202e}b";
    let of_ana = format!("#equipo 1 member invite owner ana topic {shown}\n#sala 1 member owner ana\n");
    assert_eq!(world.ends(0, "rooms", "ana", &[]), of_ana);
    let of_luis = format!("#equipo 1 invited owner ana topic {shown}\n#sala 1 owner ana\n");
    assert_eq!(world.ends(0, "rooms", "luis", &[]), of_luis);
    let equipo = serde_json::json!({
        "name": "#equipo", "members": 1, "member": false, "kind": "invite", "owner": "ana", "topic": "a \u{202e}b",
    });
    assert_eq!(world.json("rooms", "luis", &[])[0], equipo);
}

#[test]
fn rooms_are_sent_to_received_from_and_looked_back_on() {
    let world = world();
    world.ends(0, "send", "ana", &["#lobby", "hola a todos"]);
    let got = world.json("receive", "luis", &["--max", "1"]);
    assert_eq!((&got[0]["to"], &got[0]["text"]), (&"#lobby".into(), &"hola a todos".into()));
    let sent = world.json("send", "ana", &["#lobby", "otra", "--wait", "received"]);
    assert_eq!(sent[0]["to"], "#lobby");
    assert!(world.ends(0, "receive", "luis", &[]).ends_with(" #lobby ana: otra\n"));
    assert_eq!(all(&world.json("history", "luis", &["#lobby"]), "text"), ["hola a todos", "otra"]);
    for name in ["send", "history"] {
        let more: &[&str] = if name == "send" { &["#sala", "hola"] } else { &["#sala"] };
        let output = world.run(name, "ana", more);
        assert!(
            exit_code(&output) == 1 && all_output(&output).contains("there is no such room"),
            "{}",
            all_output(&output)
        );
    }
}

#[test]
fn an_empty_text_is_not_sent() {
    let world = world();
    for text in ["", "  "] {
        let output = world.run("send", "ana", &["luis", text]);
        let said = all_output(&output);
        assert!(exit_code(&output) == 2 && said.contains("an empty message is not sent"), "{said}");
    }
    assert_eq!(world.json("history", "luis", &["ana"]).len(), 0);
}

/// Plays a SEND port whose first SEND gets a last line instead of its reply. Returns its port, and the SENDs that came.
fn play_a_last_line(code: &'static str) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (sends, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut number = 0;
        for connection in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(connection);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                let reply = match line.trim_end().split(';').collect::<Vec<_>>()[..] {
                    ["SEND", id, ..] => {
                        number += 1;
                        sends.send(line.trim_end().to_owned()).expect("the test");
                        let accepted = format!("OK;{id};RECEIVED;2026-11-20T23:55:00.123Z;{number}\n");
                        if number == 1 { format!("KO;{code};the last line\n") } else { accepted }
                    }
                    [login] if login.starts_with("LOGIN:") => "OK;ana;wachat/1\n".to_owned(),
                    _ => "OK;0\n".to_owned(),
                };
                lines.get_mut().write_all(reply.as_bytes()).expect("to write");
                if reply.starts_with("KO;") {
                    break;
                }
                line.clear();
            }
        }
    });
    (port, received)
}

/// The outcome is unknown (protocol, section 1): the message is sent again with its id, by this run or by the next one, and
/// no exit code says that it was not sent.
#[test]
fn a_last_line_instead_of_a_reply_is_no_refusal_of_the_message() {
    let mut world = World::new(&[]);
    for code in ["AUTH", "BANNED", "REPLACED", "TOO_LONG", "TIMEOUT", "SHUTDOWN", "INTERNAL"] {
        let (port, sends) = play_a_last_line(code);
        world.send_port = port;
        let run = world.run("send", "ana", &["luis", &format!("hola {code}"), "--json"]);
        let ends = matches!(code, "AUTH" | "BANNED" | "REPLACED");
        assert_eq!(exit_code(&run), if ends { 5 } else { 0 }, "{code}: {}", all_output(&run));
        let sent: Value = serde_json::from_slice(&run.stdout).expect("JSON");
        if ends {
            assert!(all_output(&run).contains("in the outbox"), "{code}: {}", all_output(&run));
            world.ends(0, "send", "ana", &["luis", "next"]);
        }
        let first = sends.recv().expect("a SEND");
        assert!(first.ends_with(&format!(";luis;hola {code}")), "{first}");
        assert_eq!(sends.recv().expect("a retry"), first, "{code}: the very same line");
        assert_eq!(Some(sent["id"].as_str().expect("an id")), first.split(';').nth(1), "{code}");
    }
}

#[test]
fn a_send_waits_until_it_is_delivered_or_read() {
    let world = world();
    let mut waiting = world.tool("send", "ana", &["luis", "hola", "--wait", "delivered", "--json"]).spawn().unwrap();
    // It waits: luis has not fetched it.
    wait_until("the message to be there", || !world.json("history", "luis", &["ana"]).is_empty());
    assert!(waiting.try_wait().expect("its state").is_none(), "it is not delivered yet");
    let seq = world.json("receive", "luis", &[])[0]["seq"].to_string();
    let mut out = BufReader::new(waiting.stdout.take().unwrap());
    let sent: Value = serde_json::from_str(&next_line(&mut out)).expect("JSON");
    assert_eq!((sent["state"].as_str(), sent["seq"].to_string()), (Some("DELIVERED"), seq.clone()));
    assert_eq!(ended(waiting).0, Some(0));

    // The recipient does not read it: the command ends in time, and reports the state.
    let output = world.run("send", "ana", &["luis", "otra", "--wait", "read", "--timeout", "1"]);
    assert!(
        exit_code(&output) == 1 && all_output(&output).contains("not in time: the message to luis is received"),
        "{output:?}"
    );
    let waiting = world.tool("send", "ana", &["luis", "más", "--wait", "read"]).spawn().unwrap();
    wait_until("the message to be there", || world.json("history", "luis", &["ana"]).len() == 3);
    let last = world.json("history", "luis", &["ana"])[2]["seq"].to_string();
    let mut luis = crate::support::Connection::open(([127, 0, 0, 1], world.send_port).into());
    luis.request(&format!("LOGIN:luis:{PASSWORD}"));
    assert_eq!(luis.request(&format!("READ;ana;{last}")), "OK");
    assert_eq!(ended(waiting), (Some(0), String::new()));
    // In a room it waits for all other members; in an empty room it waits for none.
    assert_eq!(luis.request("JOIN;#sola"), "OK");
    world.ends(0, "send", "luis", &["#sola", "eco", "--wait", "read"]);
    let waiting = world.tool("send", "ana", &["#lobby", "a todos", "--wait", "delivered"]).spawn().unwrap();
    wait_until("the message to be there", || !world.json("history", "luis", &["#lobby"]).is_empty());
    world.ends(0, "receive", "luis", &[]);
    assert_eq!(ended(waiting), (Some(0), String::new()));
}

#[test]
fn an_interrupt_says_where_the_message_stands() {
    let world = world();
    let child = world.tool("send", "ana", &["luis", "hola", "--wait", "delivered"]).spawn().unwrap();
    wait_until("the message to be there", || !world.json("history", "luis", &["ana"]).is_empty());
    // The server may be a step ahead of what its sender knows.
    wait_until("the history to have it", || world.texts("ana", "OUT") == ["hola"]);
    send_signal(child.id(), "INT");
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted: the message to luis is received (number "), "{said}");

    let mut follow = world.tool("receive", "luis", &["--follow"]).spawn().unwrap();
    assert!(next_line(&mut BufReader::new(follow.stdout.take().unwrap())).ends_with(" ana: hola\n"));
    send_signal(follow.id(), "INT");
    assert_eq!(ended(follow), (Some(130), String::new()));
    assert!(world.json("receive", "luis", &[]).is_empty(), "what was written was acknowledged before the end");
}

#[test]
fn without_a_server_it_is_queued_and_goes_out_once_with_the_next() {
    let mut world = world();
    world.kill();
    let output = world.run("send", "ana", &["luis", "one", "--json"]);
    assert_eq!(exit_code(&output), 5, "{}", all_output(&output));
    let queued: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(queued["state"] == "SENT" && queued["seq"].is_null() && is_time(&queued["at"]), "{queued}");
    assert!(all_output(&output).contains("the message waits in the outbox"), "{}", all_output(&output));
    world.ends(5, "send", "ana", &["luis", "two", "--wait", "read", "--timeout", "1"]);
    for (name, more) in [("history", &["luis"][..]), ("users", &[]), ("rooms", &[]), ("receive", &["--follow"])] {
        world.ends(4, name, "ana", more);
    }
    world.start();
    world.ends(0, "send", "ana", &["luis", "three"]);
    world.ends(0, "send", "ana", &["luis", "four"]);
    assert_eq!(all(&world.json("receive", "luis", &[]), "text"), ["one", "two", "three", "four"]);
}

#[test]
fn a_server_that_goes_away_in_the_middle_gets_it_when_it_is_back() {
    let mut world = world();
    // It lets in, and never answers what comes then.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let real = world.send_port;
    let port = silent.local_addr().expect("its address").port();
    let server = std::thread::spawn(move || {
        let (stream, _) = silent.accept().expect("a connection");
        let mut lines = BufReader::new(stream.try_clone().expect("a second handle"));
        next_line(&mut lines);
        (&stream).write_all(b"OK;ana;wachat/1\n").expect("to write");
        next_line(&mut lines);
    });
    world.send_port = port;
    let output = world.run("send", "ana", &["luis", "hola", "--timeout", "2"]);
    assert!(
        exit_code(&output) == 5 && all_output(&output).contains("not in time: the message to luis is queued"),
        "{output:?}"
    );
    server.join().expect("it was asked");
    world.send_port = real;
    // Its outbox is of that other server: nothing of it comes here.
    world.ends(0, "send", "ana", &["luis", "otra"]);
    assert_eq!(all(&world.json("receive", "luis", &[]), "text"), ["otra"]);
}

#[test]
fn every_failure_has_its_exit_code_and_reason() {
    let world = world();
    let output = world.run("send", "ana", &["nobody", "hola"]);
    assert!(
        exit_code(&output) == 1 && all_output(&output).contains("there is no such user"),
        "{}",
        all_output(&output)
    );
    world.ends(1, "history", "ana", &["nobody"]);
    let longest = "x".repeat(60_001);
    world.ends(1, "send", "ana", &["luis", &longest]);
    world.ends(1, "send", "ana", &["luis", "\u{1b}[A"]);
    for (name, more) in [
        ("send", &["luis"][..]),
        ("send", &["a/b", "hola"]),
        ("send", &["luis", "hola", "--wait", "forever"]),
        ("history", &["a/b"]),
        ("history", &["luis", "--limit", "0"]),
        ("history", &["luis", "--limit", "5", "--all"]),
        ("history", &["luis", "--before", "9007199254740992"]),
        ("receive", &["--max", "0"]),
        ("users", &["--password-file", "/nowhere"]),
        ("users", &["--unknown"]),
    ] {
        let output = world.run(name, "ana", more);
        assert!(exit_code(&output) == 2 && output.stdout.is_empty() && !output.stderr.is_empty(), "{name} {more:?}");
    }
    for (name, more) in [("send", &["luis", "hola"][..]), ("receive", &[]), ("history", &["luis"]), ("users", &[])] {
        let output = world.tool(name, "ana", more).env("WACHAT_PASSWORD", "not hers").output().expect("it runs");
        assert!(
            exit_code(&output) == 3 && all_output(&output).contains("refused the login"),
            "{name}: {}",
            all_output(&output)
        );
    }
    // A refused login has queued nothing.
    world.ends(0, "send", "ana", &["luis", "hola"]);
    assert_eq!(all(&world.json("receive", "luis", &[]), "text"), ["hola"]);
}

#[test]
fn a_maximum_leaves_the_rest_on_the_server() {
    let world = world();
    let lines: String = (0..250).map(|number| format!("@luis: {number}\n")).collect();
    assert_eq!(exit_code(&world.pipe("ana", &lines, &[])), 0);
    let mut texts = Vec::new();
    for max in ["1", "105", "44"] {
        let got = world.json("receive", "luis", &["--max", max]);
        assert_eq!(got.len().to_string(), max);
        texts.extend(all(&got, "text").into_iter().map(|text| text.as_str().unwrap().to_owned()));
    }
    let rest = world.json("receive", "luis", &["--follow", "--max", "100"]);
    texts.extend(all(&rest, "text").into_iter().map(|text| text.as_str().unwrap().to_owned()));
    assert_eq!(texts, (0..250).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn history_is_fetched_page_by_page() {
    let world = World::new(&["--queue-per-sender", "10000"]);
    world.register_clients(&["ana"]);
    let lines: String = (0..2_300).map(|number| format!("@ana: {number}\n")).collect();
    assert_eq!(exit_code(&world.pipe("ana", &lines, &[])), 0);
    let texts = |objects: &[Value]| -> Vec<usize> {
        objects.iter().map(|object| object["text"].as_str().unwrap().parse().unwrap()).collect()
    };
    let everything = world.json("history", "ana", &["ana", "--all"]);
    assert_eq!(texts(&everything), (0..2_300).collect::<Vec<_>>());
    assert_eq!(texts(&world.json("history", "ana", &["ana", "--limit", "1500"])), (800..2_300).collect::<Vec<_>>());
    assert_eq!(texts(&world.json("history", "ana", &["ana"])), (2_250..2_300).collect::<Vec<_>>());
    let before = everything[1_000]["seq"].to_string();
    let page = world.json("history", "ana", &["ana", "--before", &before, "--limit", "10"]);
    assert_eq!(texts(&page), (990..1_000).collect::<Vec<_>>());

    // The reader of a pipe may stop at any time: that is no failure, and not reported.
    let mut command = world.tool("history", "ana", &["ana", "--all", "--json"]);
    let mut child = command.spawn().expect("it runs");
    let first = next_line(&mut BufReader::with_capacity(1, child.stdout.take().expect("its output")));
    assert!(first.contains("\"text\":\"0\""), "{first}");
    assert_eq!(ended(child), (Some(0), String::new()));
}

#[test]
fn events_that_were_not_written_are_not_acknowledged() {
    let world = world();
    world.ends(0, "send", "ana", &["luis", "hola"]);
    let mut command = world.tool("receive", "luis", &[]);
    let mut child = command.spawn().expect("it runs");
    // Its reader is gone before it has logged in.
    drop(child.stdout.take());
    assert_eq!(ended(child), (Some(0), String::new()));
    assert_eq!(all(&world.json("receive", "luis", &[]), "text"), ["hola"]);
}

#[test]
fn following_goes_on_past_a_restart_and_ends_when_another_takes_over() {
    let mut world = world();
    let mut follow = world.tool("receive", "luis", &["--follow", "--json"]).spawn().unwrap();
    let mut out = BufReader::new(follow.stdout.take().unwrap());
    let mut next = || serde_json::from_str::<Value>(&next_line(&mut out)).expect("JSON");
    // Until a line is acknowledged it may come twice; here it is.
    world.ends(0, "send", "ana", &["luis", "one", "--wait", "delivered"]);
    assert_eq!(next()["text"], "one");
    world.kill();
    world.start();
    world.ends(0, "send", "ana", &["luis", "two", "--wait", "delivered"]);
    assert_eq!(next()["text"], "two");
    // Another one does not end it, unless it is asked to.
    let output = world.run("receive", "luis", &["--follow"]);
    let said = all_output(&output);
    assert_eq!((exit_code(&output), said.lines().count()), (1, 1), "{said}");
    assert!(said.contains("another program receives for luis") && said.contains("from 127.0.0.1 since"), "{said}");
    assert!(said.contains("--take-over"), "{said}");
    world.ends(0, "send", "ana", &["luis", "three", "--wait", "delivered"]);
    assert_eq!(next()["text"], "three");
    assert!(world.json("receive", "luis", &["--take-over"]).is_empty());
    let (code, said) = ended(follow);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another session of yours took over"), "{said}");
}

#[test]
fn receive_and_a_client_of_the_user_each_get_everything() {
    let world = world();
    let client = world.terminal("luis", &[]);
    client.expect("connected to");
    let mut follow = world.tool("receive", "luis", &["--follow", "--json"]).spawn().unwrap();
    let mut out = BufReader::new(follow.stdout.take().unwrap());
    let mut luis = world.login("luis");
    wait_until("both sessions", || luis.list("SESSIONS").iter().filter(|row| row.contains(";RECV;")).count() == 2);
    world.ends(0, "send", "ana", &["luis", "hola", "--wait", "delivered"]);
    client.expect("ana: hola");
    let received = serde_json::from_str::<Value>(&next_line(&mut out)).expect("JSON");
    assert_eq!(received["text"], "hola");
    // What the client's user sends comes to the client's device alone.
    world.ends(0, "send", "luis", &["ana", "adiós"]);
    client.expect("adiós");
    world.ends(0, "send", "ana", &["luis", "otra", "--wait", "delivered"]);
    let received = serde_json::from_str::<Value>(&next_line(&mut out)).expect("JSON");
    assert_eq!(received["text"], "otra");
    follow.kill().expect("its end");
    follow.wait().expect("its end");
}

#[test]
fn a_history_is_in_local_time_with_a_date_where_the_day_is_not_today() {
    let world = world();
    let sent = world.json("send", "ana", &["luis", "hola"]);
    let at = sent[0]["at"].as_str().expect("a time").to_owned();
    let history = |zone: &str, more: &[&str]| {
        let mut command = world.tool("history", "ana", &[&["luis"], more].concat());
        let output = command.env("TZ", zone).output().expect("it runs");
        let line = String::from_utf8(output.stdout).expect("UTF-8");
        line.trim_end().strip_prefix(&format!("{} ", sent[0]["seq"])).unwrap_or_else(|| panic!("{line}")).to_owned()
    };
    // A zone in which it is this many hours later than UTC.
    for hours in [0_i32, 5, -7] {
        let hour = (at[11..13].parse::<i32>().expect("an hour") + hours).rem_euclid(24);
        // Midnight may have passed since; and POSIX counts the other way round.
        let line = history(&format!("XYZ{}", -hours), &[]);
        let (date, rest) = line.split_at(line.find(&format!("{hour:02}:{}", &at[14..16])).expect("its time"));
        assert!(date.is_empty() || date.split(' ').count() == 3, "{line}");
        assert!(rest.ends_with(" received ana: hola"), "{line}");
    }
    assert_eq!(history("XYZ-5", &["--utc"]), format!("{at} received ana: hola"));
    assert_eq!(world.json("history", "ana", &["luis"])[0]["at"], at.as_str());
}

#[test]
fn a_time_is_as_short_as_the_present_day_allows() {
    let time = |year, month, day| LocalTime { year, month, day, time_of_day: "14:35".to_owned() };
    let now = time(2026, 11, 21);
    for (at, shown) in [
        (time(2026, 11, 21), ["14:35"; 3]),
        (time(2026, 11, 20), ["Nov 20 14:35", "20 nov 14:35", "20 nov 14:35"]),
        (time(2026, 1, 21), ["Jan 21 14:35", "21 ene 14:35", "21 jan 14:35"]),
        (time(2025, 12, 9), ["Dec 9 2025 14:35", "9 dic 2025 14:35", "9 dez 2025 14:35"]),
    ] {
        assert_eq!([Language::En, Language::Es, Language::Pt].map(|language| when_in(language, &at, &now)), shown);
    }
}

#[test]
fn a_terminal_without_utf_8_gets_ascii_and_no_control_sequences() {
    let world = world();
    let text = "¿qué tal? ✓ — «ñandú»… n\u{303}";
    world.ends(0, "send", "ana", &["luis", text]);
    world.ends(0, "send", "ana", &["luis", "fiesta 🎉"]);
    let arguments = |name: &str, more: &[&str]| {
        let command = world.tool(name, "luis", more);
        command.get_args().map(|argument| argument.to_str().expect("UTF-8").to_owned()).collect::<Vec<_>>()
    };
    for (name, more) in [("history", &["ana"][..]), ("receive", &["--max", "2"])] {
        let mut terminal =
            crate::support::Terminal::start_in(&arguments(name, more), Some(PASSWORD), &[("LC_ALL", "C")]);
        assert_eq!(terminal.wait_for_exit(), Some(0), "{}", terminal.screen());
        let screen = terminal.last_screen();
        assert!(screen.contains(" ana: ?que tal? + - \"nandu\"... n\r\n"), "{name}: {screen}");
        assert!(screen.contains(" ana: fiesta \\u{1f389}\r\n"), "{name}: {screen}");
        assert!(screen.is_ascii() && !screen.contains('\u{1b}'), "{name}: {screen}");
    }
    // A file gets every character, whatever the locale.
    let mut command = world.tool("history", "luis", &["ana"]);
    let output = command.env("LC_ALL", "C").output().expect("it runs");
    assert!(all_output(&output).contains(text), "{}", all_output(&output));
}

#[test]
fn a_locale_says_whether_a_terminal_shows_ascii_alone() {
    for (variables, expected) in [
        (&[][..], false),
        (&[("LANG", "es")], false),
        (&[("LANG", "es_ES.UTF-8")], false),
        (&[("LANG", "es_ES.utf8@euro")], false),
        (&[("LANG", "es_ES.ISO-8859-1")], true),
        (&[("LANG", "es_ES.UTF-8"), ("LC_ALL", "C")], true),
        (&[("LANG", "C.UTF-8"), ("LC_ALL", "")], false),
        (&[("LC_CTYPE", "POSIX")], true),
    ] {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value): &(&str, &str)| (*value).to_owned())
        };
        assert_eq!(is_ascii_only(variable), expected, "{variables:?}");
    }
}
