//! `wachat demo`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum as _};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::page::{DONE, Page, page};
use super::terminal::{read_enter_keys, write_out};
use super::trace::columns;
use crate::course::demo::{self, Lesson, Pace};
use crate::course::flawed::{self, Flaw};

pub(super) const PAGES: &[Page] = &[page(
    "demo",
    DONE,
    &[
        ("wachat demo", "The lessons"),
        ("wachat demo durability", "What an OK is worth"),
        ("wachat demo retry --step", "At the pace of the Enter key"),
        ("wachat demo cluster", "The server that leads is killed; needs etcd"),
    ],
    &["explain", "judge"],
)];

/// Play a lesson: what a promise means, and what happens without it
///
/// Starts a server of its own, plays a small scene with real connections, and shows their lines beside the text. Then it
/// plays the same with a small server that has the flaw. `cluster` starts three servers and three members of etcd, which has
/// to be installed, and then one server alone. Nothing is left behind. Exit code 0: the promise was kept, and the flaw was
/// seen. Without a lesson it lists them.
#[derive(Args)]
pub(super) struct DemoArgs {
    /// The lesson; without one: list the lessons
    #[arg(value_enum)]
    lesson: Option<Lesson>,
    /// List the lessons, and play none
    #[arg(long, conflicts_with = "lesson")]
    list: bool,
    /// Time of one row, in seconds; 0: as fast as it goes
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = pace)]
    pace: f64,
    /// Wait for Enter after each part
    #[arg(long)]
    step: bool,
    /// Run the small server: its flaw, its two ports, its file
    #[arg(long, num_args = 4, value_names = ["FLAW", "SEND", "RECV", "FILE"], hide = true)]
    flawed_server: Option<Vec<String>>,
}

/// Longest time of one row, in seconds.
const SLOWEST: f64 = 60.0;

fn pace(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.0..=SLOWEST).contains(seconds));
    seconds.ok_or_else(|| format!("a number from 0 to {SLOWEST}"))
}

/// Runs the command. The error says why the lesson could not be played, or did not end as it should.
pub(super) fn run(args: &DemoArgs) -> Result<(), String> {
    if let Some(server) = &args.flawed_server {
        return serve(server);
    }
    let Some(lesson) = args.lesson else { return write_out(list().as_bytes()) };
    let enters = (args.step && std::io::stdin().is_terminal()).then(read_enter_keys);
    let row = if enters.is_some() { Duration::ZERO } else { Duration::from_secs_f64(args.pace) };
    let interrupts = crate::signals::receive(&[SIGINT, SIGTERM, SIGHUP])?;
    demo::play(lesson, Pace { row, enters, columns: columns() }, interrupts)
}

/// Returns a line a lesson: its name, and what it shows.
fn list() -> String {
    let values = Lesson::value_variants().iter().filter_map(Lesson::to_possible_value);
    let line = |value: PossibleValue| {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        format!("{:12}  {help}\n", value.get_name())
    };
    values.map(line).collect()
}

fn serve(server: &[String]) -> Result<(), String> {
    let [flaw, send, recv, file] = server else { return Err("four values".to_owned()) };
    let flaw = Flaw::from_str(flaw, true)?;
    let port = |text: &str| text.parse::<u16>().map_err(|error| format!("{text}: {error}"));
    flawed::run(flaw, [port(send)?, port(recv)?], Path::new(file)).map_err(|error| error.to_string())
}
