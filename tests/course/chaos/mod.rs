//! `wachat chaos` between real clients, or raw connections, and a real server, or a raw one that shows what arrives.

mod errors;
pub mod process;
mod replay;
mod rules;
mod traced;
