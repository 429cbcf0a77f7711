//! A new class: its directory as a whole, or nothing.

use std::fs;
use std::io;
use std::iter;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use crossbeam_channel::Receiver;

use super::super::admin::import;
use super::super::admin::roster::{self, Problem};
use super::args::StartArgs;
use super::passwords::{self, Row};
use super::store::{keep_ports, open_store};
use crate::course::class::{self, Class, Student};
use crate::disk::{self, Disk as _, RealDisk};
use crate::limits;
use crate::model::{NewAccount, Password};
use crate::server::{hash_all, make_certificate};

/// A student and the account of the student.
struct NewStudent {
    student: Student,
    account: NewAccount,
    password: String,
}

/// Makes a class, all or nothing: in another directory, whose rename is the commit point. `None`: another process has just
/// made it.
pub(super) fn create(
    args: &StartArgs,
    directory: &Path,
    interrupted: &Receiver<()>,
) -> Result<Option<class::Lock>, String> {
    let (Some(roster), Some(count)) = (&args.roster, args.groups) else {
        return Err(format!(
            "{}: there is no class; make one with --roster FILE and --groups NUMBER",
            directory.display()
        ));
    };
    let students = read_roster(roster, count)?;
    let listen = args.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let class = Class {
        directory: beside(directory)?,
        listen,
        tls: args.protection().unwrap_or(!listen.is_loopback()),
        timeout: args.timeout.unwrap_or(limits::TIMEOUT.as_secs()),
        groups: class::groups(count, args.base_port.unwrap_or(limits::CLASS_PORT))?,
        students: students.iter().map(|(_, student)| student.clone()).collect(),
    };
    let new = &class.directory;
    RealDisk.create_dir(new).map_err(|error| format!("{}: {error}", new.display()))?;
    let lock = match class::lock(new) {
        // Another process has renamed it since.
        Err(_) if Class::exists(directory) => return Ok(None),
        lock => lock?,
    };
    let is_made = make(&class, students, directory, interrupted);
    if !matches!(is_made, Ok(true)) {
        // Nothing of it stays, and the lock is held until then.
        let _ = fs::remove_dir_all(new);
    }
    Ok(is_made?.then_some(lock))
}

/// Reads the roster, and deals its students to groups.
pub(super) fn read_roster(path: &Path, groups: u16) -> Result<Vec<(roster::Student, Student)>, String> {
    let bytes = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let refuse = |problems: Vec<Problem>| import::refuse(path, &problems, "started");
    let students = roster::read(&bytes).map_err(refuse)?;
    Class::check_room(students.len())?;
    let mut chosen = Vec::new();
    let mut problems = roster::look_alikes(&students, iter::empty());
    for student in &students {
        let number = student.group.parse().ok().filter(|number| (1..=groups).contains(number));
        if number.is_none() && !student.group.is_empty() {
            let what = format!("{:?} is no group: they are 1 to {groups}", student.group);
            problems.push(Problem::new(student.line, what));
        }
        chosen.push(number);
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.line);
        return Err(refuse(problems));
    }
    let dealt = class::deal(&chosen, groups);
    let pair = |(row, group): (roster::Student, u16)| (Student { name: row.name.clone(), group }, row);
    Ok(students.into_iter().zip(dealt).map(pair).map(|(student, row)| (row, student)).collect())
}

/// Returns the directory in which a class is made: `<directory>.new`, if nothing else is present.
fn beside(directory: &Path) -> Result<PathBuf, String> {
    let name = directory.file_name().ok_or_else(|| format!("{}: name a directory with --dir", directory.display()))?;
    let mut name = name.to_owned();
    name.push(".new");
    let new = directory.with_file_name(name);
    let is_ours = new.join("lock").exists() || RealDisk.list(&new).map_or(true, |names| names.is_empty());
    if is_ours {
        return Ok(new);
    }
    Err(format!("{}: the class would be made here, and something else is there", new.display()))
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

/// Makes a class in its own directory, and moves it to its place. Returns false if there is a class by now.
fn make(
    class: &Class,
    students: Vec<(roster::Student, Student)>,
    place: &Path,
    interrupted: &Receiver<()>,
) -> Result<bool, String> {
    if Class::exists(place) {
        return Ok(false);
    }
    check_free(place)?;
    keep_ports(class, &class.groups)?;
    clear(&class.directory)?;
    fill(class, make_accounts(students)?, interrupted)?;
    commit(&class.directory, place)?;
    Ok(true)
}

/// Refuses a place that is taken by something else.
fn check_free(place: &Path) -> Result<(), String> {
    match fs::read_dir(place).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(format!("{}: this is no class, and not empty; name another directory with --dir", place.display())),
    }
}

/// Writes the passwords, the stores with their accounts, and the files of the class.
fn fill(class: &Class, students: Vec<NewStudent>, interrupted: &Receiver<()>) -> Result<(), String> {
    let row = |new: &NewStudent| Row {
        group: new.student.group,
        name: new.student.name.to_string(),
        password: new.password.clone(),
    };
    prepare_certificate(class)?;
    passwords::write(class, students.iter().map(row).collect())?;
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

/// Makes the certificate of a class that speaks TLS, if it has none yet.
pub(super) fn prepare_certificate(class: &Class) -> Result<(), String> {
    if class.tls {
        make_certificate(&class.certificate())?;
    }
    Ok(())
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
    let renamed = renamed.and_then(|()| disk::sync_name_where_possible(directory));
    renamed.map_err(|error| format!("cannot make {}: {error}", directory.display()))
}
