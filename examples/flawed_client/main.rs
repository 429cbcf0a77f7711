//! A small client of the protocol, and nine flaws that students' clients have: each is a few lines, and the judge finds
//! each by the tests that name it.
//!
//! ```sh
//! cargo build --examples
//! wachat judge --client 'target/debug/examples/flawed_client new-id-at-a-retry'
//! ```
//!
//! Without a flaw (`none`) it passes all tests. It sends each line `@luis: hola` of its input and shows what comes; outbox
//! and last number are in WACHAT_HOME.

mod files;
mod link;

use std::collections::HashSet;
use std::io::{self, BufRead as _, Write as _};
use std::process;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use clap::{Parser, ValueEnum};
use wachat::model::Timestamp;

use files::Files;
use link::{Account, Failure, Link, Pause, fields};

/// The flaws to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flaw {
    None,
    /// Takes the result of one read for one line
    OneReadIsOneLine,
    /// Takes the result of one read for one reply
    OneReadIsOneReply,
    /// Each attempt to send a message has an id of its own
    NewIdAtARetry,
    /// Polls again before it shows what came
    AcknowledgesBeforeItShows,
    /// Believes the number in the reply to the login, and not its own
    ShowsDuplicatesTwice,
    /// Puts a text into the line as it was typed, and cuts lines at each semicolon
    NoQuotes,
    /// Tries again at once
    HotLoop,
    /// Ends at the first broken connection
    GivesUp,
    /// Keeps outbox and last number in memory
    ForgetsAtARestart,
}

#[derive(Parser)]
struct Arguments {
    #[arg(value_enum)]
    flaw: Flaw,
}

/// A task of the sender.
enum Job {
    Send {
        id: String,
        to: String,
        text: String,
    },
    Read {
        /// A user, or a room.
        target: String,
        number: u64,
    },
    /// Everything before it is done: the client ends.
    End,
}

fn main() {
    let Arguments { flaw } = Arguments::parse();
    let account = Account::from_environment(flaw);
    let files = Files::open(flaw);
    let (jobs, to_do) = channel();
    for (id, to, text) in files.outbox() {
        let _ = jobs.send(Job::Send { id, to, text });
    }
    let sender = account.clone();
    let receiver = account;
    let done = files.clone();
    let seen = files.clone();
    let reads = jobs.clone();
    thread::spawn(move || send_all(&sender, &done, &to_do));
    thread::spawn(move || receive(&receiver, &seen, &reads));
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let Some((to, text)) = line.strip_prefix('@').and_then(|rest| rest.split_once(": ")) else { continue };
        let id = new_id();
        let to = to.to_owned();
        let text = text.to_owned();
        files.add(&id, &to, &text);
        let _ = jobs.send(Job::Send { id, to, text });
    }
    let _ = jobs.send(Job::End);
    loop {
        thread::park();
    }
}

fn new_id() -> String {
    let mut random = [0; 12];
    getrandom::fill(&mut random).expect("random numbers");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ends the client because of something that no retry mends.
fn end(why: &str) -> ! {
    eprintln!("flawed_client: {why}");
    process::exit(1)
}

/// Does one job after the other, each until it has an answer.
fn send_all(account: &Account, files: &Files, jobs: &Receiver<Job>) {
    for job in jobs {
        let line = |id: &str| match &job {
            Job::Send { to, text, .. } => Some(account.record(&["SEND", id, to, text])),
            Job::Read { target, number } => Some(account.record(&["READ", target, &number.to_string()])),
            Job::End => None,
        };
        let id = if let Job::Send { id, .. } = &job { id.clone() } else { String::new() };
        let Some(first) = line(&id) else { process::exit(0) };
        let mut pause = Pause::new(account);
        let again =
            || if account.flaw == Flaw::NewIdAtARetry { line(&new_id()).unwrap_or_default() } else { first.clone() };
        let mut request = first.clone();
        while let Err(failure) = ask(account, &request) {
            match failure {
                Failure::Refused(why) => {
                    eprintln!("not sent: {why}");
                    break;
                }
                failure => pause.wait(&failure),
            }
            request = again();
        }
        files.remove(&id);
    }
}

/// Logs in, sends one request, and reads its reply.
fn ask(account: &Account, request: &str) -> Result<(), Failure> {
    let (mut link, _) = Link::open(account, false)?;
    link.write(request)?;
    link.reply().map(drop)
}

/// Polls for ever, on a new connection after every error.
fn receive(account: &Account, files: &Files, reads: &Sender<Job>) {
    let mut pause = Pause::new(account);
    let mut shown = HashSet::new();
    loop {
        let Err(failure) = poll(account, files, reads, &mut shown, &mut pause);
        pause.wait(&failure);
    }
}

fn poll(
    account: &Account,
    files: &Files,
    reads: &Sender<Job>,
    shown: &mut HashSet<u64>,
    pause: &mut Pause,
) -> Result<std::convert::Infallible, Failure> {
    let (mut link, opened) = Link::open(account, true)?;
    if account.flaw == Flaw::ShowsDuplicatesTwice {
        files.set_last(opened.get(3).and_then(|number| number.parse().ok()).unwrap_or(0));
        shown.clear();
    }
    link.write(&format!("POLL;{}", files.last()))?;
    loop {
        let head = link.reply()?;
        pause.end();
        let count: usize = head.get(1).and_then(|count| count.parse().ok()).ok_or(Failure::Broken)?;
        let lines = (0..count).map(|_| link.line()).collect::<Result<Vec<_>, _>>()?;
        let events: Vec<_> = lines.iter().map(|line| fields(account.flaw, line)).collect();
        let numbers = events.iter().filter_map(|event| event.first()?.parse::<u64>().ok());
        let before = files.last();
        let last = numbers.max().unwrap_or(0).max(before);
        if account.flaw == Flaw::AcknowledgesBeforeItShows {
            files.set_last(last);
            link.write(&format!("POLL;{last}"))?;
        }
        show_all(&events, shown, reads, before);
        if account.flaw != Flaw::AcknowledgesBeforeItShows {
            files.set_last(last);
            link.write(&format!("POLL;{last}"))?;
        }
    }
}

/// Shows the messages that were not shown before.
fn show_all(events: &[Vec<String>], shown: &mut HashSet<u64>, reads: &Sender<Job>, last: u64) {
    for event in events {
        let [number, kind, _, from, to, _, text, ..] = &event[..] else { continue };
        let Ok(number) = number.parse() else { continue };
        if kind == "MSG" && number > last && shown.insert(number) {
            let time = Timestamp::now().to_string();
            let written = writeln!(io::stdout(), "{} {from}: {text}", time.get(11..16).unwrap_or_default());
            if written.and_then(|()| io::stdout().flush()).is_err() {
                end("nobody reads the output");
            }
            let target = if to.starts_with('#') { to } else { from };
            let _ = reads.send(Job::Read { target: target.clone(), number });
        }
    }
}
