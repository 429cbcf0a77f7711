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
pub const MAX_POLL_EVENTS: usize = 1_000;

/// `HISTORY`: records in one reply (protocol, section 5).
pub const HISTORY_RECORDS: usize = 50;
pub const MAX_HISTORY_RECORDS: usize = 1_000;

/// A list reply stops growing here (protocol, section 4: "about 256 KiB").
pub const REPLY_BYTES: usize = 256 << 10;

/// Direct messages that wait for one user, and of those from one sender (protocol, section 7).
pub const QUEUE: usize = 10_000;
pub const QUEUE_PER_SENDER: usize = 1_000;

/// Messages of a room that wait for a member at most; who is further behind gets a GAP (protocol,
/// section 7).
pub const ROOM_BACKLOG: usize = 10_000;

/// The most members a room has whose comings and goings are told (protocol, section 7): beyond it
/// they would be most of what there is to tell.
pub const ROOM_PRESENCE: usize = 200;

/// Rooms that one user is in at most: each poll looks at all of them.
pub const ROOMS_PER_USER: usize = 1_000;

/// Rooms on one server at most: each takes a little memory, for ever.
pub const ROOMS: usize = 100_000;

/// Transient events (those without a number) queued for an online user; the oldest are dropped (protocol, section 7).
pub const TRANSIENT_EVENTS: usize = 1_000;

/// Ids remembered for each sender (protocol, section 5).
pub const REMEMBERED_IDS: usize = 1_024;

/// The lowest `serve --rate`, in messages a second (protocol, section 5).
pub const MIN_RATE: u32 = 50;

/// Requests of one SEND connection that are under way at once. More stay in the socket: that is
/// how a client that does not read its replies is slowed down.
pub const PIPELINE: usize = 512;

/// Bytes of those requests: far more than a pipeline of usual messages, far less than 512 of the longest.
pub const PIPELINE_BYTES: usize = 1 << 20;

/// Threads that read history files.
pub const HISTORY_THREADS: usize = 2;

/// Inputs that wait for the router. A full queue holds the connection threads, and so the sockets.
pub const ROUTER_QUEUE: usize = 4_096;

/// Logins that wait for the two threads that verify passwords (each takes tens of milliseconds).
pub const AUTH_QUEUE: usize = 256;

/// Of those, from one address: whoever tries passwords by the thousand keeps nobody else waiting for
/// more than about a second.
pub const AUTH_QUEUE_PER_ADDRESS: usize = 64;

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
pub const STOP_TIMEOUT: Duration = Duration::from_millis(1_000);

/// How long a record that nobody waits for may wait for company before it is synced.
pub const COMMIT_DELAY: Duration = Duration::from_millis(5);

/// How long after a failed attempt to make a segment, or a checkpoint, the next one comes.
pub const RETRY_DISK: Duration = Duration::from_secs(1);

/// A write-ahead log segment's size: small enough that a fresh server starts at once, large enough that
/// making the next one is rare.
pub const SEGMENT_BYTES: u64 = 4 << 20;

/// The least size of a segment in the log of a client or a bridge: more than the longest record, and written in an
/// instant by a script that sends one message. A segment is as large as the log before it, from this size up to
/// [`SEGMENT_BYTES`].
pub const SMALL_SEGMENT_BYTES: u64 = 64 << 10;

/// A checkpoint is made when the closed segments hold this much, and at least as much as the last
/// checkpoint (so that writing checkpoints never costs more than writing the write-ahead log).
pub const CHECKPOINT_BYTES: u64 = 16 << 20;

/// The longest record of the write-ahead log: a message of the longest text, its names, id and numbers.
pub const RECORD_BYTES: usize = TEXT_BYTES + 2_048;

/// A batch is closed when it holds this much, so that the first in it is not kept waiting.
pub const BATCH_BYTES: usize = 1 << 20;

// The client.

/// After a lost connection the client waits this long, then twice as long, up to the most: short
/// for a server that was restarted, long for one that is away.
pub const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);
pub const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// How long a conversation is held after `RATE`, `QUOTA` or `FULL`, at first. `RATE` is never below
/// 50 a second, so a quarter of a second is room for a dozen messages; it doubles up to MAX_RETRY_DELAY.
pub const MIN_HOLD_DELAY: Duration = Duration::from_millis(250);

/// An idle SEND connection is closed after this: well below the shortest `serve --timeout`, and
/// long enough that a person who types line after line logs in once.
pub const SEND_IDLE: Duration = Duration::from_secs(2);

