//! The tests are tested: for each defect of `bugs.diff` the tests that have to notice it fail because of it,
//! and without defects they pass.
//!
//! The source of the program knows nothing of this. [`copy`] copies the project to a directory below `target`,
//! makes the changes of all defects there, each after a condition, and builds that once; then the tests run with
//! one defect chosen by an environment variable.
//!
//! `cargo test --test planted_bugs -- --ignored --nocapture` shows which report noticed what. With `judge` before the `--`
//! only the judge of the course (`wachat judge`) is played against the servers with a defect. `WACHAT_PLANTED_ONLY=page-` looks
//! for the defects of the page alone, by their names.

mod bugs;
#[path = "../support/cargo.rs"]
mod cargo;
mod copy;
mod judge;

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use bugs::{Bug, VARIABLE, bugs};
use parking_lot::Mutex;
use regex_lite::Regex;
use tempfile::TempDir;
use wachat::course::judge::script;

/// Number of defects that are looked for at the same time.
const LANES: usize = 2;

/// Time-out of the tests of a defect: longer than any take, even on a busy machine with two cores.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Environment variable with a part of the names of the defects that are looked for; without it all are.
const ONLY: &str = "WACHAT_PLANTED_ONLY";

/// The copy is one directory: those who build it take turns.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// One run of some tests, with a defect or with none.
struct Job<'a> {
    bug: Option<&'a Bug>,
    /// A part of the names of the tests.
    tests: &'a str,
}

#[test]
#[ignore = "takes some minutes"]
fn every_planted_bug_is_found_and_without_one_the_tests_pass() {
    let _one = ONE_AT_A_TIME.lock();
    let bugs = bugs();
    copy::write(&copy::planted_files(&bugs).unwrap_or_else(|misfits| panic!("{misfits}"))).expect("a copy");
    let program = copy::build();
    let logs = TempDir::new().expect("a temporary directory");
    let only = std::env::var(ONLY).unwrap_or_default();
    let wanted: Vec<_> = bugs.iter().filter(|bug| bug.name.contains(&only)).collect();
    assert!(!wanted.is_empty(), "no defect has {only:?} in its name");
    let jobs = Mutex::new(jobs(&wanted));
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for lane in 0..LANES {
            let log = logs.path().join(lane.to_string());
            let program = &program;
            let jobs = &jobs;
            let failures = &failures;
            scope.spawn(move || {
                while let Some(job) = next(jobs) {
                    let verdict = job.run(program, &log);
                    failures.lock().extend(verdict.err());
                }
            });
        }
    });
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
#[ignore = "takes some minutes"]
fn the_judge_finds_every_defect_that_a_client_can_see() {
    let _one = ONE_AT_A_TIME.lock();
    let bugs = bugs();
    copy::write(&copy::planted_files(&bugs).unwrap_or_else(|misfits| panic!("{misfits}"))).expect("a copy");
    let program = copy::build_program();
    let seen: Vec<_> = bugs.iter().filter(|bug| bug.judge.is_some()).map(Some).chain([None]).collect();
    let next = Mutex::new(seen.into_iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let next = || next.lock().next();
                while let Some(bug) = next() {
                    let verdict = judge::check(&program, bug);
                    failures.lock().extend(verdict.err());
                }
            });
        }
    });
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn the_tests_of_the_judge_that_a_defect_names_exist() {
    let played: Vec<_> = judge::GROUPS.split(',').collect();
    let bugs = bugs();
    for (bug, judged) in bugs.iter().filter_map(|bug| Some((bug, bug.judge.as_ref()?))) {
        for name in judged.fail.iter().chain(&judged.may) {
            let known = script::all().any(|test| test.name == *name && played.contains(&test.group));
            assert!(known, "{}: the judge has no test {name:?} in {}", bug.name, judge::GROUPS);
        }
    }
}

#[test]
fn every_change_fits() {
    copy::planted_files(&bugs()).unwrap_or_else(|misfits| panic!("changes in bugs.diff do not fit:\n{misfits}"));
}

/// A change may fit where the types around it are others by now.
#[test]
fn the_copy_compiles_with_all_changes() {
    let _one = ONE_AT_A_TIME.lock();
    copy::write(&copy::planted_files(&bugs()).unwrap_or_else(|misfits| panic!("{misfits}"))).expect("a copy");
    copy::check();
}

