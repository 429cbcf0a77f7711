//! The limits, sizes and time-outs of the protocol, of the quotas, and those that several files or the tests share, with
//! unit and reason. A value that the protocol fixes names the section of the protocol page. A number that one file alone
//! uses stands there.

mod course;
mod monitoring;
mod web;

use std::time::Duration;

pub use course::*;
pub use monitoring::*;
pub use web::*;

// Names, lines and texts.

/// Longest line on the wire in bytes, its line feed included (protocol, section 2).
pub const LINE_BYTES: usize = 65_536;

/// Longest login line in bytes, its line feed included (protocol, section 3).
pub const LOGIN_BYTES: usize = 4_096;

/// Longest message text in bytes, as written in a record: with its escapes and quotes (protocol, section 2). The other
/// fields of the record have to fit into the rest of the line.
pub const TEXT_BYTES: usize = 60_000;

/// Longest user or room name, in code points after mapping (protocol, section 3).
pub const NAME_CHARS: usize = 32;

/// Longest topic of a room in bytes (protocol, section 5).
pub const TOPIC_BYTES: usize = 200;

/// Most invitations to a room, and most users who are kept out of it (protocol, section 5).
pub const ROOM_INVITATIONS: usize = 1_000;

/// Most invitations of a user (protocol, section 5).
pub const INVITATIONS_PER_USER: usize = 100;

/// Longest name of a device in bytes (protocol, section 3).
pub const DEVICE_NAME_BYTES: usize = 32;

/// Length of a device's key in bytes: 256 bits in base64url (protocol, section 6).
pub const DEVICE_KEY_BYTES: usize = 43;

/// Most named devices of a user (protocol, section 3).
pub const DEVICES: usize = 8;

/// Most servers that are one to their clients: in a SERVERS reply, and in what a client remembers (protocol, section 1).
pub const SERVERS: usize = 16;

/// Most events, and their bytes, that are kept for devices of one user alone (protocol, section 3).
pub const DEVICE_EVENTS: usize = 10_000;
pub const DEVICE_EVENT_BYTES: u64 = 64 << 20;

/// Time after which a device without a session is forgotten (protocol, section 3).
pub const KEEP_DEVICES: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Time between two looks for devices that are not to be kept.
pub const REVIEW_INTERVAL: Duration = Duration::from_secs(3_600);

/// Longest message id in bytes (protocol, section 5).
pub const ID_BYTES: usize = 64;

/// Shortest password, in characters (protocol, section 3).
pub const PASSWORD_CHARS: usize = 8;

/// Longest e-mail address in bytes (RFC 5321, section 4.5.3.1.3).
pub const EMAIL_BYTES: usize = 254;

/// Longest password hash in bytes that the administrator hands over: several times the length of one that wachat makes.
pub const PASSWORD_HASH_BYTES: usize = 512;

/// End of the range of sequence numbers: 2^53, so that a double holds each of them exactly (protocol, section 2).
pub const SEQ_END: u64 = 1 << 53;

// Time-outs and replies of the protocol.

/// Network time-out (protocol, section 1).
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Range of `serve --timeout`, in seconds.
pub const TIMEOUT_SECONDS: std::ops::RangeInclusive<u64> = 5..=300;

/// Lowest rate, in bytes a second, at which a client takes a reply (protocol, section 1). Slower than any modem; at this
/// rate the longest reply takes five minutes.
pub const REPLY_RATE: usize = 1 << 10;
/// Time-outs by which a client may be behind that rate before it is cut off (protocol, section 1): one for a client that
/// takes nothing for a time, and one since the systems of both sides hand bytes over in lumps, of up to 64 KiB between
/// two large buffers.
pub const REPLY_TIMEOUTS: u32 = 2;

/// Difference between the network time-out and the longest wait of a POLL: the reply arrives before a client with the
/// same time-out gives up (protocol, section 6).
pub const POLL_MARGIN: Duration = Duration::from_secs(1);

