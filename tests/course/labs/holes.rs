//! The exercises of the programs: what stands between `TODO n` and `END n`.

use std::collections::BTreeSet;

use super::{CLIENTS, SERVERS, read};

/// Lines of a program, and the number of the exercise whose hole they fill.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub hole: Option<usize>,
    pub text: String,
}

/// Returns the number behind a mark, if this line is one: a comment that begins with it.
fn mark(line: &str, word: &str) -> Option<usize> {
    let comment = line.trim_start();
    let comment = ["# ", "// ", "/* "].iter().find_map(|start| comment.strip_prefix(start))?;
    let digits = comment.strip_prefix(word)?.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Cuts a program into its parts. The lines with the marks belong to the parts around the hole.
pub fn parts(text: &str) -> Vec<Part> {
    let mut parts = vec![Part { hole: None, text: String::new() }];
    for line in text.lines() {
        if let Some(hole) = mark(line, "END ") {
            assert_eq!(parts.last().and_then(|part| part.hole), Some(hole), "{line}");
            parts.push(Part { hole: None, text: String::new() });
        }
        if let Some(part) = parts.last_mut() {
            part.text += &format!("{line}\n");
        }
        if let Some(hole) = mark(line, "TODO ") {
            assert_eq!(parts.last().and_then(|part| part.hole), None, "{line}");
            parts.push(Part { hole: Some(hole), text: String::new() });
        }
    }
    parts
}

/// Returns a starter with these holes filled as in the solution.
pub fn filled(starter: &str, solution: &str, holes: &[usize]) -> String {
    let pairs = parts(&read(starter)).into_iter().zip(parts(&read(solution)));
    pairs
        .map(|(start, end)| if end.hole.is_some_and(|hole| holes.contains(&hole)) { end.text } else { start.text })
        .collect()
}

fn assert_differ_in_holes_only(starter: &str, solution: &str, holes: usize) {
    let start = parts(&read(starter));
    let end = parts(&read(solution));
    assert_eq!(start.len(), end.len(), "{starter}: as many parts as in {solution}");
    for (start, end) in start.iter().zip(&end) {
        assert_eq!(start.hole, end.hole, "{starter}: the same holes as in {solution}");
        assert_eq!(start.text == end.text, start.hole.is_none(), "{starter}, {:?}:\n{}", start.hole, start.text);
    }
    let numbers: BTreeSet<_> = start.iter().filter_map(|part| part.hole).collect();
    assert_eq!(numbers, (1..=holes).collect(), "{starter}");
}

#[test]
fn each_solution_is_its_starter_with_the_holes_filled() {
    for file in CLIENTS {
        assert_differ_in_holes_only(&format!("starters/{file}"), &format!("solutions/{file}"), 6);
    }
    for file in SERVERS {
        assert_differ_in_holes_only(&format!("skeletons/{file}"), &format!("solutions/{file}"), 10);
    }
}

#[test]
fn a_hole_says_the_same_in_each_language() {
    let holes = |file: &&str| {
        let text = read(&format!("starters/{file}"));
        let marks = text.lines().filter(|line| mark(line, "TODO ").is_some());
        let sentence = |line: &str| {
            line.split_once("TODO ").map(|(_, rest)| rest.trim_end_matches([' ', '*', '/']).to_lowercase())
        };
        marks.filter_map(sentence).collect::<Vec<_>>()
    };
    CLIENTS.iter().for_each(|file| assert_eq!(holes(file), holes(&CLIENTS[0]), "{file}"));
}

#[test]
fn no_line_is_longer_than_a_page_is_wide() {
    let of = |folders: [&'static str; 2], files: &'static [&'static str]| {
        folders.into_iter().flat_map(move |folder| files.iter().map(move |file| format!("{folder}/{file}")))
    };
    for name in of(["starters", "solutions"], &CLIENTS).chain(of(["skeletons", "solutions"], &SERVERS)) {
        let text = read(&name);
        let long = text.lines().find(|line| line.chars().count() > 120);
        assert_eq!(long, None, "{name}");
    }
}
