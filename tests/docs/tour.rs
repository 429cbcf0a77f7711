//! The reading tour in `src/lib.rs`: each stop names a file and a function that are there.

use std::fs;
use std::path::Path;

const TOUR_FILE: &str = "src/lib.rs";

/// A stop is a numbered line that begins with a file and a function: ``1. `src/net/line.rs`, `next_line`: ...``.
fn stops(text: &str) -> Vec<(usize, String, String)> {
    let stop = |line: &str| {
        let (number, rest) = line.strip_prefix("//! ")?.split_once(". ")?;
        let mut quoted = rest.split('`').skip(1).step_by(2);
        Some((number.parse().ok()?, quoted.next()?.to_owned(), quoted.next()?.to_owned()))
    };
    text.lines().filter_map(stop).filter(|(_, file, _)| file.starts_with("src/")).collect()
}

#[test]
fn every_stop_of_the_reading_tour_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stops = stops(&fs::read_to_string(root.join(TOUR_FILE)).unwrap());
    assert!((14..=32).contains(&stops.len()), "{} stops", stops.len());
    let mut next = 1;
    for (number, file, function) in &stops {
        // A later chapter begins anew.
        assert!(*number == next || *number == 1, "{file}: the stops are numbered");
        next = number + 1;
        let source =
            fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("stop {number}: {file}: {error}"));
        let head = format!("fn {function}");
        let is_defined = source.split(&head).skip(1).any(|rest| rest.starts_with(['(', '<']));
        assert!(is_defined, "stop {number}: {file} has no function {function}");
    }
}

#[test]
fn the_map_names_every_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(TOUR_FILE)).unwrap();
    for module in text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        assert!(text.contains(&format!("//! | [`{module}`] |")), "{module} is not in the table of modules");
    }
}

/// The modules that a file declares.
fn modules(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.ends_with(';'));
    let names =
        lines.filter_map(|line| line.trim_start_matches("pub(crate) ").trim_start_matches("pub ").strip_prefix("mod "));
    names.map(|name| name.trim_end_matches(';')).collect()
}

#[test]
fn the_maps_of_the_client_name_every_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    for folder in ["", "app", "link", "line_mode", "screen", "state", "terminal"] {
        let text = fs::read_to_string(root.join(folder).join("mod.rs")).unwrap();
        let map: String = text.lines().filter(|line| line.starts_with("//!")).collect();
        let modules = modules(&text);
        assert!(modules.len() >= 5, "{folder}: {modules:?}");
        for module in modules {
            assert!(
                map.contains(&format!("`{module}`")),
                "src/client/{folder}/mod.rs does not say what {module} holds"
            );
        }
    }
}
