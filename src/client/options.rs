//! The options of `wachat connect`, from its command line and environment.

use std::io::IsTerminal as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::exit::{Exit, Failure};
use super::link::Account;
use super::screen::Look;
use super::screen::keys::Keys;
use super::screen::theme::Theme;
use super::texts::{Language, Phrase};
use crate::limits;
use crate::model::{Email, UserName};

/// The user and the server: options of every client.
#[derive(clap::Args, Clone, Debug)]
pub struct AccountArgs {
    /// Your user name
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// Host name or address of the server
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub server: String,
    /// SEND port of the server
    #[arg(long, value_name = "PORT", default_value_t = 1666)]
    pub send_port: u16,
    /// RECV port of the server
    #[arg(long, value_name = "PORT", default_value_t = 1999)]
    pub recv_port: u16,
    /// File whose first line is the password [default: WACHAT_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
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
    /// Use the line mode: no full screen. A pipe, and a terminal without cursor movement (TERM=dumb), always have it
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
    /// Create the account if it does not exist, without a question
    #[arg(long)]
    pub register: bool,
    /// Your e-mail address, stored with the new account
    #[arg(long, value_name = "ADDRESS", requires = "register", value_parser = email)]
    pub email: Option<Email>,
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
    /// Do not tell senders that you have read their messages
    #[arg(long)]
    pub no_receipts: bool,
}

/// When colours are used.
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

fn email(text: &str) -> Result<Email, String> {
    Email::new(text).ok_or_else(|| "not an e-mail address".to_owned())
}

fn usage(why: Phrase) -> Failure {
    (Exit::Usage, why.to_string())
}

/// Returns the password that a file or the environment gives.
fn given_password(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(path) = file else { return Ok(std::env::var("WACHAT_PASSWORD").ok()) };
    let failed = |error| usage(Phrase::NoPasswordFile { path: &path.display(), error: &error });
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
}

fn prompt_for(prompt: Phrase) -> Result<String, Failure> {
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
        let user = UserName::new(&self.user)
            .map_err(|_| usage(Phrase::BadUser { name: &self.user, most: &limits::NAME_CHARS }))?;
        let password = match given_password(self.password_file.as_deref())? {
            Some(password) => password,
            None => prompt_for(Phrase::PasswordOf { user: &user })?,
        };
        if password.is_empty() || password.contains(['\n', '\r']) {
            return Err(usage(Phrase::BadPassword));
        }
        let (server, send_port, recv_port) = (self.server.clone(), self.send_port, self.recv_port);
        Ok(Account { user, password, server, send_port, recv_port, register })
    }
}

impl HomeArgs {
    /// Returns the directory of the files of all users and servers.
    pub fn directory(&self) -> Result<PathBuf, Failure> {
        if let Some(home) = &self.home {
            return Ok(home.clone());
        }
        let platform = etcetera::choose_base_strategy().map_err(|_| usage(Phrase::NoHome))?;
        Ok(platform.data_dir().join("wachat"))
    }
}

impl ConnectArgs {
    /// Checks that the full screen is wanted, and that there is a terminal for it.
    pub fn is_full_screen(&self) -> bool {
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let kind = std::env::var("TERM").unwrap_or_default();
        !self.plain && terminal && !matches!(kind.as_str(), "" | "dumb")
    }

    /// Returns the colours and keys of the full screen.
    pub fn look(&self) -> Result<Look, Failure> {
        let variable =
            |name: &str| std::env::var(name).ok().filter(|_| self.color == Colour::Auto || name != "NO_COLOR");
        let theme = if self.color == Colour::Never { Theme::None } else { self.theme.resolve(variable) };
        Ok(Look { keys: Keys::new(&self.keys).map_err(|why| (Exit::Usage, format!("--keys: {why}")))?, theme })
    }

    /// Returns the ports on which direct chats may be taken; `None`: none are taken.
    pub fn direct_ports(&self) -> Option<RangeInclusive<u16>> {
        let ports = self.p2p_port.map_or(limits::DIRECT_PORTS, |port| port..=port);
        (!self.no_p2p).then_some(ports)
    }
}