/// Events in one reply to POLL, unless the request names a number (protocol, section 6).
pub const POLL_EVENTS: usize = 100;
/// Most events in one reply to POLL.
pub const MAX_POLL_EVENTS: usize = 1_000;

/// Records in one reply to HISTORY, unless the request names a number (protocol, section 5).
pub const HISTORY_RECORDS: usize = 50;
/// Most records in one reply to HISTORY.
pub const MAX_HISTORY_RECORDS: usize = 1_000;

/// Most records in one reply to USERS, ROOMS, MEMBERS, CHATS or STATUS, and their number unless the request names one
/// (protocol, section 4).
pub const PAGE_RECORDS: usize = 1_000;

/// Size in bytes at which a list reply stops growing (protocol, section 4: "about 256 KiB").
pub const REPLY_BYTES: usize = 256 << 10;

// Quotas of the server.

/// Most direct messages in a user's mailbox: the default of `serve --queue` (protocol, section 7).
pub const QUEUE: usize = 10_000;
/// Most of those from one sender: the default of `serve --queue-per-sender`.
pub const QUEUE_PER_SENDER: usize = 1_000;
/// Most MiB of them, as they are in a reply, with 256 bytes for what is beside each text: the default of
/// `serve --queue-mib`. About a thousand of the longest messages.
pub const QUEUE_MIB: u32 = 64;
/// Most MiB of those from one sender: the default of `serve --queue-mib-per-sender`. An eighth: eight senders of the
/// longest messages fill a mailbox.
pub const QUEUE_MIB_PER_SENDER: u32 = 8;

/// Most MiB, counted in the same way, that one user stores a day: the default of `serve --mib-per-day`. More than a
/// person types in a life, and 4,000 of the longest messages.
pub const MIB_PER_DAY: u32 = 256;
/// Times that limit is the default of `serve --room-mib-per-day`: above 1, so that one user cannot shut a room.
pub const ROOM_DAY_FACTOR: u64 = 4;

/// Most messages of one room that are kept for a member; a member who is further behind gets a GAP (protocol,
/// section 7).
pub const ROOM_BACKLOG: usize = 10_000;

/// Size of the largest room whose joins and leaves are reported to its members (protocol, section 7): in a larger one
/// they would be most of the traffic.
pub const ROOM_PRESENCE: usize = 200;

/// Most rooms of one user: each POLL looks at all of them.
pub const ROOMS_PER_USER: usize = 1_000;

/// Most rooms that one account has created and that exist, or have a history that invited users have left: the default of
/// `serve --rooms-per-creator`. A course has fewer groups.
pub const ROOMS_PER_CREATOR: usize = 20;

/// Most users whom one user lets call, or refuses (protocol, section 5): as many as a page has.
pub const PERMITS: usize = PAGE_RECORDS;

/// Time for which a callee is told of a caller once (protocol, section 7), and most callers of whom it is told in it.
pub const CALL_MEMORY: Duration = Duration::from_secs(3_600);
pub const TOLD_CALLS_PER_CALLEE: usize = 20;
/// Most calls of which all callees together are told in that time: to look at all takes some microseconds.
pub const TOLD_CALLS: usize = 10_000;

/// Most rooms on one server: each takes memory as long as it exists.
pub const ROOMS: usize = 100_000;

/// Most transient events (those without a number) queued for a session; the oldest are dropped (protocol, section 7).
pub const TRANSIENT_EVENTS: usize = 1_000;

/// Message ids remembered for each sender, for duplicate suppression (protocol, section 5).
pub const REMEMBERED_IDS: usize = 1_024;

/// Tokens that a user gets in a second (protocol, section 4): the default of `serve --rate`. A token is at
/// most 12 microseconds of the router (a SEND with a batch of its own; in a full batch it takes 1.2), so no user takes
/// more than 1.2% of it for long. A script that waits for each OK seldom sends as many messages.
pub const RATE: u32 = 1_000;
/// Lowest value of `serve --rate`: a person who types and a client that lists users and rooms at its start need less.
pub const MIN_RATE: u32 = 50;

