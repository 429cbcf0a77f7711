//! The dependencies: none that is banned, each under a licence that is allowed (`deny.toml`), and each with its reason.

use std::collections::BTreeSet;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::support::cargo::cargo;

const DENY: &str = include_str!("../../deny.toml");
const MANIFEST: &str = include_str!("../../Cargo.toml");

/// Returns the texts of an array in `deny.toml`; of a table in it the text under `crate`.
fn listed(section: &str, key: &str) -> BTreeSet<String> {
    let table = DeTable::parse(DENY).expect("TOML");
    let text = |value: &DeValue| value.as_str().map(str::to_owned);
    let entry = |value: &DeValue| text(value).or_else(|| text(value.get("crate")?.get_ref())).expect("a text");
    let list = table.get_ref().get(section).and_then(|part| part.get_ref().get(key)?.get_ref().as_array().cloned());
    list.expect("an array").iter().map(|value| entry(value.get_ref())).collect()
}

fn packages() -> Vec<Value> {
    // Those of other platforms need not have been fetched.
    let host = cargo().arg("-vV").output().expect("cargo");
    let host = String::from_utf8(host.stdout).expect("UTF-8");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a platform");
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", host];
    let output = cargo().args(arguments).output().expect("cargo");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

#[test]
fn none_is_banned_and_each_has_an_allowed_licence() {
    let banned = listed("bans", "deny");
    let allowed = listed("licenses", "allow");
    assert!(banned.contains("tokio") && banned.contains("mio"));
    for package in packages() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let name = text("name");
        let licence = text("license");
        assert!(!banned.contains(&name), "{name} is banned: `cargo tree --invert {name}` says who brings it");
        // `AND` binds the parts of which each is needed; of those with `OR` (older: `/`) one is enough.
        let is_allowed = |part: &str| {
            let part = part.replace(['(', ')'], "").replace('/', " OR ");
            part.split(" OR ").any(|one| allowed.contains(one.trim()))
        };
        assert!(
            licence.split(" AND ").all(is_allowed),
            "{name} has the licence {licence:?}, which deny.toml does not allow"
        );
    }
}

#[test]
fn each_dependency_has_its_reason_beside_it() {
    let lines: Vec<_> = MANIFEST.lines().collect();
    let begin = lines.iter().position(|line| *line == "[dependencies]").expect("dependencies");
    let mut explained = false;
    for line in lines[begin + 1..].iter().take_while(|line| !line.starts_with("# The tests: built often")) {
        match line.split_once(" = ") {
            _ if line.starts_with('#') => explained = true,
            // One reason may stand before several that belong together.
            Some((name, _)) => assert!(explained || name == "log", "{name} has no reason beside it"),
            None => explained = false,
        }
    }
}
