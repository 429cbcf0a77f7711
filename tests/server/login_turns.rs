//! Turns at the verification of passwords (protocol, section 3): who has many that wait takes no more of them than others.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use wachat::limits;
use wachat::model::UserName;
use wachat::server::Origin;
use wachat::server::login_queue::{LoginQueue, Next, Task};
use wachat::state_machine::ConnectionId;

use crate::support::random::Random;

/// A queue whose jobs are the numbers of their addresses, and their own.
struct Queue {
    queue: LoginQueue<(usize, u64)>,
    /// The jobs of each address that wait, oldest first.
    waiting: BTreeMap<usize, Vec<u64>>,
    tasks: u64,
}

/// Addresses of which each is a network of its own, also among the largest that count.
fn address(number: usize) -> IpAddr {
    let text = if number.is_multiple_of(2) { format!("10.0.0.{number}") } else { format!("2001:db8:{number}::1") };
    text.parse().expect("an address")
}

impl Queue {
    /// The first addresses have shown a right password before.
    fn new(trusted: usize) -> Self {
        let mut queue = Self { queue: LoginQueue::default(), waiting: BTreeMap::new(), tasks: 0 };
        for number in 0..trusted {
            queue.submit(number);
            assert_eq!(queue.take(Some(true)), number);
        }
        queue
    }

    fn submit(&mut self, number: usize) {
        self.tasks += 1;
        let origin = Origin::new(address(number), UserName::new("ana").ok().as_ref());
        let task =
            Box::new(Task { origin, connection: ConnectionId(self.tasks), is_guess: true, job: (number, self.tasks) });
        self.queue.submit(task, Instant::now()).expect("a place");
        self.waiting.entry(number).or_default().push(self.tasks);
    }

    /// Does the next task, which has to be the oldest of its address; returns the address.
    fn take(&mut self, right: Option<bool>) -> usize {
        let Some(Next::Do(ticket, (number, task))) = self.queue.next(Instant::now()) else { panic!("a task") };
        self.queue.finish(&ticket, right, Instant::now());
        let waiting = self.waiting.get_mut(&number).expect("an address");
        assert_eq!(waiting.remove(0), task, "the oldest of address {number}");
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        number
    }
}

/// Of two addresses that both have passwords waiting, none has two turns between two of the other.
fn check_turns(seen: &mut BTreeMap<(usize, usize), usize>, turn: usize, others: &[usize], what: &str) {
    for other in others.iter().filter(|other| **other != turn) {
        let since: &mut usize = seen.entry((*other, turn)).or_default();
        *since += 1;
        assert!(*since <= 1, "{what}: address {turn} has had {since} turns while {other} waits");
        seen.remove(&(turn, *other));
    }
}

#[test]
fn addresses_have_turns_one_after_the_other_and_trusted_ones_two_of_three() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let all = 12;
        let trusted = 5;
        let mut queue = Queue::new(trusted);
        let is_trusted = |number: usize| number < trusted;
        let mut seen = BTreeMap::new();
        let mut turns_in_a_row = [0_u64; 2];
        for step in 0..600 {
            let what = format!("seed {seed}, step {step}");
            if random.chance(55) || queue.waiting.is_empty() {
                // Some come with many at once.
                let number = random.below(all) as usize;
                let most = limits::AUTH_QUEUE_PER_ADDRESS / 8;
                let count = if random.chance(5) { 20 } else { 1 };
                if queue.waiting.get(&number).is_none_or(|waiting| waiting.len() + count < most) {
                    (0..count).for_each(|_| queue.submit(number));
                }
                continue;
            }
            let (of_trusted, of_others): (Vec<_>, Vec<_>) =
                queue.waiting.keys().copied().partition(|number| is_trusted(*number));
            let turn = queue.take(None);
            check_turns(&mut seen, turn, if is_trusted(turn) { &of_trusted } else { &of_others }, &what);
            // An address without waiting logins begins anew.
            seen.retain(|(other, _), _| queue.waiting.contains_key(other));
            if of_trusted.is_empty() || of_others.is_empty() {
                turns_in_a_row = [0; 2];
                continue;
            }
            let class = usize::from(!is_trusted(turn));
            turns_in_a_row[class] += 1;
            turns_in_a_row[1 - class] = 0;
            assert!(turns_in_a_row[0] < limits::AUTH_TURNS, "{what}: others have their turn");
            assert!(turns_in_a_row[1] <= 1, "{what}: trusted addresses have more turns");
        }
    }
}
