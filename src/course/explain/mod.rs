//! `wachat explain`: the life of one message as a story, from a store and from traces. Each step names the promise and
//! the sentence of the protocol that it shows.
//!
//! - `step`: the kinds of steps, in three languages. `traced`: the steps that traces show.
//! - `story`: the steps of store and traces in one order, and their text.

pub mod step;
mod story;
mod traced;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::course::trace::Shown;
use crate::disk::RealDisk;
use crate::model::{MessageId, UserName};
use crate::store::{Life, Store};
use crate::texts::Language;

/// Tells the life of the message with this id, in a store and in traces. `from`: its sender, where several users have
/// sent a message under the id. The error says why there is no story.
pub fn explain(
    id: &str,
    from: Option<&str>,
    data: &Path,
    traces: &[PathBuf],
    language: Language,
) -> Result<Shown, String> {
    let known = MessageId::new(id).ok_or_else(|| {
        format!("{id:?} is no id of a message: the OK to a SEND, HISTORY and wachat history --json name them")
    })?;
    let lives = Store::new(Arc::new(RealDisk), data).lives(&known).map_err(|error| error.to_string())?;
    let life = choose(lives, id, from, data)?;
    let (steps, notes) = if traces.is_empty() { Default::default() } else { traced::read(traces, &life.message)? };
    Ok(Shown { text: story::write(&life, steps, language), notes })
}

fn choose(mut lives: Vec<Life>, id: &str, from: Option<&str>, data: &Path) -> Result<Life, String> {
    if let Some(from) = from {
        let from = UserName::new(from).map_err(|error| format!("--from {from}: {error}"))?;
        lives.retain(|life| life.message.from == from);
    }
    let senders: Vec<_> = lives.iter().map(|life| life.message.from.to_string()).collect();
    match (lives.pop(), senders.len()) {
        (Some(life), 1) => Ok(life),
        (None, _) => Err(format!("the store in {} has no message with the id {id}", data.display())),
        _ => Err(format!(
            "{id} is an id of {} messages; choose one by its sender, --from {}",
            senders.len(),
            senders.join(" or --from ")
        )),
    }
}
