//! `wachat chaos`: command line, output and life of a proxy process.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::{ArgGroup, Args};
use crossbeam_channel::{Receiver, bounded, select};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::page::{Page, page};
use super::terminal::read_enter_keys;
use crate::client::Exit;
use crate::client::exit::failed;
use crate::course::chaos::{Config, Fault, Log, Notice, Proxy, Rule, Script, Source, Summary, Until, parse};
use crate::model::safe::safe_lines;
use crate::trace::{CHAOS, Trace};
use crate::{limits, signals};

const EXITS: &[(u8, &str)] = &[
    (0, "stopped by a signal"),
    (1, "cannot start; a line says why"),
    (2, "wrong arguments, or a rule or log that cannot be read"),
];

pub(super) const PAGES: &[Page] = &[page(
    "chaos",
    EXITS,
    &[
        ("wachat chaos --rule 'drop reply OK 3'", "Lose the third OK of the server on this machine"),
        ("wachat chaos --rules rules.txt --seed 7 --log run.csv", "The rules of a file, and a log"),
        ("wachat chaos --listen 0.0.0.0:2666,0.0.0.0:2999 --seed 7", "Random faults, for clients of the network"),
        ("wachat chaos --replay run.csv", "The same decisions again"),
        ("wachat chaos --seed 7 --trace chaos.csv", "Record each line that it receives or sends on"),
    ],
    &["serve", "connect", "trace"],
)];

#[derive(Args)]
#[command(group = ArgGroup::new("source").args(["rule", "rules", "seed", "replay"]).required(true).multiple(true))]
#[command(
    override_usage = "wachat chaos [OPTIONS] --rule <RULE>\n       wachat chaos [OPTIONS] --rules <FILE>\n       \
    wachat chaos [OPTIONS] --seed <NUMBER>\n       wachat chaos [OPTIONS] --replay <FILE>"
)]
pub(super) struct ChaosArgs {
    /// Two addresses, or ports of 127.0.0.1, that stand for SEND and RECV of the server; 0: a free port
    #[arg(long, value_name = "SEND,RECV", default_value = "2666,2999")]
    listen: Pair,
    /// SEND and RECV of the server: addresses, or ports of 127.0.0.1
    #[arg(long, value_name = "SEND,RECV", default_value = "1666,1999")]
    to: Pair,
    /// A rule, such as: drop reply OK 3; can be given again
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// File with a rule a line; # begins a comment
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Seed of the chances in rules; without rules, of random faults
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Take the decisions of this log again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rule", "rules", "seed"])]
    replay: Option<PathBuf>,
    /// Write each decision to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Append each line received or sent on, without passwords, to this file, which wachat trace reads
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// The addresses of two ports.
#[derive(Clone, Copy)]
struct Pair([SocketAddr; 2]);

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (send, recv) = text.split_once(',').ok_or("expected two, separated by a comma, such as 1666,1999")?;
        Ok(Self([address(send)?, address(recv)?]))
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let found = text.to_socket_addrs().map(|mut found| found.next());
    found.ok().flatten().ok_or_else(|| format!("{text:?} is not a port and not HOST:PORT"))
}

/// Runs a proxy until a signal stops it. Exit code 0: stopped by a signal; 1: it cannot start; 2: wrong arguments, a rule
/// or a log that cannot be read.
pub(super) fn run(args: ChaosArgs) -> ExitCode {
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err((exit, why)) => {
            eprintln!("wachat: {}", safe_lines(&why));
            exit.into()
        }
    }
}

fn start(args: ChaosArgs) -> Result<(), (Exit, String)> {
    let source = source(&args).map_err(|why| (Exit::Usage, why))?;
    let waits = |rule: &Rule| rule.fault == Fault::Hold(Until::Enter);
    let needs_enter =
        matches!(&source, Source::Rules { rules, .. } if rules.iter().any(waits)) || args.replay.is_some();
    let log = args.log.as_deref().map(|path| create_log(path, args.replay.as_deref())).transpose().map_err(failed)?;
    // Before the ready line: its reader may send a signal at once.
    let signals = signals::receive(&[SIGINT, SIGTERM]).map_err(failed)?;
    let (notices, shown) = bounded(limits::CHAOS_SHOWN);
    let Pair(server) = args.to;
    let trace = args.trace.as_deref().map(|path| Trace::to_file(CHAOS, path)).transpose();
    let trace = trace.map_err(|error| failed(format!("cannot write the trace: {error}")))?;
    let config = Config { listen: args.listen.0, server, source, log, trace: trace.clone(), notices };
    let proxy = Proxy::start(config).map_err(failed)?;
    announce(&proxy, server);
    let keys = if needs_enter { read_enter_keys() } else { crossbeam_channel::never() };
    show(&proxy, &signals, &shown, keys);
    shown.try_iter().for_each(|notice| show_one(&notice));
    sum_up(&proxy.summary());
    trace.iter().for_each(|trace| trace.finish(""));
    Ok(())
}

