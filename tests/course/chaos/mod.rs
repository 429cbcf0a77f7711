//! `wachat chaos` between real clients, or raw connections, and a real server, or a raw one that shows what arrives.

mod errors;
mod every_record;
mod last_lines;
pub mod process;
mod replay;
mod rules;
mod traced;
