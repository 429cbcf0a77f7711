//! The session of a class on the page of the course.

use regex_lite::Regex;

use crate::docs::machine::{Machine, normal};
use crate::docs::page::CLASS;
use crate::docs::sessions::commands;
use crate::support::world::choose_ports_in_a_row;

/// Ends the servers of the class, also when the test fails.
struct Stopped<'a>(&'a Machine);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.run("wachat class stop");
    }
}

#[test]
fn the_session_of_a_class_looks_as_the_page_shows_it() {
    let mut machine = Machine::new();
    machine.serve("wachat serve --data own", 0);
    let own = machine.ports().clone();
    let machine = &machine;
    let base = choose_ports_in_a_row(4);
    let _stopped = Stopped(machine);
    let ports = (7000..7004_u16).map(|port| (port.to_string(), (base + port - 7000).to_string()));
    let ports: Vec<_> =
        ports.chain([("1666".to_owned(), own[0].clone()), ("1999".to_owned(), own[1].clone())]).collect();
    let to_page = |line: &str| {
        let line = ports.iter().fold(line.to_owned(), |line, (page, real)| line.replace(real, page));
        let line = Regex::new(r"\d+\.\d s\b").expect("a pattern").replace_all(&line, "0.0 s").into_owned();
        normal(&line)
    };
    for (command, shown) in ["class-start", "class-judge"].iter().flat_map(|name| commands(CLASS, name)) {
        let typed = ports.iter().skip(4).fold(command.clone(), |typed, (page, real)| typed.replace(page, real));
        let first = if command.contains(" --roster ") { format!(" --base-port {base}") } else { String::new() };
        let said: Vec<_> = machine.run(&format!("{typed}{first}")).lines().map(to_page).collect();
        assert_eq!(said, shown.iter().map(|line| to_page(line)).collect::<Vec<_>>(), "{command}");
    }
}
