//! Merges the runs into one order: each process's own order is kept, and a line is sent before it is received. That is
//! the happens-before relation (Lamport, 1978); times are not read, so clocks may be wrong by any amount.

use std::collections::HashSet;

use super::CHAOS;
use super::graph::{Graph, Lifeline};
use super::order;
use super::run::Run;
use crate::trace::{Entry, Event};

/// An entry in the merged order.
#[derive(Clone, Debug)]
pub struct Step {
    pub entry: Entry<'static>,
    pub lifeline: usize,
    /// The process at the other end of the connection.
    pub other: Option<usize>,
    /// The user of the connection, also for the lines before the login is done.
    pub user: String,
    /// Number of the connection's end.
    pub connection: Option<usize>,
    /// The step of the same line at the other end.
    pub pair: Option<usize>,
    /// Of a line that a proxy has received: the step in which it was sent on first; of one that it has sent: the step in
    /// which it was received.
    pub relay: Option<usize>,
    /// The line was sent, and the other end ended without it; or a proxy has received it, and did not pass it on.
    pub is_lost: bool,
    /// This process has opened the connection: it sends the requests.
    pub is_client: bool,
}

/// The end of a line's way through the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// No trace says that it was lost.
    Unknown,
    /// The last process that had it, or could have had it, has ended or lost its connection.
    Lost,
    /// A proxy did not pass it on.
    Kept,
}

/// The steps of all processes in one order.
pub struct Merged {
    pub lifelines: Vec<Lifeline>,
    pub steps: Vec<Step>,
}

impl Merged {
    /// Returns the step of the same line at the next process on its way, or at the other end of a proxy.
    fn after(&self, step: &Step) -> Option<&Step> {
        let next = if step.entry.event == Event::Out { step.pair } else { step.relay };
        self.steps.get(next?)
    }

    /// Returns the step of the same line before.
    pub fn before(&self, step: &Step) -> Option<&Step> {
        let before = if step.entry.event == Event::Out { step.relay } else { step.pair };
        self.steps.get(before?)
    }

    /// Follows a line to the end of its way. Returns its steps from this one on.
    pub fn way<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = &'a Step> {
        // A proxy may have another after it, but no line comes back to where it was.
        std::iter::successors(Some(step), |step| self.after(step)).take(self.lifelines.len() * 2)
    }

    /// Checks that a proxy has sent the line of its own accord: it is a second copy, or comes on a connection of its own.
    pub fn is_copy(&self, step: &Step) -> bool {
        let Some(sent) = self.before(step).filter(|_| step.entry.event == Event::In) else { return false };
        let first = self.before(sent).and_then(|received| self.after(received));
        sent.entry.process == CHAOS && !first.is_some_and(|first| std::ptr::eq(first, sent))
    }

    /// Returns whether a line that was sent arrives at the end of its way.
    pub fn arrival(&self, step: &Step) -> Arrival {
        match self.way(step).last().filter(|last| last.is_lost) {
            None => Arrival::Unknown,
            Some(last) if last.entry.event == Event::In => Arrival::Kept,
            Some(_) => Arrival::Lost,
        }
    }
}

/// Merges runs. The notes say where traces contradict each other, or are cut.
pub fn merge(runs: Vec<Run>) -> (Merged, Vec<String>) {
    let mut graph = Graph::new(runs);
    let order = order::order(&mut graph);
    let others = graph.other_ends();
    let steps = steps(&mut graph, &order, &others);
    (arrange(Merged { lifelines: graph.lifelines, steps }), graph.notes)
}

/// Makes steps of the nodes, in this order.
fn steps(graph: &mut Graph, order: &[usize], others: &[usize]) -> Vec<Step> {
    let lost: Vec<bool> = graph.nodes.iter().map(|node| graph.is_lost(node)).collect();
    let mut places = vec![0; order.len()];
    for (place, node) in order.iter().enumerate() {
        if let Some(slot) = places.get_mut(*node) {
            *slot = place;
        }
    }
    let nodes = std::mem::take(&mut graph.nodes);
    let mut steps: Vec<(usize, Step)> = Vec::with_capacity(nodes.len());
    for ((node, is_lost), place) in nodes.into_iter().zip(lost).zip(&places) {
        let connection = node.connection.and_then(|number| graph.connections.get(number));
        let step = Step {
            lifeline: node.lifeline,
            other: node.connection.and_then(|number| others.get(number)).copied(),
            user: connection.map_or(String::new(), |connection| connection.user.clone()),
            connection: node.connection,
            pair: node.pair.and_then(|pair| places.get(pair)).copied(),
            relay: node.relay.and_then(|relay| places.get(relay)).copied(),
            is_lost,
            is_client: connection.is_some_and(|connection| connection.is_client),
            entry: node.entry,
        };
        steps.push((*place, step));
    }
    steps.sort_by_key(|(place, _)| *place);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// Puts the lifeline with the most lines into the middle, so that arrows are short, and the others in the order in
/// which they come; those to which it has connected itself, as a proxy does, to its right.
fn arrange(mut merged: Merged) -> Merged {
    let mut counts = vec![0_usize; merged.lifelines.len()];
    let mut order: Vec<usize> = Vec::new();
    for lifeline in merged.steps.iter().flat_map(|step| [Some(step.lifeline), step.other]).flatten() {
        let Some(count) = counts.get_mut(lifeline) else { continue };
        *count += 1;
        if *count == 1 {
            order.push(lifeline);
        }
    }
    let hub = (0..counts.len()).max_by_key(|lifeline| counts.get(*lifeline).copied());
    order.retain(|lifeline| Some(*lifeline) != hub);
    let connects = merged.steps.iter().filter(|step| step.is_client && Some(step.lifeline) == hub);
    let behind: HashSet<usize> = connects.filter_map(|step| step.other).collect();
    order.sort_by_key(|lifeline| behind.contains(lifeline));
    // A file can say that the hub has connected to itself: it is in `behind` then, and not in the order.
    let before = order.iter().filter(|lifeline| !behind.contains(lifeline)).count();
    let middle = if behind.is_empty() { order.len().div_ceil(2) } else { before };
    order.splice(middle..middle, hub);
    let mut places = vec![0; counts.len()];
    for (place, lifeline) in order.iter().enumerate() {
        if let Some(slot) = places.get_mut(*lifeline) {
            *slot = place;
        }
    }
    let place = |lifeline: usize| places.get(lifeline).copied().unwrap_or(0);
    for step in &mut merged.steps {
        (step.lifeline, step.other) = (place(step.lifeline), step.other.map(place));
    }
    merged.lifelines = order.iter().filter_map(|lifeline| merged.lifelines.get(*lifeline).cloned()).collect();
    merged
}
