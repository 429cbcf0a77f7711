//! The examples, built by a test.

use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Returns the bytes of memory and of disk that `examples/capacity` estimates for a store.
pub fn capacity(arguments: &[&str]) -> [u64; 2] {
    let said = Command::new(example("capacity")).args(arguments).output().expect("the example").stdout;
    let said = String::from_utf8(said).expect("UTF-8");
    let bytes = |what: &str| said.lines().find_map(|line| line.strip_prefix(what)?.trim().parse().ok());
    ["memory", "disk"].map(|what| bytes(what).unwrap_or_else(|| panic!("the example says {said:?}")))
}
