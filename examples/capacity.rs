//! Estimates the machine that a server needs. `cargo run --example capacity` prints which machine is for how many
//! people, and with `-- --users 300` one estimate.
//!
//! Each factor names its measurement: the figures (`tests/figures/README.md`; "the million" is a store there), stores
//! of 50,000 accounts that `large_store` made ("stores"), or clients of a server on 2 cores that were busy with other
//! programs ("clients"). `tests/figures/million.rs` compares the model with the million.

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use wachat::limits;

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;

/// Assumptions: the busiest hour has a fifth of the day's messages, its busiest second three times as many as its mean.
const BUSY_HOUR: f64 = 0.2;
const BUSY_SECOND: f64 = 3.0;

/// Bytes of memory, and of a checkpoint, that one of something takes.
type Price = [f64; 2];
const MEMORY: usize = 0;
const CHECKPOINT: usize = 1;

/// Stores: 40,320 KiB and 6.9 MB for 50,000; the million: 147 MB of `users.csv`.
const ACCOUNT: Price = [830.0, 147.0];
/// Stores with 10, 50 and 500 ids a user: 49, 55 and 42 bytes. 51 of `ids.csv`.
const ID: Price = [48.0, 51.0];
/// Stores with 50,000 conversations of 2 and of 20 messages: of both users, without those that wait.
const CONVERSATION: Price = [1_300.0, 130.0];
/// Stores with a log of 490,000 and of 1,018,101 messages that wait: 91 bytes with their ids; 40 in `offline.csv`.
const WAITING: Price = [45.0, 40.0];
/// Stores with 5,000 rooms of 10 who write: 10,600 bytes a room, split by estimate. Silent members: a third.
const ROOM: Price = [600.0, 60.0];
const MEMBER: Price = [1_000.0, 125.0];
/// Clients: 5 rooms of 300 silent members, 254 to 342 bytes a member; 13 in `members.csv`.
const LOBBY_MEMBER: Price = [300.0, 13.0];
/// Stores with 20 and 100 messages a room: what a member has yet to read stays in memory.
const ROOM_MESSAGE: Price = [65.0, 42.0];
/// Clients: 2,400 devices without a session, 270 bytes each; 40 in `devices.csv`.
const DEVICE: Price = [270.0, 40.0];

/// An empty store (figures).
const PROGRAM: Price = [14.0 * MIB, 0.0];
/// A hash of Argon2id (`src/server/auth/hashing.rs`: its default parameters).
const HASH: f64 = 19.0 * MIB;
/// Two connections that wait: 10.6 KiB on RECV (figures) and 11.5 on SEND (clients); under TLS 18.8 and 19.4.
const CLIENT: f64 = 22.1 * 1024.0;
const CLIENT_TLS: f64 = 38.2 * 1024.0;
/// The million: the most memory during a checkpoint against that before it.
const PEAK: f64 = 1.94;
/// Stores with logs of 60 and 126 MiB of short messages: 191 and 408 MiB of memory. Long messages take less: with 1,000
/// bytes each the peak was 861 MiB, where this model says 1,050.
const LOG_MEMORY: f64 = 3.2;
/// Bytes beside the text of a message: stores with 10 to 500 of 66 bytes a conversation, 136 to 140 bytes each.
const HISTORY_ROW: f64 = 75.0;
/// Bytes of the log at which the router waits for a checkpoint.
const LONGEST_LOG: f64 = (limits::CHECKPOINT_BYTES * limits::UNCOVERED_FACTOR) as f64;

/// Seconds to read a byte of a checkpoint (the million: 715 MiB in 5.0 s) and of a log (128 MiB in 4.2 s more).
const READ: f64 = 0.007 / MIB;
const REPLAY: f64 = 0.033 / MIB;
/// Seconds of a core. Clients, one message in flight, with its delivery and acknowledgement; 46 us in 20 pairs at once.
const MESSAGE: f64 = 170e-6;
/// Clients: a delivery in rooms of 10 and 50 connected members, 17 and 21 us.
const DELIVERY: f64 = 21e-6;
/// A hash: 18 to 30 ms (clients), 15 to 22 (figures); and under TLS 1 ms more for each of two connections (clients).
const LOGIN: f64 = 22e-3;

