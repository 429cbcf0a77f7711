//! The hand-outs: English and Spanish are the same lab, and what they name exists.

use std::collections::BTreeMap;
use std::path::Path;

use wachat::course::chaos;
use wachat::course::judge::points::Points;
use wachat::course::judge::script;

use super::{path, read};

const LABS: [&str; 8] = [
    "1-speak.md",
    "2-framing.md",
    "3-client.md",
    "4-server.md",
    "5-retries.md",
    "6-durable-log.md",
    "7-clocks.md",
    "8-room.md",
];

/// The parts that are the same in each language.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    sections: usize,
    /// The numbers of steps and questions, in order.
    steps: Vec<String>,
    /// Commands and their output.
    blocks: Vec<String>,
    /// Names and commands between backquotes, sorted.
    quoted: Vec<String>,
    /// Numbers of the line with time and points.
    points: Vec<String>,
}

fn outside_blocks(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

fn quoted(text: &str) -> Vec<String> {
    let outside = outside_blocks(text);
    outside.split('`').skip(1).step_by(2).map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn form(text: &str) -> Form {
    let outside = outside_blocks(text);
    let step =
        |line: &str| line.split_once(". ").map(|(number, _)| number.to_owned()).filter(|n| n.parse::<u8>().is_ok());
    let mut names = quoted(text);
    names.sort();
    let head = text.lines().nth(2).unwrap_or_default();
    let numbers = head.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    Form {
        sections: outside.lines().filter(|line| line.starts_with("## ")).count(),
        steps: outside.lines().filter_map(step).collect(),
        blocks: text.split("```").skip(1).step_by(2).map(str::to_owned).collect(),
        quoted: names,
        points: numbers.map(str::to_owned).collect(),
    }
}

#[test]
fn both_languages_are_the_same_lab() {
    for lab in LABS {
        let [english, spanish] = ["en", "es"].map(|language| form(&read(&format!("{language}/{lab}"))));
        assert_eq!(english, spanish, "{lab}");
        assert!(english.sections == 6 && english.steps.len() >= 9, "{lab}: {english:?}");
    }
    for language in ["en", "es"] {
        assert_eq!(std::fs::read_dir(path(language)).unwrap().count(), LABS.len(), "{language}");
    }
}

#[test]
fn a_hand_out_has_one_to_three_pages() {
    for lab in LABS {
        for language in ["en", "es"] {
            let lines = read(&format!("{language}/{lab}")).lines().count();
            assert!((45..=110).contains(&lines), "{language}/{lab}: {lines} lines");
        }
    }
}

fn pages() -> impl Iterator<Item = (String, String)> {
    let names = ["en", "es"].into_iter().flat_map(|language| LABS.map(|lab| format!("{language}/{lab}")));
    names.chain(["README.md", "instructor.md"].map(str::to_owned)).map(|name| (name.clone(), read(&name)))
}

#[test]
fn the_files_that_they_name_exist() {
    let mut count = 0;
    for (page, text) in pages() {
        let names = quoted(&text);
        let names = names.iter().map(|name| name.strip_prefix("./").unwrap_or(name));
        for name in names.filter(|name| !name.contains(' ')) {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            if ["src/", "tests/", "examples/"].iter().any(|start| name.starts_with(start)) {
                assert!(root.join(name).exists(), "{page}: there is no {name}");
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count}");
}

/// Returns the groups of the judge that the table of the labs has for each lab.
fn groups_of_labs() -> Vec<Vec<String>> {
    let readme = read("README.md");
    let rows = readme.lines().filter(|line| line.contains("](en/"));
    rows.map(|row| quoted(row.rsplit('|').nth(1).unwrap())).collect()
}

#[test]
fn the_judge_knows_what_they_let_it_play() {
    for (lab, groups) in LABS.iter().zip(groups_of_labs()) {
        let text = read(&format!("en/{lab}"));
        let judge = text.split("\n## Judge\n").nth(1).unwrap();
        let commands = judge.lines().filter(|line| line.starts_with("wachat judge"));
        let only: Vec<_> =
            commands.map(|line| line.split(" --only ").nth(1).unwrap().split(' ').next().unwrap()).collect();
        let mut names: Vec<_> = only.iter().flat_map(|only| only.split(',')).map(str::to_owned).collect();
        assert!(!names.is_empty(), "{lab}");
        script::select(None, &names).unwrap_or_else(|error| panic!("{lab}: {error}"));
        if !groups.is_empty() {
            let mut groups = groups;
            names.sort();
            groups.sort();
            assert_eq!(names, groups, "{lab}");
        }
    }
}

#[test]
fn the_points_are_those_of_the_hand_outs() {
    let text = read("points.toml");
    Points::parse(&text).unwrap();
    let rows = text.lines().filter_map(|line| line.split_once(" = "));
    let points: BTreeMap<_, u32> = rows.map(|(group, points)| (group.to_owned(), points.parse().unwrap())).collect();
    assert!(script::groups().iter().all(|group| points.contains_key(group.name)), "{points:?}");
    let mut sum = 0;
    for (lab, groups) in LABS.iter().zip(groups_of_labs()) {
        let head = read(&format!("en/{lab}")).lines().nth(2).unwrap().to_owned();
        let all: u32 = groups.iter().map(|group| points[group]).sum();
        if groups.is_empty() {
            assert!(head.ends_with("Points: 10, by hand."), "{lab}: {head}");
            sum += 10;
            continue;
        }
        assert!(head.contains(&format!("Points: {all} (")), "{lab}: {head}");
        let each = |group: &String| head.contains(&format!("`{group}` {}", points[group])) || groups.len() == 1;
        assert!(groups.iter().all(each), "{lab}: {head}");
        sum += all;
    }
    assert_eq!(sum, 100);
}

#[test]
fn the_exercises_that_they_name_are_those_of_the_programs() {
    let holes = |name: &str| (1..=10).filter(|hole| name == format!("TODO {hole}")).count();
    let named: usize =
        LABS.iter().map(|lab| quoted(&read(&format!("en/{lab}"))).iter().map(|name| holes(name)).sum::<usize>()).sum();
    assert!(named > 15, "{named}");
    for (lab, hole) in [
        (2, 1),
        (2, 2),
        (3, 3),
        (3, 5),
        (4, 3),
        (4, 4),
        (4, 5),
        (4, 6),
        (5, 4),
        (5, 7),
        (5, 8),
        (6, 6),
        (6, 9),
        (8, 10),
    ] {
        assert!(
            quoted(&read(&format!("en/{}", LABS[lab - 1]))).contains(&format!("TODO {hole}")),
            "lab {lab}: TODO {hole}"
        );
    }
}

#[test]
fn the_rules_for_the_proxy_are_rules() {
    let names = quoted(&read("en/5-retries.md"));
    let rules: Vec<_> =
        names.iter().filter(|name| ["reset at ", "delay ", "cut "].iter().any(|verb| name.starts_with(verb))).collect();
    assert_eq!(rules.len(), 3);
    rules.iter().for_each(|rule| _ = chaos::parse(rule).unwrap_or_else(|error| panic!("{rule}: {error}")));
}
