//! A whole client on the raw sockets, with the standard library alone: what you would write first in
//! any language. Every line you type goes to luis, what is sent to ana is printed, Ctrl-D ends it.
//!
//!     wachat serve
//!     cargo run --example raw_client -- ana 'palabra larga' luis
//!
//! It keeps nothing. So what it printed but could not yet acknowledge is printed again; and if it ends before a
//! message has its answer, nobody will know whether that was sent: kept with its id, it could be asked again.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Error, Write};
use std::{env, net::TcpStream, process, thread, time::Duration};

/// The environment variable that says where a port is, and where it usually is.
const SEND: (&str, &str) = ("WACHAT_SEND", "127.0.0.1:1666");
const RECV: (&str, &str) = ("WACHAT_RECV", "127.0.0.1:1999");

fn main() {
    let [user, password, to] = &env::args().skip(1).collect::<Vec<_>>()[..] else {
        return eprintln!("usage: raw_client <user> <password> <whom to write to>");
    };
    // The first time this makes the account; later the answer is EXISTS, which is as good.
    insist(SEND, &format!("REGISTER:{user}:{password}"), |_, hello| Ok(hello));
    let login: &'static str = format!("LOGIN:{user}:{password}").leak(); // for both threads, to the end
    thread::spawn(move || {
        insist(RECV, login, poll);
        process::exit(1) // AUTH, or REPLACED: two programs of ana's that both insist would fight for ever
    });
    for text in io::stdin().lines().map_while(Result::ok) {
        // Chosen before the first try: the same id again is the same message again, however often we ask.
        let id = format!("{:016x}", RandomState::new().hash_one(()));
        // In quotes a `;` is text, and so is a quote at the beginning. Quotes are doubled there.
        let text = text.replace('\\', "\\\\").replace('\r', "\\r").replace('"', "\"\"");
        insist(SEND, login, |lines, _| ask(lines, &format!("SEND;{id};{to};\"{text}\"")));
    }
}

/// Logs in and works there; over a new connection, again and again, until the server has had its say.
/// An error is silence: nobody knows whether it happened. A KO is an answer: it did not happen.
fn insist(port: (&str, &str), login: &str, work: impl Fn(&mut BufReader<TcpStream>, String) -> io::Result<String>) {
    let once = || {
        let stream = TcpStream::connect(env::var(port.0).as_deref().unwrap_or(port.1))?;
        // Longer than the server lets a poll wait; without it a dead network is waited for for ever.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut lines = BufReader::new(stream);
        let hello = ask(&mut lines, login)?;
        if hello.starts_with("OK;") { work(&mut lines, hello) } else { Ok(hello) }
    };
    while let Err(silence) = once().map(|answer| println!("* {answer}")) {
        eprintln!("* will ask again: {silence}");
        thread::sleep(Duration::from_secs(1));
    }
}

/// Prints what comes, until the server refuses to go on.
fn poll(lines: &mut BufReader<TcpStream>, hello: String) -> io::Result<String> {
    // What we acknowledge. It begins with what the server knows to be acknowledged.
    let mut after = hello.split(';').nth(3).unwrap_or("0").to_owned();
    loop {
        let head = ask(lines, &format!("POLL;{after}"))?;
        let Some(count) = head.strip_prefix("OK;") else { return Ok(head) };
        for _ in 0..count.parse().map_err(Error::other)? {
            let event = read_line(lines)?;
            println!("{event}");
            // Printed, so the next poll may acknowledge it. Who comes and goes has no number, but 0.
            after = event.split(';').next().filter(|number| *number != "0").map_or(after, str::to_owned);
        }
    }
}

/// One request, and the first line of its reply.
fn ask(lines: &mut BufReader<TcpStream>, request: &str) -> io::Result<String> {
    lines.get_mut().write_all(format!("{request}\n").as_bytes())?;
    let reply = read_line(lines)?;
    // These answer nothing, or ask us to try later: as good as silence.
    let later = ["TIMEOUT", "SHUTDOWN", "INTERNAL", "QUOTA", "RATE", "FULL"].map(|code| format!("KO;{code};"));
    if later.iter().any(|ko| reply.starts_with(ko)) { Err(Error::other(reply)) } else { Ok(reply) }
}

/// A line, with what could play with this terminal (ESC, bidi overrides) made visible.
fn read_line(lines: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    if line.pop() != Some('\n') {
        return Err(Error::other("the connection has ended")); // half a line is no line
    }
    let plays = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let visible = |c: char| if plays(c) { c.escape_unicode().to_string() } else { c.into() };
    Ok(line.chars().map(visible).collect())
}
