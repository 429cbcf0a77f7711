//! `wachat talk`.

use std::net::TcpStream;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::page::{DONE, Page, page};
use super::serve;
use crate::client::exit::note;
use crate::client::{TlsArgs, host};
use crate::course::talk;
use crate::protocol::Port;

pub(super) const PAGES: &[Page] = &[page(
    "talk",
    DONE,
    &[
        ("wachat talk --user ana", "Log in on the SEND port, and type requests"),
        ("wachat talk recv --user ana", "The same on the RECV port"),
        ("printf 'REGISTER:ana:palabra larga\\nPING\\n' | wachat talk", "Send the lines of a pipe"),
    ],
    &["trace", "judge"],
)];

/// Speak the protocol line by line
///
/// Sends the lines that are typed to a server and prints what comes, each reply with the sentence of the protocol that it
/// follows. It does what nc does, where there is no nc. With --user it logs in first, and the password is not shown.
#[derive(Args)]
pub(super) struct TalkArgs {
    /// Which of the server's ports
    #[arg(value_parser = port_parser(), default_value = Port::Send.label())]
    port: Port,
    /// Address of the server
    #[arg(long, default_value = "127.0.0.1", value_parser = host)]
    server: String,
    /// SEND port of the server
    #[arg(long, default_value_t = serve::SEND_PORT)]
    send_port: u16,
    /// RECV port of the server
    #[arg(long, default_value_t = serve::RECV_PORT)]
    recv_port: u16,
    /// Log in as this user; the password is in WACHAT_PASSWORD, or is asked for
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Takes the name of a port in small letters.
fn port_parser() -> impl TypedValueParser<Value = Port> {
    let read = |label: String| Port::BOTH.into_iter().find(|port| port.label() == label);
    PossibleValuesParser::new(Port::BOTH.map(Port::label)).map(move |label| read(label).unwrap_or(Port::Send))
}

pub(super) fn run(args: &TalkArgs) -> Result<(), String> {
    let port = args.port.of([args.send_port, args.recv_port]);
    // Before any question: it may refuse the server, or warn.
    let protection = args.tls.protection(&[(&args.server, args.send_port)]).map_err(|(_, why)| why)?;
    let first = args.user.as_ref().map(|user| log_in(user)).transpose()?;
    let first = first.as_ref().map(|(line, shown)| (line.clone(), shown.as_str()));
    let place = format!("{}:{port}", args.server);
    let addresses = protection.addresses(&args.server, args.send_port, port).map_err(|error| error.to_string())?;
    let stream = TcpStream::connect(addresses.as_slice())
        .map_err(|error| format!("{place}: {error}; is the server running? wachat serve starts one"))?;
    // Without it lines only leave later.
    let _ = stream.set_nodelay(true);
    let socket = protection.secure(stream, &args.server, args.send_port).map_err(|error| error.to_string())?;
    if let Some(news) = protection.take_news() {
        note(&news);
    }
    talk::talk(socket, first).map_err(|error| format!("{place}: {error}"))
}

/// Returns the login line, and the same without the password.
fn log_in(user: &str) -> Result<(String, String), String> {
    let password = match std::env::var("WACHAT_PASSWORD") {
        Ok(password) => password,
        Err(_) => rpassword::prompt_password(format!("password of {user}: ")).map_err(|error| error.to_string())?,
    };
    Ok((format!("LOGIN:{user}:{password}"), format!("LOGIN:{user}:***")))
}
