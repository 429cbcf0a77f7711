//! The bot's token, its password. It is never shown, not even in a log.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// `<the bot's number>:<secret>`, as @BotFather gives it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Reads the token from a file of its own, and warns if other users can read that file. An error says what to do,
    /// and shows nothing of the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let file = path.display();
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("cannot read --token-file {file}: {error}"))?;
        warn_if_open(path);
        match text.trim() {
            "" => Err(format!("--token-file {file} is empty: put the bot's token into it")),
            text => Self::parse(text).ok_or_else(|| {
                format!(
                    "--token-file {file} holds no token: it is one line of the form 123456:letters-and-digits, as \
                     @BotFather gives it"
                )
            }),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (bot, secret) = text.split_once(':')?;
        let digits = (1..=20).contains(&bot.len()) && bot.bytes().all(|b| b.is_ascii_digit());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (digits && !secret.is_empty() && secret.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// Returns the bot's number, which every member of the chat can see.
    pub fn bot(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// Returns the address of a method of the Bot API. It holds the token.
    pub fn address(&self, api_url: &str, method: &str) -> String {
        format!("{}/bot{}/{method}", api_url.trim_end_matches('/'), self.0)
    }

    /// Removes the token from a text that may repeat it, such as an error.
    pub fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, "<token>")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

fn warn_if_open(path: &Path) {
    let mode = std::fs::metadata(path).map_or(0, |data| data.permissions().mode());
    if mode & 0o077 != 0 {
        log::warn!("{} can be read by others on this machine: chmod 600 {0}", path.display());
    }
}
