//! The options of `wachat connect`, from its command line and environment.

use std::io::IsTerminal as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;

use super::exit::{Exit, Failure, failed, note};
use super::link::account::Account;
use super::link::device::Device;
use super::link::known_servers::KnownServers;
use super::link::protection::{ClearText, Protection};
use super::link::servers::Servers;
use super::link::trust::Trust;
use super::screen::Preferences;
use super::screen::keys::Keys;
use super::screen::theme::Theme;
use crate::limits;
use crate::model::{DeviceName, Email, ServerAddress, UserName};
use crate::texts::ascii::is_ascii_only;
use crate::texts::{Language, Phrase};
use crate::trace::Trace;

/// The user and the server: options of every client.
#[derive(clap::Args, Clone, Debug)]
pub struct AccountArgs {
    /// Your user name [default: the USER of your system]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Host name or address of the server. Of several that are one, as in A,B,C: a list, each HOST or HOST:SEND:RECV with its ports
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", value_parser = given_servers)]
    pub server: GivenServers,
    /// SEND port of the server
    #[arg(long, value_name = "PORT", default_value_t = 1666)]
    pub send_port: u16,
    /// RECV port of the server
    #[arg(long, value_name = "PORT", default_value_t = 1999)]
    pub recv_port: u16,
    /// File whose first line is the password [default: WACHAT_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// TLS: an option of every client.
#[derive(clap::Args, Clone, Debug)]
pub struct TlsArgs {
    /// Speak TLS. The server's certificate is the one it had before; at first each is taken, and its fingerprint shown. A
    /// server that has had one is never spoken to in clear text
    #[arg(long)]
    tls: bool,
    /// Speak TLS, and trust only certificates that an authority in this PEM file vouches for
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File of the certificates that servers had [default: ~/.local/share/wachat/known_servers, or the place that your platform prescribes]
    #[arg(long, value_name = "FILE")]
    known_servers: Option<PathBuf>,
}

impl TlsArgs {
    /// Returns the protection of the connections to servers, each with its SEND port. In clear text a server that is known by a certificate is
    /// refused, and the user is warned of one beyond this machine.
    pub fn protection(&self, servers: &[(&str, u16)]) -> Result<Protection, Failure> {
        if !self.tls && self.ca.is_none() {
            // Without a home directory there is no such file.
            return Ok(Protection::ClearText(ClearText::new(self.known_servers().ok(), servers)?));
        }
        let trust = Trust::new(self.ca.as_deref(), self.known_servers()?).map_err(|why| (Exit::Usage, why))?;
        Ok(Protection::Tls(Arc::new(trust)))
    }

    fn known_servers(&self) -> Result<KnownServers, Failure> {
        let path = match &self.known_servers {
            Some(path) => path.clone(),
            None => home_directory()?.join("known_servers"),
        };
        Ok(KnownServers::new(path))
    }
}

/// Reads a host name or an address. An address of IPv6 may have the brackets of a URL.
pub fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    Ok(bare.unwrap_or(text).to_owned())
}

/// The servers that the user has named: at least one.
#[derive(Clone, Debug)]
pub struct GivenServers(Vec<GivenServer>);

/// A server as it was named: its SEND and RECV ports are those of all, unless it has its own.
#[derive(Clone, Debug)]
struct GivenServer {
    host: String,
    ports: Option<[u16; 2]>,
}

/// Reads a list of servers.
fn given_servers(text: &str) -> Result<GivenServers, String> {
    let servers = text.split(',').map(given_server).collect::<Result<Vec<_>, _>>()?;
    if servers.len() > limits::SERVERS {
        return Err(format!("there are at most {} servers", limits::SERVERS));
    }
    Ok(GivenServers(servers))
}

