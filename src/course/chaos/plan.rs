//! A random plan of faults for one connection. It depends on the seed, the user and the number of the connection only;
//! places are counted in lines and bytes, without a clock.

use std::time::Duration;

use super::fault::{End, Fault, How};
use super::random::Random;
use super::record::{Connection, Direction, Kind, Record};
use crate::protocol::Port;

#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One byte at a time, both ways.
    split: bool,
    /// Idempotent requests with a reply of one line (SEND, READ) are sent twice.
    twice: bool,
    /// With the reply or record of this number, SENDs come again.
    resend: Option<u64>,
    /// A line that comes late.
    delay: Option<(Direction, u64, Duration)>,
    /// The end comes at a byte of the line with this number, or at the next line if it has no such byte.
    end: Option<(Direction, u64, End)>,
}

impl Plan {
    pub fn draw(seed: u64, connection: &Connection) -> Self {
        let random = &mut connection.random(seed, &[]);
        let plan = Self {
            split: random.chance(15),
            twice: random.chance(25),
            resend: random.chance(25).then(|| 2 + random.below(6)),
            delay: random.chance(20).then(|| draw_delay(random)),
            end: random.chance(70).then(|| draw_end(random)),
        };
        // A client that receives sends nothing there.
        Self { resend: plan.resend.filter(|_| connection.port == Port::Send), ..plan }
    }

    pub fn faults(&self, record: &Record) -> Vec<Fault> {
        let mut faults = Vec::new();
        let is_here = |way: Direction, line: u64| way == record.way() && line == record.line;
        if let Some((.., time)) = self.delay.filter(|(way, line, _)| is_here(*way, *line)) {
            faults.push(Fault::Delay(time));
        }
        if self.split {
            faults.push(Fault::Split);
        }
        faults.extend(self.end_at(record));
        if self.twice && record.kind == Kind::Request && (record.has("SEND") || record.has("READ")) {
            faults.push(Fault::Duplicate);
        }
        if self.resend.is_some_and(|line| is_here(Direction::ToClient, line)) {
            faults.push(Fault::Resend);
        }
        faults
    }

    fn end_at(&self, record: &Record) -> Option<Fault> {
        let (_, line, end) = self.end.filter(|(way, ..)| *way == record.way())?;
        if record.line > line {
            return Some(Fault::End(End { after: 0, ..end }));
        }
        (record.line == line && end.after < record.bytes.len()).then_some(Fault::End(end))
    }
}

fn draw_delay(random: &mut Random) -> (Direction, u64, Duration) {
    (draw_way(random), 1 + random.below(6), Duration::from_millis(random.below(150)))
}

fn draw_end(random: &mut Random) -> (Direction, u64, End) {
    let how = match random.below(20) {
        0..8 => How::Cut,
        8..15 => How::Reset,
        15..19 => How::HalfClose,
        _ => How::Silence,
    };
    let bytes = if random.chance(50) { 0 } else { random.below(60) };
    let way = draw_way(random);
    let line = 1 + random.below(8);
    let after = usize::try_from(bytes).unwrap_or(0);
    (way, line, End { how, after, late: random.chance(50) })
}

fn draw_way(random: &mut Random) -> Direction {
    if random.chance(40) { Direction::ToServer } else { Direction::ToClient }
}
