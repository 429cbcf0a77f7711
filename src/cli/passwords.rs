//! Generated passwords for a class, and the file that holds them for the teacher.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::disk::{Disk as _, RealDisk};

/// Lower-case letters and digits, without those that look alike: `i l o 0 1`.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Number of groups of four, which are easy to read aloud: `k7mp-x3wd-9hqr`. Twelve of 31 characters are 59 bits.
const GROUPS: usize = 3;

/// Generates a password from the operating system's random numbers.
pub(super) fn generate() -> Result<String, getrandom::Error> {
    let mut password = String::new();
    let (mut length, mut random) = (0, [0; 1]);
    while length < 4 * GROUPS {
        getrandom::fill(&mut random)?;
        // The 32nd number stands for no character: it is drawn again, so that all characters are equally likely.
        let Some(character) = ALPHABET.get(usize::from(random[0] & 31)) else { continue };
        if length > 0 && length % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(*character));
        length += 1;
    }
    Ok(password)
}

/// Creates a file with these bytes, readable by its owner only; the file and its name are durable. An existing file is
/// an error.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    RealDisk.sync_dir(directory)
}
