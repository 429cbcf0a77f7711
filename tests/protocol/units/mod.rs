//! The values of a line, one by one: what each of them accepts and how it is written.

mod bans;
mod exchange;
mod ids;
mod names;
mod record;
mod requests;
mod secrets;
mod times;
