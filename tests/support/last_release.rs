//! The program of the last release, built from its commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use parking_lot::Mutex;

use super::cargo::cargo;

/// The changelog: the heading of a release has its version and its commit.
pub const CHANGELOG: &str = "examples/deploy/README.md";

/// The variable that names the commit or tag of another release.
const VARIABLE: &str = "WACHAT_RELEASE";

/// The builds of all releases.
const BUILDS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/releases");

/// A build of a release is one directory: tests that need it take turns.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Returns the versions of the changelog and their commits, the newest first.
pub fn releases() -> Vec<(String, String)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CHANGELOG)).expect("the changelog");
    let release = |line: &str| {
        line.strip_prefix("### ")?
            .split_once(", commit ")
            .map(|(version, commit)| (version.to_owned(), commit.to_owned()))
    };
    page.lines().filter_map(release).collect()
}

/// Builds the program of the last release below `target`, where the next run finds it, and returns its path.
pub fn build() -> PathBuf {
    let _one = ONE_AT_A_TIME.lock();
    let last = || releases().first().map(|(_, commit)| commit.clone()).expect("a release");
    let commit = std::env::var(VARIABLE).unwrap_or_else(|_| last());
    let copy = Path::new(BUILDS).join(&commit);
    extract(&commit, &copy);
    let target = copy.join("target");
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked", "--bin", "wachat", "--target-dir"]).arg(&target).current_dir(&copy);
    assert!(build.status().expect("cargo").success(), "{commit} cannot be built");
    target.join("debug/wachat")
}

/// Writes the files of a commit, with its time: cargo builds nothing again.
fn extract(commit: &str, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    let mut git = Command::new("git");
    git.args(["archive", "--format=tar", commit]).current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::piped());
    let mut git = git.spawn().expect("git");
    let archive = git.stdout.take().expect("its output");
    let extracted = Command::new("tar").args(["-x", "-C"]).arg(to).stdin(archive).status().expect("tar");
    let archived = git.wait().expect("its end");
    assert!(archived.success() && extracted.success(), "there are no files of {commit}: is it in this clone?");
}
