//! Files of a stopped server, and of a simulated disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wachat::disk::Disk;

/// Reads a table of the newest checkpoint.
pub fn read_checkpoint(data: &Path, table: &str) -> String {
    let file = newest_checkpoint(data).join(format!("{table}.csv"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the directory of the newest checkpoint.
pub fn newest_checkpoint(data: &Path) -> PathBuf {
    let entries = std::fs::read_dir(data).expect("the data directory").flatten().map(|entry| entry.path());
    let number =
        |path: &PathBuf| -> Option<u64> { path.file_name()?.to_str()?.strip_prefix("checkpoint-")?.parse().ok() };
    entries.filter(|path| number(path).is_some()).max_by_key(number).expect("a checkpoint")
}

/// Reads all files below a directory of a simulated disk; none if there is no such directory.
pub fn read_files(disk: &impl Disk, directory: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![PathBuf::from(directory)];
    while let Some(directory) = directories.pop() {
        for path in disk.list(&directory).unwrap_or_default().into_iter().map(|name| directory.join(name)) {
            match wachat::disk::read(disk, &path) {
                Ok(content) => _ = found.insert(path, content),
                Err(_) => directories.push(path),
            }
        }
    }
    found
}

/// Changes a table's text, and makes its last line fit: what a defect would write.
pub fn replace_in_table(table: &str, old: &str, new: &str) -> String {
    assert!(table.contains(old), "no {old} in {table}");
    let mut table = table.replacen(old, new, 1);
    table.truncate(table.rfind("\nend;").expect("an end line") + 1);
    let rows = table.lines().count() - 2;
    let checksum = crc32fast::hash(table.as_bytes());
    table.push_str(&format!("end;{rows};{checksum:08x}\n"));
    table
}

/// Returns the bytes that the files of a directory take.
pub fn disk_usage(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    let of = |path: PathBuf| match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => disk_usage(&path),
        Ok(metadata) => metadata.blocks() * 512,
        // A file that was just removed.
        Err(_) => 0,
    };
    entries.map(|entry| of(entry.path())).sum()
}
