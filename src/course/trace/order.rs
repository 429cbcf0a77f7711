//! The order of the nodes: a topological order that a reader can follow. A line is received as soon as it can be, and
//! a process that begins something does so only when another one needs it.

use std::collections::VecDeque;

use super::connections::{Connection, Node};
use super::graph::Graph;
use crate::trace::Entry;

struct Order<'a> {
    nodes: &'a [Node],
    /// For each node the one that it waits for.
    waits_for: Vec<Option<usize>>,
    /// The nodes of each process that are not in the order yet, oldest first.
    waiting: Vec<VecDeque<usize>>,
    done: Vec<bool>,
    /// For each node those that wait for it.
    dependents: Vec<Vec<usize>>,
    /// Nodes whose wait is over.
    ready: VecDeque<usize>,
    order: Vec<usize>,
}

/// Number of contradictions that are described; of the others only the number is.
const DESCRIBED: usize = 5;

/// Returns the order. Where traces contradict each other nodes wait in a circle: a wait is given up, and a note says so.
pub fn order(graph: &mut Graph) -> Vec<usize> {
    let first = busiest_first(&graph.connections, graph.lifelines.len());
    let mut order = Order::new(&graph.nodes, graph.lifelines.len());
    let mut first = first.as_slice();
    let mut count = 0;
    let mut notes = Vec::new();
    while let Some(node) = order.run(&mut first) {
        count += 1;
        if let Some(waits_for) = order.waits_for.get_mut(node) {
            *waits_for = None;
        }
        notes.extend(graph.nodes.get(node).filter(|_| count <= DESCRIBED).map(describe_circle));
    }
    if count > DESCRIBED {
        notes.push(format!("the traces contradict each other in {} further places", count - DESCRIBED));
    }
    let order = order.order;
    graph.notes.extend(notes);
    order
}

fn describe_circle(node: &Node) -> String {
    let Entry { process, event, number, .. } = &node.entry;
    format!(
        "the traces contradict each other: {event} {number} of {process} would come before itself; only the order of \
         {process} is kept there"
    )
}

/// Returns the lifelines, the one with the most connections first: it leads.
fn busiest_first(connections: &[Connection], lifelines: usize) -> Vec<usize> {
    let mut counts = vec![0_usize; lifelines];
    for connection in connections {
        if let Some(count) = counts.get_mut(connection.lifeline) {
            *count += 1;
        }
    }
    let mut first: Vec<_> = (0..lifelines).collect();
    first.sort_by_key(|lifeline| std::cmp::Reverse(counts.get(*lifeline).copied()));
    first
}

impl<'a> Order<'a> {
    fn new(nodes: &'a [Node], lifelines: usize) -> Self {
        let mut waiting = vec![VecDeque::new(); lifelines];
        let mut dependents = vec![Vec::new(); nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            if let Some(queue) = waiting.get_mut(node.lifeline) {
                queue.push_back(index);
            }
            let before = node.waits_for.and_then(|before| dependents.get_mut(before));
            if let Some(dependents) = before {
                dependents.push(index);
            }
        }
        let (ready, order) = Default::default();
        let waits_for = nodes.iter().map(|node| node.waits_for).collect();
        Self { nodes, waits_for, waiting, done: vec![false; nodes.len()], dependents, ready, order }
    }

    /// Orders all nodes. Returns the node at which a circle was found.
    ///
    /// `first` loses the lifelines at its beginning of which all nodes are in the order.
    fn run(&mut self, first: &mut &[usize]) -> Option<usize> {
        loop {
            while let Some(node) = self.ready.pop_front() {
                self.pull(node);
            }
            while first.first().is_some_and(|lifeline| self.head(*lifeline).is_none()) {
                *first = first.get(1..).unwrap_or_default();
            }
            if let Err(circle) = self.advance(*first.first()?) {
                return Some(circle);
            }
        }
    }

    fn head(&self, lifeline: usize) -> Option<usize> {
        self.waiting.get(lifeline)?.front().copied()
    }

    fn lifeline(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.lifeline)
    }

    fn is_done(&self, node: usize) -> bool {
        self.done.get(node).copied().unwrap_or(true)
    }

    /// Returns what a node waits for and has not come yet.
    fn blocker(&self, node: usize) -> Option<usize> {
        self.waits_for.get(node)?.filter(|before| !self.is_done(*before))
    }

    /// Appends the head of a process to the order.
    fn append_head(&mut self, lifeline: usize) {
        let Some(node) = self.waiting.get_mut(lifeline).and_then(VecDeque::pop_front) else { return };
        if let Some(done) = self.done.get_mut(node) {
            *done = true;
        }
        self.order.push(node);
        self.ready.extend(self.dependents.get_mut(node).map(std::mem::take).unwrap_or_default());
    }

    /// Appends the nodes of a process up to this one, as far as none of them waits, and then all whose wait is over.
    fn pull(&mut self, node: usize) {
        let lifeline = self.lifeline(node);
        while let Some(head) = self.head(lifeline).filter(|head| self.blocker(*head).is_none()) {
            let has_waited = self.waits_for.get(head).is_some_and(Option::is_some);
            if self.is_done(node) && !has_waited {
                return;
            }
            self.append_head(lifeline);
        }
    }

    /// Appends one node: the head of this process, or the one that it waits for in the end.
    fn advance(&mut self, mut lifeline: usize) -> Result<(), usize> {
        let mut seen = vec![false; self.waiting.len()];
        while let Some(head) = self.head(lifeline) {
            let Some(blocker) = self.blocker(head) else {
                self.append_head(lifeline);
                return Ok(());
            };
            match seen.get_mut(lifeline) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(head),
            }
            lifeline = self.lifeline(blocker);
        }
        Ok(())
    }
}
