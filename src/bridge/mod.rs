//! The bridge: `wachat bridge telegram` carries messages both ways between one room and one
//! Telegram chat. It is an ordinary client of the protocol, and of the Bot API.
//!
//! ```text
//! from_telegram thread:  getUpdates ──> incoming: text ──> SEND, its id made of the update's number
//! poller thread:         POLL ──> messages ──> parts ────────────> state: TRY, synced ──> sendMessage ──┐
//!                          ^                                                                            │
//!                          └──── acknowledges the last number <────────────── state: DONE, synced <─────┘
//! ```
//! - `state`: the progress, durable.
//! - `telegram` is the Bot API, `update` its messages; `to_telegram` sends parts; `room` has the requests on the SEND
//!   port.
//! - `incoming` turns Telegram's messages into the room's; `to_telegram` turns the room's into parts; `lines` indents the
//!   lines after the first, both ways.
//!
//! Guarantees:
//! 1. From Telegram, exactly once. An update has the same id however often it comes, and Telegram is told to forget
//!    it only after the server's OK.
//! 2. To Telegram, at most once. The Bot API has no id for a retry: a message that was cut off while it was sent is
//!    reported and not sent again. One that surely was not sent is sent later.
//! 3. In order, each way. No message overtakes one that waits.
//! 4. No history: the bridge begins with the messages after its first start. Later it carries those that came while
//!    it was away, of the room at most the newest [`crate::limits::BRIDGE_CATCH_UP`].

mod error;
mod from_telegram;
pub mod incoming;
mod lines;
mod poller;
mod room;
pub mod state;
pub mod telegram;
mod to_telegram;
pub mod update;

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::client::Failure;
use crate::client::link::account::Account;
use crate::client::link::server_file::ServerFile;
use crate::client::owner::spawn;
use crate::client::state::files::{lock, make_directories};
use crate::client::state::home;
use crate::disk::Disk;
use crate::limits;
use crate::model::RoomName;

use from_telegram::FromTelegram;
use poller::Poller;
use state::State;
use telegram::Telegram;
pub use telegram::Token;
use to_telegram::ToTelegram;

/// The configuration of a bridge.
pub struct Config {
    /// The bridge's own user at the server.
    pub account: Account,
    pub room: RoomName,
    /// The Telegram chat's number; groups have negative ones.
    pub chat: i64,
    pub token: Token,
    /// The address of the Bot API, without a slash at its end.
    pub api_url: String,
    /// The directory that keeps the state of all bridges.
    pub home: PathBuf,
    pub disk: Arc<dyn Disk>,
}

/// A report of a thread to the program.
pub enum Event {
    /// One of the two directions works: messages that come from now on are carried.
    Ready,
    /// The bridge cannot go on.
    Ended(Failure),
}

/// Number of times that [`Event::Ready`] comes.
pub const DIRECTIONS: usize = 2;

/// A bridge that is running.
pub struct Bridge {
    state: Arc<Mutex<State>>,
    /// The reports of the threads.
    pub events: Receiver<Event>,
    _lock: Box<dyn Send>,
}

impl Bridge {
    /// Ends all writing. A message that is being sent to Telegram has a moment to be answered, so that the next start
    /// knows its outcome.
    pub fn stop(self) {
        if let Some(mut state) = self.state.try_lock_for(limits::QUIT_TIMEOUT) {
            state.close();
        }
    }
}

/// Opens the state and starts the threads, which end with the program.
pub fn start(config: Config) -> Result<Bridge, Failure> {
    let account = &config.account;
    let directory = home::directory_of(&config.home, &account.user, &account.servers.names()).join("bridge-telegram");
    make_directories(&*config.disk, &directory)?;
    account.servers.remember_in(ServerFile::new(&directory));
    let lock = lock(&*config.disk, &directory)?;
    let state = State::open(config.disk.clone(), directory.join("wal"))?;
    let config = Arc::new(config);
    let state = Arc::new(Mutex::new(state));
    let telegram = Arc::new(Telegram::new(&config.api_url, &config.token, config.chat));
    let (reports, events) = bounded(limits::CLIENT_EVENTS);
    let from_telegram = FromTelegram::new(config.clone(), telegram.clone(), state.clone(), reports.clone());
    let to_telegram = ToTelegram::new(telegram, state.clone());
    let poller = Poller::new(config, to_telegram, state.clone(), reports.clone());
    start_thread("from Telegram", &reports, move || from_telegram.run())?;
    start_thread("poller", &reports, move || poller.run())?;
    Ok(Bridge { state, events, _lock: lock })
}

/// Starts a thread that works until it cannot go on, and then reports the failure.
fn start_thread(
    name: &str,
    reports: &Sender<Event>,
    work: impl FnOnce() -> Failure + Send + 'static,
) -> Result<(), Failure> {
    let reports = reports.clone();
    // Without a listener the program is ending.
    spawn(name, move || _ = reports.send(Event::Ended(work())))
}
