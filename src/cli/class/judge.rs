//! `wachat class judge`: grades the servers that the groups have written, one after the other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::super::judge;
use super::super::terminal::write_out;
use crate::course::class::{Class, Group, grades, replace};
use crate::course::judge::points::Points;
use crate::course::judge::script::{self, Side, Test};
use crate::course::judge::{self as course, Outcome, Server, Verdict, report};
use crate::model::safe::safe_lines;

/// Grade the servers that the groups have registered
///
/// Plays the judge's tests against one server after the other. The newest result of each group of tests counts. The
/// report for the students is judge.txt in the directory of the group. The tests with crashes, which need the server's own
/// machine, are left to wachat judge. The judge speaks clear text: a group's own server is judged without TLS.
#[derive(Args)]
pub(super) struct JudgeArgs {
    /// Numbers of groups [default: all that have registered a server]
    groups: Vec<u16>,
    /// Only these groups of tests and tests, such as framing,login-2
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// Points of each group of tests: a TOML file with lines such as framing = 10
    #[arg(long, value_name = "FILE")]
    points: Option<PathBuf>,
    /// Longest wait for a line that has to come, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    patience: u64,
}

/// Number of tests that are played side by side, as in `wachat judge`.
const PLAYERS: usize = 4;

pub(super) fn run(args: &JudgeArgs, directory: &Path) -> Result<(), String> {
    let tests = script::select(Some(Side::Server), &args.only).map_err(|error| format!("--only: {error}"))?;
    let tests: Vec<_> = tests.into_iter().filter(|test| !test.restarts()).collect();
    let points = args.points.as_ref().map_or(Ok(Points::default()), judge::read_points)?;
    let class = Class::read(directory)?;
    args.groups.iter().try_for_each(|number| class.group(*number).map(drop))?;
    let wanted = |group: &&Group| args.groups.contains(&group.number) || args.groups.is_empty();
    let mut problems = Vec::new();
    let mut is_any = false;
    for group in class.groups.iter().filter(wanted) {
        let Some(own) = &group.own_server else {
            if args.groups.contains(&group.number) {
                problems.push(format!("group {} has no server: class server {0} HOST:SEND,RECV", group.number));
            }
            continue;
        };
        is_any = true;
        if let Err(why) = judge_one(&class, group, own, &tests, &points, args.patience) {
            problems.push(format!("group {}: {why}", group.number));
        }
    }
    if !is_any && problems.is_empty() {
        problems.push("no group has a server: class server GROUP HOST:SEND,RECV registers one".to_owned());
    }
    if problems.is_empty() { Ok(()) } else { Err(safe_lines(&problems.join("\nwachat: "))) }
}

/// Judges the server of a group, and keeps the result.
fn judge_one(
    class: &Class,
    group: &Group,
    own: &str,
    tests: &[&'static Test],
    points: &Points,
    patience: u64,
) -> Result<(), String> {
    let [send, recv] = judge::addresses(own)?;
    let patience = Duration::from_secs(patience);
    let server = Server { send, recv, patience, players: PLAYERS, once: false, restart: None };
    server.check()?;
    let begin = Instant::now();
    let outcomes = course::run(&server, tests, |_| {});
    let directory = class.directory_of(group.number);
    let grades = grades::add(&directory, own, &outcomes, points)?;
    let text = report::results(&outcomes);
    replace(&directory.join("judge.txt"), (text + &report::summary(&outcomes, points)).as_bytes())?;
    let (has, of) = grades::total(&grades).unwrap_or_default();
    let line = format!(
        "group {}: {}, {has:.1}/{of:.1} points ({:.1} s)\n",
        group.number,
        count(&outcomes),
        begin.elapsed().as_secs_f64()
    );
    write_out(line.as_bytes())
}

/// Returns how many tests passed, of those that are about what the server has, and the names of those that failed.
fn count(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.failure().is_some());
    let failed: Vec<_> = failed.map(|outcome| outcome.test.name.as_str()).collect();
    let present = outcomes.iter().filter(|outcome| !matches!(outcome.verdict, Verdict::Absent(_))).count();
    let passed = format!("{} of {present} tests passed", present - failed.len());
    if failed.is_empty() { passed } else { format!("{passed} (failed: {})", failed.join(", ")) }
}
