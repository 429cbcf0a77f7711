//! Failures that the queue of logins remembers, and its treatment of a login whose wait is over while it has no turns
//! to give: both are bounded.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use wachat::limits;
use wachat::model::UserName;
use wachat::server::Origin;
use wachat::server::login_queue::{Busy, LoginQueue, Next, Task};
use wachat::state_machine::ConnectionId;

/// A queue whose jobs are the numbers of their addresses.
struct Queue {
    queue: LoginQueue<usize>,
    now: Instant,
    tasks: u64,
}

fn address(number: usize) -> IpAddr {
    [10, (number >> 16) as u8, (number >> 8) as u8, number as u8].into()
}

impl Queue {
    fn new() -> Self {
        Self { queue: LoginQueue::default(), now: Instant::now(), tasks: 0 }
    }

    fn submit(&mut self, number: usize) -> Result<ConnectionId, Busy> {
        self.tasks += 1;
        let connection = ConnectionId(self.tasks);
        let origin = Origin::new(address(number), UserName::new("ana").ok().as_ref());
        let task = Box::new(Task { origin, connection, is_guess: true, job: number });
        self.queue.submit(task, self.now).map(|()| connection)
    }

    /// Says a wrong password, a microsecond after the one before: no wait ends meanwhile.
    fn fail(&mut self, number: usize) {
        self.now += Duration::from_micros(1);
        self.submit(number).expect("a place");
        let Some(Next::Do(ticket, job)) = self.queue.next(self.now) else { panic!("address {number} has to wait") };
        assert_eq!(job, number);
        self.queue.finish(&ticket, Some(false), self.now);
    }

    fn has_to_wait(&mut self, number: usize) -> bool {
        let connection = self.submit(number).expect("a place");
        let waits = self.queue.next_due().is_some();
        let networks = Origin::new(address(number), None).networks;
        self.queue.cancel(&networks, connection).expect("its task");
        waits
    }
}

/// An address takes two places in the memory: for the name, and for any.
#[test]
fn the_oldest_failures_are_forgotten_where_there_is_no_place_for_new_ones() {
    let mut queue = Queue::new();
    for number in [0, 1] {
        (0..limits::FAILURES_PER_NAME).for_each(|_| queue.fail(number));
    }
    let addresses = limits::FAILED_LOGINS / 2;
    (2..addresses).for_each(|number| queue.fail(number));
    assert!(queue.has_to_wait(0) && queue.has_to_wait(1), "there is a place for all");
    // Those that are known take no place of others.
    (0..3).for_each(|_| queue.fail(addresses - 1));
    assert!(queue.has_to_wait(0) && queue.has_to_wait(1));
    queue.fail(addresses);
    assert!(!queue.has_to_wait(0), "the oldest is forgotten");
    assert!(queue.has_to_wait(1), "and no other");
    // A failure of it renews it: then others are the oldest.
    queue.now += limits::FAILURE_WAIT;
    queue.fail(1);
    (1..=3).for_each(|more| queue.fail(addresses + more));
    assert!(queue.has_to_wait(1), "it has failed again since");
    queue.fail(addresses - 1);
    assert!(queue.has_to_wait(addresses - 1), "its failures before count");
}

/// All turns of networks are taken: one more, whose wait is over, is refused and gives its place back.
#[test]
fn a_login_whose_wait_ends_while_all_turns_are_given_is_refused() {
    let mut queue = Queue::new();
    (0..limits::FAILURES_PER_NAME).for_each(|_| queue.fail(0));
    queue.submit(0).expect("a place");
    for number in 1..=limits::AUTH_NETWORKS {
        queue.submit(number).expect("a place");
    }
    let full = queue.queue.unfinished();
    assert_eq!(full, 1 + limits::AUTH_NETWORKS);
    queue.now += limits::FAILURE_WAIT;
    let Some(Next::Refuse(0)) = queue.queue.next(queue.now) else { panic!("the one that has waited is refused") };
    assert_eq!(queue.queue.unfinished(), full - 1);
    assert!(queue.queue.next_due().is_none());
    // The others have their turns, each once, and then the first address finds one, too.
    let mut turns: Vec<_> = std::iter::from_fn(|| match queue.queue.next(queue.now)? {
        Next::Do(ticket, job) => {
            queue.queue.finish(&ticket, None, queue.now);
            Some(job)
        }
        Next::Refuse(job) => panic!("{job} is refused"),
    })
    .collect();
    turns.sort_unstable();
    assert_eq!(turns, (1..=limits::AUTH_NETWORKS).collect::<Vec<_>>());
    assert_eq!(queue.queue.unfinished(), 0);
    queue.submit(0).expect("a place");
    assert!(matches!(queue.queue.next(queue.now), Some(Next::Do(_, 0))));
}

