//! The whole screen of the line mode, in a real terminal, beside a model: lines that scroll, and below them the prompt
//! with what is being written, and the cursor. After every key and every message each row is as expected.

use crate::client::sketch::lines::{cells, rows_of_input, rows_of_line};
use crate::support::random::Random;
use crate::support::{Connection, PASSWORD, Terminal, WACHAT, World};

const PROMPT: &str = "#lobby> ";
const WORDS: [&str; 9] = ["uno", "dos", "tres", "cuatro", "y", "日本語", "catorce", "esternocleidomastoideo", "fin"];
/// Most cells of a mark, for which there is room after a message.
const MARK: usize = 7;

struct Life {
    ana: Terminal,
    luis: Connection,
    random: Random,
    size: [usize; 2],
    /// The rows that were written since the screen was cleared.
    rows: Vec<String>,
    /// Most rows that the block had since then: where it was, nothing is.
    tallest: usize,
    input: String,
    sent: Vec<String>,
    number: u64,
    steps: Vec<String>,
}

impl Life {
    fn begin(world: &World, size: [u16; 2], seed: u64) -> Self {
        let ana = Terminal::start_program(WACHAT, &world.arguments("ana", &[]), Some(PASSWORD), &[], size);
        ana.expect("nobody else");
        let random = Random::new(seed);
        let size = size.map(usize::from);
        let rows = Vec::new();
        let sent = Vec::new();
        let steps = Vec::new();
        let luis = world.login("luis");
        let input = String::new();
        let number = seed * 1_000;
        let tallest = 1;
        let mut life = Self { ana, luis, random, size, rows, tallest, input, sent, number, steps };
        life.ana.type_line("/set quiet on");
        life.ana.expect("quiet");
        life.ana.type_line("/clear");
        life.sent = vec!["/set quiet on".to_owned(), "/clear".to_owned()];
        life.check();
        life
    }

    fn below(&mut self, end: u64) -> usize {
        usize::try_from(self.random.below(end)).unwrap()
    }

    fn words(&mut self, most: u64) -> String {
        let count = self.below(most) + 1;
        (0..count).map(|_| WORDS[self.below(9)]).collect::<Vec<_>>().join(" ")
    }

    /// A line that scrolls: what is wrapped, and what follows a line feed, is indented.
    fn rows_of(&self, line: &str) -> Vec<String> {
        let columns = self.size[1];
        let indent = 8.min(self.size[1] / 3);
        let mut rows = Vec::new();
        for part in line.split('\n') {
            let wrapped = rows_of_line(part, columns, columns - indent).into_iter().enumerate();
            rows.extend(wrapped.map(|(at, row)| format!("{}{row}", " ".repeat(if at == 0 { 0 } else { indent }))));
        }
        rows
    }

    fn add(&mut self, line: &str) {
        self.rows.extend(self.rows_of(line));
    }

    /// The prompt and the input below the lines; of more rows than there are those around the cursor.
    fn block(&self) -> Vec<String> {
        let width = self.size[1] - 1 - PROMPT.len();
        let rows = rows_of_input(&self.input, width).into_iter().enumerate();
        let rows: Vec<_> =
            rows.map(|(at, row)| format!("{}{row}", if at == 0 { PROMPT } else { "        " })).collect();
        rows[rows.len().saturating_sub(self.size[0] - 1)..].to_vec()
    }

    /// Waits for the rows that are expected: the last ones, of which the first may have scrolled off.
    fn check(&mut self) {
        let block = self.block();
        self.tallest = self.tallest.max(block.len());
        self.check_above(&block, &format!("{:?}", self.steps));
    }

    fn check_above(&self, block: &[String], why: &str) {
        let mut all: Vec<String> = self.rows.iter().chain(block).map(|row| row.trim_end().to_owned()).collect();
        // A line that was just begun is blank.
        let end = all.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        let blank = all.split_off(end).len();
        let column = cells(block.last().unwrap());
        let is_there = |rows: &[String]| {
            let end = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
            let shown: Vec<_> = rows[..end].iter().map(|row| without_time(row)).collect();
            // Rows below a block that was higher before are empty.
            let least = (self.size[0] + block.len() - self.tallest - blank).min(all.len());
            all.ends_with(&shown) && shown.len() >= least && usize::from(self.ana.cursor().1) == column
        };
        let what = format!("screen as expected after {why}, with the cursor in column {column}:\n{}", all.join("\n"));
        self.ana.wait_for_rows(&what, is_there);
    }

    fn step(&mut self) {
        let kind = self.below(12);
        self.steps.push(format!("{kind}"));
        match kind {
            0..=2 => self.arrive(),
            3 | 4 => self.type_words(),
            5 | 6 => self.enter(),
            7 => self.command(),
            8 => self.edit(),
            9 => self.paste(),
            10 => self.recall(),
            _ => self.clear(),
        }
        self.check();
    }

