//! Settings: a flag, else the environment, else the settings file, else the default.
//!
//! clap implements flags, environment and precedence. The values of the file become its defaults before it parses the
//! command line; so a value of the file is checked like its flag, and `--help` shows it. This module holds only the
//! table of settings.

mod file;

use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use etcetera::BaseStrategy;

use file::Kind;
pub use file::{Found, SettingsError};

/// The environment variable that names the settings file if `--config` does not.
pub const ENVIRONMENT: &str = "WACHAT_CONFIG";

/// A setting: its place in the file, and its argument.
#[derive(Debug)]
pub struct Setting {
    /// Table of the file; empty: the top level.
    pub table: &'static str,
    /// Id of the argument in clap.
    pub argument: &'static str,
    kind: Kind,
}

const SERVE: &str = "serve";

const fn client(argument: &'static str, kind: Kind) -> Setting {
    Setting { table: "", argument, kind }
}

const fn serve(argument: &'static str, kind: Kind) -> Setting {
    Setting { table: SERVE, argument, kind }
}

/// All settings, in the order in which `wachat config` shows them. A row applies to each command with its argument.
pub static SETTINGS: &[Setting] = &[
    client("server", Kind::Text),
    client("send_port", Kind::Number),
    client("recv_port", Kind::Number),
    client("user", Kind::Text),
    client("password_file", Kind::Text),
    client("tls", Kind::Flag),
    client("ca", Kind::Text),
    client("known_servers", Kind::Text),
    client("home", Kind::Text),
    client("lang", Kind::Text),
    client("theme", Kind::Text),
    client("color", Kind::Text),
    client("keys", Kind::Text),
    serve("data", Kind::Text),
    serve("listen", Kind::Text),
    serve("send_port", Kind::Number),
    serve("recv_port", Kind::Number),
    serve("tls", Kind::Flag),
    serve("cert", Kind::Text),
    serve("key", Kind::Text),
    serve("registration", Kind::Text),
    serve("timeout", Kind::Number),
    serve("queue", Kind::Number),
    serve("queue_per_sender", Kind::Number),
    serve("queue_mib", Kind::Number),
    serve("queue_mib_per_sender", Kind::Number),
    serve("mib_per_day", Kind::Number),
    serve("room_mib_per_day", Kind::Number),
    serve("disk_floor", Kind::Number),
    serve("keep", Kind::Text),
    serve("keep_rooms", Kind::Text),
    serve("rate", Kind::Number),
    serve("no_lobby", Kind::Not),
    serve("log_format", Kind::Text),
    serve("metrics", Kind::Text),
];

impl Setting {
    /// Returns the key in the file: the argument's id, without the `no_` of a flag that takes something away.
    pub fn key(&self) -> &'static str {
        self.argument.trim_start_matches("no_")
    }

    /// Returns the name of the environment variable.
    pub fn environment(&self) -> String {
        format!("WACHAT_{}", self.argument.to_uppercase())
    }

    /// Returns the argument of a command that this row sets. Rows of the top level apply to clients, which have the
    /// argument `server`; rows of `serve` apply to `serve`, and its data directory to the administrator's commands too.
    pub fn argument_of<'a>(&self, command: &'a Command) -> Option<&'a Arg> {
        let argument = |id: &str| command.get_arguments().find(|argument| argument.get_id() == id);
        let is_client = argument("server").is_some();
        let applies = match self.table {
            SERVE => command.get_name() == SERVE || self.argument == "data" && !is_client,
            _ => is_client,
        };
        argument(self.argument).filter(|_| applies)
    }

    /// Converts a value of the argument to the value in the file, and back.
    pub fn convert(&self, value: &str) -> String {
        match (self.kind, value) {
            (Kind::Not, "true") => "false".to_owned(),
            (Kind::Not, "false") => "true".to_owned(),
            _ => value.to_owned(),
        }
    }

    /// Checks that the value is written in quotes.
    pub fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }
}

/// The contents of the settings file.
#[derive(Debug, Default)]
pub struct Settings {
    /// Path of the file, which may not exist; `None`: this user has no home directory.
    pub path: Option<PathBuf>,
    found: Vec<Found>,
}

impl Settings {
    /// Reads the file that the command line names, else the one that the environment names, else the usual one. A
    /// file that was named has to exist. The arguments of `command` check its values.
    pub fn read(command: &Command) -> Result<Self, SettingsError> {
        let named = named_in(std::env::args_os().skip(1)).or_else(|| std::env::var_os(ENVIRONMENT)).map(PathBuf::from);
        let Some(path) = named.clone().or_else(usual_path) else { return Ok(Self::default()) };
        if named.is_none() && !path.exists() {
            return Ok(Self { path: Some(path), found: Vec::new() });
        }
        Self::from_file(path, command)
    }

    /// Reads a file, which has to exist.
    pub fn from_file(path: PathBuf, command: &Command) -> Result<Self, SettingsError> {
        let found = file::read(&path, command)?;
        Ok(Self { path: Some(path), found })
    }

    /// Returns the value of a setting in the file.
    pub fn find(&self, setting: &Setting) -> Option<&Found> {
        self.found.iter().find(|found| std::ptr::eq(found.setting, setting))
    }

    /// Adds to each command the environment variables of its settings, and the values of the file as defaults.
    pub fn apply_to(&self, command: Command) -> Command {
        command.mut_subcommands(|command| {
            self.apply_to(SETTINGS.iter().fold(command, |command, row| self.apply_one(row, command)))
        })
    }

    fn apply_one(&self, setting: &'static Setting, command: Command) -> Command {
        if setting.argument_of(&command).is_none() {
            return command;
        }
        command.mut_arg(setting.argument, |argument| {
            let argument = argument.env(setting.environment());
            match self.find(setting) {
                Some(found) => argument.required(false).default_value(setting.convert(&found.value)),
                None => argument,
            }
        })
    }
}

/// Finds `--config FILE` or `--config=FILE` anywhere in the arguments. The file is read before clap parses the rest.
fn named_in(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> Option<std::ffi::OsString> {
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next();
        }
        if argument == "--" {
            return None;
        }
        if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(file.into());
        }
    }
    None
}

fn usual_path() -> Option<PathBuf> {
    let platform = etcetera::choose_base_strategy().ok()?;
    Some(platform.config_dir().join(Path::new("wachat").join("config.toml")))
}
