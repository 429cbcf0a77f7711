//! Tool chains of other languages. Where one is missing, a test says so and leaves its programs out.

use std::path::Path;
use std::process::{Command, Output};

use super::holes::start;

/// Returns whether a program is installed; says so where it is not.
pub fn is_there(program: &str, version: &str) -> bool {
    let there = Command::new(program).arg(version).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("left out: there is no {program} here");
    }
    there
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn succeed(command: &mut Command) {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{said}");
}

/// Compiles a client into a directory, without warnings. Returns the command that starts it; `None`: no tool chain.
pub fn make_client(source: &Path, to: &Path) -> Option<String> {
    let out = to.join("client");
    let source_text = source.display();
    match source.extension()?.to_str()? {
        "py" => is_there("python3", "--version").then(|| {
            let check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
            succeed(Command::new("python3").args(["-c", check]).arg(source));
            format!("python3 '{source_text}'")
        }),
        "js" => is_there("node", "--version").then(|| {
            succeed(Command::new("node").arg("--check").arg(source));
            format!("node '{source_text}'")
        }),
        "c" => is_there("cc", "--version").then(|| {
            let warnings = ["-Wall", "-Wextra", "-Werror", "-pthread", "-O1", "-o"];
            succeed(Command::new("cc").args(warnings).arg(&out).arg(source));
            format!("'{}'", out.display())
        }),
        "java" => is_there("javac", "-version").then(|| {
            succeed(Command::new("javac").args(["-Xlint:all", "-Werror", "-d"]).arg(to).arg(source));
            format!("java -XX:TieredStopAtLevel=1 -Xshare:auto -cp '{}' Client", to.display())
        }),
        "go" => is_there("go", "version").then(|| {
            succeed(Command::new("go").arg("vet").arg(source).env("GOFLAGS", "-mod=mod"));
            succeed(Command::new("go").args(["build", "-o"]).arg(&out).arg(source));
            format!("'{}'", out.display())
        }),
        other => panic!("there is no language {other}"),
    }
}

/// Compiles a server into a directory. Returns the command that starts it, without its arguments.
pub fn make_server(source: &Path, to: &Path) -> Option<String> {
    if source.extension().is_some_and(|extension| extension == "py") {
        return is_there("python3", "--version").then(|| format!("python3 {}", source.display()));
    }
    is_there("rustc", "--version").then(|| {
        let out = to.join("server");
        let options = ["--edition", "2021", "-D", "warnings", "-C", "debuginfo=0", "-o"];
        succeed(Command::new("rustc").args(options).arg(&out).arg(source));
        out.display().to_string()
    })
}

#[test]
fn each_starter_compiles() {
    for file in super::CLIENTS {
        let to = tempfile::tempdir().unwrap();
        make_client(&start(file, &[], to.path()), to.path());
    }
}
