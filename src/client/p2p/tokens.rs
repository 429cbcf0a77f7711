//! The callers that the server has announced, and those that have called before their announcement came.

use std::time::Instant;

use crate::limits;
use crate::model::{Token, UserName};

/// The tokens that admit a caller. Each serves once, within [`limits::TOKEN_LIFE`].
#[derive(Default)]
pub struct Tokens {
    announced: Vec<(UserName, Token, Instant)>,
    /// Connections whose caller has shown a token that was not announced yet.
    calls: Vec<(u64, UserName, Token, Instant)>,
}

impl Tokens {
    /// Notes that the server announces a caller. Of too many announcements the oldest goes. Returns the
    /// connection that waits for this one.
    pub fn announce(&mut self, caller: &UserName, token: &Token, now: Instant) -> Option<u64> {
        self.forget_old(now);
        if let Some(at) = self.calls.iter().position(|(_, who, what, _)| who == caller && what == token) {
            return Some(self.calls.remove(at).0);
        }
        if self.announced.len() >= limits::TOKENS {
            self.announced.remove(0);
        }
        self.announced.push((caller.clone(), token.clone(), now));
        None
    }

    /// Admits a caller with an announced token, and returns the name as the server writes it. A caller may be
    /// faster than its announcement: then the connection is remembered.
    pub fn redeem(&mut self, number: u64, caller: UserName, token: Token, now: Instant) -> Option<UserName> {
        self.forget_old(now);
        match self.announced.iter().position(|(who, what, _)| *who == caller && *what == token) {
            Some(at) => Some(self.announced.remove(at).0),
            None => {
                self.calls.push((number, caller, token, now));
                None
            }
        }
    }

    fn forget_old(&mut self, now: Instant) {
        self.announced.retain(|(.., at)| now.duration_since(*at) < limits::TOKEN_LIFE);
        // The thread of a caller waits no longer than that.
        self.calls.retain(|(.., at)| now.duration_since(*at) < limits::TIMEOUT);
    }
}
