//! `wachat judge`.

use std::io::{IsTerminal as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::page::{Page, page};
use super::terminal::{write_file, write_out};
use crate::course::judge::client::{self, Client};
use crate::course::judge::points::Points;
use crate::course::judge::{self, Outcome, Server, Side, Test, export, report, script};
use crate::model::safe::safe_lines;

const EXITS: &[(u8, &str)] = &[
    (0, "no test failed"),
    (1, "at least one test failed, or a line says why none was played"),
    (2, "wrong arguments"),
];

pub(super) const PAGES: &[Page] = &[page(
    "judge",
    EXITS,
    &[
        ("wachat judge --server localhost:1666,1999", "Grade a server that runs"),
        ("wachat judge --server localhost:1666,1999 --only framing,login", "The tests of the first labs"),
        (
            "wachat judge --server localhost:1666,1999 --only crash \\\n      --restart 'pkill -9 my-server; ./my-server >log 2>&1 &'",
            "With crashes",
        ),
        ("wachat judge --client 'python3 client.py'", "Grade a client: the judge plays the server"),
    ],
    &["serve", "connect"],
)];

/// Longest wait for a line of a server, and for what a client has to do: that may pause before it connects again.
const PATIENCE: Duration = Duration::from_secs(3);
const CLIENT_PATIENCE: Duration = Duration::from_secs(8);

/// Grade a server or a client of the protocol
///
/// Plays tests against a program that somebody else wrote, in whichever language. Each quotes the clause of the protocol
/// that it tests; a failure shows the bytes that were sent, what was expected and what came. A test that has failed beside
/// others is played again alone, after them, and fails if it fails again. The results stand in the order of the tests, and
/// before them what to fix first: the first failure in the order of the labs, which later labs build on. Exit code 0: no test
/// failed; 1: at least one did.
///
/// With --server the judge is the clients of a server that runs. It registers users of its own, so the server may be in
/// use. It speaks clear text: the server has to be started without --tls. With --client the judge is the server: each test starts the command, and finds in its environment WACHAT_SERVER,
/// WACHAT_SEND_PORT, WACHAT_RECV_PORT, WACHAT_USER, WACHAT_PASSWORD and WACHAT_HOME (an empty directory). The client sends
/// each line `@luis: hola` of its input, and writes each message that it shows as a line that ends with `luis: hola`. At the
/// end of its input it ends with exit code 0, once each message was answered OK.
#[derive(Args)]
#[command(override_usage = "wachat judge [OPTIONS] <--server HOST:SEND,RECV|--client COMMAND>")]
#[command(group(ArgGroup::new("judged").args(["server", "client", "list"]).required(true).multiple(true)))]
pub(super) struct JudgeArgs {
    /// Server and its ports, such as localhost:1666,1999
    #[arg(long, value_name = "HOST:SEND,RECV")]
    server: Option<String>,
    /// Command that starts a client: the judge plays the server
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["server", "restart"])]
    client: Option<String>,
    /// Only these groups and tests, such as framing,login-2
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// List the tests, and play none
    #[arg(long)]
    list: bool,
    /// Command that kills the server (kill -9) and starts it again in the background, for the tests with crashes
    #[arg(long, value_name = "COMMAND")]
    restart: Option<String>,
    /// Longest wait for a line that has to come, in seconds [default: 3; with --client 8]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    patience: Option<u64>,
    /// Number of tests that are played side by side
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Play each test once: a failure beside other tests counts, too
    #[arg(long)]
    once: bool,
    /// Points of each group: a TOML file with lines such as framing = 10
    #[arg(long, value_name = "FILE")]
    points: Option<PathBuf>,
    /// A JSON object a test, in place of the text
    #[arg(long)]
    json: bool,
    /// Write the results as JUnit's XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn judge(args: &JudgeArgs) -> Result<ExitCode, String> {
    let side = match (&args.server, &args.client) {
        (_, Some(_)) => Some(Side::Client),
        (Some(_), None) => Some(Side::Server),
        (None, None) => None,
    };
    let tests = script::select(side, &args.only).map_err(|error| format!("--only: {error}"))?;
    if args.list {
        let line = |test: &&Test| format!("{:20} {} (section {})\n", test.name, test.title, test.section);
        write_out(tests.iter().map(line).collect::<String>().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let points = args.points.as_ref().map_or(Ok(Points::default()), read_points)?;
    let outcomes = match &args.client {
        Some(command) => judge_client(args, command, &tests),
        None => judge_server(args, &tests)?,
    };
    let text = if args.json { export::json(&outcomes) } else { shown(&outcomes, &points) };
    write_out(text.as_bytes())?;
    if let Some(path) = &args.junit {
        write_file(path, export::junit(&outcomes).as_bytes())?;
    }
    let failed = outcomes.iter().any(|outcome| outcome.failure().is_some());
    Ok(ExitCode::from(u8::from(failed)))
}

fn judge_client(args: &JudgeArgs, command: &str, tests: &[&'static Test]) -> Vec<Outcome> {
    let patience = args.patience.map_or(CLIENT_PATIENCE, Duration::from_secs);
    let client = Client { command: command.to_owned(), patience, players: args.jobs.into(), once: args.once };
    client::run(&client, tests, progress(tests.len()))
}

fn judge_server(args: &JudgeArgs, tests: &[&'static Test]) -> Result<Vec<Outcome>, String> {
    let [send, recv] =
        addresses(args.server.as_deref().unwrap_or_default()).map_err(|why| format!("--server: {why}"))?;
    let patience = args.patience.map_or(PATIENCE, Duration::from_secs);
    let restart = args.restart.clone();
    let server = Server { send, recv, patience, players: args.jobs.into(), once: args.once, restart };
    server.check()?;
    Ok(judge::run(&server, tests, progress(tests.len())))
}

/// Returns what tells a person at a terminal how many results there are. The results themselves come at the end: what to
/// fix first is known then, and stands before them.
fn progress(count: usize) -> impl Fn(&Outcome) + Sync {
    let done = AtomicUsize::new(0);
    move |_| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        let mut err = std::io::stderr().lock();
        if err.is_terminal() {
            let text = if done < count { format!("{done} of {count} tests") } else { String::new() };
            // A terminal that has gone needs no progress.
            let _ = write!(err, "\r{text}\x1b[K").and_then(|()| err.flush());
        }
    }
}

/// Returns the results as a person reads them. What a server has sent does not drive the terminal.
fn shown(outcomes: &[Outcome], points: &Points) -> String {
    let text = safe_lines(&report::results(outcomes));
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = if coloured { text.replace("\nFAILED ", "\n\x1b[31mFAILED\x1b[0m ") } else { text };
    text + &report::summary(outcomes, points)
}

pub(super) fn read_points(path: &PathBuf) -> Result<Points, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    text.and_then(|text| Points::parse(&text)).map_err(|error| format!("--points {}: {error}", path.display()))
}

/// Reads `HOST:SEND,RECV`.
pub(super) fn addresses(text: &str) -> Result<[SocketAddr; 2], String> {
    let form = || format!("{text:?} has not the form HOST:SEND,RECV, such as localhost:1666,1999");
    let (host, ports) = text.rsplit_once(':').ok_or_else(form)?;
    let (send, recv) = ports.split_once(',').ok_or_else(form)?;
    let host = host.trim_matches(['[', ']']);
    let resolve = |port: &str| {
        let port: u16 = port.parse().map_err(|_| form())?;
        let mut found = (host, port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
        // A server of a student listens on IPv4 most often.
        let all: Vec<_> = found.by_ref().collect();
        all.iter()
            .find(|address| address.is_ipv4())
            .or(all.first())
            .copied()
            .ok_or_else(|| format!("{host} has no address"))
    };
    Ok([resolve(send)?, resolve(recv)?])
}
