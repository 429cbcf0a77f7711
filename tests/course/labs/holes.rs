//! The exercises of the programs, from `TODO n` to `END n`, and `start.sh`, which writes a program with open exercises.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{CLIENTS, SERVERS, path, read};

/// Runs a `start.sh` in a directory.
fn run(script: &Path, directory: &Path, arguments: &[&str]) -> Output {
    Command::new("sh").arg(script).args(arguments).current_dir(directory).output().unwrap()
}

/// Writes a program of the labs into a directory, with these exercises done. Returns its path.
pub fn start(file: &str, done: &[usize], directory: &Path) -> PathBuf {
    let done: Vec<_> = done.iter().map(usize::to_string).collect();
    let mut arguments = vec![file];
    arguments.extend(done.iter().map(String::as_str));
    let output = run(&path("start.sh"), directory, &arguments);
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout.is_empty(), "{output:?}");
    directory.join(file.rsplit('/').next().unwrap())
}

/// Returns the text of a program with these exercises done.
fn text(file: &str, done: &[usize]) -> String {
    let directory = tempfile::tempdir().unwrap();
    std::fs::read_to_string(start(file, done, directory.path())).unwrap()
}

/// Returns the rest of a line after a mark, if this line is one: a comment that begins with it.
fn mark<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let comment = line.trim_start();
    let comment = ["# ", "// ", "/* "].iter().find_map(|start| comment.strip_prefix(start))?;
    comment.strip_prefix(word)
}

/// Returns the numbers of the marks in a text, in order, negative ones for the ends.
fn marks(text: &str) -> Vec<i32> {
    let number = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<i32>().unwrap();
    let of_line = |line: &str| mark(line, "TODO ").map(number).or_else(|| mark(line, "END ").map(|rest| -number(rest)));
    text.lines().filter_map(of_line).collect()
}

fn programs() -> impl Iterator<Item = (&'static str, usize)> {
    CLIENTS.iter().map(|file| (*file, 6)).chain(SERVERS.iter().map(|file| (*file, 10)))
}

#[test]
fn each_exercise_has_a_begin_an_end_and_something_to_do() {
    for (file, exercises) in programs() {
        let all: Vec<_> = (1..=exercises).collect();
        let solution = text(file, &all);
        let marks = marks(&solution);
        assert!(marks.chunks(2).all(|pair| pair.len() == 2 && pair[0] > 0 && pair[0] == -pair[1]), "{file}: {marks:?}");
        let numbers: BTreeSet<_> = marks.into_iter().filter_map(|mark| usize::try_from(mark).ok()).collect();
        assert_eq!(numbers, (1..=exercises).collect(), "{file}");
        for open in &all {
            let done: Vec<_> = all.iter().copied().filter(|exercise| exercise != open).collect();
            assert_ne!(text(file, &done), solution, "{file}: exercise {open}");
        }
    }
}

/// A solution whose exercises show each form of a line.
const SOLUTION: &str = "\
a
    # TODO 1 (section 2): one
    #- given
    #-     deeper
#-
    #-
    solved #- with 'quotes' and \\n

    # END 1
\t/* TODO 12 */
\t//- \tgiven \\n
\t// solved
\t/* END 12 */
#- outside
";

#[test]
fn the_script_writes_what_is_given_in_open_exercises_and_the_solution_in_the_others() {
    let labs = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(labs.path().join("solutions/c")).unwrap();
    std::fs::write(labs.path().join("solutions/c/a.c"), SOLUTION).unwrap();
    let script = labs.path().join("start.sh");
    std::fs::copy(path("start.sh"), &script).unwrap();
    let begin = "a\n    # TODO 1 (section 2): one\n";
    let middle = "    # END 1\n\t/* TODO 12 */\n";
    let end = "\t/* END 12 */\n#- outside\n";
    let given = ["    given\n        deeper\n\n\n", "\t\tgiven \\n\n"];
    let solved = ["    solved #- with 'quotes' and \\n\n\n", "\t// solved\n"];
    for (done, one, twelve) in [
        (&[][..], given[0], given[1]),
        (&["1"], solved[0], given[1]),
        (&["12"], given[0], solved[1]),
        (&["2", "12", "1"], solved[0], solved[1]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let output = run(&script, directory.path(), &[&["c/a.c"], done].concat());
        assert!(output.status.success(), "{output:?}");
        let written = std::fs::read_to_string(directory.path().join("a.c")).unwrap();
        assert_eq!(written, format!("{begin}{one}{middle}{twelve}{end}"), "{done:?}");
    }
}

#[test]
fn the_script_never_overwrites_a_file_and_names_the_programs() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("client.py"), "mine").unwrap();
    assert!(!run(&path("start.sh"), directory.path(), &["python/client.py"]).status.success());
    assert_eq!(std::fs::read_to_string(directory.path().join("client.py")).unwrap(), "mine");
    for arguments in [&[][..], &["client.py"], &["python"]] {
        let output = run(&path("start.sh"), directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(programs().all(|(file, _)| said.lines().any(|line| line == file)), "{said}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_hole_says_the_same_in_each_language() {
    let holes = |file: &str| {
        let text = read(&format!("solutions/{file}"));
        let marks = text.lines().filter_map(|line| mark(line, "TODO "));
        marks.map(|rest| rest.trim_end_matches([' ', '*', '/']).to_lowercase()).collect::<Vec<_>>()
    };
    CLIENTS.iter().for_each(|file| assert_eq!(holes(file), holes(CLIENTS[0]), "{file}"));
}

#[test]
fn no_line_is_longer_than_a_page_is_wide() {
    for (file, _) in programs() {
        let text = read(&format!("solutions/{file}"));
        let long = text.lines().find(|line| line.chars().count() > 120);
        assert_eq!(long, None, "{file}");
    }
}
