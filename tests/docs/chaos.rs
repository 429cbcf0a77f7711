//! The session of the proxy on the page of the course: its output, that of `nc`, and the log.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::docs::machine::{Machine, normal};
use crate::docs::page::{CHAOS, read};
use crate::docs::sessions::{commands, play_nc};
use crate::support::{send_signal, wait_for};

/// The ports on the page.
const PORTS: [&str; 2] = ["2666", "2999"];

#[test]
fn the_session_of_the_proxy_looks_as_the_page_shows_it() {
    let machine = play(CHAOS);
    let (command, shown) = commands(CHAOS, "chaos-log").remove(0);
    let log: Vec<_> = machine.run(&command).lines().map(str::to_owned).collect();
    let normal = |lines: &[String]| lines.iter().map(|line| normal(line)).collect::<Vec<_>>();
    assert_eq!(normal(&log), normal(&shown));
}

/// Plays the blocks `chaos` and `chaos-nc` of a page: the proxy, and what is sent through it.
pub fn play(page: &str) -> Machine {
    let mut machine = Machine::new();
    machine.serve("wachat serve --data chaos", 0);
    let (command, shown) = commands(page, "chaos").remove(0);
    let [send, recv] = machine.ports();
    let command = format!("exec {command} --listen 0,0 --to {send},{recv}");
    let mut proxy = machine.shell(&command).stdout(Stdio::piped()).spawn().expect("a proxy");
    let mut output = BufReader::new(proxy.stdout.take().expect("its output")).lines().map(|line| line.expect("UTF-8"));
    let mut said: Vec<_> = output.by_ref().take(3).collect();
    let word = |name: &str| said[0].split(' ').find_map(|word| word.strip_prefix(name)).expect("an address").to_owned();
    let ports = ["send=127.0.0.1:", "recv=127.0.0.1:"].map(word);
    play_nc(page, "chaos-nc", [(PORTS[0], &ports[0]), (PORTS[1], &ports[1])]);
    send_signal(proxy.id(), "INT");
    said.extend(output);
    assert!(wait_for("the proxy to stop", || proxy.try_wait().expect("its state")).success());
    said[1] = said[1].replace(&ports[0], PORTS[0]).replace(&ports[1], PORTS[1]);
    let normal = |lines: &[String]| lines.iter().map(|line| normal(line)).collect::<Vec<_>>();
    assert_eq!(normal(&said), normal(&shown));
    machine.stop_server();
    machine
}

/// Returns the rules in the table of lessons.
fn rules() -> Vec<String> {
    let text = read(CHAOS);
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let rules = rows.skip(2).map(|row| crate::docs::page::quoted(row).first().map(|rule| (*rule).to_owned()));
    rules.map(|rule| rule.expect("a rule")).collect()
}

#[test]
fn the_rules_of_page_and_help_are_rules() {
    let rules = rules();
    assert!(rules.len() > 10, "{rules:?}");
    let in_help = wachat::course::chaos::GRAMMAR.lines().filter_map(|line| line.strip_prefix("  "));
    let in_help = in_help.filter(|line| !line.contains('=') && !line.starts_with(' '));
    let in_help = in_help.flat_map(|line| line.split("   ")).map(str::trim).filter(|rule| !rule.is_empty());
    let in_help: Vec<_> = in_help.map(str::to_owned).collect();
    assert_eq!(in_help.len(), 8, "{in_help:?}");
    for rule in rules.iter().chain(&in_help) {
        wachat::course::chaos::parse(rule).unwrap_or_else(|error| panic!("{error}"));
    }
}
