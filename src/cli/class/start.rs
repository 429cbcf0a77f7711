//! `wachat class start`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use crossbeam_channel::Receiver;
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::super::roster::{self, Problem};
use super::super::{import, write_out};
use super::passwords::{self, Row};
use crate::course::class::{self, Class, Group, Student, Trouble};
use crate::disk::{Disk as _, RealDisk, sync_name};
use crate::limits;
use crate::model::Password;
use crate::server::{NewAccount, Offline, hash_all};
use crate::signals;
use crate::store::Store;

/// Make a class of a roster, and start its servers
///
/// The first start needs --roster and --groups. A later one needs neither: it starts the servers that are down, and
/// changes nothing else. The servers go on when the command ends; class stop ends them.
#[derive(Args)]
pub(super) struct StartArgs {
    /// CSV with a first line that names its columns: name, and optionally password, email and group. A missing password is
    /// made up; who has no group is dealt to one
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// Number of groups
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::CLASS_GROUPS)))]
    groups: Option<u16>,
    /// First port; each group has two [default: 7000]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,
    /// Address to listen on; 0.0.0.0: all IPv4 addresses of this machine [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// Network time-out in seconds, 5 to 300 [default: 10]
    #[arg(long, value_parser = super::super::seconds)]
    timeout: Option<u64>,
}

/// A student and the account of the student.
struct NewStudent {
    student: Student,
    account: NewAccount,
    password: String,
}

/// What the servers of a class did at a start.
struct Started {
    /// The groups whose servers were started now.
    now: Vec<u16>,
    problems: Vec<String>,
    was_interrupted: bool,
}

pub(super) fn run(args: &StartArgs, directory: &Path) -> Result<(), String> {
    let interrupted = signals::receive(&[SIGINT, SIGTERM]).map_err(|error| format!("no signals: {error}"))?;
    let lock = if Class::exists(directory) { None } else { create(args, directory, &interrupted)? };
    let lock = lock.map_or_else(|| class::lock(directory), Ok)?;
    let class = change_settings(args, Class::read(directory)?)?;
    check_roster(args, &class)?;
    let started = start_all(&class, &interrupted)?;
    write_out(list(&class, &started.now)?.as_bytes())?;
    drop(lock);
    match (started.was_interrupted, started.problems.is_empty()) {
        (true, _) => Err("interrupted: class start goes on, class stop ends the servers that run".to_owned()),
        (_, true) => Ok(()),
        (_, false) => Err(started.problems.join("\nwachat: ")),
    }
}

/// Makes a class, all or nothing: in another directory, whose rename is the commit point. `None`: another process has just
/// made it.
fn create(args: &StartArgs, directory: &Path, interrupted: &Receiver<()>) -> Result<Option<class::Lock>, String> {
    let (Some(roster), Some(count)) = (&args.roster, args.groups) else {
        return Err(format!(
            "{}: there is no class; make one with --roster FILE and --groups NUMBER",
            directory.display()
        ));
    };
    let students = read_roster(roster, count)?;
    let class = Class {
        directory: directory.to_path_buf(),
        listen: args.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        timeout: args.timeout.unwrap_or(limits::TIMEOUT.as_secs()),
        groups: class::groups(count, args.base_port.unwrap_or(limits::CLASS_PORT))?,
        students: students.iter().map(|(_, student)| student.clone()).collect(),
    };
    check_ports(&class, &class.groups)?;
    let new = empty_directory(directory)?;
    let lock = class::lock(&new)?;
    if Class::exists(directory) {
        return Ok(None);
    }
    clear(&new)?;
    let made = make(&Class { directory: new.clone(), ..class }, students, interrupted);
    let made = made.and_then(|()| commit(&new, directory));
    if let Err(why) = made {
        clear(&new)?;
        // The file with the lock is all that is left.
        let _ = fs::remove_dir_all(&new);
        return Err(why);
    }
    Ok(Some(lock))
}

/// Reads the roster, and deals its students to groups.
fn read_roster(path: &Path, groups: u16) -> Result<Vec<(roster::Student, Student)>, String> {
    let bytes = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let refuse = |problems: Vec<Problem>| import::refuse(path, &problems, "started");
    let students = roster::read(&bytes).map_err(refuse)?;
    Class::check_room(students.len())?;
    let (mut chosen, mut problems) = (Vec::new(), Vec::new());
    for student in &students {
        let number = student.group.parse().ok().filter(|number| (1..=groups).contains(number));
        if number.is_none() && !student.group.is_empty() {
            let what = format!("{:?} is no group: they are 1 to {groups}", student.group);
            problems.push(Problem::new(student.line, what));
        }
        chosen.push(number);
    }
    if !problems.is_empty() {
        return Err(refuse(problems));
    }
    let dealt = class::deal(&chosen, groups);
    let dealt = students.into_iter().zip(dealt);
    Ok(dealt
        .map(|(row, group)| (Student { name: row.name.clone(), group }, row))
        .map(|(student, row)| (row, student))
        .collect())
}