fn source(args: &ChaosArgs) -> Result<Source, String> {
    if let Some(path) = &args.replay {
        return Script::read(path).map(Source::Replay);
    }
    if args.rule.is_empty() && args.rules.is_none() {
        // clap asks for one of the four.
        return Ok(Source::Plans { seed: args.seed.unwrap_or(0), connections: u64::MAX });
    }
    let mut rules = Vec::new();
    for (text, number) in args.rule.iter().zip(1..) {
        rules.push(parse(text).map_err(|error| format!("--rule {number}, {error}"))?);
    }
    if let Some(path) = &args.rules {
        rules.extend(read_rules(path)?);
    }
    if rules.len() > limits::CHAOS_RULES {
        return Err(format!("more than {} rules", limits::CHAOS_RULES));
    }
    let drawn = getrandom::u64().map_err(|error| format!("no random numbers: {error}"));
    let seed = args.seed.map_or_else(|| drawn, Ok)?;
    Ok(Source::Rules { rules, seed })
}

/// Reads a file of rules. The error names file and line.
fn read_rules(path: &Path) -> Result<Vec<Rule>, String> {
    let name = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limits::CHAOS_RULES_BYTES + 1).read_to_string(&mut text));
    if read.map_err(|error| format!("cannot read {name}: {error}"))? as u64 > limits::CHAOS_RULES_BYTES {
        return Err(format!("{name}: more than {} bytes", limits::CHAOS_RULES_BYTES));
    }
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default()).zip(1..);
    let rules = lines.filter(|(line, _)| !line.trim().is_empty());
    rules.map(|(line, number)| parse(line).map_err(|error| format!("{name}:{number}, {error}"))).collect()
}

/// Makes the log, unless it is the one that is replayed.
fn create_log(path: &Path, replayed: Option<&Path>) -> Result<Log, String> {
    let same = replayed.is_some_and(|replayed| path.canonicalize().ok() == replayed.canonicalize().ok());
    if same {
        return Err(format!("{} is being replayed: --log needs another file", path.display()));
    }
    Log::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Writes the ready line, which is the first on standard output and for programs, and then how to connect.
fn announce(proxy: &Proxy, [to_send, to_recv]: [SocketAddr; 2]) {
    let [send, recv] = proxy.addresses();
    say(&format!(
        "wachat: listening send={send} recv={recv} to={to_send},{to_recv}\n\
         wachat: clients connect with wachat connect --send-port {} --recv-port {}\n\
         wachat: Ctrl-C stops the proxy",
        send.port(),
        recv.port()
    ));
}

/// Writes lines to standard output. A program that has read the ready line may have closed the pipe.
fn say(text: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{}", safe_lines(text)).and_then(|()| out.flush());
}

/// Shows decisions until a signal comes.
fn show(proxy: &Proxy, signals: &Receiver<()>, shown: &Receiver<Notice>, mut keys: Receiver<()>) {
    loop {
        select! {
            recv(signals) -> _ => return,
            recv(keys) -> key => match key {
                Ok(()) => proxy.enter(),
                // At the end of standard input there are no more keys.
                Err(_) => keys = crossbeam_channel::never(),
            },
            recv(shown) -> notice => match notice {
                Ok(notice) => show_one(&notice),
                Err(_) => return,
            },
        }
    }
}

fn show_one(notice: &Notice) {
    match notice {
        Notice::Decided(decision) => say(&decision.to_string()),
        Notice::Trouble(trouble) => eprintln!("wachat: {}", safe_lines(trouble)),
    }
}

fn sum_up(summary: &Summary) {
    let Summary { connections, disturbed, faults, repeated, different } = summary;
    let faults: Vec<_> = faults.iter().map(|(action, count)| format!("{count} {action}")).collect();
    let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(", ") };
    say(&format!("wachat: connections: {connections}, disturbed: {disturbed}; faults: {faults}"));
    match different {
        None => say(&format!("wachat: SENDs answered again: {repeated}, each as before")),
        Some(different) => say(&format!("wachat: SENDs answered again: {repeated}; one otherwise: {different}")),
    }
    say("wachat: stopped");
}
