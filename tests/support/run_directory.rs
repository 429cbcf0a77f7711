//! A directory that is kept when its test fails, with the story of what was done.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub struct RunDirectory {
    path: PathBuf,
    story: File,
}

impl RunDirectory {
    /// The directory itself goes to the server that writes its log there; it does not remove it.
    pub fn new(prefix: &str) -> (Self, TempDir) {
        let directory = tempfile::Builder::new().prefix(prefix).disable_cleanup(true).tempdir();
        let directory = directory.expect("a temporary directory");
        let path = directory.path().to_path_buf();
        let story = File::create(path.join("story")).expect("a file");
        (Self { path, story }, directory)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes what is done next.
    pub fn note(&mut self, what: &str) {
        writeln!(self.story, "{what}").expect("to write");
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = self.path.display();
            eprintln!("kept in {path}: story (the last lines say what was done), log (of the server), its data");
        } else {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
