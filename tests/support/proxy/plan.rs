//! Plan of the harm to one connection. It depends on the seed, the user and the number of the connection only; places
//! are counted in lines and bytes, without a clock.

use std::time::Duration;

use crate::support::random::Random;

/// Which of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    Send,
    Recv,
}

/// Direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// The kind of end of a connection, or of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Close,
    Reset,
    /// That way only: the other goes on.
    HalfClose,
    /// Bytes in that direction are dropped silently.
    Silence,
}

/// The harm to one connection.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One byte at a time, both ways.
    pub slow: bool,
    /// Idempotent requests with a reply of one line (SEND, READ) are sent twice, and the second reply is kept from the
    /// client.
    pub twice: bool,
    /// After that many answers, what the client has sent comes once more, on another connection.
    pub again: Option<u64>,
    pub hold: Option<Hold>,
    pub end: Option<End>,
}

/// A line that comes late.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    pub way: Way,
    pub line: u64,
    pub time: Duration,
}

/// The end comes at the byte that is this many lines and bytes away from the beginning, before that byte is passed
/// on. At the beginning of a reply it means that the request was executed and the client does not know.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub way: Way,
    pub lines: u64,
    pub bytes: u64,
    pub how: How,
    /// Requests without an answer reach the server later, while the client retries them.
    pub late: bool,
}

impl Plan {
    pub fn draw(seed: u64, user: &str, port: Port, number: u64) -> Self {
        let from = user.bytes().map(u64::from).chain([port as u64, number]);
        let random = &mut Random::new(from.fold(seed, |seed, part| Random::new(seed ^ part).next()));
        let plan = Self {
            slow: random.chance(15),
            twice: random.chance(25),
            again: random.chance(25).then(|| 2 + random.below(6)),
            hold: random.chance(20).then(|| Hold::draw(random)),
            end: random.chance(70).then(|| End::draw(random)),
        };
        // A RECV session of the proxy's own would take the client's over.
        Self { again: plan.again.filter(|_| port == Port::Send), ..plan }
    }

    /// Checks that the plan does no harm.
    pub fn is_nothing(&self) -> bool {
        !self.slow && !self.twice && self.again.is_none() && self.hold.is_none() && self.end.is_none()
    }
}

impl Hold {
    fn draw(random: &mut Random) -> Self {
        Self { way: way(random), line: random.below(6), time: Duration::from_millis(random.below(150)) }
    }
}

impl End {
    fn draw(random: &mut Random) -> Self {
        let how = match random.below(20) {
            0..8 => How::Close,
            8..15 => How::Reset,
            15..19 => How::HalfClose,
            _ => How::Silence,
        };
        let bytes = if random.chance(50) { 0 } else { random.below(60) };
        Self { way: way(random), lines: random.below(8), bytes, how, late: random.chance(50) }
    }
}

fn way(random: &mut Random) -> Way {
    if random.chance(40) { Way::ToServer } else { Way::ToClient }
}
