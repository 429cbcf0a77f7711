//! `wachat bridge`: command line, log and life of a bridge process.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use crossbeam_channel::{Receiver, select};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::page::{Page, page};
use crate::bridge::{self, Bridge, Config, DIRECTIONS, Event, Token};
use crate::client::exit::{failed, report};
use crate::client::{AccountArgs, Exit, Failure, HomeArgs};
use crate::disk::RealDisk;
use crate::model::RoomName;
use crate::signals;

const EXITS: &[(u8, &str)] = &[
    (0, "stopped by a signal"),
    (1, "cannot go on; a line says why"),
    (2, "wrong arguments"),
    (3, "the server or the network refuses the login, or another session took over"),
];

pub(super) const PAGES: &[Page] = &[
    page("bridge", EXITS, &[("wachat bridge telegram --help", "Explain the bridge to Telegram")], &["bridge telegram"]),
    page(
        "bridge telegram",
        EXITS,
        &[(
            "wachat bridge telegram --user bridge --room '#lobby' \\\n      --chat-id -100123456 --token-file token",
            "Join #lobby with a Telegram group",
        )],
        &["serve", "connect"],
    ),
];

#[derive(Args)]
pub(super) struct BridgeArgs {
    #[command(subcommand)]
    to: Network,
}

#[derive(Subcommand)]
enum Network {
    /// Join one room with one Telegram chat, in both directions
    #[command(override_usage = "wachat bridge telegram --user <NAME> --room <ROOM> --chat-id <NUMBER>\n           \
        --token-file <FILE> [OPTIONS]")]
    Telegram(TelegramArgs),
}

#[derive(Args)]
struct TelegramArgs {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    home: HomeArgs,
    /// Create the account if it does not exist
    #[arg(long)]
    register: bool,
    /// The room, with its #; created if it does not exist
    #[arg(long, value_parser = room)]
    room: RoomName,
    /// Id of the Telegram chat; a group's is negative. The log names the ids of other chats that write to the bot
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    chat_id: i64,
    /// File that holds the bot's token, as @BotFather gives it
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Base URL of the Bot API
    #[arg(long, value_name = "URL", default_value = "https://api.telegram.org", value_parser = url)]
    api_url: String,
}

fn room(text: &str) -> Result<RoomName, String> {
    RoomName::new(text).map_err(|error| format!("a room begins with #: {error}"))
}

fn url(text: &str) -> Result<String, &'static str> {
    let known = text.starts_with("https://") || text.starts_with("http://");
    known.then(|| text.to_owned()).ok_or("it begins with https:// or http://")
}

/// Runs a bridge until a signal stops it. Exit code 0: stopped by a signal; 1: it cannot go on; 2: wrong arguments;
/// 3: the server or Telegram refuses the login, or another session took over.
pub(super) fn run(args: BridgeArgs) -> ExitCode {
    let Network::Telegram(args) = args.to;
    report(start(&args).map(|()| Exit::Done))
}

fn start(args: &TelegramArgs) -> Result<(), Failure> {
    let token = Token::read(&args.token_file).map_err(|error| (Exit::Usage, error))?;
    let config = Config {
        account: args.account.account(args.register)?,
        room: args.room.clone(),
        chat: args.chat_id,
        token,
        api_url: args.api_url.clone(),
        home: args.home.directory()?,
        disk: Arc::new(RealDisk),
    };
    // Before the ready line: its reader may send a signal at once.
    let signals = signals::receive(&[SIGINT, SIGTERM]).map_err(failed)?;
    let bridge = bridge::start(config)?;
    let end = wait(&bridge, &signals, args);
    bridge.stop();
    end
}

fn wait(bridge: &Bridge, signals: &Receiver<()>, args: &TelegramArgs) -> Result<(), Failure> {
    let mut ready = 0;
    loop {
        select! {
            recv(signals) -> _ => return Ok(()),
            recv(bridge.events) -> event => match event {
                Ok(Event::Ready) => ready += 1,
                Ok(Event::Ended(failure)) => return Err(failure),
                Err(_) => return Err(failed("the bridge has panicked")),
            },
        }
        if ready == DIRECTIONS {
            ready = 0;
            announce(args);
        }
    }
}

/// Writes the ready line, the only one on standard output: both directions work. Errors are ignored.
fn announce(args: &TelegramArgs) {
    let room = &args.room;
    let chat = args.chat_id;
    // It has logged in.
    let Ok(user) = args.account.user() else { return };
    let mut out = io::stdout();
    let _ = writeln!(out, "wachat: bridging {room} and Telegram chat {chat} as {user}").and_then(|()| out.flush());
}