/// A network that has turns is let in however many there are; one more is not, until a place is free.
#[test]
fn one_network_more_than_take_turns_is_refused_at_once() {
    let mut queue = Queue::new();
    for number in 0..limits::AUTH_NETWORKS {
        queue.submit(number).expect("a place");
    }
    for _ in 0..3 {
        assert_eq!(queue.submit(limits::AUTH_NETWORKS).err(), Some(Busy));
        queue.submit(7).expect("a place of one that has turns");
    }
    assert_eq!(queue.queue.unfinished(), limits::AUTH_NETWORKS + 3, "a refused one has no place");
    // The first has its turn, and none that waits any more.
    let Some(Next::Do(ticket, 0)) = queue.queue.next(queue.now) else { panic!("the first") };
    queue.submit(limits::AUTH_NETWORKS).expect("a place");
    queue.queue.finish(&ticket, None, queue.now);
    assert_eq!(queue.submit(0).err(), Some(Busy), "it has given its turns away");
}

/// Trust is for an address that has shown a right password and no wrong one since.
#[test]
fn an_address_that_has_failed_since_has_the_turns_of_any_other() {
    for has_failed in [false, true] {
        let mut queue = Queue::new();
        for number in [0, 1] {
            queue.submit(number).expect("a place");
            let Some(Next::Do(ticket, _)) = queue.queue.next(queue.now) else { panic!("a task") };
            queue.queue.finish(&ticket, Some(true), queue.now);
        }
        if has_failed {
            queue.fail(0);
        } else {
            queue.submit(0).expect("a place");
            let Some(Next::Do(ticket, 0)) = queue.queue.next(queue.now) else { panic!("a task") };
            queue.queue.finish(&ticket, Some(true), queue.now);
        }
        for number in [1, 1, 1, 1, 0] {
            let _ = queue.submit(number).expect("a place");
        }
        let turns: Vec<_> = std::iter::from_fn(|| match queue.queue.next(queue.now)? {
            Next::Do(ticket, job) => {
                queue.queue.finish(&ticket, None, queue.now);
                Some(job)
            }
            Next::Refuse(_) => panic!("a task is refused"),
        })
        .collect();
        // Of three turns an address that is trusted no more has one, and one that is has its own at once.
        let expected = if has_failed { [1, 1, 0, 1, 1] } else { [1, 0, 1, 1, 1] };
        assert_eq!(turns, expected, "has failed: {has_failed}");
    }
}

/// It is unknown whether its client still reads: it is done at its turn, but does not wait after the failure of another
/// one.
#[test]
fn a_login_whose_client_has_closed_its_side_does_not_wait_after_failures() {
    for has_ended in [false, true] {
        let mut queue = Queue::new();
        (1..limits::FAILURES_PER_NAME).for_each(|_| queue.fail(0));
        queue.submit(0).expect("a place");
        let last = queue.submit(0).expect("a place");
        let networks = Origin::new(address(0), None).networks;
        if has_ended {
            assert!(queue.queue.end_input(&networks, last).is_none(), "it is done at its turn");
        }
        let Some(Next::Do(ticket, 0)) = queue.queue.next(queue.now) else { panic!("the first of them") };
        queue.queue.finish(&ticket, Some(false), queue.now);
        let next = queue.queue.next(queue.now);
        assert_eq!(matches!(next, Some(Next::Refuse(0))), has_ended);
        assert_eq!((next.is_none(), queue.queue.unfinished()), (!has_ended, usize::from(!has_ended)));
        assert_eq!(queue.queue.next_due(), (!has_ended).then(|| queue.now + limits::FAILURE_WAIT));
        // One that waits already is refused at once.
        if !has_ended {
            assert!(queue.queue.end_input(&networks, last).is_some() && queue.queue.unfinished() == 0);
        }
    }
}
