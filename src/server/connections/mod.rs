//! Connections until their requests are in the router's queue: accepting and refusing, their counts by port and network, and
//! the reader thread of each.

pub(crate) mod accept;
pub(crate) mod banned_networks;
pub(crate) mod connection;
pub(crate) mod connection_table;
pub(crate) mod networks;
pub(crate) mod places;
pub(crate) mod reader;
pub(crate) mod refusal;
pub(crate) mod request;
