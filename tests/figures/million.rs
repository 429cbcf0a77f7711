//! A store of a million accounts beside an empty one: memory, disk, start, checkpoint, and the time of requests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wachat::limits;

use crate::support::examples::{capacity, example};
use crate::support::process::Process;
use crate::support::store_files::disk_usage;
use crate::support::{Connection, PASSWORD, World};
use crate::{median, milliseconds, quantile, size, timed};

const OPTIONS: [&str; 4] = ["--no-lobby", "--no-limits", "--timeout", "300"];

/// Users whom messages go to, and who log in.
const USERS: usize = 100;

/// Messages whose time and processor time are measured.
const SENDS: usize = 20_000;

/// Requests of which the median is taken.
const REQUESTS: usize = 100;

/// The limits: of memory in KiB, of a start after a clean stop and after SIGKILL, of the processor time of a message against
/// that in an empty store, and of the time to an OK of 999 in 1,000 messages while a checkpoint is made; and the most memory
/// meanwhile, against that of a server that has just started with this log.
const MEMORY: u64 = 3 << 20;
const PEAK: f64 = 2.3;
const READY: Duration = Duration::from_secs(5);
const READY_AFTER_KILL: Duration = Duration::from_secs(10);
const COST: f64 = 1.2;
const WHILE_CHECKPOINT: Duration = Duration::from_millis(5);

/// Bytes of the log that a message of the store takes.
const LOG_ROW: u64 = 130;

/// Measurements of a server that was started after a clean stop.
struct Figures {
    ready: Duration,
    resident: u64,
    disk: u64,
    cost: Duration,
    middle: Duration,
    late: Duration,
    first_login: Duration,
    next_login: Duration,
    history: Duration,
    first_page: Duration,
    last_page: Duration,
}

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn a_million_accounts() {
    let accounts = size("WACHAT_ACCOUNTS", 1_000_000);
    let mut empty = World::new(&OPTIONS);
    let names: Vec<_> = (0..USERS).map(|user| format!("user{user}")).collect();
    crate::memory::register_all(empty.send, &names);
    drop(send_some(&empty, "user0", &names, 100));
    let (_, few) = timed(|| _ = empty.kill().start());
    empty.stop();
    let few_figures = measure(&mut empty, &names);
    empty.stop();

    // Spread over the whole store; user0 has a conversation with user1 there.
    let names: Vec<_> = (0..USERS).map(|user| format!("user{}", user * (accounts / USERS))).collect();
    let directory = TempDir::new().expect("a temporary directory");
    let data = std::env::var_os("WACHAT_LARGE_STORE").map_or(directory.path().join("data"), PathBuf::from);
    // The router waits for a checkpoint then.
    let log_mib = (limits::CHECKPOINT_BYTES * limits::UNCOVERED_FACTOR) >> 20;
    generate(&data, accounts, log_mib);
    let (mut large, killed) = timed(|| World::with_data(directory, &data, &OPTIONS));
    let checkpoint = measure_checkpoint(&large, &names);
    large.stop();
    let figures = measure(&mut large, &names);

    let each = (figures.resident - few_figures.resident) * 1024 / accounts as u64;
    println!("{accounts} accounts, and an empty store:");
    for (what, of) in FIGURES {
        println!("  {what}: {}; {}", of(&figures), of(&few_figures));
    }
    println!("  memory of an account with ten ids: {each} bytes");
    println!(
        "  ready after SIGKILL, with {log_mib} MiB of log: {:.1} s; {:.2} s",
        killed.as_secs_f64(),
        few.as_secs_f64()
    );
    println!("  {checkpoint}");
    let cost = figures.cost.as_secs_f64() / few_figures.cost.as_secs_f64();
    println!("  a message takes {cost:.2} times its processor time in the empty store");
    let peak = checkpoint.peak as f64 / checkpoint.before as f64;
    println!("  the most memory is {peak:.2} times that before the checkpoint");
    compare_with_model(accounts, log_mib, &figures);
    assert!(figures.resident < MEMORY && peak <= PEAK, "memory");
    assert!(figures.ready < READY && killed < READY_AFTER_KILL, "starts");
    assert!(cost <= COST && checkpoint.late <= WHILE_CHECKPOINT, "the time of a message");
}

