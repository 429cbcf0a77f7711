//! Merges the runs into one order: each process's own order is kept, and a line is sent before it is received. That is
//! the happens-before relation (Lamport, 1978); times are not read, so clocks may be wrong by any amount.

use super::graph::{Graph, Lifeline};
use super::order;
use super::run::Run;
use crate::trace::Entry;

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
    /// The line was sent, and the other end ended without it.
    pub is_lost: bool,
}

/// The steps of all processes in one order.
pub struct Merged {
    pub lifelines: Vec<Lifeline>,
    pub steps: Vec<Step>,
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
        places.get_mut(*node).into_iter().for_each(|slot| *slot = place);
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
            is_lost,
            entry: node.entry,
        };
        steps.push((*place, step));
    }
    steps.sort_by_key(|(place, _)| *place);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// Puts the lifeline with the most lines into the middle, so that arrows are short, and the others in the order in
/// which they come.
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
    order.splice(order.len().div_ceil(2)..order.len().div_ceil(2), hub);
    let mut places = vec![0; counts.len()];
    for (place, lifeline) in order.iter().enumerate() {
        places.get_mut(*lifeline).into_iter().for_each(|slot| *slot = place);
    }
    let place = |lifeline: usize| places.get(lifeline).copied().unwrap_or(0);
    for step in &mut merged.steps {
        (step.lifeline, step.other) = (place(step.lifeline), step.other.map(place));
    }
    merged.lifelines = order.iter().filter_map(|lifeline| merged.lifelines.get(*lifeline).cloned()).collect();
    merged
}
