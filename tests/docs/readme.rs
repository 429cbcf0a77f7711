//! The README's sessions, played with the real programs: their output has to be as shown.
//!
//! Times, random names and ports differ from run to run, and are compared by their form.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Connection, NO_SETTINGS, PASSWORD, Terminal, World};
use tempfile::TempDir;
use wachat::client::app::commands;
use wachat::client::texts::Language;

/// Returns the lines of the README's block with this name.
fn block(name: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let start = format!("```console {name}\n");
    let block = readme.split_once(&start).and_then(|(_, rest)| rest.split_once("\n```"));
    let (text, _) = block.unwrap_or_else(|| panic!("the README has no block {name}"));
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Replaces everything that differs from run to run by a placeholder.
fn normal(line: &str) -> String {
    let mut words = Vec::new();
    for word in line.split_inclusive([';', ' ', '"']) {
        let bare = word.trim_end_matches([';', ' ', '"']);
        let time_of_day = bare.len() == 7 && bare.starts_with('[') && bare.ends_with(']');
        let time = bare.len() == 24 && bare.ends_with('Z') && bare.contains('T');
        // The name of a store, or a message id.
        let random = [16, 32].contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let address = bare.contains("127.0.0.1:");
        words.push(match (time_of_day, time, random, address) {
            (true, ..) => word.replace(bare, "[TIME]"),
            (_, true, ..) => word.replace(bare, "TIME"),
            (_, _, true, _) => word.replace(bare, "RANDOM"),
            (_, _, _, true) => word.replace(bare, "ADDRESS"),
            _ => word.to_owned(),
        });
    }
    words.concat().trim_end().to_owned()
}

#[test]
fn the_session_with_nc_looks_as_the_readme_shows_it() {
    let world = World::new(&[]);
    let mut lines = block("nc").into_iter().peekable();
    while let Some(command) = lines.next() {
        let typed = command.strip_prefix("$ printf '").unwrap_or_else(|| panic!("no command: {command}"));
        let (text, target) = typed.split_once("' | nc 127.0.0.1 ").unwrap_or_else(|| panic!("no nc: {command}"));
        let address = if target == "1666" { world.send } else { world.recv };
        let mut line = Connection::open(address);
        line.send(text.replace("\\n", "\n"));
        let mut said = line.read_rest();
        said.iter_mut().for_each(|line| *line = normal(line));
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            shown.push(normal(&line));
        }
        assert_eq!(said, shown, "{command}");
    }
}

#[test]
fn the_server_says_what_the_readme_shows() {
    let world = World::without_lobby();
    let [command, line] = <[String; 2]>::try_from(block("server")).expect("a command and a line");
    assert_eq!(command, "$ cargo run --release -- serve");
    let said = format!("wachat: listening send={} recv={} data=data", world.send, world.recv);
    assert_eq!(normal(&said), normal(&line));
}

/// Runs each command in a shell of its own; a server in the background is started at its line.
#[test]
fn the_session_in_a_shell_looks_as_the_readme_shows_it() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().to_path_buf();
    fs::create_dir(path.join("data")).expect("a directory");
    fs::write(path.join("data/roster.csv"), include_str!("../../data/roster.csv")).expect("a roster");
    let (mut world, mut directory, mut exports) = (None, Some(directory), String::new());
    let mut lines = block("shell").into_iter().peekable();
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}"));
        let shown: Vec<_> = std::iter::from_fn(|| lines.next_if(|line| !line.starts_with("$ "))).collect();
        if let Some(serve) = command.strip_suffix(" &") {
            let flags: Vec<_> = serve.strip_prefix("wachat serve ").expect("a server").split(' ').collect();
            world = Some(World::in_directory(directory.take().expect("one server"), &flags));
        } else if command.starts_with("export ") {
            exports = format!("{command}\n");
        } else {
            let said = run(&path, &format!("{exports}{command}"), world.as_ref());
            let normal = |text: &str| text.lines().map(normal).collect::<Vec<_>>();
            assert_eq!(normal(&said), normal(&shown.join("\n")), "{command}");
        }
    }
}

/// Runs a command in a shell, in that directory, with that server, and returns its output.
fn run(directory: &Path, command: &str, world: Option<&World>) -> String {
    let programs = Path::new(crate::support::WACHAT).parent().expect("a directory").to_path_buf();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&paths)));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(directory).env("PATH", paths.expect("a path")).env("HOME", directory);
    shell.env("WACHAT_HOME", directory.join("home")).env("WACHAT_CONFIG", NO_SETTINGS);
    if let Some(world) = world {
        shell.env("WACHAT_SEND_PORT", world.send.port().to_string());
        shell.env("WACHAT_RECV_PORT", world.recv.port().to_string());
    }
    let output = shell.output().expect("a shell");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_commands_are_those_that_the_client_knows() {
    // Outside of code, angle brackets are HTML in Markdown.
    let cell = |text: String| text.replace('<', "&lt;").replace('>', "&gt;");
    let rows = commands::lines(Language::En).map(|(form, help)| format!("| `{form}` | {} |", cell(help)));
    let table: Vec<_> = ["| typed | what it does |", "|---|---|"].map(str::to_owned).into_iter().chain(rows).collect();
    let readme = include_str!("../../README.md");
    let section = readme.split_once("\n## What can be typed\n").and_then(|(_, rest)| rest.split_once("\n## "));
    let (section, _) = section.expect("the section");
    let shown: Vec<_> = section.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(shown, table, "the README's table should be:\n{}\n", table.join("\n"));
}

