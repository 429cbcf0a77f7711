//! The defects: what each is, which promise it breaks, and which suite has to find it.

/// The environment variable that chooses one.
pub const VARIABLE: &str = "WACHAT_PLANTED_BUG";

pub struct Bug {
    pub name: &'static str,
    /// The number of the promise that it breaks (they are on the first page of the documentation).
    pub promise: u8,
    /// The suite that has to find it.
    pub suite: Suite,
    /// What that suite has to say: one of these, separated by `|`.
    pub says: &'static str,
    pub what: &'static str,
}

/// Tests of one executable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    pub target: &'static str,
    /// A part of the names of those that are run.
    pub filter: &'static str,
}

const fn suite(target: &'static str, filter: &'static str) -> Suite {
    Suite { target, filter }
}

const CLIENT_POWER: Suite = suite("client", "power::");
const CRASHES: Suite = suite("durability", "crashes::");
const DAMAGE: Suite = suite("durability", "damage::");
const KILL: Suite = suite("durability", "kill::");
const LOCK: Suite = suite("server", "a_data_directory_that_another_server_has");
const MODEL: Suite = suite("server", "core_answers_as_the_model_does");
const QUOTA: Suite = suite("protocol", "quota_refuses_what_a_queue_does_not_hold_and_takes_it_when_there_is_room");
const STATUS: Suite = suite("protocol", "status_follows_a_message_and_is_for_its_sender_only");

/// What is answered OK and is not durable is gone, or its number is given to something else, or the files do
/// not fit together.
const LOST: &str = "does not start|promise 1|promise 2|promise 3|promise 6";

const fn bug(name: &'static str, promise: u8, suite: Suite, says: &'static str, what: &'static str) -> Bug {
    Bug { name, promise, suite, says, what }
}

pub const BUGS: &[Bug] = &[
    // Syncs.
    bug("no-sync", 1, CRASHES, LOST, "a sync of a file does nothing"),
    bug("ok-before-sync", 1, CRASHES, LOST, "a sync says that it is done, and is done at the next call of the disk"),
    bug("no-directory-sync", 1, CRASHES, LOST, "a sync of a directory does nothing"),
    bug("no-sync-of-segment-names", 1, CRASHES, LOST, "the name of a new segment is not synced"),
    bug("no-sync-of-new-segments", 1, CRASHES, LOST, "a new segment is put in its place before it is synced"),
    bug(
        "no-sync-of-checkpoint-tables",
        1,
        CRASHES,
        LOST,
        "a checkpoint is put in its place before its tables are synced",
    ),
    bug(
        "no-sync-of-history",
        3,
        CRASHES,
        "there should be a row|the file has|promise 3|entity not found|does not start",
        "a checkpoint lets go of rows whose history file is not synced",
    ),
    bug(
        "no-sync-of-what-recovery-read",
        1,
        CRASHES,
        LOST,
        "what a start has read of the write-ahead log may be in the cache only, and is not synced",
    ),
    // Recovery and checkpoints.
    bug("lock-skipped", 1, LOCK, "it was expected to end, and runs", "two servers may have one directory"),
    bug(
        "checkpoint-removed-before-its-successor",
        1,
        CRASHES,
        "does not start",
        "the old checkpoint is removed before the new one has its name",
    ),
    bug("sync-retried-after-failure", 1, CRASHES, LOST, "a sync that has failed is tried again"),
    bug(
        "ids-lost-in-a-checkpoint",
        2,
        CRASHES,
        "promise 2|promise 3|promise 6",
        "a restart forgets under which ids messages came",
    ),
    bug("numbers-given-twice-after-a-restart", 2, CRASHES, LOST, "a restart forgets the last number that was given"),
    bug("states-lost-in-a-checkpoint", 4, CRASHES, "promise 4", "a restart forgets the STATEs that wait"),
    bug(
        "read-marks-lost-in-a-checkpoint",
        4,
        CRASHES,
        "promise 4|the last number should be",
        "a restart forgets how far everybody has read",
    ),
    bug(
        "acknowledgements-lost-in-a-checkpoint",
        4,
        STATUS,
        "nor with a checkpoint",
        "a restart forgets how far everybody has acknowledged",
    ),
    bug("members-lost-in-a-checkpoint", 1, CRASHES, LOST, "a restart forgets who is in which room"),
    bug("room-logs-lost-in-a-checkpoint", 1, CRASHES, LOST, "a restart forgets what members have yet to be given"),
    bug(
        "torn-batch-left-in-the-write-ahead log",
        8,
        DAMAGE,
        "a_torn_last_batch_is_set_aside_and_said_so",
        "a torn batch is set aside, and not cut off",
    ),
    bug(
        "checksum-ignored",
        8,
        DAMAGE,
        "a_torn_last_batch_is_set_aside_and_said_so",
        "a batch is whole if its mark is where it should be",
    ),
    bug(
        "truncation-in-the-middle-accepted",
        8,
        DAMAGE,
        "a_broken_batch_with_a_whole_one_after_it_is_no_torn_batch",
        "a broken batch with whole ones after it passes for a torn one",
    ),
    // What leaves, and when.
    bug(
        "deduplication-before-commit",
        1,
        CRASHES,
        "promise 1|promise 6",
        "a retry is answered before what it repeats is durable",
    ),
    bug("commit-retried-after-failure", 1, CRASHES, LOST, "a batch whose write or sync has failed is written again"),
    bug(
        "let-go-before-the-acknowledgement",
        1,
        MODEL,
        "core_answers_as_the_model_does",
        "an event is let go when it was sent",
    ),
    bug("retry-not-known", 2, KILL, "promise 2|promise 3|promise 6", "a retry is stored as another message"),
    bug(
        "states-not-merged-upwards",
        4,
        CRASHES,
        "promise 4",
        "a STATE that takes the place of one that waits goes no further than that one",
    ),
    bug("refused-and-kept", 5, CRASHES, "promise 5", "a message is answered KO, and delivered all the same"),
    bug(
        "delivered-before-commit",
        6,
        CRASHES,
        "promise 1|promise 2|promise 3|promise 6",
        "events leave as soon as the oldest one that waits is durable",
    ),
    bug("quota-not-counted", 7, QUOTA, "KO;QUOTA", "one sender may fill anybody's queue"),
    // The client.
    bug(
        "queued-before-the-outbox-is-synced",
        1,
        CLIENT_POWER,
        "is in 0 of outbox, sent and failed",
        "a message is called queued before it is durable",
    ),
    bug(
        "acknowledged-before-the-history-is-synced",
        1,
        CLIENT_POWER,
        "and holds|Damaged",
        "what came is acknowledged before it is durable",
    ),
    bug(
        "no-sync-of-what-the-client-read",
        1,
        CLIENT_POWER,
        "is in 0 of outbox, sent and failed|and holds",
        "what a start has read may be in the cache only, and is not synced",
    ),
    bug(
        "outbox-forgotten-at-the-start",
        1,
        CLIENT_POWER,
        "is in 0 of outbox, sent and failed",
        "a start forgets what waits",
    ),
    bug(
        "id-drawn-anew-on-resend",
        2,
        CLIENT_POWER,
        "is in 0 of outbox, sent and failed|in another order than typed",
        "a message is sent again under another id",
    ),
    bug(
        "outbox-reordered",
        3,
        CLIENT_POWER,
        "in another order than typed",
        "the newest message to somebody goes first",
    ),
    bug("torn-batch-left-in-the-outbox", 8, CLIENT_POWER, "Damaged", "a torn batch is set aside, and not cut off"),
];