/// How many seconds the client lets a poll wait: right with every `serve --timeout` (5 and more),
/// and a dead connection is noticed soon.
pub const POLL_WAIT_SECONDS: u64 = 4;

/// Events that wait for the client's main thread. Full, it holds the receiver, and so the server.
pub const CLIENT_EVENTS: usize = 256;

/// Messages that wait in an outbox. What is typed beyond it is refused, and said so.
pub const OUTBOX_MESSAGES: usize = 10_000;

/// Piped input is read ahead of the server's answers by this many messages at most.
pub const PIPE_AHEAD: usize = 64;

/// The outbox's file is written anew when it holds this many settled messages, and more of them
/// than waiting ones.
pub const OUTBOX_SETTLED: usize = 1_000;

/// Ports for direct chats: the first free one is taken (protocol, section 8).
pub const DIRECT_PORTS: std::ops::RangeInclusive<u16> = 9_000..=9_099;

/// How long a token lets its caller in (protocol, section 8), and how many are remembered.
pub const TOKEN_LIFE: Duration = Duration::from_secs(30);
pub const TOKENS: usize = 64;

/// Callers at the door at once, who have not yet shown a token. Each is a thread.
pub const CALLERS: usize = 8;

/// Lines that wait to be written in a direct chat.
pub const DIRECT_LINES: usize = 64;

/// Rows of each conversation that the client keeps in memory: what `/history` can show. The file
/// holds all of them.
pub const CONVERSATION_ROWS: usize = 1_000;
/// What the client holds back while a room is being joined. More is shown, in the order in which it came.
pub const HELD_EVENTS: usize = 10_000;
/// What the client fetches of the gaps that one poll brings, each message counted as its text and this much:
/// about thirty thousand short ones. The rest stays with the server.
pub const GAP_BYTES: usize = 8 << 20;
pub const GAP_MESSAGE_BYTES: usize = 256;

/// Rows that `/history` shows if nobody says how many.
pub const CONVERSATION_SHOWN: usize = 20;

/// Pipes of one user that may run at once, beside the person's client. Each has a directory.
pub const CLIENT_PIPES: usize = 8;

/// Questions (`/users`, `/status`) that wait for their answer.
pub const CLIENT_QUESTIONS: usize = 16;

/// `/whois` asks for the members of so many of my rooms, each with a question of its own.
pub const WHOIS_ROOMS: usize = 32;

/// `/search` shows so many, the newest: a screen or two.
pub const FOUND: usize = 50;

/// Records of a list reply that the client reads: more users than a server of this kind will have.
pub const LIST_RECORDS: usize = 1_000_000;

/// How long piped input waits without any progress before it leaves the rest in the outbox: a
/// server that is restarted comes back within it.
pub const PIPE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long `/quit` waits for what is still on its way.
pub const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A line at the keyboard: the longest message, and the command before it.
pub const TYPED_BYTES: usize = LINE_BYTES;

/// A tick repeats this much of its message, in characters.
pub const SNIPPET_CHARS: usize = 40;

// The commands for scripts.

/// How long `send` waits for what it was asked to wait for, if nobody says; and at most: a day.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(30);
pub const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// `send --wait`: the first STATUS comes so long after the last answer, then twice as long, up to
/// the most. The most is less than an idle connection is kept (SEND_IDLE): one login is enough.
pub const MIN_STATUS_DELAY: Duration = Duration::from_millis(50);
pub const MAX_STATUS_DELAY: Duration = Duration::from_millis(1_600);

// The bridge.

/// Longest text of a Telegram message, in UTF-16 code units (Bot API, sendMessage: "1-4096 characters").
pub const TELEGRAM_TEXT: usize = 4_096;

/// How many seconds Telegram lets a question for updates wait.
pub const TELEGRAM_POLL_SECONDS: u64 = 30;

/// How long Telegram has to answer, beyond what it was asked to wait.
pub const TELEGRAM_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest answer of Telegram that is read: a hundred updates, each with what it replies to.
pub const TELEGRAM_ANSWER_BYTES: u64 = 32 << 20;

/// Of what was said in the room while the bridge was away, it carries what is among the room's
/// newest messages, this many: Telegram takes about twenty a minute.
pub const BRIDGE_CATCH_UP: usize = 100;

/// Other chats that the log names: a bot can be put into any number of them.
pub const BRIDGE_CHATS: usize = 100;
