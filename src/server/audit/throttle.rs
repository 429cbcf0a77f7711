//! Limits the lines that a client can cause. For each address or user a period of [`limits::AUDIT_PERIOD`] begins with
//! the first event. In it this many events have a line each; the others are counted, and have one line together when
//! the period is over, which begins the next one. So no address and no user has more lines in a period than the limit,
//! and no event is lost from the counts. Memory is bounded: [`limits::AUDIT_KEYS`] periods run at once.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use super::event::{Event, LoginFailure};
use crate::limits;
use crate::model::UserName;
use crate::protocol::Code;
use crate::server::connections::networks::network;

/// The common part of the lines of a period.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// An address, or in IPv6 its network of 64 bits; each reason counts by itself, so that failures that no guard counts
    /// cannot hide others.
    Login(IpAddr, LoginFailure),
    Connection(IpAddr),
    /// A user and a code; an address where no user is known.
    User(Result<UserName, IpAddr>, Code),
    /// All that have no period of their own.
    Others,
}

/// The running periods of one kind of events.
struct Throttle {
    /// Most lines in a period.
    lines: u32,
    periods: HashMap<Key, Period>,
    /// The keys in the order in which their periods began, which is the order in which they end.
    order: VecDeque<(Instant, Key)>,
}

struct Period {
    lines: u32,
    /// Number of events without a line, and the last of them.
    counted: u64,
    last: Option<Event>,
}

/// The throttles of the events that clients can cause.
pub(crate) struct Throttles {
    failed_logins: Throttle,
    refusals: Throttle,
    connections: Throttle,
}

impl Default for Throttles {
    fn default() -> Self {
        Self {
            failed_logins: Throttle::new(limits::AUDIT_FAILED_LOGINS),
            refusals: Throttle::new(limits::AUDIT_REFUSALS),
            connections: Throttle::new(limits::AUDIT_REFUSALS),
        }
    }
}

/// Events that have a line now, each with the number of those that it stands for.
type Due = Vec<(Event, u64)>;

impl Throttles {
    /// Takes an event. Returns what is to be written now.
    pub fn add(&mut self, event: Event, now: Instant) -> Due {
        let mut due = self.expire(now);
        let (throttle, key) = match &event {
            Event::LoginFailed { from, reason, .. } => (&mut self.failed_logins, Key::Login(network(*from), *reason)),
            Event::ConnectionRefused { from, .. } => (&mut self.connections, Key::Connection(network(*from))),
            Event::Refused { user, from, code, .. } => {
                (&mut self.refusals, Key::User(user.clone().ok_or(network(*from)), *code))
            }
            _ => {
                due.push((event, 1));
                return due;
            }
        };
        due.extend(throttle.add(key, event, now).map(|event| (event, 1)));
        due
    }

    /// Ends the periods that are over.
    pub fn expire(&mut self, now: Instant) -> Due {
        let mut due = Due::new();
        self.all().for_each(|throttle| throttle.expire(now, &mut due));
        due
    }

    /// Ends all periods.
    pub fn finish(&mut self) -> Due {
        let periods = self.all().flat_map(|throttle| throttle.periods.drain());
        periods.filter_map(|(_, period)| Some((period.last?, period.counted))).collect()
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Throttle> {
        [&mut self.failed_logins, &mut self.refusals, &mut self.connections].into_iter()
    }
}

impl Throttle {
    fn new(lines: u32) -> Self {
        Self { lines, periods: HashMap::new(), order: VecDeque::new() }
    }

    /// Returns the event if it has a line of its own.
    fn add(&mut self, key: Key, event: Event, now: Instant) -> Option<Event> {
        let has_place = self.periods.len() < limits::AUDIT_KEYS || self.periods.contains_key(&key);
        let (key, event) = if has_place { (key, event) } else { (Key::Others, Event::LeftOut { kind: event.kind() }) };
        let period = self.periods.entry(key.clone()).or_insert_with(|| {
            self.order.push_back((now, key));
            Period { lines: 0, counted: 0, last: None }
        });
        if period.lines < self.lines {
            period.lines += 1;
            return Some(event);
        }
        period.counted += 1;
        period.last = Some(event);
        None
    }

    /// Ends the periods that are over. One in which events were counted has a line for them, and begins anew.
    fn expire(&mut self, now: Instant, due: &mut Due) {
        while self.order.front().is_some_and(|(begin, _)| now.duration_since(*begin) >= limits::AUDIT_PERIOD) {
            let Some((_, key)) = self.order.pop_front() else { return };
            let Some(period) = self.periods.get_mut(&key) else { continue };
            let counted = std::mem::take(&mut period.counted);
            match period.last.take() {
                Some(last) => {
                    due.push((last, counted));
                    period.lines = 1;
                    self.order.push_back((now, key));
                }
                None => _ = self.periods.remove(&key),
            }
        }
    }
}
