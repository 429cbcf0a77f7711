//! The queue of logins without sockets, threads and a clock: places, turns and waits, to the task.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use wachat::limits;
use wachat::model::UserName;
use wachat::server::login_queue::{Busy, LoginQueue, Next, Task, Ticket};
use wachat::server::{Networks, Origin};
use wachat::state_machine::ConnectionId;

use crate::support::random::Random;

/// A queue whose jobs are the names of their addresses.
struct Queue {
    queue: LoginQueue<IpAddr>,
    now: Instant,
    connections: u64,
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn v4(last: usize) -> IpAddr {
    [10, 0, (last / 250) as u8, (last % 250) as u8].into()
}

impl Queue {
    fn new() -> Self {
        Self { queue: LoginQueue::default(), now: Instant::now(), connections: 0 }
    }

    fn submit(&mut self, peer: IpAddr, name: &str, is_guess: bool) -> Result<ConnectionId, Busy> {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let origin = Origin::new(peer, UserName::new(name).ok().as_ref());
        self.queue.submit(Box::new(Task { origin, connection, is_guess, job: peer }), self.now).map(|()| connection)
    }

    fn guess(&mut self, peer: IpAddr, name: &str) -> Result<ConnectionId, Busy> {
        self.submit(peer, name, true)
    }

    /// Submits until there is no place; returns how many were taken.
    fn fill(&mut self, peer: impl Fn(usize) -> IpAddr) -> usize {
        (0..).take_while(|number| self.guess(peer(*number), &format!("user{number}")).is_ok()).count()
    }

    fn begin(&mut self) -> Option<(Ticket, IpAddr)> {
        match self.queue.next(self.now)? {
            Next::Do(ticket, job) => Some((ticket, job)),
            Next::Refuse(_) => panic!("a task was refused"),
        }
    }

    /// Does the next task; returns its address.
    fn step(&mut self, right: Option<bool>) -> Option<IpAddr> {
        let (ticket, job) = self.begin()?;
        self.queue.finish(&ticket, right, self.now);
        Some(job)
    }

    fn log_in(&mut self, peer: IpAddr, name: &str, right: bool) {
        self.guess(peer, name).expect("a place");
        assert_eq!(self.step(Some(right)), Some(peer), "{name} has to wait");
    }

