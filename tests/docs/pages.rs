//! The README and the pages around it: their links, tables and flags are those of the project.

use std::process::Command;

use crate::docs::page::{
    CLIENT, COURSE, DEPLOY, EXAMPLES, FIGURES, FIVE, MONITORING, PROMISES, README, TOOLS, path, quoted, read, section,
    shell_block, table,
};
use crate::support::WACHAT;
use wachat::client::app::commands;
use wachat::client::screen::keys::{FIXED, KEYS, Keys};
use wachat::texts::Language;

/// A page for each tool of a course.
const COURSE_PAGES: [&str; 8] = [
    "src/course/talk.md",
    "src/course/judge.md",
    "src/course/class.md",
    "src/course/chaos.md",
    "src/course/trace.md",
    "src/course/explain.md",
    "src/course/demo.md",
    "src/course/wireshark.md",
];

const PAGES: [&str; 18] = [
    README,
    CLIENT,
    TOOLS,
    COURSE,
    EXAMPLES,
    FIVE,
    PROMISES,
    FIGURES,
    "SECURITY.md",
    "data/README.md",
    MONITORING,
    DEPLOY,
    "examples/deploy/cluster.md",
    "examples/deploy/capacity.md",
    "examples/labs/README.md",
    "examples/labs/instructor.md",
    "tests/README.md",
    "src/protocol/protocol.md",
];

#[test]
fn the_readme_is_short() {
    let lines = read(README).lines().count();
    assert!(lines <= 120, "{lines} lines");
}

/// Returns a heading's anchor, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

/// Returns the addresses of a page's links and pictures.
fn links(text: &str) -> Vec<String> {
    let outside: Vec<_> = text.split("```").step_by(2).collect();
    let outside = outside.concat();
    let after = |mark: &'static str, end: char| {
        outside.split(mark).skip(1).filter_map(move |rest| rest.split_once(end)).map(|(link, _)| link.to_owned())
    };
    after("](", ')').chain(after("src=\"", '"')).chain(after("srcset=\"", '"')).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for page in [&PAGES[..], &COURSE_PAGES].concat() {
        for link in links(&read(page)).iter().filter(|link| !link.starts_with("https://")) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let here = path(page);
            let target = if file.is_empty() { here } else { here.parent().expect("a folder").join(file) };
            assert!(target.exists(), "{page}: there is no {link}");
            let there = || std::fs::read_to_string(&target).expect("a page");
            let has_place = || there().lines().any(|line| line.starts_with('#') && anchor(line) == place);
            assert!(place.is_empty() || has_place(), "{page}: there is no {link}");
            count += 1;
        }
    }
    assert!(count > 30, "{count} links");
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let mut reached = vec![path(README)];
    let mut next = 0;
    while let Some(page) = reached.get(next).cloned() {
        next += 1;
        let text = std::fs::read_to_string(&page).expect("a page");
        for link in links(&text).iter().filter(|link| !link.starts_with("https://") && link.contains(".md")) {
            let target = page.parent().expect("a folder").join(link.split('#').next().expect("a file"));
            let target = target.canonicalize().expect("a page");
            if !reached.contains(&target) {
                reached.push(target);
            }
        }
    }
    for page in [&PAGES[..], &COURSE_PAGES].concat() {
        assert!(reached.contains(&path(page).canonicalize().expect("a page")), "no link leads to {page}");
    }
}