/// Bytes of requests, and of replies on the SEND port, that a user may cause in a second: the default of
/// `serve --rate-bytes`.
pub const RATE_BYTES: u32 = 4 << 20;
/// Lowest value of `serve --rate-bytes`: two longest lines.
pub const MIN_RATE_BYTES: u32 = 128 << 10;

/// Contents of a full bucket, as the time that fills it: with the defaults 20,000 messages at once, which is any exercise
/// of a course, or 80 MiB.
pub const RATE_BURST: Duration = Duration::from_secs(20);

/// Debt of an empty bucket, as the time that ends it: what a reply costs is known only when it is written.
pub const RATE_DEBT: Duration = Duration::from_secs(2);

/// Bytes of the reply to a POLL that cost one token more: to encode as many takes as long as a SEND.
pub const POLL_TOKEN_BYTES: usize = 64 << 10;
/// Events of it that cost one token more: 0.15 to 0.5 microseconds each, to collect and to encode.
pub const POLL_TOKEN_EVENTS: usize = 25;
/// Rooms of the user that cost one token more where a POLL looks for events in them: 0.2 microseconds each. Also the
/// contacts that are looked for when a session begins or ends.
pub const TOKEN_ROOMS: usize = 100;

/// Tokens of a login on the RECV port: a record at its begin and at its end. Telling the contacts costs more.
pub const SESSION_TOKENS: usize = 20;

/// Bytes that are read from history files for one token, and the least that is counted for a read. To parse 4 KiB of rows
/// takes some 20 microseconds, a read without them 3.
pub const READ_TOKEN_BYTES: usize = 4 << 10;
pub const MIN_READ_BYTES: usize = 1 << 10;

/// Pause of a reader thread after a request whose user is above the rate: a client that goes on all the same has at most
/// [`PIPELINE`] requests refused in this time, on each of its connections.
pub const RATE_PAUSE: Duration = Duration::from_millis(250);

// Connections, queues and threads of the server.

/// Most unanswered requests of one SEND connection. Above it the reader stops reading (back-pressure).
pub const PIPELINE: usize = 512;

/// Most bytes of those requests: more than a pipeline of usual messages, less than 512 of the longest.
pub const PIPELINE_BYTES: usize = 1 << 20;

/// Most queued logins from one address: more than a class behind one address has after a restart of the server.
pub const AUTH_QUEUE_PER_ADDRESS: usize = 256;

/// Most logins that are set aside, since they wait after failures, or their clients have closed their side; and most of one
/// address. They are kept apart, so that logins that wait for minutes take no place of those that take a moment.
pub const AUTH_ASIDE: usize = 512;
pub const AUTH_ASIDE_PER_ADDRESS: usize = 16;

/// Most networks that take turns at the auth threads, of those with a trusted address and of others: IPv4 addresses, and
/// IPv6 networks of 48 bits.
///
/// They make the longest wait behind others. A verification takes 20 to 40 milliseconds, and there are [`AUTH_THREADS`]. A
/// login from an address that is not trusted waits for one task of each other network, and as long as there are trusted
/// logins, too, has one turn in [`AUTH_TURNS`]: 100 * 3 * 40 ms / 2 = 6 s, or 3 s on a fast machine; a trusted one waits
/// 100 * 3/2 * 40 ms / 2 = 3 s. After its own address it waits for 256 tasks at most, which take 256 * 40 ms / 2 = 5 s if
/// nobody else exists. One network more is refused at once; a login from a network that has turns is not.
pub const AUTH_NETWORKS: usize = 100;

/// Turns of which one belongs to the networks that are not trusted, and to registrations from whatever address. The others
/// belong to passwords from addresses that have shown a right one.
pub const AUTH_TURNS: u64 = 3;

