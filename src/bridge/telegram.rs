//! The Bot API of Telegram: the token, requests, their answers, and the meaning of a failure.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use ureq::{Agent, SendBody};

use crate::limits;
use crate::model::safe::safe;

/// Time-out of a request to Telegram, beyond the seconds that it is held open.
const TELEGRAM_TIMEOUT: Duration = Duration::from_secs(15);

/// Longest response of Telegram in bytes: a hundred updates, each with the message that it replies to.
const TELEGRAM_ANSWER_BYTES: u64 = 32 << 20;

/// The bot's token, its password: `<the bot's number>:<secret>`, as @BotFather gives it. It is never shown, not even in
/// a log.
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

/// An error of a request. Each text is for people, and free of the token.
#[derive(Debug)]
pub enum TelegramError {
    /// It surely did not happen: not all of it left this machine.
    NotSent(String),
    /// The request was not executed; Telegram asks for this pause, or for a longer one than the bridge makes.
    Later(Duration),
    /// The request was refused, and a retry would be, too.
    Refused(String),
    /// The request may have been executed.
    Unclear(String),
    /// The request was refused: Telegram does not know this bot.
    Barred(String),
}

/// The form of every response.
#[derive(Deserialize)]
struct Answer<T> {
    ok: bool,
    result: Option<T>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// One bot, in one chat.
pub struct Telegram {
    agent: Agent,
    api_url: String,
    token: Token,
    chat: i64,
}

impl Telegram {
    pub fn new(api_url: &str, token: &Token, chat: i64) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(limits::TIMEOUT))
            .user_agent(concat!("wachat/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), api_url: api_url.to_owned(), token: token.clone(), chat }
    }

    pub fn bot(&self) -> &str {
        self.token.bot()
    }

    /// Fetches the new updates, oldest first; waits at most `wait` seconds. Telegram forgets all updates
    /// below `offset`; a negative one counts from the end.
    pub fn fetch_updates(&self, offset: Option<i64>, wait: u64) -> Result<Vec<Value>, TelegramError> {
        let mut question = json!({ "timeout": wait, "allowed_updates": ["message"] });
        if let (Some(offset), Some(fields)) = (offset, question.as_object_mut()) {
            fields.insert("offset".to_owned(), offset.into());
        }
        self.request("getUpdates", &question, Duration::from_secs(wait) + TELEGRAM_TIMEOUT)
    }

    /// Sends a text to the chat. Without a parse mode, Telegram reads no markup in it.
    pub fn send(&self, text: &str) -> Result<(), TelegramError> {
        let question = json!({ "chat_id": self.chat, "text": text });
        self.request::<IgnoredAny>("sendMessage", &question, TELEGRAM_TIMEOUT).map(drop)
    }

    fn request<T: DeserializeOwned>(
        &self,
        method: &str,
        question: &Value,
        timeout: Duration,
    ) -> Result<T, TelegramError> {
        let question = question.to_string();
        let mut body = Watched { bytes: question.as_bytes(), touched: false };
        let (status, answer) = self.exchange(method, &mut body, timeout).map_err(|error| {
            // A request whose body was not sent is not executed.
            let why = self.token.hide_in(&error.to_string());
            if body.touched { TelegramError::Unclear(why) } else { TelegramError::NotSent(why) }
        })?;
        read_answer(status, &answer)
    }

    fn exchange(&self, method: &str, body: &mut Watched, timeout: Duration) -> Result<(u16, Vec<u8>), ureq::Error> {
        let mut answer = self
            .agent
            .post(self.token.address(&self.api_url, method))
            .config()
            .timeout_global(Some(timeout))
            .build()
            .content_type("application/json")
            .header("content-length", body.bytes.len())
            .send(SendBody::from_reader(body))?;
        let bytes = answer.body_mut().with_config().limit(TELEGRAM_ANSWER_BYTES).read_to_vec()?;
        Ok((answer.status().as_u16(), bytes))
    }
}

/// The body of a request, which notes that sending it has begun.
struct Watched<'a> {
    bytes: &'a [u8],
    touched: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.touched = true;
        self.bytes.read(buffer)
    }
}

/// Returns the result in an answer of Telegram with this HTTP status, or what went wrong.
pub fn read_answer<T: DeserializeOwned>(status: u16, answer: &[u8]) -> Result<T, TelegramError> {
    match serde_json::from_slice::<Answer<T>>(answer) {
        Ok(Answer { ok: true, result: Some(result), .. }) => Ok(result),
        Ok(answer) => Err(to_failure(status, answer.description, answer.parameters)),
        Err(_) => Err(to_failure(status, None, None)),
    }
}

/// Returns the meaning of an answer without a result.
fn to_failure(status: u16, description: Option<String>, parameters: Option<Parameters>) -> TelegramError {
    let mut why = description.map_or_else(|| format!("HTTP status {status}"), |text| safe(&text).into_owned());
    let parameters = parameters.unwrap_or_default();
    if let Some(chat) = parameters.migrate_to_chat_id {
        why.push_str(&format!("; its number is {chat} now: start the bridge with --chat-id {chat}"));
    }
    match (status, parameters.retry_after) {
        (_, Some(seconds)) => TelegramError::Later(Duration::from_secs(seconds).min(limits::TELEGRAM_PAUSE)),
        (429, None) => TelegramError::Later(limits::MIN_RETRY_DELAY),
        (401 | 404, None) => TelegramError::Barred(format!("Telegram does not accept the token: {why}")),
        // A server that gave up waiting for the rest of a request may have carried it out.
        (408, None) => TelegramError::Unclear(why),
        (400..=499, None) => TelegramError::Refused(why),
        _ => TelegramError::Unclear(why),
    }
}
