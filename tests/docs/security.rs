//! `SECURITY.md` says what exists: its flags, its limits and its tests.

use std::path::Path;
use std::process::Command;

use wachat::limits;

use crate::support::WACHAT;

const SECURITY: &str = include_str!("../../SECURITY.md");

/// Returns the texts between backquotes that begin in one of these ways.
fn quoted(begins: &[&str]) -> Vec<&'static str> {
    let texts = SECURITY.split('`').skip(1).step_by(2);
    texts.filter(|text| begins.iter().any(|begin| text.starts_with(begin))).collect()
}

#[test]
fn its_flags_are_those_of_the_server() {
    let help = Command::new(WACHAT).args(["serve", "--help"]).output().unwrap().stdout;
    // Those of the clients, too.
    let connect = Command::new(WACHAT).args(["connect", "--help"]).output().unwrap().stdout;
    let help = String::from_utf8([help, connect].concat()).unwrap();
    let flags = quoted(&["--"]);
    assert!(flags.len() > 10, "{flags:?}");
    for flag in flags.iter().map(|flag| flag.split(' ').next().unwrap()) {
        assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{flag}");
    }
}

#[test]
fn its_tests_exist() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let named = quoted(&["protocol::", "server::", "durability::", "client::", "tools::", "course::"]);
    assert!(named.len() > 12, "{named:?}");
    for name in named {
        let (folder, module) = name.split_once("::").unwrap();
        let path = tests.join(folder).join(module);
        assert!(path.with_extension("rs").exists() || path.join("mod.rs").exists(), "{name}");
    }
}

#[test]
fn its_limits_are_those_of_the_program() {
    let text = SECURITY.replace('\n', " ");
    for (number, words) in [
        (limits::FAILURES_PER_NAME, "{} wrong passwords for a name"),
        (limits::FAILURES_PER_ADDRESS, "after {} for any"),
        (limits::MAX_FAILURE_WAIT.as_secs() as usize, "up to {} seconds"),
        (limits::LOGIN_BYTES, "at most {} bytes"),
        (limits::STRANGERS_PER_ADDRESS, "{} an address"),
        (limits::TIMEOUT.as_secs() as usize, "{} seconds (`--timeout`)"),
        (limits::CONNECTIONS_PER_USER, "{} connections a user"),
        (limits::PAGE_RECORDS, "at most {} records"),
        (limits::REPLY_RATE, "at {} bytes a second"),
        (limits::TLS_BYTES_SINCE_PLAINTEXT >> 10, "under TLS {} KiB"),
        (limits::RESERVED_FILES, "{} files are kept"),
        (limits::HTTP_CONNECTIONS, "{} requests at once"),
        (limits::BANNED_PER_ADDRESS, "has {} connections at most"),
        (limits::OUTBOX_BYTES >> 20, "10,000 messages and {} MiB"),
    ] {
        let words = words.replace("{}", &number.to_string());
        assert!(text.contains(&words), "{words}");
    }
    assert!(text.contains("Argon2id"));
}
