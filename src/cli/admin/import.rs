//! `wachat user import`: the accounts of a class, from a roster.
//!
//! In this order: the whole roster is checked; the passwords are hashed; generated passwords are written to a file,
//! durably; the accounts are created, as one batch of the write-ahead log. A crash leaves the file and no accounts, or
//! all of them. The file is a roster itself: importing it with `--skip-existing` continues after a crash, with the same
//! passwords.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::page::{DONE, Page, page};
use super::super::terminal::write_out;
use super::access::{Admin, StoreArgs};
use super::roster::{self, Problem, Student};
use crate::disk;
use crate::limits;
use crate::model::{NewAccount, Password, UserName};
use crate::protocol::control::{Account, ControlRequest};
use crate::server::hash_all;

pub(super) const PAGE: Page = page(
    "user import",
    DONE,
    &[
        ("wachat user import data/roster.csv", "Passwords go to data/passwords.csv"),
        ("wachat user import data/passwords.csv --skip-existing", "Continue after a crash"),
    ],
    &["user export", "serve"],
);

#[derive(Args)]
pub(super) struct ImportArgs {
    /// CSV, split by ; or , with a first line that names its columns: name, and optionally password and email. A
    /// missing password is made up
    roster: PathBuf,
    /// A new file for those passwords, readable by you alone [default: passwords.csv beside the roster]
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Skip users that have an account already, such as after a crash
    #[arg(long)]
    skip_existing: bool,
    /// Do not put the accounts into #lobby
    #[arg(long)]
    no_lobby: bool,
}

pub(super) fn run(args: &ImportArgs, store: &StoreArgs) -> Result<(), String> {
    let name = args.roster.display();
    let bytes = std::fs::read(&args.roster).map_err(|error| format!("cannot read {name}: {error}"))?;
    let students = roster::read(&bytes).map_err(|problems| refuse(&args.roster, &problems, "imported"))?;
    let file = args.passwords.clone().unwrap_or_else(|| args.roster.with_file_name("passwords.csv"));
    // A refused import creates nothing, not even a store. Existing accounts are known only once the store is open.
    if !(args.skip_existing && store.data.exists()) {
        check_new(&students, &file)?;
    }
    let mut admin = store.open()?;
    let (students, skipped) = leave_out_existing(args, students, &admin.accounts()?)?;
    check_new(&students, &file)?;
    let new = students.len();
    check_count(&admin, new)?;
    let generated = make_accounts(&mut admin, students, &file, !args.no_lobby)?;
    let left_out = if skipped > 0 { format!("; {skipped} had one already") } else { String::new() };
    let kept = if generated > 0 { format!("; passwords of {generated} in {}", file.display()) } else { String::new() };
    write_out(format!("{new} accounts made{left_out}{kept}\n").as_bytes())
}

/// Checks that the file for generated passwords, if one is needed, does not exist yet.
fn check_new(students: &[Student], file: &Path) -> Result<(), String> {
    if students.iter().all(|student| student.password.is_some()) || !file.exists() {
        return Ok(());
    }
    Err(format!(
        "nothing was imported: {0} is there already, and is not overwritten; after an import that was cut, import {0} \
         with --skip-existing; else name another file with --passwords",
        file.display()
    ))
}

/// Prints each problem of the roster as a line, and returns the error that nothing was `done`, such as imported.
pub(in crate::cli) fn refuse(roster: &Path, problems: &[Problem], done: &str) -> String {
    for problem in problems {
        eprintln!("wachat: {}, line {}: {}", roster.display(), problem.line, problem.what);
    }
    format!("nothing was {done}: {} to correct", problems.len())
}

