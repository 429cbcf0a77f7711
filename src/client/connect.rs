//! `wachat connect`: from its options to its exit code.

use std::fmt;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use super::app::Setting;
use super::exit::{Exit, Failure, failed, note, report};
use super::line_mode::{interactive, plain};
use super::link::device::Device;
use super::link::error::LinkError;
use super::link::server_file::ServerFile;
use super::link::servers::Servers;
use super::link::session::Session;
use super::options::{ConnectArgs, FrontEnd};
use super::owner::Owner;
use super::screen;
use super::sign_in::{Entry, SignIn, ask};
use super::state::home::{self, Home, Use};
use crate::model::{Email, UserName};
use crate::protocol::{Device as Listed, Done, SendRequest};
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
    let servers = Arc::new(args.account.servers());
    let directory = home::directory_of(&args.home.directory()?, &user, &servers.names());
    let how = if piped { Use::Pipe } else { Use::Person };
    let mut home = Home::open_when_free(&directory, &user, how)?;
    match piped {
        true => servers.recall(&ServerFile::new(&directory)),
        false => servers.remember_in(ServerFile::new(&directory)),
    }
    let trace = args.start_trace(&user, home.files.directory())?;
    let device = args.device(&directory, piped)?;
    let mut email = args.email.as_ref();
    let end = loop {
        let end = enter(args, user.clone(), home, trace.clone(), device.clone(), servers.clone(), email.take());
        if !signs_in_again(args, &end, device.as_deref()) {
            break end;
        }
        home = match Home::open_when_free(&directory, &user, how) {
            Ok(home) => home,
            Err(error) => break Err(error.into()),
        };
    };
    if let Some(trace) = trace {
        trace.finish(end.as_ref().err().map_or("", |(_, why)| why));
    }
    end
}

/// Checks that a person whose device was let in with its key is asked for the password now: the key has ended, and the outbox
/// and the drafts are in the files. Without an editor the keyboard thread still waits for a line, and the next start asks.
fn signs_in_again(args: &ConnectArgs, end: &Result<Exit, Failure>, device: Option<&Device>) -> bool {
    let is_refused = matches!(end, Ok(Exit::Refused)) && args.front_end() != FrontEnd::Lines;
    is_refused && device.is_some_and(Device::take_refusal)
}

/// Logs in, and runs the front end. `email`: the address to be sent to the server.
fn enter(
    args: &ConnectArgs,
    user: UserName,
    home: Home,
    trace: Option<Trace>,
    device: Option<Arc<Device>>,
    servers: Arc<Servers>,
    email: Option<&Email>,
) -> Result<Exit, Failure> {
    let unattended = !io::stdin().is_terminal();
    let piped = unattended && !args.receive;
    // Before anything is queued: a wrong password leaves no message behind.
    let was_here = !home.state.store().is_empty();
    let mut entry = SignIn::new(args, user, was_here, trace, device.clone(), servers)?.enter(unattended)?;
    let by_password = device.as_deref().filter(|device| device.usable_key().is_none());
    if let Some(device) = by_password.filter(|device| !unattended && home.state.is_device(device.name())) {
        confirm_new_beginning(device, &mut entry)?;
    }
    let Entry { account, mut session, .. } = entry;
    if let Some(address) = email {
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

/// Asks a person before a device begins anew that the server has known and lists no more. It is one of the devices again with
/// its login on the RECV port, which follows.
fn confirm_new_beginning(device: &Device, entry: &mut Entry) -> Result<(), Failure> {
    let Ok(session) = &mut entry.session else { return Ok(()) };
    let listed = match session.request_list::<Listed>(&SendRequest::Devices) {
        Ok(Ok(listed)) => listed,
        // An older server has no devices.
        Ok(Err(_)) => return Ok(()),
        Err(LinkError::Away(why)) => {
            entry.session = Err(why);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    // A new account has none, whatever was here under its name.
    let is_new = entry.may_be_new && listed.is_empty();
    if is_new || listed.iter().any(|listed| listed.name == *device.name()) {
        return Ok(());
    }
    let device = device.name();
    let answer = ask(&Phrase::MayBeginAnew { device }).unwrap_or_default();
    if Language::current().is_yes(answer.trim()) { Ok(()) } else { Err(failed(Phrase::NotBegunAnew { device })) }
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
