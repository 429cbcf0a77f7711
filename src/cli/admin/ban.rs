//! `wachat ban`, `wachat unban` and `wachat bans`: the administrator keeps users and addresses out.

use std::time::Duration;

use clap::Args;

use super::super::page::{DONE, Page, page};
use super::super::terminal::{number_with_unit, write_list};
use super::access::StoreArgs;
use crate::limits;
use crate::model::{Banned, ShortText};
use crate::protocol::control::{Ban, ControlRequest};

pub(super) const PAGES: &[Page] = &[
    page(
        "ban",
        DONE,
        &[
            ("wachat ban luis --for 1h --reason 'one hour of silence'", "Keep luis out for an hour"),
            ("wachat ban 192.0.2.0/24", "Keep a network out until the ban is lifted"),
        ],
        &["unban", "bans", "session close", "user remove"],
    ),
    page("unban", DONE, &[("wachat unban luis", "Let luis in again")], &["ban", "bans"]),
    page("bans", DONE, &[("wachat bans", "Who is banned, until when and why")], &["ban", "unban"]),
];

/// Keep a user or an address out
///
/// Connections that are open are closed. A login gets the reason and the end of the ban. A ban of this machine's own
/// address does not concern the administrator's commands.
#[derive(Args)]
pub(in crate::cli) struct BanArgs {
    /// User name (@NAME if it looks like an address), address, or network such as 192.0.2.0/24; an IPv6 address stands
    /// for its network of 64 bits
    #[arg(value_name = "USER|ADDRESS")]
    whom: String,
    /// Time after which the ban ends: a number and s, m, h or d [default: when it is lifted]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Reason that the user is told
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = short_text)]
    reason: ShortText,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Args)]
pub(in crate::cli) struct UnbanArgs {
    /// As in the list of bans
    #[arg(value_name = "USER|ADDRESS")]
    whom: String,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Args)]
pub(in crate::cli) struct BansArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Reads a time such as `90s`, `30m`, `1h` or `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = number_with_unit(text, &[("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]);
    let time = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    time.ok_or_else(|| "a whole number and its unit, such as 90s, 30m, 1h or 7d".to_owned())
}

/// Reads a text that is not longer than the administrator's may be.
pub(super) fn short_text(text: &str) -> Result<ShortText, String> {
    let most = limits::SHORT_TEXT_BYTES;
    ShortText::new(text).ok_or_else(|| format!("a text in one line of at most {most} bytes"))
}

fn banned(whom: &str) -> Result<Banned, String> {
    Banned::parse(whom).ok_or_else(|| format!("{whom}: neither a user name nor an address"))
}

pub(super) fn ban(args: &BanArgs) -> Result<(), String> {
    let banned = banned(&args.whom)?;
    let seconds = args.time.map(|time| time.as_secs());
    let request = ControlRequest::Ban { banned, seconds, reason: args.reason.clone() };
    args.store.open_existing()?.change(&request).map_err(|why| format!("{}: {why}", args.whom))
}

pub(super) fn unban(args: &UnbanArgs) -> Result<(), String> {
    let request = ControlRequest::Unban { banned: banned(&args.whom)? };
    args.store.open_existing()?.change(&request).map_err(|why| format!("{}: {why}", args.whom))
}

pub(super) fn bans(args: &BansArgs) -> Result<(), String> {
    let bans: Vec<Ban> = args.store.open_existing()?.list(&ControlRequest::Bans)?;
    write_list("banned;at;until;reason", &bans)
}
