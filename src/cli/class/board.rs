//! `wachat class board`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::super::terminal::{terminal_size, write_out};
use crate::course::class::board::{probe, rows, text};
use crate::course::class::{Class, Traffic, html, replace};
use crate::limits;
use crate::signals;

/// Arguments of `wachat class board`.
#[derive(Args)]
pub(super) struct BoardArgs {
    /// Print it once, and end
    #[arg(long)]
    once: bool,
    /// Write it as a page for a browser, too, each time
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Width of the board where there is no terminal.
const COLUMNS: usize = 200;

pub(super) fn run(args: &BoardArgs, directory: &Path) -> Result<(), String> {
    let stop = signals::receive(&[SIGINT, SIGTERM])?;
    let mut class = Class::read(directory)?;
    let mut traffic: Vec<_> = class.groups.iter().map(|_| Traffic::default()).collect();
    let mut reached = probe(&class);
    let mut asked = Instant::now();
    let mut shown = String::new();
    loop {
        let rows = rows(&class, &mut traffic, &reached)?;
        if let Some(file) = &args.html {
            replace(file, html(&rows).as_bytes())?;
        }
        let (columns, lines) = size();
        if args.once {
            return write_out(text(&rows, columns, usize::MAX).as_bytes());
        }
        let board = text(&rows, columns, lines);
        if board != shown || io::stdout().is_terminal() {
            show(&board, shown.is_empty())?;
        }
        shown = board;
        if stop.recv_timeout(limits::BOARD_PAUSE).is_ok() {
            return Ok(());
        }
        let own_servers = |class: &Class| class.groups.iter().map(|group| group.own_server.clone()).collect::<Vec<_>>();
        let before = own_servers(&class);
        class = Class::read(directory)?;
        if asked.elapsed() > limits::BOARD_KNOCK || own_servers(&class) != before {
            (reached, asked) = (probe(&class), Instant::now());
        }
    }
}

/// Returns columns and lines of the terminal, if there is one.
fn size() -> (usize, usize) {
    // The last line is left to the cursor.
    terminal_size().map_or((COLUMNS, usize::MAX), |(columns, lines)| (columns, lines.saturating_sub(1)))
}

/// Draws the board over the one before; where there is no terminal, below it.
fn show(board: &str, is_first: bool) -> Result<(), String> {
    if !io::stdout().is_terminal() {
        return write_out(board.as_bytes());
    }
    let start = if is_first { "\x1b[2J\x1b[H" } else { "\x1b[H" };
    let lines = board.replace('\n', "\x1b[K\r\n");
    let mut out = io::stdout().lock();
    let drawn = out.write_all(format!("{start}{lines}\x1b[J").as_bytes()).and_then(|()| out.flush());
    drawn.map_err(|error| format!("cannot draw: {error}"))
}
