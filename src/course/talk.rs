//! `wachat talk`: a person speaks the protocol line by line. It sends what is typed, and explains each reply by the
//! sentence of the protocol's page that it follows.

use std::collections::VecDeque;
use std::io::{self, BufRead as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::page::sections;
use crate::limits;
use crate::model::safe::safe;
use crate::net::{LineError, LineReader, Socket};
use crate::protocol::exchange::Verb;
use crate::protocol::{Codec as _, Ko};
use crate::trace::mask_reply;

/// Longest silence: a person thinks.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// Sends the lines of standard input until it ends, and prints what comes until the server closes. `first`: a line that is
/// sent before, and how it is shown.
pub fn talk(socket: Socket, first: Option<(String, &str)>) -> io::Result<()> {
    let socket = Arc::new(socket);
    let waiting = Arc::new(Mutex::new(VecDeque::new()));
    if let Some((line, shown)) = first {
        println!("C: {shown}");
        send(&socket, &waiting, &line)?;
    }
    let output = socket.clone();
    let verbs = waiting.clone();
    // The thread ends with the program: when the server has closed, nobody has to type another line.
    thread::Builder::new().name("sender".to_owned()).spawn(move || send_lines(&output, &verbs))?;
    print_replies(socket, &waiting)
}

/// Sends the lines of standard input until it ends.
fn send_lines(socket: &Socket, waiting: &Mutex<VecDeque<Verb>>) {
    for line in io::stdin().lock().lines() {
        // The reply to a line that the server has not waited for is still read.
        if line.and_then(|line| send(socket, waiting, &line)).is_err() {
            break;
        }
    }
    // The server may have closed already.
    let _ = socket.tcp().shutdown(Shutdown::Write);
}

/// Notes the verb of a line, for its reply, and sends it.
fn send(socket: &Socket, waiting: &Mutex<VecDeque<Verb>>, line: &str) -> io::Result<()> {
    let mut verbs = waiting.lock();
    if verbs.len() < limits::PIPELINE {
        verbs.push_back(Verb::of(line.as_bytes()));
    }
    drop(verbs);
    socket.write_all(format!("{line}\n").as_bytes())
}

fn print_replies(socket: Arc<Socket>, waiting: &Mutex<VecDeque<Verb>>) -> io::Result<()> {
    let mut lines = LineReader::new(socket, PATIENCE);
    let mut records = 0;
    let end = loop {
        let line = match lines.next_line() {
            Ok(line) => String::from_utf8_lossy(line).into_owned(),
            Err(end) => break end,
        };
        println!("S: {}", safe(&mask_reply(&line)));
        if records > 0 {
            records -= 1;
            continue;
        }
        let verb = waiting.lock().pop_front().unwrap_or_default();
        records = verb.records_after(line.as_bytes());
        if let Some(clause) = clause(verb, &line) {
            println!("   {clause}");
        }
    };
    match end {
        LineError::Closed => println!("   the server has closed the connection"),
        LineError::TooLong => println!("   section 2: a line has at most 65,536 bytes: the server sends a longer one"),
        LineError::ClearText => println!("   the server does not speak TLS"),
        LineError::Timeout => println!("   nothing came for a day"),
        LineError::Io(error) => return Err(error),
    }
    Ok(())
}

/// Returns the sentence of the protocol that the reply to a request follows, with the number of its section.
pub fn clause(verb: Verb, reply: &str) -> Option<String> {
    match Ko::parse(reply.as_bytes()) {
        Ok(ko) => row_of(&ko.code.to_string(), verb),
        Err(_) if verb.is_login() => sentence("LOGIN authenticates a user;"),
        Err(_) => sentence(&format!("**{}**", verb.word())),
    }
}

/// Returns the meaning of a code, from the table of section 3 for a login line, else from that of section 4.
fn row_of(code: &str, verb: Verb) -> Option<String> {
    let is_login = verb.is_login();
    let number = if is_login { "3" } else { "4" };
    let section = sections().find(|(section, _)| *section == number).map(|(_, text)| text)?;
    let cells = |line: &'static str| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>();
    let rows = section.lines().filter(|line| line.starts_with('|')).map(cells);
    let has = |row: &Vec<&str>, column: usize, word: &str| {
        row.get(column).is_some_and(|cell| cell.split(", ").any(|known| known == word))
    };
    let rows: Vec<_> = rows.filter(|row| has(row, 0, code)).collect();
    let own = rows.iter().find(|row| is_login && has(row, 1, verb.word()));
    let row = own.or(rows.first())?;
    let meaning = row.get(if is_login { 2 } else { 1 })?;
    Some(format!("section {number}: {code}: {meaning}"))
}

/// Returns the first sentence that begins so.
fn sentence(begin: &str) -> Option<String> {
    sections().find_map(|(number, text)| {
        let from = text.get(text.find(begin)?..)?;
        let end = from.find(". ").or_else(|| from.find(".\n")).map_or(from.len(), |end| end + 1);
        let words: Vec<_> = from.get(..end)?.split_whitespace().collect();
        Some(format!("section {number}: {}", words.join(" ").replace("**", "")))
    })
}
