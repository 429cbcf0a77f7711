//! The proof is proved: for each of the defects in [`bugs::BUGS`] the suite that has to find it fails
//! because of it, and with none of them every suite passes. What a test cannot miss, it has missed once.
//!
//! `cargo test --features planted-bugs --test planted_bugs -- --nocapture` shows what found what.

#[path = "planted/bugs.rs"]
mod bugs;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bugs::{BUGS, Bug, Suite, VARIABLE};
use parking_lot::Mutex;
use tempfile::TempDir;

/// How many suites run at once.
const LANES: usize = 2;

/// Longer than any suite takes, even on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(150);

/// One run of a suite, with a defect or with none.
struct Job {
    bug: Option<&'static Bug>,
    suite: Suite,
}

#[test]
fn every_planted_bug_is_found_and_without_one_every_suite_passes() {
    let (executables, logs) = (build(), TempDir::new().expect("a temporary directory"));
    let (jobs, failures) = (Mutex::new(jobs()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for lane in 0..LANES {
            let log = logs.path().join(lane.to_string());
            let (executables, jobs, failures) = (&executables, &jobs, &failures);
            scope.spawn(move || {
                while let Some(job) = next(jobs) {
                    let verdict = job.run(&executables[job.suite.target], &log);
                    failures.lock().extend(verdict.err());
                }
            });
        }
    });
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_promise_is_broken_by_one_of_them() {
    let broken = |promise: u8| BUGS.iter().any(|bug| bug.promise == promise);
    assert_eq!((1..=8).filter(|promise| !broken(*promise)).collect::<Vec<_>>(), []);
}

fn next(jobs: &Mutex<VecDeque<Job>>) -> Option<Job> {
    jobs.lock().pop_front()
}

/// Every suite with no defect, and every defect.
fn jobs() -> VecDeque<Job> {
    let mut suites: Vec<Suite> = Vec::new();
    for bug in BUGS {
        if !suites.contains(&bug.suite) {
            suites.push(bug.suite);
        }
    }
    let mut jobs: VecDeque<_> = BUGS.iter().map(|bug| Job { bug: Some(bug), suite: bug.suite }).collect();
    jobs.extend(suites.into_iter().map(|suite| Job { bug: None, suite }));
    jobs
}

/// Builds the suites with the defects in them; returns the executable of each.
fn build() -> HashMap<String, PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--no-run", "--message-format", "json", "--features", "planted-bugs"]);
    BUGS.iter().for_each(|bug| _ = command.args(["--test", bug.suite.target]));
    let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().expect("cargo");
    assert!(built.status.success(), "the suites cannot be built");
    let messages = String::from_utf8(built.stdout).expect("messages of cargo");
    messages.lines().filter_map(executable).collect()
}

/// The name of a suite and where its executable is, from what cargo says when it has built it.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let (path, _) = message.split_once(r#""executable":""#)?.1.split_once('"')?;
    let (name, _hash) = Path::new(path).file_name()?.to_str()?.rsplit_once('-')?;
    Some((name.to_owned(), path.into()))
}

impl Job {
    fn name(&self) -> &str {
        self.bug.map_or("no bug", |bug| bug.name)
    }

    /// Runs the suite, and says what is wrong with its outcome.
    fn run(&self, executable: &Path, log: &Path) -> Result<(), String> {
        let begun = Instant::now();
        let passed = self.outcome(executable, log);
        let said = std::fs::read_to_string(log).expect("what the suite has said");
        let complain = |what: &str| Err(format!("{}: {} {what}; it said:\n{said}", self.name(), self.suite.target));
        match (self.bug, passed) {
            (_, None) => return complain("did not end"),
            (None, Some(false)) => return complain("fails"),
            (Some(bug), Some(true)) => return complain(&format!("does not find that {}", bug.what)),
            (Some(bug), Some(false)) if bug.reason(&said).is_none() => {
                return complain(&format!("fails, and not because of {:?}", bug.says));
            }
            _ => {}
        }
        let found = self.bug.and_then(|bug| bug.reason(&said)).unwrap_or("passes");
        println!("{}: {} after {:.1?}: {found}", self.name(), self.suite.target, begun.elapsed());
        Ok(())
    }

    /// Whether the suite passes; `None` if it does not end.
    fn outcome(&self, executable: &Path, log: &Path) -> Option<bool> {
        let mut command = Command::new(executable);
        command.arg(self.suite.filter).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env_remove(VARIABLE).env("RUST_BACKTRACE", "0");
        match self.bug {
            // It ends with the first workload that shows the defect.
            Some(bug) => command.env(VARIABLE, bug.name).env("WACHAT_CRASH_RUNS", "20000"),
            None => command.env("WACHAT_CRASH_RUNS", "500"),
        };
        let log = File::create(log).expect("a log file");
        command.stdout(log.try_clone().expect("a log file")).stderr(log);
        // A group of its own: whoever does not end is ended with the servers that it has started.
        wait(command.process_group(0).spawn().expect("a suite"))
    }
}

fn wait(mut child: Child) -> Option<bool> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
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
    /// The line of a failed suite's output that shows this defect.
    fn reason<'a>(&self, said: &'a str) -> Option<&'a str> {
        let mut lines = said.lines();
        lines.find(|line| self.says.split('|').any(|reason| line.contains(reason)))
    }
}
