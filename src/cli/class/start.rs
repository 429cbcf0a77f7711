//! `wachat class start`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::super::terminal::write_out;
use super::create::{create, prepare_certificate, read_roster};
use super::passwords;
use crate::course::class::{self, Class, Group, Trouble};
use crate::limits;
use crate::signals;

/// Make a class of a roster, and start its servers
///
/// The first start needs --roster and --groups. A later one needs neither: it starts the servers that are down, and
/// changes nothing else. The servers go on when the command ends; class stop ends them.
#[derive(Args)]
pub(super) struct StartArgs {
    /// CSV with a first line that names its columns: name, and optionally password, email and group. A missing password is
    /// made up; who has no group is dealt to one
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// Number of groups
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::CLASS_GROUPS)))]
    pub groups: Option<u16>,
    /// First port; each group has two [default: 7000]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub base_port: Option<u16>,
    /// Address to listen on; 0.0.0.0: all IPv4 addresses of this machine [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<IpAddr>,
    /// Speak TLS on all servers, with one certificate of the class [default: beyond this machine]
    #[arg(long)]
    pub tls: bool,
    /// Speak clear text beyond this machine, too: for clients that students write. Who listens to the network reads the
    /// passwords
    #[arg(long, conflicts_with = "tls")]
    pub clear_text: bool,
    /// Network time-out in seconds, 5 to 300 [default: 10]
    #[arg(long, value_parser = super::super::serve_args::seconds)]
    pub timeout: Option<u64>,
}

impl StartArgs {
    /// Returns whether TLS is asked for; `None`: nothing is said about it.
    pub fn protection(&self) -> Option<bool> {
        (self.tls || self.clear_text).then_some(self.tls)
    }
}

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

/// Refuses ports that other programs have.
pub(super) fn check_ports(class: &Class, groups: &[Group]) -> Result<(), String> {
    let mut taken = Vec::new();
    for group in groups {
        for (port, error) in class.server(group).taken_ports() {
            taken.push(format!("port {port} of group {}: {error}", group.number));
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    Err(format!("nothing was started; choose other ports with --base-port\nwachat: {}", taken.join("\nwachat: ")))
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
    check_ports(&wanted, &wanted.groups)?;
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
    check_ports(class, &down)?;
    let mut started = Started { now: Vec::new(), problems: Vec::new(), was_interrupted: false };
    let mut starting = Vec::new();
    for group in &down {
        match super::change::start_server(class, group) {
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
