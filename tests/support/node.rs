//! Node, where it is installed: it runs the modules of the page that need no browser.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Runs a test module of `tests/page`, with a file of lines as its argument; asserts that it finds nothing. Returns what it
/// said; `None`: there is no node here.
#[track_caller]
pub fn run(module: &str, arguments: &[&str], lines: &[String]) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if Command::new("node").arg("--version").output().is_err() {
        // Not by a macro: what those print is shown of failed tests alone.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no node here for {module}");
        return None;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let modules = directory.path().join("page");
    fs::create_dir(&modules).expect("a directory");
    copy_modules(&root.join("src/server/web/page"), &modules);
    copy_modules(&root.join("tests/page"), directory.path());
    // Without it node takes them for scripts.
    fs::write(directory.path().join("package.json"), "{\"type\": \"module\"}").expect("a package");
    let test = directory.path().join(module);
    let corpus = directory.path().join("lines");
    fs::write(&corpus, lines.join("\n")).expect("the lines");
    let done = Command::new("node").arg(&test).arg(&corpus).args(arguments).output().expect("node");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{module}: {said}{}", String::from_utf8_lossy(&done.stderr));
    Some(said)
}

fn copy_modules(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "js") {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
}
