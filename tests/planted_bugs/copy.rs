//! A copy of the project with all defects in it, each after a condition that is false until it is chosen.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::bugs::{Bug, Change, VARIABLE};
use crate::cargo::cargo;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// Directory of the copy. Builds share the project's target directory, and so its dependencies.
pub const COPY: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/planted_bugs");

/// The parts of the copy: the sources, and what they include. The rest of `data` may be somebody's store.
const PARTS: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "SECURITY.md", "deny.toml", "src", "tests", "examples", "data/roster.csv"];

/// Stands for the condition of a defect in the text of its changes.
const PLANTED: &str = "PLANTED";

/// The condition in a module of the page: node has the variable, and for a browser the server of the copy writes its value.
const CHOSEN_IN_PAGE: &str = "@CHOSEN@";

/// The source file in which the server of the copy fills that in, and the call after which it does.
const FILLS_IN_PAGE: (&str, &str) = ("src/server/web/page.rs", ".replace(BUILD, &digest)");

/// The module of the copy that knows which defect is chosen.
const MODULE: &str = "src/planted.rs";

/// The files of the copy, by their paths in it.
type Files = HashMap<PathBuf, String>;

/// Reads the project, and plants all defects. Fails with every change that does not fit.
pub fn planted_files(bugs: &[Bug]) -> Result<Files, String> {
    let mut files = Files::new();
    PARTS.iter().try_for_each(|part| read(Path::new(part), &mut files)).map_err(|error| error.to_string())?;
    let changes = bugs.iter().flat_map(|bug| bug.changes.iter().map(move |change| (bug, change)));
    let misfits: Vec<_> = changes.filter_map(|(bug, change)| plant(bug, change, &mut files).err()).collect();
    if !misfits.is_empty() {
        return Err(misfits.join("\n"));
    }
    // Cargo tells packages apart by name and version, and not by directory: under its own version, the copy's programs
    // would be taken for the project's.
    let version = concat!("\nversion = \"", env!("CARGO_PKG_VERSION"));
    for (file, before) in [("Cargo.toml", ""), ("Cargo.lock", "name = \"wachat\"")] {
        let old = format!("{before}{version}\"");
        let text = files.get_mut(Path::new(file)).filter(|text| text.contains(&old)).ok_or(file)?;
        *text = text.replacen(&old, &format!("{before}{version}-planted\""), 1);
    }
    let (file, fill) = FILLS_IN_PAGE;
    let text = files.get_mut(Path::new(file)).filter(|text| text.matches(fill).count() == 1).ok_or(file)?;
    *text = text.replace(fill, &format!("{fill}.replace({CHOSEN_IN_PAGE:?}, crate::planted::name())"));
    files.entry("src/lib.rs".into()).or_default().push_str("\npub mod planted;\n");
    files.insert(MODULE.into(), include_str!("planted.rs").replace("VARIABLE", &format!("{VARIABLE:?}")));
    Ok(files)
}

fn read(path: &Path, files: &mut Files) -> io::Result<()> {
    let from = Path::new(PROJECT).join(path);
    if from.is_dir() {
        return fs::read_dir(from)?.try_for_each(|entry| read(&path.join(entry?.file_name()), files));
    }
    // A file that is not text is not needed.
    if let Ok(text) = fs::read_to_string(from) {
        files.insert(path.to_path_buf(), text);
    }
    Ok(())
}

/// Makes one change, whose lines must be found exactly once.
fn plant(bug: &Bug, change: &Change, files: &mut Files) -> Result<(), String> {
    let misfit = |what: &str| format!("{}: {} {what}:\n{}", bug.name, change.file, change.old);
    let text = files.get_mut(Path::new(change.file)).ok_or_else(|| misfit("is not there"))?;
    // With the line feed before it: only whole lines fit.
    let old = format!("\n{}", change.old);
    let new = format!("\n{}", change.new);
    let count = text.matches(&old).count();
    if count != 1 {
        return Err(misfit(&format!("has these lines {count} times, not once")));
    }
    let condition = condition(bug, change);
    *text = text.replace(&old, &new.replace(PLANTED, &condition));
    Ok(())
}

/// Returns the condition that a defect is chosen, in the language of the file.
fn condition(bug: &Bug, change: &Change) -> String {
    if change.file.ends_with(".js") {
        return format!("((globalThis.process?.env.{VARIABLE} ?? {CHOSEN_IN_PAGE:?}) === {:?})", bug.name);
    }
    let library = if change.file.starts_with("src/") { "crate" } else { "wachat" };
    format!("{library}::planted::is({:?})", bug.name)
}

/// Writes the files that differ from those of the last copy, so that only those are built again.
pub fn write(files: &Files) -> io::Result<()> {
    let mut stale = Vec::new();
    list(Path::new(COPY), &mut stale)?;
    let wanted: HashSet<_> = files.keys().map(|path| Path::new(COPY).join(path)).collect();
    stale.iter().filter(|path| !wanted.contains(*path)).try_for_each(fs::remove_file)?;
    for (path, text) in files {
        let to = Path::new(COPY).join(path);
        if fs::read_to_string(&to).ok().as_ref() != Some(text) {
            fs::create_dir_all(to.parent().expect("a directory"))?;
            fs::write(to, text)?;
        }
    }
    Ok(())
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Returns the target directory of the project.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory")
}

/// Asserts that the program of the copy compiles.
pub fn check() {
    let mut command = cargo();
    command.args(["check", "--quiet", "--locked", "--lib", "--target-dir"]).arg(target()).current_dir(COPY);
    let checked = command.output().expect("cargo");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// Builds the tests of the copy that have to notice defects, and returns the path of their program.
pub fn build() -> PathBuf {
    let mut command = cargo();
    command.args(["test", "--no-run", "--locked", "--message-format", "json-render-diagnostics", "--test", "suite"]);
    let built = command.arg("--target-dir").arg(target()).current_dir(COPY).stderr(Stdio::inherit()).output();
    let built = built.expect("cargo");
    assert!(built.status.success(), "the copy cannot be built");
    let messages = String::from_utf8(built.stdout).expect("messages of cargo");
    messages.lines().find_map(executable).expect("the program")
}

/// Builds the program of the copy, and returns its path.
pub fn build_program() -> PathBuf {
    let mut command = cargo();
    command.args(["build", "--quiet", "--locked", "--bin", "wachat", "--target-dir"]).arg(target());
    assert!(command.current_dir(COPY).status().expect("cargo").success(), "the copy cannot be built");
    // The next build of the project puts its own program there again.
    let program = Path::new(COPY).join("wachat-planted");
    fs::copy(target().join("debug/wachat"), &program).expect("the program");
    program
}

/// Returns the path of the program of the tests, from cargo's message about it.
fn executable(message: &str) -> Option<PathBuf> {
    let (path, _) = message.split_once(r#""executable":""#)?.1.split_once('"')?;
    let is_of_tests = Path::new(path).file_name()?.to_str()?.starts_with("suite-");
    is_of_tests.then(|| path.into())
}