/// Refuses ports that other programs have.
fn check_ports(class: &Class, groups: &[Group]) -> Result<(), String> {
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

/// Returns the directory in which a class is made. The place of the class has to be free.
fn empty_directory(directory: &Path) -> Result<PathBuf, String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let is_free = fs::read_dir(directory)
        .map_or_else(|error| error.kind() == std::io::ErrorKind::NotFound, |mut entries| entries.next().is_none());
    if !is_free {
        return Err(failed(directory, &"this is no class, and not empty; name another directory with --dir"));
    }
    let name = directory.file_name().ok_or_else(|| failed(directory, &"name another directory with --dir"))?;
    let mut name = name.to_owned();
    name.push(".new");
    let new = directory.with_file_name(name);
    let is_ours = new.join("lock").exists() || RealDisk.list(&new).map_or(true, |names| names.is_empty());
    if !is_ours {
        return Err(failed(&new, &"the class would be made here, and something else is there"));
    }
    RealDisk.create_dir(&new).map_err(|error| failed(&new, &error))?;
    Ok(new)
}

/// Removes what a start that was killed has left, but for the lock.
fn clear(new: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", new.display());
    for entry in fs::read_dir(new).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_directory = entry.file_type().map_err(failed)?.is_dir();
        if is_directory {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        } else if entry.file_name() != "lock" {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Makes stores, accounts and files.
fn make(class: &Class, students: Vec<(roster::Student, Student)>, interrupted: &Receiver<()>) -> Result<(), String> {
    let students = make_accounts(students)?;
    let row = |new: &NewStudent| Row {
        group: new.student.group,
        name: new.student.name.to_string(),
        password: new.password.clone(),
    };
    passwords::write(class, &class.directory, students.iter().map(row).collect())?;
    let mut accounts: Vec<Vec<NewAccount>> = class.groups.iter().map(|_| Vec::new()).collect();
    for new in students {
        if let Some(group) = accounts.get_mut(usize::from(new.student.group).saturating_sub(1)) {
            group.push(new.account);
        }
    }
    for (group, accounts) in class.groups.iter().zip(accounts) {
        if interrupted.try_recv().is_ok() {
            return Err("interrupted: nothing was started".to_owned());
        }
        let directory = class.directory_of(group.number);
        RealDisk.create_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        open_store(&directory.join("data"))?.add_all(accounts)?;
    }
    class.write()
}

/// Opens the store of a group whose server is not running.
pub(super) fn open_store(data: &Path) -> Result<Offline, String> {
    Offline::open(&Store::new(Arc::new(RealDisk), data), true).map_err(|error| error.to_string())
}

fn make_accounts(students: Vec<(roster::Student, Student)>) -> Result<Vec<NewStudent>, String> {
    let chosen = students.iter().map(|(row, _)| import::choose_password(row)).collect::<Result<Vec<_>, _>>()?;
    let hashes = hash_all(&chosen.iter().map(|(password, _)| password).collect::<Vec<_>>())?;
    let text = |password: &Password| String::from_utf8_lossy(password.as_bytes()).into_owned();
    let new = students.into_iter().zip(chosen).zip(hashes).map(|(((row, student), (password, generated)), hash)| {
        let account = NewAccount { name: row.name, password_hash: hash, email: row.email };
        NewStudent { student, account, password: generated.unwrap_or_else(|| text(&password)) }
    });
    Ok(new.collect())
}

/// The commit point of a new class.
fn commit(new: &Path, directory: &Path) -> Result<(), String> {
    let renamed = RealDisk.sync_dir(new).and_then(|()| fs::rename(new, directory));
    let renamed = renamed.and_then(|()| match sync_name(&RealDisk, directory) {
        // Some file systems refuse this call for directories.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        synced => synced,
    });
    renamed.map_err(|error| format!("cannot make {}: {error}", directory.display()))
}

/// Changes ports, address and time-out of a class that is stopped, if others are asked for.
fn change_settings(args: &StartArgs, class: Class) -> Result<Class, String> {
    let count = u16::try_from(class.groups.len()).unwrap_or(u16::MAX);
    if let Some(groups) = args.groups.filter(|groups| *groups != count) {
        return Err(format!(
            "the class has {count} groups, not {groups}, and that number stays; another class needs another --dir"
        ));
    }
    let mut wanted = class.clone();
    wanted.listen = args.listen.unwrap_or(class.listen);
    wanted.timeout = args.timeout.unwrap_or(class.timeout);
    if let Some(base_port) = args.base_port {
        for (group, ports) in wanted.groups.iter_mut().zip(class::groups(count, base_port)?) {
            *group = Group { own_server: group.own_server.take(), ..ports };
        }
    }
    if (wanted.listen, wanted.timeout, &wanted.groups) == (class.listen, class.timeout, &class.groups) {
        return Ok(class);
    }
    for group in &class.groups {
        if class.server(group).is_up()? {
            return Err("ports, address and time-out change only while the class is stopped: class stop".to_owned());
        }
    }
    check_ports(&wanted, &wanted.groups)?;
    let rows = passwords::read(&wanted.directory)?;
    if !rows.is_empty() {
        passwords::write(&wanted, &wanted.directory, rows)?;
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
    let mut down = Vec::new();
    for group in &class.groups {
        if !class.server(group).is_up()? {
            down.push(group.clone());
        }
    }
    check_ports(class, &down)?;
    let deadline = Instant::now() + limits::CLASS_START;
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
        let Group { number, send_port, recv_port, .. } = group;
        let count = class.students_of(*number).count();
        text.push_str(&format!(
            "{number:<6} {state:<8} {count:<9} wachat connect --server {address} --send-port {send_port} --recv-port {recv_port} --user NAME\n"
        ));
    }
    let passwords = passwords::path(&class.directory);
    if passwords.exists() {
        text.push_str(&format!("names, passwords and ports to hand out: {}\n", passwords.display()));
    }
    Ok(text)
}