#[test]
fn the_table_of_the_five_projects_names_existing_commands() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("\nFive course projects").and_then(|(_, rest)| rest.split_once("\n## "));
    let typed: Vec<_> = section.expect("the table").0.split('`').skip(1).step_by(2).collect();
    let verbs = typed.iter().filter_map(|typed| typed.split(' ').next()).filter(|word| word.starts_with(['/', '@']));
    let verbs: Vec<_> = verbs.filter(|word| *word != "@user:").collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    verbs.iter().for_each(|verb| assert!(commands::find(verb).is_some(), "there is no {verb}"));
}

/// One terminal of the session: its lines in the README, and the number of those played.
struct Player {
    terminal: Option<Terminal>,
    user: &'static str,
    lines: Vec<String>,
    played: usize,
    /// The bytes of the screen that were read.
    read: usize,
}

impl Player {
    fn new(user: &'static str) -> Self {
        Self { terminal: None, user, lines: block(user), played: 0, read: 0 }
    }

    fn next(&self) -> Option<&str> {
        self.lines.get(self.played).map(String::as_str)
    }

    /// Plays the next line if it is output that is on the screen.
    fn watch(&mut self) -> bool {
        let (Some(next), Some(terminal)) = (self.next(), &self.terminal) else { return false };
        if typed(next).is_some() {
            return false;
        }
        // The answer to a question stands behind it.
        let (wanted, typed) = match next.strip_suffix("[y/N] y") {
            Some(question) => (question, Some("y")),
            None if next.starts_with("password of") => (next, Some(PASSWORD)),
            None => (next, None),
        };
        let screen = terminal.screen();
        // The mark of a message changes in its place.
        if next.ends_with("✓✓ read") {
            let there = terminal.rows().iter().any(|row| normal(row) == normal(next));
            self.played += usize::from(there);
            return there;
        }
        let found = screen.get(self.read..).unwrap_or_default().split_inclusive('\n').scan(self.read, |at, line| {
            *at += line.len();
            Some((*at, line))
        });
        let found = found.filter(|(_, line)| normal(bare(line)).contains(normal(wanted).trim_end())).map(|(at, _)| at);
        match found.into_iter().next() {
            Some(at) => {
                self.read = at;
                if let Some(typed) = typed {
                    terminal.type_line(typed);
                }
            }
            None => return false,
        }
        self.played += 1;
        true
    }

    /// Plays the next line if it is input.
    fn act(&mut self, world: &World) -> bool {
        let Some(next) = self.next() else { return false };
        if let Some(command) = next.strip_prefix("$ ") {
            assert_eq!(command, format!("cargo run --release -- connect --user {} --plain", self.user));
            self.terminal = Some(Terminal::start_with_password(&world.arguments(self.user, &[]), None));
        } else if let (Some(typed), Some(terminal)) = (typed(next), &self.terminal) {
            terminal.type_line(typed);
        } else {
            return false;
        }
        self.played += 1;
        true
    }
}

/// Returns the input behind a prompt, which has no spaces in it: `> `, `#lobby> `.
fn typed(line: &str) -> Option<&str> {
    line.split_once("> ").filter(|(prompt, _)| !prompt.contains(' ')).map(|(_, typed)| typed)
}

/// Returns a line without its prompt and without cursor movements.
fn bare(line: &str) -> &str {
    let line = line.trim_end().rsplit(['\r', '\u{1b}']).next().unwrap_or_default().trim_start_matches("[J");
    typed(line).unwrap_or(line)
}

/// Checks that a player may go on: a login waits until the players before are connected, and a `/quit` until the others
/// have seen all output that this user causes.
fn has_its_time(players: &[Player], who: usize) -> bool {
    let next = players[who].next().unwrap_or_default();
    let others = players.iter().enumerate().filter(|(index, _)| *index != who).map(|(_, player)| player);
    if next.starts_with("$ ") {
        let is_there =
            |player: &Player| player.lines.iter().take(player.played).any(|line| line.contains("connected to"));
        return players.iter().take(who).all(is_there);
    }
    let quits = |line: &str| typed(line) == Some("/quit");
    if quits(next) {
        return others.map(Player::next).all(|next| next.is_none_or(|line| quits(line) || line.ends_with("offline")));
    }
    true
}

#[test]
fn the_chat_looks_as_the_readme_shows_it() {
    let world = World::new(&[]);
    let mut players = [Player::new("luis"), Player::new("ana")];
    let mut last = Instant::now();
    while players.iter().any(|player| player.next().is_some()) {
        let watched = players.iter_mut().any(Player::watch);
        let acted = (0..players.len()).any(|who| has_its_time(&players, who) && players[who].act(&world));
        if watched || acted {
            last = Instant::now();
            continue;
        }
        let screens = || players.iter().map(|p| (p.next(), p.terminal.as_ref().map(Terminal::screen)));
        let stuck = last.elapsed() > crate::support::TIMEOUT;
        assert!(!stuck, "the README and the screens differ:\n{:#?}", screens().collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(5));
    }
    for player in &mut players {
        assert_eq!(player.terminal.as_mut().and_then(Terminal::wait_for_exit), Some(0), "{} leaves", player.user);
    }
}
