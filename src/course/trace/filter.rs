//! The part of the traces that a user wants to see.

use std::collections::{BTreeSet, HashSet};

use super::follow::follow;
use super::step::{Merged, Step};
use crate::model::MessageId;
use crate::trace::Event;

/// The part of the traces that is shown.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only the connections of this user.
    pub user: Option<String>,
    /// Only what concerns the message with this id.
    pub message: Option<String>,
    /// Sender of the message, since others may use the same id; `None`: the first one that the traces name.
    pub sender: Option<String>,
}

/// Keeps the steps that are selected, and the starts and ends of processes. The error says that there are none.
pub fn filter(mut merged: Merged, selection: &Selection) -> Result<Merged, String> {
    let mut keep = vec![true; merged.steps.len()];
    if let Some(user) = &selection.user {
        let user = user.to_lowercase();
        let is_of_user = |step: &Step| step.connection.is_none() || step.user.to_lowercase() == user;
        keep = merged.steps.iter().map(is_of_user).collect();
        if !merged.steps.iter().any(|step| step.connection.is_some() && is_of_user(step)) {
            return Err(format!("no connection of {user} is in these traces"));
        }
    }
    if let Some(id) = &selection.message {
        if let Some(id) = MessageId::new(id) {
            follow(&mut merged.steps, &id, selection.sender.clone());
        }
        let used: HashSet<_> =
            merged.steps.iter().filter(|step| step.about.is_some()).map(|step| step.connection).collect();
        if used.is_empty() {
            return Err(format!("no line of these traces is about a message with the id {id}"));
        }
        for (step, keep) in merged.steps.iter().zip(&mut keep) {
            let is_frame = match step.entry.event {
                Event::Open | Event::Close => used.contains(&step.connection),
                Event::Start | Event::Recovered | Event::Dropped | Event::Stop | Event::Killed => true,
                _ => false,
            };
            *keep &= step.about.is_some() || is_frame;
        }
    }
    Ok(select(merged, keep))
}

/// Takes the steps that are kept, and the lifelines that have a line among them: starts and ends alone show no process.
fn select(mut merged: Merged, mut keep: Vec<bool>) -> Merged {
    let kept = merged.steps.iter().zip(&keep).filter(|(step, keep)| **keep && step.connection.is_some());
    let used: BTreeSet<usize> = kept.flat_map(|(step, _)| [Some(step.lifeline), step.other]).flatten().collect();
    if used.is_empty() {
        return merged;
    }
    keep.iter_mut().zip(&merged.steps).for_each(|(keep, step)| *keep &= used.contains(&step.lifeline));
    merged.select_steps(&keep);
    merged.select_lifelines(&used.into_iter().collect::<Vec<_>>());
    merged
}