/// Compares what `examples/capacity` says of this store with what was measured.
fn compare_with_model(accounts: usize, log_mib: u64, figures: &Figures) {
    let scaled = |per_million: usize| (accounts * per_million / 1_000_000).to_string();
    // Those of the log wait, and three in each conversation.
    let logged = (log_mib << 20) / LOG_ROW;
    let messages = ((accounts * 10) as u64 + logged).to_string();
    let waiting = (3 * (accounts / 10) as u64 + logged).to_string();
    let store = ["--store", &messages, &messages, &scaled(100_000), &waiting];
    // One message in eleven is in a room; a text has 66 bytes.
    let load = ["--users", &accounts.to_string(), "--rooms", &scaled(10_000), "--in-rooms", "9", "--text", "66"];
    let model = capacity(&[&load[..], &["--devices", "0"], &store].concat());
    for (what, model, measured) in [("memory", model[0], figures.resident << 10), ("disk", model[1], figures.disk)] {
        let times = model as f64 / measured as f64;
        println!("  {what} as examples/capacity estimates it: {} MiB, {times:.2} times what was measured", model >> 20);
        assert!((0.75..=1.25).contains(&times), "{what}: the model says {model} bytes, and {measured} were measured");
    }
}

type Figure = fn(&Figures) -> String;

const FIGURES: [(&str, Figure); 9] = [
    ("resident memory", |f| format!("{} MiB", f.resident >> 10)),
    ("disk", |f| format!("{} MiB", f.disk >> 20)),
    ("ready after a clean stop", |f| format!("{:.2} s", f.ready.as_secs_f64())),
    ("processor time of a message", |f| format!("{:.1} us", f.cost.as_secs_f64() * 1e6)),
    ("time to an OK, median and 99%", |f| show(&[f.middle, f.late])),
    ("login, the first and the next", |f| show(&[f.first_login, f.next_login])),
    ("HISTORY, the last 50", |f| show(&[f.history])),
    ("USERS, the first page", |f| show(&[f.first_page])),
    ("USERS, the last page", |f| show(&[f.last_page])),
];

fn show(times: &[Duration]) -> String {
    times.iter().map(|time| format!("{:.2} ms", milliseconds(*time))).collect::<Vec<_>>().join(", ")
}

/// Makes a store whose log is as long as it ever gets: further messages than those that a checkpoint covers.
fn generate(data: &Path, accounts: usize, log_mib: u64) {
    if data.join("lock").exists() {
        return;
    }
    let scaled = |per_million: usize| (accounts * per_million / 1_000_000).to_string();
    let numbers = [
        ("--accounts", accounts.to_string()),
        ("--messages", scaled(10_000_000)),
        ("--conversations", scaled(100_000)),
        ("--rooms", scaled(10_000)),
        ("--uncovered", log_mib.to_string()),
    ];
    let mut command = Command::new(example("large_store"));
    numbers.iter().for_each(|(flag, number)| _ = command.args([*flag, number.as_str()]));
    let (status, took) = timed(|| command.args(["--password", PASSWORD]).arg("--data").arg(data).status());
    assert!(status.expect("the example").success());
    println!("the store was made in {:.0} s", took.as_secs_f64());
}

