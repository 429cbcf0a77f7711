//! Merges the runs into one order: each process's own order is kept, and a line is sent before it is received. That is
//! the happens-before relation (Lamport, 1978); times are not read, so clocks may be wrong by any amount.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::graph::Graph;
use super::order;
use super::run::Run;
use super::step::{Merged, Step};
use crate::model::Seq;
use crate::protocol::RecvRequest;
use crate::protocol::exchange::{Line, Request, SentEvents};
use crate::trace::{Entry, Event};

/// Merges runs. The notes say where traces contradict each other, or are cut.
pub fn merge(runs: Vec<Run>) -> (Merged, Vec<String>) {
    let mut graph = Graph::new(runs);
    let order = order::order(&mut graph);
    let others = graph.other_ends();
    let steps = steps(&mut graph, &order, &others);
    let mut merged = arrange(Merged { lifelines: graph.lifelines, steps });
    note_acknowledgements(&mut merged);
    (merged, graph.notes)
}

/// Makes steps of the nodes, in this order.
fn steps(graph: &mut Graph, order: &[usize], others: &[usize]) -> Vec<Step> {
    let lost: Vec<bool> = graph.nodes.iter().map(|node| graph.is_lost(node)).collect();
    let places: HashMap<usize, usize> = order.iter().copied().zip(0..).collect();
    let nodes = std::mem::take(&mut graph.nodes);
    let mut steps = BTreeMap::new();
    for (number, (node, is_lost)) in nodes.into_iter().zip(lost).enumerate() {
        let connection = node.connection.and_then(|number| graph.connections.get(number));
        let step = Step {
            line: read_line(&node.entry),
            acknowledges: Seq::ZERO,
            about: None,
            marks: Vec::new(),
            lifeline: node.lifeline,
            other: node.connection.and_then(|number| others.get(number)).copied(),
            user: connection.map_or(String::new(), |connection| connection.user.clone()),
            device: connection.map_or(String::new(), |connection| connection.device.clone()),
            connection: node.connection,
            pair: node.pair.and_then(|pair| places.get(&pair)).copied(),
            relay: node.relay.and_then(|relay| places.get(&relay)).copied(),
            is_lost,
            is_client: connection.is_some_and(|connection| connection.is_client),
            entry: node.entry,
        };
        steps.insert(places.get(&number).copied(), step);
    }
    steps.into_values().collect()
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
    merged.select_lifelines(&order);
    merged
}

fn read_line(entry: &Entry) -> Line {
    match (entry.event, entry.link) {
        (Event::In | Event::Out, Some(link)) => Line::read(link.port, entry.text.as_bytes()),
        _ => Line::Other,
    }
}

/// Sets the number up to which each POLL acknowledges. For `POLL;*` it is that of the last event on the connection, at the
/// server, or at the last process on its way that has recorded it.
fn note_acknowledgements(merged: &mut Merged) {
    let mut sent: HashMap<Option<usize>, SentEvents> = HashMap::new();
    for step in &mut merged.steps {
        match &step.line {
            Line::Event(event) => sent.entry(step.connection).or_default().add(event),
            Line::Request(Request::Recv(RecvRequest::Poll { after, .. })) => {
                step.acknowledges = sent.entry(step.connection).or_default().acknowledged_by(*after);
            }
            _ => {}
        }
    }
    let at_end = |step| merged.way(step).last().map_or(step.acknowledges, |last| last.acknowledges);
    let numbers: Vec<_> = merged.steps.iter().map(at_end).collect();
    merged.steps.iter_mut().zip(numbers).for_each(|(step, number)| step.acknowledges = number);
}
