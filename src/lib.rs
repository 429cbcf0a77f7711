//! wachat: a store-and-forward messenger, to use and to read.
//!
//! # The way of a message
//!
//! ```text
//! socket -> line -> request -> router: the state machine decides -> records + effects
//!                              one write, ONE sync for all that had come; then the effects, in order
//!        -> the connection's own thread -> reply -> socket
//! ```
//!
//! Follow it once and you have seen the program: [`net`] cuts what comes from the socket into lines,
//! [`protocol`] makes requests of them, `server/send_port.rs` hands them to the router, [`state_machine`]
//! decides what happens, [`wal`] makes it durable, and the answer goes back the way it came.
//!
//! # What is where
//!
//! | module | what it holds | what it never does |
//! |---|---|---|
//! | [`model`] | names, ids, messages, times: values that cannot be wrong once built | |
//! | [`protocol`] | bytes to values and back; the protocol itself, as a text | sockets, files, rules of chatting |
//! | [`net`] | lines with deadlines, accepting, noticing a hang-up | meaning |
//! | [`disk`] | the seam to files and directories: the real one, and one that loses power | meaning |
//! | [`wal`] | one append-only log: batches, group commit, replay, a torn batch | know what a line means |
//! | [`state_machine`] | the state machine: mailboxes, rooms, marks, presence, polls | IO, threads, locks, the clock |
//! | [`store`] | what the files mean: checkpoints, recovery, history, check, backup | sockets |
//! | [`server`] | two ports, logins, the router | |
//! | [`client`] | the client: its outbox, its history, its threads (its own page has its map) | import server, the state machine, store or write-ahead log |
//! | [`tools`] | clients for scripts: send, receive, look back | import server, the state machine, store or write-ahead log |
//! | [`settings`] | the settings file, as defaults of the command line | know a flag: clap does |
//! | [`bridge`] | a room joined with a chat of another network (its own page has its map) | import server, the state machine or store |
//! | [`cli`] | the command line | |
//! | [`signals`] | SIGINT and SIGTERM, as a channel | |
//! | [`limits`] | every limit and time-out, with its reason | |
//!
//! Imports point down: `limits`; `model`; `protocol`, `disk`, `net`; `wal`, `state_machine`; `store`;
//! `server`; `cli`. None points up. The client stands beside the server, on `protocol`, `disk` and `net`,
//! and the tools and the bridge stand on the client.
//!
//! # Which thread owns what
//!
//! In the server (the client's three are on the page of [`client`]):
//!
//! | thread | owns | waits for |
//! |---|---|---|
//! | router | the state machine, the write-ahead log | its queue; the disk |
//! | one a connection | its socket | its client; its answer from the router |
//! | two for passwords | 19 MiB each | a login |
//! | one for segments, one for checkpoints | files that nobody writes beside them | the router's word |
//! | one a port | the listener | a connection |
//! | one for hang-ups | an epoll | a client that closes while its poll waits |
//!
//! Every queue between them is bounded: a slow disk slows the sockets down, it does not fill memory.
//!
//! # What always holds
//!
//! 1. OK means on disk: what was answered OK survives a kill and a power cut.
//! 2. Once: a message is under one number, however often it was sent.
//! 3. In order: one sequence orders everything, for everybody.
//! 4. States only move forward.
//! 5. KO means that it did not happen; no answer means: ask again with the same id.
//! 6. Nothing leaves before it is durable: no OK, no delivery, no tick.
//! 7. One client cannot hurt another: it costs a bounded amount, and is cut off.
//! 8. A damaged store is never papered over: a torn last batch is set aside, anything else stops the start.
//!
//! # What is deliberately not there
//!
//! No async runtime, no event loop for clients, no database, no locks around the state: one thread
//! owns it. No background flush: a sync comes before every OK. No deletion of history.

pub mod bridge;
pub mod cli;
pub mod client;
pub mod disk;
pub mod limits;
pub mod model;
pub mod net;
pub mod protocol;
pub mod record;
pub mod server;
pub mod settings;
pub mod signals;
pub mod state_machine;
pub mod store;
pub mod tools;
pub mod wal;
