//! `wachat user`: the administrator's commands for accounts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::import::{self, ImportArgs};
use super::{roster, write_out};
use crate::client;
use crate::disk::RealDisk;
use crate::model::{Password, UserName};
use crate::record::Writer;
use crate::server::Offline;
use crate::store::Store;

#[derive(Args)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    action: Action,
    /// Directory of the store; no server may be running on it
    #[arg(long, default_value = "data", global = true)]
    data: PathBuf,
    /// File whose first line is the password [default: WACHAT_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// Create an account
    Add {
        /// User name
        name: String,
        /// Do not put the account into #lobby
        #[arg(long)]
        no_lobby: bool,
    },
    /// Create the accounts of a roster, all or none
    Import(ImportArgs),
    /// Print the accounts as a roster: CSV, without passwords
    Export,
    /// Set a new password
    Passwd {
        /// User name
        name: String,
    },
    /// Close an account for ever; its name stays reserved
    Remove {
        /// User name
        name: String,
    },
    /// List all accounts, one record a line, with the fields separated by ;
    List,
}

/// Runs the command. The error says why it was not done.
pub(super) fn run(args: &UserArgs) -> Result<(), String> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    if let Action::Import(import) = &args.action {
        return import::run(import, &args.data, |lobby| open(&args.data, lobby));
    }
    // Only `add` and `import` may create a store.
    let mut offline = match args.action {
        Action::Add { no_lobby, .. } => open(&args.data, !no_lobby)?,
        _ => open_existing(&args.data)?,
    };
    match &args.action {
        Action::Add { name, .. } => {
            let name = user(name)?;
            let password = new_password(&name, args.password_file.as_deref())?;
            offline.add(name.clone(), &password).map_err(|why| format!("{name}: {why}"))
        }
        Action::Passwd { name } => {
            let name = user(name)?;
            let password = new_password(&name, args.password_file.as_deref())?;
            offline.set_password(name.clone(), &password).map_err(|why| format!("{name}: {why}"))
        }
        Action::Remove { name } => offline.remove(user(name)?).map_err(|why| format!("{name}: {why}")),
        Action::List => list(&offline),
        Action::Export => write_out(&roster::write(&offline.list()).map_err(|error| error.to_string())?),
        // Handled above: an import opens the store only after it has read the roster.
        Action::Import(_) => Ok(()),
    }
}

/// Opens a store that is there.
pub(super) fn open_existing(data: &Path) -> Result<Offline, String> {
    if !data.exists() {
        return Err(format!("{}: there is no store; name one with --data", data.display()));
    }
    open(data, true)
}

/// Opens the store, which is refused while a server is running on it.
pub(super) fn open(data: &Path, lobby: bool) -> Result<Offline, String> {
    let store = Store::new(Arc::new(RealDisk), data);
    Offline::open(&store, lobby).map_err(|error| error.to_string())
}

fn user(name: &str) -> Result<UserName, String> {
    UserName::new(name).map_err(|error| format!("{name}: {error}"))
}

fn new_password(user: &UserName, file: Option<&Path>) -> Result<Password, String> {
    let text = client::new_password(user, file).map_err(|(_, why)| why)?;
    Password::new(user, &text).map_err(|error| error.to_string())
}

fn list(offline: &Offline) -> Result<(), String> {
    let mut out = b"name;email;created_at;last_seen;removed_at\n".to_vec();
    for row in offline.list() {
        let [seen, removed] = [row.last_seen, row.removed_at].map(|at| at.map_or(String::new(), |at| at.to_string()));
        let mut line = Writer::new(&mut out);
        line.plain(&row.name).text(row.email.as_str()).plain(row.created_at).plain(seen).plain(removed).end();
    }
    write_out(&out)
}
