//! `wachat session`: the administrator's commands for the connections of users.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::admin::Admin;
use super::write_list;
use crate::protocol::control::{ControlRequest, SessionChoice};

#[derive(Args)]
pub(super) struct SessionArgs {
    #[command(subcommand)]
    action: Action,
    /// Directory of the store of the running server
    #[arg(long, default_value = "data", global = true)]
    data: PathBuf,
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

/// Runs the command. The error says why it was not done.
pub(super) fn run(args: &SessionArgs) -> Result<(), String> {
    let mut admin = Admin::running(&args.data)?;
    match &args.action {
        Action::List => write_list("number;user;port;address;since", &admin.sessions()?),
        Action::Close { which } => {
            let choice = SessionChoice::parse(which);
            let choice = choice.ok_or_else(|| format!("{which}: neither a number nor a user name"))?;
            admin.change(&ControlRequest::Close(choice)).map_err(|why| format!("{which}: {why}"))
        }
    }
}
