//! The callers that the server has announced, and those that have called before their announcement came.

use std::time::Instant;

use crate::limits;
use crate::model::{Token, UserName};

/// A caller, its token, and the time of the announcement.
type Announcement = (UserName, Token, Instant);

/// A connection whose caller has shown a token that was not announced yet.
type Call = (u64, UserName, Token, Instant);

/// The tokens that admit a caller. Each serves once, within [`limits::TOKEN_LIFE`].
#[derive(Default)]
pub struct Tokens {
    announced: Vec<Announcement>,
    calls: Vec<Call>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        UserName::new(name).unwrap()
    }

    #[test]
    fn a_token_is_for_one_caller_and_serves_once() {
        let (token, other, now) = (Token::random().unwrap(), Token::random().unwrap(), Instant::now());
        let mut tokens = Tokens::default();
        assert_eq!(tokens.announce(&user("ana"), &token, now), None);
        assert_eq!(tokens.redeem(1, user("luis"), token.clone(), now), None);
        assert_eq!(tokens.redeem(2, user("ana"), other, now), None);
        assert_eq!(tokens.redeem(3, user("ANA"), token.clone(), now).unwrap().shown(), "ana");
        assert_eq!(tokens.redeem(4, user("ana"), token, now), None);
    }

    #[test]
    fn an_announcement_lives_as_long_as_the_protocol_says() {
        let (token, now) = (Token::random().unwrap(), Instant::now());
        let mut tokens = Tokens::default();
        tokens.announce(&user("ana"), &token, now);
        assert_eq!(tokens.redeem(1, user("ana"), token, now + limits::TOKEN_LIFE), None);
    }

    #[test]
    fn a_caller_who_is_faster_than_the_announcement_is_admitted_by_it() {
        let (token, now) = (Token::random().unwrap(), Instant::now());
        let mut tokens = Tokens::default();
        assert_eq!(tokens.redeem(7, user("ana"), token.clone(), now), None);
        assert_eq!(tokens.announce(&user("ana"), &token, now + limits::TIMEOUT / 2), Some(7));
        assert_eq!(tokens.announce(&user("ana"), &token, now + limits::TIMEOUT / 2), None);
    }
}
