//! `wachat session`: the administrator's commands for the connections of users.

use clap::{Args, Subcommand};

use super::super::page::{DONE, Page, page};
use super::super::terminal::write_list;
use super::access::{StoreArgs, of_running_server};
use crate::protocol::control::{ControlRequest, SessionChoice};

pub(super) const PAGES: &[Page] = &[
    page(
        "session",
        DONE,
        &[("wachat session list", "The connections to the server on data/")],
        &["session list", "session close", "status", "ban"],
    ),
    page("session list", DONE, &[("wachat session list --data data", "Who is connected, and from where")], &["status"]),
    page(
        "session close",
        DONE,
        &[
            ("wachat session close luis", "Close all connections of luis"),
            ("wachat session close 17", "Close the connection with this number"),
        ],
        &["session list", "ban"],
    ),
];

#[derive(Args)]
#[command(mut_arg("data", of_running_server))]
pub(in crate::cli) struct SessionArgs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Subcommand)]
enum Action {
    /// List the connections that are logged in, one record a line, with the fields separated by ;
    List,
    /// Close a connection, or all of a user
    ///
    /// A client whose connection is closed ends. Its user can log in again: a ban prevents that.
    Close {
        /// Number of a connection in the list, or a user name (@NAME if the name is a number)
        #[arg(value_name = "USER|NUMBER")]
        which: String,
    },
}

pub(super) fn run(args: &SessionArgs) -> Result<(), String> {
    let mut admin = args.store.open_server()?;
    match &args.action {
        Action::List => write_list("number;user;port;address;since", &admin.sessions()?),
        Action::Close { which } => {
            let choice = SessionChoice::parse(which);
            let choice = choice.ok_or_else(|| format!("{which}: neither a number nor a user name"))?;
            admin.change(&ControlRequest::Close(choice)).map_err(|why| format!("{which}: {why}"))
        }
    }
}
