//! A client on plain sockets, with the standard library alone: a first client in any language looks like this. It
//! sends every line that you type to luis, and prints the events of ana. Ctrl-D ends it.
//!
//!     wachat serve
//!     cargo run --example raw_client -- ana 'palabra larga' luis
//!
//! It stores nothing. So it prints an event again if it could not acknowledge it before it ended; and if it ends before
//! a message has a reply, the outcome stays unknown: with its id on disk, the next run could retry it.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Error, Write};
use std::{env, net::TcpStream, process, thread, time::Duration};

/// The environment variable with the address of a port, and the default address.
const SEND: (&str, &str) = ("WACHAT_SEND", "127.0.0.1:1666");
const RECV: (&str, &str) = ("WACHAT_RECV", "127.0.0.1:1999");

fn main() {
    let [user, password, to] = &env::args().skip(1).collect::<Vec<_>>()[..] else {
        return eprintln!("usage: raw_client <user> <password> <recipient>");
    };
    // Creates the account in the first run. In later ones the reply is EXISTS, which is fine.
    retry(SEND, &format!("REGISTER:{user}:{password}"), |_, hello| Ok(hello));
    let login: &'static str = format!("LOGIN:{user}:{password}").leak(); // for both threads, to the end
    thread::spawn(move || {
        retry(RECV, login, poll);
        // A KO. Not after REPLACED either: two programs of one user would take over from each other for ever.
        process::exit(1)
    });
    for text in io::stdin().lines().map_while(Result::ok) {
        // Chosen before the first attempt: a retry with the same id is the same message, so it is stored once.
        let id = format!("{:016x}", RandomState::new().hash_one(()));
        // A quoted field may hold `;` and begin with a quote; a quote in it is doubled.
        let text = text.replace('\\', "\\\\").replace('\r', "\\r").replace('"', "\"\"");
        retry(SEND, login, |lines, _| request(lines, &format!("SEND;{id};{to};\"{text}\"")));
    }
}

/// Logs in and does the work, on a new connection after every error, until there is a reply. After an error the
/// outcome is unknown. A KO is a reply: the request had no effect, unless it closes the connection (AUTH, BANNED).
fn retry(port: (&str, &str), login: &str, work: impl Fn(&mut BufReader<TcpStream>, String) -> io::Result<String>) {
    let once = || {
        let stream = TcpStream::connect(env::var(port.0).as_deref().unwrap_or(port.1))?;
        // Longer than a poll waits. Without it a broken network would block this program for ever.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut lines = BufReader::new(stream);
        let logged_in = request(&mut lines, login)?;
        if logged_in.starts_with("OK;") { work(&mut lines, logged_in) } else { Ok(logged_in) }
    };
    while let Err(error) = once().map(|reply| println!("* {reply}")) {
        eprintln!("* trying again: {error}");
        thread::sleep(Duration::from_secs(1));
    }
}

/// Prints events and acknowledges them, until the server refuses a poll.
fn poll(lines: &mut BufReader<TcpStream>, session_opened: String) -> io::Result<String> {
    // The acknowledged number; at first the one that the server has stored.
    let mut after = session_opened.split(';').nth(3).unwrap_or("0").to_owned();
    loop {
        let head = request(lines, &format!("POLL;{after}"))?;
        let Some(count) = head.strip_prefix("OK;") else { return Ok(head) };
        for _ in 0..count.parse().map_err(Error::other)? {
            let event = read_line(lines)?;
            println!("{event}");
            // The next poll acknowledges it. An event without a number (0) needs no acknowledgement.
            after = event.split(';').next().filter(|number| *number != "0").map_or(after, str::to_owned);
        }
    }
}

/// Sends a request and returns the first line of its reply.
fn request(lines: &mut BufReader<TcpStream>, line: &str) -> io::Result<String> {
    lines.get_mut().write_all(format!("{line}\n").as_bytes())?;
    let reply = read_line(lines)?;
    // After these the client retries: the outcome is unknown, or a later attempt may succeed.
    let later = ["TIMEOUT", "SHUTDOWN", "INTERNAL", "QUOTA", "RATE", "FULL"].map(|code| format!("KO;{code};"));
    if later.iter().any(|ko| reply.starts_with(ko)) { Err(Error::other(reply)) } else { Ok(reply) }
}

/// Reads a line, and makes characters visible that would control the terminal (ESC, bidirectional overrides).
fn read_line(lines: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    if line.pop() != Some('\n') {
        return Err(Error::other("the connection has ended")); // a line without LF is not complete
    }
    let controls = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let visible = |c: char| if controls(c) { c.escape_unicode().to_string() } else { c.into() };
    Ok(line.chars().map(visible).collect())
}
