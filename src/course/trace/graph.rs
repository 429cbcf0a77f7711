//! The entries of all runs and their relations: the same line at both ends, and what comes before what.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use super::connections::{self, Connection, Node, common, difference};
use super::relay;
use super::run::Run;
use crate::protocol::Port;
use crate::text::cut;
use crate::trace::{Event, SERVER};

/// Cells of a line that a note quotes.
const QUOTED: usize = 60;

/// One vertical line of a diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifeline {
    pub name: String,
    /// A trace of it was read. The others are known from their peers only.
    pub is_traced: bool,
}

pub struct End {
    /// The node of `STOP`, or of the kill that was concluded; `None`: the trace ends before.
    node: Option<usize>,
    /// A part of the run is not in its trace.
    is_cut: bool,
}

#[derive(Default)]
pub struct Graph {
    pub lifelines: Vec<Lifeline>,
    /// Their numbers, by their names.
    numbers: HashMap<String, usize>,
    pub nodes: Vec<Node>,
    pub connections: Vec<Connection>,
    /// The end of each run.
    ends: Vec<End>,
    /// The places where traces contradict each other, or are cut.
    pub notes: Vec<String>,
}

impl Graph {
    pub fn new(runs: Vec<Run>) -> Self {
        let mut graph = Self::default();
        for run in runs {
            graph.add(run);
        }
        graph.connections = connections::find(&mut graph.nodes);
        connections::pair(&mut graph.connections, &graph.nodes);
        relay::pair(&mut graph.connections);
        graph.relate();
        graph.relate_relays();
        graph
    }

    fn add(&mut self, Run { lifeline: name, entries, is_cut }: Run) {
        let run = self.ends.len();
        let lifeline = self.lifeline(name, true);
        let node = |entry| Node { run, lifeline, entry, connection: None, waits_for: None, pair: None, relay: None };
        self.nodes.extend(entries.into_iter().map(node));
        let is_end = |last: &&Node| matches!(last.entry.event, Event::Stop | Event::Killed);
        let node = self.nodes.last().filter(is_end).map(|_| self.nodes.len() - 1);
        self.ends.push(End { node, is_cut });
    }

