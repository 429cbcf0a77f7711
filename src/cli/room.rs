//! `wachat room`: the administrator's commands for rooms.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::admin::Admin;
use super::write_list;
use crate::log_lines;
use crate::model::RoomName;
use crate::protocol::control::ControlRequest;

#[derive(Args)]
pub(super) struct RoomArgs {
    #[command(subcommand)]
    action: Action,
    /// Directory of the store; a server may be running on it
    #[arg(long, default_value = "data", global = true)]
    data: PathBuf,
}

#[derive(Subcommand)]
enum Action {
    /// List all rooms, one record a line, with the fields separated by ;
    List,
    /// End all memberships of a room, and free its name
    ///
    /// The messages stay in the file of the room in history/, which no client can read any more. A room that is created
    /// under the name later begins with an empty history.
    Remove {
        /// The name, with its #
        #[arg(value_name = "#ROOM")]
        name: String,
    },
}

/// Runs the command. The error says why it was not done.
pub(super) fn run(args: &RoomArgs) -> Result<(), String> {
    log_lines::from_env().init();
    let mut admin = Admin::open_existing(&args.data)?;
    match &args.action {
        Action::List => write_list("name;members;bytes;created_by", &admin.rooms()?),
        Action::Remove { name } => {
            let room = RoomName::new(name).map_err(|error| format!("{name}: {error}"))?;
            admin.change(&ControlRequest::RemoveRoom { room }).map_err(|why| format!("{name}: {why}"))
        }
    }
}
