//! The connections in the traces: pairs the two ends of each, and their lines. The ends have the same addresses, and the
//! line with the same number in the same direction is the same line.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use crate::protocol::Login;
use crate::trace::{Entry, Event, FOR, Link};

/// An entry of a trace among those of all runs.
pub struct Node {
    pub run: usize,
    pub lifeline: usize,
    pub entry: Entry<'static>,
    pub connection: Option<usize>,
    /// The node of another process that comes before this one.
    pub waits_for: Option<usize>,
    /// The same line at the other end.
    pub pair: Option<usize>,
    /// Of a line that a proxy has received: the step in which it was sent on, and the other way round.
    pub relay: Option<usize>,
}

/// One end of a connection, as one process has recorded it.
pub struct Connection {
    pub run: usize,
    pub lifeline: usize,
    pub link: Link,
    pub user: String,
    /// The device that its login line names; empty: the nameless one, or the line is not known.
    pub device: String,
    /// The nodes of the lines that were received, by their numbers.
    pub received: BTreeMap<u64, usize>,
    pub sent: BTreeMap<u64, usize>,
    /// The node of `CLOSE`.
    pub close: Option<usize>,
    /// The other end, where a trace has it.
    pub mate: Option<usize>,
    /// This process has opened it: it sends the requests.
    pub is_client: bool,
    /// Of a proxy, at its end towards the server: the address of the client whose lines are carried.
    pub carries: Option<SocketAddr>,
    /// Of a proxy: its end on the other side.
    pub next: Option<usize>,
}

/// Finds the connections. Each node of one is given its number.
pub fn find(nodes: &mut [Node]) -> Vec<Connection> {
    let mut connections: Vec<Connection> = Vec::new();
    let mut current: HashMap<(usize, SocketAddr, SocketAddr), usize> = HashMap::new();
    for (index, node) in nodes.iter_mut().enumerate() {
        let Some(link) = node.entry.link else { continue };
        let key = (node.run, link.local, link.peer);
        let known = current.get(&key).copied().filter(|_| node.entry.event != Event::Open);
        let number = known.unwrap_or(connections.len());
        if known.is_none() {
            connections.push(Connection::new(node, link));
            current.insert(key, number);
        }
        node.connection = Some(number);
        if let Some(connection) = connections.get_mut(number) {
            connection.add(node, index);
        }
    }
    connections
}

impl Connection {
    fn new(node: &Node, link: Link) -> Self {
        let (user, device, received, sent, close, mate, carries, next) = Default::default();
        let run = node.run;
        let lifeline = node.lifeline;
        let is_client = node.entry.process.starts_with("client");
        Self { run, lifeline, link, user, device, received, sent, close, mate, is_client, carries, next }
    }

    fn add(&mut self, node: &Node, index: usize) {
        let entry = &node.entry;
        if !entry.user.is_empty() {
            self.user = entry.user.to_string();
        }
        if entry.number == 1
            && let Some(login) = Login::parse(entry.text.as_bytes())
        {
            self.device = login.device.to_owned();
            if self.user.is_empty() {
                self.user = login.user.to_owned();
            }
        }
        match entry.event {
            Event::In => _ = self.received.insert(entry.number, index),
            Event::Out => _ = self.sent.insert(entry.number, index),
            Event::Close => self.close = Some(index),
            Event::Open => {
                self.is_client |= entry.text.starts_with("local");
                self.carries = entry.text.split_once(FOR).and_then(|(_, address)| address.parse().ok());
            }
            _ => {}
        }
    }
}

/// Pairs the ends: those with the same addresses whose lines agree. Where an address was used again, in their order.
pub fn pair(connections: &mut [Connection], nodes: &[Node]) {
    let mut by_address: HashMap<(SocketAddr, SocketAddr), Vec<usize>> = HashMap::new();
    for (number, one) in connections.iter().enumerate() {
        by_address.entry((one.link.local, one.link.peer)).or_default().push(number);
    }
    for number in 0..connections.len() {
        let Some(one) = connections.get(number).filter(|one| one.mate.is_none()) else { continue };
        let other_way = by_address.get(&(one.link.peer, one.link.local)).map_or(&[][..], Vec::as_slice);
        let free = |mate: &&usize| {
            let mate = connections.get(**mate);
            mate.is_some_and(|mate| mate.mate.is_none() && mate.lifeline != one.lifeline)
        };
        let agrees = |mate: &&usize| {
            let mate = connections.get(**mate);
            mate.is_some_and(|mate| difference(one, mate, nodes).is_none())
        };
        let candidates: Vec<_> = other_way.iter().filter(free).collect();
        // If none agrees, the traces contradict each other, which `graph` reports.
        let found = candidates.iter().copied().find(|mate| agrees(mate)).or(candidates.first().copied()).copied();
        if let Some(mate) = found {
            let ends = [(number, mate), (mate, number)];
            for (end, mate) in ends {
                if let Some(end) = connections.get_mut(end) {
                    end.mate = Some(mate);
                }
            }
        }
    }
}

/// Returns the first line that both ends have, and that is not the same: the node of each.
pub fn difference(one: &Connection, other: &Connection, nodes: &[Node]) -> Option<(usize, usize)> {
    let differs = |(a, b): &(usize, usize)| match (nodes.get(*a), nodes.get(*b)) {
        (Some(a), Some(b)) => a.entry.text != b.entry.text,
        _ => false,
    };
    common(&one.sent, &other.received).chain(common(&one.received, &other.sent)).find(differs)
}

/// Returns the nodes of the lines that are in both.
pub fn common<'a>(
    one: &'a BTreeMap<u64, usize>,
    other: &'a BTreeMap<u64, usize>,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    one.iter().filter_map(|(number, node)| Some((*node, *other.get(number)?)))
}
