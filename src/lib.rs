//! wachat: a store-and-forward messenger for the terminal.
//!
//! This page is the map: a reading tour, the modules and what each of them never does, the threads, and the
//! promises. The wire protocol is the page of [`protocol`].
//!
//! # Reading tour: one message
//!
//! ana sends `SEND;a1;luis;hola`; luis has a `POLL` waiting. Follow the message through the server:
//!
//! 1. `src/server/connections/accept.rs`, `accept`: the listener's thread gives the connection a reader thread of its own.
//! 2. `src/server/connections/reader.rs`, `read_requests`: the reader cuts the input into lines, parses each, and
//!    enqueues it.
//! 3. `src/protocol/request/send.rs`, `parse`: the line becomes a `SendRequest`.
//! 4. `src/server/router/mod.rs`, `handle_all`: the router, the one thread that owns everything, takes its inputs.
//! 5. `src/server/router/requests.rs`, `start`: its cost is charged, and the request becomes a command of the state
//!    machine.
//! 6. `src/state_machine/decide/message.rs`, `accept_message`: decide checks id, recipient and quota, and emits a
//!    record.
//! 7. `src/state_machine/apply/message.rs`, `add_message`: apply changes the state; recovery calls nothing else.
//! 8. `src/state_machine/decide/poll.rs`, `end_batch`: at the end of the batch, luis's waiting POLL is answered.
//! 9. `src/state_machine/query/delivery.rs`, `collect`: the events of that answer are collected from his mailbox.
//! 10. `src/server/router/group_commit.rs`, `add_effect`: the reply waits until the record is durable (output commit).
//! 11. `src/wal/append.rs`, `commit`: one write and one fdatasync for all records of the batch.
//! 12. `src/server/router/dispatch.rs`, `dispatch_effects`: the effects of the commit, in order: ana's `OK`, luis's event.
//! 13. `src/net/outgoing.rs`, `send`: one non-blocking send per connection; the rest goes to the straggler thread.
//!
//! On the other side, in luis's client:
//!
//! 14. `src/client/link/receiver.rs`, `poll`: the receiver thread reads the event.
//! 15. `src/client/owner.rs`, `handle`: the client's owner thread: the same shape, with the app and its log instead of the
//!     state machine and its log.
//! 16. `src/client/state/decide.rs`, `take_in`: the client's decide: an event that is new becomes a record.
//! 17. `src/client/app/events.rs`, `handle_arrival`: an event of the server becomes what the user sees.
//! 18. `src/client/app/view.rs`, `notice`: a `View` is what the app shows: both front ends draw it.
//! 19. `src/client/screen/draw.rs`, `draw`: the full screen draws its rows into cells.
//! 20. `src/client/screen/model/mod.rs`, `note_drawn`: the message was on the screen, and only then READ is due.
//!
//! A start after a crash:
//!
//! 21. `src/store/recovery.rs`, `open`: recovery takes the newest checkpoint and the log after it.
//! 22. `src/wal/recover.rs`, `recover`: every whole batch is replayed; a torn tail is set aside, damage stops the start.
//! 23. `src/state_machine/apply/mod.rs`, `replay`: each record is applied as it was the first time.
//! 24. `src/store/checkpoint.rs`, `checkpoint`: a checkpoint is a recovery that is run in the background.
//!
//! Skip on first reading: `cli`, `settings`, `course`, `tools`, `bridge`, `trace`, `cluster`, `net/tls.rs`,
//! `net/web_socket`, `server/web`, `server/metrics`, `server/audit`, `store/retention.rs` with `store/clean_up.rs`, `client/p2p`, `texts`, and rooms
//! (`state_machine/apply/room.rs`).
//!
//! # Modules
//!
//! | module | holds | never does |
//! |---|---|---|
//! | [`limits`] | the limits and time-outs of protocol and quotas, and those that several files share | |
//! | [`signals`] | SIGINT and SIGTERM, as a channel | |
//! | [`record`] | the line codec: a record and its fields, on the wire and on disk | know what a field means |
//! | [`model`] | names, ids, messages, times: values that cannot be wrong once built | |
//! | [`text`] | texts that are laid out: in the cells of a terminal, and in XML | |
//! | [`log_lines`] | the form of a line of the log | |
//! | [`protocol`] | requests, replies, events; the protocol itself, as a text | sockets, files, rules of chatting |
//! | [`net`] | lines with deadlines, in frames of WebSockets too; listening, sending without waiting | meaning |
//! | [`texts`] | the texts in English, Spanish and Portuguese: phrases, words, times; ASCII for old terminals | import client or server |
//! | [`disk`] | the seam to files and directories; the tests have a disk that loses power | meaning |
//! | [`cluster`] | the log of several servers that are one, in etcd: entries, the leader's term, a thread that follows | sockets of clients, files of the store |
//! | [`trace`] | the recording side of a trace: each line that a process sends or receives | wait for its file |
//! | [`wal`] | the write-ahead log of server, client and bridge: batches, commit marks, replay | know what a line means |
//! | [`state_machine`] | decide, apply, query: mailboxes, rooms, receipts, presence, polls | IO, threads, locks, the clock |
//! | [`store`] | the server's files: checkpoint, recovery, history, retention, check, backup, restore | sockets |
//! | [`server`] | two ports, the same lines on a web port, logins, the router | |
//! | [`client`] | the client: link, state, app, full screen and line mode, direct chats | import server, state_machine or store |
//! | [`tools`] | clients for scripts: send, receive, list | import server, state_machine or store |
//! | [`bridge`] | a room joined with a chat of another network | import server, state_machine or store |
//! | [`settings`] | the settings file, as defaults of the command line | know a flag: clap does |
//! | [`course`] | tools of a course: they watch, disturb and grade programs that speak the protocol | import server, state_machine or client |
//! | [`cli`] | the command line, one file a command | |
//!
//! Imports point up in this table, without cycles; the client stands beside the server on `wal`, `protocol` and `net`.
//!
//! # Threads of the server
//!
//! | thread | owns | blocks on |
//! |---|---|---|
//! | router | the state machine, the log, every connection's output | its queue; the disk |
//! | one reader a connection | its input | its client; a full queue of the router (back-pressure) |
//! | straggler | what full socket buffers have refused | slow clients, up to the time-out |
//! | two for passwords | 19 MiB each | a login |
//! | two for history | a file that is being read | a request for old messages; users take turns |
//! | one for segments, one for checkpoints and clean-ups | files that no other thread writes | the router's order |
//! | at a start and for a checkpoint: up to four for tables, one for the log | what it parses | the thread that applies it |
//! | one for the free space of the disk, and the counted lines of the audit log | nothing | the next second |
//! | one listener a port | the listening socket | a connection |
//! | one for the administrator's socket, and one a command there | that connection | the command; the router's reply |
//! | metrics, with `--metrics`, and one a request there | its socket; it reads counters that others write | that request, up to its deadline |
//!
//! | one for the cluster, with `--cluster`: it follows the log of entries, or keeps the leader's lease | nothing of the store | etcd; the router's queue |
//!
//! Every queue between them is bounded, by a length or by one entry a connection. The client's threads are the sender,
//! the receiver, the terminal's input and the owner (`src/client/owner.rs`).
//!
//! # Promises
//!
//! 1. Durability: a message answered OK survives kill -9 and a power cut.
//! 2. Exactly-once delivery to the recipient's local history, by idempotent retries and acknowledged numbers.
//! 3. Total order: one sequence orders every event, for everybody.
//! 4. Monotonic states: RECEIVED, DELIVERED, READ, never back.
//! 5. KO means that it did not happen; no answer means: retry with the same id.
//! 6. Output commit: no reply, delivery or receipt leaves before the records that it depends on are durable. The one
//!    exception is harmless: the OK of a POLL, which may come before its acknowledgement is durable.
//! 7. Isolation: a slow, hostile or vanished client costs a bounded amount, and is cut off.
//! 8. Integrity: a torn tail is set aside; damage is reported with file and line. In the log or a checkpoint it stops
//!    the start; clients are told which message of the history is damaged.
//!
//! # What a request costs
//!
//! No request costs more because the store has more accounts, remembered ids, conversations, messages or rooms, but for the
//! logarithm of their number: each is found in a hash table or an ordered tree. A request costs more with what is in its
//! column (`tests/server/growth.rs` measures each beside a store with a hundred times as many of all of them):
//!
//! | request | grows with |
//! |---|---|
//! | `SEND` | its text; in a room with the members who are online, and those who have not read it for long |
//! | `READ` | in a room with the messages in its log that it marks |
//! | `STATUS` | its page; in a room with its members, up to 2,000 of them |
//! | `HISTORY` | its records; a message that only a file has is found by binary search |
//! | `ERASE` | in a room with its members |
//! | `CHATS` | its page, and the rooms of the user |
//! | `USERS`, `MEMBERS` | its page |
//! | `ROOMS` | its page, and the rooms and invitations of the user |
//! | `JOIN`, `LEAVE`, `KICK`, `OWNER`, `TOPIC`, `ROOM` | the members who are online; up to 1,000 entries of the room's log |
//! | `INVITE` | the invitations of the room, at most 1,000 |
//! | `PEER` | |
//! | `PERMIT` | those whom the user permits or refuses, at most 1,000 |
//! | `EMAIL`, `PASSWD` | `PASSWD`: the time of two hashes, on a thread of its own |
//! | `DEVICES`, `SESSIONS`, `LOGOUT` | the connections and devices of the user |
//! | `POLL` | its events; the rooms of the user; what it acknowledges |
//! | `PORT`, `KEY` | |
//! | `PING`, `HELP`, `SERVERS`, `QUIT` | the servers of a cluster |
//!
//! A login takes the time of a hash, or of a key's digest, and tells those who share a conversation or a small room with the user.
//! A start, a checkpoint and `wachat check` read everything.
//!
//! # Several servers as one
//!
//! With `serve --cluster` a batch of the write-ahead log is an *entry* of a log that etcd keeps on the disks of a majority of its
//! members, and has a head line with the hash of the entry before. One server leads:
//!
//! 1. `src/server/router/group_commit.rs`, `begin_entry`: the first record of a batch gets the head line before it.
//! 2. `src/server/router/cluster.rs`, `append_entry`: before the batch is written here, the router appends it to etcd.
//! 3. `src/cluster/term.rs`, `append`: one transaction compares the leader's key and the last entry. A time-out is no failure:
//!    the same bytes are put again until the outcome is known, or the term ends and the request gets no reply.
//! 4. `src/cluster/term.rs`, `confirm`: before replies leave that no entry stands for, a linearizable read of the leader's key.
//!    A leader that was stopped for a while would otherwise say KO to the retry of a message that another one has stored.
//!
//! The others stand by, with a store of their own, and send clients to the leader:
//!
//! 5. `src/cluster/member.rs`, `follow`: a thread asks for the entries after the last one, ten times a second.
//! 6. `src/server/router/group_commit.rs`, `apply_entry`: the router replays the records, and writes them as one batch.
//! 7. `src/cluster/member.rs`, `take_key`: without a leader one of them takes the key under a lease. Then it reads the log to its
//!    end: an append of a former leader is in it by then, or never will be. Only then it serves.
//!
//! At the end of a term the server part starts again, from its disk: what it had decided and could not append is forgotten. The
//! OK of a message means: on the disks of a majority of etcd's members, and of the leader.
//!
//! # Deliberately absent
//!
//! No consensus of our own: etcd's is used. No async runtime, no event loop for clients, no database, no lock around the state: one thread owns it. No
//! background flush: a sync comes before every OK. No message is deleted for want of space: the administrator sets an age
//! (`serve --keep`), or nothing goes.

pub mod bridge;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod course;
pub mod disk;
pub mod limits;
pub mod log_lines;
pub mod model;
pub mod net;
pub mod protocol;
pub mod record;
pub mod server;
pub mod settings;
pub mod signals;
pub mod state_machine;
pub mod store;
pub mod text;
pub mod texts;
pub mod tools;
pub mod trace;
pub mod wal;
