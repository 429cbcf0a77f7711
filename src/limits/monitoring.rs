//! The limits of the audit log and of the metrics port.

use std::time::Duration;

// The audit log.

/// Period in which the lines of the audit log about one address or user are counted and limited.
pub const AUDIT_PERIOD: Duration = Duration::from_secs(60);
/// Most lines about failed logins from one address for one reason in that period: a guard such as fail2ban bans after
/// as many or fewer.
pub const AUDIT_FAILED_LOGINS: u32 = 10;
/// Most lines about refusals of one user under one code, and about refused connections of one address.
pub const AUDIT_REFUSALS: u32 = 1;
/// Most addresses or users that are counted at a time, for each kind of limited lines. Beyond them events are counted
/// together and have one line in each period.
pub const AUDIT_KEYS: usize = 1_000;
/// Most characters of a text in a line of the audit log; a longer one is cut.
pub const AUDIT_TEXT_CHARS: usize = 200;

// The metrics port.

/// Longest HTTP request in bytes, its head and everything.
pub const HTTP_REQUEST_BYTES: usize = 4_096;
/// Most header fields of such a request.
pub const HTTP_HEADERS: usize = 32;
/// Most requests that are served at once, each on a thread. For one more the oldest is cut off.
pub const HTTP_CONNECTIONS: usize = 8;
/// Time in which a request has to be complete, and then its answer be taken.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(1);
/// Time in which the router has to answer `/healthz`.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