/// Reads a host, or a host with its ports. An address of IPv6 has brackets where ports follow.
fn given_server(text: &str) -> Result<GivenServer, String> {
    let bracketed = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    let (name, ports) = match (bracketed, text.split_once(':')) {
        (Some((name, ports)), _) => (name, ports.strip_prefix(':').or((!ports.is_empty()).then_some("none"))),
        (None, Some((name, ports))) if text.matches(':').count() == 2 && !name.is_empty() => (name, Some(ports)),
        // A name, or an address of IPv6.
        _ => (text, None),
    };
    let wrong = || format!("{text:?} has not the form HOST or HOST:SEND:RECV, such as chat.example:1666:1999");
    let number = |text: &str| text.parse().ok().filter(|port| *port > 0);
    let read = |ports: &str| ports.split_once(':').and_then(|(send, recv)| Some([number(send)?, number(recv)?]));
    let ports = ports.map(|ports| read(ports).ok_or_else(wrong)).transpose()?;
    Ok(GivenServer { host: host(name)?, ports })
}

/// The directory of a client's files.
#[derive(clap::Args, Clone, Debug)]
pub struct HomeArgs {
    /// Directory of outbox and history [default: ~/.local/share/wachat, or the place that your platform prescribes]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

/// `wachat connect`.
#[derive(clap::Args, Clone, Debug)]
pub struct ConnectArgs {
    #[command(flatten)]
    pub account: AccountArgs,
    #[command(flatten)]
    pub home: HomeArgs,
    /// Use the line mode: no full screen; complete, and what a screen reader needs. A pipe, and a terminal without cursor movement (TERM=dumb) or UTF-8, always have it
    #[arg(long)]
    pub plain: bool,
    /// Background that the colours are for [default: as COLORFGBG says, else dark]
    #[arg(long, value_enum, value_name = "BACKGROUND", default_value = "auto", hide_default_value = true)]
    pub theme: Theme,
    /// Use colours [default: unless NO_COLOR is set]
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: Colour,
    /// Other keys for actions of the full screen, as in next-chat=alt-n,jump=ctrl-g; F1 shows the actions
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true, value_parser = keys)]
    pub keys: String,
    /// Leave the mouse to the terminal, which selects text to copy with it; Alt-M switches while the client runs
    #[arg(long)]
    pub no_mouse: bool,
    /// Create the account if it does not exist, without a question
    #[arg(long)]
    pub register: bool,
    /// Your e-mail address, stored with the new account
    #[arg(long, value_name = "ADDRESS", requires = "register", value_parser = email)]
    pub email: Option<Email>,
    /// Name of this device in the list of your devices: a letter, then up to 31 letters, digits, - and _; kept in the home [default: the name of this machine, and digits]
    #[arg(long, value_name = "NAME", value_parser = device)]
    pub device: Option<DeviceName>,
    /// Keep a key on this machine with which later starts log in without the password; /forget on another device ends it
    #[arg(long)]
    pub remember: bool,
    /// Port for incoming direct chats [default: the first free one of 9000 to 9099]
    #[arg(long, value_name = "PORT", conflicts_with = "no_p2p")]
    pub p2p_port: Option<u16>,
    /// Disable direct chats
    #[arg(long)]
    pub no_p2p: bool,
    /// Language [default: from LC_ALL, LC_MESSAGES or LANG, else English]
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub lang: Option<Language>,
    /// Write a line for each state of a message where it cannot change in place: in a pipe, at a dumb terminal
    #[arg(long)]
    pub states: bool,
    /// Receive, too, while the input is a pipe, as at a terminal; at its end wait until all is sent
    #[arg(long)]
    pub receive: bool,
    /// Do not tell senders that you have read their messages
    #[arg(long)]
    pub no_receipts: bool,
    /// Append each line sent or received, without passwords, to a file that `wachat trace` reads [default file: trace.csv beside your history]
    #[arg(long, value_name = "FILE")]
    pub trace: Option<Option<PathBuf>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// Lines in and out, without a control sequence: a pipe, or a terminal that knows none.
    Lines,
    /// The line mode, with an editor.
    Editor,
    FullScreen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// Unless NO_COLOR is set
    Auto,
    /// Even if NO_COLOR is set
    Always,
    /// Never
    Never,
}

