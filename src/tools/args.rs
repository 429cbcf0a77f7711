//! The arguments of the commands for scripts.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use std::time::Duration;

use crate::client::{AccountArgs, HomeArgs};
use crate::model::State;

/// Default of `send --timeout`.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Send one message
///
/// The message goes through an outbox on disk, as with `connect`. If the server is unreachable, the message stays in
/// the outbox, and the next `send` or `connect` of this user sends it, once.
#[derive(Args)]
pub struct SendArgs {
    #[command(flatten)]
    pub(super) account: AccountArgs,
    #[command(flatten)]
    pub(super) home: HomeArgs,
    /// A user, or a #room you are in
    #[arg(value_name = "USER|#ROOM")]
    pub(super) to: String,
    /// The text; - reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(super) text: String,
    /// State to wait for; in a room, of all members. Delivered and read are polled with STATUS; if there is no
    /// recipient (a room without other members), received is enough
    #[arg(long, value_enum, value_name = "STATE", default_value = "received")]
    pub(super) wait: State,
    /// Seconds to wait for that state. Past them the exit code is 5 if the message is only queued, else 1
    #[arg(long, value_name = "SECONDS", default_value_t = SEND_TIMEOUT.as_secs())]
    pub(super) timeout: u64,
    /// Print the outcome as a JSON object: seq, id, to, at, state (SENT: only queued)
    #[arg(long)]
    pub(super) json: bool,
}

/// The states to wait for (protocol, section 7), as values of `--wait`.
impl ValueEnum for State {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Received, Self::Delivered, Self::Read]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Received => PossibleValue::new("received").help("It is on the server's disk"),
            Self::Delivered => PossibleValue::new("delivered").help("The recipient's client has it"),
            Self::Read => PossibleValue::new("read").help("The recipient has seen it"),
        })
    }
}

/// Print the waiting messages, and acknowledge them
///
/// A message is acknowledged after it was written to standard output: it is printed at least once, and again after a
/// crash in between, with the same number. A user has one program at a time that receives: while another one runs, such
/// as a client, the command ends with an error unless `--take-over` is given.
#[derive(Args)]
pub struct ReceiveArgs {
    #[command(flatten)]
    pub(super) account: AccountArgs,
    /// Wait for further messages, also after a restart of the server
    #[arg(long)]
    pub(super) follow: bool,
    /// Receive instead of another program of this user, which ends; a client finds the messages printed here only
    /// in the server's history
    #[arg(long)]
    pub(super) take_over: bool,
    /// End after this number of messages; later ones stay on the server. With `| head` in place
    /// of it some would be lost
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max: Option<u64>,
    /// Print one JSON object a line, with type, store and seq, which together with store identifies the event.
    /// message: id, from, to, at, text; state (of your messages to `place` up to `upto`): place, state, upto, at;
    /// gap (messages available by `history` only): room, first, last; damaged (a message that the server cannot
    /// read): place; unknown: an event of a later version
    #[arg(long)]
    pub(super) json: bool,
}

/// Print the messages with a user, or in a room
#[derive(Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    pub(super) account: AccountArgs,
    /// A user, or a #room you are in
    #[arg(value_name = "USER|#ROOM")]
    pub(super) target: String,
    /// Number of messages, counted from the last
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) limit: u64,
    /// Only messages with sequence numbers below this one
    #[arg(long, value_name = "N")]
    pub(super) before: Option<u64>,
    /// Print all messages, which are held in memory
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
    /// Print times in full and in UTC (RFC 3339), not as local time with a date where the day is not today
    #[arg(long)]
    pub(super) utc: bool,
    /// Print one JSON object a line: seq, id, from, to, at (UTC), state, text
    #[arg(long)]
    pub(super) json: bool,
}

/// `wachat users` and `wachat rooms`.
#[derive(Args)]
pub struct LookArgs {
    #[command(flatten)]
    pub(super) account: AccountArgs,
    /// Print one JSON object a line; users: name, online, last_seen (null: never); rooms: name, members,
    /// member, kind (open or invite: you are a member or invited), owner (null: nobody), topic
    #[arg(long)]
    pub(super) json: bool,
}