/// Outside of code, angle brackets are HTML in Markdown.
fn cell(text: &str) -> String {
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn command_rows() -> Vec<String> {
    commands::lines(Language::En).map(|(form, help)| format!("| `{form}` | {} |", cell(&help))).collect()
}

#[test]
fn the_commands_are_those_that_the_client_knows() {
    let wanted: Vec<_> =
        ["| typed | what it does |", "|---|---|"].map(str::to_owned).into_iter().chain(command_rows()).collect();
    assert_eq!(table(CLIENT, "Commands"), wanted, "the table should be:\n{}\n", wanted.join("\n"));
}

#[test]
fn the_seven_commands_are_among_them() {
    let shown = table(README, "Seven commands");
    let rows = shown.get(2..).expect("rows");
    let known = command_rows();
    let fit: Vec<_> = known.iter().filter(|row| rows.contains(row)).collect();
    assert_eq!(fit.len(), 7, "rows of the table of commands, in its order: {rows:#?}");
    assert_eq!(rows.iter().collect::<Vec<_>>(), fit);
}

#[test]
fn the_keys_are_those_of_the_full_screen() {
    let keys = Keys::new("").expect("the keys");
    let changeable = KEYS
        .iter()
        .map(|row| format!("| `{}` | {} | {} |", row.name, keys.of(row.action), cell(row.help.text(Language::En))));
    let fixed = FIXED.iter().map(|(keys, help)| format!("| | {keys} | {} |", cell(help.text(Language::En))));
    let head = ["| action | keys | effect |", "|---|---|---|"].map(str::to_owned);
    let mut wanted = head.to_vec();
    wanted.extend(changeable);
    wanted.extend(fixed);
    assert_eq!(table(CLIENT, "Keys"), wanted, "the table should be:\n{}\n", wanted.join("\n"));
}

#[test]
fn the_table_of_the_five_projects_names_existing_commands() {
    let text = read(FIVE);
    let typed = quoted(&text);
    let verbs = typed.iter().filter_map(|typed| typed.split(' ').next()).filter(|word| word.starts_with(['/', '@']));
    let verbs: Vec<_> = verbs.filter(|word| *word != "@user:").collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    verbs.iter().for_each(|verb| assert!(commands::find(verb).is_some(), "there is no {verb}"));
}

#[test]
fn the_tests_of_the_promises_exist() {
    let text = read(PROMISES);
    let folders = ["protocol", "server", "durability", "client", "tools", "course"];
    let mut tests = quoted(&text);
    tests.retain(|text| folders.contains(&text.split("::").next().unwrap_or_default()));
    assert!(tests.len() > 25, "{tests:?}");
    for test in tests {
        let file = path("tests").join(test.replace("::", "/"));
        assert!(file.is_dir() || file.with_extension("rs").exists(), "there is no {test}");
    }
}

#[test]
fn every_promise_has_a_test_in_the_table() {
    let text = read(PROMISES);
    let first = |line: &str| line.split('|').nth(1).unwrap_or_default().to_owned();
    let heads: String = text.lines().filter(|line| line.starts_with('|')).map(first).collect();
    for number in 1..=8 {
        assert!(text.contains(&format!("\n{number}. **")), "promise {number}");
        assert!(heads.contains(&format!("{number} ")), "promise {number} has no test");
    }
}

/// Returns the help of all commands.
fn help() -> String {
    let commands = ["serve", "connect", "send", "receive", "history", "users", "rooms", "user", "room", "backup"];
    let more = [
        &["bridge", "telegram"][..],
        &["restore"],
        &["session"],
        &["ban"],
        &["unban"],
        &["bans"],
        &["announce"],
        &["status"],
        &["log-level"],
        &["check"],
        &["judge"],
        &["explain"],
        &["demo"],
        &["dissector"],
        &["talk"],
        &["chaos"],
        &["class"],
        &["class", "start"],
        &["class", "board"],
        &["class", "judge"],
        &["class", "add"],
        &["trace"],
        &["config"],
    ];
    let more = more.into_iter().chain([&["completions"][..], &["man"]]);
    let commands = commands.iter().map(std::slice::from_ref).chain(more);
    let help = |command: &[&str]| Command::new(WACHAT).args(command).arg("--help").output().expect("wachat").stdout;
    commands.map(|command| String::from_utf8(help(command)).expect("UTF-8")).collect()
}

#[test]
fn every_program_command_on_a_page_exists() {
    for page in [&PAGES[..], &COURSE_PAGES].concat() {
        let text = read(page);
        let commands = quoted(&text).into_iter().filter_map(|text| text.strip_prefix("wachat "));
        for command in commands.filter_map(|command| command.split_whitespace().next()) {
            let known = Command::new(WACHAT).args([command, "--help"]).output().expect("wachat").status.success();
            assert!(known || command.starts_with('-'), "{page}: there is no wachat {command}");
        }
    }
}

#[test]
fn every_flag_on_a_page_is_in_a_help() {
    let help = help();
    for page in
        [README, CLIENT, TOOLS, COURSE, EXAMPLES, FIVE].into_iter().chain(COURSE_PAGES).chain(crate::docs::labs::PAGES)
    {
        let text = read(page);
        let typed = quoted(&text).into_iter().filter(|text| !text.starts_with("cargo") && !text.starts_with("rustc"));
        let words = typed.flat_map(str::split_whitespace).filter(|word| word.starts_with("--"));
        for flag in words {
            let ends = [" ", "\n", ","].map(|end| format!("{flag}{end}"));
            assert!(ends.iter().any(|flag| help.contains(flag)), "{page}: there is no {flag}");
        }
    }
}

#[test]
fn the_commands_of_the_figures_run_ignored_tests() {
    let text = read(FIGURES);
    let command = quoted(&text).into_iter().find(|text| text.starts_with("cargo test")).expect("how to measure");
    assert!(command.contains("--test figures -- --ignored"), "{command}");
    for file in ["main", "memory", "restart", "latency"] {
        assert!(path("tests/figures").join(file).with_extension("rs").exists(), "{file}");
    }
}

#[test]
fn what_a_first_reader_looks_for_is_there() {
    for title in
        ["First steps", "On a LAN", "Seven commands", "How a message travels", "Beside others", "For teachers", "Links"]
    {
        assert!(section(README, title).len() > 2, "{title}");
    }
    assert!(read("Cargo.toml").contains("rust-version = \"1.89\"") && read(README).contains("Rust 1.89"));
}

/// A reader sets up a machine with two commands, runs the server with one, and the tests with one: the same that
/// `.ci/run` calls.
#[test]
fn the_readme_has_the_commands_to_set_up_run_and_test_and_ci_calls_the_test() {
    let set_up = shell_block(README, "set-up");
    assert!(set_up.len() == 2 && set_up[1].ends_with("cargo build --locked --release"), "{set_up:?}");
    let page = read(README);
    let tests: Vec<_> = quoted(&page).into_iter().filter(|text| text.starts_with("cargo test")).collect();
    assert_eq!(tests.len(), 1, "one command runs the tests: {tests:?}");
    let server = crate::docs::sessions::commands(README, "server");
    assert_eq!(server.len(), 1, "one command runs the server");
    assert!(server[0].0.starts_with("cargo run ") && server[0].0.ends_with(" serve"), "{server:?}");
    let called = read(".ci/run");
    let called: Vec<_> = called.lines().filter_map(|line| line.strip_prefix("step ")).collect();
    assert!(called.contains(&tests[0]), ".ci/run does not call {:?}", tests[0]);
}