    fn has_to_wait(&mut self, peer: IpAddr, name: &str) -> bool {
        let connection = self.guess(peer, name).expect("a place");
        let waits = self.queue.next_due().is_some();
        self.queue.cancel(&Networks::of(peer), connection).expect("its task");
        waits
    }
}

#[test]
fn addresses_that_take_all_they_can_leave_places_and_turns() {
    for (attackers, least) in [(1, 140), (8, 140), (32, 5), (90, 1)] {
        let mut queue = Queue::new();
        for last in 1..=attackers {
            queue.fill(|_| v4(last));
        }
        let class = (0..140).filter(|number| queue.guess(v4(0), &format!("alumno{number}")).is_ok()).count();
        assert!(class >= least, "{class} of a class of 140 beside {attackers}");
        let turns: Vec<_> = std::iter::from_fn(|| queue.step(Some(false))).take(attackers + 1).collect();
        assert!(turns.contains(&v4(0)), "{turns:?}");
    }
}

#[test]
fn an_ipv6_customer_has_the_turns_of_one_address_and_few_times_its_places() {
    for (addresses, most) in [("2001:db8:1:5::", 1), ("2001:db8:1:5", 2), ("2001:db8:1:", 4)] {
        let mut queue = Queue::new();
        let peer = |number: usize| match most {
            1 => address(&format!("{addresses}{number:x}")),
            2 => address(&format!("{addresses}{:02x}::1", number % 256)),
            _ => address(&format!("{addresses}{number:x}::1")),
        };
        let taken = queue.fill(peer);
        assert!(taken <= most * limits::AUTH_QUEUE_PER_ADDRESS, "{taken} of {addresses}");
        assert!(taken >= limits::AUTH_QUEUE_PER_ADDRESS, "{taken} of {addresses}");
        queue.guess(v4(1), "ana").expect("a place");
        let turns = [queue.step(Some(false)), queue.step(Some(false))];
        assert!(turns.contains(&Some(v4(1))), "{turns:?}");
    }
}

#[test]
fn failures_of_an_ipv6_customer_count_together() {
    let mut queue = Queue::new();
    let peer = |number: usize| address(&format!("2001:db8:1:{number:x}::1"));
    let most = limits::FAILURES_PER_NAME * 4;
    let free = (0..most + 10).take_while(|number| {
        let is_free = !queue.has_to_wait(peer(*number * 0x100), "ana");
        if is_free {
            queue.log_in(peer(*number * 0x100), "ana", false);
        }
        is_free
    });
    assert_eq!(free.count(), most, "guesses of one name from a network of 48 bits");
    assert!(!queue.has_to_wait(address("2001:db8:2::1"), "ana"), "another network");
}

/// The sum of `limits::AUTH_NETWORKS`.
#[test]
fn a_login_waits_for_no_more_than_the_sum_of_the_limits() {
    let mut queue = Queue::new();
    for number in 0..limits::AUTH_NETWORKS {
        queue.log_in(v4(number), "ana", true);
    }
    let trusted = |number: usize| v4(number % limits::AUTH_NETWORKS);
    let others = |number: usize| v4(1_000 + number);
    for number in 0..5 * limits::AUTH_NETWORKS {
        queue.guess(trusted(number), "ana").expect("a place");
    }
    let taken = (0..1_000).filter(|number| queue.guess(others(*number), "ana").is_ok()).count();
    assert_eq!(taken, limits::AUTH_NETWORKS, "networks that take turns");
    let last = others(limits::AUTH_NETWORKS - 1);
    let mut turns = Vec::new();
    while turns.last() != Some(&last) {
        turns.push(queue.step(None).expect("a task"));
    }
    let sum = limits::AUTH_NETWORKS * limits::AUTH_TURNS as usize;
    assert!(turns.len() <= sum, "{} turns, not {sum}", turns.len());
    // Most of the turns are of those that are trusted.
    let of_trusted = turns.iter().filter(|turn| **turn < v4(1_000)).count();
    assert!(of_trusted * 3 >= turns.len() * 2 - 3, "{of_trusted} of {}", turns.len());
}

#[test]
fn trust_is_for_passwords_alone() {
    let mut queue = Queue::new();
    queue.log_in(v4(1), "ana", true);
    queue.log_in(v4(2), "luis", true);
    (0..60).for_each(|number| _ = queue.submit(v4(1), &format!("user{number}"), false).expect("a place"));
    queue.guess(v4(2), "luis").expect("a place");
    queue.guess(v4(3), "eva").expect("a place");
    let turns: Vec<_> = std::iter::from_fn(|| queue.step(None)).take(5).collect();
    assert_eq!(turns, [v4(1), v4(2), v4(3), v4(1), v4(1)], "one of all others, the trusted guess, all others in turns");
}

#[test]
fn a_success_forgives_the_failures_of_its_own_name_alone() {
    let mut queue = Queue::new();
    let class = v4(1);
    let guesser = v4(2);
    for number in 0..limits::FAILURES_PER_ADDRESS {
        for peer in [class, guesser] {
            queue.log_in(peer, &format!("user{}", number / 2), false);
        }
        // The guesser has an account; those of the class log in in the end.
        if number + 1 < limits::FAILURES_PER_ADDRESS {
            queue.log_in(guesser, "mallory", true);
        }
        if number % 2 == 1 {
            queue.log_in(class, &format!("user{}", number / 2), true);
        }
    }
    assert!(!queue.has_to_wait(class, "ana"), "a class that mistypes");
    assert!(queue.has_to_wait(guesser, "ana") && queue.has_to_wait(guesser, "mallory"), "a guesser with an account");
    // Another one's success ends no wait for a name.
    (0..limits::FAILURES_PER_NAME).for_each(|_| queue.log_in(class, "ana", false));
    queue.log_in(class, "luis", true);
    assert!(queue.has_to_wait(class, "ana"));
}

#[test]
fn guesses_at_once_are_no_more_than_one_after_the_other() {
    let mut queue = Queue::new();
    (0..limits::FAILURES_PER_NAME).for_each(|_| queue.log_in(v4(1), "ana", false));
    for _ in 0..4 {
        queue.guess(v4(1), "ana").expect("a place");
    }
    assert!(queue.begin().is_none());
    queue.now += limits::FAILURE_WAIT;
    let (ticket, _) = queue.begin().expect("the first of them");
    assert!(queue.begin().is_none(), "its result is not known");
    queue.queue.finish(&ticket, Some(false), queue.now);
    queue.now += limits::FAILURE_WAIT;
    assert!(queue.begin().is_none(), "the wait is twice as long");
    queue.now += limits::FAILURE_WAIT;
    let (ticket, _) = queue.begin().expect("the second");
    // It was right: the others wait no longer.
    queue.queue.finish(&ticket, Some(true), queue.now);
    assert!(queue.begin().is_some() && queue.begin().is_some());
    assert!(queue.begin().is_none());
}

/// All that wait are in their waits when the result of one is known: a right password ends those of its address and name.
#[test]
fn a_success_ends_the_waits_of_its_own_name_and_address_and_no_others() {
    let v6 = address("2001:db8::1");
    let origins = [(1, "ana", 2), (1, "luis", 2), (2, "ana", 4), (3, "eva", 3)];
    let peer = |last| if last == 3 { v6 } else { v4(last) };
    for lucky in 0..origins.len() {
        let mut queue = Queue::new();
        for (last, name, _) in origins {
            (0..limits::FAILURES_PER_NAME).for_each(|_| queue.log_in(peer(last), name, false));
        }
        for (last, name, tasks) in origins {
            (0..tasks).for_each(|_| _ = queue.guess(peer(last), name).expect("a place"));
        }
        queue.now += limits::FAILURE_WAIT;
        let under_way: Vec<_> = std::iter::from_fn(|| queue.begin()).collect();
        let mut addresses: Vec<_> = under_way.iter().map(|(_, job)| *job).collect();
        assert_eq!(addresses.len(), origins.len(), "one of each");
        addresses.sort_unstable();
        // The first ones came first, and have turned in that order within an address.
        let (last, _, tasks) = origins[lucky];
        let nth = origins[..lucky].iter().filter(|(other, ..)| *other == last).count();
        let of_peer = under_way.iter().filter(|(_, job)| *job == peer(last));
        let (ticket, _) = of_peer.clone().nth(nth).expect("its ticket");
        queue.queue.finish(ticket, Some(true), queue.now);
        let ended: Vec<_> = std::iter::from_fn(|| queue.begin()).collect();
        assert_eq!(ended.len(), tasks - 1, "no time has passed: {:?}", origins[lucky]);
        assert!(ended.iter().all(|(_, job)| *job == peer(last)), "of another address: {:?}", origins[lucky]);
        // A wrong one of another origin ends none.
        let wrong = under_way.iter().find(|(_, job)| *job != peer(last)).expect("another");
        queue.queue.finish(&wrong.0, Some(false), queue.now);
        assert!(queue.begin().is_none());
    }
}

#[test]
fn guesses_that_wait_have_few_places_an_address_and_take_none_of_others() {
    let mut queue = Queue::new();
    for last in 0..200 {
        (0..limits::FAILURES_PER_NAME).for_each(|_| queue.log_in(v4(last), "ana", false));
        let taken = (0..100).filter(|_| queue.guess(v4(last), "ana").is_ok()).count();
        assert!(taken <= limits::AUTH_ASIDE_PER_ADDRESS && (last > 25 || taken >= 5), "{taken} of address {last}");
    }
    assert!(queue.queue.unfinished() <= limits::AUTH_ASIDE);
    let taken = queue.fill(|_| v4(1_000));
    assert_eq!(taken, limits::AUTH_QUEUE_PER_ADDRESS, "one that has nothing to wait for has all its places");
}

/// Whatever happens in whatever order: each task ends once, and no place is lost.
#[test]
fn every_task_ends_once_and_gives_its_place_back() {
    let mut random = Random::new(7);
    for _ in 0..50 {
        let mut below = |end: usize| random.below(end as u64) as usize;
        let mut queue = Queue::new();
        let mut open: BTreeMap<u64, IpAddr> = BTreeMap::new();
        let mut under_way: Vec<Ticket> = Vec::new();
        let mut submitted = 0;
        let mut ended = 0;
        for _ in 0..600 {
            let peer = if below(2) == 0 { v4(below(3)) } else { address("2001:db8::1") };
            match below(10) {
                0..5 => {
                    let name = format!("user{}", below(3));
                    if let Ok(connection) = queue.submit(peer, &name, below(4) > 0) {
                        open.insert(connection.0, peer);
                        submitted += 1;
                    }
                }
                5 => {
                    let any = open.iter().nth(below(open.len().max(1))).map(|(id, peer)| (*id, *peer));
                    let Some((id, peer)) = any else { continue };
                    let networks = Networks::of(peer);
                    let id = ConnectionId(id);
                    let is_close = below(2) == 0;
                    let job =
                        if is_close { queue.queue.cancel(&networks, id) } else { queue.queue.end_input(&networks, id) };
                    ended += usize::from(job.is_some());
                }
                6 if under_way.len() < limits::AUTH_THREADS => match queue.queue.next(queue.now) {
                    Some(Next::Do(ticket, _)) => under_way.push(ticket),
                    Some(Next::Refuse(_)) => ended += 1,
                    None => {}
                },
                7 | 8 => {
                    let Some(ticket) = under_way.pop() else { continue };
                    queue.queue.finish(&ticket, Some(below(3) == 0), queue.now);
                    ended += 1;
                }
                _ => queue.now += Duration::from_millis(300),
            }
            assert_eq!(queue.queue.unfinished(), submitted - ended);
        }
        under_way.iter().for_each(|ticket| queue.queue.finish(ticket, None, queue.now));
        for (id, peer) in open {
            queue.queue.cancel(&Networks::of(peer), ConnectionId(id));
        }
        assert_eq!(queue.queue.unfinished(), 0);
        assert!(queue.queue.next_due().is_none() && queue.begin().is_none());
        assert_eq!(queue.fill(|_| v4(77)), limits::AUTH_QUEUE_PER_ADDRESS, "all places are free");
    }
}

/// The rules of the page for wrong passwords, applied to the list of all of them.
#[derive(Default)]
struct Wrong {
    /// Those that no success has forgiven, by address and name.
    counted: Vec<(IpAddr, usize)>,
    /// The last one, forgiven or not, of an address for a name and for any.
    last: BTreeMap<(IpAddr, Option<usize>), Instant>,
}

impl Wrong {
    fn note(&mut self, peer: IpAddr, name: usize, right: bool, now: Instant) {
        if right {
            self.counted.retain(|one| *one != (peer, name));
            return;
        }
        self.counted.push((peer, name));
        for name in [None, Some(name)] {
            self.last.insert((peer, name), now);
        }
    }

