//! Support code of the tests.
//!
//! A test begins with a [`World`]: a server process in a directory of its own. It talks to the server through
//! [`Connection`]s, or lets clients do so (`World::pipe`, `World::terminal`). Tests that choose what the disk does
//! run the server's parts in this process, on a simulated disk (`group_commit_harness`, `intercepted_disk`).
//! Random choices come from [`random`], so that a seed repeats them; what users saw is judged by `wachat::course::checker`.
#![allow(dead_code)]

pub mod cargo;
pub mod client_files;
pub mod client_judge;
pub mod clients;
pub mod clock;
pub mod cluster;
pub mod connection;
pub mod crowd;
pub mod etcd;
pub mod examples;
pub mod group_commit_harness;
pub mod haproxy;
pub mod held_server;
pub mod intercepted_disk;
pub mod last_release;
pub mod metrics;
pub mod narrow;
pub mod node;
pub mod process;
pub mod proxy;
pub mod random;
pub mod run_directory;
pub mod simulated_disk;
pub mod store_files;
pub mod telegram;
pub mod terminal;
pub mod tls;
pub mod traffic;
pub mod values;
pub mod web;
pub mod world;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub use connection::Connection;
pub use terminal::Terminal;
pub use world::World;

/// The program under test.
pub const WACHAT: &str = env!("CARGO_BIN_EXE_wachat");

/// Time-out of every wait: longer than anything takes, even on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Password of every user, unless the test is about passwords.
pub const PASSWORD: &str = "palabra larga";

/// A settings file with no settings, in place of that of the person who runs the tests.
pub const NO_SETTINGS: &str = "/dev/null";

/// Calls `look` until it returns a value. Fails after [`TIMEOUT`].
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_or(look, || format!("waited in vain for {what}"))
}

/// Waits until a condition holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Waits as [`wait_for`] does; `failure` describes what went wrong.
pub fn wait_or<T>(look: impl FnMut() -> Option<T>, failure: impl FnOnce() -> String) -> T {
    wait_within(TIMEOUT, look, failure)
}

/// The same for what may take longer.
pub fn wait_within<T>(time: Duration, mut look: impl FnMut() -> Option<T>, failure: impl FnOnce() -> String) -> T {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() > deadline {
            panic!("{}", failure());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command that is expected to end by itself; returns its exit code and its standard error.
pub fn run_to_end(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut pipe = child.stderr.take().expect("its standard error");
    let text = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = pipe.read_to_string(&mut text);
        text
    });
    let deadline = Instant::now() + TIMEOUT;
    let status = loop {
        match child.try_wait().expect("its state") {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                let _ = child.kill();
                panic!("it was expected to end, and runs");
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    (status.code(), text.join().expect("its standard error"))
}

/// Sends a signal, such as `TERM`, to a process.
pub fn send_signal(process: u32, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().expect("kill");
    assert!(done.success(), "kill -{name} {process}");
}

/// Returns the processor time that this thread has used: what a function costs, however busy the machine is.
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}
