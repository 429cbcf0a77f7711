//! The log of a client that has the whole screen: a file in its home, since standard error is the screen.

use std::fs::File;
use std::io;
use std::path::Path;

use env_logger::Target;

use crate::disk;
use crate::log_lines;

/// Bytes of `client.log` above which a start begins it anew.
const CLIENT_LOG_BYTES: u64 = 1 << 20;

/// Begins to write the log into `client.log` in a directory. A file that has become long begins anew. Without a file
/// there is no log: nothing depends on it.
pub fn start(directory: &Path) {
    let path = directory.join("client.log");
    if let Ok(file) = open(&path) {
        let mut builder = log_lines::from_env();
        // A logger that was set before stays.
        let _ = builder.target(Target::Pipe(Box::new(file))).try_init();
    }
}

fn open(path: &Path) -> io::Result<File> {
    let is_long = path.metadata().is_ok_and(|file| file.len() > CLIENT_LOG_BYTES);
    if is_long { disk::open_to_replace(path) } else { disk::open_to_append(path) }
}
