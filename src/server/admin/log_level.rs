//! The level of the server's log. The audit log is written at every level.

use std::sync::atomic::{AtomicUsize, Ordering};

use log::{LevelFilter, Metadata};

use crate::server::audit;

/// The level, as its number.
static LEVEL: AtomicUsize = AtomicUsize::new(LevelFilter::Warn as usize);

/// Sets the level of this process, from now on.
pub fn set_log_level(level: LevelFilter) {
    LEVEL.store(level as usize, Ordering::Relaxed);
    // The audit log's lines have the level INFO.
    log::set_max_level(level.max(LevelFilter::Info));
}

/// Returns the level of this process.
pub fn log_level() -> LevelFilter {
    let level = LEVEL.load(Ordering::Relaxed);
    LevelFilter::iter().find(|known| *known as usize == level).unwrap_or(LevelFilter::Warn)
}

/// Returns whether a line is written at this level.
pub fn is_logged(metadata: &Metadata) -> bool {
    metadata.target() == audit::TARGET || metadata.level() <= log_level()
}
