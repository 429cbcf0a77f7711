//! `wachat class`: a server for each group of a class, their score board, and the grades.
//!
//! - `start`: starts what is down. `create`: makes a class of a roster; `args`: their arguments. `passwords`: the file
//!   with what to hand out. `store`: a group's store and ports while no server has them.
//! - `change`: a student more, an empty store; the group's server is away for that moment.
//! - `judge`: grades the servers that the groups have written. `board`: shows it all.

mod args;
mod board;
mod change;
mod create;
mod judge;
mod pages;
mod passwords;
mod start;
mod store;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand};

use super::terminal::write_out;
use crate::course::class::{self, Class, grades};
use crate::limits;

pub(super) use pages::PAGES;

/// Serve a class: servers of groups, a score board, and grades
///
/// Each group gets a server of its own on this machine, with its own ports, accounts and limits. The groups' own servers,
/// which they write in the course, are registered with class server, and graded by class judge.
#[derive(Args)]
pub(super) struct ClassArgs {
    #[command(subcommand)]
    action: Action,
    /// Directory of the class
    #[arg(long, default_value = "class", global = true)]
    dir: PathBuf,
}

#[derive(Subcommand)]
enum Action {
    Start(args::StartArgs),
    /// Show the groups: servers, traffic, the judge's results
    Board(board::BoardArgs),
    /// Register the server that a group has written
    Server {
        /// Number of the group
        group: u16,
        /// Its address and ports, such as 192.168.1.20:6000,6001
        #[arg(value_name = "HOST:SEND,RECV")]
        server: String,
    },
    Judge(judge::JudgeArgs),
    /// Add a student; the group's server is away for about a second
    Add(change::AddArgs),
    /// Give a group an empty store with the same accounts; the old one is moved aside
    Reset {
        /// Number of the group
        group: u16,
    },
    /// Write the grade sheet: a row a student, as CSV
    Export {
        /// File to write [default: standard output]
        file: Option<PathBuf>,
    },
    /// Stop all servers; a later class start goes on where they were
    Stop,
}

pub(super) fn run(args: ClassArgs) -> Result<(), String> {
    let directory = args.dir;
    match args.action {
        Action::Start(start) => start::run(&start, &directory),
        Action::Board(board) => board::run(&board, &directory),
        Action::Server { group, server } => register(&directory, group, server),
        Action::Judge(judge) => judge::run(&judge, &directory),
        Action::Add(add) => change::add(&add, &directory),
        Action::Reset { group } => change::reset(&directory, group),
        Action::Export { file } => export(&directory, file.as_deref()),
        Action::Stop => stop(&directory),
    }
}

/// Locks a class and reads it, to change it.
fn open(directory: &Path) -> Result<(class::Lock, Class), String> {
    // Without a class there is no directory to lock; and what another process changes is read after it is done.
    Class::read(directory)?;
    let lock = class::lock(directory)?;
    Ok((lock, Class::read(directory)?))
}

fn register(directory: &Path, number: u16, server: String) -> Result<(), String> {
    let [send, recv] = super::judge::addresses(&server)?;
    let (_lock, mut class) = open(directory)?;
    class.group(number)?;
    for group in class.groups.iter_mut().filter(|group| group.number == number) {
        group.own_server = Some(server.clone());
    }
    class.write()?;
    write_out(format!("the server of group {number} is at {send} and {recv}\n").as_bytes())
}

fn export(directory: &Path, file: Option<&Path>) -> Result<(), String> {
    let sheet = grades::sheet(&Class::read(directory)?).map_err(|error| error.to_string())?;
    match file {
        Some(file) => class::replace(file, &sheet),
        None => write_out(&sheet),
    }
}

/// Stops all servers at the same time. Each that does not end is named.
fn stop(directory: &Path) -> Result<(), String> {
    let (_lock, class) = open(directory)?;
    let mut ending = Vec::new();
    let mut problems = Vec::new();
    for group in &class.groups {
        let server = class.server(group);
        match server.terminate() {
            Ok(Some(process)) => ending.push((server, process)),
            Ok(None) => {}
            Err(why) => problems.push(why),
        }
    }
    let deadline = Instant::now() + limits::CLASS_STOP;
    let mut stopped = 0;
    for (server, process) in ending {
        match server.wait_for_end(process, deadline) {
            Ok(()) => stopped += 1,
            Err(why) => problems.push(why),
        }
    }
    let servers = if stopped == 1 { "server" } else { "servers" };
    write_out(format!("{stopped} {servers} stopped\n").as_bytes())?;
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\nwachat: ")) }
}
