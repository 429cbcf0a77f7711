//! Turns by network: one that has many tasks delays another by one of them. In IPv6 a network of 48 bits has one turn, and
//! those in it take turns at that, so that nobody has more of them by having more addresses.

use std::collections::{HashMap, VecDeque};

use crate::model::Network;

/// Tasks by the networks of their addresses, from the largest. Those of an address keep their order.
pub(crate) struct Turns<T> {
    tasks: VecDeque<T>,
    /// The networks that have tasks, and the order of their turns.
    networks: HashMap<Network, Turns<T>>,
    order: VecDeque<Network>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { tasks: VecDeque::new(), networks: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Turns<T> {
    pub fn push(&mut self, networks: &[Network], task: T) {
        let [network, inner @ ..] = networks else { return self.tasks.push_back(task) };
        let order = &mut self.order;
        let turns = self.networks.entry(*network).or_insert_with(|| {
            order.push_back(*network);
            Turns::default()
        });
        turns.push(inner, task);
    }

    /// Takes the task whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let Some(network) = self.order.pop_front() else { return self.tasks.pop_front() };
        let turns = self.networks.get_mut(&network)?;
        let task = turns.pop();
        if turns.is_empty() {
            self.networks.remove(&network);
        } else {
            self.order.push_back(network);
        }
        task
    }

    /// Finds a task of an address.
    pub fn find(&mut self, networks: &[Network], is_it: &dyn Fn(&T) -> bool) -> Option<&mut T> {
        match networks {
            [network, inner @ ..] => self.networks.get_mut(network)?.find(inner, is_it),
            [] => self.tasks.iter_mut().find(|task| is_it(task)),
        }
    }

    /// Removes a task of an address.
    pub fn remove(&mut self, networks: &[Network], is_it: &dyn Fn(&T) -> bool) -> Option<T> {
        let [network, inner @ ..] = networks else {
            let position = self.tasks.iter().position(is_it)?;
            return self.tasks.remove(position);
        };
        let turns = self.networks.get_mut(network)?;
        let task = turns.remove(inner, is_it);
        if turns.is_empty() {
            self.networks.remove(network);
            self.order.retain(|other| other != network);
        }
        task
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.order.is_empty()
    }

    /// Returns how many of the largest networks have tasks.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns whether one of the largest networks has tasks.
    pub fn contains(&self, network: &Network) -> bool {
        self.networks.contains_key(network)
    }
}