fn keys(text: &str) -> Result<String, String> {
    Keys::new(text).map(|_| text.to_owned())
}

fn device(text: &str) -> Result<DeviceName, String> {
    let wrong = || "a letter and up to 31 letters, digits, - and _ are wanted, and not the word others".to_owned();
    DeviceName::new(text).ok_or_else(wrong)
}

fn email(text: &str) -> Result<Email, String> {
    Email::new(text).ok_or_else(|| "not an e-mail address".to_owned())
}

fn usage(why: Phrase) -> Failure {
    (Exit::Usage, why.to_string())
}

/// Returns the password that a file or the environment gives.
pub(super) fn given_password(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(path) = file else { return Ok(std::env::var("WACHAT_PASSWORD").ok()) };
    let failed = |error| usage(Phrase::NoPasswordFile { path: &path.display(), error: &error });
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
}

pub(super) fn prompt_for(prompt: Phrase) -> Result<String, Failure> {
    rpassword::prompt_password(prompt.to_string()).map_err(|error| usage(Phrase::NoPassword { error: &error }))
}

/// Returns a new password: given, or prompted for twice, since it is not shown.
pub fn new_password(user: &UserName, file: Option<&Path>) -> Result<String, Failure> {
    if let Some(password) = given_password(file)? {
        return Ok(password);
    }
    let password = prompt_for(Phrase::NewPasswordOf { user })?;
    let again = prompt_for(Phrase::PasswordAgain)?;
    if password == again { Ok(password) } else { Err(usage(Phrase::Different)) }
}

impl AccountArgs {
    /// Returns the account, and prompts for the password where it is not given. `register`: a login may create it.
    pub fn account(&self, register: bool) -> Result<Account, Failure> {
        let user = self.user()?;
        // Before any question: it may refuse the server, or warn.
        let protection = self.protection()?;
        let password = match given_password(self.password_file.as_deref())? {
            Some(password) => password,
            None => prompt_for(Phrase::PasswordOf { user: &user })?,
        };
        self.account_with(user, password, register, protection)
    }

    /// Returns the protection of the connections, as [`TlsArgs::protection`] does.
    pub(super) fn protection(&self) -> Result<Protection, Failure> {
        let servers = self.addresses();
        let names: Vec<_> = servers.iter().map(|server| (server.host.as_str(), server.send)).collect();
        self.tls.protection(&names)
    }

    /// Returns the user: the given one, or the one of the operating system.
    pub fn user(&self) -> Result<UserName, Failure> {
        let rules = Phrase::NameRules { most: &limits::NAME_CHARS };
        if let Some(name) = &self.user {
            return UserName::new(name).map_err(|_| usage(Phrase::BadUser { name, rules: &rules }));
        }
        let name = std::env::var("USER").ok().filter(|name| !name.is_empty()).ok_or_else(|| usage(Phrase::NoUser))?;
        UserName::new(&name).map_err(|_| usage(Phrase::BadSystemUser { name: &name, rules: &rules }))
    }

    /// Returns the servers that the user has named.
    pub fn servers(&self) -> Servers {
        Servers::new(self.addresses())
    }

    fn addresses(&self) -> Vec<ServerAddress> {
        let both = [self.send_port, self.recv_port];
        let address = |GivenServer { host, ports }: &GivenServer| {
            let [send, recv] = ports.unwrap_or(both);
            ServerAddress { host: host.clone(), send, recv, fingerprint: None }
        };
        self.server.0.iter().map(address).collect()
    }

