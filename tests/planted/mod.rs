//! Defects on purpose: the proof that the tests of the promises can fail.
//!
//! With the feature `planted-bugs` some leaf modules of the program are taken from this directory
//! (one `cfg_attr` at their `mod` line): thin wrappers around the real ones, which they mount as
//! `real`. With no defect chosen they do what the real ones do. `WACHAT_PLANTED_BUG=no-sync` chooses
//! one, and [`bugs`] says what each is, which promise it breaks, and which suite has to find it.
//! `tests/planted_bugs.rs` goes through that table:
//!
//! `cargo test --features planted-bugs --test planted_bugs`
//!
//! | here | in the place of | a wrapper of |
//! |---|---|---|
//! | [`disk`] | | any disk: lost, late and lying syncs |
//! | `simulated.rs`, `real.rs` | `disk/simulated`, `disk/real.rs` | the two disks, by [`disk`] |
//! | `format.rs` | `wal/format.rs` | what tells a whole batch from a broken one |
//! | `ids.rs` | `the state machine/ids.rs` | what a retry is known by |
//! | `tables.rs` | `store/tables.rs` | what a checkpoint brings back |
//! | `mailbox.rs` | `the state machine/mailbox.rs` | what waits for a user |
//! | `group commit.rs` | `server/group commit.rs` | what holds answers back until they are durable |
//! | `outbox.rs` | `client/state/outbox.rs` | what waits for the server |

#[allow(dead_code)] // Their names are enough here.
pub mod bugs;
pub mod disk;

use std::sync::OnceLock;

/// Whether this defect was chosen.
pub fn is(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let chosen = std::env::var(bugs::VARIABLE).ok()?;
        assert!(bugs::BUGS.iter().any(|bug| bug.name == chosen), "there is no planted bug {chosen:?}");
        Some(chosen)
    });
    chosen.as_deref() == Some(name)
}
