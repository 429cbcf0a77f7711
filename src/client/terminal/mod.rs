//! `wachat connect`: from its options to its exit code. The line mode is `plain`, with `keyboard`, `screen` and
//! `display` (the text of a view); another front end stands beside it.

mod display;
pub mod keyboard;
mod plain;
mod screen;

use std::fmt;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use super::app::Setting;
use super::exit::{Exit, Failure};
use super::link::account::Account;
use super::link::error::LinkError;
use super::link::session::{Session, send_line};
use super::options::ConnectArgs;
use super::owner::Owner;
use super::state::home::{self, Home, Use};
use super::texts::safe::safe;
use super::texts::{Language, Phrase, words};
use crate::model::Email;
use crate::protocol::{Code, Done, SendRequest};

/// Runs the client until the user leaves, or until the input of a pipe is done.
pub fn run(args: &ConnectArgs) -> ExitCode {
    Language::set(args.lang);
    connect(args)
        .unwrap_or_else(|(exit, why)| {
            eprintln!("wachat: {}", safe(&why));
            exit
        })
        .into()
}

fn connect(args: &ConnectArgs) -> Result<Exit, Failure> {
    let piped = args.is_piped();
    let account = args.account.account(args.register)?;
    let directory = home::directory(&args.home.directory()?, &account.user, &account.server_name());
    let how = if piped { Use::Pipe } else { Use::Person };
    let home =
        Home::open_when_free(&directory, &account.user, how).map_err(|error| (Exit::Failed, error.to_string()))?;
    let first = match log_in(&account, piped) {
        Err(LinkError::Away(why)) => Err(why),
        Err(error) => return Err((Exit::Refused, error.to_string())),
        Ok(session) => Ok(session),
    };
    let first = send_email(args.email.as_ref(), first)?;
    let (session, first) = match first {
        Ok(session) => (Some(session), Ok(())),
        Err(why) => (None, Err(why)),
    };
    let ports = args.direct_ports().filter(|_| !piped);
    let receipts = !piped && !args.no_receipts;
    let setting = Setting { piped, receipts, direct: ports.is_some(), server: account.server_name() };
    let torn = home.files.torn.clone();
    let owner = Owner::start(home, &account, setting, session, ports)?;
    plain::run(owner, first, torn, piped)
}

/// Sends the server the address that comes with `--register`. Without a server it is kept nowhere, and that is an
/// error.
fn send_email(email: Option<&Email>, first: Result<Session, String>) -> Result<Result<Session, String>, Failure> {
    let Some(address) = email else { return Ok(first) };
    let failed = |why: &dyn fmt::Display| (Exit::Failed, Phrase::EmailNotTaken { why: &why }.to_string());
    let mut session = first.map_err(|why| (Exit::Away, why))?;
    let request = send_line(&SendRequest::Email { address: address.clone() });
    match session.request::<Done>(&request).map_err(|error| failed(&error))? {
        Ok(_) => Ok(Ok(session)),
        Err(ko) => Err(failed(&words::ko(&ko))),
    }
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