/// Returns the students without an account, and the number of the others. Without `--skip-existing` an existing account
/// is an error.
fn leave_out_existing(
    args: &ImportArgs,
    students: Vec<Student>,
    existing: &[Account],
) -> Result<(Vec<Student>, usize), String> {
    let accounts: HashMap<&UserName, bool> =
        existing.iter().map(|account| (&account.name, account.removed_at.is_some())).collect();
    let mut new = Vec::new();
    let mut problems = Vec::new();
    let mut skipped = 0;
    for student in students {
        let what = match accounts.get(&student.name) {
            Some(true) => "was removed, and the name stays taken",
            Some(false) if !args.skip_existing => "has an account already (--skip-existing leaves such out)",
            Some(false) => {
                skipped += 1;
                continue;
            }
            None => {
                new.push(student);
                continue;
            }
        };
        problems.push(Problem::new(student.line, format!("{} {what}", student.name)));
    }
    problems.extend(roster::look_alikes(&new, existing.iter().map(|account| &account.name)));
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok((new, skipped)) } else { Err(refuse(&args.roster, &problems, "imported")) }
}

/// Checks that a running server takes this many accounts at once.
fn check_count(admin: &Admin, count: usize) -> Result<(), String> {
    match admin {
        Admin::Server(_) if count > limits::IMPORT_ACCOUNTS => Err(format!(
            "nothing was imported: {count} are too many accounts for a running server, which takes {} at once; stop it \
             first, or divide the roster",
            limits::IMPORT_ACCOUNTS
        )),
        _ => Ok(()),
    }
}

/// Creates the accounts. Returns the number of generated passwords, which are in the file.
fn make_accounts(admin: &mut Admin, students: Vec<Student>, file: &Path, lobby: bool) -> Result<usize, String> {
    let chosen = students.iter().map(choose_password).collect::<Result<Vec<_>, _>>()?;
    let hashes = hash_all(&chosen.iter().map(|(password, _)| password).collect::<Vec<_>>())?;
    let generated = students.iter().zip(&chosen).filter_map(|(student, (_, generated))| {
        Some([student.name.to_string(), generated.clone()?, student.email.as_str().to_owned()])
    });
    let generated: Vec<_> = generated.collect();
    let kept = generated.len();
    if kept > 0 {
        write_passwords(file, generated)?;
    }
    let new =
        |(student, password_hash): (Student, _)| NewAccount { name: student.name, password_hash, email: student.email };
    let accounts = students.into_iter().zip(hashes).map(new).collect();
    admin.change(&ControlRequest::Add { accounts, lobby }).map_err(|why| {
        let again = format!("; {} holds their passwords: import it with --skip-existing", file.display());
        if kept > 0 { why + &again } else { why }
    })?;
    Ok(kept)
}

/// Returns the password of a student's account; if the roster has none, a generated one with its text.
pub(in crate::cli) fn choose_password(student: &Student) -> Result<(Password, Option<String>), String> {
    if let Some(password) = &student.password {
        return Ok((password.clone(), None));
    }
    let text = generate_password().map_err(|error| format!("no random numbers: {error}"))?;
    let password = Password::new(&student.name, &text).map_err(|error| error.to_string())?;
    Ok((password, Some(text)))
}

fn write_passwords(file: &Path, rows: Vec<[String; 3]>) -> Result<(), String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("cannot write {}: {error}; nothing was imported", file.display());
    let table = roster::table(["name", "password", "email"], rows.into_iter()).map_err(|error| failed(&error))?;
    disk::write_new(file, &table).map_err(|error| failed(&error))
}

/// Lower-case letters and digits, without those that look alike: `i l o 0 1`.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Number of groups of four, which are easy to read aloud: `k7mp-x3wd-9hqr`. Twelve of 31 characters are 59 bits.
const GROUPS: usize = 3;

/// Generates a password from the operating system's random numbers.
fn generate_password() -> Result<String, getrandom::Error> {
    let mut password = String::new();
    let mut length = 0;
    let mut random = [0; 1];
    while length < 4 * GROUPS {
        getrandom::fill(&mut random)?;
        // The 32nd number stands for no character: it is drawn again, so that all characters are equally likely.
        let Some(character) = ALPHABET.get(usize::from(random[0] & 31)) else { continue };
        if length > 0 && length % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(*character));
        length += 1;
    }
    Ok(password)
}
