//! `wachat connect`: from its options to its exit code.

use std::fmt;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use super::app::Setting;
use super::exit::{Exit, Failure, failed, note, report};
use super::line_mode::{interactive, plain};
use super::link::device::Device;
use super::link::session::Session;
use super::options::{ConnectArgs, FrontEnd};
use super::owner::Owner;
use super::screen;
use super::sign_in::{Entry, SignIn};
use super::state::home::{self, Home, Use};
use crate::model::{Email, UserName};
use crate::protocol::{Done, SendRequest};
use crate::texts::ascii::locale_without_utf8;
use crate::texts::{Language, Phrase, words};
use crate::trace::Trace;

/// Runs the client until the user leaves, or until the input of a pipe is done.
pub fn run(args: &ConnectArgs) -> ExitCode {
    Language::set(args.lang);
    report(connect(args))
}

fn connect(args: &ConnectArgs) -> Result<Exit, Failure> {
    // Lines come from a pipe or a file, and not from a person: without --receive they are only sent.
    let piped = !io::stdin().is_terminal() && !args.receive;
    let user = args.account.user()?;
    let directory = home::directory(&args.home.directory()?, &user, &args.account.server_name());
    let how = if piped { Use::Pipe } else { Use::Person };
    let home = Home::open_when_free(&directory, &user, how)?;
    let trace = args.start_trace(&user, home.files.directory())?;
    let device = args.device(&directory, piped)?;
    let end = enter(args, user, home, trace.clone(), device);
    if let Some(trace) = trace {
        trace.finish(end.as_ref().err().map_or("", |(_, why)| why));
    }
    end
}

/// Logs in, and runs the front end.
fn enter(
    args: &ConnectArgs,
    user: UserName,
    home: Home,
    trace: Option<Trace>,
    device: Option<Arc<Device>>,
) -> Result<Exit, Failure> {
    let unattended = !io::stdin().is_terminal();
    let piped = unattended && !args.receive;
    // Before anything is queued: a wrong password leaves no message behind.
    let was_here = !home.state.store().is_empty();
    let Entry { account, mut session } = SignIn::new(args, user, was_here, trace, device.clone())?.enter(unattended)?;
    if let Some(address) = &args.email {
        // Without a server the address would be kept nowhere.
        send_email(address, session.as_mut().map_err(|why| (Exit::Away, why.clone()))?)?;
    }
    let first = session.as_ref().map(drop).map_err(String::clone);
    let ports = args.direct_ports().filter(|_| !piped);
    let receipts = !piped && !args.no_receipts;
    let full_screen = args.front_end() == FrontEnd::FullScreen;
    let preferences = args.preferences()?;
    let direct = ports.is_some();
    let server = account.server_name();
    let device = device.map(|device| device.name().clone());
    let setting = Setting { piped, unattended, receipts, direct, full_screen, server, device };
    let owner = Owner::start(home, &account, setting, session.ok(), ports)?;
    match args.front_end() {
        FrontEnd::Lines => plain::run(owner, first, plain::Output { piped, states: args.states }),
        FrontEnd::Editor => {
            if !args.plain {
                explain_line_mode();
            }
            interactive::run(owner, first)
        }
        FrontEnd::FullScreen => screen::run(owner, first, preferences),
    }
}

/// Tells a user who did not choose the line mode that the locale is the reason for it, and what to do.
fn explain_line_mode() {
    if let Some((variable, value)) = locale_without_utf8(|name| std::env::var(name).ok()) {
        let locale = format!("{variable}={value}");
        note(&Phrase::NoFullScreen { locale: &locale, variable: &variable }.to_string());
    }
}

/// Sends the server the address that comes with `--register`.
fn send_email(address: &Email, session: &mut Session) -> Result<(), Failure> {
    let not_taken = |why: &dyn fmt::Display| failed(Phrase::EmailNotTaken { why: &why });
    let reply = session.request::<Done>(&SendRequest::Email { address: address.clone() });
    reply.map_err(|error| not_taken(&error))?.map(drop).map_err(|ko| not_taken(&words::ko(&ko)))
}
