//! Rules: a fault, and the records that it happens to. `parse` reads them.

use super::fault::Fault;
use super::random::Random;
use super::record::{Connection, Kind, Port, Record, Way};
use crate::model::UserName;

/// The language of the rules, for `--help`.
pub const GRAMMAR: &str = r#"Put a proxy that disturbs connections, by rules, between clients and a server

A rule is an action and phrases, in any order, that restrict the records it applies to. Without a count it applies to each of them. All rules that apply to a record act, in their order.

  rule      = action *phrase
  action    = "drop"                      ; the record never arrives
            / "duplicate"                 ; it arrives twice
            / "delay" time                ; it, and all behind it, arrives later
            / "hold" until                ; the same, until something happens
            / "split"                     ; it arrives one byte at a time
            / "cut" *end                  ; both directions close
            / "reset" *end                ; the same with a TCP reset
            / "half-close" *end           ; its direction closes
            / "silence" *end              ; its direction goes dead, not closed
            / "resend"                    ; SENDs come again, on a new connection
  time      = number ( "ms" / "s" )
  until     = "until" ( "Enter" / [ "the next" ] word [ kind ] )
  end       = "after byte" number         ; of the record; default 0
            / "late"                      ; unanswered SENDs arrive afterwards
  phrase    = kind / word / count / chance / user / port / direction / filler
  kind      = "request" / "reply" / "event" / "row"
  word      = a verb (SEND, POLL), OK, KO, a code (QUOTA) or an event (MSG);
              a reply has its own words and the verb that it answers
  count     = number / "first" [ number ] / "every" [ number ]   ; 3 = 3rd
  chance    = number "%"                  ; --seed makes it repeatable
  user      = "user" name
  port      = "on" ( "SEND" / "RECV" ) [ "port" ]
  direction = "to" ( "server" / "client" )
  filler    = "the" / "a" / "an" / "of" / "to" / "with" / "by" / "at" / "in"
            / "for" / "time" / "probability" / "and" / "record"

  drop the 3rd OK reply                   drop reply OK 3
  delay every POLL reply by 800 ms        cut the 2nd SEND after byte 17
  duplicate every 5th SEND of user ana    split 20% of the replies on RECV
  hold the 1st SEND until the next OK     reset at the 3rd reply to SEND

A request without a LF is passed on when its line is complete. A dropped or duplicated reply takes the records of its list with it. The client gets no reply to the copy of a duplicated request.

Every decision goes to the file of --log, and --replay FILE takes the same decisions for the same records: the same line of the same connection of the same user. The faults replay, not the threads: what programs do at the same time may come in another order, and then other records stand in those places."#;

/// A fault and the records that it happens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub fault: Fault,
    pub count: Count,
    pub kind: Option<Kind>,
    /// All of them are words of the record.
    pub words: Vec<String>,
    pub user: Option<UserName>,
    pub port: Option<Port>,
    pub way: Option<Way>,
    /// In a hundred.
    pub chance: Option<u64>,
}

/// Which of the records that a rule fits, over all connections, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Every(u64),
    First(u64),
    Only(u64),
}

impl Rule {
    /// Checks all but the count and the chance.
    pub fn fits(&self, connection: &Connection, record: &Record) -> bool {
        self.kind.is_none_or(|kind| kind == record.kind)
            && self.way.is_none_or(|way| way == record.way())
            && self.port.is_none_or(|port| port == connection.port)
            && (self.user.is_none() || self.user == connection.user)
            && self.words.iter().all(|word| record.has(word))
    }

    /// Draws whether it happens: the same record of the same connection has the same luck, whatever else goes on.
    pub fn is_drawn(&self, seed: u64, connection: &Connection, record: &Record) -> bool {
        let Some(chance) = self.chance else { return true };
        let user = connection.user.iter().flat_map(|user| user.mapped().bytes()).map(u64::from);
        let place = [connection.port as u64, connection.number, record.way() as u64, record.line];
        Random::of(seed, user.chain(place)).chance(chance)
    }
}

impl Count {
    pub fn includes(self, number: u64) -> bool {
        match self {
            Self::Every(step) => number.is_multiple_of(step),
            Self::First(count) => number <= count,
            Self::Only(wanted) => number == wanted,
        }
    }
}
