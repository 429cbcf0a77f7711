//! `--help`, the manual pages, and the flags that errors name: each command has what they say.

use std::process::{Command, Output, Stdio};

use crate::support::clients::all_output;
use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World};
use tempfile::TempDir;
use wachat::cli::command;
use wachat::cli::pages;

/// The words of every command after `wachat`, those of commands of commands too.
fn commands() -> Vec<String> {
    fn add(command: &clap::Command, path: &str, to: &mut Vec<String>) {
        to.push(path.to_owned());
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            add(sub, format!("{path} {}", sub.get_name()).trim_start(), to);
        }
    }
    let mut all = Vec::new();
    add(&command(), "", &mut all);
    all
}

/// Runs `wachat` with these words at 80 columns.
fn run(words: &str, more: &[&str]) -> String {
    let mut command = Command::new(WACHAT);
    command.args(words.split_whitespace()).args(more).env("COLUMNS", "80").env("WACHAT_CONFIG", NO_SETTINGS);
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{words}: {}", all_output(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_command_has_examples_and_exit_codes_in_its_help() {
    let mut described: Vec<_> = pages::all().iter().map(|page| page.command.to_owned()).collect();
    let mut all = commands();
    assert!(all.len() > 20, "{all:?}");
    described.sort();
    all.sort();
    assert_eq!(described, all, "one page a command");
    for page in pages::all() {
        let help = run(page.command, &["--help"]);
        let (_, end) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{}: {help}", page.command));
        for (line, purpose) in page.examples {
            assert!(end.contains(&format!("  {purpose}:\n    {line}\n")), "{line} in {help}");
        }
        assert!(end.contains("\nExit codes:\n  0    "), "{help}");
    }
}

/// Returns the words of each `wachat` in a line, as a shell reads them.
fn calls(line: &str) -> Vec<Vec<String>> {
    let calls = line.split(" | ").filter(|call| call.starts_with("wachat "));
    calls
        .map(|call| {
            let call = call.split(" > ").next().expect("a call");
            let script = format!("for word in {call}; do printf '%s\\n' \"$word\"; done");
            let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
            assert!(output.status.success(), "{call}: {}", all_output(&output));
            String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn every_example_is_a_command_line_that_exists() {
    for page in pages::all() {
        for (line, _) in page.examples {
            let calls = calls(line);
            assert_eq!(calls.len(), 1, "{line}");
            let parsed = command().try_get_matches_from(&calls[0]);
            let is_help = |error: &clap::Error| error.kind() == clap::error::ErrorKind::DisplayHelp;
            assert!(parsed.as_ref().is_ok() || parsed.as_ref().is_err_and(is_help), "{line}: {parsed:?}");
            let own = format!("wachat {}", page.command);
            let is_own = calls[0].join(" ").starts_with(own.trim_end());
            assert!(is_own, "{line} is an example of {:?}", page.command);
        }
        for other in page.see {
            assert!(commands().iter().any(|command| command == other), "{other} of {:?}", page.command);
        }
    }
}

#[test]
fn help_fits_80_columns_without_broken_words() {
    for path in commands() {
        for flag in ["--help", "-h"] {
            let help = run(&path, &[flag]);
            help.lines().for_each(|line| assert!(line.chars().count() <= 80, "{path} {flag}: {line}"));
            let mut wide = Command::new(WACHAT);
            wide.args(path.split_whitespace()).arg(flag).env("COLUMNS", "1000").env("WACHAT_CONFIG", NO_SETTINGS);
            let wide = all_output(&wide.output().expect("it runs"));
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&help), words(&wide), "{path} {flag}");
        }
    }
}

#[test]
fn the_help_of_the_program_lists_each_command_once_in_its_group() {
    for help in [run("", &["--help"]), run("", &["-h"]), run("help", &[])] {
        let headings: Vec<_> = help.lines().filter(|line| line.ends_with(':') && !line.starts_with(' ')).collect();
        let groups = ["Chat:", "Server:", "Administration:", "Course:", "Scripts and settings:"];
        assert_eq!(headings, [&groups[..], &["Options:", "Examples:", "Exit codes:"]].concat(), "{help}");
        let (_, listed) = help.split_once("\nChat:\n").expect("the groups");
        let (listed, _) = listed.split_once("\nOptions:\n").expect("their end");
        let rows = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
        let mut names: Vec<_> = rows.map(|(name, about)| (name, about.trim())).collect();
        names.sort_unstable();
        let command = command();
        let mut wanted: Vec<_> = command.get_subcommands().map(|sub| (sub.get_name(), sub.get_about())).collect();
        wanted.sort_unstable_by_key(|(name, _)| *name);
        let wanted: Vec<_> = wanted.iter().map(|(name, about)| (*name, about.expect("a line").to_string())).collect();
        let names: Vec<_> = names.into_iter().map(|(name, about)| (name, about.to_owned())).collect();
        assert_eq!(names, wanted);
    }
}

/// Rows of a terminal of the usual size, less that of the prompt.
const SCREEN_ROWS: usize = 23;

#[test]
fn the_short_help_of_serve_fits_on_a_screen_and_the_long_one_has_the_rest_below_headings() {
    let short = run("serve", &["-h"]);
    assert!(short.lines().count() <= SCREEN_ROWS, "{} lines:\n{short}", short.lines().count());
    let long = run("serve", &["--help"]);
    let page = run("man", &["serve"]);
    let command = command();
    let serve = command.find_subcommand("serve").expect("serve");
    for argument in serve.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let flag = format!("--{}", argument.get_long().expect("a flag"));
        let has = |help: &str| help.lines().any(|line| line.split_whitespace().any(|word| word == flag));
        let heading = argument.get_help_heading();
        assert_eq!(has(&short), heading.is_none(), "{flag} in:\n{short}");
        let section = long.split_once(&format!("\n{}:\n", heading.unwrap_or("Options"))).expect("its heading").1;
        let section = section.split("\n\n").take_while(|part| part.starts_with(' ')).collect::<Vec<_>>().join("\n");
        assert!(has(&section), "{flag} below {heading:?} in:\n{long}");
        // The manual page explains those that are not in the short help, too.
        let text = argument.get_help().expect("a text").to_string();
        let first = text.split([' ', '-', '\'']).next().expect("a word");
        let (_, explained) = page.split_once(&format!(".TP\n\\fB{}\\fR", flag.replace('-', "\\-"))).expect("the flag");
        assert!(explained.lines().nth(1).is_some_and(|line| line.starts_with(first)), "{flag} in:\n{page}");
    }
    assert!(serve.get_arguments().filter(|argument| argument.get_help_heading().is_some()).count() > 10);
}

