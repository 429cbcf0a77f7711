//! The live state: sessions, polls and rate limits. A restart ends all of it; no record or checkpoint holds any.

mod presence;
mod rate_limit;

pub(super) use presence::{Presence, WaitingPoll};
pub(super) use rate_limit::RateLimits;
