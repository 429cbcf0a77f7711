//! Passwords that are made up for a class, and the file in which the teacher finds them.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::disk::{Disk as _, RealDisk};

/// Small letters and digits, without those that look like others in some script: `i l o 0 1`.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Groups of four, so that it can be read out: `k7mp-x3wd-9hqr`. Twelve of 31 signs are 59 bits.
const GROUPS: usize = 3;

/// Makes a password up, from the operating system's random numbers.
pub(super) fn make_up() -> Result<String, getrandom::Error> {
    let mut password = String::new();
    let (mut signs, mut random) = (0, [0; 1]);
    while signs < 4 * GROUPS {
        getrandom::fill(&mut random)?;
        // Of 32 numbers one stands for no sign; it is drawn again, so that all signs are as likely.
        let Some(sign) = ALPHABET.get(usize::from(random[0] & 31)) else { continue };
        if signs > 0 && signs % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(*sign));
        signs += 1;
    }
    Ok(password)
}

/// Makes a file with this in it, for its owner alone, durable with its name. One that exists is left alone.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    RealDisk.sync_dir(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_passwords_can_be_read_out_and_differ() {
        let all: std::collections::HashSet<_> = (0..1_000).map(|_| make_up().unwrap()).collect();
        assert_eq!(all.len(), 1_000);
        let mut signs: Vec<_> = all.iter().flat_map(|password| password.bytes()).collect();
        signs.sort_unstable();
        signs.dedup();
        // 12,000 draws of 31: each sign is there, and no other than the hyphen.
        assert_eq!(signs.len(), ALPHABET.len() + 1);
        assert!(all.iter().all(|password| password.len() == 14 && password.split('-').all(|group| group.len() == 4)));
    }
}
