//! `wachat room`: the administrator's commands for rooms.

use clap::{Args, Subcommand};

use super::super::page::{DONE, Page, page};
use super::super::terminal::write_list;
use super::access::StoreArgs;
use crate::model::RoomName;
use crate::protocol::control::ControlRequest;

pub(super) const PAGES: &[Page] = &[
    page("room", DONE, &[("wachat room list", "The rooms of a store")], &["room list", "room remove", "user"]),
    page("room list", DONE, &[("wachat room list --data data", "The rooms of a store")], &["rooms"]),
    page("room remove", DONE, &[("wachat room remove '#sala'", "End #sala for all members")], &["room list"]),
];

#[derive(Args)]
pub(in crate::cli) struct RoomArgs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    store: StoreArgs,
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

pub(super) fn run(args: &RoomArgs) -> Result<(), String> {
    let mut admin = args.store.open_existing()?;
    match &args.action {
        Action::List => write_list("name;members;bytes;created_by", &admin.rooms()?),
        Action::Remove { name } => {
            let room = RoomName::new(name).map_err(|error| format!("{name}: {error}"))?;
            admin.change(&ControlRequest::RemoveRoom { room }).map_err(|why| format!("{name}: {why}"))
        }
    }
}
