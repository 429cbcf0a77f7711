//! Reads a rule. An error names the rule, the word, and what was expected in its place.

use std::time::Duration;

use super::cursor::{Cursor, RuleError};
use super::fault::{End, Fault, How, Until};
use super::record::{Direction, Kind, vocabulary};
use super::rule::{Count, Rule};
use crate::limits;
use crate::model::UserName;
use crate::protocol::Port;

const ACTIONS: [&str; 10] =
    ["drop", "duplicate", "delay", "hold", "split", "cut", "reset", "half-close", "silence", "resend"];
const PHRASES: &str = "a kind (request, reply, event, row), a word in capitals (SEND, OK, QUOTA), a count (3, every \
     3rd, first 3), a chance (20%), user NAME, on SEND, to the client, by 800 ms, until OK, after byte 17, or late";
const FILLERS: &str = " the a an of to with by at in for time probability and record records port ";

/// Fillers in the name of the record that ends a hold.
const NEXT: [&str; 5] = ["the", "a", "an", "next", "to"];

pub fn parse(text: &str) -> Result<Rule, RuleError> {
    // One character a place, so that the mark below an error stands below its word.
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut parser = Parser { words: Cursor::new(&shown), found: Found::default() };
    let action = parser.words.next_word().map(str::to_lowercase).unwrap_or_default();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(parser.error(format!("a rule begins with an action: {}", ACTIONS.join(", "))));
    }
    while parser.words.peek().is_some() {
        parser.phrase()?;
    }
    parser.finish(&action)
}

/// The phrases that were found.
#[derive(Default)]
struct Found {
    count: Option<Count>,
    kind: Option<Kind>,
    words: Vec<String>,
    usual_kinds: Vec<Kind>,
    user: Option<UserName>,
    port: Option<Port>,
    way: Option<Direction>,
    chance: Option<u64>,
    time: Option<Duration>,
    until: Option<Until>,
    after: Option<usize>,
    late: bool,
}

struct Parser<'a> {
    words: Cursor<'a>,
    found: Found,
}

