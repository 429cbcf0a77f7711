#![no_main]

#[path = "../../support/simulated_disk/mod.rs"]
mod simulated_disk;
#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::web_sockets(data));
