//! The sessions of the pages, played with the real programs in the order in which a reader meets them, on one machine:
//! their output has to be as shown.
//!
//! Times, random names and ports differ from run to run, and are compared by their form; a `✓✓` that a `✓✓ read` has
//! overtaken may be missing.

use std::net::SocketAddr;

use crate::docs::machine::{Machine, normal};
use crate::docs::page::{CLIENT, EXAMPLES, README, TOOLS, TRACE, block};
use crate::docs::player;
use crate::support::{Connection, wait_until};

#[test]
fn the_sessions_look_as_the_pages_show_them_from_top_to_bottom() {
    let mut machine = Machine::new();
    play_in_a_shell(&mut machine, README, "server");
    player::play(&machine, README, ["luis", "ana"]);
    player::play(&machine, CLIENT, ["plain-luis", "plain-ana"]);
    stop(&mut machine);
    play_in_a_shell(&mut machine, TOOLS, "class");
    play_in_a_shell(&mut machine, TOOLS, "scripts");
    stop(&mut machine);
    play_in_a_shell(&mut machine, TRACE, "trace");
    stop_traced(&mut machine);
    play_in_a_shell(&mut machine, TRACE, "diagram");
    machine.serve("wachat serve --data empty", 0);
    let [send, recv] = machine.ports();
    play_nc(EXAMPLES, "nc", [("1666", send), ("1999", recv)]);
    stop(&mut machine);
    play_in_a_shell(&mut machine, EXAMPLES, "tls-server");
    let [send, recv] = machine.ports();
    play_nc(EXAMPLES, "tls", [("1666", send), ("1999", recv)]);
    stop(&mut machine);
}

/// Stops a server once its trace shows that the client has ended.
pub fn stop_traced(machine: &mut Machine) {
    let traced = || std::fs::read_to_string(machine.path().join("server.csv")).expect("a trace");
    wait_until("the server to notice that the client has ended", || traced().contains(";CLOSE;"));
    stop(machine);
}

pub fn stop(machine: &mut Machine) {
    let said = machine.stop_server();
    assert!(said.last().is_some_and(|line| line.contains("stopped")), "{said:?}");
}

/// Returns the commands of a block, each with the lines below it.
pub fn commands(page: &str, name: &str) -> Vec<(String, Vec<String>)> {
    let mut lines = block(page, name).into_iter().peekable();
    let mut commands = Vec::new();
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{page}: no command: {line}")).to_owned();
        commands.push((command, std::iter::from_fn(|| lines.next_if(|line| !line.starts_with("$ "))).collect()));
    }
    commands
}

/// Runs each command in a shell of its own. A server goes on until it is stopped.
pub fn play_in_a_shell(machine: &mut Machine, page: &str, name: &str) {
    let mut exports = String::new();
    for (command, shown) in commands(page, name) {
        let said = if command.split(' ').any(|word| word == "serve") {
            machine.serve(&command, shown.len())
        } else if command.starts_with("export ") {
            exports = format!("{command}\n");
            Vec::new()
        } else {
            machine.run(&format!("{exports}{command}")).lines().map(str::to_owned).collect()
        };
        let normal = |lines: &[String]| lines.iter().map(|line| normal(line)).collect::<Vec<_>>();
        assert_eq!(normal(&said), normal(&shown), "{page}: {command}");
    }
}

/// A program that carries lines to a port, and the way in which it is played here.
struct Carrier {
    before_port: &'static str,
    behind_port: &'static str,
    open: fn(SocketAddr) -> Connection,
}

const CARRIERS: [Carrier; 2] = [
    Carrier { before_port: "nc 127.0.0.1 ", behind_port: "", open: Connection::open },
    Carrier {
        before_port: "openssl s_client -quiet -connect 127.0.0.1:",
        behind_port: " 2> /dev/null",
        open: Connection::open_tls,
    },
];

/// Sends what `printf` and `nc`, or `openssl s_client`, would send. The ports of the page stand for others.
pub fn play_nc(page: &str, name: &str, ports: [(&str, &String); 2]) {
    for (command, shown) in commands(page, name) {
        let typed = command.strip_prefix("printf '").unwrap_or_else(|| panic!("no command: {command}"));
        let (text, carrier) = typed.split_once("' | ").unwrap_or_else(|| panic!("no pipe: {command}"));
        let port_in =
            |kind: &Carrier| Some((carrier.strip_prefix(kind.before_port)?.strip_suffix(kind.behind_port)?, kind.open));
        let (target, open) = CARRIERS.iter().find_map(port_in).unwrap_or_else(|| panic!("no nc: {command}"));
        let port = ports.iter().find(|(shown, _)| *shown == target).map(|(_, port)| port.parse().expect("a port"));
        let mut line = open(SocketAddr::from(([127, 0, 0, 1], port.expect("a port of the page"))));
        line.send(text.replace("\\n", "\n"));
        let said: Vec<_> = line.read_rest().iter().map(|line| normal(line)).collect();
        assert_eq!(said, shown.iter().map(|line| normal(line)).collect::<Vec<_>>(), "{command}");
    }
}
