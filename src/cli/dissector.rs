//! `wachat dissector`.

use clap::Args;

use super::page::{DONE, Page, page};
use super::serve;
use super::terminal::write_out;
use crate::course::dissector;

pub(super) const PAGES: &[Page] = &[page(
    "dissector",
    DONE,
    &[
        ("wachat dissector > ~/.local/lib/wireshark/plugins/wachat.lua", "For Wireshark"),
        ("wachat dissector --send-port 666 --recv-port 999 > wachat.lua", "For a server on other ports"),
    ],
    &["trace"],
)];

/// Print a dissector of the protocol for Wireshark
///
/// The dissector is a program in Lua, made of the tables that the parser uses. Wireshark and tshark load it from their
/// directory of plugins, and show each line with its fields; they do not show passwords, which are in the captured bytes.
#[derive(Args)]
pub(super) struct DissectorArgs {
    /// SEND port of the server
    #[arg(long, default_value_t = serve::SEND_PORT)]
    send_port: u16,
    /// RECV port of the server
    #[arg(long, default_value_t = serve::RECV_PORT)]
    recv_port: u16,
}

pub(super) fn run(args: &DissectorArgs) -> Result<(), String> {
    write_out(dissector::program(args.send_port, args.recv_port).as_bytes())
}
