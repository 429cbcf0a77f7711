//! The limits of the course's tools.

use std::time::Duration;

use super::PIPELINE_BYTES;

// The trace.

/// Bytes of a line that an entry of a trace holds; of a longer one the rest is left out.
pub const TRACE_LINE_BYTES: usize = 8_192;

/// Bytes of entries that wait to be written to a trace; those beyond it are dropped and counted.
pub const TRACE_QUEUE_BYTES: usize = 4 << 20;

/// Largest trace file: beyond it entries are dropped and counted. A class of 60 writes some MiB an hour.
pub const TRACE_FILE_BYTES: u64 = 1 << 30;

/// Time in which a process that ends waits for its trace to be written.
pub const TRACE_FINISH: Duration = Duration::from_secs(1);

/// Entries of all traces together that `wachat trace` reads.
pub const TRACE_ENTRIES: usize = 100_000;

/// Bytes of these entries.
pub const TRACE_READ_BYTES: usize = 64 << 20;

/// Longest line of a trace file: an entry, with everything in its line escaped.
pub const TRACE_RECORD_BYTES: usize = 6 * TRACE_LINE_BYTES + 1_024;

/// Rows of a diagram that `wachat trace` draws.
pub const TRACE_ROWS: usize = 5_000;

/// Most numbers in all vector clocks of a log for ShiViz, some 40 MB of text: with many processes the clocks take far more
/// than the steps.
pub const TRACE_CLOCK_NUMBERS: usize = 2_000_000;

// The proxy of `wachat chaos`.

/// Most connections through the proxy at a time: each has two threads, two sockets and two lines.
pub const CHAOS_CONNECTIONS: usize = 256;

/// Most users whose connections are counted; those of others count as connections without a name.
pub const CHAOS_USERS: usize = 10_000;

/// Most rules, and most bytes of a file of rules.
pub const CHAOS_RULES: usize = 1_000;
pub const CHAOS_RULES_BYTES: u64 = 256 << 10;

/// Longest delay or hold of a record.
pub const CHAOS_WAIT: Duration = Duration::from_secs(600);

/// Most decisions in a log, and so in a replay: some 100 bytes each. Beyond that a proxy disturbs nothing more.
pub const CHAOS_DECISIONS: usize = 100_000;
/// Most bytes of a log that is replayed.
pub const CHAOS_LOG_BYTES: u64 = 64 << 20;

/// Most requests of a connection that wait for their replies, and most bytes of the SENDs among them; beyond that the
/// proxy reads no more, as a server does.
pub const CHAOS_PENDING: usize = 1_024;
pub const CHAOS_PENDING_BYTES: usize = PIPELINE_BYTES;

/// Most bytes of answered SENDs that are remembered, to be sent again and to compare their answers.
pub const CHAOS_ANSWERS_BYTES: usize = 8 << 20;

/// Most decisions that wait to be shown; beyond that they are only counted.
pub const CHAOS_SHOWN: usize = 1_024;

/// Of each line that is split, this many bytes come one by one: more shows nothing new, and takes long.
pub const CHAOS_SPLIT_BYTES: usize = 400;

// A class.

/// Most groups of a class: each has a server of some 20 threads.
pub const CLASS_GROUPS: u16 = 200;

/// Most students of a class.
pub const CLASS_STUDENTS: usize = 5_000;

/// First port of a class; a group has two.
pub const CLASS_PORT: u16 = 7_000;

/// Limits of the servers of a class, as options of `wachat serve`: many servers share a machine, and people type.
pub const CLASS_SERVE: &[&str] = &[
    "--queue=2000",
    "--queue-per-sender=500",
    "--queue-mib=16",
    "--queue-mib-per-sender=4",
    "--mib-per-day=16",
    "--rate=200",
    "--rate-bytes=1048576",
];

/// Longest time in which the servers of a class start, and stop.
pub const CLASS_START: Duration = Duration::from_secs(60);
pub const CLASS_STOP: Duration = Duration::from_secs(30);

/// Time between two looks of the score board, and between two attempts to reach the servers of the groups: a student's
/// server may take one client at a time.
pub const BOARD_PAUSE: Duration = Duration::from_secs(2);
pub const BOARD_KNOCK: Duration = Duration::from_secs(10);

/// Longest wait for a connection to the server of a group.
pub const BOARD_CONNECT: Duration = Duration::from_millis(800);

// The judge of clients.

/// Entries of the time line of one test.
pub const JUDGE_MOMENTS: usize = 5_000;

/// Most bytes of a client's output that are looked at, and the longest line: a text of 60,000 bytes, and what stands before it.
pub const JUDGE_OUTPUT_BYTES: usize = 16 << 20;
pub const JUDGE_LINE_BYTES: u64 = 256 << 10;

/// Most connections of a client at a time.
pub const JUDGE_CONNECTIONS: usize = 256;

/// Longest wait of a POLL that the judge answers, in seconds.
pub const JUDGE_POLL_SECONDS: u64 = 9;
