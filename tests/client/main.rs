//! The client: in pipes and at terminals, beside a real server; and its files, on the simulated disk.

#[path = "../support/mod.rs"]
mod support;

mod accept;
mod account;
mod answers;
mod ascii_locale;
mod backoff;
mod bounds;
mod callers;
mod catch_up;
mod checkpoint;
mod colours;
mod coming_in;
mod commands;
mod completed_words;
mod completing;
mod completion;
mod confirm;
mod damage;
mod direct;
mod direct_edges;
mod direct_model;
mod direct_network;
mod direct_power_loss;
mod direct_tls;
mod dispatch;
mod editor;
mod editor_model;
mod editor_rows;
mod faults;
mod full_screen;
mod gaps;
mod history;
mod hostile_lists;
mod keyboard;
mod kill;
mod languages;
mod line_mode;
mod line_screen;
mod link;
mod log_out;
mod lookups;
mod marks;
mod odd_server;
mod parse;
mod parser;
mod parser_keys;
mod pipe;
mod power_loss;
mod presence;
mod queries;
mod random_app;
mod random_completion;
mod random_direct;
mod random_dispatch;
mod reads;
mod recall;
mod records;
mod refusals;
mod retries;
mod rooms;
mod safe;
mod screen_app;
mod screen_choose;
mod screen_cost;
mod screen_edges;
mod screen_events;
mod screen_keys;
mod screen_older;
mod screen_output;
mod screen_power_loss;
mod screen_real;
mod screen_saved;
mod screen_secrets;
mod screen_theme;
mod screen_view;
mod script;
mod shared_rooms;
mod sign_in;
mod sketch;
mod stage;
mod state;
mod terminal;
mod texts;
mod told;
mod typed;
mod unanswered;
mod wrap;

use wachat::client::app::Setting;

/// Returns the setting of a person in the line mode, with receipts and without direct chats.
fn setting() -> Setting {
    Setting {
        piped: false,
        unattended: false,
        receipts: true,
        direct: false,
        full_screen: false,
        server: "example:1666".to_owned(),
    }
}
