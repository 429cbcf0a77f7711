//! `wachat demo`: shows on real servers what a promise means, and what happens without it, for a teacher at a projector.
//!
//! - `lessons`: the four lessons, each played twice. `server`: our server, or a small one with a flaw, as a process of its
//!   own. `client`: a connection that shows its lines. `stage`: the two columns, slowly.

mod client;
mod lessons;
mod server;
mod stage;

use std::time::Duration;

use crossbeam_channel::Receiver;

use super::flawed::Flaw;
use server::Server;
use stage::Stage;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lesson {
    /// A message that was answered survives a crash
    Durability,
    /// One sequence orders all messages, for everybody
    Order,
    /// A message whose OK was lost is sent again, and stored once
    Retry,
    /// A client that does not read holds up nobody else
    Backpressure,
}

/// The speed and the width of a lesson.
pub struct Pace {
    /// The time of one row.
    pub row: Duration,
    /// A message for each Enter, which ends a part; `None`: the lesson goes on by itself.
    pub enters: Option<Receiver<()>>,
    /// Width of the two columns together.
    pub columns: usize,
}

/// The result of a lesson on one server.
struct Finding {
    is_kept: bool,
    text: String,
}

/// The text of a lesson, and its actions.
struct Script {
    promise: &'static str,
    flaw: Flaw,
    without: &'static str,
    play: fn(&mut Stage, &mut Server) -> Result<Finding, String>,
}

/// Plays a lesson, first with our server and then with one that does not keep the promise. `interrupts`: ends it early.
pub fn play(lesson: Lesson, pace: Pace, interrupts: Receiver<()>) -> Result<(), String> {
    let Script { promise, flaw, without, play } = lessons::script(lesson);
    let mut stage = Stage::new(pace, interrupts);
    stage.title(promise)?;
    let ours = play(&mut stage, &mut Server::start(None)?)?;
    stage.verdict(ours.is_kept, &ours.text)?;
    stage.title(without)?;
    let flawed = play(&mut stage, &mut Server::start(Some(flaw))?)?;
    stage.verdict(flawed.is_kept, &flawed.text)?;
    match (ours.is_kept, flawed.is_kept) {
        (true, false) => Ok(()),
        (false, _) => {
            Err("our own server did not keep its promise: please report this with the output above".to_owned())
        }
        (true, true) => Err("the flaw did not show this time; play the lesson again".to_owned()),
    }
}
