//! Durable changes of a whole file. When one of these functions returns, a power cut changes nothing of it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Disk, RealDisk, private, write};

/// Replaces a file as a whole, or creates it, readable by its owner alone. The commit point is the rename: a crash leaves
/// the old file or the new one, and perhaps a file of the name with `.new` after it, which the next call replaces.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = unfinished(path);
    write(disk, &new, bytes)?;
    disk.rename(&new, path)?;
    sync_name(disk, path)
}

/// Returns the path at which [`replace`] writes a file before it renames it: a crash may leave it there.
pub fn unfinished(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    PathBuf::from(new)
}

/// Appends to a file of the real disk, or creates it, as [`private::open_to_append`] does. A crash may leave a part of
/// the bytes.
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_all(private::open_to_append(path)?, bytes)?;
    sync_name_where_possible(path)
}

/// Creates a file of the real disk, readable by its owner alone. One that exists is an error, and stays as it is.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_all(private::options().create_new(true).open(path)?, bytes)?;
    sync_name(&RealDisk, path)
}

fn write_all(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a file's or directory's name durable.
pub fn sync_name(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    disk.sync_dir(path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Makes a name of the real disk durable, unless its file system refuses that for directories, with EINVAL.
pub fn sync_name_where_possible(path: &Path) -> io::Result<()> {
    match sync_name(&RealDisk, path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}
