//! `wachat demo`: shows on real servers what a promise means, and what happens without it, for a teacher at a projector.
//!
//! - `lessons`: the lessons, each of two acts. `server`: our server, or a small one with a flaw, as a process of its own.
//!   `client`: a connection that shows its lines. `stage`: the two columns, slowly.
//! - `cluster`: the lesson with several servers that are one.

mod client;
mod cluster;
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
    /// Three servers are one: one is killed, and another goes on
    Cluster,
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

/// The text of a lesson, and its two acts.
struct Script {
    promise: &'static str,
    without: &'static str,
    acts: Acts,
}

type Act = fn(&mut Stage) -> Result<Finding, String>;

enum Acts {
    /// The same actions on our server, and on a small one with this flaw.
    OnTwoServers(Flaw, fn(&mut Stage, &mut Server) -> Result<Finding, String>),
    /// Actions with the promise, and others without it.
    Apart([Act; 2]),
}

impl Script {
    fn play(&self, stage: &mut Stage) -> Result<(), String> {
        stage.title(self.promise)?;
        let ours = self.acts.play_first(stage)?;
        stage.verdict(ours.is_kept, &ours.text)?;
        stage.title(self.without)?;
        let flawed = self.acts.play_second(stage)?;
        stage.verdict(flawed.is_kept, &flawed.text)?;
        match (ours.is_kept, flawed.is_kept) {
            (true, false) => Ok(()),
            (false, _) => {
                Err("our own server did not keep its promise: please report this with the output above".to_owned())
            }
            (true, true) => Err("the flaw did not show this time; play the lesson again".to_owned()),
        }
    }
}

impl Acts {
    fn play_first(&self, stage: &mut Stage) -> Result<Finding, String> {
        match self {
            Self::OnTwoServers(_, play) => play(stage, &mut Server::start(None)?),
            Self::Apart([first, _]) => first(stage),
        }
    }

    fn play_second(&self, stage: &mut Stage) -> Result<Finding, String> {
        match self {
            Self::OnTwoServers(flaw, play) => play(stage, &mut Server::start(Some(*flaw))?),
            Self::Apart([_, second]) => second(stage),
        }
    }
}

/// Plays a lesson, first with the promise and then without it. `interrupts`: ends it early.
pub fn play(lesson: Lesson, pace: Pace, interrupts: Receiver<()>) -> Result<(), String> {
    let script = lessons::script(lesson)?;
    let mut stage = Stage::new(pace, interrupts);
    script.play(&mut stage).map_err(|why| stage.reason(why))
}
