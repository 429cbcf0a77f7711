//! Errors of rules, logs and addresses name the place.

use std::process::Stdio;

use super::process::{Chaos, command};
use crate::support::{Connection, World, run_to_end};
use tempfile::TempDir;

const NOWHERE: &str = "127.0.0.1:1";

/// Runs a proxy that is expected to refuse its options. Returns exit code and error.
fn refused(options: &[&str]) -> (Option<i32>, String) {
    run_to_end(command(options).stdin(Stdio::null()))
}

#[test]
fn errors_of_rules_name_rule_word_and_what_was_expected() {
    for (rule, word, expected) in [
        ("", 1, "a rule begins with an action: drop, duplicate"),
        ("loose reply OK 3", 1, "a rule begins with an action: drop, duplicate"),
        ("drop reply OKE 3", 3, "no verb, code or event of the protocol is called OKE; did you mean OK?"),
        ("drop teh 3rd OK", 2, "\"teh\" is none of the phrases of a rule: a kind (request,"),
        ("drop request reply", 3, "the rule has a kind of record already"),
        ("drop 3 every 2nd OK", 4, "the rule has a count already"),
        ("drop reply 0", 3, "records are counted from 1"),
        ("drop reply 3x", 3, "expected a count (3, 3rd), a time"),
        ("drop reply 99999999999999999999999", 3, "the number is too large"),
        ("drop 101% of the replies", 2, "a chance is at most 100%"),
        ("delay reply", 3, "delay by how long? Such as: by 800 ms"),
        ("delay reply by 601 s", 5, "at most 600 s"),
        ("drop reply by 3 s", 6, "drop does not go with a time"),
        ("delay reply by 3 s until OK", 8, "delay does not go with until"),
        ("hold reply", 3, "hold until when?"),
        ("hold reply until later", 4, "expected Enter, or a word in capitals"),
        ("hold reply until the", 5, "expected Enter, or a word in capitals"),
        ("drop reply after byte 3", 6, "drop does not go with after byte"),
        ("split reply late", 4, "split does not go with late"),
        ("cut reply after byte many", 5, "expected a number of bytes"),
        ("drop reply on the OTHER port", 5, "expected a port: SEND or RECV"),
        ("drop reply of user #sala", 5, "expected the name of a user: a name is"),
        ("drop reply of user", 5, "expected the name of a user"),
        ("drop reply from ana", 4, "expected the server or the client (a user is: user NAME)"),
        ("drop\u{1b}[2J reply", 2, "of the protocol is called [2J"),
    ] {
        let (code, said) = refused(&["--rule", "drop OK 1", "--rule", rule]);
        assert_eq!(code, Some(2), "{rule}: {said}");
        let start = format!("wachat: --rule 2, word {word}: ");
        assert!(said.starts_with(&start) && said.contains(expected) && !said.contains('\u{1b}'), "{rule:?}: {said}");
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines.len(), 3, "{said}");
        // The mark stands below the word.
        let shown = rule.replace('\u{1b}', " ");
        let mark = lines[2].find('^').expect("a mark");
        let marked = shown.split_whitespace().nth(word - 1).unwrap_or_default();
        assert_eq!(
            lines[1].get(mark..).unwrap_or_default().split_whitespace().next().unwrap_or_default(),
            marked,
            "{said}"
        );
    }
}

#[test]
fn errors_of_files_name_file_and_line() {
    let directory = TempDir::new().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name).display().to_string();
        std::fs::write(&path, text).expect("a file");
        path
    };
    let head = "wachat-chaos;1\n";
    let line = "2026-11-23T10:01:02.511Z;ana;SEND;1;to the client;3;OK SEND reply;drop";
    let rules = file("rules", "# one\ndrop OK 1\nslow OK\n");
    let [empty, other, short, number, port, way, fault] = [
        ("empty", String::new()),
        ("other", "wachat-chaos;2\n".to_owned()),
        ("short", format!("{head}{line}\nana;SEND\n")),
        ("number", format!("{head}{}\n", line.replace(";1;", ";0;"))),
        ("port", format!("{head}{}\n", line.replace(";SEND;", ";MIDDLE;"))),
        ("way", format!("{head}{}\n", line.replace("client", "moon"))),
        ("fault", format!("{head}{}\n", line.replace("drop", "lose"))),
    ]
    .map(|(name, text)| file(name, &text));
    for (option, path, at, expected) in [
        ("--rules", &rules, ":3, word 1: ", "a rule begins with an action: drop"),
        ("--replay", &empty, ":1: ", "expected wachat-chaos;1"),
        ("--replay", &other, ":1: ", "expected wachat-chaos;1"),
        ("--replay", &short, ":3: field 3: ", "expected SEND or RECV"),
        ("--replay", &number, ":2: field 4: ", "expected a number"),
        ("--replay", &port, ":2: field 3: ", "expected SEND or RECV; the form is time;user;port"),
        ("--replay", &way, ":2: field 5: ", "expected to the server or to the client"),
        ("--replay", &fault, ":2: field 8, word 1: ", "a rule begins with an action: drop"),
    ] {
        let (code, said) = refused(&[option, path]);
        assert_eq!(code, Some(2), "{path}: {said}");
        assert!(said.starts_with(&format!("wachat: {path}{at}")) && said.contains(expected), "{said}");
    }
    let (code, said) = refused(&["--rules", "/nowhere/rules"]);
    assert!(code == Some(2) && said.starts_with("wachat: cannot read /nowhere/rules: "), "{said}");
    let same = file("same", &format!("{head}{line}\n"));
    let (code, said) = refused(&["--replay", &same, "--log", &same]);
    assert!(code == Some(1) && said.contains("is being replayed: --log needs another file"), "{said}");
    assert_eq!(std::fs::read_to_string(&same).expect("a log"), format!("{head}{line}\n"));
}

#[test]
fn wrong_options_are_refused() {
    for (options, expected) in [
        (&["--log", "0", "--seed"][..], "a value is required for '--seed"),
        (&["--seed", "1", "--to", "0"], "expected two, separated by a comma"),
        (&["--to", "1,x"], "\"x\" is not a port and not HOST:PORT"),
        (&["--seed", "1", "--replay", "log"], "cannot be used with"),
        (&["--log", "log"], "--rule <RULE>|--rules <FILE>|--seed <NUMBER>|--replay <FILE>"),
    ] {
        let (code, said) = refused(options);
        assert!(code == Some(2) && said.contains(expected), "{options:?}: {said}");
    }
    let (code, said) = refused(&["--seed", "1", "--log", "/nowhere/log"]);
    assert!(code == Some(1) && said.starts_with("wachat: cannot write /nowhere/log: "), "{said}");
    let world = World::new(&[]);
    let taken = format!("{},{}", world.send_port, world.recv_port);
    let (code, said) = refused(&["--seed", "1", "--listen", &taken]);
    assert!(code == Some(1) && said.contains(&format!("cannot listen on {}: ", world.send)), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let chaos = Chaos::with_rule([NOWHERE.parse().expect("an address"); 2], "drop OK");
    Connection::open(chaos.addresses[0]).assert_closed();
    let said = chaos.stop_with_errors();
    assert!(said.starts_with(&format!("wachat: cannot connect to the server at {NOWHERE}: ")), "{said}");
}
