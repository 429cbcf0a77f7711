//! The directory of a user's files, and its lock.
//!
//! ```text
//! <home>/<user>-<server>-<digest>/     one directory a user and server: the person's client's
//!     lock                             held while it runs
//!     wal/                             the client's write-ahead log
//!     device.csv                       the name of this client as one of the user's devices, and its key (`link::device`)
//!     pipe-1/ … pipe-8/                the same again, each for one pipe at a time
//! ```
//! Scripts may send while the client of the same user runs. Each has a log of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use blake2::Digest as _;

use super::error::LogError;
pub use super::files::Home;
use super::files::{Files, lock, make_directories, open_log, read_checkpoint};
pub use super::take_over::Use;
use super::take_over::take_over;
use crate::disk::{Disk, RealDisk};
use crate::limits;
use crate::model::UserName;

/// Messages of each conversation that a pipe keeps in memory.
const PIPE_ROWS: usize = 100;

/// Returns the directory of a user and server (`host:port`), below the home: a readable part, and a digest that tells
/// apart what the readable part does not. `localhost` and the loopback addresses count as one server.
pub fn directory(home: &Path, user: &UserName, server: &str) -> PathBuf {
    let server = canonical(server);
    let digest = blake2::Blake2s256::digest(format!("{}\n{server}", user.mapped()));
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    home.join(format!("{}-{}-{digest}", readable(user.mapped()), readable(&server)))
}

/// Returns the directory of a user at servers that are one: that which one of them has already, else that of the first. So
/// it does not matter in which order they are named.
pub fn directory_of(home: &Path, user: &UserName, servers: &[String]) -> PathBuf {
    let directories = servers.iter().map(|server| directory(home, user, server));
    let first = directory(home, user, servers.first().map_or("", String::as_str));
    directories.into_iter().find(|directory| directory.is_dir()).unwrap_or(first)
}

/// Returns the one form of a server's name: a user who writes it otherwise has the same history and outbox.
fn canonical(server: &str) -> String {
    let server = server.to_lowercase();
    match server.rsplit_once(':') {
        Some((host, port)) if matches!(host.trim_end_matches('.'), "localhost" | "127.0.0.1" | "::1" | "[::1]") => {
            format!("localhost:{port}")
        }
        _ => server,
    }
}

fn readable(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    text.chars().take(32).map(plain).collect()
}

impl Home {
    /// Opens the log, or makes it, and takes over what other programs of the user left behind. `path` is the
    /// user's directory. [`LogError::InUse`]: another program has it; it may end soon.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path, user: &UserName, how: Use) -> Result<Self, LogError> {
        let (own, mut home) = match how {
            Use::Person => (path.to_path_buf(), Self::open_directory(disk, path, user, how)?),
            Use::Pipe => Self::open_first_free(disk, path, user)?,
        };
        for other in std::iter::once(path.to_path_buf()).chain(pipes(path)).filter(|other| *other != own) {
            take_over(disk, &other, &mut home, how)?;
        }
        home.state.forget_settled();
        match how {
            Use::Pipe => home.forget_settled()?,
            Use::Person => home.files.make_checkpoint_when_due(&mut home.state)?,
        }
        Ok(home)
    }

    /// Opens the user's directory on the real disk. Another client may be about to end: this
    /// one tries again for a context.
    pub fn open_when_free(path: &Path, user: &UserName, how: Use) -> Result<Self, LogError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let timeout = if how == Use::Pipe { limits::PIPE_TIMEOUT } else { limits::QUIT_TIMEOUT };
        let start = Instant::now();
        loop {
            match Self::open(&disk, path, user, how) {
                Err(LogError::InUse { .. }) if start.elapsed() < timeout => thread::sleep(Duration::from_millis(20)),
                opened => return opened,
            }
        }
    }

    fn open_first_free(disk: &Arc<dyn Disk>, path: &Path, user: &UserName) -> Result<(PathBuf, Self), LogError> {
        for pipe in pipes(path) {
            match Self::open_directory(disk, &pipe, user, Use::Pipe) {
                Err(LogError::InUse { .. }) => {}
                home => return Ok((pipe, home?)),
            }
        }
        Err(LogError::InUse { path: path.into() })
    }

    fn open_directory(disk: &Arc<dyn Disk>, path: &Path, user: &UserName, how: Use) -> Result<Self, LogError> {
        make_directories(&**disk, path)?;
        let lock = lock(&**disk, path)?;
        let (mut state, covered) = read_checkpoint(disk, path, user)?;
        if how == Use::Pipe {
            state.keep_only(PIPE_ROWS, Box::new(|_, _| true));
        }
        let (log, torn) = open_log(disk, path, covered, &mut |record| state.replay(record))?;
        let disk = disk.clone();
        let directory = path.to_path_buf();
        // A pipe keeps its whole log for the person's client, which takes it over, or forgets most of it.
        let checkpoint_bytes = if how == Use::Pipe { u64::MAX } else { limits::CLIENT_CHECKPOINT_BYTES };
        let files = Files { log, disk, directory, covered, checkpoint_bytes, has_left_texts: false, torn, _lock: lock };
        files.restore_hashes(&mut state)?;
        Ok(Self { state, files })
    }
}

fn pipes(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=limits::CLIENT_PIPES).map(move |number| path.join(format!("pipe-{number}")))
}
