//! `wachat explain`: the life of one message as a story, from a store and from traces. Each step names the promise and
//! the sentence of the protocol that it shows.
//!
//! - `step`: the kinds of steps, in three languages. `traced`: the steps that traces show.
//! - `story`: the steps of store and traces in one order, and their text.

pub mod step;
mod story;
mod traced;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::course::ids::{complete, without_dots};
use crate::course::trace::Shown;
use crate::disk::RealDisk;
use crate::model::{MessageId, UserName};
use crate::store::{Life, Store};
use crate::texts::Language;

/// Tells the life of the message whose id begins so, in a store and in traces. `from`: its sender, where several users
/// have sent a message under the id. The error says why there is no story.
pub fn explain(
    start: &str,
    from: Option<&str>,
    data: &Path,
    traces: &[PathBuf],
    language: Language,
) -> Result<Shown, String> {
    let start = MessageId::new(without_dots(start)).ok_or_else(|| {
        format!("{start:?} is no id of a message: the OK to a SEND, HISTORY and wachat history --json name them")
    })?;
    let from = from.map(|from| UserName::new(from).map_err(|error| format!("--from {from}: {error}"))).transpose()?;
    let store = Store::new(Arc::new(RealDisk), data);
    let mut messages = store.messages_with(&start).map_err(|error| error.to_string())?;
    messages.retain(|message| from.as_ref().is_none_or(|from| message.from == *from));
    let ids: BTreeSet<_> = messages.iter().map(|message| message.id.clone()).collect();
    let id = complete(start.as_str(), ids)?.unwrap_or(start);
    let lives = store.lives(&id).map_err(|error| error.to_string())?;
    let life = choose(lives, &id, from.as_ref(), data)?;
    let (steps, notes) = if traces.is_empty() { Default::default() } else { traced::read(traces, &life.message)? };
    Ok(Shown { text: story::write(&life, steps, language), notes })
}

fn choose(mut lives: Vec<Life>, id: &MessageId, from: Option<&UserName>, data: &Path) -> Result<Life, String> {
    lives.retain(|life| from.is_none_or(|from| life.message.from == *from));
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
