//! The tests as they stand in their files: which there are, in which order, and which of them a run plays.

use wachat::course::judge::script::{self, Group, Side, Test};
use wachat::course::judge::step::server::ConnectionAction;
use wachat::course::judge::step::{ServerAction, Steps};

use super::test;

const LABS: [&str; 9] = ["framing", "login", "send", "poll", "states", "idempotence", "time-outs", "crash", "rooms"];

/// Returns the groups of servers: those of the labs, and those of what a server need not have.
fn servers() -> Vec<&'static str> {
    LABS.into_iter().chain([script::DEVICES, script::CALLS, script::OWNERS, script::ERASE, script::NAMES]).collect()
}

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
    let needs = test.needs.map_or(String::new(), |name| format!("needs {name}\n"));
    let alone = if test.alone { "alone\n" } else { "" };
    head + &needs + alone + &lines(&test.steps).iter().map(|line| format!("{line}\n")).collect::<String>()
}

/// Returns the lines of steps, as their file has them.
fn lines(steps: &Steps) -> Vec<String> {
    let steps = match steps {
        Steps::Client(steps) => return steps.iter().map(|step| step.text.to_owned()).collect(),
        Steps::Server(steps) => steps,
    };
    let mut lines = Vec::new();
    for step in steps {
        lines.push(step.text.to_owned());
        if let ServerAction::On(name, ConnectionAction::ExpectEvents { patterns, .. }) = &step.action {
            lines.extend(patterns.iter().map(|pattern| format!("{name} * {pattern}")));
        }
    }
    lines
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
    let clients = LABS.map(|name| format!("client-{name}"));
    let names: Vec<_> = script::groups().iter().map(|group| group.name).collect();
    assert_eq!(names, servers().into_iter().chain(clients.iter().map(String::as_str)).collect::<Vec<_>>());
    for group in script::groups() {
        let side = if group.name.starts_with("client-") { Side::Client } else { Side::Server };
        for (test, place) in group.tests.iter().zip(1..) {
            assert_eq!(
                (test.steps.side(), test.group, &*test.name),
                (side, group.name, &*format!("{}-{place}", group.name))
            );
        }
        assert_eq!(group.side, side);
    }
    let numbers: Vec<_> = script::all().map(|test| test.number).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
}

#[test]
fn a_test_needs_one_of_its_group_that_needs_none() {
    let mut count = 0;
    for test in script::all() {
        let Some(name) = test.needs else { continue };
        let needed = script::all().find(|other| other.name == name).unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!((needed.group, needed.needs), (test.group, None), "{}", test.name);
        count += 1;
    }
    assert!(count > 10, "{count}");
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
    assert_eq!(chosen(Some(Side::Server), &[]), Ok(of(&servers())));
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
    let servers = servers().join(", ");
    let clients = LABS.map(|name| format!("client-{name}")).join(", ");
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
        ("users ana luis\ncrashes devices", true),
        ("restart\nusers ana", true),
        ("A > restart", false),
        ("new restart", false),
    ] {
        assert_eq!(test(Side::Server, steps).restarts(), restarts, "{steps}");
    }
    for test in script::all() {
        let written = written(test);
        let restarts = written.lines().any(|line| line == "restart" || line == "crashes" || line == "crashes devices");
        assert_eq!(test.restarts(), restarts, "{}", test.name);
    }
}

/// A file with one test that has this step, in its fifth line.
fn parse(side: Side, step: &str) -> Result<Group, String> {
    let text = format!("# A group\n\ntest A title\nwait 1\n  {step}\n");
    Group::parse(side, "group", "tests/group.txt", Box::leak(text.into_boxed_str()), &mut 0)
}

#[test]
fn a_line_that_is_no_step_is_refused_with_its_file_and_line_before_anything_is_played() {
    for (step, part) in [
        ("A jump", "jump"),
        ("A", ""),
        ("A open HERE", "HERE"),
        ("A login RECV", "RECV"),
        ("A login HERE ana", "HERE"),
        ("A long> many", "many"),
        ("A flood 3 PING", "3 PING"),
        ("A flood x> PING", "x"),
        ("A silent long", "long"),
        ("A within 5 < OK", "5"),
        ("A within 5 OK", "5 OK"),
        ("A within x 5 < OK", "x"),
        ("A within 5 x < OK", "x"),
        ("A last 0 OK", "0 OK"),
        ("A * 1;MSG;...", "1;MSG;..."),
        ("check <a>", "<a>"),
        ("check <a> < <b> < 9", "<a> < <b> < 9"),
        ("wait long", "long"),
        ("repeat x A < OK", "x"),
        ("repeat 2", "2"),
        ("repeat 2 A jump", "jump"),
    ] {
        let why = format!("tests/group.txt, line 5: {part:?} is no step of these tests, and no part of one");
        assert_eq!(parse(Side::Server, step).err(), Some(why), "{step}");
    }
    for (step, part) in [
        ("jump", "jump"),
        ("end", "end"),
        ("exit 1", "1"),
        ("login HERE", "HERE"),
        ("event <a>", "<a>"),
        ("unread luis", "luis"),
        ("write badly", "badly"),
        ("connections 1 2 for 300", "1 2 for 300"),
        ("connections 1 x in 300", "x"),
        ("differ <id>", "<id>"),
        ("SEND", ""),
        ("SEND jump", "jump"),
        ("SEND silent long", "long"),
        ("SEND within 5 < SEND", "5"),
        ("users ana", "users ana"),
    ] {
        let why = format!("tests/group.txt, line 5: {part:?} is no step of these tests, and no part of one");
        assert_eq!(parse(Side::Client, step).err(), Some(why), "{step}");
    }
    let early = Group::parse(Side::Server, "group", "tests/group.txt", "# A group\nwait 1\ntest A title\n", &mut 0);
    assert_eq!(early.err().as_deref(), Some("tests/group.txt, line 2: there is no test yet"));
}
