//! The lines that a proxy passes on. Its trace says for which client it has opened a connection to the server; one thread
//! carries each direction, so what is sent at one end between two lines that are received at the other is the first of
//! them: once, twice, or not at all.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::connections::{Connection, Node};

/// Pairs the ends that a proxy has towards a client and towards the server.
pub fn pair(connections: &mut [Connection]) {
    let mut accepted: HashMap<(usize, SocketAddr), usize> = HashMap::new();
    for number in 0..connections.len() {
        let Some(one) = connections.get(number) else { continue };
        let Some(client) = one.carries else {
            accepted.insert((one.run, one.link.peer), number);
            continue;
        };
        if let Some(other) = accepted.get(&(one.run, client)).copied() {
            for (end, next) in [(number, other), (other, number)] {
                if let Some(end) = connections.get_mut(end) {
                    end.next = Some(next);
                }
            }
        }
    }
}

/// Relates each line that a proxy has received at this end to what it has sent at the other.
pub fn relate(source: &Connection, target: &Connection, nodes: &mut [Node]) {
    let mut sent = target.sent.values().copied().peekable();
    let received: Vec<usize> = source.received.values().copied().collect();
    for (place, line) in received.iter().enumerate() {
        let end = received.get(place + 1).copied().unwrap_or(usize::MAX);
        while let Some(copy) = sent.next_if(|copy| *copy < end) {
            relate_lines(*line, copy, nodes);
        }
    }
}

/// Relates a line to one of its copies. What is not the whole line is none; the first copy is the one that counts.
fn relate_lines(line: usize, copy: usize, nodes: &mut [Node]) {
    let text = |node: usize| nodes.get(node).map(|node| &node.entry.text);
    if copy < line || text(line) != text(copy) {
        return;
    }
    if let Some(node) = nodes.get_mut(copy) {
        node.relay = Some(line);
    }
    if let Some(node) = nodes.get_mut(line) {
        node.relay.get_or_insert(copy);
    }
}
