//! A whole client on the raw sockets, with the standard library alone: what you would write in any
//! language for a first one.
//!
//! ```text
//! wachat serve
//! cargo run --example raw_client -- ana 'palabra larga' luis
//! ```
//!
//! Every line you type goes to luis; what anybody sends to ana is printed. Ctrl-D ends it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::exit;
use std::thread;
use std::time::Duration;

type Lines = BufReader<TcpStream>;

/// The environment variable that says where a port is, and where it usually is.
type Port = (&'static str, &'static str);
const SEND: Port = ("WACHAT_SEND", "127.0.0.1:1666");
const RECV: Port = ("WACHAT_RECV", "127.0.0.1:1999");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [user, password, to] = &arguments[..] else {
        eprintln!("usage: raw_client <user> <password> <whom to write to>");
        exit(2)
    };
    // The first time this makes the account; later the name EXISTS, which is as good.
    if let Err(error) = log_in(&SEND, "REGISTER", user, password) {
        eprintln!("* {error}");
    }
    let (user_too, password_too) = (user.clone(), password.clone());
    thread::spawn(move || receive(&user_too, &password_too));
    for text in io::stdin().lines().map_while(Result::ok) {
        send(user, password, to, &text);
    }
}

/// Sends one message, in a connection of its own, until the server has said what became of it.
fn send(user: &str, password: &str, to: &str, text: &str) {
    // Chosen once, before the first try: the same id again is the same message again, so that asking
    // twice never sends it twice. Random, so that no other message has it.
    let id = format!("{:016x}", RandomState::new().build_hasher().finish());
    let request = format!("SEND;{id};{to};{}", field(text));
    loop {
        let answer = log_in(&SEND, "LOGIN", user, password).and_then(|(mut lines, _)| ask(&mut lines, &request));
        match answer {
            Ok(reply) if reply.starts_with("OK;") => return println!("* on the server's disk: {reply}"),
            // Not now: the message is good, but its time has not come.
            Ok(ko) if ["KO;QUOTA;", "KO;RATE;", "KO;FULL;"].iter().any(|code| ko.starts_with(code)) => {
                eprintln!("* will try again: {ko}");
            }
            // Never: it did not happen, and asking again would not help.
            Ok(ko) => return eprintln!("* not sent: {ko}"),
            // No answer: nobody knows whether it happened. That is what the id is for.
            Err(error) => eprintln!("* will ask again: {error}"),
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// Polls for ever, over a new connection whenever one breaks.
fn receive(user: &str, password: &str) {
    loop {
        let broken = log_in(&RECV, "LOGIN", user, password)
            .and_then(|(lines, hello)| poll(lines, hello.split(';').nth(3).unwrap_or("0").to_owned()));
        eprintln!("* will connect again: {}", broken.err().map_or(String::new(), |error| error.to_string()));
        thread::sleep(Duration::from_secs(1));
    }
}

/// `after` is what we acknowledge. It begins with what the server knows to be acknowledged.
fn poll(mut lines: Lines, mut after: String) -> io::Result<()> {
    loop {
        let head = ask(&mut lines, &format!("POLL;{after}"))?;
        let count = head.strip_prefix("OK;").and_then(|n| n.parse().ok());
        for _ in 0..count.ok_or_else(|| io::Error::other(head.clone()))? {
            let event = read_line(&mut lines)?;
            // As the record has it: whatever somebody sent, no control character reaches this terminal.
            println!("{event}");
            // Printed, so it may be acknowledged: by the next poll, never before. (A client that keeps
            // its messages stores them and this number together; then each is shown exactly once.)
            match event.split(';').next() {
                Some("0") | None => {} // who comes and goes has no number
                Some(number) => after = number.to_owned(),
            }
        }
    }
}

/// Connects, says the first line (LOGIN or REGISTER), and returns the connection and its greeting.
fn log_in(port: &Port, verb: &str, user: &str, password: &str) -> io::Result<(Lines, String)> {
    let (variable, usual) = port;
    let stream = TcpStream::connect(std::env::var(variable).unwrap_or_else(|_| (*usual).to_owned()))?;
    // Longer than the server lets a poll wait; without it a dead network is waited for for ever.
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut lines = BufReader::new(stream);
    let reply = ask(&mut lines, &format!("{verb}:{user}:{password}"))?;
    match reply.split(';').nth(1) {
        _ if reply.starts_with("OK;") => Ok((lines, reply)),
        // After any KO here the server closes. These are no reason to give up.
        Some("FULL" | "EXISTS" | "CLOSED") => Err(io::Error::other(reply)),
        _ => give_up(&reply),
    }
}

/// One request, the first line of its reply.
fn ask(lines: &mut Lines, request: &str) -> io::Result<String> {
    lines.get_mut().write_all(format!("{request}\n").as_bytes())?;
    read_line(lines)
}

fn read_line(lines: &mut Lines) -> io::Result<String> {
    let mut line = String::new();
    // A line without its end is no line.
    if lines.read_line(&mut line)? == 0 || line.pop() != Some('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match line.split(';').nth(1) {
        // Another program of this user has taken over. Two that both insist would fight for ever.
        Some("REPLACED") if line.starts_with("KO;") => give_up(&line),
        // A last word that answers no request: as good as silence.
        Some("TIMEOUT" | "SHUTDOWN" | "INTERNAL") if line.starts_with("KO;") => Err(io::Error::other(line)),
        _ => Ok(line),
    }
}

/// A field of a record: no raw line break, and quotes where a `;` or a quote would mislead.
fn field(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    match text.contains(';') || text.starts_with('"') {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn give_up(why: &str) -> ! {
    eprintln!("* {why}");
    exit(1)
}
