//! Defects on purpose: which of them is chosen. This module exists in the copy only (`copy.rs`).

use std::sync::OnceLock;

/// Checks whether this defect was chosen.
pub fn is(name: &str) -> bool {
    self::name() == name
}

/// Returns the name of the defect that was chosen; it is empty where none was.
pub fn name() -> &'static str {
    static CHOSEN: OnceLock<String> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var(VARIABLE).unwrap_or_default())
}
