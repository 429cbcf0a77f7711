//! The command line: its grammar (clap), and the match that runs a command.

mod admin;
mod bridge;
mod chaos;
mod class;
mod clients;
mod cluster_args;
mod config;
mod demo;
mod dissector;
mod explain;
mod judge;
mod logging;
mod man;
mod page;
pub mod pages;
mod serve;
mod serve_args;
mod shell;
mod talk;
mod terminal;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::client::exit::report;
use crate::client::{self, ConnectArgs, Exit};
use crate::settings::{self, Settings};
use crate::tools;

/// A store-and-forward messenger for the terminal.
#[derive(Parser)]
#[command(name = "wachat", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Settings file [default: ~/.config/wachat/config.toml, or where your platform has it]
    #[arg(long, global = true, value_name = "FILE", env = settings::ENVIRONMENT)]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve_args::ServeArgs>),
    /// Chat, or send the lines of a pipe
    #[command(after_help = client::EXAMPLES)]
    Connect(ConnectArgs),
    #[command(flatten)]
    Tool(tools::Tool),
    /// Carry messages between a room and another network
    Bridge(bridge::BridgeArgs),
    /// Disturb connections by rules, as a proxy before a server
    #[command(long_about = crate::course::chaos::GRAMMAR)]
    Chaos(chaos::ChaosArgs),
    Class(class::ClassArgs),
    #[command(flatten)]
    Admin(admin::AdminCommand),
    Demo(demo::DemoArgs),
    Explain(explain::ExplainArgs),
    Dissector(dissector::DissectorArgs),
    Judge(judge::JudgeArgs),
    Talk(talk::TalkArgs),
    Trace(trace::TraceArgs),
    /// Show each setting and its source
    Config(config::ConfigArgs),
    /// Print a completion script for a shell
    Completions(shell::CompletionsArgs),
    /// Print a manual page
    Man(man::ManArgs),
}

/// Returns the description of the command line, without any user's settings.
pub fn command() -> clap::Command {
    pages::complete_help(Cli::command())
}

/// Reads the settings and the command line, and runs the command.
pub fn run() -> ExitCode {
    let settings = match Settings::read(&command()) {
        Ok(settings) => settings,
        Err(error) => return report(Err((Exit::Usage, error.to_string()))),
    };
    let command = settings.apply_to(command());
    let matches = command.clone().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    start_log(&cli.command);
    match cli.command {
        Command::Serve(args) => match args.config() {
            Ok(config) => finish(serve::serve(args.trace, args.detached, config)),
            Err(why) => self::command().error(ErrorKind::MissingRequiredArgument, why).exit(),
        },
        Command::Connect(args) => client::run(&args),
        Command::Tool(tool) => tools::run(&tool),
        Command::Bridge(args) => bridge::run(args),
        Command::Chaos(args) => chaos::run(args),
        Command::Class(args) => finish(class::run(args)),
        Command::Admin(command) => finish(admin::run(&command)),
        Command::Talk(args) => finish(talk::run(&args)),
        Command::Judge(args) => judge::judge(&args).unwrap_or_else(|why| finish(Err(why))),
        Command::Dissector(args) => finish(dissector::run(&args)),
        Command::Demo(args) => finish(demo::run(&args)),
        Command::Explain(args) => finish(explain::run(&args)),
        Command::Trace(args) => finish(trace::run(&args)),
        Command::Config(args) => finish(config::run(&args, &command, &settings)),
        // Without this user's settings: the output is for all users.
        Command::Completions(args) => finish(shell::completions(&args, self::command())),
        Command::Man(args) => report(man::run(&args, self::command(), &pages::all()).map(|()| Exit::Done)),
    }
}

/// Starts the log of a process that writes one on standard error. A client's is a file, where it has one.
fn start_log(command: &Command) {
    match command {
        Command::Serve(args) => logging::start_of_server(args.log_format),
        Command::Bridge(_) => logging::start_of_bridge(),
        Command::Chaos(_) | Command::Class(_) | Command::Admin(_) => logging::start(),
        _ => {}
    }
}

/// Ends a command. An error may have several lines, one for each damage of a store.
fn finish(done: Result<(), String>) -> ExitCode {
    done.map_or_else(
        |why| {
            eprintln!("wachat: {why}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
