//! Rules: a fault, and the records that it happens to. `parse` reads them.

use super::fault::Fault;
use super::record::{Connection, Direction, Kind, Record};
use crate::model::UserName;
use crate::protocol::Port;

/// The language of the rules, for `--help`.
pub const GRAMMAR: &str = r#"Disturb connections by rules, as a proxy before a server

Clients and server speak clear text: lines under TLS cannot be told apart, and both ends would refuse what was changed.

A rule is an action and phrases in any order, each at most once: details of the action, and restrictions. It applies to every record that has all words and is of the kind, user, port and direction that it names. All rules act, in their order.

  rule      = action *phrase
  action    = "drop"                      ; the record never arrives
            / "duplicate"                 ; it arrives twice
            / "delay"                     ; it, and all behind it, comes later
            / "hold"                      ; the same, until something happens
            / "split"                     ; it arrives one byte at a time
            / "cut"                       ; both directions close there
            / "reset"                     ; the same, with a TCP reset
            / "half-close"                ; only its direction closes
            / "silence"                   ; nothing more passes its direction
            / "resend"                    ; earlier SENDs come again
  phrase    = time / until / end          ; details
            / kind / 1*word / count / chance / user / port / direction
            / filler
  time      = number ( "ms" / "s" )       ; delay needs one
  until     = "until" ( "Enter" / "the next" 1*word [ kind ] )   ; hold needs it
  end       = "after byte" number         ; of the record; default 0
            / "late"                      ; unanswered SENDs arrive afterwards
  kind      = "request" / "reply" / "event" / "row"
  word      = SEND / POLL / ...           ; a verb, in capitals
            / OK / KO / QUOTA / ...       ; a code
            / MSG / STATE / ...           ; an event
  count     = number / "first" [ number ] ; only the 3rd; the first 3
            / "every" [ number ]          ; the 3rd, 6th, 9th ...
  chance    = number "%"                  ; the same with the same --seed
  user      = "user" name
  port      = "on" ( "SEND" / "RECV" )
  direction = "to" ( "server" / "client" )
  number    = 1*DIGIT                     ; as a count also 1st, 2nd, 3rd, 4th
  filler    = "the" / "a" / "an" / "of" / "to" / "with" / "by" / "at" / "in"
            / "for" / "time" / "probability" / "and" / "record" / "port"

  drop the 3rd OK reply                   drop reply OK 3
  delay every POLL reply by 800 ms        cut the 2nd SEND after byte 17
  duplicate every 5th SEND of user ana    split 20% of the replies on RECV
  hold the 1st SEND until the next READ   reset at the 3rd OK reply to SEND, late

A reply has its own words and the verb that it answers. A word without a kind means requests if it is a verb, replies if it is OK, KO or a code. Counts go over all connections. A dropped or duplicated reply takes its list with it. A client gets no reply to the copy of its request. A line is passed on when it is complete.

Every decision goes to the file of --log, and --replay takes the decisions of such a file again: for the same line of the same direction of the same connection of the same user. The faults replay, not the threads: what programs do at the same time may come in another order, and then other records stand in those places."#;

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
    pub way: Option<Direction>,
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
        connection.random(seed, &[record.way() as u64, record.line]).chance(chance)
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
