//! `wachat connect`: from its options to its exit code. The line mode is `interactive` at a terminal, with `lines` (its
//! screen), and else `plain`, with `keyboard`; `display` is the text of a view. What every front end at a terminal needs:
//!
//! - `raw`: raw mode, and the way back. `input`: the thread that reads events, with `parser`; signals.
//! - `editor`: the text that is being written, with `recall` (the texts that were submitted), `complete` and `known` (the
//!   Tab key), and `wrap`.

pub mod complete;
mod display;
pub mod editor;
pub mod input;
mod interactive;
pub mod keyboard;
pub mod known;
mod lines;
pub mod parser;
mod plain;
pub mod raw;
pub mod recall;
pub mod wrap;

pub use display::{Marks, render};

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use super::app::Setting;
use super::exit::{Exit, Failure, failed, report};
use super::link::Account;
use super::link::error::LinkError;
use super::link::session::Session;
use super::options::ConnectArgs;
use super::owner::Owner;
use super::screen;
use super::state::home::{self, Home, Use};
use super::texts::{Language, Phrase, words};
use crate::model::Email;
use crate::protocol::{Code, Done, SendRequest};

/// Runs the client until the user leaves, or until the input of a pipe is done.
pub fn run(args: &ConnectArgs) -> ExitCode {
    Language::set(args.lang);
    report(connect(args))
}

fn connect(args: &ConnectArgs) -> Result<Exit, Failure> {
    // Lines come from a pipe or a file, and not from a person.
    let piped = !io::stdin().is_terminal();
    let account = args.account.account(args.register)?;
    let directory = home::directory(&args.home.directory()?, &account.user, &account.server_name());
    let how = if piped { Use::Pipe } else { Use::Person };
    let home = Home::open_when_free(&directory, &account.user, how)?;
    let mut session = match log_in(&account, piped) {
        Err(LinkError::Away(why)) => Err(why),
        Err(error) => return Err((Exit::Refused, error.to_string())),
        Ok(session) => Ok(session),
    };
    if let Some(address) = &args.email {
        // Without a server the address would be kept nowhere.
        send_email(address, session.as_mut().map_err(|why| (Exit::Away, why.clone()))?)?;
    }
    let first = session.as_ref().map(drop).map_err(String::clone);
    let ports = args.direct_ports().filter(|_| !piped);
    let receipts = !piped && !args.no_receipts;
    let full_screen = args.is_full_screen();
    let look = args.look()?;
    let setting = Setting { piped, receipts, direct: ports.is_some(), full_screen, server: account.server_name() };
    let torn = home.files.torn.clone();
    let owner = Owner::start(home, &account, setting, session.ok(), ports)?;
    if full_screen {
        screen::run(owner, first, torn, look)
    } else if piped || !io::stdout().is_terminal() || is_dumb() {
        plain::run(owner, first, torn, plain::Output { piped, states: args.states })
    } else {
        interactive::run(owner, first, torn)
    }
}

/// Checks that the terminal knows no control sequences, or that this is not known.
fn is_dumb() -> bool {
    std::env::var("TERM").map_or(true, |term| term.is_empty() || term == "dumb")
}

/// Sends the server the address that comes with `--register`.
fn send_email(address: &Email, session: &mut Session) -> Result<(), Failure> {
    let not_taken = |why: &dyn fmt::Display| failed(Phrase::EmailNotTaken { why: &why });
    let reply = session.request::<Done>(&SendRequest::Email { address: address.clone() });
    reply.map_err(|error| not_taken(&error))?.map(drop).map_err(|ko| not_taken(&words::ko(&ko)))
}

/// Logs in before anything is queued: a wrong password leaves no message behind.
fn log_in(account: &Account, piped: bool) -> Result<Session, LinkError> {
    match Session::open(account) {
        Err(LinkError::Refused(ko)) if ko.code == Code::Auth && !piped && !account.register => {
            if !confirms_registration(account) {
                return Err(LinkError::Refused(ko));
            }
            // For this once: an account that vanishes later is not made again without asking.
            Session::open(&Account { register: true, ..account.clone() })
        }
        done => done,
    }
}

fn confirms_registration(account: &Account) -> bool {
    let mut out = io::stdout().lock();
    let question = Phrase::MayRegister { server: &account.server_name(), user: &account.user };
    let mut answer = String::new();
    let asked =
        write!(out, "{question}").and_then(|()| out.flush()).and_then(|()| io::stdin().lock().read_line(&mut answer));
    asked.is_ok() && ["y", Language::current().yes()].contains(&answer.trim().to_lowercase().as_str())
}
