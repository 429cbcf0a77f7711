//! Whole pictures of one story: ana sends through a proxy that loses an OK, luis receives, and the server is killed.
//! The files of `trace/whole` are its three traces, and what is drawn of them.

use std::path::{Path, PathBuf};

use super::shown;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/course/trace/whole").join(name)
}

/// Returns what is drawn of the traces.
fn draw(more: &[&str]) -> String {
    let files = ["server.csv", "chaos.csv", "ana.csv"].map(path);
    let (drawn, notes) = shown(&files.each_ref().map(PathBuf::as_path), &[&["--columns", "132"], more].concat());
    assert_eq!(notes, "", "nothing is missing, and nothing is contradicted");
    drawn
}

#[test]
fn each_form_has_the_whole_story() {
    let forms: [(&[&str], &str); 6] = [
        (&[], "diagram.txt"),
        (&["--as", "table"], "table.txt"),
        (&["--as", "mermaid"], "mermaid.txt"),
        (&["--as", "shiviz"], "shiviz.txt"),
        (&["--message", "m-1"], "message.txt"),
        (&["--user", "luis"], "user.txt"),
    ];
    for (more, name) in forms {
        let expected = std::fs::read_to_string(path(name)).expect(name);
        assert_eq!(draw(more), expected, "{name}");
    }
}

/// Marks on the lines: the kinds of marks that the page names.
#[test]
fn the_story_has_each_mark_once() {
    let diagram = draw(&[]);
    for (mark, count) in [
        ("(received, not passed on)", 1),
        ("✗<─ OK m-1", 1),
        ("(received)", 2),
        ("(again)", 2),
        ("(acknowledges 1)", 1),
        ("● sync: 1 record", 1),
        ("✗ killed", 1),
        ("● log replayed up to number 2", 1),
        ("✗ no connection: Connection refused", 1),
        ("✗ entries are missing", 1),
        ("closed by the other end", 2),
    ] {
        assert_eq!(diagram.matches(mark).count(), count, "{mark}\n{diagram}");
    }
}
