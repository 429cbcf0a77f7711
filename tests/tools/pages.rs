//! Lists that are longer than one reply: the programs fetch them page by page.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::thread;

use wachat::client::link::account::Account;
use wachat::client::link::lists::fetch_chats;
use wachat::client::link::protection::{ClearText, Protection};
use wachat::client::link::servers::Servers;
use wachat::client::link::session::Session;
use wachat::limits;
use wachat::model::UserName;

use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World};

/// Runs `wachat <name>` as this user.
fn run(world: &World, name: &str, user: &str) -> Output {
    tool(world, name, user).output().expect("wachat")
}

fn tool(world: &World, name: &str, user: &str) -> Command {
    let mut command = Command::new(WACHAT);
    command.args([name, "--user", user, "--send-port", &world.send_port.to_string()]);
    command.args(["--recv-port", &world.recv_port.to_string()]);
    command.env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C");
    command
}

fn count_lines(output: &Output) -> usize {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().count()
}

#[test]
fn lists_of_more_than_a_page_are_whole_in_every_program() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut luis = world.register("luis");
    for (user, rooms) in [("ana", 0..1_000), ("luis", 1_000..2_001)] {
        let mut line = if user == "luis" { world.login(user) } else { world.register(user) };
        line.send(rooms.clone().map(|room| format!("JOIN;#r{room:04}\n")).collect::<String>());
        // A user is in at most 1,000 rooms.
        rooms.take(1_000).for_each(|_| assert_eq!(line.read_line(), "OK"));
    }
    assert_eq!(luis.list("ROOMS").len(), 1_000);
    assert_eq!(count_lines(&run(&world, "rooms", "luis")), 2_000, "wachat rooms");
    assert_eq!(count_lines(&world.pipe("luis", "/rooms\n", &[])), 2_000, "/rooms");
    // Two conversations more than rooms: CHATS has a second page, too.
    luis.request("SEND;m-1;luis;nota");
    luis.request("SEND;m-2;ana;hola");
    let mut session = Session::open(&account(&world, "luis")).expect("a session");
    let chats = fetch_chats(&mut session).expect("an answer").expect("a list");
    let mut targets: Vec<_> = chats.iter().map(|chat| chat.target.to_string()).collect();
    assert_eq!((targets.len(), &targets[..2]), (1_002, &["ana".to_owned(), "luis".to_owned()][..]));
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len(), 1_002, "each once");
}

/// A reply of HISTORY holds as many records as its bytes allow: fewer than were asked for are not the last.
#[test]
fn a_history_of_any_length_is_whole_whatever_its_texts_take() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut ana = world.register("ana");
    world.register("luis");
    let mut texts = Vec::new();
    // Long ones among short ones: each page has another number of them.
    for (number, length) in (0..60).map(|number| (number, [50_000, 1, 20_000, 59_000, 7][number % 5])) {
        texts.push(format!("{number}:{}", "x".repeat(length)));
        assert!(ana.request(&format!("SEND;m-{number};luis;{}", texts[number])).starts_with("OK;"));
    }
    let beginnings = |texts: &[String]| texts.iter().map(|text| (text.len(), text[..3].to_owned())).collect::<Vec<_>>();
    for limit in [1, 2, 5, 19, 20, 21, 59, 60, 61, 1_000, 0] {
        let mut command = tool(&world, "history", "ana");
        command.args(["luis", "--json"]);
        // 0: all of them.
        if limit == 0 {
            command.arg("--all")
        } else {
            command.args(["--limit", &limit.to_string()])
        };
        let output = command.output().expect("wachat");
        assert!(output.status.success(), "{:?}", output.stderr);
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let json = |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
        let shown: Vec<_> = lines.lines().map(|line| json(line)["text"].as_str().expect("a text").to_owned()).collect();
        let first = if limit == 0 { 0 } else { texts.len().saturating_sub(limit) };
        assert_eq!(beginnings(&shown), beginnings(&texts[first..]), "history of {limit} (0: all)");
    }
}

/// Sends what comes by standard input. Returns whether it was sent.
fn send_input(world: &World, input: &[u8]) -> bool {
    let mut command = tool(world, "send", "ana");
    command.arg("--home").arg(world.path("home")).args(["luis", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("wachat");
    let mut stdin = child.stdin.take().expect("its input");
    let bytes = input.to_vec();
    // It need not read all of a text that is too long.
    let writer = thread::spawn(move || _ = stdin.write_all(&bytes));
    let output = child.wait_with_output().expect("its end");
    writer.join().expect("its writer");
    let code = output.status.code();
    assert!(code == Some(0) || code == Some(1) && !output.stderr.is_empty(), "{code:?}: {output:?}");
    code == Some(0)
}

#[test]
fn a_text_of_standard_input_is_sent_whole_or_not_at_all() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut ana = world.register("ana");
    world.register("luis");
    let most = limits::TEXT_BYTES;
    let mut sent = Vec::new();
    for filling in ["x", "ñ", "€", "🙂"] {
        for length in [1, most - 4, most - 1, most, most + 1, most + 2, most + 3, most + 4, 2 * most] {
            let width = filling.len();
            let text = format!("{}{}", "a".repeat(length % width), filling.repeat(length / width));
            for end in ["", "\n"] {
                let fits = text.len() <= most;
                let input = format!("{text}{end}");
                assert_eq!(send_input(&world, input.as_bytes()), fits, "{length} bytes of {filling:?}, and {end:?}");
                if fits {
                    sent.push(text.len());
                }
            }
        }
    }
    // Only one line feed is the end of the text; what is after it belongs to the text.
    for (input, length) in [("a\n\n".to_owned(), Some(2)), (format!("{}\n\n", "x".repeat(most)), None)] {
        assert_eq!(send_input(&world, input.as_bytes()), length.is_some(), "{} bytes", input.len());
        sent.extend(length);
    }
    assert!(!send_input(&world, &[b"x".repeat(most), b"\ny".to_vec()].concat()), "a line behind the longest text");
    let mut stored = Vec::new();
    let mut before = String::new();
    loop {
        let page = ana.list(&format!("HISTORY;luis;100{before}"));
        let Some(first) = page.first() else { break };
        before = format!(";{}", first.split(';').next().expect("a number"));
        stored.splice(0..0, page);
    }
    assert_eq!(stored.len(), sent.len());
    let most_written = stored.iter().zip(&sent).position(|(record, length)| record.len() < *length);
    assert_eq!(most_written, None, "a text was cut");
}

fn account(world: &World, user: &str) -> Account {
    Account {
        user: UserName::new(user).expect("a name"),
        password: PASSWORD.to_owned(),
        servers: Servers::one("127.0.0.1", world.send_port, world.recv_port).into(),
        register: false,
        trace: None,
        protection: Protection::ClearText(ClearText::default()),
        device: None,
    }
}