impl Parser<'_> {
    fn error(&self, why: impl Into<String>) -> RuleError {
        self.words.error(why)
    }

    fn phrase(&mut self) -> Result<(), RuleError> {
        let Some(word) = self.words.next_word() else { return Ok(()) };
        match word {
            "to" | "from" if self.direction(word)? => Ok(()),
            _ if FILLERS.contains(&format!(" {word} ")) => Ok(()),
            "every" | "each" => self.count(|parser| Count::Every(parser.ordinal().unwrap_or(1))),
            "first" => self.count(|parser| match parser.ordinal() {
                Some(number) => Count::First(number),
                None => Count::Only(1),
            }),
            "user" => self.user(),
            "on" => self.port(),
            "until" => self.until(),
            "after" => self.after(),
            "late" => {
                self.found.late = true;
                Ok(())
            }
            _ => match kind(word) {
                Some(kind) => self.set("kind of record", kind, |found| &mut found.kind),
                None if word.starts_with(|first: char| first.is_ascii_digit()) => self.number(word),
                None => self.word(word),
            },
        }
    }

    fn set<T>(&mut self, what: &str, value: T, place: fn(&mut Found) -> &mut Option<T>) -> Result<(), RuleError> {
        match place(&mut self.found).replace(value) {
            None => Ok(()),
            Some(_) => Err(self.error(format!("the rule has a {what} already"))),
        }
    }

    fn count(&mut self, read: impl Fn(&mut Self) -> Count) -> Result<(), RuleError> {
        let count = read(self);
        if matches!(count, Count::Every(0) | Count::First(0) | Count::Only(0)) {
            return Err(self.error("records are counted from 1"));
        }
        self.set("count", count, |found| &mut found.count)
    }

    /// Takes the next word if it is a number, or one of an order, such as `3rd`.
    fn ordinal(&mut self) -> Option<u64> {
        let (number, unit) = split_number(self.words.peek()?)?;
        is_ordinal(unit).then(|| self.words.next_word())?;
        Some(number)
    }

    /// Reads a number by its unit, which may be the next word.
    fn number(&mut self, word: &str) -> Result<(), RuleError> {
        let Some((number, unit)) = split_number(word) else {
            return Err(self.error("the number is too large"));
        };
        let unit = match self.words.peek() {
            Some(next @ ("ms" | "s" | "%")) if unit.is_empty() => {
                self.words.next_word();
                next
            }
            _ => unit,
        };
        match unit {
            "ms" | "s" => {
                let time = Duration::from_millis(if unit == "s" { number.saturating_mul(1_000) } else { number });
                if time > limits::CHAOS_WAIT {
                    return Err(self.error(format!("at most {} s", limits::CHAOS_WAIT.as_secs())));
                }
                self.set("time", time, |found| &mut found.time)
            }
            "%" if number > 100 => Err(self.error("a chance is at most 100%")),
            "%" => self.set("chance", number, |found| &mut found.chance),
            _ if is_ordinal(unit) => self.count(|_| Count::Only(number)),
            _ => Err(self.error("expected a count (3, 3rd), a time (800 ms, 2 s) or a chance (20%)")),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), RuleError> {
        if !is_capital(word) {
            return Err(self.error(format!("{word:?} is none of the phrases of a rule: {PHRASES}")));
        }
        let kind = self.usual_kind(word)?;
        self.found.words.push(word.to_owned());
        self.found.usual_kinds.push(kind);
        Ok(())
    }

    fn usual_kind(&self, word: &str) -> Result<Kind, RuleError> {
        if let Some((_, kind)) = vocabulary().find(|(known, _)| known == word) {
            return Ok(kind);
        }
        let nearest = vocabulary().max_by(|(a, _), (b, _)| {
            let likeness = |known: &str| strsim::jaro_winkler(known, word);
            likeness(a).total_cmp(&likeness(b))
        });
        let nearest = nearest.map(|(nearest, _)| nearest).unwrap_or_default();
        Err(self.error(format!("no verb, code or event of the protocol is called {word}; did you mean {nearest}?")))
    }

    fn user(&mut self) -> Result<(), RuleError> {
        let name = self.words.next_word().unwrap_or_default();
        let user = UserName::new(name).map_err(|error| self.error(format!("expected the name of a user: {error}")))?;
        self.set("user", user, |found| &mut found.user)
    }

    fn port(&mut self) -> Result<(), RuleError> {
        self.words.skip(&["the", "port"]);
        let port = self.words.next_word().and_then(Port::parse);
        let port = port.ok_or_else(|| self.error("expected a port: SEND or RECV"))?;
        self.set("port", port, |found| &mut found.port)
    }

    /// Reads a direction, unless something else comes after a `to`.
    fn direction(&mut self, word: &str) -> Result<bool, RuleError> {
        self.words.skip(&["the"]);
        let way = match (word, self.words.peek()) {
            ("to", Some("server")) | ("from", Some("client")) => Direction::ToServer,
            ("to", Some("client")) | ("from", Some("server")) => Direction::ToClient,
            ("to", _) => return Ok(false),
            _ => {
                self.words.next_word();
                return Err(self.error("expected the server or the client (a user is: user NAME)"));
            }
        };
        self.words.next_word();
        self.set("direction", way, |found| &mut found.way).map(|()| true)
    }

    fn until(&mut self) -> Result<(), RuleError> {
        self.words.skip(&NEXT);
        if self.words.peek().is_some_and(|word| word.eq_ignore_ascii_case("enter")) {
            self.words.next_word();
            return self.set("until", Until::Enter, |found| &mut found.until);
        }
        let (kind, words) = self.next_record()?;
        if words.is_empty() {
            self.words.next_word();
            return Err(self.error("expected Enter, or a word in capitals, such as: until the next OK"));
        }
        self.set("until", Until::Record { kind, words }, |found| &mut found.until)
    }

    /// Reads the words and the kind of a record, as far as they go.
    fn next_record(&mut self) -> Result<(Kind, Vec<String>), RuleError> {
        let mut named = None;
        let mut words = Vec::new();
        let mut kinds = Vec::new();
        while let Some(word) = self.words.peek().filter(|word| is_capital(word) || kind(word).is_some()) {
            self.words.next_word();
            match kind(word) {
                Some(kind) => named = Some(kind),
                None => {
                    kinds.push(self.usual_kind(word)?);
                    words.push(word.to_owned());
                }
            }
            self.words.skip(&NEXT);
        }
        Ok((named.or(usual(&kinds)).unwrap_or(Kind::Request), words))
    }

    fn after(&mut self) -> Result<(), RuleError> {
        self.words.skip(&["byte"]);
        let number = self.words.next_word().and_then(|word| word.parse().ok());
        let number = number.ok_or_else(|| self.error("expected a number of bytes, such as: after byte 17"))?;
        self.words.skip(&["bytes"]);
        self.set("place", number, |found| &mut found.after)
    }

    /// Makes the rule, if the phrases are those of the action.
    fn finish(mut self, action: &str) -> Result<Rule, RuleError> {
        self.words.go_to_end();
        let fault = self.fault(action)?;
        let found = &self.found;
        let is_end = matches!(fault, Fault::End(_));
        let strange = [
            ("a time", found.time.is_some() && action != "delay"),
            ("until", found.until.is_some() && action != "hold"),
            ("after byte", found.after.is_some() && !is_end),
            ("late", found.late && !is_end),
        ];
        if let Some((phrase, _)) = strange.iter().find(|(_, is_there)| *is_there) {
            return Err(self.error(format!("{action} does not go with {phrase}")));
        }
        let usual = usual(&found.usual_kinds);
        let Found { count, kind, words, user, port, way, chance, .. } = self.found;
        let count = count.unwrap_or(Count::Every(1));
        let kind = kind.or(usual);
        Ok(Rule { fault, count, kind, words, user, port, way, chance })
    }

    fn fault(&self, action: &str) -> Result<Fault, RuleError> {
        let found = &self.found;
        let lacking = |what| move || self.error(what);
        Ok(match action {
            "drop" => Fault::Drop,
            "duplicate" => Fault::Duplicate,
            "split" => Fault::Split,
            "resend" => Fault::Resend,
            "delay" => Fault::Delay(found.time.ok_or_else(lacking("delay by how long? Such as: by 800 ms"))?),
            "hold" => {
                let until = found.until.clone();
                Fault::Hold(until.ok_or_else(lacking("hold until when? Such as: until Enter, until the next OK"))?)
            }
            end => {
                let how = How::parse(end).unwrap_or(How::Silence);
                Fault::End(End { how, after: found.after.unwrap_or(0), late: found.late })
            }
        })
    }
}

/// Returns the kind of record that words stand for: a reply also has the verb that it answers.
fn usual(kinds: &[Kind]) -> Option<Kind> {
    [Kind::Reply, Kind::Event, Kind::Request].into_iter().find(|kind| kinds.contains(kind))
}

fn is_capital(word: &str) -> bool {
    word.chars().any(char::is_alphabetic) && !word.chars().any(char::is_lowercase)
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "request" | "requests" => Kind::Request,
        "reply" | "replies" => Kind::Reply,
        "event" | "events" => Kind::Event,
        "row" | "rows" => Kind::Row,
        _ => return None,
    })
}

/// Splits a word into a number and its unit; `None`: the number does not fit.
fn split_number(word: &str) -> Option<(u64, &str)> {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

fn is_ordinal(unit: &str) -> bool {
    ["", "st", "nd", "rd", "th"].contains(&unit)
}
