//! Makes a large store: a million accounts with ten million messages, unless other numbers are given. For measurements, and to
//! try a server at its limits.
//!
//! ```text
//! cargo run --release --example large_store -- --data large
//! wachat serve --no-lobby --data large
//! ```
//!
//! The commands of its users go through the server's state machine, write-ahead log and checkpoints, without sockets. The same
//! numbers and seed lead to the same users and messages.

mod generator;
mod unsynced;

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;

use generator::Generator;

type Failable<T> = Result<T, Box<dyn Error>>;

/// Makes a large store in a directory that has none.
#[derive(Parser)]
struct Args {
    /// Directory of the store
    #[arg(long)]
    data: PathBuf,
    /// Number of accounts: user0, user1, ...
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u64,
    /// Number of messages, each with an id that the server remembers
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Number of direct conversations: that of user0 and user1 is the first
    #[arg(long, default_value_t = 100_000)]
    conversations: u64,
    /// Number of rooms with ten members: #room0 with user0 is the first
    #[arg(long, default_value_t = 10_000)]
    rooms: u64,
    /// MiB of the write-ahead log that no checkpoint covers: further messages in the direct conversations
    #[arg(long, default_value_t = 0)]
    uncovered: u64,
    /// Password of all accounts
    #[arg(long, default_value = "palabra larga")]
    password: String,
    /// Seed of the texts and participants
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Failable<()> {
    let args = Args::parse();
    if args.accounts < 4 || args.conversations > args.accounts || args.conversations == 0 {
        return Err("at least 4 accounts, one conversation, and no more conversations than accounts".into());
    }
    let data = args.data.display().to_string();
    println!("{} accounts with the password {:?}", args.accounts, args.password);
    println!("{} messages in {} conversations and {} rooms", args.messages, args.conversations, args.rooms);
    let last = Generator::start(args)?.run()?;
    println!("the store is in {data}; its last number is {last}");
    Ok(())
}