/// Failed logins after which an address waits for that name, and for any (protocol, section 3). The second: a class of 70
/// behind one address, in which each mistypes the password four times, still logs in.
pub const FAILURES_PER_NAME: usize = 5;
pub const FAILURES_PER_ADDRESS: usize = 300;
/// The first wait; each further failure doubles it up to [`MAX_FAILURE_WAIT`].
pub const FAILURE_WAIT: Duration = Duration::from_secs(1);
pub const MAX_FAILURE_WAIT: Duration = Duration::from_secs(60);
/// Time after which failures are forgotten.
pub const FAILURE_MEMORY: Duration = Duration::from_secs(3_600);
/// Most addresses, and addresses with a name, whose failures are remembered.
pub const FAILED_LOGINS: usize = 10_000;

/// Threads that verify passwords: each uses 19 MiB while it does.
pub const AUTH_THREADS: usize = 2;

/// Most connections at once. Each has a thread. Fewer where the system limits open files.
pub const CONNECTIONS: usize = 16_384;
/// Most connections at once from one address, and most of those that have not logged in.
pub const CONNECTIONS_PER_ADDRESS: usize = 8_192;
pub const STRANGERS_PER_ADDRESS: usize = 1_024;
/// Most connections at once from a banned address: each is told of the ban at its login line, and has a thread until then.
pub const BANNED_PER_ADDRESS: usize = 8;

/// Most logged-in connections of one user on the SEND port (protocol, section 1): an interactive client, its pipes, and
/// some scripts.
pub const CONNECTIONS_PER_USER: usize = 16;

/// Open files that are kept for the store and the system: segments, checkpoints, history.
pub const RESERVED_FILES: usize = 128;

/// Stack of a reader thread in bytes. Only the pages that it touches are resident.
pub const CONNECTION_STACK: usize = 128 << 10;

/// Most bytes that a peer sends under TLS before a byte of the protocol is among them: a handshake with a long chain of
/// certificates, or the longest record (16 KiB). rustls keeps as many; by itself it would keep 64 KiB of a handshake.
pub const TLS_BYTES_SINCE_PLAINTEXT: usize = 32 << 10;

/// Longest lingering close: input is discarded before a close, so that a reset does not destroy the last reply
/// (protocol, section 1).
pub const LINGER: Duration = Duration::from_millis(500);

// Administration while the server runs.

/// Most administrator's commands at once. Each has a thread, up to [`CONTROL_TIMEOUT`].
pub const CONTROL_CONNECTIONS: usize = 8;
/// Time in which a command has to hand over its request, and to take the reply.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);
/// Most accounts that one import creates while a server runs. They become one batch, which has to fit into a segment, and
/// take the router some tens of milliseconds.
pub const IMPORT_ACCOUNTS: usize = 5_000;

/// Most bans. The reader of each new connection looks at all those of addresses: a microsecond.
pub const BANS: usize = 1_000;
/// Longest reason of a ban, and longest announcement, in bytes.
pub const SHORT_TEXT_BYTES: usize = 1_000;

// The write-ahead log and checkpoints.

/// Commit deadline of a batch that no client is blocked on (protocol, section 6: the OK of a POLL).
pub const COMMIT_DELAY: Duration = Duration::from_millis(5);

/// Delay after a failed attempt to create a segment or a checkpoint.
pub const DISK_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Size of a segment in bytes: small enough that a new server starts at once, large enough that segments are rare.
pub const SEGMENT_BYTES: u64 = 4 << 20;

/// Smallest segment, in bytes, of the log of a client or a bridge: larger than the longest record, and written in an
/// instant by a script that sends one message. A segment is as large as the log before it, from this size up to
/// [`MAX_SMALL_SEGMENT_BYTES`].
pub const SMALL_SEGMENT_BYTES: u64 = 64 << 10;
/// Largest segment of those, in bytes: a little more than is written between two checkpoints.
pub const MAX_SMALL_SEGMENT_BYTES: u64 = CLIENT_CHECKPOINT_BYTES + (128 << 10);