    /// Returns the time at which the next password of an address for a name is verified.
    fn due(&self, peer: IpAddr, name: usize) -> Option<Instant> {
        let of = |only: Option<usize>| {
            self.counted.iter().filter(|(from, name)| *from == peer && only.is_none_or(|only| only == *name)).count()
        };
        let limits = [(Some(name), limits::FAILURES_PER_NAME), (None, limits::FAILURES_PER_ADDRESS)];
        let waits = limits.into_iter().filter_map(|(name, most)| {
            let doublings = of(name).checked_sub(most)?;
            let wait =
                (0..doublings.min(6)).fold(limits::FAILURE_WAIT, |wait, _| wait * 2).min(limits::MAX_FAILURE_WAIT);
            Some(*self.last.get(&(peer, name))? + wait)
        });
        waits.max()
    }
}

/// Some names that succeed now and then, and a crowd of names that fail: an address reaches the wait for any name.
#[test]
fn waits_are_those_of_the_failures_that_no_success_has_forgiven() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut queue = Queue::new();
        let mut wrong = Wrong::default();
        let mut waits = 0;
        let mut waits_for_any = 0;
        // Two users who log in, and many names that are guessed, each few times.
        let mut names: Vec<usize> = vec![1, 2];
        names.extend(10..10 + 90);
        let addresses = [v4(1), v4(2), address("2001:db8::1")];
        for _ in 0..900 {
            let peer = addresses[usize::from(random.chance(20)) + usize::from(random.chance(5))];
            let name = if random.chance(30) { 1 + random.below(2) as usize } else { names[random.below(92) as usize] };
            let due = wrong.due(peer, name).filter(|due| *due > queue.now);
            let connection = queue.guess(peer, &format!("user{name}")).expect("a place");
            let shown = queue.queue.next_due();
            assert_eq!(shown, due, "seed {seed}: user{name} of {peer}, {:?}", due.map(|due| due - queue.now));
            waits += usize::from(due.is_some());
            waits_for_any += usize::from(due.is_some() && name >= 10);
            if let Some(due) = due {
                if random.chance(60) {
                    queue.queue.cancel(&Networks::of(peer), connection).expect("its task");
                    continue;
                }
                queue.now = due;
            }
            let right = name < 10 && random.chance(25);
            assert_eq!(queue.step(Some(right)), Some(peer), "seed {seed}: it is verified at its time");
            wrong.note(peer, name, right, queue.now);
            if random.chance(3) {
                queue.now += Duration::from_millis(random.below(90_000));
            }
        }
        assert!(waits > 20 && waits_for_any > 0, "seed {seed}: {waits} waits, {waits_for_any} for any name");
    }
}

#[test]
fn an_hour_without_a_failure_forgives_all() {
    let mut queue = Queue::new();
    for name in 0..=limits::FAILURES_PER_ADDRESS {
        queue.now += limits::MAX_FAILURE_WAIT;
        queue.log_in(v4(1), &format!("user{name}"), false);
    }
    (1..limits::FAILURES_PER_NAME).for_each(|_| {
        queue.now += limits::MAX_FAILURE_WAIT;
        queue.log_in(v4(1), "user1", false);
    });
    assert!(queue.has_to_wait(v4(1), "user1") && queue.has_to_wait(v4(1), "ana"));
    queue.now += limits::FAILURE_MEMORY + Duration::from_secs(1);
    for failures in 1..=limits::FAILURES_PER_NAME {
        assert!(!queue.has_to_wait(v4(1), "user1") && !queue.has_to_wait(v4(1), "ana"), "{failures}");
        queue.log_in(v4(1), "user1", false);
    }
    assert!(queue.has_to_wait(v4(1), "user1") && !queue.has_to_wait(v4(1), "ana"));
}
