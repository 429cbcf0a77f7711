//! The protocol, clause by clause: transcripts spoken with a real server through its socket. A module
//! is a section of the page, a test one of its clauses.
//!
//! In a transcript `> ` is what the client says and `< ` what the server has to answer (see
//! `Line::play`).

mod bad_input;
mod codec;
mod judge;
mod page_examples;
mod section_10_framing;
mod section_10_requests;
mod section_10_web_sockets;
mod section_1_connections;
mod section_1_long_records;
mod section_1_records;
mod section_1_slow_readers;
mod section_1_timeouts;
mod section_1_tls;
mod section_2_lines;
mod section_3_devices;
mod section_3_logging_in;
mod section_3_names;
mod section_3_strangers;
mod section_4_pages;
mod section_4_rates;
mod section_4_replies;
mod section_5_commands;
mod section_5_erasing;
mod section_5_history;
mod section_5_owners;
mod section_5_permits;
mod section_5_servers;
mod section_5_sessions;
mod section_6_keys;
mod section_6_polling;
mod section_7_events;
mod section_7_quotas;
mod section_7_rooms;
mod section_8_introductions;
mod units;