/// Bytes of closed segments that lead to a checkpoint; a quarter of them does while the server is quiet, but no less than the
/// last checkpoint has: only the checkpoints of a large store cost more writing than the log. They bound the time of a recovery,
/// and the messages that memory holds because no history file has them yet.
pub const CHECKPOINT_BYTES: u64 = 64 << 20;

/// Times those bytes that closed segments have at most while a checkpoint is being made. There the router waits for it
/// (back-pressure), and if it fails refuses what needs a record: a flood must not fill memory and disk.
pub const UNCOVERED_FACTOR: u64 = 2;

/// Time between two clean-ups, which remove what is older than `serve --keep`; the first is at the start.
pub const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(24 * 3_600);
/// Time after which a message is taken back by the owner of its room alone (protocol, section 5).
pub const ERASE_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// Most events of messages that were taken back which are kept for a user, of direct conversations, and for the members of a
/// room (protocol, section 7).
pub const ERASED_EVENTS: usize = 1_000;
/// Most entries of messages that were taken back, and have yet to leave the history files: of a conversation, and of all
/// (protocol, section 5). Each takes some 100 bytes of memory.
pub const UNFILED_ERASURES: usize = 10_000;
pub const ALL_UNFILED_ERASURES: usize = 100_000;
/// Longest time until a clean-up takes the texts that were taken back out of the files: half of what the protocol promises.
pub const ERASE_DELAY: Duration = Duration::from_secs(12 * 3_600);
/// Number of entries that is a reason for a clean-up before that time, and the time between two for this reason.
pub const MANY_ERASURES: usize = 1_000;
pub const ERASE_PAUSE: Duration = Duration::from_secs(10 * 60);
/// Bytes of history that one step of a clean-up rewrites, before the last file of it: about a second. Each step is part of
/// a checkpoint; between two of them others are made.
pub const CLEAN_UP_BYTES: u64 = 64 << 20;

/// Free space in MiB below which nothing is stored: the default of `serve --disk-floor`. A checkpoint writes as many bytes
/// as the log has, which are given back when it is made.
pub const DISK_FLOOR_MIB: u32 = 256;

/// Longest record of the log in bytes: a message with the longest text, its names, id and numbers.
pub const RECORD_BYTES: usize = TEXT_BYTES + 2_048;

/// Most acknowledgements of one record.
pub const ACKNOWLEDGEMENTS: usize = 1_000;

/// Longest record of acknowledgements in bytes: 64, and for each a separator, a number of 16 digits, a point and a device of
/// one digit, a colon and an account of 10 digits.
const ACKNOWLEDGED_BYTES: usize = 64 + 30 * ACKNOWLEDGEMENTS;

/// Most bytes that one command adds to a batch: the acknowledgements that were noted before it, and its own records, which
/// together are no longer than the longest message. The router reserves them in the segment before each command; an import
/// of accounts reserves its own beside them.
pub const COMMAND_BYTES: usize = ACKNOWLEDGED_BYTES + RECORD_BYTES;

/// Size in bytes at which a batch is committed, so that its first record is not delayed by later ones.
pub const BATCH_BYTES: usize = 1 << 20;

/// The same of a batch that is an entry of a cluster's log: with the rest of its last command it is well below the 1.5 MiB
/// that etcd takes in one request.
pub const ENTRY_BYTES: usize = 512 << 10;

/// Length in bytes of a cluster's log above which two servers that have an entry in a checkpoint are enough to remove it.
pub const LOG_BYTES: u64 = 256 << 20;

/// Length in bytes of a cluster's log at which nothing more is stored: the servers have not made the checkpoints that would
/// let entries go.
pub const FULL_LOG_BYTES: u64 = LOG_BYTES + CHECKPOINT_BYTES;

// The client.

/// First delay before the client connects again; each failure doubles it up to [`MAX_RETRY_DELAY`]. Short for a server
/// that was restarted.
pub const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Longest delay between two attempts: for a server that is down.
pub const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// Delays that stay the first while none of several servers is there: some three times as long as the servers take to agree
/// on the next one.
pub const EVEN_RETRY_DELAYS: u32 = 10;

