//! The bot's token, its password. It is never shown, not even in a log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// `<the bot's number>:<secret>`, as @BotFather gives it.
#[derive(Clone)]
pub struct Token(String);

/// The reason why there is no token. Its text says what to do, and shows nothing of the file.
#[derive(Debug)]
pub enum TokenError {
    Read(PathBuf, io::Error),
    Empty(PathBuf),
    Form(PathBuf),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read --token-file {}: {error}", path.display()),
            Self::Empty(path) => write!(f, "--token-file {} is empty: put the bot's token into it", path.display()),
            Self::Form(path) => write!(
                f,
                "--token-file {} holds no token: it is one line of the form 123456:letters-and-digits, as @BotFather gives it",
                path.display()
            ),
        }
    }
}

impl std::error::Error for TokenError {}

impl Token {
    /// Reads the token from its file. Warns if other users can read the file.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(path).map_err(|error| TokenError::Read(path.into(), error))?;
        warn_if_open(path);
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty(path.into()));
        }
        Self::parse(text).ok_or_else(|| TokenError::Form(path.into()))
    }

    fn parse(text: &str) -> Option<Self> {
        let (bot, secret) = text.split_once(':')?;
        let digits = (1..=20).contains(&bot.len()) && bot.bytes().all(|b| b.is_ascii_digit());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (digits && !secret.is_empty() && secret.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// Returns the bot's id, which is public.
    pub fn bot(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// Returns the URL of a method of the Bot API. It contains the token.
    pub fn address(&self, api_url: &str, method: &str) -> String {
        format!("{}/bot{}/{method}", api_url.trim_end_matches('/'), self.0)
    }

    /// Removes the token from a foreign text that may repeat it.
    pub fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, "<token>")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_or(0, |data| data.permissions().mode());
    if mode & 0o077 != 0 {
        log::warn!("{} can be read by others on this machine: chmod 600 {0}", path.display());
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}