    fn arrive(&mut self) {
        self.number += 1;
        let number = self.number;
        let breaks = if self.below(5) == 0 { "\n" } else { " " };
        let text = format!("{}{breaks}{}", self.words(7), self.words(5));
        let (to, place) = if self.below(3) == 0 { ("#lobby", "#lobby ") } else { ("ana", "") };
        let answer = self.luis.request(&format!("SEND;line-{number};{to};{}", text.replace('\n', "\\n")));
        assert!(answer.starts_with("OK;"), "{answer}");
        let indented = text.replace('\n', "\n        ");
        self.add(&format!("[00:00] {place}luis: {indented}"));
    }

    fn type_words(&mut self) {
        let space = if self.input.is_empty() { "" } else { " " };
        let typed = format!("{space}{}", self.words(5));
        self.ana.type_bytes(typed.as_bytes());
        self.input.push_str(&typed);
        if self.below(4) == 0 {
            // Alt-Enter.
            self.ana.type_bytes(b"\x1b\r");
            self.input.push('\n');
        }
    }

    /// A message of one's own has its mark after it, or in a row of its own where there is no room for any mark.
    fn enter(&mut self) {
        self.ana.type_bytes(b"\r");
        let text = std::mem::take(&mut self.input).trim_end_matches('\n').to_owned();
        if text.is_empty() {
            return;
        }
        self.sent.push(text.clone());
        let mut rows = self.rows_of(&format!("[00:00] ana: {}", text.replace('\n', "\n        ")));
        if cells(rows.last().unwrap()) + 1 + MARK > self.size[1] {
            rows.push(" ".repeat(8.min(self.size[1] / 3) - 1));
        }
        rows.last_mut().unwrap().push_str(" ✓");
        self.rows.extend(rows);
    }

    /// A command stays above its answer.
    fn command(&mut self) {
        if !self.input.is_empty() {
            return;
        }
        self.ana.type_line("/nothingatall");
        self.sent.push("/nothingatall".to_owned());
        self.add("#lobby> /nothingatall");
        self.add("! there is no command /nothingatall; /help lists those there are");
    }

    fn edit(&mut self) {
        match self.below(3) {
            0 => {
                self.ana.type_bytes(b"\x7f");
                self.input.pop();
            }
            1 => {
                // To the beginning of the line, and to its end again.
                self.ana.type_bytes(b"\x01\x05");
            }
            _ if self.input.is_empty() => {
                self.ana.type_bytes(b"\x03");
                self.add("* Ctrl-D or /quit leaves");
            }
            _ => {
                self.ana.type_bytes(b"\x03");
                self.input.clear();
            }
        }
    }

    fn paste(&mut self) {
        let count = [2, 3, 17, 25][self.below(4)];
        let lines: Vec<_> = (0..count).map(|_| self.words(3)).collect();
        self.ana.paste(&lines.join("\r\n"));
        let text = lines.join("\n");
        if count <= 20 {
            return self.input.push_str(&text);
        }
        let question = format!("paste {count} lines? [y/N] ");
        let question = vec![question.chars().take((self.size[1] - 1) * 2 / 3).collect::<String>()];
        self.check_above(&question, "a question");
        if self.below(2) == 0 {
            self.ana.type_bytes(b"Y");
            self.input.push_str(&text);
        } else {
            self.ana.type_bytes(b"n");
        }
    }

    /// Up brings back what was entered last; Down what was typed before.
    fn recall(&mut self) {
        if self.input.contains('\n') || !self.input.is_empty() && self.block().len() > 1 {
            return;
        }
        let last = self.sent.last().unwrap().clone();
        self.ana.type_bytes(b"\x1b[A");
        let draft = std::mem::replace(&mut self.input, last);
        self.check();
        if self.block().len() > 1 {
            // Down goes by rows first.
            self.ana.type_bytes(b"\x03");
            self.input.clear();
            return;
        }
        self.ana.type_bytes(b"\x1b[B");
        self.input = draft;
    }

    /// Ctrl-L.
    fn clear(&mut self) {
        if self.rows.is_empty() {
            // Nobody sees when it is done.
            return;
        }
        self.ana.type_bytes(b"\x0c");
        self.rows.clear();
        self.tallest = 1;
    }
}

/// The time of a message may be any.
fn without_time(row: &str) -> String {
    match row.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((time, rest)) if time.len() == 5 => format!("[00:00] {rest}"),
        _ => row.to_owned(),
    }
}

#[test]
fn every_row_of_the_line_mode_is_as_expected_after_every_key_and_message() {
    let world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis"]);
    for (size, seed) in [([14, 40], 1), ([30, 100], 2), ([8, 24], 3)] {
        let mut life = Life::begin(&world, size, seed);
        for _ in 0..60 {
            life.step();
        }
        life.ana.type_bytes(b"\x03");
        life.ana.quit();
    }
}