/// Time-out of a connection to one of several servers: another one may be there.
pub const CONNECT_TIMEOUT_OF_SEVERAL: Duration = Duration::from_secs(3);

/// First delay after `RATE`, `QUOTA` or `FULL`; each doubles it up to [`MAX_RETRY_DELAY`]. At the lowest rate
/// ([`MIN_RATE`]) it is the time of a dozen messages.
pub const MIN_HOLD_DELAY: Duration = Duration::from_millis(250);

/// Most tries of a request that is refused by `RATE`: with the delays between them some 4 seconds, in which even the
/// lowest rates let a list or a page of the history pass.
pub const RATE_TRIES: u32 = 5;

/// Idle time after which the client closes its SEND connection: below the shortest `serve --timeout`, and long enough
/// that a user who types line after line logs in once.
pub const SEND_IDLE: Duration = Duration::from_secs(2);

/// Seconds that the client lets a POLL wait: allowed with every `serve --timeout`, and short enough to notice a dead
/// connection soon.
pub const POLL_WAIT_SECONDS: u64 = 4;

/// Length of the owner thread's queue of events. While it is full the receiver stops reading, and so the server stops
/// sending.
pub const CLIENT_EVENTS: usize = 256;

/// Most messages in an outbox. Further ones are refused with an error.
pub const OUTBOX_MESSAGES: usize = 10_000;
/// Most bytes of those, with [`ROW_BYTES`] for each beside its text: 278 of the longest messages, or 10,000 of 1,400 bytes.
/// They are in memory, and each checkpoint of the client writes all of them. Messages that another program of the user has
/// left, or an older version, are taken in beyond both limits.
pub const OUTBOX_BYTES: usize = 16 << 20;

/// Most conversations of a client: each takes about a kilobyte in memory and in each checkpoint, whoever names it. More
/// people than one person writes with. Of a further one the messages stay with the server.
pub const CONVERSATIONS: usize = 10_000;

/// Most messages of piped input that are read before the server has answered them.
pub const PIPE_AHEAD: usize = 64;

/// Ports for direct chats: the first free one is used (protocol, section 8).
pub const DIRECT_PORTS: std::ops::RangeInclusive<u16> = 9_000..=9_099;

/// Lifetime of a token of a direct chat (protocol, section 8).
pub const TOKEN_LIFE: Duration = Duration::from_secs(30);

/// Most of those from one address, so that it keeps nobody else out: a group of a class behind one address.
pub const CALLERS_PER_ADDRESS: usize = 8;

/// Longest time that a caller waits until the user accepts: nobody is at that terminal.
pub const CALL_TIME: Duration = Duration::from_secs(600);
/// Time without an answer to the first message of a call after which the caller is told that it waits: longer than a slow
/// disk takes.
pub const CALL_NOTICE: Duration = Duration::from_secs(2);

/// Most MiB that a client stores from one peer of direct chats in a day (protocol, section 8): as many as may wait in a
/// mailbox from one sender. A fast typist writes a twentieth of it in a day; the files of the client are never cleaned up.
pub const DIRECT_MIB_PER_DAY: usize = 8;

/// Most unconfirmed lines of a direct chat.
pub const DIRECT_LINES: usize = 64;

/// Bytes of a client's log after which it makes a checkpoint: a start replays so much, in some milliseconds.
pub const CLIENT_CHECKPOINT_BYTES: u64 = 1 << 20;

/// Bytes of messages, the newest, that the client keeps in memory from one checkpoint to the next. Its log holds all of them.
pub const CLIENT_ROWS_BYTES: usize = 1 << 20;

/// Bytes of messages at which a start removes old ones from memory while it replays a long log.
pub const CLIENT_REPLAY_BYTES: usize = 8 << 20;

/// Most bytes of the texts of the events that the client holds back while it joins a room.
pub const HELD_BYTES: usize = 8 << 20;

