//! Random numbers that come again with the same seed: those of the proxy.

pub use wachat::course::chaos::Random;
