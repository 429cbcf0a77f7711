//! The tests as they stand in their files: which there are, in which order, and which of them a run plays.

use wachat::course::judge::script::{self, Group, Side, Test};

use super::test;

const SERVERS: [&str; 9] = ["framing", "login", "send", "poll", "states", "idempotence", "rooms", "time-outs", "crash"];

/// Returns the text of the file of a group.
fn file(group: &Group) -> String {
    let (folder, name) = match group.name.strip_prefix("client-") {
        Some(name) => ("clients", name),
        None => ("tests", group.name),
    };
    let path = format!("{}/src/course/judge/{folder}/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).expect(&path)
}

/// Returns a test as its file has it.
fn written(test: &Test) -> String {
    let head = format!("test {}\nclause {}\nusual {}\n", test.title, test.clause, test.usual);
    head + &test.steps.iter().map(|step| format!("{step}\n")).collect::<String>()
}

#[test]
fn the_tests_are_those_of_the_files_with_all_of_their_lines() {
    for group in script::groups() {
        let tests: Vec<_> = group.tests.iter().map(written).collect();
        assert_eq!(format!("# {}\n\n{}", group.title, tests.join("\n")), file(group), "{}", group.name);
    }
}

/// Returns the number of the first section of the protocol with this sentence.
fn section_with(clause: &str) -> Option<String> {
    let page = include_str!("../../../src/protocol/protocol.md");
    let sections: Vec<_> = page.split("\n## ").skip(1).collect();
    let words = |text: &str| text.replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ");
    let section = sections.iter().find(|section| words(section).contains(&words(clause)))?;
    section.split('.').next().map(str::to_owned)
}

#[test]
fn each_clause_is_a_sentence_of_the_section_that_is_named() {
    for test in script::all() {
        assert_eq!(section_with(test.clause).as_ref(), Some(&test.section), "{}: {}", test.name, test.clause);
    }
}

#[test]
fn groups_and_tests_have_their_names_and_numbers_in_the_order_of_the_labs() {
    let clients = SERVERS.map(|name| format!("client-{name}"));
    let names: Vec<_> = script::groups().iter().map(|group| group.name).collect();
    assert_eq!(names, SERVERS.iter().copied().chain(clients.iter().map(String::as_str)).collect::<Vec<_>>());
    for group in script::groups() {
        let side = if group.name.starts_with("client-") { Side::Client } else { Side::Server };
        for (test, place) in group.tests.iter().zip(1..) {
            assert_eq!((test.side, test.group, &*test.name), (side, group.name, &*format!("{}-{place}", group.name)));
        }
        assert_eq!(group.side, side);
    }
    let numbers: Vec<_> = script::all().map(|test| test.number).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
}

/// Returns the names of the tests that are chosen.
fn chosen(side: Option<Side>, only: &[&str]) -> Result<Vec<String>, String> {
    let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
    Ok(script::select(side, &only)?.iter().map(|test| test.name.clone()).collect())
}

/// Returns the names of all tests of these groups.
fn of(groups: &[&str]) -> Vec<String> {
    script::all().filter(|test| groups.contains(&test.group)).map(|test| test.name.clone()).collect()
}

#[test]
fn a_run_plays_the_groups_and_tests_that_it_is_asked_for_once_and_in_order() {
    let all: Vec<_> = script::all().map(|test| test.name.clone()).collect();
    assert_eq!(chosen(None, &[]).as_ref(), Ok(&all));
    assert_eq!(chosen(Some(Side::Server), &[]), Ok(of(&SERVERS)));
    assert_eq!(
        chosen(Some(Side::Client), &[]),
        Ok(all.iter().filter(|name| name.starts_with("client-")).cloned().collect())
    );
    for side in [None, Some(Side::Server)] {
        assert_eq!(chosen(side, &["login"]), Ok(of(&["login"])));
        assert_eq!(chosen(side, &["poll", "framing", "poll-2"]), Ok(of(&["framing", "poll"])));
        assert_eq!(chosen(side, &["send-2", "login-1"]), Ok(vec!["login-1".to_owned(), "send-2".to_owned()]));
        assert_eq!(chosen(side, &["framing-1"]), Ok(vec!["framing-1".to_owned()]), "and no framing-10");
    }
    assert_eq!(chosen(Some(Side::Client), &["client-crash"]), Ok(of(&["client-crash"])));
    assert_eq!(chosen(None, &["client-login", "login"]), Ok(of(&["login", "client-login"])));
}

#[test]
fn what_there_is_not_on_this_side_is_refused_with_the_groups_of_this_side() {
    let servers = SERVERS.join(", ");
    let clients = SERVERS.map(|name| format!("client-{name}")).join(", ");
    for (side, only, groups) in [
        (Some(Side::Server), "client-framing", servers.clone()),
        (Some(Side::Server), "client-framing-1", servers.clone()),
        (Some(Side::Client), "framing", clients.clone()),
        (Some(Side::Client), "client-framing-99", clients.clone()),
        (None, "framing-0", format!("{servers}, {clients}")),
        (None, "", format!("{servers}, {clients}")),
        (None, "Framing", format!("{servers}, {clients}")),
    ] {
        let why = format!("there is no test and no group {only:?}; the groups are {groups}");
        assert_eq!(
            chosen(
                side,
                &["login", only]
                    .map(|name| if side == Some(Side::Client) {
                        name.replace("login", "client-login")
                    } else {
                        name.to_owned()
                    })
                    .each_ref()
                    .map(|name| &**name)
            ),
            Err(why)
        );
    }
}

#[test]
fn a_test_restarts_when_one_of_its_steps_is_a_restart() {
    for (steps, restarts) in [
        ("users ana", false),
        ("users ana\nrestart", true),
        ("users ana luis\ncrashes", true),
        ("restart\nusers ana", true),
        ("A > restart", false),
        ("new restart", false),
    ] {
        assert_eq!(test(Side::Server, steps).restarts(), restarts, "{steps}");
    }
    for test in script::all() {
        let written = written(test);
        let restarts = written.lines().any(|line| line == "restart" || line == "crashes");
        assert_eq!(test.restarts(), restarts, "{}", test.name);
    }
}
