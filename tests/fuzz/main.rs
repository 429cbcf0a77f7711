//! Hostile input: the targets of `targets.rs` over their corpus and mutated inputs, and whole sessions with a server.
//! `cargo fuzz` runs the same targets with coverage guidance (tests/README.md).

#[path = "../support/mod.rs"]
mod support;

mod calm_pair;
mod grammar;
mod heads;
mod mutator;
mod runner;
mod sessions;
#[path = "targets.rs"]
mod targets;

use support::simulated_disk;

/// Makes a test of each target: its inputs are the corpus and this many mutated ones. A target that needs files or a socket
/// gets fewer.
macro_rules! targets {
    ($($name:ident: $inputs:literal,)*) => {
        $(
            #[test]
            fn $name() {
                runner::run(stringify!($name), targets::$name, $inputs);
            }
        )*

        const TARGETS: &[(&str, u64)] = &[$((stringify!($name), $inputs),)*];
    };
}

targets! {
    records: 38_000,
    login: 40_000,
    requests: 36_000,
    replies: 10_000,
    direct: 30_000,
    terminal: 12_000,
    log_segments: 14_000,
    log_records: 2_500,
    client_log: 4_000,
    tables: 2_000,
    history: 4_000,
    settings: 1_000,
    telegram: 3_000,
    traces: 700,
    direct_chats: 100,
    certificates: 500,
    replies_in_session: 100,
    known_servers: 100,
    web_sockets: 2_000,
}

#[test]
fn every_target_has_a_corpus_and_is_one_of_cargo_fuzz() {
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort_unstable();
    assert_eq!(runner::names_in("corpus"), names);
    let sources: Vec<_> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(runner::names_in("fuzz_targets"), sources);
    assert_eq!(TARGETS.iter().map(|(_, inputs)| inputs).sum::<u64>(), 200_000);
}
