//! The web port (`serve --web`): HTTP up to the upgrade, then the lines of the two ports in WebSockets (protocol, section 10).
//!
//! - `listener`: accepts connections, each with a reader thread; `open`: those before the upgrade, which a stop cuts off.
//! - `exchange`: requests and answers on one connection, up to the upgrade.
//! - `head`: the head of a request. `answer`: what is written. `upgrade`: the handshake of a WebSocket.
//! - `site`: who may connect, and what lies under which path; `page`: the files. `authority`: a host and its port.
//!
//! After the upgrade a connection is one like any other: the same reader, the same router.

mod answer;
mod authority;
mod exchange;
mod head;
pub(crate) mod listener;
mod open;
mod page;
mod site;
mod upgrade;