#[test]
fn every_manual_page_has_all_sections() {
    for path in commands() {
        let page = run("man", &path.split_whitespace().collect::<Vec<_>>());
        let title = format!("wachat {path}").trim_end().replace(' ', "-");
        assert!(page.contains(&format!(".TH {title} 1")), "{title}: {page}");
        let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        let sections: Vec<_> = sections.iter().map(|section| section.trim_matches('"')).collect();
        let tail = ["EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"];
        assert!(sections.starts_with(&["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"]), "{path}: {sections:?}");
        assert!(sections.ends_with(&tail), "{path}: {sections:?}");
        assert!(page.contains("WACHAT_CONFIG"), "{path}: {page}");
    }
    let send = run("man", &["send"]);
    for text in ["WACHAT_USER", "WACHAT_PASSWORD", "\\fB5\\fR\nonly queued", "wachat send \\-\\-user", "receive(1)"] {
        assert!(send.contains(text), "{text} in {send}");
    }
    assert!(run("man", &["serve"]).contains("WACHAT_NO_LOBBY"));
}

/// Checks that a command has each flag that its error names; where a command stands before a flag (`wachat connect
/// --register`), that one has it. Returns the flags.
#[track_caller]
fn check_flags(path: &str, said: &str) -> Vec<String> {
    let words: Vec<_> = said.split_whitespace().map(|word| word.trim_matches([';', ',', ':', '.', '(', ')'])).collect();
    let mut flags = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let Some(flag) = word.strip_prefix("--") else { continue };
        let named = words[..index].iter().rposition(|word| *word == "wachat").map(|at| words[at + 1..index].join(" "));
        let path =
            named.filter(|named| !named.is_empty() && commands().contains(named)).unwrap_or_else(|| path.to_owned());
        let mut owner = &command();
        let mut known = Vec::new();
        for name in std::iter::once("").chain(path.split_whitespace()) {
            owner = owner.find_subcommand(name).unwrap_or(owner);
            known.extend(owner.get_arguments().filter_map(clap::Arg::get_long).map(str::to_owned));
        }
        assert!(known.iter().any(|known| known == flag), "{path} has no --{flag}, but says: {said}");
        flags.push(flag.to_owned());
    }
    flags
}

