//! The bridge: `wachat bridge telegram` carries messages both ways between one room and one
//! Telegram chat. It is an ordinary client of the protocol, and of the Bot API.
//!
//! ```text
//! inward thread:   getUpdates ──> incoming: text ──> SEND, id made of the update's number
//! poller thread:   POLL ──> messages ──> courier thread: outgoing: parts ──> sendMessage
//!                    ^                         │ state: TRY, synced; sent; DONE, synced
//!                    └──── acknowledges <──────┘
//! ```
//! - `token`, `state`: whose bot, and what is known of what was sent.
//! - `telegram` is the Bot API; `update` what it says; `room` what is asked on the SEND port.
//! - `incoming` and `outgoing` make one network's messages into the other's.
//!
//! What holds:
//! 1. Inwards exactly once. An update has the same id however often it comes, and Telegram is told
//!    to forget it only after the server's OK.
//! 2. Outwards at most once. The Bot API has no id for a retry: what was cut off while it was sent
//!    is reported and not sent again. What surely was not sent is sent later.
//! 3. In order, each way. Nothing overtakes what waits.
//! 4. No history: it begins with what comes after its first start. Later it carries what came
//!    while it was away, of the room at most the newest [`crate::limits::BRIDGE_CATCH_UP`].

mod error;
mod from_telegram;
mod incoming;
mod outgoing;
mod poller;
mod room;
mod state;
mod telegram;
mod to_telegram;
mod token;
mod update;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::client::link::account::Account;
use crate::client::error::LedgerError;
use crate::client::{home, make_directories};
use crate::disk::Disk;
use crate::limits;
use crate::model::RoomName;

pub use error::End;
use from_telegram::Inward;
use poller::Poller;
use state::State;
use telegram::Telegram;
use to_telegram::Courier;
pub use token::{Token, TokenError};

/// What is to be joined with what.
pub struct Config {
    /// The bridge's own user at the server.
    pub account: Account,
    pub room: RoomName,
    /// The Telegram chat's number; groups have negative ones.
    pub chat: i64,
    pub token: Token,
    /// Where the Bot API is, without a slash at its end.
    pub api_url: String,
    /// The directory that keeps the state of all bridges.
    pub home: PathBuf,
    pub disk: Arc<dyn Disk>,
}

/// What the threads tell the program.
pub enum Event {
    /// One of the two directions works: the messages that come from now on are carried.
    Ready,
    /// The bridge cannot go on.
    Ended(End),
}

/// How many times [`Event::Ready`] comes.
pub const DIRECTIONS: usize = 2;

/// A bridge that is running.
pub struct Bridge {
    state: Arc<Mutex<State>>,
    /// What happens. A message that is on its way when nobody listens any more is none the worse.
    pub events: Receiver<Event>,
    _lock: Box<dyn Send>,
}

impl Bridge {
    /// Ends all writing. A message that is being sent to Telegram has a moment to be answered: then
    /// the next start knows what became of it.
    pub fn stop(self) {
        if let Some(mut state) = self.state.try_lock_for(limits::QUIT_TIMEOUT) {
            state.close();
        }
    }
}

/// Opens the state and starts the threads, which end with the program.
pub fn start(config: Config) -> Result<Bridge, End> {
    let directory =
        home::directory(&config.home, &config.account.user, &config.account.server_name()).join("bridge-telegram");
    let (state, lock) = open(&config.disk, &directory)?;
    let state = Arc::new(Mutex::new(state));
    let telegram = Arc::new(Telegram::new(&config.api_url, &config.token, config.chat));
    let (tell, events) = bounded(limits::CLIENT_EVENTS);
    let (batches, work) = bounded(1);
    let (finish, finished) = bounded(1);
    let inward = Inward::new(&config, telegram.clone(), state.clone(), tell.clone());
    let courier = Courier::new(telegram, state.clone());
    let poller = Poller::new(&config, state.clone(), tell.clone(), batches, finished);
    spawn("inward", &tell, move || inward.run())?;
    spawn("courier", &tell, move || courier.run(&work, &finish))?;
    spawn("poller", &tell, move || poller.run())?;
    Ok(Bridge { state, events, _lock: lock })
}

fn open(disk: &Arc<dyn Disk>, directory: &Path) -> Result<(State, Box<dyn Send>), LedgerError> {
    make_directories(&**disk, directory)?;
    let lock = home::lock(&**disk, directory)?;
    Ok((State::open(disk.clone(), directory.join("state.csv"))?, lock))
}

/// A thread that works until it cannot go on, and then says why; or until another one cannot.
fn spawn(name: &str, tell: &Sender<Event>, work: impl FnOnce() -> Option<End> + Send + 'static) -> Result<(), End> {
    let tell = tell.clone();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Some(end) = work() {
            // If nobody listens, the program is ending anyway.
            let _ = tell.send(Event::Ended(end));
        }
    });
    thread.map(drop).map_err(|error| End::failed(format!("cannot start a thread: {error}")))
}
