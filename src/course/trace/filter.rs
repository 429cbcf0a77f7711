//! The part of the traces that a user wants to see.

use std::collections::HashSet;

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
    let mut lines = vec![0_usize; merged.lifelines.len()];
    for (step, _) in merged.steps.iter().zip(&keep).filter(|(step, keep)| **keep && step.connection.is_some()) {
        for lifeline in [Some(step.lifeline), step.other].into_iter().flatten() {
            lines.get_mut(lifeline).into_iter().for_each(|lines| *lines += 1);
        }
    }
    if lines.iter().all(|lines| *lines == 0) {
        return merged;
    }
    let is_used = |lifeline: usize| lines.get(lifeline).is_some_and(|lines| *lines > 0);
    keep.iter_mut().zip(&merged.steps).for_each(|(keep, step)| *keep &= is_used(step.lifeline));
    let lifelines = places(&(0..lines.len()).map(is_used).collect::<Vec<_>>());
    let places = places(&keep);
    let mut keeps = keep.into_iter();
    merged.steps.retain(|_| keeps.next().unwrap_or(false));
    for step in &mut merged.steps {
        let place = |step: usize| places.get(step).copied().flatten();
        (step.pair, step.relay) = (step.pair.and_then(place), step.relay.and_then(place));
        step.other = step.other.and_then(|other| lifelines.get(other).copied().flatten());
        step.lifeline = lifelines.get(step.lifeline).copied().flatten().unwrap_or(0);
    }
    let mut lifelines = lifelines.into_iter();
    merged.lifelines.retain(|_| lifelines.next().flatten().is_some());
    merged
}

/// Returns for each place the one that it has once those that are not kept are gone.
fn places(keep: &[bool]) -> Vec<Option<usize>> {
    let mut count = 0;
    let place = |keep: &bool| {
        count += usize::from(*keep);
        keep.then(|| count - 1)
    };
    keep.iter().map(place).collect()
}