/// Estimates the machine that a server needs.
#[derive(Parser)]
#[command(name = "capacity")]
struct Args {
    /// Accounts; without it, the table for some sizes is printed
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    users: Option<u32>,
    // A tenth is an assumption: nothing measures it. A class or a team is online as a whole.
    /// Users who are connected at once at most [default: a tenth, up to as many as a server takes]
    #[arg(long)]
    online: Option<u32>,
    /// Devices with a name of each user
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=limits::DEVICES as i64))]
    devices: u32,
    /// Rooms beside the lobby [default: one for 20 users]
    #[arg(long)]
    rooms: Option<u32>,
    /// Members of a room [default: 10, or all users]
    #[arg(long)]
    members: Option<u32>,
    /// Messages a day, of all users together [default: 10 for each]
    #[arg(long)]
    messages: Option<u32>,
    /// Percentage of them that go to rooms
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(..=100))]
    in_rooms: u32,
    /// Length of a message in bytes
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=limits::TEXT_BYTES as i64))]
    text: u32,
    /// Days for which messages are kept, as with `serve --keep` [default: for ever]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// The server speaks TLS
    #[arg(long)]
    tls: bool,
    /// Print which machine is for how many people
    #[arg(long)]
    table: bool,
    /// Prints the bytes of a store without a lobby: its messages, remembered ids, conversations, and messages that wait
    #[arg(long, num_args = 4, value_names = ["MESSAGES", "IDS", "CONVERSATIONS", "WAITING"], requires = "users")]
    store: Option<Vec<u32>>,
}

/// The people of a server, and what they do.
#[derive(Clone, Copy)]
struct Load {
    users: f64,
    online: f64,
    devices: f64,
    rooms: f64,
    members: f64,
    messages: f64,
    in_rooms: f64,
    text: f64,
    keep: f64,
    tls: bool,
}

/// The content of a store.
struct Stored {
    load: Load,
    lobby: f64,
    messages: f64,
    ids: f64,
    conversations: f64,
    waiting: f64,
}

impl Load {
    /// Returns what the arguments describe, if it can be.
    fn new(args: &Args) -> Result<Self, String> {
        let users = args.users.unwrap_or(1);
        let most = limits::CONNECTIONS as u32 / 2;
        let online = args.online.unwrap_or((users / 10).clamp(1, most));
        let members = args.members.unwrap_or(users.min(10));
        if let Some((flag, more)) = [("--online", online), ("--members", members)].into_iter().find(|f| f.1 > users) {
            return Err(format!("{flag} {more}: there are {users} users"));
        }
        if online > most {
            return Err(format!("--online {online}: a server takes {most} clients, with two connections each"));
        }
        Ok(Self {
            users: users.into(),
            online: online.into(),
            devices: args.devices.into(),
            rooms: args.rooms.unwrap_or(users / 20).into(),
            members: members.into(),
            messages: args.messages.map_or(10.0 * f64::from(users), f64::from),
            in_rooms: f64::from(args.in_rooms) / 100.0,
            text: args.text.into(),
            keep: args.keep.map_or(f64::INFINITY, f64::from),
            tls: args.tls,
        })
    }

    /// Returns what is stored after some days with as many messages each. Assumptions: a user has five conversations,
    /// in each of which three messages wait.
    fn after(self, days: f64) -> Stored {
        let messages = self.messages * days.min(self.keep);
        let ids = (self.messages * days).min(self.users * limits::REMEMBERED_IDS as f64);
        let conversations = (5.0 * self.users).min(messages * (1.0 - self.in_rooms));
        Stored { load: self, lobby: self.users, messages, ids, conversations, waiting: 3.0 * conversations }
    }

    /// Returns the share of a core that the busiest second takes; each client logs in with a password in that hour.
    fn cores(&self) -> f64 {
        let deliveries = self.in_rooms * self.members * self.online / self.users;
        let messages = self.messages * BUSY_HOUR * (MESSAGE + deliveries * DELIVERY);
        (messages + self.online * LOGIN) / 3_600.0 * BUSY_SECOND
    }
}

impl Stored {
    /// Adds up what everything takes, of memory or of a checkpoint.
    fn sum(&self, which: usize) -> f64 {
        let of = |price: &Price| price[which];
        let load = &self.load;
        let members = load.rooms * load.members;
        let unread = (self.messages * load.in_rooms).min(limits::ROOM_BACKLOG as f64 * load.rooms);
        let users = load.users * (of(&ACCOUNT) + load.devices * of(&DEVICE)) + self.lobby * of(&LOBBY_MEMBER);
        let rooms = load.rooms * of(&ROOM) + members * of(&MEMBER) + unread * of(&ROOM_MESSAGE);
        let direct = self.conversations * of(&CONVERSATION) + self.waiting * of(&WAITING);
        of(&PROGRAM) + users + rooms + direct + self.ids * of(&ID)
    }

    /// Returns the bytes of history: a file of whole blocks for each conversation and room.
    fn history(&self) -> f64 {
        let load = &self.load;
        let files = |count: f64, messages: f64| {
            let each = messages * (load.text + HISTORY_ROW) / count.max(1.0);
            count * (each / 4096.0).ceil() * 4096.0
        };
        let in_rooms = self.messages * load.in_rooms;
        files(self.conversations, self.messages - in_rooms) + files(load.rooms, in_rooms)
    }

    /// Returns the bytes of log at which a checkpoint is made (`limits::CHECKPOINT_BYTES`).
    fn log(&self) -> f64 {
        let most = limits::CHECKPOINT_BYTES as f64;
        self.sum(CHECKPOINT).clamp(most / 4.0, most)
    }

