//! Settings: a flag, else the environment, else the settings file, else the default.
//!
//! clap implements flags, environment and precedence. The values of the file become its defaults before it parses the
//! command line; so a value of the file is checked like its flag, and `--help` shows it. `table` has the
//! settings, `file` reads the file.

mod file;
mod table;

use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use etcetera::BaseStrategy;

pub use file::{Found, SettingsError};
pub use table::{SETTINGS, Setting};

/// The environment variable that names the settings file if `--config` does not.
pub const ENVIRONMENT: &str = "WACHAT_CONFIG";

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
            let rows: Vec<_> = SETTINGS.iter().filter(|row| row.argument_of(&command).is_some()).collect();
            // mut_arg would move each of them to the end, and so the headings of the help.
            let command =
                command.mut_args(|argument| match rows.iter().find(|row| argument.get_id() == row.argument) {
                    Some(row) => self.apply_one(row, argument),
                    None => argument,
                });
            self.apply_to(command)
        })
    }

    fn apply_one(&self, setting: &'static Setting, argument: Arg) -> Arg {
        let argument = argument.env(setting.environment());
        match self.find(setting) {
            Some(found) => argument.required(false).default_value(setting.convert(&found.value)),
            None => argument,
        }
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