    /// Returns the account with this password.
    pub(super) fn account_with(
        &self,
        user: UserName,
        password: String,
        register: bool,
        protection: Protection,
    ) -> Result<Account, Failure> {
        if password.is_empty() || password.contains(['\n', '\r']) {
            return Err(usage(Phrase::BadPassword));
        }
        let servers = Arc::new(self.servers());
        let trace = None;
        let device = None;
        Ok(Account { user, password, servers, register, trace, protection, device })
    }
}

/// The examples of `wachat connect --help`.
pub const EXAMPLES: &str = "\
Examples:
  wachat connect                                  chat under the name of your system's user
  wachat connect --user ana --server chat.example chat as ana, at another machine
  echo '@luis: done' | wachat connect --user ana  send the lines of a pipe
  wachat connect --user ana --lang es --plain     in Spanish, in the line mode

In the client /help lists the commands, and /quit leaves.";

impl HomeArgs {
    /// Returns the directory of the files of all users and servers.
    pub fn directory(&self) -> Result<PathBuf, Failure> {
        self.home.clone().map_or_else(home_directory, Ok)
    }
}

/// Returns the directory of the files of all users and servers, where none is named.
fn home_directory() -> Result<PathBuf, Failure> {
    let platform = etcetera::choose_base_strategy().map_err(|_| usage(Phrase::NoHome))?;
    Ok(platform.data_dir().join("wachat"))
}

impl ConnectArgs {
    /// Returns the front end that is wanted, if the terminal is one for it.
    pub(super) fn front_end(&self) -> FrontEnd {
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let kind = std::env::var("TERM").unwrap_or_default();
        match terminal && !matches!(kind.as_str(), "" | "dumb") {
            false => FrontEnd::Lines,
            // The full screen draws with characters that only UTF-8 has.
            true if self.plain || is_ascii_only(|name| std::env::var(name).ok()) => FrontEnd::Editor,
            true => FrontEnd::FullScreen,
        }
    }

    /// Starts the trace, if one is wanted: in the named file, or in the directory of the client's own files.
    pub fn start_trace(&self, user: &UserName, directory: &Path) -> Result<Option<Trace>, Failure> {
        let Some(file) = &self.trace else { return Ok(None) };
        let path = file.clone().unwrap_or_else(|| directory.join("trace.csv"));
        let trace = Trace::to_file(&format!("client:{}", user.shown()), &path);
        let trace = trace.map_err(|error| failed(Phrase::NoTrace { error: &error }))?;
        if file.is_none() {
            note(&Phrase::TraceIn { path: &path.display() }.to_string());
        }
        Ok(Some(trace))
    }

    /// Returns the keys, colours and use of the mouse of the full screen.
    pub(super) fn preferences(&self) -> Result<Preferences, Failure> {
        let variable =
            |name: &str| std::env::var(name).ok().filter(|_| self.color == Colour::Auto || name != "NO_COLOR");
        let theme = if self.color == Colour::Never { Theme::None } else { self.theme.resolve(variable) };
        let keys = Keys::new(&self.keys).map_err(|why| (Exit::Usage, format!("--keys: {why}")))?;
        Ok(Preferences { keys, theme, mouse: !self.no_mouse })
    }

    /// Returns the device that this client is, in a directory of its own files. A pipe only has the one that is there.
    pub(super) fn device(&self, directory: &Path, piped: bool) -> Result<Option<Arc<Device>>, Failure> {
        let device = match piped {
            true => Device::open_existing(directory),
            false => Device::open(directory, self.device.as_ref(), self.remember).map(Some),
        };
        let failed = |error| failed(Phrase::NoDeviceFile { path: &directory.display(), error: &error });
        device.map(|device| device.map(Arc::new)).map_err(failed)
    }

    /// Returns the ports on which direct chats may be taken; `None`: none are taken.
    pub(super) fn direct_ports(&self) -> Option<RangeInclusive<u16>> {
        let ports = self.p2p_port.map_or(limits::DIRECT_PORTS, |port| port..=port);
        (!self.no_p2p).then_some(ports)
    }
}
