//! A bad network between clients and a server: the proxy of `wachat chaos`, with random faults from a seed.

use std::net::SocketAddr;

use crossbeam_channel::{Receiver, bounded};
use wachat::course::chaos::{Config, Notice, Source};

/// Most decisions of one run that a failure describes.
const STORY: usize = 10_000;

pub struct Proxy {
    proxy: wachat::course::chaos::Proxy,
    notices: Receiver<Notice>,
}

impl Proxy {
    /// Starts a run in which the first connections of each user at each port, this many, are harmed.
    pub fn start(seed: u64, server: [SocketAddr; 2], harmed: u64) -> Self {
        let (sender, notices) = bounded(STORY);
        let source = Source::Plans { seed, connections: harmed };
        let free = [SocketAddr::from(([127, 0, 0, 1], 0)); 2];
        let config = Config { listen: free, server, source, log: None, trace: None, notices: sender };
        Self { proxy: wachat::course::chaos::Proxy::start(config).expect("a proxy"), notices }
    }

    /// Of what stands for the SEND port and the RECV port.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.proxy.addresses()
    }

    /// From now on new connections are not harmed.
    pub fn heal(&self) {
        self.proxy.heal();
    }

    /// Asserts that no duplicate was answered otherwise than the first; says how many there were.
    pub fn assert_same_answers(&self) -> u64 {
        let summary = self.proxy.summary();
        assert_eq!(summary.different, None);
        summary.repeated
    }

    /// Returns how many connections were harmed.
    pub fn harm_done(&self) -> u64 {
        self.proxy.summary().disturbed as u64
    }

    /// Describes the harm, in the order of the connections.
    pub fn story(&self) -> String {
        let line = |notice| match notice {
            Notice::Decided(decision) => format!("  {decision}\n"),
            Notice::Trouble(trouble) => format!("  {trouble}\n"),
        };
        let mut story: Vec<_> = self.notices.try_iter().map(line).collect();
        story.sort();
        story.concat()
    }
}
