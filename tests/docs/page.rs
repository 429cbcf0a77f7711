//! Reads pages of the project: their blocks, sections and tables.

use std::fs;
use std::path::{Path, PathBuf};

pub const README: &str = "README.md";
pub const CLIENT: &str = "src/client/README.md";
pub const TOOLS: &str = "src/tools/README.md";
pub const COURSE: &str = "src/course/README.md";
pub const CHAOS: &str = "src/course/chaos.md";
pub const CLASS: &str = "src/course/class.md";
pub const TRACE: &str = "src/course/trace.md";
pub const EXAMPLES: &str = "examples/README.md";
pub const FIVE: &str = "examples/five.md";
pub const PROMISES: &str = "tests/promises.md";
pub const FIGURES: &str = "tests/figures/README.md";
pub const DEPLOY: &str = crate::support::last_release::CHANGELOG;
pub const MONITORING: &str = "examples/deploy/monitoring.md";

/// Returns the path of a file of the project.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the lines of a page's session with this name.
pub fn block(page: &str, name: &str) -> Vec<String> {
    fenced(page, &format!("```console {name}"))
}

/// Returns the commands of a page's block of shell commands with this name.
pub fn shell_block(page: &str, name: &str) -> Vec<String> {
    let lines = fenced(page, &format!("```sh {name}"));
    lines.join("\n").replace("\\\n", " ").lines().map(str::to_owned).collect()
}

/// Returns the lines of the block that begins so. In a list a block is indented.
fn fenced(page: &str, start: &str) -> Vec<String> {
    let text = read(page);
    let mut lines = text.lines().skip_while(|line| line.trim_start() != start);
    let head = lines.next().unwrap_or_else(|| panic!("{page} has no block {start}"));
    let indentation = &head[..head.len() - start.len()];
    let inside = lines.take_while(|line| line.trim() != "```");
    inside.map(|line| line.strip_prefix(indentation).unwrap_or(line).trim_end().to_owned()).collect()
}

/// Returns the lines of a page's section.
pub fn section(page: &str, title: &str) -> Vec<String> {
    let text = read(page);
    let section = text.split_once(&format!("\n## {title}\n")).map(|(_, rest)| rest);
    let section = section.unwrap_or_else(|| panic!("{page} has no section {title}"));
    section.lines().take_while(|line| !line.starts_with("## ")).map(str::to_owned).collect()
}

/// Returns the lines of the tables in a section.
pub fn table(page: &str, title: &str) -> Vec<String> {
    section(page, title).into_iter().filter(|line| line.starts_with('|')).collect()
}

/// Returns the texts between backquotes, those of blocks left out.
pub fn quoted(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|text| text.split('`').skip(1).step_by(2)).collect()
}
