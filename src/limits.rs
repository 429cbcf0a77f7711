//! Every limit, size and time-out, with its reason. What the protocol fixes says so.

use std::time::Duration;

/// Longest line on the wire, its line feed included (protocol, section 2).
pub const LINE_BYTES: usize = 65_536;

/// Longest message text as it is written in a record: with its escapes and the quotes it needs
/// (protocol, section 2). The rest of the line has to fit around it.
pub const TEXT_BYTES: usize = 60_000;

/// Longest user or room name, in code points after mapping (protocol, section 3).
pub const NAME_CHARS: usize = 32;

/// Longest message id (protocol, section 5).
pub const ID_BYTES: usize = 64;

/// Shortest password, in characters (protocol, section 3).
pub const PASSWORD_CHARS: usize = 8;

/// Longest e-mail address (RFC 5321, section 4.5.3.1.3).
pub const EMAIL_BYTES: usize = 254;

/// Numbers stay below 2^53, so that programs whose numbers are doubles can count along
/// (protocol, section 2).
pub const SEQ_END: u64 = 1 << 53;

/// How long anybody is waited for (protocol, section 1), and the range of `serve --timeout`.
pub const TIMEOUT: Duration = Duration::from_secs(10);
pub const TIMEOUT_SECONDS: std::ops::RangeInclusive<u64> = 5..=300;

/// A poll waits one second less than the time-out, so that its answer arrives before a client
/// that allows itself the same time gives up (protocol, section 6).
pub const POLL_MARGIN: Duration = Duration::from_secs(1);

/// `POLL`: events in one reply (protocol, section 6).
pub const POLL_EVENTS: usize = 100;
pub const POLL_EVENTS_MOST: usize = 1_000;

/// `HISTORY`: records in one reply (protocol, section 5).
pub const HISTORY_RECORDS: usize = 50;
pub const HISTORY_RECORDS_MOST: usize = 1_000;

/// A list reply stops growing here (protocol, section 4: "about 256 KiB").
pub const REPLY_BYTES: usize = 256 << 10;

/// Direct messages that wait for one user, and of those from one sender (protocol, section 7).
pub const QUEUE: usize = 10_000;
pub const QUEUE_PER_SENDER: usize = 1_000;

/// Events without a number that wait for a connected user; the oldest go first (protocol, section 7).
pub const FLEETING_EVENTS: usize = 1_000;

/// Ids remembered for each sender (protocol, section 5).
pub const REMEMBERED_IDS: usize = 1_024;

/// The lowest `serve --rate`, in messages a second (protocol, section 4).
pub const RATE_LEAST: u32 = 50;

/// Requests of one SEND connection that are under way at once. More stay in the socket: that is
/// how a client that does not read its replies is slowed down.
pub const PIPELINE: usize = 512;

/// Inputs that wait for the router. A full queue holds the connection threads, and so the sockets.
pub const ROUTER_QUEUE: usize = 4_096;

/// Logins that wait for the two threads that verify passwords (each takes tens of milliseconds).
pub const AUTH_QUEUE: usize = 256;
pub const AUTH_THREADS: usize = 2;

/// Connections at once, and of those from one address. Each is a thread.
pub const CONNECTIONS: usize = 16_384;
pub const CONNECTIONS_PER_ADDRESS: usize = 8_192;

/// Stack of a connection's thread. Only what it touches is resident.
pub const CONNECTION_STACK: usize = 128 << 10;

/// What a connection reads at once while it is idle; a long line makes its buffer grow.
pub const READ_BYTES: usize = 1 << 10;

/// Before a close the server takes in what has already come, for at most this long and this much,
/// so that its last line is not lost to a reset (protocol, section 1).
pub const LINGER: Duration = Duration::from_millis(500);
pub const LINGER_BYTES: usize = 1 << 20;

/// How long a stopping server waits for its connections to take their last line.
pub const STOP_PATIENCE: Duration = Duration::from_millis(1_000);

/// How long a record that nobody waits for may wait for company before it is synced.
pub const LAZY_SYNC: Duration = Duration::from_millis(5);

/// How long after a failed attempt to make a segment, or a checkpoint, the next one comes.
pub const RETRY_DISK: Duration = Duration::from_secs(1);

/// A journal segment's size: small enough that a fresh server starts at once, large enough that
/// making the next one is rare.
pub const SEGMENT_BYTES: u64 = 4 << 20;

/// A checkpoint is made when the closed segments hold this much, and at least as much as the last
/// checkpoint (so that writing checkpoints never costs more than writing the journal).
pub const CHECKPOINT_BYTES: u64 = 16 << 20;

/// The longest record of the journal: a message of the longest text, its names, id and numbers.
pub const RECORD_BYTES: usize = TEXT_BYTES + 2_048;

/// A batch is closed when it holds this much, so that the first in it is not kept waiting.
pub const BATCH_BYTES: usize = 1 << 20;
