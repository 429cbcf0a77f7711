//! The examples, built by a test.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::cargo::cargo;

/// Builds an example (`cargo test --test <program>` does not), and returns its path.
pub fn example(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let directory = Path::new(super::WACHAT).parent().expect("the directory of the binary");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let _one = ONE_AT_A_TIME.lock();
    let built = cargo().args(["build", "--quiet", "--profile", profile, "--example", name]).status();
    assert!(built.expect("cargo").success());
    directory.join("examples").join(name)
}
