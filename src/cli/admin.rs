//! The administrator's commands. Each reaches the store in `--data`: through the server that holds it, or directly.

mod access;
mod announce;
mod ban;
mod cluster;
mod erase;
pub(super) mod import;
mod log_level;
mod room;
pub(super) mod roster;
mod safety;
mod session;
mod status;
mod user;

use clap::Subcommand;

use super::page::Page;

/// The pages, in the order of the commands.
pub(super) const PAGES: [&[Page]; 9] = [
    user::PAGES,
    room::PAGES,
    session::PAGES,
    ban::PAGES,
    announce::PAGES,
    status::PAGES,
    log_level::PAGES,
    safety::PAGES,
    cluster::PAGES,
];

#[derive(Subcommand)]
pub(super) enum AdminCommand {
    /// Manage accounts
    User(user::UserArgs),
    /// List or remove rooms
    Room(room::RoomArgs),
    /// List or close the connections of users
    Session(session::SessionArgs),
    Ban(ban::BanArgs),
    /// Lift a ban
    Unban(ban::UnbanArgs),
    /// List the bans, one record a line, with the fields separated by ;
    Bans(ban::BansArgs),
    /// Tell all users who are online
    Announce(announce::AnnounceArgs),
    /// Show the figures of a running server
    Status(status::StatusArgs),
    /// Set how much a running server writes to its log
    LogLevel(log_level::LogLevelArgs),
    Check(safety::CheckArgs),
    Backup(safety::BackupArgs),
    Restore(safety::RestoreArgs),
    Cluster(cluster::ClusterArgs),
}

/// Runs a command. The error says why it was not done.
pub(super) fn run(command: &AdminCommand) -> Result<(), String> {
    match command {
        AdminCommand::User(args) => user::run(args),
        AdminCommand::Room(args) => room::run(args),
        AdminCommand::Session(args) => session::run(args),
        AdminCommand::Ban(args) => ban::ban(args),
        AdminCommand::Unban(args) => ban::unban(args),
        AdminCommand::Bans(args) => ban::bans(args),
        AdminCommand::Announce(args) => announce::run(args),
        AdminCommand::Status(args) => status::run(args),
        AdminCommand::LogLevel(args) => log_level::run(args),
        AdminCommand::Check(args) => safety::check(args),
        AdminCommand::Backup(args) => safety::backup(args),
        AdminCommand::Restore(args) => safety::restore(args),
        AdminCommand::Cluster(args) => cluster::run(args),
    }
}
