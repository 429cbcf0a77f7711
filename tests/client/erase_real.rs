//! Messages that are taken back at real terminals and in a pipe, beside a real server.

use std::fs;
use std::path::Path;

use crate::support::World;
use crate::support::clients::{all_output, exit_code};

#[test]
fn a_message_is_taken_back_on_both_sides_and_for_who_comes_back() {
    let world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("* connected");
    let mut luis = world.terminal("luis", &[]);
    luis.expect("* connected");
    ana.expect("#lobby> ");
    ana.type_line("@luis: secreto");
    luis.expect("ana: secreto");
    ana.expect("✓✓");
    ana.type_line("/query luis");
    ana.expect("luis> ");
    ana.type_line("/erase");
    ana.expect("* the message of ana of ");
    luis.expect("* the message of ana of ");
    luis.expect("was taken back");
    luis.type_line("/history ana");
    luis.expect("ana (taken back)");
    luis.quit();
    // He is away while another one is taken back.
    ana.type_line("otro");
    ana.expect("otro ✓");
    ana.type_line("/erase");
    ana.expect_times("* the message of ana of ", 2);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("ana (taken back)");
    luis.quit();
    ana.quit();
    for text in ["secreto", "otro"] {
        assert_eq!(files_with(&world.path(""), text), [""; 0]);
    }
}

/// Returns the files of clients below a directory that have a message with this text.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "data") {
            found.extend(files_with(&path, text));
        } else if path.extension().is_some_and(|extension| extension == "csv") {
            let content = fs::read(&path).unwrap();
            let has_text = String::from_utf8_lossy(&content).contains(&format!(";{text}\n"));
            found.extend(has_text.then(|| path.display().to_string()));
        }
    }
    found
}

#[test]
fn a_script_takes_back_what_it_has_said() {
    let world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis"]);
    let output = world.pipe("ana", "/query luis\nsecreto\nhola\n/erase 2\n/history\n", &[]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    let shown = all_output(&output);
    assert!(shown.contains("ana (taken back) ✓") && shown.contains("ana: hola"), "{shown}");
    assert!(!shown.contains("secreto"), "{shown}");
    assert_eq!(files_with(&world.path(""), "secreto"), [""; 0]);
}
