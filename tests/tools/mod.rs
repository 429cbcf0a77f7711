//! Programs beside the server and the client: commands for scripts, accounts, settings, the Telegram bridge.

mod administration;
mod administrator_log;
mod bans;
mod bridge;
mod bridge_state;
mod certificates;
mod classroom;
mod clear_text;
mod commands;
mod control_socket;
mod erasing;
mod help;
mod pages;
mod room;
mod settings;
mod shared_machine;
mod system_authorities;
mod tls;
mod user;
mod waits;
