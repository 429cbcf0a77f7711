//! `wachat check`, `wachat backup` and `wachat restore`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::disk::RealDisk;
use crate::store::{Report, Store, StoreError};

/// Verify every byte of a store, while no server is running
///
/// Reads the newest checkpoint, the write-ahead log and the whole history, and compares every file with its checksums
/// and with the other files. Changes nothing. Exit code 0: the store is undamaged; 1: it is damaged (a line for each
/// place names the file and the line in it), or cannot be read.
#[derive(Args)]
#[command(after_help = "Example:\n  wachat check --data data")]
pub(super) struct CheckArgs {
    /// Directory of the store, or a backup; no server may be running on it
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

/// Copy a store, also while a server runs on it
///
/// The server goes on working. Every message that was answered OK before the backup began is in the copy, which is
/// verified at the end. Exit code 0: the backup is complete; 1: there is no backup, and a line says why.
#[derive(Args)]
#[command(after_help = "Example:\n  wachat backup --data data /mnt/backups/monday")]
pub(super) struct BackupArgs {
    /// Directory of the store
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Directory of the backup: a new one, or an empty one
    destination: PathBuf,
}

/// Make a store from a backup
///
/// The backup is verified first, and is not changed. The store gets a new name, which tells clients that the server
/// has lost the messages after the backup; clients keep their own history. Exit code 0: the store can be served;
/// 1: there is no store, and a line says why.
#[derive(Args)]
#[command(after_help = "Example:\n  wachat restore /mnt/backups/monday --data data")]
pub(super) struct RestoreArgs {
    /// Directory that wachat backup has written
    backup: PathBuf,
    /// Directory of the store to make: a new one, an empty one, or one in which a restore was interrupted
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let report = match store(&args.data).check() {
        Ok(report) => report,
        Err(error) => return end(Err(error.to_string())),
    };
    if report.damage.is_empty() {
        return end(print_report(&report, &format!("{} is whole", args.data.display())));
    }
    for note in &report.notes {
        eprintln!("wachat: note: {note}");
    }
    for damage in &report.damage {
        eprintln!("wachat: {damage}");
    }
    end(Err(format!("{} is damaged; nothing was changed; put back a backup with wachat restore", args.data.display())))
}

pub(super) fn backup(args: &BackupArgs) -> ExitCode {
    let done = outside(&args.destination, &args.data).and_then(|()| {
        let report = said(store(&args.data).backup(&args.destination))?;
        print_report(&report, &format!("{} is a backup of {}", args.destination.display(), args.data.display()))
    });
    end(done)
}

pub(super) fn restore(args: &RestoreArgs) -> ExitCode {
    let done = outside(&args.data, &args.backup).and_then(|()| {
        let report = said(store(&args.data).restore(&store(&args.backup)))?;
        print_report(
            &report,
            &format!("{} holds what {} held, under a new name", args.data.display(), args.backup.display()),
        )
    });
    end(done)
}

fn store(directory: &Path) -> Store {
    Store::new(Arc::new(RealDisk), directory)
}

fn said<T>(result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// Checks that the written directory is not inside the one that is read.
fn outside(written: &Path, read: &Path) -> Result<(), String> {
    if real(written).starts_with(real(read)) {
        return Err(format!("{} is in {}; name another directory", written.display(), read.display()));
    }
    Ok(())
}

/// Returns the path without links and dots, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => path,
    }
}

fn end(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("wachat: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the counts and notes of a report.
fn print_report(report: &Report, what: &str) -> Result<(), String> {
    let mut text = format!("wachat: {what}\n");
    for (count, name) in [
        (report.users as u64, "users"),
        (report.messages, "messages"),
        (report.conversations as u64, "conversations"),
        (report.segments, "WAL segments"),
        (report.bytes, "bytes"),
    ] {
        text.push_str(&format!("{name}: {count}\n"));
    }
    report.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot write to standard output: {error}"))
}
