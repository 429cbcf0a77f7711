//! The command line: its grammar (clap), and the match that runs a command.

use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use crossbeam_channel::{Receiver, bounded};

use crate::client::exit::report;
use crate::client::{self, ConnectArgs, Exit};
use crate::disk::RealDisk;
use crate::limits;
use crate::protocol::Codec;
use crate::server::{CertificateFiles, Config, Registration};
use crate::settings::{self, Settings};
use crate::state_machine::{Policy, mib};
use crate::store::{CONTROL_SOCKET, Retention, Sizes};
use crate::tools;
use log_format::LogFormat;

mod admin;
mod announce;
mod ban;
mod bridge;
mod chaos;
mod class;
mod config;
mod demo;
mod dissector;
mod explain;
mod import;
mod judge;
mod log_format;
mod log_level;
mod man;
pub mod pages;
mod room;
mod roster;
mod safety;
mod serve;
mod session;
mod shell;
mod status;
mod talk;
mod trace;
mod user;

/// A store-and-forward messenger for the terminal.
#[derive(Parser)]
#[command(name = "wachat", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Settings file [default: ~/.config/wachat/config.toml, or the place that your platform prescribes]
    #[arg(long, global = true, value_name = "FILE", env = settings::ENVIRONMENT)]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(ServeArgs),
    /// Chat, or send the lines of a pipe
    #[command(after_help = client::EXAMPLES)]
    Connect(ConnectArgs),
    #[command(flatten)]
    Tool(tools::Tool),
    /// Carry messages between a room and another network
    Bridge(bridge::BridgeArgs),
    /// Put a proxy that disturbs connections, by rules, between clients and a server
    #[command(long_about = crate::course::chaos::GRAMMAR)]
    Chaos(chaos::ChaosArgs),
    Class(class::ClassArgs),
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
    Demo(demo::DemoArgs),
    Explain(explain::ExplainArgs),
    Dissector(dissector::DissectorArgs),
    Judge(judge::JudgeArgs),
    Talk(talk::TalkArgs),
    Trace(trace::TraceArgs),
    /// Show each setting and its source: flag, environment, settings file or default
    Config(config::ConfigArgs),
    /// Print a completion script for a shell
    Completions(shell::CompletionsArgs),
    /// Print a manual page
    Man(man::ManArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// Address to listen on; 0.0.0.0: all IPv4 addresses of this machine
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// SEND port (requests); 0: a free one
    #[arg(long, default_value_t = serve::SEND_PORT)]
    send_port: u16,
    /// RECV port (events); 0: a free one
    #[arg(long, default_value_t = serve::RECV_PORT)]
    recv_port: u16,
    /// Directory of the store; created if it does not exist
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Speak TLS: with --cert and --key, else with a certificate that is made in the store's directory
    #[arg(long)]
    tls: bool,
    /// PEM file of the certificate, behind it those of its authorities; SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Policy for the creation of accounts by clients [default: open; closed where others can listen to the network: beyond this machine, without TLS]
    #[arg(long, value_enum)]
    registration: Option<Registration>,
    /// Network time-out in seconds, 5 to 300
    #[arg(long, default_value_t = limits::TIMEOUT.as_secs(), value_parser = seconds)]
    timeout: u64,
    /// Maximum number of direct messages in a user's mailbox
    #[arg(long, default_value_t = limits::QUEUE)]
    queue: usize,
    /// Maximum number of those from one sender
    #[arg(long, default_value_t = limits::QUEUE_PER_SENDER)]
    queue_per_sender: usize,
    /// Maximum size of a user's mailbox in MiB
    #[arg(long, value_name = "MIB", default_value_t = limits::QUEUE_MIB)]
    queue_mib: u32,
    /// Maximum size of the messages in it from one sender, in MiB
    #[arg(long, value_name = "MIB", default_value_t = limits::QUEUE_MIB_PER_SENDER)]
    queue_mib_per_sender: u32,
    /// Maximum size of the messages that one user sends a day, in MiB
    #[arg(long, value_name = "MIB", default_value_t = limits::MIB_PER_DAY)]
    mib_per_day: u32,
    /// Maximum size of the messages in one room a day, in MiB [default: 4 times --mib-per-day]
    #[arg(long, value_name = "MIB")]
    room_mib_per_day: Option<u32>,
    /// Free space in MiB below which nothing is stored
    #[arg(long, value_name = "MIB", default_value_t = limits::DISK_FLOOR_MIB)]
    disk_floor: u32,
    /// Time for which messages are kept on the server, as 365d, 12w or 2y; forever: they are never removed
    #[arg(long, value_name = "TIME", default_value = "forever", value_parser = serve::keep)]
    keep: serve::Keep,
    /// The same for messages in rooms [default: that of --keep]
    #[arg(long, value_name = "TIME", value_parser = serve::keep)]
    keep_rooms: Option<serve::Keep>,
    /// Let --keep remove messages although the clock is far ahead of the last time; use it once, if the clock is right
    #[arg(long)]
    trust_clock: bool,
    /// Rate limit of a user in tokens a second, 50 or more; a message costs one; 0: none
    #[arg(long, value_name = "TOKENS", default_value_t = limits::RATE, value_parser = rate::<{ limits::MIN_RATE }>)]
    rate: u32,
    /// Rate limit of a user in bytes a second, 131072 or more; 0: none
    #[arg(long, value_name = "BYTES", default_value_t = limits::RATE_BYTES,
        value_parser = rate::<{ limits::MIN_RATE_BYTES }>)]
    rate_bytes: u32,
    /// Maximum number of existing rooms that one account has created
    #[arg(long, value_name = "ROOMS", default_value_t = limits::ROOMS_PER_CREATOR)]
    rooms_per_creator: usize,
    /// Turn every quota and rate limit off, for benchmarks and labs on a trusted machine
    #[arg(long)]
    no_limits: bool,
    /// Show each line sent or received, without passwords, on standard error; or append it to a file that `wachat trace` reads
    #[arg(long, value_name = "FILE")]
    trace: Option<Option<PathBuf>>,
    /// Do not put every new account into #lobby
    #[arg(long)]
    no_lobby: bool,
    /// Form of the log on standard error
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Serve metrics for Prometheus (/metrics) and a health check (/healthz) over HTTP at this address [default: neither]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Run in a session of its own, and hold this file, which gets the process id: servers of `wachat class`
    #[arg(long, value_name = "FILE", hide = true)]
    detached: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<u64, String> {
    let range = limits::TIMEOUT_SECONDS;
    let within = text.parse().ok().filter(|seconds| range.contains(seconds));
    within.ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

/// Reads a rate limit: 0 for none, or at least `LEAST`.
fn rate<const LEAST: u32>(text: &str) -> Result<u32, String> {
    let allowed = text.parse().ok().filter(|rate| *rate == 0 || *rate >= LEAST);
    allowed.ok_or_else(|| format!("a whole number from {LEAST}, or 0 for no limit"))
}

impl ServeArgs {
    /// Returns where the certificate is; `None`: the server speaks clear text.
    fn certificate(&self) -> Option<CertificateFiles> {
        match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => {
                Some(CertificateFiles::Named { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => self.tls.then_some(CertificateFiles::Own),
            // Whether they come from flags, the environment or the settings file.
            _ => {
                let why = "--cert and --key belong together: give both, or --tls alone";
                command().error(ErrorKind::MissingRequiredArgument, why).exit()
            }
        }
    }

    /// Returns the policy. A password that is chosen in clear text is known to who listens to the network.
    fn registration(&self) -> Registration {
        let is_private = self.listen.is_loopback() || self.certificate().is_some();
        self.registration.unwrap_or(if is_private { Registration::Open } else { Registration::Closed })
    }
}

impl From<ServeArgs> for Config {
    fn from(args: ServeArgs) -> Self {
        let timeout = Duration::from_secs(args.timeout);
        let registration = args.registration();
        let tls = args.certificate();
        let bytes_per_day = mib(args.mib_per_day);
        let room_bytes_per_day = bytes_per_day.saturating_mul(limits::ROOM_DAY_FACTOR);
        let policy = Policy {
            queue: args.queue,
            queue_per_sender: args.queue_per_sender,
            queue_bytes: mib(args.queue_mib),
            queue_bytes_per_sender: mib(args.queue_mib_per_sender),
            bytes_per_day,
            room_bytes_per_day: args.room_mib_per_day.map_or(room_bytes_per_day, mib),
            rate: (args.rate > 0).then_some(args.rate),
            rate_bytes: (args.rate_bytes > 0).then_some(args.rate_bytes),
            rooms_per_creator: args.rooms_per_creator,
            poll_wait: timeout - limits::POLL_MARGIN,
            lobby: !args.no_lobby,
        };
        Self {
            listen: args.listen,
            control_socket: Some(args.data.join(CONTROL_SOCKET)),
            send_port: args.send_port,
            recv_port: args.recv_port,
            data: args.data,
            disk: Arc::new(RealDisk),
            registration,
            timeout,
            connections: limits::CONNECTIONS,
            policy: if args.no_limits { policy.without_limits() } else { policy },
            sizes: Sizes::default(),
            retention: Retention {
                direct: args.keep.0,
                rooms: args.keep_rooms.unwrap_or(args.keep).0,
                trusts_clock: args.trust_clock,
            },
            disk_floor: mib(args.disk_floor),
            trace: None,
            tls,
            metrics: args.metrics,
        }
    }
}

/// Returns the description of the command line, without any user's settings.
pub fn command() -> clap::Command {
    pages::add_to_help(Cli::command(), "")
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
    match cli.command {
        Command::Serve(args) => {
            log_format::start(args.log_format);
            finish(serve::serve(args.trace.clone(), args.detached.clone(), args.into()))
        }
        Command::Connect(args) => client::run(&args),
        Command::Tool(tool) => tools::run(&tool),
        Command::Bridge(args) => bridge::run(args),
        Command::Chaos(args) => chaos::run(args),
        Command::Class(args) => finish(class::run(args)),
        Command::User(args) => finish(user::run(&args)),
        Command::Room(args) => finish(room::run(&args)),
        Command::Session(args) => finish(session::run(&args)),
        Command::Ban(args) => finish(ban::ban(&args)),
        Command::Unban(args) => finish(ban::unban(&args)),
        Command::Bans(args) => finish(ban::bans(&args)),
        Command::Announce(args) => finish(announce::run(&args)),
        Command::Status(args) => finish(status::run(&args)),
        Command::LogLevel(args) => finish(log_level::run(&args)),
        Command::Check(args) => finish(safety::check(&args)),
        Command::Backup(args) => finish(safety::backup(&args)),
        Command::Restore(args) => finish(safety::restore(&args)),
        Command::Talk(args) => finish(talk::run(&args)),
        Command::Judge(args) => judge::judge(&args).unwrap_or_else(|why| finish(Err(why))),
        Command::Dissector(args) => finish(dissector::run(&args)),
        Command::Demo(args) => finish(demo::run(&args)),
        Command::Explain(args) => finish(explain::run(&args)),
        Command::Trace(args) => finish(trace::run(&args)),
        Command::Config(args) => finish(config::run(&args, &command, &settings)),
        // Without this user's settings: the output is for all users.
        Command::Completions(args) => finish(shell::completions(&args, self::command())),
        Command::Man(args) => report(man::run(&args, self::command()).map(|()| Exit::Done)),
    }
}

/// Writes a list to standard output: the names of its fields, and a record a line.
fn write_list<T: Codec>(names: &str, records: &[T]) -> Result<(), String> {
    let mut out = format!("{names}\n").into_bytes();
    records.iter().for_each(|record| record.write(&mut out));
    write_out(&out)
}

/// Writes to standard output. A reader that closes the pipe (`| head`) is not an error.
fn write_out(bytes: &[u8]) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Returns columns and lines of the terminal; `None`: standard output is none.
fn terminal_size() -> Option<(usize, usize)> {
    let out = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&out).ok().filter(|size| out.is_terminal() && size.ws_col > 0)?;
    Some((size.ws_col.into(), size.ws_row.into()))
}

/// Reads the Enter keys, on a thread that ends with the program. At the end of standard input there are no more.
fn read_enter_keys() -> Receiver<()> {
    let (sender, receiver) = bounded(1);
    let read = move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|_| sender.send(()));
    // Without a thread there are no keys, as without a terminal.
    let _ = thread::Builder::new().name("keys".to_owned()).spawn(read);
    receiver
}

/// Ends a command of the administrator. An error may have several lines, one for each damage of a store.
fn finish(done: Result<(), String>) -> ExitCode {
    done.map_or_else(
        |why| {
            eprintln!("wachat: {why}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
