//! Defects on purpose: which of them is chosen. This module exists in the copy only (`copy.rs`).

use std::sync::OnceLock;

/// Checks whether this defect was chosen.
pub fn is(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok()).as_deref() == Some(name)
}