    /// Returns the lifeline with this name, which is added if there is none.
    fn lifeline(&mut self, name: String, is_traced: bool) -> usize {
        let next = self.lifelines.len();
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.lifelines.push(Lifeline { name, is_traced });
        }
        number
    }

    fn name(&self, lifeline: usize) -> &str {
        self.lifelines.get(lifeline).map_or("", |lifeline| lifeline.name.as_str())
    }

    /// Pairs the lines of both ends of each connection, and sets what each node waits for.
    fn relate(&mut self) {
        let mut missing = BTreeMap::<(usize, usize), usize>::new();
        let connections = std::mem::take(&mut self.connections);
        for (number, one) in connections.iter().enumerate() {
            let Some(mate) = one.mate.and_then(|mate| connections.get(mate)) else { continue };
            if one.mate > Some(number) {
                let note = difference(one, mate, &self.nodes).and_then(|lines| self.describe_difference(lines));
                self.notes.extend(note);
            }
            self.pair_lines(one, mate);
            self.order_closes(one, mate);
            let unsent = mate.received.keys().filter(|number| !one.sent.contains_key(number)).count();
            *missing.entry((one.lifeline, mate.lifeline)).or_default() += unsent;
        }
        self.connections = connections;
        for ((sender, receiver), count) in missing.into_iter().filter(|(_, count)| *count > 0) {
            let sender = self.name(sender);
            let receiver = self.name(receiver);
            self.notes.push(format!(
                "{count} lines that {receiver} has received are not in the trace of {sender}: it was cut, or {sender} \
                 was killed before it had written them"
            ));
        }
    }

    /// Relates the lines that each proxy has received to those that it has sent on.
    fn relate_relays(&mut self) {
        for source in &self.connections {
            if let Some(target) = source.next.and_then(|next| self.connections.get(next)) {
                relay::relate(source, target, &mut self.nodes);
            }
        }
    }

    /// Pairs the lines that one end has sent and the other has received.
    fn pair_lines(&mut self, one: &Connection, mate: &Connection) {
        for (sent, received) in common(&one.sent, &mate.received) {
            let lines = self.nodes.get(sent).zip(self.nodes.get(received));
            if lines.is_some_and(|(a, b)| a.entry.text == b.entry.text) {
                self.update(sent, |node| node.pair = Some(received));
                self.update(received, |node| (node.pair, node.waits_for) = (Some(sent), Some(sent)));
            }
        }
    }

    fn update(&mut self, node: usize, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(node) {
            change(node);
        }
    }

    /// If the peer has closed a connection, its close, or the end of its process, comes before.
    fn order_closes(&mut self, one: &Connection, mate: &Connection) {
        let is_by_peer = |close: &usize| self.nodes.get(*close).is_some_and(|node| node.entry.text.starts_with("peer"));
        let Some(close) = one.close.filter(is_by_peer) else { return };
        let end = self.ends.get(mate.run).and_then(|end| end.node);
        let before = mate.close.filter(|close| !is_by_peer(close)).or(end);
        self.update(close, |node| node.waits_for = before);
    }

    fn describe_difference(&self, (one, other): (usize, usize)) -> Option<String> {
        let one = self.nodes.get(one)?;
        let other = self.nodes.get(other)?;
        let link = one.entry.link?;
        let number = one.entry.number;
        let word = if one.entry.event == Event::Out { "sent" } else { "received" };
        let [text, other_text] = [one, other].map(|node| cut(&node.entry.text, QUOTED));
        Some(format!(
            "the traces of {} and {} contradict each other about {} - {}: line {number} {word} is {text:?} in one and \
             {other_text:?} in the other",
            self.name(one.lifeline),
            self.name(other.lifeline),
            link.local,
            link.peer
        ))
    }

    /// Returns for each connection the lifeline of its other end. Where no trace has it, it is added.
    pub fn other_ends(&mut self) -> Vec<usize> {
        let has_server = self.lifelines.iter().any(|lifeline| lifeline.name == SERVER);
        let connections = std::mem::take(&mut self.connections);
        let several = users_of_several_devices(&connections);
        let listeners: HashMap<_, _> = connections.iter().map(|one| (one.link.local, one.lifeline)).collect();
        let mut others = Vec::new();
        for connection in &connections {
            // A server that is killed has not recorded the last connections to its address.
            let listener = listeners.get(&connection.link.peer).filter(|_| connection.is_client);
            let mate = connection.mate.and_then(|mate| connections.get(mate)).map(|mate| mate.lifeline);
            others.push(match mate.or(listener.copied()) {
                Some(lifeline) => lifeline,
                None => self.lifeline(self.name_of_other_end(connection, has_server, &several), false),
            });
        }
        self.connections = connections;
        others
    }

    /// Names an end without a trace: after the user, and the device of a user who has `several`, or by its address.
    fn name_of_other_end(&self, connection: &Connection, has_server: bool, several: &HashSet<&str>) -> String {
        let has_device = !connection.device.is_empty() && several.contains(connection.user.as_str());
        let name = match connection.is_client {
            true if !has_server => SERVER.to_owned(),
            true => connection.link.peer.to_string(),
            false if has_device => format!("{}:{}", connection.user, connection.device),
            false if !connection.user.is_empty() => connection.user.clone(),
            // Clients that have not logged in: all of one machine are one.
            false => connection.link.peer.ip().to_string(),
        };
        // A user may have the name of a process.
        let is_taken = self.lifelines.iter().any(|known| known.is_traced && known.name == name);
        if is_taken { format!("{name}-untraced") } else { name }
    }

    /// Checks that a line was sent, and that the other end has ended without it; or that a proxy has received it, and has
    /// gone on without sending it.
    pub fn is_lost(&self, node: &Node) -> bool {
        let connection = |number: usize| self.connections.get(number);
        let Some(own) = node.connection.and_then(connection) else { return false };
        if node.entry.event == Event::In {
            let is_followed =
                own.received.range((Bound::Excluded(node.entry.number), Bound::Unbounded)).next().is_some();
            let is_kept = own.next.is_some() && node.relay.is_none();
            return is_kept && self.is_whole(own) && (is_followed || self.has_recorded_all(own));
        }
        let mate = own.mate.and_then(connection);
        let Some(mate) = mate.filter(|_| node.entry.event == Event::Out && node.pair.is_none()) else { return false };
        let is_behind = mate.received.last_key_value().is_none_or(|(last, _)| *last < node.entry.number);
        is_behind && self.has_recorded_all(mate)
    }

    fn is_whole(&self, connection: &Connection) -> bool {
        self.ends.get(connection.run).is_some_and(|end| !end.is_cut)
    }

    /// Checks that the trace has everything that this end has received.
    fn has_recorded_all(&self, connection: &Connection) -> bool {
        let Some(End { node, is_cut: false }) = self.ends.get(connection.run) else { return false };
        let end = node.and_then(|node| self.nodes.get(node));
        connection.close.is_some() || end.is_some_and(|end| end.entry.event == Event::Stop)
    }
}

/// Returns the users who have had sessions of several devices.
fn users_of_several_devices(connections: &[Connection]) -> HashSet<&str> {
    let sessions = || connections.iter().filter(|one| one.link.port == Port::Recv);
    let known: HashMap<_, _> = sessions().map(|one| (one.user.as_str(), one.device.as_str())).collect();
    let is_other = |one: &&Connection| known.get(one.user.as_str()).is_some_and(|device| *device != one.device);
    sessions().filter(is_other).map(|one| one.user.as_str()).collect()
}
