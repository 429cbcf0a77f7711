//! Merges the runs into one order: each process's own order is kept, and a line is sent before it is received. That is
//! the happens-before relation (Lamport, 1978); times are not read, so clocks may be wrong by any amount.

use std::collections::HashMap;

use super::connections::{self, Connection, common, difference};
use super::order;
use super::run::Run;
use crate::trace::{Entry, Event};

/// An entry, and its relations to others.
pub struct Node {
    pub run: usize,
    pub lifeline: usize,
    pub entry: Entry<'static>,
    pub connection: Option<usize>,
    /// The node of another process that comes before this one.
    pub waits_for: Option<usize>,
    /// The same line at the other end.
    pub pair: Option<usize>,
}

/// One vertical line of a diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifeline {
    pub name: String,
    /// A trace of it was read. The others are known from their peers only.
    pub is_traced: bool,
}

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
    let mut lifelines: Vec<Lifeline> = Vec::new();
    let mut is_cut = Vec::new();
    let mut nodes: Vec<Node> = Vec::new();
    let mut ends = Vec::new();
    for (run, Run { lifeline: name, entries, is_cut: cut }) in runs.into_iter().enumerate() {
        let known = lifelines.iter().position(|known| known.name == name);
        let lifeline = known.unwrap_or(lifelines.len());
        if known.is_none() {
            lifelines.push(Lifeline { name, is_traced: true });
        }
        is_cut.push(cut);
        let node = |entry| Node { run, lifeline, entry, connection: None, waits_for: None, pair: None };
        nodes.extend(entries.into_iter().map(node));
        let is_end = |last: &Node| matches!(last.entry.event, Event::Stop | Event::Killed);
        ends.push(nodes.last().filter(|last| is_end(last)).map(|_| nodes.len() - 1));
    }
    let mut connections = connections::find(&mut nodes);
    connections::pair(&mut connections, &nodes);
    let mut notes = relate(&mut nodes, &connections, &ends, &lifelines);
    let order = order::order(&nodes, &connections, lifelines.len(), &mut notes);
    let others = name_others(&connections, &mut lifelines);
    let lost = |node: usize| is_lost(node, &nodes, &connections, &ends, &is_cut);
    let lost: Vec<bool> = (0..nodes.len()).map(lost).collect();
    let steps = make_steps(nodes, &order, &connections, &others, &lost);
    (arrange(Merged { lifelines, steps }), notes)
}

/// Pairs the lines of both ends, and sets what each node waits for.
fn relate(
    nodes: &mut [Node],
    connections: &[Connection],
    ends: &[Option<usize>],
    lifelines: &[Lifeline],
) -> Vec<String> {
    let (mut notes, mut missing) = (Vec::new(), HashMap::<(usize, usize), usize>::new());
    for (number, one) in connections.iter().enumerate() {
        let Some((mate_number, mate)) = one.mate.and_then(|mate| Some((mate, connections.get(mate)?))) else {
            continue;
        };
        if number < mate_number {
            notes.extend(difference(one, mate, nodes).map(|pair| describe_difference(nodes, lifelines, pair)));
        }
        for (sent, received) in common(&one.sent, &mate.received) {
            let is_same = |a: &Node, b: &Node| a.entry.text == b.entry.text;
            if nodes.get(sent).zip(nodes.get(received)).is_none_or(|(a, b)| !is_same(a, b)) {
                continue;
            }
            nodes.get_mut(sent).into_iter().for_each(|node| node.pair = Some(received));
            nodes.get_mut(received).into_iter().for_each(|node| {
                (node.pair, node.waits_for) = (Some(sent), Some(sent));
            });
        }
        let unsent = mate.received.keys().filter(|number| !one.sent.contains_key(number)).count();
        if unsent > 0 {
            *missing.entry((one.lifeline, mate.lifeline)).or_default() += unsent;
        }
        order_closes(nodes, one, mate, ends);
    }
    let name = |lifeline: usize| lifelines.get(lifeline).map_or("", |lifeline| lifeline.name.as_str());
    let mut missing: Vec<_> = missing.into_iter().collect();
    missing.sort_unstable();
    notes.extend(missing.into_iter().map(|((sender, receiver), count)| {
        format!(
            "{count} lines that {} has received are not in the trace of {}: it was cut, or the process was killed before it had written them",
            name(receiver),
            name(sender)
        )
    }));
    notes
}

