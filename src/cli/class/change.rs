//! `wachat class add` and `wachat class reset`: the group's server is stopped for a moment, since a store belongs to one
//! process at a time. Its clients connect again by themselves, and nothing is lost: what they send meanwhile waits in
//! their outboxes.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::super::admin::import;
use super::super::admin::roster::Student as NewStudent;
use super::super::terminal::write_out;
use super::passwords::{self, Row};
use super::store::{finish_reset, open_store, start_server};
use crate::course::class::{Class, Group, Student, Trouble};
use crate::disk::{Disk as _, RealDisk};
use crate::limits;
use crate::model::{Email, NewAccount, Timestamp, UserName};
use crate::signals;

/// Arguments of `wachat class add`.
#[derive(Args)]
pub(super) struct AddArgs {
    /// Name of the student
    student: String,
    /// Number of the group [default: the one with the fewest students]
    #[arg(long, value_name = "NUMBER")]
    group: Option<u16>,
}

pub(super) fn add(args: &AddArgs, directory: &Path) -> Result<(), String> {
    let name = UserName::new(&args.student).map_err(|error| format!("{}: {error}", args.student))?;
    let (_lock, mut class) = super::open(directory)?;
    if let Some(student) = class.students.iter().find(|student| student.name == name) {
        return Err(format!("{name} is in group {} already", student.group));
    }
    Class::check_room(class.students.len() + 1)?;
    let smallest = class.groups.iter().min_by_key(|group| class.students_of(group.number).count());
    let number = args.group.or(smallest.map(|group| group.number)).unwrap_or(1);
    let group = class.group(number)?.clone();
    let away = without_server(&class, &group, || add_account(&class, &group, &name))?;
    class.students.push(Student { name: name.clone(), group: number });
    class.write()?;
    let file = passwords::path(directory);
    write_out(format!("{name} is in group {number}; the password is in {}{away}\n", file.display()).as_bytes())
}

/// Makes an account. The password is in the file before the account exists. An account that exists without a student is
/// what a command that was killed has left: it gets this password.
fn add_account(class: &Class, group: &Group, name: &UserName) -> Result<(), String> {
    let student =
        NewStudent { line: 0, name: name.clone(), password: None, email: Email::default(), group: String::new() };
    let (password, text) = import::choose_password(&student)?;
    let mut store = open_store(&class.directory_of(group.number).join("data"))?;
    let mut rows = passwords::read(&class.directory)?;
    rows.retain(|row| row.name != name.shown());
    rows.push(Row { group: group.number, name: name.to_string(), password: text.unwrap_or_default() });
    passwords::write(class, rows)?;
    let is_there = store.list().iter().any(|account| account.name == *name);
    let done = if is_there { store.set_password(name.clone(), &password) } else { store.add(name.clone(), &password) };
    done.map_err(|why| format!("{name}: {why}"))
}

pub(super) fn reset(directory: &Path, number: u16) -> Result<(), String> {
    let (_lock, class) = super::open(directory)?;
    let group = class.group(number)?.clone();
    let old = class.directory_of(number).join(format!("before-{}", Timestamp::now().to_string().replace(':', "-")));
    let away = without_server(&class, &group, || empty_store(&class, &group, &old))?;
    write_out(format!("group {number} has an empty store; the old one is in {}{away}\n", old.display()).as_bytes())
}

/// Makes a store with the same accounts, and then moves the old store and its trace aside. In between there is no store:
/// [`finish_reset`] ends what a crash there has begun.
fn empty_store(class: &Class, group: &Group, old: &Path) -> Result<(), String> {
    let directory = class.directory_of(group.number);
    let [data, new] = ["data", "data.new"].map(|name| directory.join(name));
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    if new.exists() {
        RealDisk.remove_dir(&new).map_err(failed)?;
    }
    let accounts = open_store(&data)?.list().into_iter().filter(|account| account.removed_at.is_none());
    let accounts =
        accounts.map(|row| NewAccount { name: row.name, password_hash: row.password_hash, email: row.email }).collect();
    open_store(&new)?.add_all(accounts)?;
    RealDisk.create_dir(old).map_err(failed)?;
    if directory.join("trace.csv").exists() {
        RealDisk.rename(&directory.join("trace.csv"), &old.join("trace.csv")).map_err(failed)?;
    }
    RealDisk.rename(&data, &old.join("data")).and_then(|()| RealDisk.sync_dir(old)).map_err(failed)?;
    finish_reset(&directory)
}

/// Does something while the server of a group is away, and starts it again if it was running, whatever became of that.
/// Returns what to say about it.
fn without_server(class: &Class, group: &Group, change: impl FnOnce() -> Result<(), String>) -> Result<String, String> {
    // A first Ctrl-C waits until the server is back.
    let _deferred = signals::receive(&[SIGINT, SIGTERM])?;
    let begin = Instant::now();
    let was_up = class.server(group).stop()?;
    let changed = change();
    if !was_up {
        return changed.map(|()| "; its server is down".to_owned());
    }
    let never = crossbeam_channel::never();
    let started =
        start_server(class, group).and_then(|server| match server.wait(begin + limits::CLASS_START, &never) {
            Ok(()) => Ok(()),
            Err(Trouble::Failed(why)) => Err(why),
            Err(Trouble::Interrupted) => Err("interrupted".to_owned()),
        });
    changed.and(started)?;
    Ok(format!("; its server was away for {:.1} s", begin.elapsed().as_secs_f64()))
}
