//! `wachat class start`.

use std::path::Path;
use std::time::Instant;

use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::super::terminal::write_out;
use super::args::StartArgs;
use super::create::{create, prepare_certificate, read_roster};
use super::passwords;
use super::store::{keep_ports, start_server};
use crate::course::class::{self, Class, Group, Trouble};
use crate::limits;
use crate::signals;

/// The outcome of a start.
struct Started {
    /// The groups whose servers were started now.
    now: Vec<u16>,
    problems: Vec<String>,
    was_interrupted: bool,
}

pub(super) fn run(args: &StartArgs, directory: &Path) -> Result<(), String> {
    let interrupted = signals::receive(&[SIGINT, SIGTERM])?;
    let lock = if Class::exists(directory) { None } else { create(args, directory, &interrupted)? };
    let lock = lock.map_or_else(|| class::lock(directory), Ok)?;
    let class = change_settings(args, Class::read(directory)?)?;
    check_roster(args, &class)?;
    if class.is_open_to_listeners() {
        eprintln!(
            "wachat: who listens to the network reads passwords and messages; class stop and class start --tls encrypt them"
        );
    }
    let started = start_all(&class, &interrupted)?;
    write_out(list(&class, &started.now)?.as_bytes())?;
    drop(lock);
    match (started.was_interrupted, started.problems.is_empty()) {
        (true, _) => Err("interrupted: class start goes on, class stop ends the servers that run".to_owned()),
        (_, true) => Ok(()),
        (_, false) => Err(started.problems.join("\nwachat: ")),
    }
}

/// Changes ports, address, time-out and TLS of a class that is stopped, if others are asked for.
fn change_settings(args: &StartArgs, class: Class) -> Result<Class, String> {
    let count = u16::try_from(class.groups.len()).unwrap_or(u16::MAX);
    if let Some(groups) = args.groups.filter(|groups| *groups != count) {
        return Err(format!(
            "the class has {count} groups, not {groups}, and that number stays; another class needs another --dir"
        ));
    }
    let mut wanted = class.clone();
    wanted.listen = args.listen.unwrap_or(class.listen);
    // A new address beyond this machine is one with TLS; the old one stays as it is.
    let leaves = wanted.listen != class.listen && !wanted.listen.is_loopback();
    wanted.tls = args.protection().unwrap_or(class.tls || leaves);
    wanted.timeout = args.timeout.unwrap_or(class.timeout);
    if let Some(base_port) = args.base_port {
        for (group, ports) in wanted.groups.iter_mut().zip(class::groups(count, base_port)?) {
            *group = Group { own_server: group.own_server.take(), ..ports };
        }
    }
    let settings = |class: &Class| (class.listen, class.timeout, class.tls, class.groups.clone());
    if settings(&wanted) == settings(&class) {
        return Ok(class);
    }
    for group in &class.groups {
        if class.server(group).is_up()? {
            return Err(
                "ports, address, time-out and TLS change only while the class is stopped: class stop".to_owned()
            );
        }
    }
    keep_ports(&wanted, &wanted.groups)?;
    prepare_certificate(&wanted)?;
    let rows = passwords::read(&wanted.directory)?;
    if !rows.is_empty() {
        passwords::write(&wanted, rows)?;
    }
    wanted.write()?;
    Ok(wanted)
}

/// Names the students of a roster who are not in the class: a start adds nobody.
fn check_roster(args: &StartArgs, class: &Class) -> Result<(), String> {
    let Some(path) = &args.roster else { return Ok(()) };
    let count = u16::try_from(class.groups.len()).unwrap_or(u16::MAX);
    for (row, _) in read_roster(path, count)? {
        if !class.students.iter().any(|student| student.name == row.name) {
            eprintln!("wachat: {0} is in the roster, and not in the class: wachat class add {0}", row.name);
        }
    }
    Ok(())
}

/// Starts the servers that are down, all at the same time.
fn start_all(class: &Class, interrupted: &Receiver<()>) -> Result<Started, String> {
    let deadline = Instant::now() + limits::CLASS_START;
    let mut down = Vec::new();
    for group in &class.groups {
        if !class.server(group).wait_until_listening(deadline)? {
            down.push(group.clone());
        }
    }
    let _kept = keep_ports(class, &down)?;
    let mut started = Started { now: Vec::new(), problems: Vec::new(), was_interrupted: false };
    let mut starting = Vec::new();
    for group in &down {
        match start_server(class, group) {
            Ok(server) => starting.push(server),
            Err(why) => started.problems.push(why),
        }
    }
    for mut server in starting {
        let group = server.group;
        if started.was_interrupted {
            server.end();
            continue;
        }
        match server.wait(deadline, interrupted) {
            Ok(()) => started.now.push(group),
            Err(Trouble::Failed(why)) => started.problems.push(why),
            Err(Trouble::Interrupted) => started.was_interrupted = true,
        }
    }
    Ok(started)
}

/// Returns the list of the groups: what to tell each of them.
fn list(class: &Class, started: &[u16]) -> Result<String, String> {
    let address = passwords::address(class);
    let mut text = format!("{:<6} {:<8} {:<9} connect with\n", "group", "server", "students");
    for group in &class.groups {
        let state = match class.server(group).is_up()? {
            true if started.contains(&group.number) => "started",
            true => "runs",
            false => "down",
        };
        let number = group.number;
        let count = class.students_of(number).count();
        let connect = passwords::connect(class, &address, [group.send_port, group.recv_port], "NAME");
        text.push_str(&format!("{number:<6} {state:<8} {count:<9} {connect}\n"));
    }
    if let Some(fingerprint) = class.fingerprint()? {
        text.push_str(&format!("certificate of all servers, to compare at the first connection: {fingerprint}\n"));
    }
    let passwords = passwords::path(&class.directory);
    if passwords.exists() {
        text.push_str(&format!("names, passwords and ports to hand out: {}\n", passwords.display()));
    }
    Ok(text)
}