/// Ranges of rows of a conversation that the client keeps in memory as taken back.
pub const ERASURES_KEPT: usize = 10_000;

/// Messages that were taken back after which the client removes their texts from its log, however short that is.
pub const ERASURES_IN_LOG: usize = 1_000;

/// Messages of a conversation after which the client compares its history with the server's again.
pub const UNCOMPARED_ROWS: usize = 500;

/// Most bytes that the client fetches to complete its history after one comparison: about 30,000 short messages. The rest
/// stays on the server.
pub const COMPLETION_BYTES: usize = 8 << 20;
/// Bytes that are counted for each of those messages beside its text.
pub const ROW_BYTES: usize = 256;
/// Messages of a conversation that is new here, at a new machine, that are fetched at least, if there are as many.
pub const NEW_CONVERSATION_ROWS: usize = 1_000;
/// Most conversations that are completed with a line for each.
pub const COMPLETION_LINES: usize = 5;

/// Messages that `/history` shows, unless the user names a number.
pub const CONVERSATION_SHOWN: usize = 20;

/// Most pipes of one user at once, beside an interactive client. Each has a directory.
pub const CLIENT_PIPES: usize = 8;

/// Most unanswered queries of a client (`/users`, `/status`).
pub const CLIENT_QUESTIONS: usize = 16;

/// Most users of whom a client remembers whether they are online, and so of each list of users in the background.
pub const PRESENCE_USERS: usize = 10_000;
/// Most users that are named when the client connects.
pub const PRESENCE_NAMES: usize = 10;
/// Time in which a user who went offline may be back without a line about it: longer than the first two delays of a
/// client that reconnects.
pub const RECONNECT_GRACE: Duration = Duration::from_secs(3);
/// Most conversations that this line names.
pub const ABSENCE_NAMES: usize = 5;

/// Time after a failed `/p2p` or `/join` in which a line was typed for the conversation that did not come about, as by a
/// paste: nobody reads an error and writes an answer in it.
pub const HASTY: Duration = Duration::from_millis(1_500);

/// Most results of `/search`, the newest ones: a screen or two.
pub const SEARCH_RESULTS: usize = 50;

/// Most bytes of one list reply that the client reads: [`REPLY_BYTES`], 1,000 records of the longest names and the longest
/// text take about two thirds.
pub const LIST_BYTES: u64 = 1 << 20;
/// Most bytes of all pages of a list that the client reads: those of 300,000 users with names of usual length.
pub const PAGES_BYTES: u64 = 16 << 20;

/// Time without progress after which a pipe ends and leaves the rest in the outbox: longer than the restart of a
/// server.
pub const PIPE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that `/quit` waits for unanswered requests.
pub const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest line of keyboard input in bytes: the longest message, and the command before it.
pub const TYPED_BYTES: usize = LINE_BYTES;

/// Most lines of a pasted text that is inserted without a question.
pub const PASTE_LINES: usize = 20;

/// Characters of a message that are repeated in the line that shows its state.
pub const SNIPPET_CHARS: usize = 40;

// The commands for scripts.

/// First delay between two STATUS requests of `send --wait`; each doubles it up to [`MAX_STATUS_DELAY`].
pub const MIN_STATUS_DELAY: Duration = Duration::from_millis(50);
/// Longest delay between two STATUS requests: below [`SEND_IDLE`], so that one login is enough.
pub const MAX_STATUS_DELAY: Duration = Duration::from_millis(1_600);

// The bridge.

/// Longest text of a Telegram message, in UTF-16 code units (Bot API, sendMessage: "1-4096 characters").
pub const TELEGRAM_TEXT: usize = 4_096;

/// Longest pause that the bridge makes when Telegram asks for one, then it tries again: a number in a response must not
/// stop the bridge for years.
pub const TELEGRAM_PAUSE: Duration = Duration::from_secs(900);

/// Most messages of the room that are carried to Telegram after an absence of the bridge: the newest. Telegram takes
/// about twenty a minute.
pub const BRIDGE_CATCH_UP: usize = 100;