/// Without such a file the copy cannot be built, and only the long tests build it.
#[test]
fn every_file_that_a_source_of_the_copy_includes_is_in_the_copy() {
    let files = copy::planted_files(&bugs()).unwrap_or_else(|misfits| panic!("{misfits}"));
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().expect("the project");
    let include = Regex::new(r#"include_(?:str|bytes)!\(\s*"([^"]*)""#).expect("a regular expression");
    for (path, text) in files.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs")) {
        for found in include.captures_iter(text) {
            let included = project.join(path).with_file_name(&found[1]).canonicalize();
            let is_there =
                included.is_ok_and(|file| file.strip_prefix(&project).is_ok_and(|file| files.contains_key(file)));
            assert!(is_there, "{} includes {}", path.display(), &found[1]);
        }
    }
}

#[test]
fn every_promise_is_broken_by_one_of_them() {
    let bugs = bugs();
    let broken = |promise: u8| bugs.iter().any(|bug| bug.promise == Some(promise));
    assert_eq!((1..=8).filter(|promise| !broken(*promise)).collect::<Vec<_>>(), [0; 0]);
}

fn next<'a>(jobs: &Mutex<VecDeque<Job<'a>>>) -> Option<Job<'a>> {
    jobs.lock().pop_front()
}

/// Returns a run for every defect, and one without any for all tests that look for some.
fn jobs<'a>(bugs: &[&'a Bug]) -> VecDeque<Job<'a>> {
    let all: BTreeSet<_> = bugs.iter().map(|bug| bug.tests).collect();
    let mut jobs: VecDeque<_> = bugs.iter().map(|bug| Job { bug: Some(*bug), tests: bug.tests }).collect();
    jobs.extend(all.into_iter().map(|tests| Job { bug: None, tests }));
    jobs
}

impl Job<'_> {
    fn name(&self) -> &str {
        self.bug.map_or("no bug", |bug| bug.name)
    }

    /// Runs the tests; returns what is wrong with their outcome.
    fn run(&self, program: &Path, log: &Path) -> Result<(), String> {
        let begun = Instant::now();
        let passed = self.outcome(program, log);
        let said = std::fs::read_to_string(log).expect("the log of the tests");
        let complain = |what: &str| Err(format!("{}: {} {what}; it said:\n{said}", self.name(), self.tests));
        match (self.bug, passed) {
            (_, None) => return complain("did not end"),
            (None, Some(false)) => return complain("fails"),
            (Some(bug), Some(true)) => return complain(&format!("does not find that {}", bug.what)),
            (Some(bug), Some(false)) if bug.reason(&said).is_none() => {
                return complain(&format!("fails, and not because of {:?}", bug.reports));
            }
            _ => {}
        }
        let found = self.bug.and_then(|bug| bug.reason(&said)).unwrap_or("passes");
        println!("{}: {} after {:.1?}: {found}", self.name(), self.tests, begun.elapsed());
        Ok(())
    }

    /// Runs the tests; returns whether they pass, `None` if they do not end.
    fn outcome(&self, program: &Path, log: &Path) -> Option<bool> {
        let mut command = Command::new(program);
        command.arg(self.tests).current_dir(copy::COPY);
        command.env_remove(VARIABLE).env("RUST_BACKTRACE", "0");
        match self.bug {
            // It ends with the first workload that shows the defect.
            Some(bug) => command.env(VARIABLE, bug.name).env("WACHAT_CRASH_RUNS", "20000"),
            None => command.env("WACHAT_CRASH_RUNS", "500"),
        };
        let log = File::create(log).expect("a log file");
        command.stdout(log.try_clone().expect("a log file")).stderr(log);
        // A process group of its own, so that the tests are killed together with their servers.
        wait(command.process_group(0).spawn().expect("the tests"))
    }
}

fn wait(mut child: Child) -> Option<bool> {
    let begun = Instant::now();
    while begun.elapsed() < TIMEOUT {
        if let Some(status) = child.try_wait().expect("its state") {
            return Some(status.success());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
    let _ = child.wait();
    None
}

impl Bug {
    /// Returns the line of the tests' output that reports this defect.
    fn reason<'a>(&self, said: &'a str) -> Option<&'a str> {
        let mut lines = said.lines();
        lines.find(|line| self.reports.split('|').any(|reason| line.contains(reason)))
    }
}
