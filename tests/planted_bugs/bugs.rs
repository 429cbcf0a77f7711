//! The defects of `bugs.diff`.

/// Environment variable that chooses a defect.
pub const VARIABLE: &str = "WACHAT_PLANTED_BUG";

/// The meaning of `LOST`.
const LOST: &str = "does not start|promise 1|promise 2|promise 3|promise 6";

pub struct Bug {
    pub name: &'static str,
    pub what: &'static str,
    /// Number of the promise that it breaks (`tests/promises.md`); `None`: what `SECURITY.md` says.
    pub promise: Option<u8>,
    /// A part of the names of the tests that have to notice it.
    pub tests: &'static str,
    /// Parts of what these tests say, separated by `|`, of which one has to exist.
    pub reports: &'static str,
    /// The tests of the judge that fail with it; `None`: no client can see it.
    pub judge: Option<Judged>,
    pub changes: Vec<Change>,
}

/// Tests of `wachat judge`.
pub struct Judged {
    pub fail: Vec<&'static str>,
    /// Tests of random traffic, which may fail, too.
    pub may: Vec<&'static str>,
    /// Any others may fail, too: which requests the defect meets depends on numbers.
    pub others_may: bool,
}

/// A change of the source.
pub struct Change {
    pub file: &'static str,
    /// Lines that occur exactly once in the file, and those that come in their place.
    pub old: String,
    pub new: String,
}

/// Reads all defects.
pub fn bugs() -> Vec<Bug> {
    let (_explanation, bugs) = include_str!("bugs.diff").split_once("\n# ").expect("a defect");
    bugs.split("\n\n# ").map(parse_bug).collect()
}

fn parse_bug(text: &'static str) -> Bug {
    let (head, changes) = text.split_once("\n@@ ").unwrap_or_else(|| panic!("no change in {text}"));
    let mut head = head.lines();
    let name = head.next().unwrap_or_default();
    let what = head.next().unwrap_or_default();
    let mut value = |key: &str| {
        let line = head.next().and_then(|line| line.strip_prefix(key)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{name}: {key} is missing"))
    };
    let promise = match value("breaks") {
        "SECURITY.md" => None,
        text => Some(text.trim_start_matches("promise ").parse().expect("the number of a promise")),
    };
    let tests = value("noticed by");
    let reports = Some(value("reports")).filter(|reports| *reports != "LOST").unwrap_or(LOST);
    let judge = parse_judge(name, value("judge"));
    let changes = changes.split("\n@@ ").map(parse_change).collect();
    Bug { name, what, promise, tests, reports, judge, changes }
}

/// Reads the names of tests, or `none, ` and a reason.
fn parse_judge(name: &str, text: &'static str) -> Option<Judged> {
    if let Some(reason) = text.strip_prefix("none") {
        assert!(reason.len() > ", because".len(), "{name}: why can no client see it?");
        return None;
    }
    let names = text.strip_suffix(" ...");
    let (may, fail): (Vec<_>, _) = names.unwrap_or(text).split(' ').partition(|name| name.starts_with('('));
    let may = may.into_iter().map(|name| name.trim_matches(['(', ')'])).collect();
    Some(Judged { fail, may, others_may: names.is_some() })
}

fn parse_change(text: &'static str) -> Change {
    let (file, lines) = text.split_once('\n').expect("lines behind the name of a file");
    let mut old = String::new();
    let mut new = String::new();
    for line in lines.lines() {
        let (sign, line) = line.split_at_checked(1).unwrap_or((" ", ""));
        if sign != "+" {
            old.extend([line, "\n"]);
        }
        if sign != "-" {
            new.extend([line, "\n"]);
        }
    }
    Change { file, old, new }
}
