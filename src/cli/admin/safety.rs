//! `wachat check`, `wachat backup` and `wachat restore`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::super::page::{DONE, Page, page};
use super::super::terminal::write_out;
use super::access::StoreArgs;
use crate::disk::RealDisk;
use crate::store::{Report, Rotated, Store};

const CHECK: &[(u8, &str)] = &[
    (0, "no damage"),
    (1, "each line names damage, with file and line, or says why the store cannot be checked"),
    (2, "wrong arguments"),
];

pub(super) const PAGES: &[Page] = &[
    page(
        "check",
        CHECK,
        &[("wachat check data", "Verify a stopped store"), ("wachat check /mnt/backups/monday", "Verify a backup")],
        &["backup", "restore"],
    ),
    page(
        "backup",
        DONE,
        &[
            ("wachat backup --data data /mnt/backups/monday", "Copy a store, also while it is served"),
            ("wachat backup --data data /mnt/backups --keep 14", "Each day a copy, for a timer; the newest 14 stay"),
        ],
        &["restore", "check"],
    ),
    page(
        "restore",
        DONE,
        &[("wachat restore /mnt/backups/monday --data data", "Make a store of a backup")],
        &["backup", "check"],
    ),
];

/// Verify every byte of a store, while no server is running
///
/// Reads every file in full and compares it with its checksums and with the others: the newest checkpoint, the
/// write-ahead log, the whole history. Changes nothing.
#[derive(Args)]
#[command(mut_arg("data", |data| data.help("Directory to verify where no other is named")))]
pub(in crate::cli) struct CheckArgs {
    // It precedes --data and does not exclude it: WACHAT_DATA may stand for that flag.
    /// Directory of the store, or a backup; no server may be running on it [default: that of --data]
    directory: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Copy a store, also while a server runs on it
///
/// The server keeps running. Everything that was answered OK before the backup began is in the copy,
/// which is verified in the end. If it fails, there is no backup. With --keep, for a timer, each backup has a
/// directory of its own, named for its time, and the oldest are removed when the new one is verified.
#[derive(Args)]
pub(in crate::cli) struct BackupArgs {
    // Not `StoreArgs`: an argument with a changed help moves to the end of the completions.
    /// Directory of the store
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Directory of the backup: a new one, or an empty one; with --keep, the folder of all backups
    destination: PathBuf,
    /// Number of backups that the folder keeps, the newest ones
    #[arg(long, value_name = "NUMBER")]
    keep: Option<NonZeroUsize>,
}

/// Help of the store that `restore` makes.
const RESTORED: &str =
    "Directory of the store to make: a new one, an empty one, or one in which a restore was interrupted";

/// Make a store of a backup
///
/// The backup is verified first and stays as it is. The store gets a new name, by which clients notice that messages
/// after the backup are gone from the server; they keep their own copies.
#[derive(Args)]
#[command(mut_arg("data", |data| data.help(RESTORED)))]
pub(in crate::cli) struct RestoreArgs {
    /// Directory that wachat backup has written
    backup: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn check(args: &CheckArgs) -> Result<(), String> {
    let directory = args.directory.as_ref().unwrap_or(&args.store.data);
    let report = store(directory).check().map_err(|error| error.to_string())?;
    let data = directory.display();
    if report.damage.is_empty() {
        return print_report(&report, &format!("{data} is whole"));
    }
    report.notes.iter().for_each(|note| eprintln!("wachat: note: {note}"));
    report.damage.iter().for_each(|damage| eprintln!("wachat: {damage}"));
    Err(format!("{data} is damaged; nothing was changed; put back a backup with wachat restore"))
}

pub(super) fn backup(args: &BackupArgs) -> Result<(), String> {
    refuse_inside(&args.destination, &args.data)?;
    if let Some(keep) = args.keep {
        return rotate(args, keep);
    }
    let report = store(&args.data).backup(&args.destination).map_err(|error| error.to_string())?;
    print_report(&report, &format!("{} is a backup of {}", args.destination.display(), args.data.display()))
}

fn rotate(args: &BackupArgs, keep: NonZeroUsize) -> Result<(), String> {
    let Rotated { backup, report, removed } =
        store(&args.data).backup_into(&args.destination, keep).map_err(|error| error.to_string())?;
    print_report(&report, &format!("{} is a backup of {}", backup.display(), args.data.display()))?;
    let removed: String = removed.iter().map(|old| format!("removed: {}\n", old.display())).collect();
    write_out(removed.as_bytes())
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), String> {
    refuse_inside(&args.store.data, &args.backup)?;
    let report = store(&args.store.data).restore(&store(&args.backup)).map_err(|error| error.to_string())?;
    let data = args.store.data.display();
    let backup = args.backup.display();
    print_report(&report, &format!("{data} holds what {backup} held, under a new name"))
}

fn store(directory: &Path) -> Store {
    Store::new(Arc::new(RealDisk), directory)
}

/// Refuses to write into the directory that is read.
fn refuse_inside(written: &Path, read: &Path) -> Result<(), String> {
    if canonical(written).starts_with(canonical(read)) {
        return Err(format!("{} is in {}; name another directory", written.display(), read.display()));
    }
    Ok(())
}

/// Returns a path without links and dots, as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => path,
    }
}

/// Prints the content of a store on standard output.
fn print_report(report: &Report, headline: &str) -> Result<(), String> {
    let mut text = format!("wachat: {headline}\n");
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
    write_out(text.as_bytes())
}