    /// Returns the memory of a server with its log and clients; the size of the state is multiplied by `times`.
    fn resident(&self, times: f64, log: f64) -> f64 {
        let client = if self.load.tls { CLIENT_TLS } else { CLIENT };
        let work = limits::AUTH_THREADS as f64 * HASH + self.load.online * client;
        times * (self.sum(MEMORY) + LOG_MEMORY * log) + work
    }

    /// Returns the bytes of all files after a clean stop; an empty store has two segments.
    fn disk(&self) -> f64 {
        self.history() + self.sum(CHECKPOINT) + 2.0 * limits::SEGMENT_BYTES as f64
    }

    /// Returns the free space that a checkpoint needs beside the longest log, above which nothing is refused.
    fn free(&self) -> f64 {
        self.sum(CHECKPOINT) + LONGEST_LOG + f64::from(limits::DISK_FLOOR_MIB) * MIB
    }
}

fn main() {
    let args = Args::parse();
    if args.table || args.users.is_none() {
        return print_table();
    }
    let load = Load::new(&args).unwrap_or_else(|error| Args::command().error(ErrorKind::ValueValidation, error).exit());
    let Some(&[messages, ids, conversations, waiting]) = args.store.as_deref() else {
        return print_estimate(load);
    };
    let [messages, ids, conversations, waiting] = [messages, ids, conversations, waiting].map(f64::from);
    let stored = Stored { load, lobby: 0.0, messages, ids, conversations, waiting };
    println!("memory {:.0}\ndisk {:.0}", stored.sum(MEMORY), stored.disk());
}

fn print_estimate(load: Load) {
    let [now, year] = [0.0, 365.0].map(|days| load.after(days));
    let start = year.sum(CHECKPOINT) * READ;
    let [memory, most] = [year.resident(1.0, year.log() / 2.0), year.resident(PEAK, year.log())];
    println!("memory: {} now, {} after a year", size(now.resident(1.0, 0.0)), size(memory));
    println!("memory at most, while a checkpoint is made: {} after a year", size(most));
    println!("disk: {} now, {} after a year, and {} free", size(now.disk()), size(year.disk()), size(year.free()));
    println!("the 14 backups of wachat-backup.timer: {}", size(14.0 * (year.history() + year.sum(CHECKPOINT))));
    println!("processor at the busiest: {:.0}% of a core", (100.0 * load.cores()).ceil());
    println!("all who are online log in again with passwords: {}", time(load.online * LOGIN / 2.0));
    println!("LimitNOFILE: {:.0}", 2.0 * load.online + limits::RESERVED_FILES as f64);
    println!("a start: {} after a clean stop, {} after a crash", time(start), time(start + LONGEST_LOG * REPLAY));
}

/// The loads of the table.
const SIZES: [(&str, &[&str]); 6] = [
    ("friends: all online, 30 messages a day each", &["--users=20", "--online=20", "--messages=600"]),
    ("a course: 100 online, 20 messages each", &["--users=300", "--online=100", "--messages=6000", "--rooms=60"]),
    ("a school: 250 online, 10 messages each", &["--users=1000", "--online=250"]),
    ("a university: 2,000 online, 10 messages each", &["--users=10000", "--online=2000"]),
    ("a town: 8,000 online, 3 messages each", &["--users=100000", "--online=8000", "--messages=300000"]),
    ("accounts: 8,000 online, a message in 5 days each", &["--users=1000000", "--online=8000", "--messages=200000"]),
];

fn print_table() {
    println!("people   memory   cores  disk     who");
    for (who, flags) in SIZES {
        let load = Load::new(&Args::parse_from([&["capacity", "--tls"], flags].concat())).expect("a load that can be");
        let year = load.after(365.0);
        let cores = (2.0 * load.cores()).ceil().max(if load.online < 100.0 { 1.0 } else { 2.0 });
        // A quarter more than the estimate, and 256 MiB for the system.
        let memory = size(fit(1.25 * year.resident(PEAK, year.log()) + GIB / 4.0));
        let disk = size(fit(1.25 * (year.disk() + year.free())));
        println!("{:<7}  {memory:<7}  {cores:<5}  {disk:<7}  {who}", load.users);
    }
}

/// Returns the smallest usual size that has as many bytes: a power of two.
fn fit(bytes: f64) -> f64 {
    (bytes / GIB).log2().ceil().exp2() * GIB
}

/// Returns a number of bytes as it is shown.
fn size(bytes: f64) -> String {
    match bytes / GIB {
        gib if gib < 1.0 => format!("{} MiB", (bytes / MIB).ceil()),
        gib if gib < 10.0 => format!("{} GiB", (10.0 * gib).round() / 10.0),
        gib => format!("{gib:.0} GiB"),
    }
}

/// Returns a number of seconds as it is shown.
fn time(seconds: f64) -> String {
    if seconds < 1.0 { "below 1 s".to_owned() } else { format!("{seconds:.0} s") }
}