/// A connection that its peer has closed: the peer's close, or its end, comes before.
fn order_closes(nodes: &mut [Node], one: &Connection, mate: &Connection, ends: &[Option<usize>]) {
    let is_by_peer = |close: &usize| nodes.get(*close).is_some_and(|node| node.entry.text.starts_with("peer"));
    let Some(close) = one.close.filter(is_by_peer) else { return };
    let before = mate.close.filter(|close| !is_by_peer(close)).or(ends.get(mate.run).copied().flatten());
    nodes.get_mut(close).into_iter().for_each(|node| node.waits_for = before);
}

fn describe_difference(nodes: &[Node], lifelines: &[Lifeline], (one, other): (usize, usize)) -> String {
    let Some((one, other)) = nodes.get(one).zip(nodes.get(other)) else { return String::new() };
    let name = |node: &Node| lifelines.get(node.lifeline).map_or("", |lifeline| lifeline.name.as_str()).to_owned();
    let word = if one.entry.event == Event::Out { "sent" } else { "received" };
    let link = one.entry.link.map_or(String::new(), |link| format!("{} - {}", link.local, link.peer));
    format!(
        "the traces of {} and {} contradict each other about {link}: line {} {word} is {:?} in one and {:?} in the other",
        name(one),
        name(other),
        one.entry.number,
        super::meaning::cut(&one.entry.text, 60),
        super::meaning::cut(&other.entry.text, 60)
    )
}

/// Returns for each connection the lifeline of its other end. Where no trace has it, the end is called after the user,
/// or by its address.
fn name_others(connections: &[Connection], lifelines: &mut Vec<Lifeline>) -> Vec<usize> {
    let mut others = Vec::new();
    for connection in connections {
        if let Some(mate) = connection.mate.and_then(|mate| connections.get(mate)) {
            others.push(mate.lifeline);
            continue;
        }
        let is_client = lifelines.get(connection.lifeline).is_some_and(|lifeline| lifeline.name.starts_with("client"));
        let has_server = lifelines.iter().any(|lifeline| lifeline.name == "server" && lifeline.is_traced);
        let name = match is_client {
            true if !has_server => "server".to_owned(),
            false if !connection.user.is_empty() => connection.user.clone(),
            true => connection.link.peer.to_string(),
            // A client that has not logged in: all of one machine are one.
            false => connection.link.peer.ip().to_string(),
        };
        let known = lifelines.iter().position(|lifeline| lifeline.name == name);
        others.push(known.unwrap_or(lifelines.len()));
        if known.is_none() {
            lifelines.push(Lifeline { name, is_traced: false });
        }
    }
    others
}

/// Checks that a line was sent, and that the other end has ended without it.
fn is_lost(node: usize, nodes: &[Node], connections: &[Connection], ends: &[Option<usize>], is_cut: &[bool]) -> bool {
    let Some(node) = nodes.get(node).filter(|node| node.entry.event == Event::Out && node.pair.is_none()) else {
        return false;
    };
    let mate = node.connection.and_then(|number| connections.get(connections.get(number)?.mate?));
    mate.is_some_and(|mate| {
        let is_behind = mate.received.last_key_value().is_none_or(|(last, _)| *last < node.entry.number);
        is_behind && mate.is_complete(nodes, ends) && !is_cut.get(mate.run).copied().unwrap_or(true)
    })
}

fn make_steps(
    nodes: Vec<Node>,
    order: &[usize],
    connections: &[Connection],
    others: &[usize],
    lost: &[bool],
) -> Vec<Step> {
    let mut places = vec![0; nodes.len()];
    for (place, node) in order.iter().enumerate() {
        places.get_mut(*node).into_iter().for_each(|slot| *slot = place);
    }
    let mut steps: Vec<(usize, Step)> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.into_iter().enumerate() {
        let connection = node.connection.and_then(|number| connections.get(number));
        let step = Step {
            lifeline: node.lifeline,
            other: node.connection.and_then(|number| others.get(number)).copied(),
            user: connection.map_or(String::new(), |connection| connection.user.clone()),
            connection: node.connection,
            pair: node.pair.and_then(|pair| places.get(pair)).copied(),
            is_lost: lost.get(index).copied().unwrap_or(false),
            entry: node.entry,
        };
        steps.push((places.get(index).copied().unwrap_or(index), step));
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