/// Measures a server that was stopped.
fn measure(world: &mut World, names: &[String]) -> Figures {
    // Earlier writes that are still under way would slow the syncs down.
    rustix::fs::sync();
    let ((), ready) = timed(|| _ = world.start());
    let process = Process::of(world.pid());
    let resident = process.resident();
    let disk = disk_usage(&world.data());
    let login = |name: &String| timed(|| world.login(name)).1;
    let first_login = median(&mut names.iter().map(login).collect::<Vec<_>>());
    let next_login = median(&mut names.iter().map(login).collect::<Vec<_>>());
    // Each recipient has its conversation before the messages are counted.
    send_some(world, "user0", names, USERS);
    let before = process.cpu_time();
    let mut times = send_some(world, "user0", names, SENDS);
    let cost = (process.cpu_time() - before) / SENDS as u32;
    let [middle, late] = [0.5, 0.99].map(|share| quantile(&mut times, share));
    let mut user0 = world.login("user0");
    let mut list = |request: &str| {
        let mut times: Vec<_> = (0..REQUESTS).map(|_| timed(|| user0.list(request)).1).collect();
        median(&mut times)
    };
    Figures {
        ready,
        resident,
        disk,
        cost,
        middle,
        late,
        first_login,
        next_login,
        history: list("HISTORY;user1;50"),
        first_page: list("USERS"),
        last_page: list("USERS;1000;user998"),
    }
}

/// Sends messages from a user to others in turn, one in flight; returns the time to each OK.
fn send_some(world: &World, from: &str, to: &[String], count: usize) -> Vec<Duration> {
    let mut sender = Sender::new(world, from);
    (0..count).map(|index| sender.send(&to[1 + index % (to.len() - 1)])).collect()
}

struct Sender {
    connection: Connection,
    /// Part of each id, so that no two are the same.
    begun: u128,
    sent: usize,
}

impl Sender {
    fn new(world: &World, from: &str) -> Self {
        let begun = std::time::UNIX_EPOCH.elapsed().expect("a time").as_nanos();
        Self { connection: world.login(from), begun, sent: 0 }
    }

    fn send(&mut self, to: &str) -> Duration {
        self.sent += 1;
        let text = "x".repeat(100);
        let request = format!("SEND;{}-{};{to};{text}", self.begun, self.sent);
        let (reply, time) = timed(|| self.connection.request(&request));
        assert!(reply.starts_with("OK;"), "{reply}");
        time
    }
}

/// A checkpoint that was made while messages were sent.
struct MadeCheckpoint {
    took: Duration,
    /// The memory that was resident before and at most, in KiB.
    before: u64,
    peak: u64,
    late: Duration,
    longest: Duration,
}

impl std::fmt::Display for MadeCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { took, peak, late, longest, .. } = self;
        write!(f, "a checkpoint of it: {:.1} s, {} MiB at most; ", took.as_secs_f64(), peak >> 10)?;
        write!(f, "meanwhile 99.9% of the messages have their OK within {}, the last after ", show(&[*late]))?;
        f.write_str(&show(&[*longest]))
    }
}

/// Measures the checkpoint that a server makes right after its start, since its log is long.
fn measure_checkpoint(world: &World, names: &[String]) -> MadeCheckpoint {
    let begun = Instant::now();
    let resident = Process::of(world.pid()).resident();
    let before = checkpoint_of(&world.data());
    // The most memory from here on.
    let _ = std::fs::write(format!("/proc/{}/clear_refs", world.pid()), "5");
    let mut sender = Sender::new(world, "user0");
    let mut times = Vec::new();
    while checkpoint_of(&world.data()) == before {
        assert!(begun.elapsed() < Duration::from_secs(600), "no checkpoint is made");
        times.extend((0..50).map(|index| sender.send(&names[1 + index])));
    }
    let took = begun.elapsed();
    let [late, longest] = [0.999, 1.0].map(|share| quantile(&mut times, share));
    MadeCheckpoint { took, before: resident, peak: Process::of(world.pid()).peak(), late, longest }
}

/// Returns the name of the newest checkpoint.
fn checkpoint_of(data: &Path) -> Option<String> {
    let names =
        std::fs::read_dir(data).expect("a store").flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("checkpoint-")).max()
}
