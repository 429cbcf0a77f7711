//! `wachat user`: the administrator's commands for accounts.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::super::page::{DONE, Page, page};
use super::super::terminal::{write_list, write_out};
use super::access::StoreArgs;
use super::erase;
use super::import::{self, ImportArgs};
use super::roster;
use crate::client;
use crate::model::{Email, NewAccount, Password, UserName};
use crate::protocol::control::ControlRequest;
use crate::server::hash_one;

pub(super) const PAGES: &[Page] = &[
    page(
        "user",
        DONE,
        &[
            ("wachat user add ana", "Create an account"),
            ("wachat user import data/roster.csv", "Create the accounts of a class"),
        ],
        &[
            "user add",
            "user import",
            "user export",
            "user passwd",
            "user remove",
            "user erase",
            "user list",
            "room",
            "ban",
        ],
    ),
    page("user add", DONE, &[("wachat user add ana --password-file secret", "Without a prompt")], &["user import"]),
    import::PAGE,
    page("user export", DONE, &[("wachat user export > roster.csv", "Write a roster")], &["user import"]),
    page("user passwd", DONE, &[("wachat user passwd ana", "Set the password of ana")], &["user add"]),
    page("user remove", DONE, &[("wachat user remove ana", "Close the account of ana")], &["user list"]),
    page("user erase", DONE, &[("wachat user erase ana", "Take back all that ana has written")], &["user remove"]),
    page("user list", DONE, &[("wachat user list --data data", "The accounts of a store")], &["users", "user export"]),
];

#[derive(Args)]
pub(in crate::cli) struct UserArgs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    store: StoreArgs,
    /// File whose first line is the password [default: WACHAT_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// Create an account
    Add {
        /// User name; one that looks like the name of another account is refused
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
    /// Take back all that a user has written, for ever, also after the account was closed
    ///
    /// The messages stay, without their texts, in all conversations and rooms; clients are told, and remove the texts, too.
    /// The texts leave the files of the store within a day, or when the server stops. Backups from before keep them.
    Erase {
        /// User name
        name: String,
    },
    /// List all accounts, one record a line, with the fields separated by ;
    List,
}

pub(super) fn run(args: &UserArgs) -> Result<(), String> {
    let file = args.password_file.as_deref();
    match &args.action {
        // Only `add` and `import` may create a store.
        Action::Import(import) => import::run(import, &args.store),
        Action::Add { name, no_lobby } => add(&args.store, &user(name)?, file, !no_lobby),
        Action::Passwd { name } => set_password(&args.store, &user(name)?, file),
        Action::Remove { name } => {
            let mut admin = args.store.open_existing()?;
            let user = user(name)?;
            admin.change(&ControlRequest::Remove { user }).map_err(|why| format!("{name}: {why}"))
        }
        Action::Erase { name } => erase::run(&args.store, &user(name)?),
        Action::List => {
            write_list("name;email;created_at;last_seen;removed_at", &args.store.open_existing()?.accounts()?)
        }
        Action::Export => {
            let accounts = args.store.open_existing()?.accounts()?;
            write_out(&roster::write(&accounts).map_err(|error| error.to_string())?)
        }
    }
}

fn add(store: &StoreArgs, name: &UserName, file: Option<&Path>, lobby: bool) -> Result<(), String> {
    let mut admin = store.open()?;
    let password_hash = hash_one(&new_password(name, file)?)?;
    let accounts = vec![NewAccount { name: name.clone(), password_hash, email: Email::default() }];
    admin.change(&ControlRequest::Add { accounts, lobby }).map_err(|why| format!("{name}: {why}"))
}

fn set_password(store: &StoreArgs, name: &UserName, file: Option<&Path>) -> Result<(), String> {
    let mut admin = store.open_existing()?;
    let password_hash = hash_one(&new_password(name, file)?)?;
    let request = ControlRequest::Passwd { user: name.clone(), password_hash };
    admin.change(&request).map_err(|why| format!("{name}: {why}"))
}

fn user(name: &str) -> Result<UserName, String> {
    UserName::new(name).map_err(|error| format!("{name}: {error}"))
}

fn new_password(user: &UserName, file: Option<&Path>) -> Result<Password, String> {
    let text = client::new_password(user, file).map_err(|(_, why)| why)?;
    Password::new(user, &text).map_err(|error| error.to_string())
}
