//! Judges two clients that wrote to each other: by what was typed and what was seen on their screens, by
//! their files, and by the server's HISTORY. The checker says whether the promises were kept.

use std::collections::HashSet;
use std::path::Path;

use super::client_files::{self, Record};
use crate::support::World;
use wachat::course::checker::{Checker, Row, Seen};

/// A typed line, and whether the screen reported it as queued.
#[derive(Clone, Debug)]
pub struct Typed {
    pub text: String,
    pub queued: bool,
}

/// A user, and the lines typed for the other one. All texts differ.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub typed: Vec<Typed>,
}

/// Checks that everything has arrived as promised; fails as long as a message is on its way. Queries the server
/// directly, not through a proxy.
pub fn judge(people: &[Person; 2], home: &Path, world: &World) -> Result<(), String> {
    let files = [0, 1].map(|who| client_files::read_history(home, &people[who].name));
    for (person, file) in people.iter().zip(&files) {
        let waiting = client_files::waiting(home, &person.name);
        if !waiting.is_empty() {
            return Err(format!("{} has {} in the outbox: {waiting:?}", person.name, waiting.len()));
        }
        compare_typed(person, file)?;
        // The READ of one that is shown later may come after the other client has ended.
        let unread = of(file, "IN").count() - shown(file);
        if unread > 0 {
            return Err(format!("{} has not shown the last {unread} messages", person.name));
        }
    }
    let mut checker = Checker::default();
    let names = [&*people[0].name, &*people[1].name];
    // The moments of the sends are unknown: all come before the first known number.
    for who in [0, 1] {
        tell_asked(&mut checker, names[who], &files[who])?;
    }
    for who in [0, 1] {
        tell_accepted(&mut checker, names[who], &files[who])?;
        tell_said(&mut checker, names[who], &files[who]);
    }
    for who in [0, 1] {
        tell_stream(&mut checker, names[who], &files[who])?;
    }
    // Only when the files are whole: a login at every look would keep the server from its work.
    checker.verdict()?;
    for who in [0, 1] {
        tell_history(&mut checker, names[who], names[1 - who], &files[who], world)?;
    }
    Ok(checker.verdict()?)
}

/// Checks that the lines that were reported as queued were sent, in that order; others may have been.
fn compare_typed(person: &Person, file: &[Record]) -> Result<(), String> {
    let mut sent = of(file, "OUT").map(|record| record[6].clone()).peekable();
    for typed in &person.typed {
        let came = sent.next_if(|text| *text == typed.text).is_some();
        if typed.queued && !came {
            let name = &person.name;
            let text = &typed.text;
            return Err(format!("{name} saw {text} as queued; the next in the history is {:?}", sent.peek()));
        }
    }
    match sent.next() {
        Some(text) => Err(format!("{} has sent {text} once too often, or out of order", person.name)),
        None => Ok(()),
    }
}

fn tell_asked(checker: &mut Checker, name: &str, file: &[Record]) -> Result<(), String> {
    let mut ids = HashSet::new();
    for record in of(file, "OUT") {
        if !ids.insert(&record[2]) {
            return Err(format!("{} of {name} is in the history twice", record[2]));
        }
        checker.asks(name, &record[2], &record[4], &record[6]);
    }
    Ok(())
}

fn tell_accepted(checker: &mut Checker, name: &str, file: &[Record]) -> Result<(), String> {
    for record in of(file, "OUT") {
        checker.accepted(name, &record[2], &record[5], number(&record[1]))?;
    }
    match of(file, "FAILED").next() {
        Some(record) => Err(format!("{name} could not send: {record:?}")),
        None => Ok(()),
    }
}

/// Reports the acknowledgements and READs that a client may have sent: of what its history holds, and of what it has
/// shown.
fn tell_said(checker: &mut Checker, name: &str, file: &[Record]) {
    for record in of(file, "POSITION") {
        checker.acknowledges(name, number(&record[2]));
    }
    for record in of(file, "IN").take(shown(file)) {
        checker.reads(name, &record[3], number(&record[1]));
    }
}

/// Returns the number of received messages that were shown: the first ones.
fn shown(file: &[Record]) -> usize {
    of(file, "SHOWN").map(|record| number(&record[1])).max().unwrap_or(0) as usize
}

/// Reports the events that a client received, in the order of its history.
fn tell_stream(checker: &mut Checker, name: &str, file: &[Record]) -> Result<(), String> {
    for record in file {
        let field = |index: usize| record[index].clone();
        match record[0].as_str() {
            "IN" => {
                let seq = number(&record[1]);
                checker.received(
                    name,
                    Seen { seq, id: field(2), from: field(3), to: field(4), text: field(6), erased: false },
                )?;
            }
            "STATE" => checker.told(name, number(&record[1]), &record[2], &record[3], number(&record[4]))?,
            _ => {}
        }
    }
    Ok(())
}

/// The file and the server's HISTORY are the same conversation.
fn tell_history(checker: &mut Checker, name: &str, peer: &str, file: &[Record], world: &World) -> Result<(), String> {
    let rows = |word: &'static str| of(file, word).map(read_row).collect::<Vec<_>>();
    let sent = rows("OUT");
    let received = rows("IN");
    checker.shown(name, peer, &sent)?;
    checker.shown(name, peer, &received)?;
    let numbers = sent.iter().chain(&received).map(|row| row.seq).collect();
    checker.shown_all(name, peer, &numbers)?;
    let records = world.login(name).whole_history(peer);
    let fields = records.iter().map(|record| wachat::record::Fields::parse(record.as_bytes()).expect("a row"));
    let rows: Vec<_> = fields.map(|fields| read_answer(&fields)).collect();
    checker.shown(name, peer, &rows)?;
    Ok(checker.shown_all(name, peer, &rows.iter().map(|row| row.seq).collect())?)
}

fn of<'a>(file: &'a [Record], word: &'a str) -> impl Iterator<Item = &'a Record> {
    file.iter().filter(move |record| record[0] == word)
}

fn read_row(record: &Record) -> Row {
    let field = |index: usize| record[index].clone();
    Row { seq: number(&record[1]), id: field(2), from: field(3), text: field(6), erased: false, state: None }
}

fn read_answer(fields: &wachat::record::Fields) -> Row {
    let field = |index: usize| fields.get(index).unwrap_or_default().to_owned();
    Row { seq: number(&field(0)), id: field(1), from: field(2), text: field(6), erased: false, state: Some(field(5)) }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}
