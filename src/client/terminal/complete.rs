//! Completion: the Tab key replaces the word before the cursor by a command, a user, a room or an emoji, and repeated
//! by the next one.

use crate::client::app::commands::{self, COMMANDS};
use crate::client::state::ClientState;
use crate::model::{RoomName, Target, UserName};

/// Messages of a conversation whose senders are names for the Tab key.
const SPEAKER_ROWS: usize = 100;

/// The emoji, each on a line with its names as GitHub has them, as in `:tada:`.
const EMOJI: &str = include_str!("emoji.txt");

/// Most candidates of a word.
const CANDIDATES: usize = 500;

/// The names that a word may be completed to, the likeliest first.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub users: Vec<String>,
    /// The rooms, each with its `#`.
    pub rooms: Vec<String>,
}

impl Names {
    /// Returns the conversations of a client and those who speak in them, the latest first.
    pub fn of(state: &ClientState) -> Self {
        let mut names = Self::default();
        for target in state.targets() {
            let users = match target {
                Target::User(user) => vec![user.clone()],
                Target::Room(room) => {
                    names.rooms.push(room.to_string());
                    state.speakers(target, SPEAKER_ROWS)
                }
            };
            for user in users.iter().filter(|user| *user != state.me()).map(UserName::to_string) {
                if !names.users.contains(&user) {
                    names.users.push(user);
                }
            }
        }
        names
    }

    /// Adds rooms after those that there are.
    pub fn with_rooms<'a>(mut self, rooms: impl Iterator<Item = &'a RoomName>) -> Self {
        let named: Vec<_> = rooms.map(RoomName::to_string).filter(|name| !self.rooms.contains(name)).collect();
        self.rooms.extend(named);
        self
    }
}

/// A completion: the number of `char`s before the cursor that are removed, and the text that is inserted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub remove: usize,
    pub insert: String,
}

/// The candidates for the last word that was completed.
#[derive(Debug, Default)]
pub struct Completer {
    candidates: Vec<String>,
    /// The candidate in the text, and the whole text before the cursor with it.
    shown: Option<(usize, String)>,
}

impl Completer {
    /// Completes the last word of `before`, the line up to the cursor. If `before` ends with the last candidate, the next
    /// one takes its place.
    pub fn complete(
        &mut self,
        before: &str,
        is_first_line: bool,
        names: impl FnOnce() -> Names,
        backwards: bool,
    ) -> Option<Completion> {
        let (remove, number) = match self.shown.take().filter(|(_, text)| text == before) {
            Some((number, _)) => (self.candidates.get(number)?.chars().count(), self.after(number, backwards)),
            None => {
                let word = word(before);
                self.candidates = candidates(before, word, is_first_line, &names());
                (word.chars().count(), if backwards { self.candidates.len().checked_sub(1)? } else { 0 })
            }
        };
        let insert = self.candidates.get(number)?.clone();
        let kept: String = before.chars().take(before.chars().count().saturating_sub(remove)).collect();
        self.shown = Some((number, kept + &insert));
        Some(Completion { remove, insert })
    }

    fn after(&self, number: usize, backwards: bool) -> usize {
        let count = self.candidates.len().max(1);
        if backwards { (number + count - 1) % count } else { (number + 1) % count }
    }
}

/// Returns the last word of a line: what is after the last space.
fn word(before: &str) -> &str {
    before.rsplit(char::is_whitespace).next().unwrap_or_default()
}

fn candidates(before: &str, word: &str, is_first_line: bool, names: &Names) -> Vec<String> {
    let starts_line = is_first_line && word.len() == before.len();
    let is_command = is_first_line && before.starts_with('/');
    let mut found = match word.chars().next() {
        Some('/') if starts_line => commands(word),
        Some('@') if starts_line => [matching(word, "@", &names.users, ": "), commands(word)].concat(),
        Some('@') => matching(word, "@", &names.users, " "),
        Some('#') => matching(word, "", &names.rooms, " "),
        Some(':') => emoji(word),
        None if !is_command => Vec::new(),
        _ if is_command => [matching(word, "", &names.users, " "), rooms_without_sign(word, names)].concat(),
        _ => matching(word, "", &names.users, " "),
    };
    found.truncate(CANDIDATES);
    found
}

fn begins(name: &str, word: &str) -> bool {
    name.to_lowercase().starts_with(&word.to_lowercase())
}

/// Returns the commands that begin so; another name of one only where no command does.
fn commands(word: &str) -> Vec<String> {
    let verbs = COMMANDS.iter().map(|row| row.verb).filter(|verb| begins(verb, word));
    let found: Vec<_> = verbs.map(|verb| format!("{verb} ")).collect();
    if !found.is_empty() {
        return found;
    }
    let all = COMMANDS.iter().flat_map(commands::names);
    all.filter(|name| begins(name, word)).map(|name| format!("{name} ")).collect()
}

fn matching(word: &str, sign: &str, names: &[String], end: &str) -> Vec<String> {
    let named = names.iter().map(|name| format!("{sign}{name}"));
    named.filter(|name| begins(name, word)).map(|name| name + end).collect()
}

fn rooms_without_sign(word: &str, names: &Names) -> Vec<String> {
    matching(&format!("#{word}"), "", &names.rooms, " ")
}

/// Returns the emoji whose names begin so, the shortest names first.
fn emoji(word: &str) -> Vec<String> {
    let typed = word.trim_matches(':');
    if typed.chars().count() < 2 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for line in EMOJI.lines() {
        let (emoji, names) = line.split_once(' ').unwrap_or((line, ""));
        let fitting = names.split(' ').filter(|name| begins(name, typed));
        if let Some(length) = fitting.map(str::len).min() {
            found.push((length, emoji.to_owned()));
        }
    }
    found.sort_by_key(|(length, _)| *length);
    found.into_iter().map(|(_, emoji)| emoji).collect()
}
