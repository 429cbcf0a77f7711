//! `tests/README.md` describes the tests as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const README: &str = include_str!("../README.md");

#[test]
fn the_folders_of_tests_are_those_of_the_table() {
    let rows = README.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")).expect("the tests").flatten();
    let names = folders.filter(|folder| folder.path().is_dir()).map(|folder| folder.file_name().into_string());
    let mut names: BTreeSet<_> = names.map(|name| name.expect("a name")).collect();
    names.remove("support");
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), names);
}

#[test]
fn the_example_is_a_test_that_exists() {
    let (_, block) = README.split_once("   ```rust\n").expect("an example");
    let (block, _) = block.split_once("   ```").expect("its end");
    let example: String = block.lines().map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect();
    assert!(include_str!("../protocol/section_5_commands.rs").contains(&example), "{example}");
}

#[test]
fn every_function_that_it_names_exists() {
    let support: String = ["mod", "world", "clients", "connection"]
        .map(|name| fs::read_to_string(format!("{}/tests/support/{name}.rs", env!("CARGO_MANIFEST_DIR"))))
        .map(|text| text.expect("a module"))
        .concat();
    for name in ["register", "login", "session", "kill", "start", "pipe", "terminal", "wait_for"] {
        assert!(README.contains(name) && support.contains(&format!("fn {name}")), "{name}");
    }
}