fn fails(path: &str, more: &[&str]) -> Output {
    let mut command = Command::new(WACHAT);
    command.args(path.split_whitespace()).args(more).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS);
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().expect("it runs");
    assert!(!output.status.success(), "{path} {more:?}: {}", all_output(&output));
    output
}

#[test]
fn the_errors_of_clients_name_flags_that_the_command_has() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let send = world.send_port.to_string();
    let recv = world.recv_port.to_string();
    let home = world.path("home").display().to_string();
    let token = world.path("token");
    std::fs::write(&token, "123456:abcdefghijklmnopqrstuvwxyz-ABCDEFGH").expect("a token");
    let token = token.display().to_string();
    let bridge = ["--room", "#sala", "--chat-id", "7", "--token-file", &token, "--home", &home];
    let mut named = Vec::new();
    for (path, own) in [
        ("connect", &["--home", &home][..]),
        ("send", &["--home", &home, "ana", "hola"]),
        ("receive", &[]),
        ("history", &["ana"]),
        ("users", &[]),
        ("rooms", &[]),
        ("bridge telegram", &bridge),
    ] {
        for wrong in [
            // No such account; no such password file; no name; no server.
            &["--user", "nobody", "--send-port", &send, "--recv-port", &recv][..],
            &["--user", "ana", "--password-file", "/nowhere"],
            &["--user", "a/b"],
            &["--user", "ana", "--send-port", "1", "--recv-port", "1"],
            &["--usr", "ana"],
        ] {
            // Without a line, a pipe has nothing to fail at; a bridge tries again without end.
            if ["connect", "bridge telegram"].contains(&path) && wrong.contains(&"1") {
                continue;
            }
            let output = fails(path, &[wrong, own].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let flags = check_flags(path, said.split("\nUsage").next().expect("an error"));
            named.extend(flags.into_iter().map(|flag| (path, flag)));
        }
    }
    for flag in ["register", "password-file", "user"] {
        assert!(named.contains(&("send", flag.to_owned())), "{flag}: {named:?}");
    }
    let _session = world.session("ana");
    let more = ["--user", "ana", "--send-port", &send, "--recv-port", &recv, "--max", "1"];
    let said = all_output(&fails("receive", &more));
    assert_eq!(check_flags("receive", &said), ["take-over"]);
    assert_eq!(
        check_flags("history", &all_output(&fails("history", &["--user", "a", "b", "--before", "9007199254740992"]))),
        ["before"]
    );
}

#[test]
fn the_errors_of_the_administrators_commands_name_flags_that_the_command_has() {
    let world = World::new(&[]);
    let other = TempDir::new().expect("a directory");
    let served = world.data().display().to_string();
    let at = |name: &str| other.path().join(name).display().to_string();
    let nowhere = at("nowhere");
    let file = at("file");
    let roster = at("roster.csv");
    let made = at("passwords.csv");
    for (path, text) in [(&file, "text"), (&roster, "name\nana\n"), (&made, "name;password\n")] {
        std::fs::write(path, text).expect("a file");
    }
    let taken = world.send_port.to_string();
    let mut named = Vec::new();
    for (path, wrong) in [
        ("serve", &["--send-port", "0", "--recv-port", "0", "--data", &served][..]),
        ("serve", &["--send-port", "0", "--recv-port", "0", "--data", &file]),
        ("serve", &["--send-port", &taken, "--recv-port", "0", "--data", &nowhere]),
        ("serve", &["--listen", "192.0.2.77", "--data", &nowhere]),
        ("user list", &["--data", &nowhere]),
        ("status", &["--data", &nowhere]),
        ("user add", &["ana", "--data", &at("new"), "--password-file", &nowhere]),
        ("user import", &[&roster, "--data", &nowhere]),
        ("user import", &[&roster, "--data", &served, "--passwords", &made]),
        ("room list", &["--data", &nowhere]),
        ("room remove", &["#sala", "--data", &served]),
        ("check", &["--data", &nowhere]),
        ("check", &["--data", &served]),
        ("backup", &["--data", &nowhere, &file]),
        ("backup", &["--data", &served, &file]),
        ("restore", &["--data", &nowhere, &file]),
        ("restore", &["--data", &served, &nowhere]),
    ] {
        let said = String::from_utf8_lossy(&fails(path, wrong).stderr).into_owned();
        named.extend(check_flags(path, &said).into_iter().map(|flag| (path, flag)));
    }
    for (path, flag) in [("serve", "data"), ("serve", "listen"), ("check", "data"), ("user import", "skip-existing")] {
        assert!(named.contains(&(path, flag.to_owned())), "{path} {flag}: {named:?}");
    }
}
