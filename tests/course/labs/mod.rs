//! The labs: their programs run and are judged, and the hand-outs say what is so, in both languages.

mod clients;
mod hand_outs;
mod holes;
mod servers;
mod tools;

use std::path::PathBuf;

/// Returns the path of a file of the labs.
fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labs")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The files of the clients and of the servers, in `solutions`.
const CLIENTS: [&str; 5] =
    ["python/client.py", "c/client.c", "java/Client.java", "go/client.go", "javascript/client.js"];
const SERVERS: [&str; 2] = ["python/server.py", "rust/server.rs"];
