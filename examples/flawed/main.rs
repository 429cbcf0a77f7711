//! Starts the small server of `wachat::course::flawed`, with one of nine flaws or with none.
//!
//! ```sh
//! cargo run --example flawed -- no-dedupe --send-port 2666 --recv-port 2999 --file messages.csv
//! wachat judge --server localhost:2666,2999 --only framing,login,send,poll,states,idempotence
//! ```

use std::path::PathBuf;

use clap::Parser;
use wachat::course::flawed::{self, Flaw};

#[derive(Parser)]
struct Arguments {
    #[arg(value_enum)]
    flaw: Flaw,
    #[arg(long, default_value_t = 2666)]
    send_port: u16,
    #[arg(long, default_value_t = 2999)]
    recv_port: u16,
    /// The log of accounts and messages
    #[arg(long, default_value = "messages.csv")]
    file: PathBuf,
}

fn main() -> std::io::Result<()> {
    let Arguments { flaw, send_port, recv_port, file } = Arguments::parse();
    flawed::run(flaw, [send_port, recv_port], &file)
}
