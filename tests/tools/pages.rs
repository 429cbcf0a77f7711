//! Lists that are longer than one reply: the programs fetch them page by page.

use std::process::{Command, Output};

use wachat::client::link::Account;
use wachat::client::link::lists::fetch_chats;
use wachat::client::link::protection::{ClearText, Protection};
use wachat::client::link::session::Session;
use wachat::model::UserName;

use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World};

/// Runs `wachat <name>` as this user.
fn run(world: &World, name: &str, user: &str) -> Output {
    let mut command = Command::new(WACHAT);
    command.args([name, "--user", user, "--send-port", &world.send_port.to_string()]);
    command.args(["--recv-port", &world.recv_port.to_string()]);
    command.env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C");
    command.output().expect("wachat")
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

fn account(world: &World, user: &str) -> Account {
    Account {
        user: UserName::new(user).expect("a name"),
        password: PASSWORD.to_owned(),
        server: "127.0.0.1".to_owned(),
        send_port: world.send_port,
        recv_port: world.recv_port,
        register: false,
        trace: None,
        protection: Protection::ClearText(ClearText::default()),
    }
}
